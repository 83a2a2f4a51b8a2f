"""The columns of a run's tables (docs/run_folder.md says what each holds)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
OBSERVATION_COLUMNS: Mapping[str, str] = {
    "id": "string",
    "question": "string",
    "reason": "string",
    "seconds": "float64",
    "about": "string",
    "frames": "string",
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
SHARD_COLUMNS: Mapping[str, str] = {
    "shard": "int64",
    "begin": "int64",
    "end": "int64",
    "clips": "int64",
    "bytes": "int64",
}
SQL_TYPES: Mapping[str, str] = {"string": "varchar", "int64": "bigint", "int32": "integer", "float64": "double"}


def schema_of(columns: Mapping[str, str], numbers: Sequence[str] = ()) -> pa.Schema:
    """Arrow schema of a part.

    Args:
        columns: name -> kind (`string`, `int64`, `int32`, `float64`).
        numbers: names of float64 columns that follow.
    """
    import pyarrow as pa

    kinds = {"string": pa.string(), "int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64()}
    fields = [(name, kinds[kind]) for name, kind in columns.items()]
    return pa.schema(fields + [(name, pa.float64()) for name in numbers])
