"""What came first, of model files without a published digest and of revisions of the hub that may move.

A file in the user's own configuration keeps the sha256 of the first download, or the first commit of a revision; what
comes later must be the same. It is JSON, made to be read and mended by hand:

    {"files": {"dino_vitb16": {"sha256": "...", "noted": "2026-11-26", "from": "https://..."}},
     "revisions": {"owner/name@main": {"commit": "...", "noted": "2026-11-26"}}}
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from hoigen.core import trusted
from hoigen.core.errors import SetupError, UsageError, WeightsError

Kind = Literal["files", "revisions"]
PINS: Mapping[Kind, str] = {"files": "sha256", "revisions": "commit"}


def lock_file() -> Path | None:
    """Where it is noted: next to the list of trusted files; None where there is no home."""
    trusts = trusted.list_file()
    return None if trusts is None else trusts.with_name("models.lock.json")


def noted(kind: Kind, name: str) -> str:
    """The sha256 or commit that came first; empty when nothing has come. For `kind` and `name` see `entries`."""
    entry = _read()[kind].get(name)
    return str(entry[PINS[kind]]) if entry else ""


def entries(kind: Kind) -> Mapping[str, Mapping[str, str]]:
    """All that is noted of a `kind`: files by the ids of their cards, revisions by `owner/name@revision`."""
    return _read()[kind]


def hold_file(name: str, file: Path, sha256: str, came_from: str) -> None:
    """Notes a file's digest when it is the first to come.

    Args:
        name: id of its card.
        file: where it is.
        sha256: its digest.
        came_from: where it was fetched from.

    Raises WeightsError when another one came before.
    """
    if (before := noted("files", name) or _note("files", name, sha256, came_from)) != sha256:
        raise WeightsError(
            f"{file} is not the {name} that came first: its sha256 is {sha256}, and {before} was noted in "
            f"{lock_file()}; put that file back, or delete the entry {name!r} there to go on with this one, with which "
            "the scores measured so far were not made"
        )


def hold_revision(model: str, revision: str, commit: str) -> None:
    """Notes the `commit` of a `revision` of a `model` when it is the first. Raises SetupError when it stood for another
    one before."""
    name = f"{model}@{revision}"
    if (before := noted("revisions", name) or _note("revisions", name, commit, "")) != commit:
        raise SetupError(
            f"model {model!r}: revision {revision!r} is commit {commit} now, and {before} was noted in {lock_file()}; "
            f"set revision: {before} to stay with what was used so far, or delete the entry {name!r} there to go on "
            "with the new one"
        )


def _note(kind: Kind, name: str, pin: str, came_from: str) -> str:
    """Adds an entry, unless another process was first; the pin that holds. What cannot be written is printed.

    Under a lock, by a new file in the place of the old one: two at once lose nothing, a kill leaves one of both.
    """
    import fcntl

    file = lock_file()
    entry: Mapping[str, str] = {PINS[kind]: pin, "noted": datetime.date.today().isoformat()}
    try:
        if file is None:
            raise OSError(0, "there is no home folder")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole = file.resolve()
        with (whole.parent / ".models.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            everything = _read()
            entry = everything[kind].setdefault(name, {**entry, **({"from": came_from} if came_from else {})})
            part = whole.with_name(f".{whole.name}.{os.getpid()}")
            try:
                with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                    json.dump(everything, out, indent=1, sort_keys=True, ensure_ascii=False)
                    out.write("\n")
                part.replace(whole)
            finally:
                part.unlink(missing_ok=True)
        return str(entry[PINS[kind]])
    except OSError as error:
        where = file or "the lock file of models"
        _say(f"{where} cannot be written: {error.strerror or error}; another {name} than today's will not be noticed")
        return pin


def _read() -> dict[Kind, dict[str, Mapping[str, str]]]:
    """Raises UsageError for a file that is damaged: nothing is guessed."""
    file = lock_file()
    try:
        text = file.read_text(encoding="utf-8") if file is not None else ""
    except (FileNotFoundError, NotADirectoryError):
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(f"{file}, the lock file of models, cannot be read: {why}. Mend or delete it") from None
    found: Any = {}
    if text.strip():
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{file}, the lock file of models, is not JSON: {error}. Mend or delete it") from None
    whole: dict[Kind, dict[str, Mapping[str, str]]] = {"files": {}, "revisions": {}}
    for kind, key in PINS.items():
        part = found.get(kind, {}) if isinstance(found, dict) else None
        if not isinstance(part, dict):
            raise UsageError(f"{file}: an object with {' and '.join(PINS)}; mend or delete it")
        for name, entry in part.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str) or not entry[key]:
                raise UsageError(f"{file}: {kind}.{name}: an object with {key}, a text; it came as {entry!r}")
            whole[kind][name] = entry
    return whole


@functools.lru_cache(maxsize=64)
def _say(sentence: str) -> None:
    """Once a process."""
    print(f"hoigen: {sentence}", file=sys.stderr)
