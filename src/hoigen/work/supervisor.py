"""Gives tasks to workers, listens to them, and decides what is blamed when one is lost."""

from __future__ import annotations

import contextlib
import pickle
import selectors
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError
from hoigen.work.process import Flight, Worker, resident_mb, where_it_hangs
from hoigen.work.task import Failure, Limits, Sink, Task, cores
from hoigen.work.wire import DONE, ERROR, EXIT_MEMORY, GOES_ON, PART, READY, SERIAL, UNREADY, WAITS

LOOK_EVERY: Seconds = 0.1
LONGEST_LOOK: Seconds = 1.0
"""Of a longer gap only this much counts for deadlines: the parent was stopped, or the sink was slow."""

LOAD_TRIES = 3
"""Workers lost in a row without one task finished, before the run stops; one more when some had been set up."""

ROOM_AGAIN: Seconds = 60.0
"""How long after a worker that replaces another found no room one more is started."""

TAKE_UP: Seconds = 120.0
"""A worker that is ready and does not begin with its task for so long (or for a task's deadline) is lost."""

ROOM = 0.5
"""A worker that has tasks which wait takes one more only while it has used less than this share of its memory: what
waits keeps its frames."""

OTHERS = "its worker was lost at another task while this one waited"

END: Any = object()
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Supervisor:
    """One run. All its state is changed by the thread that calls `run`.

    Args:
        tasks: taken as they are needed; None among them is that there is nothing at the moment.
        setup: pickled; called once in each worker, gives the handler.
        sink: gets parts and ends.
        limits: of the workers.
    """

    def __init__(self, tasks: Iterator[Task | None], setup: bytes, sink: Sink, limits: Limits) -> None:
        self.tasks, self.setup, self.sink, self.limits = tasks, setup, sink, limits
        self.fresh: deque[Flight] = deque()  # to be tried again, on a worker that has done nothing yet
        self.again: deque[Flight] = deque()
        self.ahead: deque[Flight] = deque()
        self.exhausted = False
        self.workers: list[Worker] = []
        self.most = limits.workers  # fewer, once it has shown that no more fit into memory
        self.fewer_since = ""  # why there are fewer, until the user knows
        self.tasks_ended = False  # at least one has: how many workers fit is known then
        self.selector = selectors.DefaultSelector()
        self.lost_in_a_row = 0
        self.ever_ready = False
        self.grow_after: Seconds = 0.0

    def run(self) -> None:
        looked = time.monotonic()
        while True:
            self._fill()
            self._grow()
            idle = not self._pending(1) and not any(worker.flights for worker in self.workers)
            if idle and self.exhausted:
                return
            self._listen(max(0.0, looked + LOOK_EVERY - time.monotonic()))
            now = time.monotonic()
            if now - looked >= LOOK_EVERY:
                self._look(min(now - looked, LONGEST_LOOK))
                looked = now

    def kill_all(self) -> None:
        """Kills all workers at once, then waits for one after the other."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.ended()
            worker.close()
        self.workers.clear()
        self.selector.close()

    # handing out

    def _pending(self, wanted: int) -> int:
        """How many tasks wait, counted up to `wanted`; takes no more than that from the input."""
        there = len(self.fresh) + len(self.again) + len(self.ahead)
        while there < wanted and not self.exhausted:
            task = next(self.tasks, END)
            if task is END:
                self.exhausted = True
            elif task is None:
                break
            else:
                self.ahead.append(Flight(task))
                there += 1
        return min(there, wanted)

    def _fill(self) -> None:
        for depth in (0, 1):  # every idle worker first
            for worker in self.workers:
                if not worker.ready or worker.busy != depth or (depth and not worker.quick):
                    continue
                if len(worker.flights) > depth:  # some of its tasks wait for answers
                    full = len(worker.flights) - worker.busy >= self.limits.together
                    if full or resident_mb(worker.process.pid) >= ROOM * self.limits.memory_mb:
                        continue
                new_to_come = len(self.workers) < self.most or any(each.sent == 0 for each in self.workers)
                if self.fresh and (worker.sent == 0 or not new_to_come):
                    flight = self.fresh.popleft()
                elif self.again:
                    flight = self.again.popleft()
                elif self._pending(len(self.fresh) + 1) and self.ahead:
                    flight = self.ahead.popleft()
                else:
                    continue
                try:
                    worker.send(flight)
                except Exception as error:
                    reason = f"the task cannot be sent to a worker: {type(error).__name__}: {error}"
                    self._gave_up(flight, "error", reason, "", traceback.format_exc())
                else:
                    self._mind_writing(worker)

    def _grow(self) -> None:
        """As many workers as there is work for."""
        starting = sum(not worker.ready for worker in self.workers)
        while len(self.workers) < self.most and starting < self._pending(starting + 1):
            if time.monotonic() < self.grow_after:
                return
            try:
                # all workers together have no more threads than there are cores
                threads = self.limits.threads or max(1, cores() // max(1, self.limits.workers))
                worker = Worker(self.setup, self.limits.memory_mb, threads, self.limits.together)
            except OSError as error:
                self._count_loss("a worker process cannot be started", str(error))
                return
            starting += 1
            worker.replaces = self.tasks_ended
            self.workers.append(worker)
            self.selector.register(worker.link, READ, worker)
            self._mind_writing(worker)

    # listening

    def _listen(self, timeout: Seconds) -> None:
        for key, events in self.selector.select(timeout):
            worker: Worker = key.data
            if not worker.alive:
                continue
            if events & WRITE:
                worker.flush()
                self._mind_writing(worker)
            if not events & READ:
                continue
            try:
                there = worker.inbox.receive()
            except BlockingIOError:
                continue
            except OSError:
                there = False
            if not there:
                self._died(worker)
                continue
            for kind, body in worker.inbox.frames():
                if not self._heard(worker, kind, body):
                    break

    def _mind_writing(self, worker: Worker) -> None:
        wanted = READ | WRITE if worker.outbox else READ
        if self.selector.get_key(worker.link).events != wanted:
            self.selector.modify(worker.link, wanted, worker)

    def _heard(self, worker: Worker, kind: bytes, body: bytes) -> bool:
        """Takes one message; False when that was the end of the worker."""
        serial = SERIAL.unpack_from(body)[0]
        said = memoryview(body)[SERIAL.size :]
        if kind == READY:
            resident = resident_mb(worker.process.pid)
            if resident > self.limits.memory_mb:
                self._cannot_load(worker, self._too_much(resident), "")
                return False
            worker.ready = self.ever_ready = True
            return True
        if kind == UNREADY:
            reason, trace, no_room = pickle.loads(said)
            if no_room and len(self.workers) > 1:
                # memory does not hold as many workers as were asked for: those that it holds do the work
                self._remove(worker)
                if worker.replaces:  # it had room before, and is tried again later
                    self.grow_after = time.monotonic() + ROOM_AGAIN
                else:
                    self.most = len(self.workers)
                    self.fewer_since = (reason.strip().splitlines() or ["out of memory"])[0]
            else:
                self._cannot_load(worker, reason, trace, no_room=no_room)
            return False
        if kind == PART:
            flight = worker.flight(serial)
            if flight.unreadable:  # parts come in order or not at all
                return True
            try:
                part = pickle.loads(said)
            except Exception:
                flight.unreadable = traceback.format_exc()
                return True
            self.sink.part(flight.task, part)
        elif kind in (WAITS, GOES_ON):
            flight = worker.flight(serial)
            flight.begun, flight.waits = True, kind == WAITS
            if flight.waits:
                flight.doing = bytes(said).decode("utf-8", "replace")
        elif kind == DONE:
            flight = worker.landed(serial)
            self.lost_in_a_row = 0
            self.tasks_ended = True
            if flight.unreadable:
                self._gave_up(flight, "error", "a part of its answer cannot be read here", "", flight.unreadable)
            else:
                self.sink.done(flight.task)
        elif kind == ERROR:
            reason, trace, doing, what = pickle.loads(said)
            if what == "setup":
                raise SetupError(f"stopped: {reason}")
            self.lost_in_a_row = 0
            self._gave_up(worker.landed(serial), what, reason, doing, trace)
            if what != "error":
                self._remove(worker)
                return False
        return True

    # looking after

    def _look(self, passed: Seconds) -> None:
        # printed once, when those that were being started together have shown how many fit
        if self.fewer_since and self.workers and all(worker.ready for worker in self.workers):
            print(
                f"hoigen: memory holds {self.most} of {self.limits.workers} workers, which go on alone (a further one: "
                f"{self.fewer_since}); `workers: {self.most}` starts no more",
                file=sys.stderr,
            )
            self.fewer_since = ""
        for worker in list(self.workers):
            resident = resident_mb(worker.process.pid)
            waited = worker.watch(passed)
            if worker.process.poll() is not None:
                self._died(worker)
            elif not worker.ready:
                worker.loading += passed
                if worker.loading > self.limits.load_deadline:
                    reason = f"not set up after {self.limits.load_deadline:g} s (set load_deadline higher)"
                    self._cannot_load(worker, reason, where_it_hangs(worker.process, worker.log), again=False)
                elif resident > self.limits.memory_mb:
                    self._cannot_load(worker, self._too_much(resident), worker.log.last_words())
            elif resident > self.limits.memory_mb:
                self._lost(worker, "memory", self._too_much(resident))
            elif waited > self.limits.deadline and (suspect := worker.under_way()) and not worker.status.rests:
                self._drain(worker)
                if worker.alive and worker.under_way() is suspect and not worker.status.rests:  # else it has just ended
                    # Asking may wake what hangs (a system call that is interrupted): what comes from here on is late.
                    doing, trace = worker.status.doing, where_it_hangs(worker.process, worker.log)
                    reason = f"made no progress for {self.limits.deadline:g} s"
                    self._blame(worker, suspect, "deadline", reason, doing, trace)
            elif waited > max(TAKE_UP, self.limits.deadline):
                self._lost(worker, "deadline", "the worker did not take up its task")
            else:
                worker.log.trim()

    def _blame(self, worker: Worker, guilty: Flight, kind: str, reason: str, doing: str, trace: str) -> None:
        self.lost_in_a_row = 0
        worker.flights.remove(guilty)
        self._remove(worker)
        self._gave_up(guilty, kind, reason, doing, trace)

    def _too_much(self, resident: float) -> str:
        return f"took {resident:.0f} MB of memory, more than {self.limits.memory_mb} MB"

    def _died(self, worker: Worker) -> None:
        worker.ended(timeout=LOOK_EVERY)  # its link closes a moment before it is gone
        worker.kill()  # what it had started
        code = worker.ended()
        words = worker.log.last_words()
        if code == EXIT_MEMORY or (code == -signal.SIGABRT and "bad_alloc" in words):
            kind, how = "memory", f"the worker had no memory left (its limit is {self.limits.memory_mb} MB)"
        else:
            kind, how = "crash", f"the worker {exit_in_words(code)}"
        if worker.ready:
            self._lost(worker, kind, how, words)
        else:  # it may have said why
            self._drain(worker)
            if worker.alive:
                self._cannot_load(worker, how, words)

    def _lost(self, worker: Worker, kind: str, reason: str, trace: str = "") -> None:
        """A worker is gone or has to go. Only the task it was at is blamed, and only if that had not ended."""
        worker.kill()
        worker.ended()
        self._drain(worker)
        if not worker.alive:
            return
        guilty = worker.under_way()
        words = trace or worker.log.last_words()
        if guilty is None:
            self._remove(worker)
            self._count_loss(f"{reason}, before it took up a task", words)
            return
        doing = worker.status.doing if guilty.serial == worker.status.serial else guilty.doing
        self._blame(worker, guilty, kind, reason, doing, words)

    def _drain(self, worker: Worker) -> None:
        """What was sent before the end is not lost."""
        with contextlib.suppress(OSError):
            while worker.inbox.receive():
                pass
        for kind, body in worker.inbox.frames():
            if kind != READY and not self._heard(worker, kind, body):
                return

    def _remove(self, worker: Worker) -> None:
        """Ends a worker; its tasks go back, and that costs them no try. Of one that had begun only the rest is left."""
        worker.kill()
        worker.ended()
        self.workers.remove(worker)
        self.selector.unregister(worker.link)
        for flight in reversed(worker.flights):
            task = flight.task
            if flight.begun:
                task = self.sink.retry(task, Failure("bystander", OTHERS, flight.doing, flight.tries, ""))
            self.again.appendleft(Flight(task, flight.tries))
        worker.flights.clear()
        worker.close()

    def _cannot_load(
        self, worker: Worker, reason: str, trace: str, *, no_room: bool = False, again: bool = True
    ) -> None:
        self._remove(worker)
        if no_room:
            reason += (
                ". Not even one worker has room: take a smaller model or a smaller type (dtype), or give more memory_mb"
            )
        self._count_loss(reason, trace, again=again)

    def _count_loss(self, reason: str, trace: str, *, again: bool = True) -> None:
        """Counts workers that are lost before they do anything, so that starting them has an end."""
        self.lost_in_a_row += 1
        if self.lost_in_a_row >= LOAD_TRIES + self.ever_ready or not (again or self.ever_ready):
            raise SetupError(f"the workers cannot be set up: {reason}\n{trace}".rstrip())
        self.grow_after = time.monotonic() + 0.1 * self.lost_in_a_row

    def _gave_up(self, flight: Flight, kind: str, reason: str, doing: str, trace: str) -> None:
        flight.tries += 1
        failure = Failure(kind, reason, doing, flight.tries, trace)
        if flight.tries >= self.limits.tries:
            follow_up = self.sink.failed(flight.task, failure)
            if follow_up is not None:
                self.again.append(Flight(follow_up))
            return
        another = Flight(self.sink.retry(flight.task, failure), flight.tries)
        (self.again if kind == "error" else self.fresh).append(another)


def exit_in_words(code: int | None) -> str:
    """How a process ended. code: its exit status as of subprocess, None where it did not end."""
    if code is None:
        return "did not end when killed"
    if code >= 0:
        return f"exited with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if code == -signal.SIGKILL:
        return f"was killed by {name} from outside (as the system does when memory runs short)"
    return f"was killed by {name}"
