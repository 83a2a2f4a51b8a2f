"""Folders, globs and single videos, here or on an object store."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from hoigen.core import uris
from hoigen.core.errors import PROGRAM_FAULTS, UsageError
from hoigen.data.sources.source import (
    ALLOWED,
    MANIFEST_SUFFIXES,
    PICTURE_SUFFIXES,
    VIDEO_SUFFIXES,
    Say,
    Source,
    absolute,
    unreadable,
)

LISTS = frozenset({".txt", ".list", ".lst", ".json", ".yaml", ".yml", ".xlsx", ".xls", ".ods", ".arrow", ".feather"})
"""Suffixes of what is surely no video but may be meant as a list of some."""
FRAMES = 8
"""So many pictures in one folder may be the frames of a video."""
ANIMATED = {
    ".webp": "an animated WebP, which FFmpeg does not read",
    ".avif": "an animated AVIF: named .mp4 it is read",
    ".heic": "an animated HEIC: named .mp4 it is read",
    ".png": "an animated PNG: named .apng it is read",
}
"""Suffixes of pictures, some of which move, and what is said of those."""
LOOKED = 100
"""So many PNGs of a folder are opened to see whether they move; where there are more, they are frames."""
SAID = 20
"""So many of what stays out are named one by one."""


def is_glob(text: str) -> bool:
    """Whether a text is a pattern and not the name of something that exists; an address of the web never is.

    Args:
        text: a path or an address.
    """
    if uris.is_web(text):
        return False
    if not any(sign in text for sign in "*?["):
        return False
    return "://" in text or not os.path.lexists(os.path.expanduser(text))


def read(text: str, say: Say) -> Iterator[Source]:
    """All videos of a folder (and those below it), of a glob, or the one video, in order of their path.

    Args:
        text: path or address of a folder or a video, or a pattern.
        say: called with how many files stay out.

    Raises UsageError when there is no video.
    """
    if "://" in text:
        return _read_remote(text, say)
    if is_glob(text):
        found = sorted(glob.glob(os.path.expanduser(text), recursive=True))
        if not found:
            raise UsageError(f"no file matches {text}")
        if "**" in text:
            found = [path for path in found if not os.path.isdir(path)]  # what they hold is matched already
        return _matched(found, text, say)
    path = Path(absolute(text))
    if os.path.isdir(path):  # False for a name that is too long, where Path.is_dir raises
        return _below(path, say)
    if not os.path.lexists(path):
        raise UsageError(f"no such folder, video or manifest: {text}. Allowed: {ALLOWED}")
    if path.suffix.lower() in LISTS:
        raise UsageError(
            f"{text} is no video and no manifest that can be read. A list of paths, one a line, comes in on stdin: "
            f"--videos - < {text}. A manifest is one of {', '.join(MANIFEST_SUFFIXES)}"
        )
    return iter([Source(str(path))])


def _is_video_name(name: str) -> bool:
    """By its suffix; hidden files are not, nor are the ones that macOS leaves beside each file (`._x.mp4`)."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


class _StaysOut:
    """Files that stay out: how many, and those that may have been meant, animations and folders of frames."""

    def __init__(self) -> None:
        self.count = 0
        self.pictures: Counter[str] = Counter()
        self.animated: list[str] = []

    def see(self, path: str) -> None:
        stem, suffix = os.path.splitext(path)
        if suffix == ".json":
            record = any(os.path.isfile(stem + made) for made in (".mp4", ".webm", ".mov", ".mkv"))
        else:
            record = os.path.basename(path).startswith(".lock-")
        if record:  # what `hoigen generate` leaves beside its videos: nobody has meant it for a video
            return
        self.count += 1
        suffix = suffix.lower()
        if suffix in PICTURE_SUFFIXES and not os.path.basename(path).startswith("."):
            self.pictures[os.path.dirname(path)] += 1
            few = suffix != ".png" or self.pictures[os.path.dirname(path)] <= LOOKED
            if suffix in ANIMATED and few and _moves(path):
                self.animated.append(path)

    def say(self, where: str, say: Say) -> None:
        meant = [f"{path}: {ANIMATED[os.path.splitext(path)[1].lower()]}" for path in self.animated]
        for folder, count in sorted(self.pictures.items()):
            if count >= FRAMES:
                meant.append(
                    f"{folder}: {count:,} pictures, not a video (ffmpeg -framerate 25 -i ... makes one of frames)"
                )
        for sentence in meant[:SAID]:
            say(f"stays out: {sentence}")
        if len(meant) > SAID:
            say(f"{len(meant) - SAID:,} more like these stay out")
        if self.count:
            files = f"{self.count:,} file{'s' if self.count > 1 else ''}"
            say(f"{files} in {where} stay out: hidden, or no video by suffix ({' '.join(sorted(VIDEO_SUFFIXES))})")


def _moves(path: str) -> bool:
    """Whether a picture is animated, by its header; False of one that cannot be looked at."""
    try:
        with open(path, "rb") as file:
            head = file.read(1024)
    except OSError:
        return False
    if head[:4] == b"RIFF":
        return head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)
    if head[4:8] == b"ftyp":  # brands of sequences: avis, msf1, hevc
        return any(brand in head[8 : int.from_bytes(head[:4])] for brand in (b"avis", b"msf1", b"hevc"))
    return head.startswith(b"\x89PNG") and b"acTL" in head.partition(b"IDAT")[0]


class _Walk:
    """Paths of the videos below a folder, by name, folders in their place among files; notes what stays out.

    Links to folders are followed, each folder once, so that a link to a folder above does not go round for ever.
    """

    def __init__(self, folder: str, out: _StaysOut) -> None:
        self.folder = folder
        self.out = out

    def __iter__(self) -> Iterator[str]:
        stack = [self._entries(self.folder)]
        top = os.stat(self.folder)
        seen = {(top.st_dev, top.st_ino)}
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif self._holds(entry.is_dir) and not entry.name.startswith("."):
                found = entry.stat()
                if (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    stack.append(self._entries(entry.path))
            # Pipes and sockets would be waited on for ever; a link that leads nowhere is a row that fails.
            elif _is_video_name(entry.name) and (self._holds(entry.is_file) or entry.is_symlink()):
                yield entry.path
            else:
                self.out.see(entry.path)

    @staticmethod
    def _holds(test: Callable[[], bool]) -> bool:
        """False also for a link that leads round in a circle."""
        try:
            return test()
        except OSError:
            return False

    @staticmethod
    def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return iter(sorted(entries, key=lambda entry: entry.name))
        except OSError as error:
            raise unreadable(folder, error) from None


def _below(folder: Path, say: Say) -> Iterator[Source]:
    out = _StaysOut()
    empty = True
    for path in _Walk(str(folder), out):
        empty = False
        yield Source(path)
    out.say(str(folder), say)
    if empty:
        others = f" ({out.count} other files are)" if out.count else ""
        raise UsageError(f"no videos in {folder}{others}; videos end in {' '.join(sorted(VIDEO_SUFFIXES))}")


def _matched(found: Iterable[str], pattern: str, say: Say) -> Iterator[Source]:
    named = os.path.splitext(pattern)[1]  # *.dat asks for these files; what they are shows when they are opened
    every = bool(named) and not any(sign in named for sign in "*?[")
    count, out = 0, _StaysOut()
    for path in map(os.path.abspath, found):
        if os.path.isdir(path):
            for inner in _Walk(path, out):
                count += 1
                yield Source(inner)
        elif every or _is_video_name(os.path.basename(path)):
            count += 1
            yield Source(path)
        else:
            out.see(path)
    out.say(pattern, say)
    if not count:
        raise UsageError(f"no videos match {pattern} ({out.count} other files do)")


def _read_remote(uri: str, say: Say) -> Iterator[Source]:
    if uris.is_web(uri) or (_is_video_name(PurePosixPath(uri).name) and not is_glob(uri)):
        return iter([Source(uri)])  # one video; whether it can be had shows when it is opened
    try:
        system, path = uris.store_of(uri)
    except Exception as error:  # a store that is given too little raises anything, TypeError too
        raise unreadable(uri, error) from None
    try:
        if is_glob(uri):
            paths = sorted(found for found in system.glob(path) if not system.isdir(found))
        elif system.isdir(path):
            paths = sorted(system.find(path))
        elif system.exists(path):
            return iter([Source(system.unstrip_protocol(path))])  # a file that is named as such
        else:
            raise UsageError(f"no such folder, video or manifest: {uri}. Allowed: {ALLOWED}")
    except UsageError:
        raise
    except PROGRAM_FAULTS:
        raise
    except Exception as error:  # each store has errors of its own
        raise unreadable(uri, error) from None
    videos = [found for found in paths if _is_video_name(PurePosixPath(found).name)]
    if not videos:
        others = f" ({len(paths)} other files are there)" if paths else ""
        raise UsageError(f"no videos at {uri}{others}; videos end in {' '.join(sorted(VIDEO_SUFFIXES))}")
    out, taken = _StaysOut(), set(videos)
    for found in paths:
        if found not in taken:
            out.see(found)
    out.say(uri, say)
    return (Source(system.unstrip_protocol(found)) for found in videos)
