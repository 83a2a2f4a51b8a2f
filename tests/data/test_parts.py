"""Parts of a table: written, merged, written over, taken out, and killed in between, against a plain dict."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoigen.data.files import Folder
from hoigen.data.tables import Table

COLUMNS = {"id": "string", "n": "int64"}
Rows = list[dict[str, Any]]
Model = Mapping[int, tuple[Rows, str]]
"""shard -> its rows, and the fact written with them."""


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True)
class FaultyFolder(Folder):
    """A folder whose change number `left[0]` does not take place any more, nor any after it."""

    left: list[int] = field(default_factory=lambda: [10**9], compare=False)

    def _change(self) -> None:
        self.left[0] -= 1
        if self.left[0] < 0:
            raise Killed

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        with super().writing(name) as file:
            yield file
            self._change()

    def remove(self, name: str) -> None:
        self._change()
        super().remove(name)


def table_in(folder: Folder) -> Table:
    return Table("t", folder, COLUMNS, ["x"])


def rows_of(shard: int, version: int, count: int) -> Rows:
    return [{"id": f"{shard}-{version}-{at}", "n": at, "x": version / 2 if at % 2 else None} for at in range(count)]


def by_sql(table: Table, relation: str) -> dict[int, Rows]:
    found: dict[int, Rows] = {}
    con = duckdb.connect(config={"threads": 1})
    if not table.folder.is_local:
        con.register_filesystem(table.folder.fs)
    for shard, *values in con.execute(f"select shard, id, n, x from {relation} order by shard, n").fetchall():
        found.setdefault(shard, []).append(dict(zip(("id", "n", "x"), values, strict=True)))
    return found


def check(table: Table, model: Model) -> None:
    """All readers agree with the model."""
    assert table.shards() == sorted(model)
    assert table.counts() == {shard: len(rows) for shard, (rows, _) in model.items()}
    for shard in {*model, 0, 9}:
        assert (table.count(shard) is not None) == (shard in model)
        rows, fact = model.get(shard, ([], ""))
        assert table.read(shard) == rows
        assert table.read(shard, ["n"]) == [{"n": row["n"]} for row in rows]
        assert table.facts_of(shard) == ({"made": fact} if shard in model else {})
    full = {shard: rows for shard, (rows, _) in model.items() if rows}
    assert by_sql(table, table.layout().relation()) == full
    assert by_sql(table, table.layout().relation(3, 6)) == {s: rows for s, rows in full.items() if 3 <= s <= 6}
    assert by_sql(table, table.layout().relation(only={1, 4, 5})) == {
        s: rows for s, rows in full.items() if s in (1, 4, 5)
    }


write = st.tuples(st.just("write"), st.integers(0, 9), st.integers(0, 3), st.sampled_from("ab"))
remove = st.tuples(st.just("remove"), st.integers(0, 9))
drop = st.tuples(st.just("drop"), st.integers(0, 9), st.frozensets(st.integers(0, 2), min_size=1))
compact = st.tuples(st.just("compact"), st.sampled_from([2, 4, 64]), st.sampled_from([2000, 6000, 1 << 20]))
steps = st.lists(st.tuples(st.one_of(write, write, compact, remove, drop), st.none() | st.integers(0, 6)), max_size=14)


def left_by(model: Model, step: tuple[Any, ...], version: int) -> dict[int, tuple[Rows, str]]:
    """What the model is after a step."""
    after = dict(model)
    match step:
        case ("write", shard, count, fact):
            after[shard] = (rows_of(shard, version, count), fact)
        case ("remove", shard):
            after.pop(shard, None)
        case ("drop", shard, numbers) if shard in after:
            rows, fact = after[shard]
            after[shard] = [row for row in rows if row["n"] not in numbers], fact
    return after


def apply(table: Table, model: Model, step: tuple[Any, ...], version: int) -> dict[int, tuple[Rows, str]]:
    """Does one step; what the model is after it."""
    after = left_by(model, step, version)
    match step:
        case ("write", shard, count, fact):
            table.write(shard, rows_of(shard, version, count), {"made": fact})
        case ("remove", shard):
            table.remove(shard)
        case ("drop", shard, numbers):
            gone = table.drop(shard, "n", numbers)
            assert gone == (len(model[shard][0]) - len(after[shard][0]) if shard in model else 0)
        case ("compact", shards, size):
            table.compact(shards, size)
    return after


@settings(max_examples=12, deadline=None)
@given(steps=steps)
def test_writing_merging_and_kills_leave_the_rows_of_a_dict(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = FaultyFolder(str(tmp_path_factory.mktemp("t") / "t"))
    table = table_in(folder)
    model: dict[int, tuple[Rows, str]] = {}
    for version, (step, killed_at) in enumerate(steps):
        folder.left[0] = 10**9 if killed_at is None else killed_at
        before = model
        try:
            model = apply(table, model, step, version)
        except Killed:
            after = left_by(before, step, version)
            touched = step[1] if step[0] != "compact" else -1
            now = table.read(touched) if touched >= 0 and table.count(touched) is not None else None
            model = after if now == (after[touched][0] if touched in after else None) else before
            if touched in before and touched in after and before[touched][0] == after[touched][0]:
                model = after if table.facts_of(touched) == {"made": after[touched][1]} else before
        folder.left[0] = 10**9
        check(table, model)


@pytest.mark.parametrize("killed_at", [*range(8), None])
def test_merged_over_again_and_killed_at_each_change(tmp_path: Path, killed_at: int | None) -> None:
    folder = FaultyFolder(str(tmp_path / "t"))
    table = table_in(folder)
    model = {}
    for shard in range(6):
        model = apply(table, model, ("write", shard, shard % 3, "a"), 0)
    assert table.compact() == 1
    assert folder.names() == ["00000-00005.parquet"]
    for shard in (2, 5, 7):
        model = apply(table, model, ("write", shard, 3, "a"), 1)
    folder.left[0] = 10**9 if killed_at is None else killed_at
    with contextlib.suppress(Killed):
        table.compact()
    folder.left[0] = 10**9
    check(table, model)
    table.compact()
    check(table, model)
    assert folder.names() == ["00000-00007.parquet"]
    assert table.compact() == 0, "nothing is left to be merged"


@dataclass(frozen=True)
class BusyFolder(Folder):
    """A folder in which another process does something, once, as soon as a merged part is in place."""

    other: list[Callable[[], None]] = field(default_factory=list, compare=False)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        with super().writing(name) as file:
            yield file
        if "-" in name and self.other:
            self.other.pop()()


def test_a_part_that_is_written_while_others_are_merged_is_not_lost(tmp_path: Path) -> None:
    folder = BusyFolder(str(tmp_path / "t"))
    table, there = table_in(folder), table_in(Folder(folder.uri))
    model: dict[int, tuple[Rows, str]] = {}
    for shard in range(4):
        model = apply(table, model, ("write", shard, 2, "a"), 0)
    folder.other.append(lambda: there.write(2, rows_of(2, 1, 3), {"made": "b"}))
    assert table.compact() == 1
    assert folder.names() == ["00000-00003.parquet", "00002.parquet"], "what the merged part holds of it is the old one"
    model[2] = (rows_of(2, 1, 3), "b")
    check(table, model)
    table.compact()
    check(table, model)


def test_what_is_merged_keeps_to_a_block_to_its_facts_and_to_a_size(tmp_path: Path) -> None:
    table = table_in(Folder(str(tmp_path / "t")))
    for shard, fact in enumerate("aaabbbaaaa"):
        table.write(shard, rows_of(shard, 0, 2), {"made": fact})
    table.compact(shards=8)
    assert table.folder.names() == [
        f"{name}.parquet" for name in ("00000-00002", "00003-00005", "00006-00007", "00008-00009")
    ]
    other = table_in(Folder(str(tmp_path / "o")))
    for shard in range(8):
        other.write(shard, rows_of(shard, 0, 2))
    one = other.folder.size("00000.parquet")
    other.compact(size=3 * one)
    assert other.folder.names() == [
        "00000-00002.parquet", "00003-00005.parquet", "00006-00007.parquet"
    ]  # fmt: skip


def test_a_table_made_without_its_numbers_merges_them_all_the_same(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "t"))
    for shard in range(3):
        table_in(folder).write(shard, rows_of(shard, 1, 2))
    assert Table("t", folder, COLUMNS).compact() == 1
    assert [table_in(folder).read(shard) for shard in range(3)] == [rows_of(shard, 1, 2) for shard in range(3)]


def test_a_table_in_a_store_is_read_as_one_on_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    folder = Folder("memory://parts/t")
    table = table_in(folder)
    assert table.shards() == []
    assert by_sql(table, table.layout().relation()) == {}
    model: dict[int, tuple[Rows, str]] = {}
    for shard, version in itertools.product(range(5), range(2)):
        model = apply(table, model, ("write", shard, 2, "a"), version)
    check(table, model)
    table.compact()
    assert folder.names() == ["00000-00004.parquet"]
    model = apply(table, model, ("write", 3, 1, "b"), 7)
    check(table, model)
    model = apply(table, model, ("remove", 0), 0)
    check(table, model)
    for shard in (1, 3, 9):  # merged, of its own, not there
        model = apply(table, model, ("drop", shard, {0}), 0)
        check(table, model)
    assert [len(model[shard][0]) for shard in (1, 2, 3)] == [1, 2, 0]
    for name in folder.names():
        folder.remove(name)
    check(table, {})
