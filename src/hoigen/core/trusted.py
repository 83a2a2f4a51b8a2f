"""Which files of the user's own may be run as Python: those that were asked for, by their content.

A recipe or a run.yaml may name such files (`measures: [./my.py]`), and both may come from somebody else. What a person
types, `--trust FILE` or the file as an argument, is asking; what stands in a file that was read is not. It is the
content that is trusted, never the name: another file in its place is asked about anew.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError

ENV = "HOIGEN_TRUSTED"
"""The digests granted in this process. An environment variable, since worker processes must run what their parent may,
and inherit it; whoever can set the variables of a process can run code in it anyway."""
SUFFIX = ".py"
SHOWN = 12
"""Digits of a digest that are shown."""


def trust(file: str | Path) -> str:
    """Lets hoigen run a file of the user's as Python, in this process and whenever it has this content again.

    Args:
        file: its path.

    Returns its sha256. Raises UsageError when it is no file.
    """
    digest = grant(file)
    path = Path(file).expanduser().resolve()
    if digest in _remembered():
        return digest
    listed = list_file()
    name = f"{shown(path)} (sha256 {digest[:SHOWN]})"
    line = f"{digest} {datetime.date.today().isoformat()} {shown(path)}\n"
    try:
        if listed is None:
            raise OSError(0, "there is no home folder")
        listed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _append(listed, line)
    except OSError as error:  # what is left is the grant of this process
        print(f"{name} may run this time; {listed} cannot be written: {error.strerror or error}", file=sys.stderr)
    else:
        print(f"{name} may run from now on, as long as it does not change; noted in {listed}", file=sys.stderr)
    return digest


def grant(file: str | Path) -> str:
    """Lets this process, and the workers that it starts, run `file` as it is now; returns its sha256."""
    digest = hashlib.sha256(source_of(Path(file).expanduser())).hexdigest()
    if digest not in (granted := _granted()):
        os.environ[ENV] = ",".join((*granted, digest))
    return digest


def source_of(path: Path) -> bytes:
    """The bytes of the file at `path`, which is to be run. Raises UsageError when there is none."""
    try:
        if path.is_file():
            return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown(path)} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    raise UsageError(f"no such file: {shown(path)}")


def read(path: Path) -> bytes:
    """The bytes of the user's own file at `path`, to be run. Raises UsageError when nobody asked for them."""
    source = source_of(path)
    digest = hashlib.sha256(source).hexdigest()
    if not _allowed(digest):
        raise _refusal([(path, digest)], "a recipe")
    return source


def check(recipe: Any, where: str | Path, beside: Path | None = None) -> None:
    """Raises one UsageError that names every file in a recipe that nobody asked to be run.

    Args:
        recipe: the recipe, or a part of it.
        where: the file that holds it.
        beside: its folder, where files of measures are looked for first.
    """
    asked = []
    for path in files_in(recipe, beside):
        digest = hashlib.sha256(source_of(path)).hexdigest()
        if not _allowed(digest):
            asked.append((path, digest))
    if asked:
        raise _refusal(asked, str(where))


def settle(recipe: Mapping[str, Any], beside: Path | None, given: Sequence[str | Path] | None) -> None:
    """Grants what a call from Python asks for.

    Args:
        recipe: its arguments; the files that they name are granted where `given` is None.
        beside: the folder where files of measures are looked for first.
        given: when not None, the files that are granted, and no others.
    """
    for path in files_in(recipe, beside) if given is None else given:
        grant(path)


def own_file(name: str, beside: Path | None) -> Path:
    """The user's own file by that name.

    Args:
        name: as a recipe has it.
        beside: the recipe's folder, where it is looked for first; else where hoigen is called from.
    """
    near = (beside or Path()) / name
    try:
        return near.resolve() if near.exists() or not Path(name).exists() else Path(name).resolve()
    except (OSError, ValueError):  # too long, or with a zero byte
        raise UsageError(f"no such measure file: {name[:80]!r}") from None


def files_in(value: Any, beside: Path | None = None) -> list[Path]:
    """The user's own files that a recipe names: in values, in keys, at any depth.

    Args:
        value: the recipe, or a part of it.
        beside: as of `own_file`.
    """
    found: dict[Path, None] = {}
    for name in _names(value, set()):
        with contextlib.suppress(OSError, UsageError):  # a text that cannot be a path
            if (path := own_file(name, beside)).is_file():
                found[path] = None
    return list(found)


def _names(value: Any, seen: set[int]) -> Iterator[str]:
    """seen: lists and mappings that were walked already; YAML may name one many times."""
    if isinstance(value, str | Path):
        if str(value).endswith(SUFFIX):
            yield str(value)
    elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
        seen.add(id(value))
        for item in value:
            yield from _names(item, seen)
            if isinstance(value, Mapping):
                yield from _names(value[item], seen)


def _granted() -> list[str]:
    return [digest for digest in os.environ.get(ENV, "").split(",") if digest]


def _allowed(digest: str) -> bool:
    return digest in _granted() or digest in _remembered()


def _refusal(asked: Iterable[tuple[Path, str]], where: str) -> UsageError:
    """One error for all files: what they are, and the words that let them run."""
    known = {path: date for date, path in _remembered().values()}
    files, options = [], []
    for path, digest in asked:
        before = known.get(shown(path))
        changed = f"; it has changed since it was trusted on {before}" if before else ""
        files.append(f"{shown(path)} (sha256 {digest[:SHOWN]}{changed})")
        options.append(f"--trust {shown(path)}")
    one = len(files) == 1
    count, them = ("a file", "it") if one else (f"{len(files)} files", "them")
    return UsageError(
        f"{where} names {count} that would be run as Python, which nobody has asked for: {', '.join(files)}. Read "
        f'{them} first; to let {them} run, add {" ".join(options)} (in Python: hoigen.trust("FILE"))'
    )


def shown(path: Path) -> str:
    """A `path` as it can be typed. Signs that would change what a terminal shows are written as such."""
    text = str(path)
    return shlex.quote(text) if text.isprintable() else ascii(text)


def list_file() -> Path | None:
    """Where it is remembered: in the user's own configuration; None where there is no home."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        home = Path(folder) if os.path.isabs(folder) else Path.home() / ".config"  # a relative one does not count
    except RuntimeError:
        return None
    if not os.path.isabs(folder) and os.environ.get("HOME") == "":
        return None
    return home / "hoigen" / "trusted"


def _remembered() -> dict[str, tuple[str, str]]:
    """sha256 -> (date, path as shown). Raises UsageError for a list that is damaged: nothing is guessed."""
    file = list_file()
    try:
        text = file.read_text(encoding="utf-8") if file is not None else ""
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(f"{file}, the list of trusted files, cannot be read: {why}. Mend or delete it") from None
    found = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        digest, date, path = (*line.split(" ", 2), "", "")[:3]
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef") or not path:
            raise UsageError(
                f"{file}, line {number}: a line is the sha256, the date and the path of a trusted file; delete the line"
            )
        found[digest] = (date, path)
    return found


def _append(file: Path, line: str) -> None:
    """Under a lock, by a new file in the place of the old one: two at once lose nothing, a kill leaves one of both."""
    import fcntl

    file = file.resolve()  # a list that is kept elsewhere (dotfiles) stays a link to there
    with (file.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        part = file.with_name(f".trusted.{os.getpid()}")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                out.write(before + line)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
