"""The kernel of all stages: plan, hand out, journal, write a part, go on after a kill. Written once, here.

A stage is a subclass that says *what* (which shards, which items are still to be done, what an answer means, how a
shard's part is written). `Stage` does the rest: it takes the shards of this rank, gives items to the executor as they
are needed, journals each finished row at once, writes a shard's part when its last item is in, keeps the bar, and
closes journals however it ends. A stage without a run (pictures for a page) has no journal and no ranks.

    class Lengths(Stage):
        name = "lengths"

        def shards(self):                       # all of them: those of other ranks are passed over
            return [shard.shard for shard in self.run.shards()]

        def plan(self, shard):                  # what a part or the journal has is only counted
            known = {row["id"] for row in [*self.table.read(shard), *self.journal(shard).rows()]}
            for row in self.run.clips.read(shard):
                yield "done" if row["id"] in known else Item(row["id"], clip_of(row))

        def answer(self, item, part):           # rows for the journal
            yield {"id": item.key, "length": part}

        def lost(self, item, failure):          # the worker died of it twice
            yield {"id": item.key, "reason": failure.words}

        def write(self, shard, rows):           # the shard is complete
            self.table.write(shard, [*self.table.read(shard), *rows])
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hoigen.core.clip import Seconds
from hoigen.data import side
from hoigen.data.files import Folder
from hoigen.work.breaker import Breaker
from hoigen.work.events import Events
from hoigen.work.executor import CHOSEN, executor
from hoigen.work.progress import Progress
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.task import Failure, Handler, Limits, Machine, Task

if TYPE_CHECKING:
    from hoigen.data.columns import Row
    from hoigen.data.journal import Journal
    from hoigen.data.run import Run

LOOK_EVERY: Seconds = 0.2
"""How long is waited at a time for items that end elsewhere than in a worker."""


Around = AbstractContextManager[tuple[Iterator[Task], Callable[[], Handler] | Machine]]


@dataclass(slots=True, eq=False)
class Item:
    """One row of a stage's input that is to be done.

    Args:
        key: names it within its shard.
        payload: what a worker gets; None for an item that needs no worker (`Stage.begin`).
        data: whatever the stage wants to know when answers come.
        shard: set by the kernel.
    """

    key: str
    payload: Any
    data: Any = None
    shard: int = 0


@dataclass(slots=True)
class _Shard:
    """A shard under way: how many of its items are out, and whether all were handed out."""

    journal: Journal | None
    out: int = 0
    complete: bool = False


class Keeper(Protocol):
    """Who has the journals of shards under way: a run, or another folder that a stage fills."""

    def journal(self, stage: str, shard: int) -> Journal:
        """Finished rows of a shard whose part is not written yet, of the stage of that name."""


class Stage:
    """Base of all stages: subclasses override the first group of methods, and callers call `go`. A subclass sets
    `name`, that of the bar, the journals and the markers, and `unit`, that of the bar.

    Args:
        run: where journals and parts are; None for a stage without a run.
        rank: this process among those that share the run.
        barrier: where ranks meet at the stage's end.
    """

    name: str = ""
    unit: str = " clips"

    def __init__(self, run: Run | None = None, rank: Rank | None = None, barrier: Barrier | None = None) -> None:
        self.run, self.rank, self.barrier = run, rank or Rank(), barrier
        self.breaker = Breaker()
        self.progress: Any = None
        self._events: Events | None = None
        self._about: dict[str, int] = {}
        self._shards: dict[int, _Shard] = {}
        self._items: dict[str, Item] = {}
        self._reopened = False

    # what a stage says of itself

    def setup(self) -> Callable[[], Handler]:
        """What is called once in each worker and gives the handler; it is pickled."""
        raise NotImplementedError

    def keeper(self) -> Keeper | None:
        """Who has the journals: the run; a stage that fills another folder says which. None: nobody."""
        return self.run

    def around(self, tasks: Iterator[Task]) -> Around:
        """Held while the stage runs: the tasks, and what workers are set up with. For what must be there meanwhile."""
        return contextlib.nullcontext((tasks, self.setup()))

    def shards(self) -> Iterable[int]:
        """All shards of the stage, in order."""
        return (0,)

    def plan(self, shard: int) -> Iterator[Item | str]:
        """The items of a `shard` that are still to be done; for what is done already, how it ended (for the bar)."""
        raise NotImplementedError

    def begin(self, item: Item) -> None:
        """Begins an item that needs no worker; it ends in `elsewhere`."""
        raise NotImplementedError

    def answer(self, item: Item, part: Any) -> Iterable[Row]:
        """A part of an item's answer, as soon as it came; the rows are journalled at once."""
        raise NotImplementedError

    def again(self, item: Item, failure: Failure) -> Any:
        """The payload of another try of an `item`, after a `failure`."""
        return item.payload

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        """An `item` failed as often as it may, in the end by this `failure`; rows for the journal."""
        raise NotImplementedError

    def left(self, item: Item) -> Any:
        """After `lost`: the payload of what can still be done of the item; None when that was all."""
        return None

    def ended(self, item: Item) -> str | None:
        """How an item ended of which a worker has done all (for the bar; an empty text is not counted); None when it
        goes on elsewhere."""
        return "done"

    def elsewhere(self, wait: Seconds) -> Iterator[tuple[Item, str]]:
        """Items that have ended elsewhere than in a worker, with how; waits up to `wait` seconds for the first."""
        return iter(())

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        """Writes the part of a shard whose last item is in. rows: all of its journal, in the order they came."""

    def close(self) -> None:
        """However the stage ends."""

    # how it is done

    def go(self, limits: Limits, *, total: int = 0, quiet: bool = True) -> None:
        """Does all that is missing of this rank's shards.

        Args:
            limits: of the workers.
            total: how many rows there are in all, for the bar.
            quiet: no bar.

        Raises SetupError when the set-up is wrong, KeyboardInterrupt on Ctrl-C: what is done stays done. RanksOpen
        when this rank has done its part and others have not.
        """
        self.breaker.on = limits.breaker
        why = ""
        self._about = {"total": total, "workers": limits.workers}
        try:
            with (
                contextlib.closing(Progress(self.name, total, self.unit, quiet=quiet)) as self.progress,
                self.around(self._tasks()) as (tasks, setup),
            ):
                executor(CHOSEN if limits.cluster is None else "ray")(tasks, setup, self, limits)
                while self._items:
                    self.book(LOOK_EVERY)
        except BaseException as error:
            why = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
            raise
        finally:
            if self._events is not None:
                self._events.end(why)
            for shard in self._shards.values():
                if shard.journal is not None:
                    shard.journal.close()
            self.close()
        if self.barrier is not None:
            self.barrier.arrive()
            self.barrier.check()

    def journal(self, shard: int) -> Journal:
        """What is finished of a shard under way."""
        found = self._shards[shard].journal
        assert found is not None
        return found

    def reopen(self) -> None:
        """There is something to do: what was marked as done before is not."""
        if self.barrier is not None and not self._reopened:
            self.barrier.reopen()
        self._reopened = True

    def book(self, wait: Seconds = 0.0) -> None:
        """Takes note of the items that have ended elsewhere; waits up to `wait` seconds for the first."""
        for item, state in self.elsewhere(wait):
            self._end(item, state)

    def _tasks(self) -> Iterator[Task]:
        for shard in self.shards():
            if not self.rank.mine(shard):
                continue
            keeper = self.keeper()
            journal = keeper.journal(self.name, shard) if keeper is not None else None
            state = self._shards[shard] = _Shard(journal)
            if journal is not None and next(iter(journal.rows()), None) is not None:
                self.reopen()
            for item in self.plan(shard):
                if isinstance(item, str):
                    self.progress.count(item, already=True)
                    continue
                self.reopen()
                if self._events is None and self.run is not None:
                    side.fetch(self.run.path, Events.file_of(self.rank))  # it goes on with its own
                    folder = Folder(str(self.run.path))
                    self._events = Events(folder, self.rank, self.name, self._about, self._now)
                state.out += 1
                item.shard = shard
                self._items[self._key(item)] = item
                if item.payload is None:
                    self.begin(item)
                else:
                    yield Task(self._key(item), item.payload)
            state.complete = True
            self._finish_if_done(shard)

    def _now(self) -> dict[str, int]:
        return {"done": self.progress.counts.total(), "out": len(self._items)}

    def _key(self, item: Item) -> str:
        return f"{item.shard}/{item.key}"

    def _append(self, item: Item, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._events is not None and row.get("state") == "failed":
                self._events.failed(str(row.get("reason")))
            self.journal(item.shard).append(row)

    def _end(self, item: Item, state: str) -> None:
        del self._items[self._key(item)]
        if state:
            self.progress.count(state)
            if self._events is not None:
                self._events.count(state)
        self._shards[item.shard].out -= 1
        self._finish_if_done(item.shard)

    def _finish_if_done(self, shard: int) -> None:
        state = self._shards[shard]
        if state.complete and state.out == 0:
            self.write(shard, iter(state.journal.rows() if state.journal is not None else ()))
            if state.journal is not None:
                state.journal.remove()
            del self._shards[shard]

    # the executor's sink; a task whose item has ended elsewhere meanwhile is nobody's

    def part(self, task: Task, part: Any) -> None:
        if (item := self._items.get(task.key)) is not None:
            self._append(item, self.answer(item, part))
        self.book()

    def done(self, task: Task) -> None:
        item = self._items.get(task.key)
        if item is not None and (state := self.ended(item)) is not None:
            self._end(item, state)
        self.book()

    def retry(self, task: Task, failure: Failure) -> Task:
        if self._events is not None:
            self._events.fault(failure.kind)
        item = self._items.get(task.key)
        return task if item is None else Task(task.key, self.again(item, failure))

    def failed(self, task: Task, failure: Failure) -> Task | None:
        if self._events is not None:
            self._events.fault(failure.kind)
        item = self._items.get(task.key)
        if item is None:
            return None
        self._append(item, self.lost(item, failure))
        if (left := self.left(item)) is not None:
            return Task(task.key, left)
        if (state := self.ended(item)) is not None:
            self._end(item, state)
        return None
