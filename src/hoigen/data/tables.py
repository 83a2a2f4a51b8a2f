"""How the tables of a run are written: parts in Parquet, journals of shards under way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

CLIP_COLUMNS: Mapping[str, str] = {
    "video": "int64",
    "n": "int32",
    "id": "string",
    "uri": "string",
    "start": "float64",
    "end": "float64",
    "width": "int32",
    "height": "int32",
    "fps": "float64",
    "source": "string",
    "prompt": "string",
    "meta": "string",
    "digest": "string",
    "state": "string",
    "rule": "string",
    "reason": "string",
    "header": "string",
}
SCORE_COLUMNS: Mapping[str, str] = {
    "id": "string",
    "state": "string",
    "reason": "string",
    "tries": "int32",
    "seconds": "float64",
    "detail": "string",
}
CAPTION_COLUMNS: Mapping[str, str] = {
    "id": "string",
    "state": "string",
    "reason": "string",
    "text": "string",
    "path": "string",
    "calls": "int32",
    "tokens_in": "int64",
    "tokens_out": "int64",
    "seconds": "float64",
    "detail": "string",
    "trace": "string",
}


class Journal:
    """An append-only file of JSON lines. A torn last line (a kill in the middle of a write) is not read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def rows(self) -> Iterator[Row]:
        if not self.path.exists():
            return
        for line in self.path.read_bytes().split(b"\n"):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row

    def append(self, row: Row) -> None:
        if self._fd is None:
            self._open()
        data = json.dumps(row, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        assert self._fd is not None
        os.write(self._fd, data)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(self._fd).st_size:
            os.write(self._fd, b"\n")  # closes a line that a kill has torn

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)


def schema_of(columns: Mapping[str, str], numbers: Sequence[str] = ()) -> pa.Schema:
    """Arrow schema of a part: fixed columns, then one float64 column per name in `numbers`."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64()}
    fields = [(name, kinds[kind]) for name, kind in columns.items()]
    return pa.schema(fields + [(name, pa.float64()) for name in numbers])


def write_part(path: Path, rows: Iterable[Row], schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a Parquet part whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    if metadata:
        schema = schema.with_metadata(dict(metadata))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), part)
    part.replace(path)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Names the file in what Arrow raises."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        error.add_note(str(path))
        raise


def read_part(path: Path, columns: Sequence[str] | None = None) -> list[Row]:
    """Rows of a part; an absent part has none."""
    import pyarrow.parquet as pq

    if not path.exists():
        return []
    with named(path):
        rows: list[Row] = pq.read_table(path, columns=list(columns) if columns else None, partitioning=None).to_pylist()
    return rows


def part_fingerprint(path: Path) -> str | None:
    """The fingerprint written into a part, or None when there is no part."""
    import pyarrow.parquet as pq

    if not path.exists():
        return None
    with named(path):
        found = (pq.read_schema(path).metadata or {}).get(b"fingerprint")
    return found.decode() if found is not None else None


def part_rows(path: Path) -> int | None:
    """How many rows a Parquet file has, from its footer; None when there is no file."""
    import pyarrow.parquet as pq

    if not path.exists():
        return None
    with named(path):
        rows: int = pq.read_metadata(path).num_rows
    return rows


def digest_of(facts: Any) -> str:
    """12 hex digits that name settings."""
    text = json.dumps(facts, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
