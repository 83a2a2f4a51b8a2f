"""A row of a manifest -> Sources: which column is what, and what a value may be.

Most lists have one clip a row. Others have several: Panda-70M's own CSV (one row a video, with Python lists of times,
captions, scores and filter results, one entry a clip; Koala-36M's is like it with one pair of times), Open-Sora's after
scene detection (`path` and a `timestamp` that is a list of (start, end)), and data-juicer's (a list of videos that
share a text).

Source: snap-research/Panda-70M, dataset_dataloading: videoID, url, timestamp, caption, matching_score, and in later
releases desirable_filtering and shot_boundary_detection; hpcaitech/Open-Sora 1.3, tools/scene_cut.
"""

from __future__ import annotations

import ast
import datetime
import functools
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hoigen.core import uris
from hoigen.core.errors import UsageError, shown
from hoigen.data.sources.source import VIDEO_SUFFIXES, Source

Row = Mapping[str, Any]
Fields = Mapping[str, tuple[str, Any]]
"""Field of a Source -> the column that holds it, and its value."""
Located = Callable[[str], str]
"""A path as it stands in a list -> the path as it can be opened."""

NOTHING = ("nan", "NaN", "null")
"""Words of pandas and JSON for nothing, in a list that Python has written."""
ALIASES: Mapping[str, tuple[str, ...]] = {
    "uri": ("uri", "path", "file", "video", "video_path", "file_name", "video_file_name", "url"),
    "start": ("start", "start_time", "start_sec", "start_timestamp"),
    "end": ("end", "end_time", "end_sec", "end_timestamp"),
    "caption": ("caption", "text", "prompt"),
    "source": ("source",),
    "licence": ("licence", "license"),
}
"""Field -> the columns that may hold it; of several with a value the first wins and the others go to meta. Capitals do
not matter. Open-Sora's lists use `path` and `text`, Hugging Face's VideoFolder `file_name`."""
ABSENT = frozenset(("", "nan", "none", "null", "<na>", "n/a", "na", "#n/a"))
"""What stands in a list, as text, for a text that there is not: pandas and others write these."""
TEXTS = ("caption", "source", "licence")
"""The fields that may be such a text."""
FIELDS = {alias: (field, rank) for field, names in ALIASES.items() for rank, alias in enumerate(names)}
CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DATA_JUICER_TOKENS = ("<__dj__video>", "<|__dj__eoc|>")
PANDA = ("videoID", "timestamp")
PANDA_LISTS = ("caption", "matching_score", "desirable_filtering", "shot_boundary_detection")
FOLDERS = ("videos", "video", "clips", "download", "downloads")
LONGEST = 1 << 24
"""Characters of one cell: beyond, reading it as a list would take gigabytes. Panda-70M's longest has some 200,000."""


def sources_of(row: Row, place: str, located: Located, downloads: Downloads) -> Iterator[Source]:
    """The Sources of a row, one or more. All of a row of several clips is checked before its first.

    Args:
        row: column -> value.
        place: where the row stands, for errors (`list.csv, line 3`).
        located: makes a path of the list one that can be opened.
        downloads: the videos that lie beside the list.

    Raises UsageError naming the row, the key, what came and what is allowed.
    """
    times = row.get("timestamp")
    listed = isinstance(times, list | tuple) or (isinstance(times, str) and times.startswith(("[", "(")))
    if "timestamp" in row and ("videoID" in row or listed):
        yield from _of_spans(row, place, located, downloads)
        return
    fields, meta = _split(row)
    if "uri" not in fields and isinstance(meta.get("videos"), list):
        yield from _data_juicer(fields, meta, place, located)
    else:
        yield _one(fields, meta, place, located)


def _split(row: Row) -> tuple[dict[str, tuple[str, Any]], dict[str, Any]]:
    """Field -> (its column, the value); and all else that has a value."""
    found: dict[str, tuple[int, str, Any]] = {}
    meta: dict[str, Any] = {}
    for column, value in row.items():
        if value is None or value == "":
            continue
        field, rank = FIELDS.get(column) or FIELDS.get(column.lower(), ("", 0))
        if not field:
            meta[column] = value
            continue
        if field in TEXTS and no_text(value):
            continue
        before = found.get(field)
        if before is not None and before[0] <= rank:
            meta[column] = value
            continue
        if before is not None:
            meta[before[1]] = before[2]
        found[field] = (rank, column, value)
    return {field: (column, value) for field, (_, column, value) in found.items()}, meta


def no_text(value: Any) -> bool:
    """Whether a value stands for a text that there is not: nothing, NaN, or a word for either."""
    return value is None or value != value or (isinstance(value, str) and value.strip().casefold() in ABSENT)


def _one(fields: Fields, meta: dict[str, Any], place: str, located: Located) -> Source:
    if "uri" not in fields:
        here = [column for column, _ in fields.values()] + list(meta)
        if len(here) == 1 and ";" in here[0]:
            raise UsageError(f"{place}: no uri. The columns are separated by ; and not by commas: {here[0]}")
        needed = f"one of {', '.join(ALIASES['uri'])} is needed"
        raise UsageError(f"{place}: no uri: {needed}. With a value in this row: {', '.join(here) or 'nothing'}")
    start = _seconds(fields["start"], place) if "start" in fields else None
    end = _seconds(fields["end"], place) if "end" in fields else None
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"{place}: end is {end:g}, which is not after start, {start or 0:g}")
    column, text = fields["uri"]
    if isinstance(text, Mapping) and "path" in text:  # a video as `datasets` writes it, with `bytes` beside
        text = text["path"]
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise UsageError(f"{place}: {column} is a path or a URI; it came as {shown(text)}")
    uri = located(text.strip())
    if (wrong := uris.fault(uri)) is not None:
        raise UsageError(f"{place}: {column}: {shown(uris.masked(uri))}: {wrong}")
    caption, source, licence = (_text(fields, name, place) for name in ("caption", "source", "licence"))
    return Source(uri, start, end, caption, source, licence, meta)


def _text(fields: Fields, name: str, place: str) -> str | None:
    """A text of a row; of a list of one text that one."""
    column, value = fields.get(name, ("", None))
    if isinstance(value, list | tuple) and len(value) == 1:
        value = None if no_text(value[0]) else value[0]
    if isinstance(value, list | tuple | Mapping):
        raise UsageError(f"{place}: {column} is one text; it came as {shown(value)}")
    return None if value is None else str(value)


def _seconds(cell: tuple[str, Any], place: str) -> float:
    column, value = cell
    number = time_of(value)
    if number is None:
        raise UsageError(f"{place}: {column} is seconds (0 or more) or H:MM:SS.mmm; it came as {shown(value)}")
    return number


def time_of(value: Any) -> float | None:
    """Seconds; None of what is no time: below 0, not finite, true or false, other text.

    Args:
        value: a number, a number as text, H:MM:SS.mmm, or a duration or time of day as Parquet has them.
    """
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(datetime.date.min, value) - datetime.datetime.min
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, str):
        text = value.strip()
        if clock := CLOCK.fullmatch(text):
            hours, minutes, rest = clock.groups()
            inside = float(rest) < 60 and (hours is None or int(minutes) < 60)
            return 3600 * int(hours or 0) + 60 * int(minutes) + float(rest) if inside else None
        if not NUMBER.fullmatch(text):
            return None
    elif isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number + 0.0 if math.isfinite(number) and number >= 0 else None


def _data_juicer(fields: Fields, meta: Mapping[str, Any], place: str, located: Located) -> Iterator[Source]:
    """data-juicer's form: a list of videos that share a text, in which tokens stand for them."""
    others = {key: value for key, value in meta.items() if key != "videos"}
    fields = dict(fields)
    if "caption" in fields:
        column, text = fields.pop("caption")
        for token in DATA_JUICER_TOKENS:
            text = str(text).replace(token, "")
        if not no_text(text):
            fields["caption"] = (column, text.strip())
    if not meta["videos"]:
        raise UsageError(f"{place}: videos is an empty list; a row names at least one video")
    for at, video in enumerate(meta["videos"]):
        yield _one({**fields, "uri": (f"videos[{at}]", video)}, dict(others), place, located)


def _of_spans(row: Row, place: str, located: Located, downloads: Downloads) -> Iterator[Source]:
    """Panda-70M's and Open-Sora's form: one Source a clip. Koala-36M's: one pair of times, and its caption as text."""
    panda = "videoID" in row
    spans: list[tuple[float, float]] = []
    stamps = _list(row, "timestamp", place)
    flat = len(stamps) == 2 and not any(isinstance(stamp, list | tuple) for stamp in stamps)
    for at, span in enumerate([stamps] if flat else stamps):
        start, end = map(time_of, span) if isinstance(span, list | tuple) and len(span) == 2 else (None, None)
        if start is None or end is None:
            allowed = "two times like ['0:00:08.000', '0:00:10.500']"
            raise UsageError(f"{place}: timestamp[{at}] is {allowed}; it came as {shown(span)}")
        if end <= start:
            raise UsageError(f"{place}: timestamp[{at}]: the end {span[1]} is not after the start {span[0]}")
        spans.append((start, end))
    named = [name for name in PANDA_LISTS if panda and not flat and row.get(name) not in (None, "")]
    lists = {name: _list(row, name, place) for name in named}
    for name, items in lists.items():
        if len(items) != len(spans):
            raise UsageError(f"{place}: {name} has {len(items)} entries, timestamp has {len(spans)}")
    rest = {name: value for name, value in row.items() if name != "timestamp" and name not in lists}
    fields, meta = _split(rest)
    if panda:
        fields = _with_download(fields, meta, place, downloads, "koala-36m" if flat else "panda-70m")
    for at, (start, end) in enumerate(spans):
        entries = {name: items[at] for name, items in lists.items() if name != "caption"}
        said = lists["caption"][at] if "caption" in lists else None
        captions = {} if no_text(said) else {"caption": ("caption", said)}
        times = {"start": ("timestamp", start), "end": ("timestamp", end)}
        yield _one({**fields, **times, **captions}, {**meta, **entries}, place, located)


def _list(row: Row, name: str, place: str) -> list[Any]:
    """A Python literal, parsed and never run."""
    text = row.get(name)
    found = text
    if isinstance(text, str):
        try:
            tree = ast.parse(text.strip(), mode="eval") if len(text) <= LONGEST else None
            for node in ast.walk(tree) if tree is not None else ():
                if isinstance(node, ast.List | ast.Tuple):
                    node.elts = [
                        ast.Constant(None) if isinstance(each, ast.Name) and each.id in NOTHING else each
                        for each in node.elts
                    ]
            found = ast.literal_eval(tree) if tree is not None else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, list | tuple):
        raise UsageError(f"{place}: {name} is a list like ['a', 'b']; it came as {shown(text)}")
    return list(found)


def _with_download(
    fields: dict[str, tuple[str, Any]], meta: dict[str, Any], place: str, downloads: Downloads, source: str
) -> dict[str, tuple[str, Any]]:
    """With the downloaded file as uri: a column of its own, else <videoID>.* beside the list or in videos/; else the
    address, which cannot be opened as a video: each of its clips then fails with that reason."""
    made = {"source": ("source", source), **fields}
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
    name that a file may have.

    Args:
        path: of the list.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def find(self, name: str) -> str | None:
        """The path of a file that has the suffix of a video; None when there is none.

        Args:
            name: of the file, without its suffix.
        """
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
