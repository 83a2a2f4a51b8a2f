"""The tables of a run: parts in Parquet by shard, merged ones, and journals of shards under way."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.data.files import Folder
from hoigen.errors import Locked

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

SINGLE = re.compile(r"(\d+)\.parquet")
MERGED = re.compile(r"(\d+)-(\d+)\.parquet")
SHARDS_KEY = "hoigen.shards"
"""In a merged part's metadata: [shard, rows] of each of its shards, in the order of its row groups."""
GROUP_ROWS, GROUP_CHARACTERS = 64, 4 << 20
"""Of a row group that `Table.add` writes: what is read and held at once."""
MERGE_SHARDS = 64
MERGE_BYTES = 256 << 20
FLUSH_ROWS = 64
FLUSH_SECONDS = 5.0
TRIES = 4
"""Times that a part is looked for again which was merged between the listing and the reading."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What the end of a Parquet part says. columns: names of all but `shard`. shards: of a merged part, shard ->
    rows."""

    rows: int
    columns: tuple[str, ...]
    facts: Mapping[str, str]
    shards: Mapping[int, int]

    def group(self, shard: int) -> int | None:
        """The row group of a shard; None when it has no row."""
        if not self.shards[shard]:
            return None
        return sum(1 for other, rows in self.shards.items() if rows and other < shard)


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a table as they lay at a moment.

    singles: shard -> its own part. merged: merged parts. homes: shard -> the file whose rows of it are in force, in
    order of shard.
    """

    table: Table
    singles: Mapping[int, str]
    merged: Mapping[str, Footer]
    homes: Mapping[int, str]
    order: Sequence[int]

    def between(self, first: int | None = None, last: int | None = None) -> Sequence[int]:
        """The shards from `first` to `last`, both of them counted."""
        begin = 0 if first is None else bisect_left(self.order, first)
        return self.order[begin : len(self.order) if last is None else bisect_right(self.order, last)]

    def files(self, first: int | None = None, last: int | None = None) -> list[str]:
        """Names of the files that hold the rows of shards `first` to `last`."""
        return sorted({self.homes[shard] for shard in self.between(first, last)})

    def relation(self, first: int | None = None, last: int | None = None, only: Collection[int] | None = None) -> str:
        """SQL of a relation of all rows, with an integer column `shard`; an empty one where there are none.

        Args:
            first: rows of earlier shards are left out.
            last: rows of later shards are left out.
            only: when given, the shards that count.
        """
        table = self.table
        wanted = [shard for shard in self.between(first, last) if only is None or shard in only]
        names = ", ".join(quoted(name) for name in (*table.columns, *table.numbers))
        selects = []
        singles = [self.singles[shard] for shard in wanted if shard in self.singles]
        if singles:
            number = "parse_filename(filename, true)::integer as shard"
            selects.append(f"select {names}, {number} from {table.scan(singles, ', filename = true')}")
        merged: dict[str, list[int]] = {}
        for shard in wanted:
            if shard not in self.singles:
                merged.setdefault(self.homes[shard], []).append(shard)
        whole = [name for name, here in merged.items() if len(here) == len(self.merged[name].shards)]
        if whole:
            selects.append(f"select {names}, shard from {table.scan(whole)}")
        for name, here in merged.items():
            if name not in whole:
                some = ", ".join(map(str, here))
                selects.append(f"select {names}, shard from {table.scan([name])} where shard in ({some})")
        if not selects:
            kinds = {**table.columns, **dict.fromkeys(table.numbers, "float64"), "shard": "int32"}
            nothing = ", ".join(f"null::{SQL_TYPES[kind]} as {quoted(name)}" for name, kind in kinds.items())
            selects = [f"select {nothing} where false"]
        return f"({' union all '.join(selects)})"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by shard, as Parquet parts in one folder.

    A shard's part is `00017.parquet`. `compact` merges neighbours into `00000-00063.parquet`; a shard's own part is in
    force over what a merged one says of it. Making a Table touches nothing.

    name: what messages call it. columns, numbers: its columns, and further ones of kind float64. facts: what is
    written into parts unless told otherwise.
    """

    name: str
    folder: Folder
    columns: Mapping[str, str]
    numbers: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of a shard's part."""
        return schema_of(self.columns, self.numbers)

    # which shards there are

    def layout(self) -> Layout:
        """The files as they lie now."""
        names = self.folder.names()
        singles = {int(found[1]): name for name in names if (found := SINGLE.fullmatch(name))}
        merged = {}
        for name in names:
            if MERGED.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    merged[name] = self._footer(name)
        homes = {shard: name for name, footer in merged.items() for shard in footer.shards} | singles
        order = sorted(homes)
        return Layout(self, singles, merged, {shard: homes[shard] for shard in order}, order)

    def shards(self) -> list[int]:
        """The shards that have a part, in order."""
        return list(self.layout().homes)

    def has(self, shard: int) -> bool:
        """Whether a shard has a part."""
        return self._home(shard) is not None

    def count(self, shard: int) -> int | None:
        """How many rows a shard has; None when it has no part."""
        name = self._home(shard)
        if name is None:
            return None
        footer = self._footer(name)
        return footer.shards[shard] if footer.shards else footer.rows

    def counts(self) -> dict[int, int]:
        """Rows of each shard."""
        found = {}
        for shard, name in self.layout().homes.items():
            footer = self._footer(name)
            found[shard] = footer.shards[shard] if footer.shards else footer.rows
        return found

    def facts_of(self, shard: int) -> dict[str, str]:
        """The facts that were written with a shard's rows; none when it has no part."""
        name = self._home(shard)
        return dict(self._footer(name).facts) if name is not None else {}

    def _home(self, shard: int) -> str | None:
        name = single_name(shard)
        return name if self.folder.exists(name) else self.layout().homes.get(shard)

    def _footer(self, name: str) -> Footer:
        return _footer_of(self.folder, name, self.folder.stamp(name))

    # reading

    def read(self, shard: int, columns: Sequence[str] | None = None) -> list[Row]:
        """Rows of a shard, in the order in which they were written; none when it has no part.

        Args:
            shard: its number.
            columns: only these; all of the table's when not given.
        """
        found = self.read_arrow(shard, columns)
        rows: list[Row] = found.to_pylist() if found is not None else []
        return rows

    def read_arrow(self, shard: int, columns: Sequence[str] | None = None) -> pa.Table | None:
        """The rows as an Arrow table; None when the shard has no part."""
        for left in reversed(range(TRIES)):
            name = self._home(shard)
            if name is None:
                return None
            try:
                return self._read_from(name, shard, columns)
            except (FileNotFoundError, KeyError):  # merged, or merged anew, just now
                if not left:
                    raise
        return None

    def _read_from(self, name: str, shard: int, columns: Sequence[str] | None) -> pa.Table:
        with parquet_file(self.folder, name) as file:
            footer = _footer_in(file)
            wanted = list(columns or footer.columns)
            if not footer.shards:
                return file.read(wanted)
            group = footer.group(shard)
            if group is None:
                return file.schema_arrow.empty_table().select(wanted)
            return file.read_row_group(group, wanted)

    def files(self, first: int | None = None, last: int | None = None) -> list[str]:
        """Names of the files that hold the rows of shards `first` to `last` (both of them counted)."""
        return self.layout().files(first, last)

    def relation(self, first: int | None = None, last: int | None = None, only: Collection[int] | None = None) -> str:
        """SQL of a relation of all rows, with an integer column `shard`; an empty one where there are none.

        Args:
            first: rows of earlier shards are left out.
            last: rows of later shards are left out.
            only: when given, the shards that count.
        """
        return self.layout().relation(first, last, only)

    def scan(self, names: Sequence[str], options: str = "") -> str:
        """SQL that reads some of its files."""
        paths = ", ".join(one_file(self.folder.path(name)) for name in names)
        return f"read_parquet([{paths}], hive_partitioning = false{options})"

    # writing

    def write(self, shard: int, rows: Iterable[Row], facts: Mapping[str, str] | None = None) -> None:
        """Writes a shard's part, whole or not at all, in place of what there was of it.

        Args:
            shard: its number.
            rows: all of its rows.
            facts: texts that are kept with them; the table's own when not given.
        """
        import pyarrow as pa

        self.write_arrow(shard, pa.Table.from_pylist(list(rows), schema=self.schema), facts)

    def write_arrow(self, shard: int, rows: pa.Table, facts: Mapping[str, str] | None = None) -> None:
        """`write`, of an Arrow table that has the table's columns."""
        import pyarrow.parquet as pq

        schema = self.schema.with_metadata(dict(self.facts if facts is None else facts))
        ordered = rows.select(schema.names).cast(schema)
        with self.folder.writing(single_name(shard)) as file:
            pq.write_table(ordered, file)

    def add(self, shard: int, rows: Iterable[Row], key: Sequence[str]) -> None:
        """Writes rows beside those that a shard has, whole or not at all, and holds few of either at a time.

        Args:
            shard: its number.
            rows: those that are new. Of several with one key the first counts.
            key: columns by which a new row takes the place of an old one.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self.schema.with_metadata(dict(self.facts))
        taken: set[tuple[Any, ...]] = set()
        name = single_name(shard)
        with self.folder.writing(name) as file, pq.ParquetWriter(file, schema) as writer:
            for group in _row_groups(rows, key, taken):
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
            if self.folder.exists(name):
                with parquet_file(self.folder, name) as before:
                    for number in range(before.num_row_groups):
                        old = before.read_row_group(number, schema.names)
                        keys = zip(*(old[column].to_pylist() for column in key), strict=True)
                        stay = pa.array([each not in taken for each in keys], pa.bool_())
                        if len(kept := old.filter(stay)):
                            writer.write_table(kept.cast(schema))

    def drop(self, shard: int, key: str, values: Collection[Any]) -> int:
        """Takes rows out of a shard, whatever further columns they have; how many there were.

        Args:
            shard: its number.
            key: the column that says which.
            values: rows that have one of these go.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        part = self.read_arrow(shard, [key])
        gone = [value in values for value in part[key].to_pylist()] if part is not None else []
        if not any(gone):
            return 0
        whole = self.read_arrow(shard)
        assert whole is not None
        kept = whole.filter(pa.array([not each for each in gone], pa.bool_()))
        facts = self.facts_of(shard)
        with self.folder.writing(single_name(shard)) as file:
            pq.write_table(kept.replace_schema_metadata(facts), file)
        return sum(gone)

    @contextlib.contextmanager
    def lookup(self, shard: int, key: Sequence[str]) -> Iterator[Lookup]:
        """Rows of a shard's own part by their key, read as they are asked for; none when it has no part."""
        name = single_name(shard)
        if not self.folder.exists(name):
            yield Lookup(None, key)
            return
        with parquet_file(self.folder, name) as file:
            yield Lookup(file, key)

    def remove(self, shard: int) -> None:
        """Takes a shard out; one that has no part is fine."""
        for name, footer in self.layout().merged.items():
            left = [(other, name) for other in footer.shards if other != shard]
            if left and shard in footer.shards:
                self._merge(name, left)
            elif shard in footer.shards:
                self.folder.remove(name)
        self.folder.remove(single_name(shard))

    def compact(self, shards: int = MERGE_SHARDS, size: int = MERGE_BYTES) -> int:
        """Merges neighbouring parts that were written with the same facts; how many merged parts were written.

        A kill at any point loses nothing and counts nothing twice: merged parts come first, then those that they stand
        for go, then the shards' own parts. Nobody may write this table meanwhile; of two who compact at once, one does
        nothing.

        Args:
            shards: a merged part holds shards of one block of so many numbers.
            size: bytes of parts that go into one; a larger one stays by itself.
        """
        if not self.folder.is_local:
            return self._compact(shards, size)
        if not self.layout().homes:
            return 0
        try:
            with self.folder.lock(".compact"):
                return self._compact(shards, size)
        except Locked:
            return 0

    def _compact(self, shards: int, size: int) -> int:
        layout = self.layout()
        stamps = {shard: self.folder.stamp(name) for shard, name in layout.singles.items()}
        stay, fresh, merged = set(), {}, set()
        for run in self._runs(layout, shards, size):
            there = [name for name, footer in layout.merged.items() if list(footer.shards) == run]
            if there and not layout.singles.keys() & set(run):
                stay.add(there[0])
            elif len(run) > 1 or run[0] not in layout.singles:
                fresh[f"{run[0]:05d}-{run[-1]:05d}.parquet"] = run
                merged.update(run)
        for name in sorted(fresh, key=lambda name: name in layout.merged):  # a name that is taken is replaced last
            self._merge(name, [(shard, layout.homes[shard]) for shard in fresh[name]])
        for name in layout.merged.keys() - stay - fresh.keys():
            self.folder.remove(name)
        for shard in merged & layout.singles.keys():
            with contextlib.suppress(FileNotFoundError):
                if self.folder.stamp(layout.singles[shard]) == stamps[shard]:
                    self.folder.remove(layout.singles[shard])
        return len(fresh)

    def _runs(self, layout: Layout, shards: int, size: int) -> Iterator[list[int]]:
        """Shards that are to lie in one file: of one block, with the same facts, of not too many bytes.

        What is merged already stays together, so that compacting again changes nothing.
        """
        before = {shard: name for name in reversed(list(layout.merged)) for shard in layout.merged[name].shards}
        footers = {name: self._footer(name) for name in {*layout.homes.values()}}

        def kind(shard: int) -> tuple[Any, ...]:
            footer = footers[layout.homes[shard]]
            return shard // shards, footer.columns, sorted(footer.facts.items())

        for _, alike in groupby(layout.homes, kind):
            run: list[int] = []
            filled = 0.0
            for _, together in groupby(alike, lambda shard: before.get(shard, shard)):
                unit = list(together)
                more = sum(self._bytes(layout, shard) for shard in unit)
                if run and filled + more > size:
                    yield run
                    run, filled = [], 0.0
                run, filled = run + unit, filled + more
            yield run

    def _schema_in(self, name: str) -> pa.Schema:
        """The schema of a file, without `shard`: this Table may have been made without its numbers."""
        with parquet_file(self.folder, name) as file:
            schema = file.schema_arrow
            return schema.remove(schema.get_field_index("shard")) if "shard" in schema.names else schema

    def _bytes(self, layout: Layout, shard: int) -> float:
        name = layout.homes[shard]
        whole = self.folder.size(name)
        footer = layout.merged.get(name)
        return whole if footer is None else whole * footer.shards[shard] / max(1, footer.rows)

    def _merge(self, name: str, sources: Sequence[tuple[int, str]]) -> None:
        """Writes a merged part out of (shard, the file that holds it), shard by shard."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        footers = {source: self._footer(source) for source in {source for _, source in sources}}
        counts = []
        for shard, source in sources:
            footer = footers[source]
            counts.append((shard, footer.shards[shard] if footer.shards else footer.rows))
        facts = {**footers[sources[0][1]].facts, SHARDS_KEY: json.dumps(counts, separators=(",", ":"))}
        schema = self._schema_in(sources[0][1]).append(pa.field("shard", pa.int32())).with_metadata(facts)
        with self.folder.writing(name) as file, pq.ParquetWriter(file, schema) as writer:
            for (shard, source), (_, rows) in zip(sources, counts, strict=True):
                if rows:
                    part = self._read_from(source, shard, schema.names[:-1])
                    number = pa.array([shard], pa.int32()).take(pa.repeat(0, rows))
                    writer.write_table(part.append_column("shard", number).cast(schema), row_group_size=rows)


class Lookup:
    """Rows of one Parquet file by their key: keys are held, rows are read in the groups in which they lie."""

    def __init__(self, file: Any, key: Sequence[str]) -> None:
        self._file, self._key = file, list(key)
        self._groups: dict[tuple[Any, ...], int] = {}
        self._read: tuple[int, dict[tuple[Any, ...], Row]] = (-1, {})
        self._firsts: set[Any] | None = None
        for number in range(file.num_row_groups if file is not None else 0):
            for row in file.read_row_group(number, self._key).to_pylist():
                self._groups[self._key_of(row)] = number

    def _key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._key)

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
            self._read = number, {self._key_of(row): row for row in rows}
        return self._read[1][key]


def _row_groups(rows: Iterable[Row], key: Sequence[str], taken: set[tuple[Any, ...]]) -> Iterator[list[Row]]:
    """Rows in groups of bounded size, each key once; keys are added to `taken`."""
    group: list[Row] = []
    filled = 0
    for row in rows:
        own = tuple(row[name] for name in key)
        if own in taken:
            continue
        taken.add(own)
        group.append(row)
        filled += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(group) >= GROUP_ROWS or filled >= GROUP_CHARACTERS:
            yield group
            group, filled = [], 0
    if group:
        yield group


def single_name(shard: int) -> str:
    """The file of a shard's own part."""
    return f"{shard:05d}.parquet"


@contextlib.contextmanager
def parquet_file(folder: Folder, name: str) -> Iterator[Any]:
    """A Parquet file of a folder, open; what Arrow raises names it. Raises FileNotFoundError."""
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        stack.enter_context(named(folder.path(name)))
        source = folder.path(name) if folder.is_local else stack.enter_context(folder.reading(name))
        yield stack.enter_context(pq.ParquetFile(source))


@functools.lru_cache(maxsize=4096)
def _footer_of(folder: Folder, name: str, stamp: tuple[Any, ...]) -> Footer:
    """What a file of this stamp says at its end."""
    with parquet_file(folder, name) as file:
        return _footer_in(file)


def _footer_in(file: Any) -> Footer:
    facts = {k.decode(): v.decode() for k, v in (file.schema_arrow.metadata or {}).items()}
    facts.pop("ARROW:schema", None)
    shards = {int(shard): int(rows) for shard, rows in json.loads(facts.pop(SHARDS_KEY, "[]"))}
    columns = tuple(name for name in file.schema_arrow.names if name != "shard")
    return Footer(file.metadata.num_rows, columns, facts, shards)


class Journal:
    """An append-only list of JSON lines of a shard under way. A torn last line (a kill in the middle of a write) is not
    read.

    On a disk a row is in the file at once. A store cannot append: there rows gather and are written as numbered
    segments, every few rows or seconds, so that a kill costs those of the last seconds.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self.folder, self.name = folder, name
        self._fd: int | None = None
        self._gathered: list[bytes] = []
        self._flushed = time.monotonic()

    def rows(self) -> Iterator[Row]:
        """All rows that are whole, in the order in which they came."""
        for content in self._contents():
            for line in content.split(b"\n"):
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    yield row

    def _contents(self) -> Iterator[bytes]:
        for name in [self.name] if self.folder.is_local else self._segments():
            with contextlib.suppress(FileNotFoundError):
                yield self.folder.read(name)
        yield b"".join(self._gathered)

    def append(self, row: Row) -> None:
        """Adds a row. Raises ValueError for what is no JSON."""
        data = json.dumps(row, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        if self.folder.is_local:
            os.write(self._open() if self._fd is None else self._fd, data)
            return
        self._gathered.append(data)
        if len(self._gathered) >= FLUSH_ROWS or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self._flush()

    def _open(self) -> int:
        path = Path(self.folder.path(self.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(self._fd).st_size:
            os.write(self._fd, b"\n")  # closes a line that a kill has torn
        return self._fd

    def _segments(self) -> list[str]:
        return [name for name in self.folder.names() if name.startswith(f"{self.name}.")]

    def _flush(self) -> None:
        if self._gathered:
            last = max((int(name.rpartition(".")[2]) for name in self._segments()), default=-1)
            self.folder.write(f"{self.name}.{last + 1:06d}", b"".join(self._gathered))
        self._gathered, self._flushed = [], time.monotonic()

    def close(self) -> None:
        """Nothing is lost after it; `append` opens it again."""
        self._flush()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def remove(self) -> None:
        """Deletes it."""
        self._gathered = []
        self.close()
        for name in [self.name] if self.folder.is_local else self._segments():
            self.folder.remove(name)


def schema_of(columns: Mapping[str, str], numbers: Sequence[str] = ()) -> pa.Schema:
    """Arrow schema of a part: fixed columns, then one float64 column per name in `numbers`."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64()}
    fields = [(name, kinds[kind]) for name, kind in columns.items()]
    return pa.schema(fields + [(name, pa.float64()) for name in numbers])


@contextlib.contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Names the file in what Arrow raises."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        error.add_note(str(path))
        raise


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(words: str) -> str:
    """A text in SQL."""
    return "'" + words.replace("'", "''") + "'"


def one_file(path: Path | str) -> str:
    """A path in SQL that reads files: DuckDB takes `*`, `?` and `[` for patterns, and would read the neighbour's."""
    return text(re.sub(r"[*?[]", r"[\g<0>]", str(path)))


def rows_of_file(path: Path) -> str:
    """SQL of the rows of one Parquet file that is no part of a table."""
    return f"read_parquet({one_file(path)})"


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
