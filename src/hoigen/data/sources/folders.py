"""Folders, globs and single videos, here or on an object store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from hoigen import uris
from hoigen.data.sources import ALLOWED, MANIFEST_SUFFIXES, VIDEO_SUFFIXES, Say, Source, absolute, unreadable
from hoigen.errors import PROGRAM_FAULTS, UsageError

LISTS = frozenset({".txt", ".list", ".lst", ".json", ".yaml", ".yml", ".xlsx", ".xls", ".ods", ".arrow", ".feather"})
"""Suffixes of what is surely no video but may be meant as a list of some."""


def is_glob(text: str) -> bool:
    """Whether it is a pattern and not the name of something that exists. An address may hold ? and [] as they are."""
    if uris.is_web(text):
        return False
    return any(sign in text for sign in "*?[") and not ("://" not in text and os.path.lexists(os.path.expanduser(text)))


def read(text: str, say: Say) -> Iterator[Source]:
    """All videos of a folder (and those below it), of a glob, or the one video, in order of their path."""
    if "://" in text:
        return _read_remote(text, say)
    if is_glob(text):
        return _read_glob(text, say)
    path = Path(absolute(text))
    if path.is_dir():
        return _checked(_Walk(path), str(path), say)
    if not os.path.lexists(path):
        raise UsageError(f"no such folder, video or manifest: {text}. Allowed: {ALLOWED}")
    if path.suffix.lower() in LISTS:
        raise UsageError(
            f"{text} is no video and no manifest that can be read. A list of paths, one a line, comes in on stdin: "
            f"--videos - < {text}. A manifest is one of {', '.join(MANIFEST_SUFFIXES)}"
        )
    return iter([Source(str(path))])


def is_video_name(name: str) -> bool:
    """By its suffix; hidden files are not, nor are the ones that macOS leaves beside each file (`._x.mp4`)."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def _checked(paths: _Walk, where: str, say: Say) -> Iterator[Source]:
    """The videos; an error when there are none, and a word on what stayed out."""
    empty = True
    for path in paths:
        empty = False
        yield Source(path)
    if empty:
        beside = f" ({paths.ignored} other files are)" if paths.ignored else ""
        raise UsageError(f"no videos in {where}{beside}; videos end in {' '.join(sorted(VIDEO_SUFFIXES))}")
    _tell(paths.ignored, where, say)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False also for a link that leads round in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _tell(ignored: int, where: str, say: Say) -> None:
    if ignored:
        files = f"{ignored:,} file{'s' if ignored > 1 else ''}"
        say(f"{files} in {where} stay out: hidden, or no video by suffix ({' '.join(sorted(VIDEO_SUFFIXES))})")


class _Walk:
    """Paths of the videos below a folder, by name, folders in their place among files; counts what stays out.

    Links to folders are followed, each folder once, so that a link to a folder above does not go round for ever.
    """

    def __init__(self, folder: Path, *, ignored: int = 0) -> None:
        self.folder = folder
        self.ignored = ignored

    def __iter__(self) -> Iterator[str]:
        stack: list[Iterator[os.DirEntry[str]]] = [self._entries(str(self.folder))]
        seen = {self._identity(os.stat(self.folder))}
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif _is_folder(entry) and not entry.name.startswith("."):
                identity = self._identity(entry.stat())
                if identity not in seen:
                    seen.add(identity)
                    stack.append(self._entries(entry.path))
            # Pipes and sockets would be waited on for ever; a link that leads nowhere is a row that fails.
            elif is_video_name(entry.name) and (_is_file(entry) or entry.is_symlink()):
                yield entry.path
            else:
                self.ignored += 1

    @staticmethod
    def _identity(stat: os.stat_result) -> tuple[int, int]:
        return stat.st_dev, stat.st_ino

    @staticmethod
    def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return iter(sorted(entries, key=lambda entry: entry.name))
        except OSError as error:
            raise unreadable(folder, error) from None


def _read_glob(pattern: str, say: Say) -> Iterator[Source]:
    import glob

    found = sorted(glob.glob(os.path.expanduser(pattern), recursive=True))
    if not found:
        raise UsageError(f"no file matches {pattern}")
    if "**" in pattern:
        found = [path for path in found if not os.path.isdir(path)]  # what they hold is matched already
    return _matched(found, pattern, say)


def _matched(found: Iterable[str], pattern: str, say: Say) -> Iterator[Source]:
    named = os.path.splitext(pattern)[1]  # *.dat asks for these files; what they are shows when they are opened
    every = bool(named) and not any(sign in named for sign in "*?[")
    count = ignored = 0
    for path in map(os.path.abspath, found):
        if os.path.isdir(path):
            walk = _Walk(Path(path))
            for inner in walk:
                count += 1
                yield Source(inner)
            ignored += walk.ignored
        elif every or is_video_name(os.path.basename(path)):
            count += 1
            yield Source(path)
        else:
            ignored += 1
    if not count:
        raise UsageError(f"no videos match {pattern} ({ignored} other files do)")
    _tell(ignored, pattern, say)


def _read_remote(uri: str, say: Say) -> Iterator[Source]:
    if uris.is_web(uri) or (is_video_name(PurePosixPath(uri).name) and not is_glob(uri)):
        return iter([Source(uri)])  # one video; whether it can be had shows when it is opened
    system, paths, named = _listed(uri)
    videos = [path for path in paths if named or is_video_name(PurePosixPath(path).name)]
    if not videos:
        beside = f" ({len(paths)} other files are there)" if paths else ""
        raise UsageError(f"no videos at {uri}{beside}; videos end in {' '.join(sorted(VIDEO_SUFFIXES))}")
    _tell(len(paths) - len(videos), uri, say)
    return (Source(system.unstrip_protocol(path)) for path in videos)


def _listed(uri: str) -> tuple[Any, list[str], bool]:
    """The store, the paths of all files there, and whether it is one file that was named as such."""
    try:
        system, path = uris.store_of(uri)
    except Exception as error:  # a store that is given too little raises anything, TypeError too
        raise unreadable(uri, error) from None
    try:
        if is_glob(uri):
            return system, sorted(found for found in system.glob(path) if not system.isdir(found)), False
        if system.isdir(path):
            return system, sorted(system.find(path)), False
        if not system.exists(path):
            raise UsageError(f"no such folder, video or manifest: {uri}. Allowed: {ALLOWED}")
    except UsageError:
        raise
    except PROGRAM_FAULTS:
        raise
    except Exception as error:  # each store has errors of its own
        raise unreadable(uri, error) from None
    return system, [path], True
