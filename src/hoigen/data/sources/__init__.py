"""What goes in: folders, globs, lists and manifests, one row at a time.

`read_sources` yields rows in order and never holds the list; `write_videos` streams them to Parquet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from hoigen import uris
from hoigen.clip import Seconds
from hoigen.errors import UsageError

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg"),
        *("mts", "mxf", "ogv", "ts", "vob", "webm", "wmv"),
    )
)
MANIFEST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
ALLOWED = (
    "a folder, a glob, a video, - for a list on stdin, or a manifest (.csv, .tsv, .jsonl, .parquet) with a column `uri`"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """One row of the input. No `start` and no `end` mean the whole video, whose shots may then be found."""

    uri: str
    start: Seconds | None = None
    end: Seconds | None = None
    caption: str | None = None
    source: str | None = None
    licence: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def say_on_stderr(text: str) -> None:
    """Tells the user what stays out; the table of a run may go to stdout."""
    print(text, file=sys.stderr)


def read_sources(
    videos: str | Path | Sequence[str | Path], *, stdin: TextIO | None = None, say: Say = say_on_stderr
) -> Iterator[Source]:
    """Rows of a folder, a glob, a video, a manifest, `-` (a list on stdin), or of several of these.

    What stands beside videos in a folder and is no video by its suffix stays out, and `say` is told how many files
    that were. A file that is named as such goes in whatever it is: when it is no video, it is a failed row later.
    Raises UsageError that names the file, the row and the key; for what a list holds, once that row is reached.
    """
    if isinstance(videos, str | Path):
        return _read(str(videos), stdin, say)
    if not isinstance(videos, Sequence):
        raise UsageError(f"videos: {ALLOWED}; it came as {videos!r}")
    return _read_several(videos, stdin, say)


def _read(text: str, stdin: TextIO | None, say: Say) -> Iterator[Source]:
    from hoigen.data.sources import folders, manifests

    if not text.strip():
        raise UsageError(f"videos: {ALLOWED}; it came as an empty text")
    if text == "-":
        return _from_lines(sys.stdin if stdin is None else stdin)
    if (wrong := uris.fault(text)) is not None:
        raise UsageError(f"videos: {shown(text)}: {wrong}")
    if manifests.kind_of(text) and not folders.is_glob(text) and not Path(text).is_dir():
        return manifests.read(text)
    return folders.read(text, say)


def _read_several(items: Sequence[str | Path], stdin: TextIO | None, say: Say) -> Iterator[Source]:
    """A list in a recipe may mix folders, globs and manifests with videos; a video that is not there fails later."""
    from hoigen.data.sources import folders, manifests

    for item in items:
        if not isinstance(item, str | Path):
            raise UsageError(f"videos: a list holds paths; one came as {item!r}")
        text = str(item)
        several = text in ("", "-") or manifests.kind_of(text) or folders.is_glob(text) or Path(text).is_dir()
        yield from _read(text, stdin, say) if several or "://" in text else iter([Source(absolute(text))])


def _from_lines(lines: Iterable[str]) -> Iterator[Source]:
    count = 0
    try:
        for line in lines:
            text = line.strip().removeprefix("\ufeff")
            if "\0" in text:
                raise UsageError(f"the list on stdin is no text: line {count + 1} holds a zero byte")
            if text and not text.startswith("#"):
                count += 1
                if (wrong := uris.fault(text)) is not None:
                    raise UsageError(f"the list on stdin, path {count}: {shown(text)}: {wrong}")
                yield Source(absolute(text))
    except UnicodeDecodeError as error:
        raise UsageError(f"the list on stdin is not UTF-8 text: {error.reason} after {count} paths") from None
    if not count:
        raise UsageError("the list on stdin holds no path: one path or URI a line, # starts a comment")


def absolute(uri: str) -> str:
    """A path as seen from any folder; URIs stay as they are."""
    return uri if "://" in uri else str(Path(uri).expanduser().absolute())


def write_videos(sources: Iterable[Source], path: Path, *, batch: int = 10_000) -> int:
    """Streams rows to Parquet, whole or not at all; how many there were."""
    from hoigen.data.sources.parquet import write

    return write(sources, path, batch)


def unreadable(path: str, error: Exception) -> UsageError:
    """A list that cannot be read, as the user's error."""
    return UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error or type(error).__name__}")


def shown(value: Any, limit: int = 80) -> str:
    """What came, for an error message: short, on one line."""
    text = repr(value) if not isinstance(value, bytes | bytearray) else f"{len(value)} bytes"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def not_text(name: str | Path, lines: Iterable[bytes]) -> str:
    """Which line of a file is not UTF-8: a decoder reads in blocks and cannot say.

    Args:
        name: of the file.
        lines: its lines, from the first on.
    """
    for number, line in enumerate(lines, start=1):
        if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            return f"{name} is UTF-16; save it as UTF-8"
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            bad = line[error.start : error.start + 1]
            return f"{name}, line {number}: not UTF-8 text (byte {bad!r} at {error.start + 1}); save it as UTF-8"
    return f"{name} is not UTF-8 text"
