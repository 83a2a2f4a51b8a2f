"""A stage says what is to be done; that each item is done once, journalled and written is the kernel's."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import faults
from hoigen.core.errors import RanksOpen
from hoigen.data.columns import Row
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Failure, Limits

SHARDS = {0: ["a", "b"], 1: ["c", "fine"], 2: [], 3: ["raise", "d"]}
LIMITS = Limits(workers=0)


class Words(Stage):
    """Words -> what a handler makes of them; parts are kept in memory."""

    name = "words"

    def __init__(self, run: Run, parts: dict[int, list[Row]], **how: Any) -> None:
        super().__init__(run, **how)
        self.parts, self.closed = parts, False
        self.handed: list[str] = []

    def setup(self) -> Callable[[], Any]:
        return faults.set_up_breaks

    def shards(self) -> Iterator[int]:
        yield from SHARDS

    def plan(self, shard: int) -> Iterator[Item | str]:
        known = {row["word"] for row in [*self.parts.get(shard, []), *self.journal(shard).rows()]}
        for word in SHARDS[shard]:
            if word in known:
                yield "done"
            else:
                self.handed.append(word)
                yield Item(word, word)

    def answer(self, item: Item, part: str) -> Iterator[Row]:
        if part.startswith("after"):
            yield {"word": item.key, "part": part}

    def lost(self, item: Item, failure: Failure) -> Iterator[Row]:
        yield {"word": item.key, "part": failure.words}

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        self.parts[shard] = [*self.parts.get(shard, []), *rows]

    def close(self) -> None:
        self.closed = True


ALL = {0: ["after a", "after b"], 1: ["after c", "after fine"], 2: [], 3: [
    "ValueError: said no (while at at raise, 2 tries)", "after d"]}  # fmt: skip


def said(parts: dict[int, list[Row]]) -> dict[int, list[str]]:
    return {shard: [row["part"] for row in rows] for shard, rows in parts.items()}


def test_all_items_are_done_once_and_their_shards_written(tmp_path: Path) -> None:
    parts: dict[int, list[Row]] = {}
    stage = Words(Run(tmp_path), parts)
    stage.go(LIMITS)
    assert said(parts) == ALL
    assert stage.closed
    assert stage.progress.counts == {"done": 6}
    again = Words(Run(tmp_path), parts)
    again.go(LIMITS)
    assert (again.handed, again.progress.counts, said(parts)) == ([], {"done": 6}, ALL)
    assert Run(tmp_path).folder.child("journal").names() == []


@pytest.mark.parametrize("after", range(6))
def test_stopped_anywhere_it_goes_on_with_what_is_missing(tmp_path: Path, after: int) -> None:
    class Stopping(Words):
        def ended(self, item: Item) -> str:
            if self.progress.counts["done"] >= after:
                raise KeyboardInterrupt
            return "done"

    parts: dict[int, list[Row]] = {}
    first = Stopping(Run(tmp_path), parts)
    with pytest.raises(KeyboardInterrupt):
        first.go(LIMITS)
    assert first.closed
    second = Words(Run(tmp_path), parts)
    second.go(LIMITS)
    assert said(parts) == ALL
    assert not set(first.handed) & set(second.handed), "its row was journalled before it was counted"


class Elsewhere(Words):
    """Items end in a thread, some time after the worker has done its part; a few need no worker at all."""

    def __init__(self, run: Run, parts: dict[int, list[Row]], **how: Any) -> None:
        super().__init__(run, parts, **how)
        self.over: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.begun: set[Item] = set()
        self.made: list[Row] = []

    def plan(self, shard: int) -> Iterator[Item | str]:
        for item in super().plan(shard):
            yield Item(item.key, None) if isinstance(item, Item) and item.key in ("b", "c") else item

    def begin(self, item: Item) -> None:
        self.begun.add(item)
        threading.Timer(0.05, self.over.put, [item]).start()

    def answer(self, item: Item, part: str) -> Iterator[Row]:
        if item not in self.begun:
            self.begin(item)
        return iter(())

    def ended(self, item: Item) -> str | None:
        return None if item in self.begun else "failed"

    def elsewhere(self, wait: float) -> Iterator[tuple[Item, str]]:
        try:
            item = self.over.get(timeout=wait) if wait else self.over.get_nowait()
        except queue.Empty:
            return
        self.made.append({"word": item.key, "shard": item.shard})
        yield item, "done"

    def lost(self, item: Item, failure: Failure) -> Iterator[Row]:
        return iter(())

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        self.parts[shard] = [row for row in self.made if row["shard"] == shard]


def test_items_may_end_elsewhere_than_in_a_worker(tmp_path: Path) -> None:
    parts: dict[int, list[Row]] = {}
    stage = Elsewhere(Run(tmp_path), parts)
    began = time.monotonic()
    stage.go(LIMITS)
    assert time.monotonic() - began < 5
    assert {shard: sorted(row["word"] for row in rows) for shard, rows in parts.items()} == {
        shard: sorted(words) for shard, words in SHARDS.items()
    }
    assert stage.progress.counts == {"done": 6}


def barrier(path: Path, number: int, of: int = 2) -> Barrier:
    return Barrier(Folder(str(path)), Rank(number, of), "words", "0123456789ab")


def test_ranks_meet_at_the_end_and_one_that_has_more_to_do_is_open_again(tmp_path: Path) -> None:
    parts: dict[int, list[Row]] = {}

    def go(number: int) -> None:
        Words(Run(tmp_path), parts, rank=Rank(number, 2), barrier=barrier(tmp_path, number)).go(LIMITS)

    with pytest.raises(RanksOpen, match="waiting for part 0; start the same command again"):
        go(1)
    assert sorted(parts) == [1, 3]
    go(0)
    assert said(parts) == ALL
    with barrier(tmp_path, 0).last_step():
        pass
    assert barrier(tmp_path, 1).passed
    del parts[3]
    assert barrier(tmp_path, 0).missing() == []
    go(1)
    assert not barrier(tmp_path, 0).passed, "what comes after all ranks is to be done again"


def test_markers_that_count_no_more_are_taken_away(tmp_path: Path) -> None:
    for number in range(5):
        barrier(tmp_path, number, 5).arrive()
    other = Barrier(Folder(str(tmp_path)), Rank(0, 2), "others", "0123456789ab")
    other.arrive()
    for number in range(2):
        barrier(tmp_path, number).arrive()
    assert barrier(tmp_path, 0).missing() == []
    busy = pytest.raises(RanksOpen, match="another process is at a step")
    with barrier(tmp_path, 0).last_step(), busy, barrier(tmp_path, 1).last_step():
        pass
    names = Folder(str(tmp_path / "ranks")).names()
    assert names == ["others-0123456789ab-0-of-2", *(f"words-0123456789ab-{n}-of-2" for n in (0, 1, "all"))]


def test_one_rank_alone_leaves_no_marker(tmp_path: Path) -> None:
    alone = barrier(tmp_path, 0, 1)
    alone.arrive()
    alone.check()
    with alone.last_step():
        pass
    assert Folder(str(tmp_path / "ranks")).names() == []
