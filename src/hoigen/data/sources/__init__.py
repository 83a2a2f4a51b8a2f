"""What goes in: folders, globs, lists and manifests, one row at a time; the list is never held.

folders    folders, globs, single videos      rows    a row of a manifest -> Sources
manifests  CSV, TSV, JSONL, JSON, Parquet          source  one row of the input
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from hoigen.core import uris
from hoigen.core.errors import UsageError, shown
from hoigen.data.sources import folders, manifests
from hoigen.data.sources.source import ALLOWED, BadRows, Say, absolute
from hoigen.data.sources.source import Source as Source

LONGEST_PATH = 4096
"""Bytes; no file system takes more."""


def say_on_stderr(text: str) -> None:
    """Prints a sentence where it does not mix with a table that goes to stdout.

    Args:
        text: the sentence.
    """
    print(text, file=sys.stderr)


def read_sources(
    videos: str | Path | Sequence[str | Path],
    *,
    stdin: TextIO | None = None,
    say: Say = say_on_stderr,
    bad_rows: BadRows = "stop",
) -> Iterator[Source]:
    """Rows of a folder, a glob, a video, a manifest, `-` (a list on stdin), or of several of these, in order.

    What stands beside videos in a folder and is no video by its suffix stays out. A file that is named as such goes in
    whatever it is: when it is no video, it is a failed row later.

    Args:
        videos: one of these, or a list of them. A video in a list that is not there is a failed row later.
        stdin: where `-` reads from; the process's own when not given.
        say: called with how many files of a folder stay out, and what else somebody may have meant otherwise.
        bad_rows: rows of a manifest that cannot be read end the reading at the end of that manifest, all of them named
            (`stop`), or are Sources of their own that fail with the reason, in their place among the others (`fail`).

    Raises UsageError that names the file, the rows and the keys.
    """
    if isinstance(videos, str | Path):
        return _read(str(videos), stdin, say, bad_rows)
    if not isinstance(videos, Sequence):
        raise UsageError(f"videos: {ALLOWED}; it came as {videos!r}")
    return _read_several(videos, stdin, say, bad_rows)


def _read(text: str, stdin: TextIO | None, say: Say, bad_rows: BadRows) -> Iterator[Source]:
    if not text.strip():
        raise UsageError(f"videos: {ALLOWED}; it came as an empty text")
    if text == "-":
        return _from_lines(sys.stdin if stdin is None else stdin)
    if "\0" in text or len(os.fsencode(text)) > LONGEST_PATH:
        raise UsageError(f"videos: {ALLOWED}; it came as {shown(text)}")
    if (wrong := uris.fault(text)) is not None:
        raise UsageError(f"videos: {shown(uris.masked(text))}: {wrong}")
    if manifests.kind_of(text) and not folders.is_glob(text) and not Path(text).is_dir():
        return manifests.read(text, bad_rows, say=say)
    return folders.read(text, say)


def _read_several(items: Sequence[str | Path], stdin: TextIO | None, say: Say, bad_rows: BadRows) -> Iterator[Source]:
    for item in items:
        if not isinstance(item, str | Path):
            raise UsageError(f"videos: a list holds paths; one came as {item!r}")
        text = str(item)
        if "\0" in text:
            raise UsageError(f"videos: {ALLOWED}; it came as {shown(text)}")
        several = text in ("", "-") or manifests.kind_of(text) or folders.is_glob(text) or Path(text).is_dir()
        yield from _read(text, stdin, say, bad_rows) if several or "://" in text else iter([Source(absolute(text))])


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
                    raise UsageError(f"the list on stdin, path {count}: {shown(uris.masked(text))}: {wrong}")
                yield Source(absolute(text))
    except UnicodeDecodeError as error:
        raise UsageError(f"the list on stdin is not UTF-8 text: {error.reason} after {count} paths") from None
    if not count:
        raise UsageError("the list on stdin holds no path: one path or URI a line, # starts a comment")
