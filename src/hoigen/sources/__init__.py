"""What goes in: folders, globs, lists and manifests, one row at a time.

`read_sources` yields rows in order and never holds the list; `write_videos` streams them to Parquet.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

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


def read_sources(videos: str | Path | Sequence[str], *, stdin: TextIO | None = None) -> Iterator[Source]:
    """Rows of a folder, a glob, a video, a manifest, `-` (a list on stdin), or a list of paths.

    Raises UsageError that names the file, the row and the key. What stands beside videos in a folder and is no
    video by its suffix is named on stderr.
    """
    if isinstance(videos, Sequence) and not isinstance(videos, str):
        return (Source(_absolute(str(item))) for item in videos)
    text = str(videos)
    if text == "-":
        return _from_lines(sys.stdin if stdin is None else stdin)
    from hoigen.sources import folders, manifests

    if Path(text.partition("?")[0]).suffix.lower() in MANIFEST_SUFFIXES and not folders.is_glob(text):
        return manifests.read(text)
    return folders.read(text)


def _from_lines(lines: Iterable[str]) -> Iterator[Source]:
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            yield Source(_absolute(text))


def _absolute(uri: str) -> str:
    return uri if "://" in uri else str(Path(uri).expanduser().absolute())


def write_videos(sources: Iterable[Source], path: Path, *, batch: int = 10_000) -> int:
    """Streams rows to Parquet, whole or not at all; how many there were."""
    import os

    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    kinds = {
        "uri": text,
        "start": number,
        "end": number,
        "caption": text,
        "source": text,
        "licence": text,
        "meta": text,
    }
    schema = pa.schema(list(kinds.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    count = 0
    try:
        with pq.ParquetWriter(part, schema) as writer:
            for rows in _batches(sources, batch):
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                count += len(rows)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _batches(sources: Iterable[Source], size: int) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for source in sources:
        row = {name: getattr(source, name) for name in ("uri", "start", "end", "caption", "source", "licence")}
        rows.append(row | {"meta": json.dumps(source.meta, ensure_ascii=False, default=str)})
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows


def unreadable(path: str, error: Exception) -> UsageError:
    """A list that cannot be read, as the user's error."""
    return UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")
