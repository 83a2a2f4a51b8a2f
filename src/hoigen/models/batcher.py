"""Questions that wait together are answered in one batch: one thread works, many threads and event loops ask."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from hoigen.core import devices
from hoigen.core.clip import Seconds
from hoigen.core.errors import NoRoomError, SetupError
from hoigen.models import arena, room
from hoigen.models.uses import Network

Asked = TypeVar("Asked")
Got = TypeVar("Got")
Results = Sequence[Got | BaseException] | Callable[[], Sequence[Got | BaseException]]
"""Of a batch; or what gives them, called."""
AHEAD = 1
"""Batches that are begun while another one is under way."""
LINGER: Seconds = 0.02
"""How long a thread that generates text waits for a further request before it starts with those that it has."""


@dataclass(slots=True)
class _Job(Generic[Asked, Got]):
    """One question on its way.

    Args:
        asked: the question.
        kind: only jobs of one kind go together.
        most: what a batch may count in all.
        size: what this one counts for.
        future: gets the answer.
    """

    asked: Asked
    kind: Hashable
    most: int
    size: int = 1
    future: Future[Got] = field(default_factory=Future)


class Batcher(Generic[Asked, Got]):
    """Jobs of one kind in batches, those first that have waited longest.

    Args:
        work: gets what was asked by jobs of one kind and gives as many results in their order; a result that is an
            exception is raised where it was asked for, and what `work` itself raises, all of them get. It may also give
            what gives the results, called: then the next batch is begun meanwhile.
        name: of the thread.
        linger: seconds for which an idle thread waits for further questions; 0 begins at once.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked], Hashable], Results[Got]],
        name: str,
        linger: Seconds = LINGER,
    ) -> None:
        self.work, self.linger = work, linger
        self.waiting: list[_Job[Asked, Got]] = []
        self.news = threading.Condition()
        self.closed = False
        self.begun: queue.Queue[tuple[Sequence[_Job[Asked, Got]], Callable[[], Sequence[Got | BaseException]]] | None]
        self.begun = queue.Queue()
        self.under_way: list[int] = []  # what batches that are begun count for
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()
        threading.Thread(target=self._finish, name=f"{name}, answers", daemon=True).start()

    def submit(self, asked: Asked, kind: Hashable, most: int, size: int = 1) -> Future[Got]:
        """Queues a question; `asked`, `kind`, `most` and `size` as of `_Job`. Raises RuntimeError once it is closed."""
        job: _Job[Asked, Got] = _Job(asked, kind, max(1, most), size)
        with self.news:
            if self.closed:
                raise RuntimeError("the model is closed")
            self.waiting.append(job)
            self.news.notify()
        return job.future

    def close(self) -> None:
        """Ends the thread after the batch under way; what waits gets an error."""
        with self.news:
            self.closed = True
            for job in self.waiting:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(RuntimeError("the model was closed"))
            self.waiting.clear()
            self.news.notify()
        if threading.current_thread() is not self.thread:
            self.thread.join()

    def _run(self) -> None:
        while jobs := self._next():
            try:
                results = self.work([job.asked for job in jobs], jobs[0].kind)
            except BaseException as error:
                results = [error] * len(jobs)
            if callable(results):
                self.begun.put((jobs, results))
            else:
                _tell(jobs, results)
                self._ended()
        self.begun.put(None)

    def _finish(self) -> None:
        while (begun := self.begun.get()) is not None:
            jobs, results = begun
            try:
                said: Sequence[Got | BaseException] = results()
            except BaseException as error:
                said = [error] * len(jobs)
            _tell(jobs, said)
            self._ended()

    def _ended(self) -> None:
        with self.news:
            self.under_way.pop(0)
            self.news.notify()

    def _next(self) -> list[_Job[Asked, Got]]:
        """The next batch; empty when there will be none."""
        with self.news:
            while True:
                self.news.wait_for(lambda: self.closed or (self.waiting and self._worth_it()))
                if self.closed:
                    return []
                until = time.monotonic() + 5 * self.linger
                while self.linger and not self.closed and self.waiting and len(self._alike()) < self.waiting[0].most:
                    before = len(self.waiting)
                    self.news.wait(self.linger)
                    if len(self.waiting) == before or time.monotonic() > until:
                        break
                if self.closed or not self.waiting:
                    continue
                batch = self._alike()
                taken = {id(job) for job in batch}
                self.waiting = [job for job in self.waiting if id(job) not in taken]
                if batch := [job for job in batch if job.future.set_running_or_notify_cancel()]:
                    self.under_way.append(sum(job.size for job in batch))
                    return batch

    def _worth_it(self) -> bool:
        """Whether to begin with what waits: at once where nothing is under way. Beside a batch that is, only with one
        that is full or no smaller: else batches would become ever smaller, since those who got answers come back one
        by one."""
        if not self.under_way:
            return True
        if len(self.under_way) > AHEAD:
            return False
        batch = self._alike()
        there = sum(job.size for job in batch)
        full = len(batch) < sum(job.kind == batch[0].kind for job in self.waiting)
        return full or there >= min(batch[0].most, self.under_way[-1])

    def _alike(self) -> list[_Job[Asked, Got]]:
        """The first job and those that go with it, as many as there is room for."""
        first = self.waiting[0]
        batch, left = [first], first.most - first.size
        for job in self.waiting[1:]:
            if job.kind == first.kind and job.size <= left:
                batch.append(job)
                left -= job.size
        return batch


def _tell(jobs: Sequence[_Job[Any, Any]], results: Sequence[Any]) -> None:
    """Each of `jobs` gets its result, or the exception that it is."""
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, BaseException):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)


class NetworkService:
    """A network as the process of the models serves it: calls that wait and are alike are one batch, whichever worker
    and clip they are of. An idle network does not wait for further ones.

    Args:
        network: the description.
        used_by: a measure that has it, for errors.
    """

    def __init__(self, network: Network, used_by: str) -> None:
        self.network, self.used_by = network, used_by

    async def open(self) -> None:
        """Loads it. Raises SetupError that names the measure."""
        import asyncio

        try:
            self.loaded = await asyncio.to_thread(room.load, self.network)
        except Exception as error:
            kind = NoRoomError if devices.no_room(error) else SetupError
            why = str(error) or type(error).__name__
            raise kind(f"measure {self.used_by!r} could not load its model: {why}") from error

    async def answer(self, asked: room.Call | arena.Piece | None) -> Any:
        """The network's answer to what is `asked`, as arrays; to None, its facts, its ledger and its device; to a
        piece of memory, whether it can be read here."""
        import asyncio

        if asked is None:
            return self.loaded.facts, self.loaded.ledger, self.loaded.device
        if isinstance(asked, arena.Piece):
            try:
                return bool(arena.array_of(asked).tolist() == list(range(9)))
            except OSError:
                return False
        named = dict(zip(asked.named, map(_here, asked.named.values()), strict=True))
        call = dataclasses.replace(asked, inputs=tuple(map(_here, asked.inputs)), named=named)
        most = max(call.most, self.loaded.most)
        most = min(most, self.loaded.bound.rows or most)
        calls = call.split(most) if call.rows > most and call.parts else [call]
        queue: Batcher[tuple[room.Loaded, room.Call], Any] = room.once(_batches, self.loaded.device)
        kind = self.network, call.alike
        waiting = [queue.submit((self.loaded, each), kind, most, each.rows) for each in calls]
        answers = await asyncio.gather(*map(asyncio.wrap_future, waiting))
        return room.as_arrays(answers[0] if len(answers) == 1 else room.joined(answers))

    async def close(self) -> None:
        """It stays for as long as its process does."""


def _here(value: Any) -> Any:
    """An array of a question, where it lies."""
    return arena.array_of(value) if isinstance(value, arena.Piece) else value


def _batches(device: str) -> Batcher[tuple[room.Loaded, room.Call], Any]:
    """The queue of a device: one batch after the other, so that networks do not take each other's memory."""

    def answers(asked: Sequence[tuple[room.Loaded, room.Call]], _: Hashable) -> Callable[[], list[Any]]:
        return asked[0][0].started([call for _, call in asked])

    return Batcher(answers, f"hoigen networks on {device}", linger=0.0)
