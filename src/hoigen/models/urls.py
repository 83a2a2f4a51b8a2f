"""The published model files that VBench's dimensions need: where they come from, and how one gets them.

A file is fetched from its publisher on first use into `hoigen.models.wheels.home()/vbench`, or taken from where VBench,
CLIP or torch.hub have put it.
"""

from __future__ import annotations

import os
import shutil
import sys
import urllib.request
from pathlib import Path

from hoigen.errors import UsageError, WeightsError, nearest
from hoigen.models import tensors as tensorfiles
from hoigen.models import wheels as weights
from hoigen.models.published import CHECKPOINTS, Checkpoint
from hoigen.models.tensors import Found, digest, own_file

TIMEOUT = 60


def describe(name: str) -> Checkpoint:
    if name not in CHECKPOINTS:
        raise UsageError(f"unknown checkpoint {name!r}{nearest(name, CHECKPOINTS)}")
    return CHECKPOINTS[name]


def identity(name: str, own: str = "") -> str:
    """What pins the content of a published file, or of the file `own`; never the place where it lies."""
    if own:
        return f"local:{digest(own_file(own))[:16]}"
    known = describe(name)
    return f"{known.file}:{known.sha256[:16]}" if known.sha256 else known.file


def notice(name: str, own: str = "") -> str:
    """A sentence on the licence when one has to know it before use; else empty."""
    known = describe(name)
    return "" if own or known.free else f"{known.file}: licence {known.licence}. {known.note}"


def locate(name: str, own: str = "") -> Found:
    """The file on this machine, fetched on first use. Raises WeightsError that says from where and to where."""
    if own:
        return tensorfiles.own(own)
    known = describe(name)
    path = present(name) or _fetched(known)
    found = Found(known.file, path, digest(path), known.licence)
    if not found.sha256.startswith(known.sha256):
        raise WeightsError(
            f"{path} is not the published {known.file}: its sha256 is {found.sha256}, {known.sha256} was expected. "
            f"Delete it, or fetch it again from {known.url}"
        )
    return found


def present(name: str) -> Path | None:
    """Where a published file lies on this machine, if it does; what is in it is not looked at."""
    return next((place for place in _places(describe(name)) if place.is_file()), None)


def home(name: str) -> Path:
    """Where a published file belongs."""
    return _places(describe(name))[0]


def _places(known: Checkpoint) -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser()
    vbench = os.environ.get("VBENCH_CACHE_DIR")
    places = [weights.home() / "vbench"]
    for folder in known.elsewhere:
        moved = Path(vbench) / folder.removeprefix("vbench/") if vbench and folder.startswith("vbench/") else None
        places.append(moved or cache / folder)
    return [place / known.file for place in places]


def _fetched(known: Checkpoint) -> Path:
    path = weights.home() / "vbench" / known.file
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    size = f", about {known.mib:g} MiB" if known.mib else ""
    print(f"hoigen: fetching {known.file}{size}, from {known.url}", file=sys.stderr)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(known.url, timeout=TIMEOUT) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        if known.sha256 and not digest(part).startswith(known.sha256):
            raise WeightsError(f"{known.url} gave another file than the published one ({known.sha256})")
        part.replace(path)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{known.file} ({known.origin}) is not on this machine, and {known.url} cannot be had "
            f"({str(error).strip('<>')}). Fetch it on a connected machine and put it at {path}, or "
            f"give a file of your own (`{known.setting}: /path/to/file`). `python -m hoigen.vbench` lists all that "
            "VBench's dimensions need"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return path
