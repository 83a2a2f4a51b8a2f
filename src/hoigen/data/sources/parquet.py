"""The input list as a Parquet file: uri, start, end, caption, source, licence, meta (JSON text)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hoigen.data.sources import Source

TEXTS = ("uri", "caption", "source", "licence")


def write(sources: Iterable[Source], path: Path, batch: int) -> int:
    """Streams rows to `path` under a temporary name, which is renamed last; how many there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ("uri", "start", "end", "caption", "source", "licence", "meta")
    schema = pa.schema([(name, pa.float64() if name in ("start", "end") else pa.string()) for name in names])
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
        row: dict[str, Any] = {name: utf8(getattr(source, name)) for name in TEXTS}
        row["uri"] = uri_text(source.uri)
        rows.append(row | {"start": source.start, "end": source.end, "meta": meta_text(source.meta)})
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows


def uri_text(uri: str) -> str:
    """A path whose name is not UTF-8 as a file:// URI with its bytes written as %FF, so that it can be opened."""
    try:
        uri.encode("utf-8")
    except UnicodeEncodeError:
        if "://" not in uri:
            return f"file://{quote(os.fsencode(uri))}"
    return utf8(uri) or ""


def utf8(text: str | None) -> str | None:
    r"""Parquet holds UTF-8 only; what is none is written as \ud8ff, where an error would stop everything else."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def meta_text(meta: Mapping[str, Any]) -> str:
    """JSON text of what came beside the known columns. NaN and infinity, which JSON has not, become null."""
    if not meta:
        return "{}"
    try:
        text = json.dumps(meta, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(_plain(meta), ensure_ascii=False, allow_nan=False)
    return utf8(text) or "{}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"  # a table of rows is no place for pictures
    return value if isinstance(value, str | int | bool | None) else str(value)
