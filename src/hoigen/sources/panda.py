"""Panda-70M's own CSV: one row a video, with lists of times, captions and scores, one entry a clip.

Source: snap-research/Panda-70M, dataset_dataloading/README.md: videoID, url, timestamp, caption, matching_score, and
in later releases desirable_filtering and shot_boundary_detection.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hoigen.errors import UsageError
from hoigen.sources import VIDEO_SUFFIXES, Source
from hoigen.sources.manifests import clock, located

LISTS = ("timestamp", "caption", "matching_score", "desirable_filtering", "shot_boundary_detection")


def is_panda(row: Mapping[str, Any]) -> bool:
    """Whether the columns are Panda-70M's."""
    return "videoID" in row and "timestamp" in row


def sources(row: Mapping[str, Any], where: str, folder: str) -> Iterator[Source]:
    """One Source per clip of the row."""
    lists = {name: _list(row[name], f"{where}: {name}") for name in LISTS if row.get(name)}
    spans = lists.pop("timestamp", [])
    for name, items in lists.items():
        if len(items) != len(spans):
            raise UsageError(f"{where}: {name} has {len(items)} entries, timestamp has {len(spans)}")
    uri = _uri(row, folder)
    for at, span in enumerate(spans):
        start, end = _span(span, f"{where}: timestamp[{at}]")
        meta = {name: items[at] for name, items in lists.items() if name != "caption"}
        meta |= {"videoID": row["videoID"]} | ({"url": row["url"]} if row.get("url") else {})
        caption = str(lists["caption"][at]) if "caption" in lists else None
        yield Source(uri, start, end, caption, "panda-70m", None, meta)


def _list(text: Any, where: str) -> list[Any]:
    try:
        found = ast.literal_eval(text) if isinstance(text, str) else text
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise UsageError(f"{where}: a list like ['a', 'b']; it came as {str(text)[:80]!r}")
    return found


def _span(span: Any, where: str) -> tuple[float, float]:
    times = [clock(item) if isinstance(item, str) else None for item in span] if isinstance(span, list) else []
    if len(times) != 2 or times[0] is None or times[1] is None:
        raise UsageError(f"{where}: two times like ['0:00:08.000', '0:00:10.500']; it came as {span!r}")
    if times[1] <= times[0]:
        raise UsageError(f"{where}: the end {span[1]} is not after the start {span[0]}")
    return times[0], times[1]


def _uri(row: Mapping[str, Any], folder: str) -> str:
    """The downloaded file: column `path`, else <videoID>.* beside the list or in videos/; else the address."""
    if row.get("path"):
        return located(str(row["path"]), folder)
    name = str(row["videoID"])
    for place in (Path(folder), Path(folder) / "videos"):
        for suffix in sorted(VIDEO_SUFFIXES):
            if folder and (place / (name + suffix)).is_file():
                return str(place / (name + suffix))
    return str(row.get("url") or located(name + ".mp4", folder))
