"""The published model files that VBench's dimensions need: where they come from, and reading them as tensors.

A file is fetched from its publisher on first use into `hoigen.weights.home()/vbench`, or taken from where VBench,
CLIP or torch.hub have put it. Pickles are read as plain tensors only, never as code.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen import weights
from hoigen.errors import SetupError, UsageError, WeightsError, nearest
from hoigen.vbench import pickles
from hoigen.vbench.published import CHECKPOINTS, Checkpoint

TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Found:
    """A file on this machine. licence: empty for a file of one's own, of which nothing is known."""

    name: str
    path: Path
    sha256: str
    licence: str = ""

    @property
    def ledger(self) -> dict[str, str]:
        """What a result says of the weights behind it."""
        return {"name": self.name, "sha256": self.sha256, "licence": self.licence or "not known: a file of one's own"}


def describe(name: str) -> Checkpoint:
    if name not in CHECKPOINTS:
        raise UsageError(f"unknown checkpoint {name!r}{nearest(name, CHECKPOINTS)}")
    return CHECKPOINTS[name]


def identity(name: str, own: str = "") -> str:
    """What pins the content of a published file, or of the file `own`; never the place where it lies."""
    if own:
        return f"local:{_digest(own_file(own))[:16]}"
    known = describe(name)
    return f"{known.file}:{known.sha256[:16]}" if known.sha256 else known.file


def own_file(path: str) -> Path:
    """The file that a setting names. Raises UsageError when there is none."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise UsageError(f"checkpoint: no such file: {path}")
    return file.resolve()


def notice(name: str, own: str = "") -> str:
    """A sentence on the licence when one has to know it before use; else empty."""
    known = describe(name)
    return "" if own or known.free else f"{known.file}: licence {known.licence}. {known.note}"


def locate(name: str, own: str = "") -> Found:
    """The file on this machine, fetched on first use. Raises WeightsError that says from where and to where."""
    if own:
        path = own_file(own)
        return Found(path.name, path, _digest(path))
    known = describe(name)
    path = present(name) or _fetched(known)
    found = Found(known.file, path, _digest(path), known.licence)
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


def _digest(path: Path) -> str:
    return _digest_of(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_of(path: Path, changed: int) -> str:
    """The sha256 of a file as it was changed last."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetched(known: Checkpoint) -> Path:
    path = weights.home() / "vbench" / known.file
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(known.url, timeout=TIMEOUT) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        if known.sha256 and not _digest(part).startswith(known.sha256):
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


def tensors(found: Found, *inside: str) -> dict[str, Any]:
    """The tensors of a file by name: of a pickle, of a TorchScript archive (as CLIP is published), of safetensors, of
    numpy's .npz.

    inside: keys under which the tensors may lie within the file (`state_dict`, `model`, `params`).
    """
    import torch

    try:
        if found.path.suffix == ".safetensors":
            from safetensors.torch import load_file

            read: Any = load_file(str(found.path))
        elif found.path.suffix == ".npz":
            read = _arrays(found.path)
        elif _is_torchscript(found.path):
            read = torch.jit.load(str(found.path), map_location="cpu").state_dict()
        else:
            read = pickles.tensors_of(found.path)
    except Exception as error:
        why = " ".join(str(error).split())[:200]
        raise SetupError(f"{found.path} cannot be read as tensors: {type(error).__name__}: {why}") from None
    for key in inside:
        if isinstance(read, Mapping) and isinstance(read.get(key), Mapping):
            read = read[key]
    if not isinstance(read, Mapping) or not all(isinstance(each, torch.Tensor) for each in read.values()):
        raise SetupError(f"{found.path} holds no tensors by name")
    return {str(name).removeprefix("module."): tensor for name, tensor in read.items()}


def _arrays(path: Path) -> dict[str, Any]:
    import numpy as np
    import torch

    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(each) for name in file.files if (each := file[name]).dtype.kind == "f"}


def _is_torchscript(path: Path) -> bool:
    import zipfile

    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def filled(module: Any, state: Mapping[str, Any], found: Found) -> Any:
    """A module made on the `meta` device with these weights in float32, for answering only; no weight may be missing,
    be left over, or have another shape."""
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    lacking = sorted(set(wanted) - set(state))
    strange = sorted(set(state) - set(wanted))
    other = sorted(name for name in wanted if name in state and tuple(state[name].shape) != wanted[name])
    if lacking or strange or other:
        said = [
            f"{len(names)} {what} ({', '.join(names[:3])})"
            for what, names in (("lacking", lacking), ("left over", strange), ("of another shape", other))
            if names
        ]
        raise SetupError(f"{found.path} is not a checkpoint of {type(module).__name__}: {'; '.join(said)}")
    module.load_state_dict({name: state[name].float() for name in wanted}, strict=True, assign=True)
    return module.eval().requires_grad_(False)


def need(found: Found, state: Mapping[str, Any], *names: str) -> None:
    """Raises SetupError when tensors that tell a model's size are not there."""
    lacking = [name for name in names if name not in state]
    if lacking:
        raise SetupError(f"{found.path}: no {', '.join(lacking)} in it: it is a checkpoint of another model")
