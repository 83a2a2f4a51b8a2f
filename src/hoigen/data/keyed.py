"""Rows by key that many processes append to, of one machine or of several that share a folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from hoigen.core.errors import Locked
from hoigen.data.columns import Row, schema_of
from hoigen.data.files import Folder
from hoigen.data.journal import Journal
from hoigen.data.parquet import parquet_file

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

STEM = re.compile(r"\d{20}-\d+-[0-9a-f]{8}")
PART_ROWS = 1024
"""Rows of a journal at which it becomes a part."""
GROUP_ROWS = 256
"""Rows that are compressed together: read and held at once."""
MERGE_PARTS = 32
"""So many parts of one size become one of the next: of n rows there are some 32 * log32(n / 1024) parts."""
HELD_GROUPS = 8
HOLDS = "hoigen.holds"
"""In a merged part's metadata: the stems of the parts whose rows it has."""
HEAD = "head"
TRIES = 20
"""Times that the folder is listed anew when what was listed was merged before it could be opened."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part's first halves of keys in ascending order, the row of each, and where its row groups begin."""

    name: str
    holds: frozenset[str]
    heads: np.ndarray
    rows: np.ndarray
    begins: np.ndarray


class KeyedLog:
    """An append-only log: nothing that is there is ever changed, so whoever reads needs no lock.

    Each process writes a journal of its own (`STEM.jsonl`), line by line, which becomes a Parquet part (`STEM.parquet`)
    when it is long enough or closed; a journal that its process left behind is taken over by whoever opens the log
    next. Small parts are merged. Killed at any moment, a row is there whole or not at all, and never twice.

    Memory: 12 bytes a row for the index, the rows of journals, and a few row groups. A look-up reads one row group,
    which holds what was written at the same time.

    In an object store, which has no locks, journals of others and small parts stay as they are.

    Args:
        folder: where it lies; None: in memory alone, gone with the process.
        columns: name -> kind, as in `hoigen.data.columns`. `key` (64 hex digits) and `at` (seconds since 1970) must be
            among them.
        over: another log, which is read and not written to: what is appended stays in memory.
    """

    def __init__(self, folder: Folder | None, columns: Mapping[str, str], *, over: KeyedLog | None = None) -> None:
        self.folder, self.columns, self.over = folder, dict(columns), over
        self._lock = threading.RLock()
        self._parts: dict[str, _Part] = {}
        self._journals: dict[str, dict[str, list[Row]]] = {}
        self._read_to: dict[str, int] = {}
        self._groups: dict[tuple[str, int], dict[str, list[Row]]] = {}
        self._stem, self._count = _new_stem(), 0
        self._held = contextlib.ExitStack()
        self._journal: Journal | None = None
        self._together: Callable[[Row], None] | None = None
        if folder is not None:
            self._take_over()
            self._look()

    # writing

    def append(self, row: Row) -> None:
        """Adds a row; it outlives this process once this returns (in a store: a few seconds later, see `Journal`).

        Args:
            row: a value for each column.
        """
        with self._lock:
            if self._together is not None:
                self._together(row)
                return
            if self.folder is not None:
                (self._journal or self._begin(self.folder)).append(row)
            self._journals.setdefault(self._stem, defaultdict(list))[row["key"]].append(row)
            self._count += 1
            if self.folder is not None and self._count >= PART_ROWS:
                self._seal()

    def _begin(self, folder: Folder) -> Journal:
        """A journal of this process. It is locked while the process lives: so others know that it does."""
        for left in reversed(range(TRIES if folder.is_local else 0)):
            try:
                name = f"{self._stem}.jsonl"
                if _is_at(self._held.enter_context(folder.lock(name)), folder.path(name)):
                    break
            except Locked:
                if not left:
                    raise
            self._stem = _new_stem()  # somebody who looked for journals without a process was faster
        self._journal = Journal(folder, f"{self._stem}.jsonl")
        return self._journal

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is appended in the block, by one thread, is there whole when it ends well, and not at all when it does
        not. Until then it is not found."""
        import pyarrow as pa

        gathered: list[Row] = []
        if self.folder is None:
            self._together = gathered.append
            try:
                yield
            finally:
                self._together = None
            for row in gathered:
                self.append(row)
            return
        stem, count = _new_stem(), 0

        def flush() -> None:
            if gathered:
                write(pa.Table.from_pylist([{HEAD: _head(row["key"]), **row} for row in gathered], schema=self._schema))
                gathered.clear()

        def add(row: Row) -> None:
            nonlocal count
            gathered.append(row)
            count += 1
            if len(gathered) >= GROUP_ROWS:
                flush()

        try:
            with self._writer(stem, ()) as write:
                self._together = add
                yield
                flush()
        finally:
            self._together = None
        if not count:
            self.folder.remove(f"{stem}.parquet")
        with self._lock:
            self._look()

    def close(self) -> None:
        """Makes a part of this process's journal. The log may be used again."""
        with self._lock:
            if self.folder is not None:
                self._seal()

    def _seal(self) -> None:
        if self._journal is None:
            return
        assert self.folder is not None
        self._journal.close()
        rows = [row for of_key in self._journals.get(self._stem, {}).values() for row in of_key]
        self._write(self._stem, sorted(rows, key=lambda row: row["at"]))
        self._journal.remove()
        self._held.close()
        self._journal, self._stem, self._count = None, _new_stem(), 0
        self._merge()
        self._look()

    def _write(self, stem: str, rows: Sequence[Row]) -> None:
        import pyarrow as pa

        with self._writer(stem, ()) as write:
            write(pa.Table.from_pylist([{HEAD: _head(row["key"]), **row} for row in rows], schema=self._schema))

    @property
    def _schema(self) -> pa.Schema:
        return schema_of({HEAD: "int64", **self.columns}, ())

    @contextlib.contextmanager
    def _writer(self, stem: str, holds: Sequence[str]) -> Iterator[Any]:
        import pyarrow.parquet as pq

        assert self.folder is not None
        schema = self._schema.with_metadata({HOLDS: json.dumps(list(holds))})
        with (
            self.folder.writing(f"{stem}.parquet") as file,
            pq.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            yield lambda table: writer.write_table(table, row_group_size=GROUP_ROWS)

    def _take_over(self) -> None:
        """Makes parts of journals whose processes are gone."""
        assert self.folder is not None
        if not self.folder.is_local:
            return
        for name in self.folder.names():
            stem, _, kind = name.partition(".")
            if kind != "jsonl" or not STEM.fullmatch(stem):
                continue
            with contextlib.suppress(Locked, FileNotFoundError), self.folder.lock(name) as held:
                if not _is_at(held, self.folder.path(name)):
                    continue
                journal = Journal(self.folder, name)
                if not self.folder.exists(f"{stem}.parquet") and (rows := list(journal.rows())):
                    self._write(stem, rows)
                journal.remove()

    def _merge(self) -> None:
        """Makes one part of many small ones. The new one comes first and says which it stands for, then those go."""
        assert self.folder is not None
        if not self.folder.is_local:
            return
        with contextlib.suppress(Locked), self.folder.lock(".merge"):
            for name in self._look():
                self.folder.remove(name)  # who merged was killed before they went
            # a part whose journal is still there was made by a process that is at it, or was killed just then: whoever
            # takes the journal over must find the part
            unfinished = {name.partition(".")[0] for name in self._names("jsonl")}
            sizes: dict[int, list[str]] = defaultdict(list)
            for stem, part in sorted(self._parts.items()):
                if stem in unfinished:
                    continue
                size = 0
                while len(part.rows) > PART_ROWS * MERGE_PARTS**size * 1.5:
                    size += 1
                sizes[size].append(stem)
            for stems in sizes.values():
                if len(stems) >= MERGE_PARTS:
                    with self._writer(_new_stem(), stems) as write:
                        for stem in stems:
                            with parquet_file(self.folder, f"{stem}.parquet") as file:
                                for group in range(file.num_row_groups):
                                    write(file.read_row_group(group).cast(self._schema))
                    for stem in stems:
                        self.folder.remove(f"{stem}.parquet")

    # reading

    def of(self, key: str, *, fresh: bool = True) -> list[Row]:
        """The rows of a key in order of time, equal times in the order in which they were written.

        Args:
            key: 64 hex digits.
            fresh: where none is known, what others have written meanwhile is looked at. (Of a key that has rows, theirs
                are seen with the next look for another.)
        """
        with self._lock:
            rows = self._of(key)
            if not rows and fresh and self.folder is not None and self.folder.is_local:
                self._look()
                rows = self._of(key)
        before = self.over.of(key, fresh=fresh) if self.over is not None else []
        return before + sorted(rows, key=lambda row: row["at"])

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """All rows, in tables of bounded size, in no certain order.

        Args:
            columns: which.
        """
        import pyarrow as pa

        if self.over is not None:
            yield from self.over.tables(columns)
        with self._lock, contextlib.ExitStack() as opened:
            schema = pa.schema([self._schema.field(name) for name in columns])
            for file in self._open_all(opened):
                for batch in file.iter_batches(columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(columns)
            for journal in list(self._journals.values()):
                rows = [{name: row[name] for name in columns} for of_key in journal.values() for row in of_key]
                yield pa.Table.from_pylist(rows, schema=schema)

    def _open_all(self, opened: contextlib.ExitStack) -> list[Any]:
        """All parts, open: what is open stays readable when somebody merges it."""
        if self.folder is None:
            return []
        for left in reversed(range(TRIES)):
            self._look()
            with contextlib.ExitStack() as stack:
                try:
                    files = [stack.enter_context(parquet_file(self.folder, part.name)) for part in self._parts.values()]
                except FileNotFoundError:
                    if not left:
                        raise
                    continue
                opened.push(stack.pop_all())
                return files
        raise AssertionError("unreachable")

    def _names(self, kind: str) -> set[str]:
        assert self.folder is not None
        split = ((name, *name.partition(".")[::2]) for name in self.folder.names())
        return {name for name, stem, end in split if end.partition(".")[0] == kind and STEM.fullmatch(stem)}

    def _look(self) -> list[str]:
        """Takes in what others have written since the last look; the parts that another one stands for already."""
        assert self.folder is not None
        known = {part.name: part for part in self._parts.values()}
        for left in reversed(range(TRIES)):
            journals, names = self._names("jsonl"), self._names("parquet")  # a journal goes after its part has come
            try:
                for name in sorted(names - known.keys()):
                    known[name] = self._open(name)
                break
            except FileNotFoundError:  # merged just now
                if not left:
                    raise
        stays = {name.removesuffix(".parquet"): part for name, part in known.items() if name in names}
        held = frozenset().union(*(part.holds for part in stays.values()))
        self._parts = {stem: part for stem, part in stays.items() if stem not in held}
        for name in sorted(journals):
            stem = name.partition(".")[0]
            if stem not in stays and stem not in held and stem != self._stem:
                self._read_on(stem, name)
        for stem in [stem for stem in self._journals if stem in stays or stem in held]:
            del self._journals[stem]
        return [part.name for stem, part in stays.items() if stem in held]

    def _read_on(self, stem: str, name: str) -> None:
        """Reads the lines of somebody's journal that are new; a last one that is not whole yet waits."""
        assert self.folder is not None
        begin = self._read_to.get(name, 0)
        with contextlib.suppress(FileNotFoundError):
            if self.folder.size(name) <= begin:
                return
            with self.folder.reading(name) as file:
                file.seek(begin)
                lines, _, _ = file.read().rpartition(b"\n")
            self._read_to[name] = begin + len(lines) + 1 if lines else begin
            into = self._journals.setdefault(stem, defaultdict(list))
            for line in lines.split(b"\n"):
                with contextlib.suppress(ValueError):
                    row = json.loads(line)
                    if isinstance(row, dict) and row.keys() >= self.columns.keys():
                        into[row["key"]].append(row)

    def _open(self, name: str) -> _Part:
        import numpy as np

        assert self.folder is not None
        with parquet_file(self.folder, name) as file:
            holds = json.loads((file.schema_arrow.metadata or {}).get(HOLDS.encode(), b"[]"))
            heads = file.read([HEAD])[HEAD].to_numpy()
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        order = np.argsort(heads, kind="stable").astype(np.int32)
        return _Part(name, frozenset(holds), heads[order], order, np.cumsum([0, *sizes])[:-1])

    def _of(self, key: str) -> list[Row]:
        for left in reversed(range(TRIES)):
            try:
                return self._in_parts(key) + [row for rows in self._journals.values() for row in rows.get(key, ())]
            except FileNotFoundError:  # merged just now
                if not left:
                    raise
                self._look()
        raise AssertionError("unreachable")

    def _in_parts(self, key: str) -> list[Row]:
        found: list[Row] = []
        head = _head(key)
        for part in self._parts.values():
            begin, end = part.heads.searchsorted(head), part.heads.searchsorted(head, "right")
            for group in sorted({int(part.begins.searchsorted(row, "right")) - 1 for row in part.rows[begin:end]}):
                found += self._group(part.name, group).get(key, ())
        return found

    def _group(self, name: str, number: int) -> dict[str, list[Row]]:
        rows = self._groups.pop((name, number), None)
        if rows is None:
            assert self.folder is not None
            with parquet_file(self.folder, name) as file:
                read = file.read_row_group(number, list(self.columns)).to_pylist()
            rows = defaultdict(list)
            for row in read:
                rows[row["key"]].append(row)
        self._groups[(name, number)] = rows  # the last one that was asked for is the last to go
        while len(self._groups) > HELD_GROUPS:
            del self._groups[next(iter(self._groups))]
        return rows


def _is_at(file: IO[str], path: str) -> bool:
    """Whether an open file still lies at its path: between opening and locking it, others may delete it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _new_stem() -> str:
    return f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"


def _head(key: str) -> int:
    """The first 64 bits of a key, as a signed number."""
    head = int(key[:16], 16)
    return head - (1 << 64) if head >= 1 << 63 else head
