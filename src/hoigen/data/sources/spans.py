"""Lists with several clips a row: Panda-70M's own CSV, and Open-Sora's after scene detection.

Panda-70M: one row a video, with Python lists of times, captions, scores and filter results, one entry a clip.
Open-Sora: `path` and a `timestamp` that is a list of (start, end).

Source: snap-research/Panda-70M, dataset_dataloading: videoID, url, timestamp, caption, matching_score, and in later
releases desirable_filtering and shot_boundary_detection; hpcaitech/Open-Sora 1.3, tools/scene_cut.
"""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hoigen.data.sources import VIDEO_SUFFIXES, Source, shown
from hoigen.data.sources.rows import Located, Place, Row, one, split, time_of
from hoigen.errors import UsageError

PANDA = ("videoID", "timestamp")
LISTS = ("caption", "matching_score", "desirable_filtering", "shot_boundary_detection")
FOLDERS = ("videos", "video", "clips", "download", "downloads")
LONGEST = 1 << 24
"""Characters of one cell: beyond, reading it as a list would take gigabytes. Panda-70M's longest has some 200,000."""


def has_spans(row: Row) -> bool:
    """Whether the row is one of several clips."""
    if "timestamp" not in row:
        return False
    times = row["timestamp"]
    return (
        "videoID" in row or isinstance(times, list | tuple) or (isinstance(times, str) and times.startswith(("[", "(")))
    )


def sources(row: Row, place: Place, located: Located, downloads: Downloads) -> Iterator[Source]:
    """One Source a clip. All of a row is checked before its first."""
    panda = "videoID" in row
    spans = [_span(span, f"timestamp[{at}]", place) for at, span in enumerate(_list(row, "timestamp", place))]
    lists = {name: _list(row, name, place) for name in LISTS if panda and row.get(name) not in (None, "")}
    for name, items in lists.items():
        if len(items) != len(spans):
            raise UsageError(f"{place}: {name} has {len(items)} entries, timestamp has {len(spans)}")
    rest = {name: value for name, value in row.items() if name != "timestamp" and name not in lists}
    fields, meta = split(rest)
    if panda:
        fields = _found(fields, meta, place, downloads)
    for at, (start, end) in enumerate(spans):
        entries = {name: items[at] for name, items in lists.items() if name != "caption"}
        captions = {"caption": ("caption", lists["caption"][at])} if "caption" in lists else {}
        times = {"start": ("timestamp", start), "end": ("timestamp", end)}
        yield one({**fields, **times, **captions}, {**meta, **entries}, place, located)


def _list(row: Row, name: str, place: Place) -> list[Any]:
    """A Python literal, parsed and never run."""
    text = row.get(name)
    found = text
    if isinstance(text, str):
        try:
            found = ast.literal_eval(text.strip()) if len(text) <= LONGEST else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, list | tuple):
        raise UsageError(f"{place}: {name} is a list like ['a', 'b']; it came as {shown(text)}")
    return list(found)


def _span(span: Any, name: str, place: Place) -> tuple[float, float]:
    times = [time_of(item) for item in span] if isinstance(span, list | tuple) else []
    if len(times) != 2 or times[0] is None or times[1] is None:
        raise UsageError(f"{place}: {name} is two times like ['0:00:08.000', '0:00:10.500']; it came as {shown(span)}")
    if times[1] <= times[0]:
        raise UsageError(f"{place}: {name}: the end {span[1]} is not after the start {span[0]}")
    return times[0], times[1]


def _found(
    fields: dict[str, tuple[str, Any]], meta: dict[str, Any], place: Place, downloads: Downloads
) -> dict[str, tuple[str, Any]]:
    """With the downloaded file as uri: a column of its own, else <videoID>.* beside the list or in videos/; else the
    address, which cannot be opened as a video: each of its clips then fails with that reason."""
    made = {"source": ("source", "panda-70m"), **fields}
    if "uri" in fields and fields["uri"][0].lower() != "url":
        return made
    name = str(meta["videoID"]) if "videoID" in meta else ""
    if not name or "/" in name or "\0" in name:
        raise UsageError(f"{place}: videoID is the name of a video; it came as {shown(name)}")
    found = downloads.find(name)
    if "uri" in fields and found is not None:
        meta["url"] = fields["uri"][1]
    if found is not None or "uri" not in fields:
        made["uri"] = ("videoID", found or f"{name}.mp4")
    return made


class Downloads:
    """The videos of a list, as they lie beside it. Looked at once: millions of rows would otherwise ask for each
    name that a file may have."""

    def __init__(self, path: str) -> None:
        self.path = path

    def find(self, name: str) -> str | None:
        """The file `name` with the suffix of a video; None when there is none."""
        for folder, suffixes in self._folders:
            for suffix in suffixes:
                if os.path.exists(video := os.path.join(folder, name + suffix)):
                    return video
        return None

    @functools.cached_property
    def _folders(self) -> list[tuple[str, list[str]]]:
        """Folders in which videos lie, and the suffixes that occur there."""
        if "://" in self.path:
            return []
        home = Path(self.path).expanduser().absolute().parent
        stem = Path(self.path).name.partition(".")[0]
        found = []
        for folder in dict.fromkeys((home, *(home / name for name in FOLDERS), home / stem)):
            if folder.is_dir():
                suffixes = {os.path.splitext(entry.name)[1] for entry in os.scandir(folder)}
                if videos := sorted(suffix for suffix in suffixes if suffix.lower() in VIDEO_SUFFIXES):
                    found.append((str(folder), videos))
        return found
