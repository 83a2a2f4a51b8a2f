"""Folders, globs and single videos, here or on an object store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from hoigen.errors import UsageError
from hoigen.sources import VIDEO_SUFFIXES, Source, unreadable


def is_glob(text: str) -> bool:
    """Whether it is a pattern and not the name of something that exists."""
    return any(sign in text for sign in "*?[") and not ("://" not in text and os.path.lexists(text))


def read(text: str) -> Iterator[Source]:
    """All videos of a folder (and those below it), of a glob, or the one video, sorted by path."""
    if "://" in text:
        return _read_remote(text)
    if is_glob(text):
        return _read_glob(text)
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise UsageError(
            f"no such folder, video or manifest: {text}. Allowed: a folder, a glob, a video, - for a list on stdin, "
            "or a .csv, .tsv, .jsonl or .parquet with a column `uri`"
        )
    return iter([Source(str(path))])


def _read_glob(pattern: str) -> Iterator[Source]:
    import glob

    found = sorted(glob.glob(os.path.expanduser(pattern), recursive=True))
    if not found:
        raise UsageError(f"no file matches {pattern}")
    return (Source(str(Path(path).absolute())) for path in found if not os.path.isdir(path))


def _read_folder(folder: Path) -> Iterator[Source]:
    def refuse(error: OSError) -> None:
        raise unreadable(str(error.filename), error)

    ignored = 0
    for root, folders, names in os.walk(folder, onerror=refuse, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if path.suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield Source(str(path))
            else:
                ignored += 1
    if ignored:
        _say_ignored(ignored, str(folder))


def _say_ignored(count: int, where: str) -> None:
    suffixes = " ".join(sorted(VIDEO_SUFFIXES))
    print(f"{count} files in {where} are no videos by their suffix and stay out (videos: {suffixes})", file=sys.stderr)


def _read_remote(uri: str) -> Iterator[Source]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(uri)
        if is_glob(uri):
            paths = sorted(system.glob(path))
        elif system.isdir(path):
            paths = sorted(system.find(path))
        else:
            return iter([Source(uri)])
    except Exception as error:  # each store has errors of its own
        raise unreadable(uri, error) from None
    videos = [p for p in paths if os.path.splitext(p)[1].lower() in VIDEO_SUFFIXES]
    if not videos:
        raise UsageError(f"no videos at {uri}")
    if len(videos) < len(paths):
        _say_ignored(len(paths) - len(videos), uri)
    return (Source(system.unstrip_protocol(p)) for p in videos)
