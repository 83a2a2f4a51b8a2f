"""Manifests: CSV, TSV, JSONL and Parquet with a `uri`; Panda-70M's and Open-Sora's lists as they are."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from hoigen.errors import UsageError
from hoigen.sources import Source, unreadable

Row = Mapping[str, Any]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "uri": ("uri", "path", "file", "video", "video_path", "url"),
    "start": ("start", "start_time"),
    "end": ("end", "end_time"),
    "caption": ("caption", "text", "prompt"),
    "source": ("source",),
    "licence": ("licence", "license"),
}
"""Field -> the columns that may hold it, the first one present wins. Open-Sora's lists use `path` and `text`."""


def read(path: str) -> Iterator[Source]:
    """Rows of a manifest. Paths in it are relative to its own folder."""
    suffix = Path(path).suffix.lower()
    rows = {".parquet": _parquet, ".jsonl": _jsonl, ".ndjson": _jsonl}.get(suffix, _csv)(path)
    folder = "" if "://" in path else str(Path(path).expanduser().absolute().parent)
    return _sources(rows, path, folder)


def _sources(rows: Iterator[tuple[str, Row]], path: str, folder: str) -> Iterator[Source]:
    from hoigen.sources import panda

    convert: Callable[[Row, str, str], Iterator[Source]] | None = None
    count = 0
    for where, row in rows:
        if convert is None:
            convert = panda.sources if panda.is_panda(row) else _source
        count += 1
        yield from convert(row, where, folder)
    if not count:
        raise UsageError(f"{path} holds no rows")


def _source(row: Row, where: str, folder: str) -> Iterator[Source]:
    columns = {name: next((a for a in names if row.get(a) not in (None, "")), None) for name, names in ALIASES.items()}
    uri = _uri_of(row, columns["uri"], where)
    start = seconds(row, columns["start"], where)
    end = seconds(row, columns["end"], where)
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"{where}: end is {end:g}, which is not after start, {start or 0:g}")
    used = {column for column in columns.values() if column}
    texts = {name: str(row[c]) if (c := columns[name]) else None for name in ("caption", "source", "licence")}
    meta = {str(key): value for key, value in row.items() if key not in used and value not in (None, "")}
    yield Source(located(uri, folder), start, end, **texts, meta=meta)


def _uri_of(row: Row, column: str | None, where: str) -> str:
    if column is None and isinstance(row.get("videos"), list) and len(row["videos"]) == 1:
        return str(row["videos"][0])  # data-juicer's form
    if column is None:
        here = ", ".join(map(str, row)) or "none"
        raise UsageError(f"{where}: no uri. Columns here: {here}; one of {', '.join(ALIASES['uri'])} is needed")
    if not isinstance(row[column], str):
        raise UsageError(f"{where}: {column} is text; it came as {row[column]!r}")
    return str(row[column]).strip()


def seconds(row: Row, column: str | None, where: str) -> float | None:
    """A time of a row: a number of seconds, or H:MM:SS.mmm."""
    if column is None:
        return None
    value = row[column]
    number = clock(value) if isinstance(value, str) and ":" in value else _number(value)
    if number is None or not math.isfinite(number) or number < 0:
        raise UsageError(f"{where}: {column} is seconds (0 or more) or H:MM:SS.mmm; it came as {value!r}")
    return number


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def clock(text: str) -> float | None:
    """H:MM:SS.mmm in seconds; None when it is something else."""
    total = 0.0
    for part in text.strip().split(":"):
        number = _number(part)
        if number is None or number < 0:
            return None
        total = 60 * total + number
    return total


def located(uri: str, folder: str) -> str:
    """A path of a manifest made absolute; URIs stay as they are."""
    if "://" in uri or not folder:
        return uri
    return str(Path(folder) / Path(uri).expanduser())


def _open(path: str) -> TextIO:
    import fsspec

    try:
        if "://" in path:
            opened: TextIO = fsspec.open(path, "r", encoding="utf-8-sig", newline="").open()
            return opened
        return open(Path(path).expanduser(), encoding="utf-8-sig", newline="")
    except OSError as error:
        raise unreadable(path, error) from None


def _csv(path: str) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit(1 << 27)  # Panda-70M's cells hold lists of hundreds of captions
    with _open(path) as file:
        try:
            reader = csv.reader(file, delimiter="\t" if path.lower().endswith(".tsv") else ",", strict=True)
            columns = [name.strip() for name in next(reader, [])]
            _check_columns(columns, path)
            for cells in reader:
                if not cells:
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(cells) != len(columns):
                    raise UsageError(f"{where}: {len(cells)} cells; the header has {len(columns)} columns")
                yield where, dict(zip(columns, cells, strict=True))
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num}: not valid CSV: {error}") from None
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _check_columns(columns: list[str], path: str) -> None:
    if not columns:
        raise UsageError(f"{path} is empty; its first line names the columns, `uri` among them")
    for name in columns:
        if columns.count(name) > 1:
            raise UsageError(f"{path}: two columns are named {name!r}")


def _jsonl(path: str) -> Iterator[tuple[str, Row]]:
    with _open(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                where = f"{path}, line {number}"
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise UsageError(f"{where}: not valid JSON: {error}") from None
                if not isinstance(row, dict):
                    raise UsageError(f"{where}: a row is an object; it came as {type(row).__name__}")
                yield where, row
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _parquet(path: str) -> Iterator[tuple[str, Row]]:
    import fsspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with fsspec.open(path, "rb") as file, pq.ParquetFile(file) as table:
            number = 0
            for batch in table.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from None
