"""A row of a manifest -> a Source: which column is what, and what a value may be."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hoigen import uris
from hoigen.data.sources import Source, shown
from hoigen.errors import UsageError

Row = Mapping[str, Any]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "uri": ("uri", "path", "file", "video", "video_path", "url"),
    "start": ("start", "start_time"),
    "end": ("end", "end_time"),
    "caption": ("caption", "text", "prompt"),
    "source": ("source",),
    "licence": ("licence", "license"),
}
"""Field -> the columns that may hold it; of several with a value the first wins and the others go to meta. Capitals do
not matter. Open-Sora's lists use `path` and `text`."""
FIELDS = {alias: (field, rank) for field, names in ALIASES.items() for rank, alias in enumerate(names)}
CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DATA_JUICER_TOKENS = ("<__dj__video>", "<|__dj__eoc|>")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: the list, and the line or row in it."""

    path: str
    at: str

    def __str__(self) -> str:
        return f"{self.path}, {self.at}"

    @property
    def folder(self) -> str:
        """What the paths of the list are relative to."""
        if "://" in self.path:
            return self.path.rpartition("/")[0]
        return str(Path(self.path).expanduser().absolute().parent)


Located = Callable[[str], str]


def sources(rows: Iterator[tuple[str, Row]], path: str) -> Iterator[Source]:
    """The rows of a list as Sources, one or more of each."""
    from hoigen.data.sources import spans

    folder = Place(path, "").folder
    remote = "://" in path

    def located(uri: str) -> str:
        if "://" in uri:
            return uri
        if remote:
            return f"{folder}/{uri}"
        if uri.startswith(("~", ".")) or "/." in uri or "//" in uri:
            return str(Path(folder, Path(uri).expanduser()))  # ./ and // go, so that one file has one name
        return os.path.join(folder, uri)

    downloads = spans.Downloads(path)
    count = 0
    for at, row in rows:
        count += 1
        place = Place(path, at)
        if spans.has_spans(row):
            yield from spans.sources(row, place, located, downloads)
        else:
            yield from _sources(row, place, located)
    if not count:
        raise UsageError(f"{path} holds no rows")


def _sources(row: Row, place: Place, located: Located) -> Iterator[Source]:
    fields, meta = split(row)
    if "uri" not in fields and isinstance(meta.get("videos"), list):
        yield from _data_juicer(fields, meta, place, located)
        return
    yield one(fields, meta, place, located)


def split(row: Row) -> tuple[dict[str, tuple[str, Any]], dict[str, Any]]:
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
        before = found.get(field)
        if before is not None and before[0] <= rank:
            meta[column] = value
            continue
        if before is not None:
            meta[before[1]] = before[2]
        found[field] = (rank, column, value)
    return {field: (column, value) for field, (_, column, value) in found.items()}, meta


def one(fields: Mapping[str, tuple[str, Any]], meta: dict[str, Any], place: Place, located: Located) -> Source:
    """The Source of a row. Raises UsageError naming the row, the key, what came and what is allowed."""
    if "uri" not in fields:
        raise UsageError(f"{place}: no uri{_columns(fields, meta)}")
    start = seconds(fields["start"], place) if "start" in fields else None
    end = seconds(fields["end"], place) if "end" in fields else None
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"{place}: end is {end:g}, which is not after start, {start or 0:g}")
    uri = located(uri_text(*fields["uri"], place))
    if (wrong := uris.fault(uri)) is not None:
        raise UsageError(f"{place}: {fields['uri'][0]}: {shown(uri)}: {wrong}")
    caption, source, licence = (text_of(fields, name) for name in ("caption", "source", "licence"))
    return Source(uri, start, end, caption, source, licence, meta)


def _columns(fields: Mapping[str, tuple[str, Any]], meta: Mapping[str, Any]) -> str:
    here = [column for column, _ in fields.values()] + list(meta)
    if len(here) == 1 and ";" in here[0]:
        return f". The columns are separated by ; and not by commas: {here[0]}"
    needed = f"one of {', '.join(ALIASES['uri'])} is needed"
    return f": {needed}. With a value in this row: {', '.join(here) or 'nothing'}"


def uri_text(column: str, value: Any, place: Place) -> str:
    """A path or URI. Raises UsageError when it is none."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise UsageError(f"{place}: {column} is a path or a URI; it came as {shown(value)}")
    return value.strip()


def text_of(fields: Mapping[str, tuple[str, Any]], name: str) -> str | None:
    return str(fields[name][1]) if name in fields else None


def seconds(cell: tuple[str, Any], place: Place) -> float:
    """A time of a row: a number of seconds, or H:MM:SS.mmm. Raises UsageError for anything else."""
    column, value = cell
    number = time_of(value)
    if number is None:
        raise UsageError(f"{place}: {column} is seconds (0 or more) or H:MM:SS.mmm; it came as {shown(value)}")
    return number


def time_of(value: Any) -> float | None:
    """Seconds of a number or of text; None when it is no time: below 0, not finite, true or false, other text."""
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


def _data_juicer(
    fields: Mapping[str, tuple[str, Any]], meta: Mapping[str, Any], place: Place, located: Located
) -> Iterator[Source]:
    """data-juicer's form: a list of videos that share a text, in which tokens stand for them."""
    others = {key: value for key, value in meta.items() if key != "videos"}
    fields = dict(fields)
    if "caption" in fields:
        column, text = fields.pop("caption")
        for token in DATA_JUICER_TOKENS:
            text = str(text).replace(token, "")
        if text.strip():
            fields["caption"] = (column, text.strip())
    if not meta["videos"]:
        raise UsageError(f"{place}: videos is an empty list; a row names at least one video")
    for at, video in enumerate(meta["videos"]):
        yield one({**fields, "uri": (f"videos[{at}]", video)}, dict(others), place, located)


def near_columns(columns: list[str]) -> str:
    """For a header without a uri: the column that may be meant, as the end of a sentence."""
    for column in columns:
        if close := difflib.get_close_matches(column.lower(), ALIASES["uri"], n=1, cutoff=0.6):
            return f"; did you mean {close[0]!r} with {column!r}?"
    return "."


def name_of(uri: str) -> str:
    return PurePosixPath(uri.partition("?")[0]).name
