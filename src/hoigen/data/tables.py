"""The tables of a run: parts in Parquet by shard, merged ones, and journals of shards under way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import Locked
from hoigen.data.columns import SQL_TYPES, Row, schema_of
from hoigen.data.files import Folder
from hoigen.data.parquet import SHARDS_KEY, Footer, Lookup, footer_in, footer_of, one_file, parquet_file, quoted
from hoigen.data.side import place_of

if TYPE_CHECKING:
    import pyarrow as pa

SINGLE = re.compile(r"(\d+)\.parquet")
MERGED = re.compile(r"(\d+)-(\d+)\.parquet")
GROUP_ROWS, GROUP_CHARACTERS = 64, 4 << 20
"""Of a row group that `Table.add` writes: what is read and held at once."""
MERGE_SHARDS = 64
MERGE_BYTES = 256 << 20
OLD = 3600.0
"""Seconds after which a copy of what is no more is deleted; until then somebody may be reading it."""
FETCHED = 16
"""Parts that are fetched out of a store at once."""
TRIES = 4
"""Times that a part is looked for again which was merged between the listing and the reading."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a table as they lay at a moment.

    Args:
        table: whose files they are.
        singles: shard -> its own part.
        merged: merged parts, by name.
        homes: shard -> the file whose rows of it are in force, in order of shard.
        order: the shards that have a part, in order.
    """

    table: Table
    singles: Mapping[int, str]
    merged: Mapping[str, Footer]
    homes: Mapping[int, str]
    order: Sequence[int]

    def between(self, first: int | None = None, last: int | None = None) -> Sequence[int]:
        """The shards that have a part, from `first` to `last`, both of them counted."""
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

    Args:
        name: what messages call it.
        folder: where its parts lie.
        columns: name -> kind (`string`, `int64`, `int32`, `float64`).
        numbers: names of further columns, of kind float64.
        facts: texts that are written into parts where no others are given.
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
        if not self.folder.is_local:
            _sweep(place_of(self.folder.uri), names)
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
        return footer_of(self.folder, name, self.folder.stamp(name, listed=True))

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
        """The rows of a shard as an Arrow table; None when it has no part.

        Args:
            shard: its number.
            columns: only these; all of the table's when not given.
        """
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
            footer = footer_in(file)
            wanted = list(columns or footer.columns)
            if not footer.shards:
                return file.read(wanted)
            if not footer.shards[shard]:
                return file.schema_arrow.empty_table().select(wanted)
            before = sum(1 for other, rows in footer.shards.items() if rows and other < shard)
            return file.read_row_group(before, wanted)

    def scan(self, names: Sequence[str], options: str = "") -> str:
        """SQL that reads some of its files.

        Args:
            names: of the files.
            options: further options of DuckDB's read_parquet, each after a comma.

        Those of a store are fetched first, whole, and kept on this machine as long as they stay the same: DuckDB asks
        for each file several times a query.
        """
        if self.folder.is_local:
            places = [self.folder.path(name) for name in names]
        else:
            to = place_of(self.folder.uri)
            with ThreadPoolExecutor(FETCHED) as threads:
                places = list(threads.map(lambda name: str(self.folder.copied(name, to, listed=True)), names))
        paths = ", ".join(map(one_file, places))
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
        """`write`, of rows in Arrow's form.

        Args:
            shard: its number.
            rows: all of its rows; a table that has this table's columns.
            facts: texts that are kept with them; the table's own when not given.
        """
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
        with self.folder.writing(name) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
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
        """Rows of a shard's own part by their key, read as they are asked for; none when it has no part.

        Args:
            shard: its number.
            key: the columns that make the key.
        """
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
        with contextlib.ExitStack() as held:
            if self.folder.is_local:
                if not self.layout().homes:
                    return 0
                try:
                    held.enter_context(self.folder.lock(".compact"))
                except Locked:
                    return 0
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

        def size_of(shard: int) -> float:
            whole = self.folder.size(layout.homes[shard])
            footer = layout.merged.get(layout.homes[shard])
            return whole if footer is None else whole * footer.shards[shard] / max(1, footer.rows)

        for _, alike in groupby(layout.homes, kind):
            run: list[int] = []
            filled = 0.0
            for _, together in groupby(alike, lambda shard: before.get(shard, shard)):
                unit = list(together)
                more = sum(map(size_of, unit))
                if run and filled + more > size:
                    yield run
                    run, filled = [], 0.0
                run, filled = run + unit, filled + more
            yield run

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
        with parquet_file(self.folder, sources[0][1]) as file:
            schema = file.schema_arrow  # not the Table's own, which may have been made without its numbers
        if "shard" in schema.names:
            schema = schema.remove(schema.get_field_index("shard"))
        schema = schema.append(pa.field("shard", pa.int32())).with_metadata(facts)
        with self.folder.writing(name) as file, pq.ParquetWriter(file, schema) as writer:
            for (shard, source), (_, rows) in zip(sources, counts, strict=True):
                if rows:
                    part = self._read_from(source, shard, schema.names[:-1])
                    number = pa.array([shard], pa.int32()).take(pa.repeat(0, rows))
                    writer.write_table(part.append_column("shard", number).cast(schema), row_group_size=rows)


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


def _sweep(copies: Path, names: Collection[str]) -> None:
    """Deletes copies on this machine of parts that a store has no longer, once nobody can be reading them.

    Args:
        copies: the folder in which they lie.
        names: of the parts that there are.
    """
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(copies):
            name = entry.name
            if name.endswith(".parquet") and name not in names and time.time() - entry.stat().st_mtime > OLD:
                for each in (name, f".{name}.stamp"):
                    (copies / each).unlink(missing_ok=True)


def single_name(shard: int) -> str:
    """The file of a shard's own part."""
    return f"{shard:05d}.parquet"


def digest_of(facts: Any) -> str:
    """12 hex digits that name settings.

    Args:
        facts: what JSON can hold; of anything else its repr counts.
    """
    text = json.dumps(facts, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
