"""Single Parquet files: opening them, what their end says, and their names in SQL."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.data.columns import Row
from hoigen.data.files import Folder

SHARDS_KEY = "hoigen.shards"
"""In a merged part's metadata: [shard, rows] of each of its shards, in the order of its row groups."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What the end of a Parquet part says.

    Args:
        rows: how many it holds.
        columns: names of all but `shard`.
        facts: texts that were written with it.
        shards: of a merged part, shard -> rows; else empty.
    """

    rows: int
    columns: tuple[str, ...]
    facts: Mapping[str, str]
    shards: Mapping[int, int]


class Lookup:
    """Rows of one Parquet file by their key: keys are held, rows are read in the groups in which they lie.

    Args:
        file: of `parquet_file`; None: there are no rows.
        key: the columns that make the key.
    """

    def __init__(self, file: Any, key: Sequence[str]) -> None:
        self._file, self._key = file, list(key)
        self._groups: dict[tuple[Any, ...], int] = {}
        self._read: tuple[int, dict[tuple[Any, ...], Row]] = (-1, {})
        self._firsts: set[Any] | None = None
        for number in range(file.num_row_groups if file is not None else 0):
            for row in file.read_row_group(number, self._key).to_pylist():
                self._groups[tuple(row[name] for name in key)] = number

    def __contains__(self, key: tuple[Any, ...]) -> bool:
        return key in self._groups

    def any(self, first: Any) -> bool:
        """Whether there is a row whose first key column has this value."""
        if self._firsts is None:
            self._firsts = {key[0] for key in self._groups}
        return first in self._firsts

    def __getitem__(self, key: tuple[Any, ...]) -> Row:
        """The row. Raises KeyError."""
        number = self._groups[key]
        if self._read[0] != number:
            rows = self._file.read_row_group(number).to_pylist()
            self._read = number, {tuple(row[name] for name in self._key): row for row in rows}
        return self._read[1][key]


@contextlib.contextmanager
def parquet_file(folder: Folder, name: str) -> Iterator[Any]:
    """A Parquet file, open (`pyarrow.parquet.ParquetFile`); what Arrow raises names it.

    Args:
        folder: where it lies.
        name: of the file.

    Raises FileNotFoundError.
    """
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        stack.enter_context(named(folder.path(name)))
        source = folder.path(name) if folder.is_local else stack.enter_context(folder.reading(name))
        yield stack.enter_context(pq.ParquetFile(source))


@functools.lru_cache(maxsize=4096)
def footer_of(folder: Folder, name: str, stamp: tuple[Any, ...]) -> Footer:
    """What a file says at its end; read once for each state of it.

    Args:
        folder: where it lies.
        name: of the file.
        stamp: of the file as it is now (`Folder.stamp`).
    """
    with parquet_file(folder, name) as file:
        return footer_in(file)


def footer_in(file: Any) -> Footer:
    """What an open file says at its end.

    Args:
        file: of `parquet_file`.
    """
    facts = {k.decode(): v.decode() for k, v in (file.schema_arrow.metadata or {}).items()}
    facts.pop("ARROW:schema", None)
    shards = {int(shard): int(rows) for shard, rows in json.loads(facts.pop(SHARDS_KEY, "[]"))}
    columns = tuple(name for name in file.schema_arrow.names if name != "shard")
    return Footer(file.metadata.num_rows, columns, facts, shards)


@contextlib.contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Adds the name of the file `path` to what Arrow raises in the block."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        error.add_note(str(path))
        raise


def quoted(name: str) -> str:
    """The `name` of a column, as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def text(words: str) -> str:
    """A text in SQL: `words` between quotes."""
    return "'" + words.replace("'", "''") + "'"


def one_file(path: Path | str) -> str:
    """A path in SQL that reads files: DuckDB takes `*`, `?` and `[` for patterns, and would read the neighbour's."""
    return text(re.sub(r"[*?[]", r"[\g<0>]", str(path)))


def rows_of_file(path: Path) -> str:
    """SQL of the rows of the Parquet file `path`, which is no part of a table."""
    return f"read_parquet({one_file(path)})"


def column_names(path: Path) -> list[str]:
    """The columns of the Parquet file `path`, which is no part of a table. Raises what Arrow raises, with its name."""
    import pyarrow.parquet as pq

    with named(path):
        return list(pq.read_schema(path).names)


def part_rows(path: Path) -> int | None:
    """How many rows the Parquet file `path` has, from its footer; None when there is no file."""
    import pyarrow.parquet as pq

    if not path.exists():
        return None
    with named(path):
        rows: int = pq.read_metadata(path).num_rows
    return rows
