"""Captions from a file of one's own: CSV, JSON lines or Parquet with a clip's id and its text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hoigen.errors import UsageError

ID_KEYS = ("id", "clip", "clip_id", "file", "video", "path")
TEXT_KEYS = ("caption", "text", "prompt")


def captions_in(path: Path) -> Iterator[tuple[str, str]]:
    """(id, caption) of each row that has a caption; rows without one are passed over, as clips without a caption are.

    The id is in the first of the columns id, clip, clip_id, file, video, path that there is; the caption in caption,
    text or prompt. Raises UsageError that names the file, and the row or the columns.
    """
    if not path.is_file():
        raise UsageError(f"--captions {path}: no such file")
    for row, where in _rows(path):
        clip, text = _pick(row, ID_KEYS, where), _pick(row, TEXT_KEYS, where)
        if not (isinstance(text, str) and text.strip()):
            continue
        if clip is None or not str(clip).strip():
            raise UsageError(f"--captions {where}: a caption without the id of its clip: {text[:60]!r}")
        yield str(clip), text


def _pick(row: dict[str, Any], keys: tuple[str, ...], where: str) -> Any:
    found = next((key for key in keys if key in row), None)
    if found is None:
        raise UsageError(f"{where} has the columns {', '.join(map(str, row))}; one of {', '.join(keys)} is needed")
    return row[found]


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        yield from _csv_rows(path)
    elif suffix in (".jsonl", ".ndjson"):
        yield from _json_rows(path)
    elif suffix == ".parquet":
        yield from _parquet_rows(path)
    else:
        raise UsageError(f"--captions {path}: it ends in {suffix or 'nothing'}; .csv, .jsonl or .parquet is read")


def _csv_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            for row in csv.DictReader(file):
                yield row, str(path)
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(f"--captions {path} cannot be read as CSV: {error}") from None


def _json_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"--captions {path}, line {number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise UsageError(f"--captions {path}, line {number}: an object is needed; it came as {line[:40]!r}")
        yield row, f"{path}, line {number}"


def _parquet_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"--captions {path} cannot be read as Parquet: {error}") from None
    wanted = [name for name in file.schema_arrow.names if name in (*ID_KEYS, *TEXT_KEYS)]
    for batch in file.iter_batches(columns=wanted):
        for row in batch.to_pylist():
            yield row, str(path)
