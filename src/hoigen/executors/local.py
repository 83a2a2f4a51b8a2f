"""Supervised worker processes on this machine: whatever breaks costs one task, never the run.

The parent sends tasks over a pipe; a worker answers with parts as they come. A worker that dies, runs over its
deadline or over its memory is killed and replaced; the task it was at is tried once more, then given to the sink as
failed. Two tasks are in flight per worker, so that the pipe costs nothing; the second is never blamed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Protocol

from hoigen.clip import Seconds
from hoigen.errors import SetupError

LOAD_TRIES = 3
TICK: Seconds = 0.1
PREFETCH_BYTES = 32_768
"""Larger payloads wait until the worker is idle: two blocked pipes would wait for each other."""


class Emit(Protocol):
    """How a handler says what it found."""

    def __call__(self, part: Any) -> None:
        """Sends a part of the answer at once."""

    def doing(self, what: str) -> None:
        """Names what is under way, so that a crash can be blamed on it."""


Handler = Callable[[Any, Emit], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the workers. deadline: seconds per task; memory_mb: resident memory of one worker."""

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    deadline: Seconds = 120.0
    load_deadline: Seconds = 120.0
    memory_mb: int = 4096
    tries: int = 2


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one call of the handler."""

    key: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task was given up. kind: error, crash, deadline or memory."""

    kind: str
    reason: str
    doing: str
    tries: int
    traceback: str


class Sink(Protocol):
    """Who is told. All calls come from the parent's own thread, in order."""

    def part(self, task: Task, part: Any) -> None: ...

    def done(self, task: Task) -> None: ...

    def retry(self, task: Task, failure: Failure) -> Task: ...

    def failed(self, task: Task, failure: Failure) -> Task | None: ...


@dataclass(slots=True)
class _Flight:
    task: Task
    tries: int = 0
    started: float = 0.0
    doing: str = ""


class _Worker:
    """One child process and the tasks it has."""

    def __init__(self, setup: bytes, limits: Limits) -> None:
        self.limits = limits
        self.connection, child = Pipe()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the worker)
        command = [sys.executable, "-m", "hoigen.executors.worker", str(child.fileno()), str(os.getpid())]
        source = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            command,
            pass_fds=[child.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
            env={**os.environ, "PYTHONPATH": path},
        )
        child.close()
        self.ready = False
        self.born = time.monotonic()
        self.flights: deque[_Flight] = deque()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send((sys.path, setup, limits.memory_mb))

    def send(self, flight: _Flight) -> None:
        if not self.flights:
            flight.started = time.monotonic()
        flight.doing = ""
        self.flights.append(flight)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(flight.task.payload)

    def has_room(self, task: Task) -> bool:
        if not self.flights:
            return True
        return len(self.flights) < 2 and len(pickle.dumps(task.payload)) < PREFETCH_BYTES

    def resident_mb(self) -> float:
        try:
            with open(f"/proc/{self.process.pid}/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
        except (OSError, IndexError):
            return 0.0

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self.connection.close()

    def last_words(self) -> str:
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - 4096))
        return self.errors.read().decode("utf-8", "replace")


def run(tasks: Iterable[Task], setup: Callable[[], Handler], sink: Sink, limits: Limits) -> None:
    """Runs all tasks; returns when each is done or was given up.

    Raises SetupError when workers cannot be set up, and whatever the sink raises; then all workers are killed.
    """
    supervisor = _Supervisor(iter(tasks), pickle.dumps(setup), sink, limits)
    previous = _terminate_like_ctrl_c()
    try:
        supervisor.run()
    finally:
        supervisor.kill_all()
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _terminate_like_ctrl_c() -> Any:
    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        return signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        return None


class _Supervisor:
    def __init__(self, tasks: Iterator[Task], setup: bytes, sink: Sink, limits: Limits) -> None:
        self.tasks, self.setup, self.sink, self.limits = tasks, setup, sink, limits
        self.again: deque[_Flight] = deque()
        self.workers: list[_Worker] = []
        self.unready = 0
        self.exhausted = False
        self.next_flight: _Flight | None = None

    def run(self) -> None:
        last_look = 0.0
        while True:
            self._fill()
            if not any(worker.flights for worker in self.workers) and self._peek() is None:
                return
            self._listen()
            now = time.monotonic()
            if now - last_look >= TICK:
                last_look = now
                self._look(now)

    def kill_all(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def _peek(self) -> _Flight | None:
        if self.next_flight is None:
            if self.again:
                self.next_flight = self.again.popleft()
            elif not self.exhausted:
                task = next(self.tasks, None)
                self.exhausted = task is None
                self.next_flight = _Flight(task) if task is not None else None
        return self.next_flight

    def _fill(self) -> None:
        for depth in (0, 1):  # every idle worker first
            for worker in list(self.workers):
                while worker.ready and len(worker.flights) <= depth:
                    flight = self._peek()
                    if flight is None or not worker.has_room(flight.task):
                        break
                    self.next_flight = None
                    worker.send(flight)
        while len(self.workers) < self.limits.workers and self._peek() is not None:
            self.workers.append(_Worker(self.setup, self.limits))

    def _listen(self) -> None:
        by_connection = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection), timeout=TICK):
            assert isinstance(connection, Connection)
            self._read(by_connection[connection])

    def _read(self, worker: _Worker) -> None:
        """Takes what a worker has said; at most a few messages, so that one cannot starve the others."""
        for _ in range(64):
            try:
                if not worker.connection.poll():
                    return
                message = worker.connection.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                self._died(worker)
                return
            if not self._heard(worker, message):
                return

    def _heard(self, worker: _Worker, message: tuple[Any, ...]) -> bool:
        kind = message[0]
        if kind == "ready":
            worker.ready, self.unready = True, 0
        elif kind == "unready":
            self._cannot_load(worker, message[1], message[2])
            return False
        elif kind == "started":
            worker.flights[0].started = time.monotonic()
        elif kind == "doing":
            worker.flights[0].doing = message[1]
        elif kind == "part":
            self.sink.part(worker.flights[0].task, message[1])
        else:
            flight = worker.flights.popleft()
            if worker.flights:
                worker.flights[0].started = time.monotonic()
            if kind == "done":
                self.sink.done(flight.task)
            else:
                what = "memory" if message[3] else "error"
                self._gave_up(flight, what, message[1], message[2])
                if message[3]:
                    self._replace(worker)
                    return False
        return True

    def _look(self, now: float) -> None:
        for worker in list(self.workers):
            if not worker.ready:
                if now - worker.born > self.limits.load_deadline:
                    self._cannot_load(worker, f"not set up after {self.limits.load_deadline:g} s", worker.last_words())
                continue
            if worker.flights and now - worker.flights[0].started > self.limits.deadline:
                self._lost(worker, "deadline", f"took longer than {self.limits.deadline:g} s")
                continue
            resident = worker.resident_mb()
            if resident > self.limits.memory_mb and worker.flights:
                reason = f"took {resident:.0f} MB of memory, more than {self.limits.memory_mb} MB"
                self._lost(worker, "memory", reason)

    def _died(self, worker: _Worker) -> None:
        code = worker.process.wait()
        words = worker.last_words()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        if not worker.ready:
            self._cannot_load(worker, f"its process was {how}" if code < 0 else f"its process {how}", words)
        else:
            self._lost(worker, "crash", f"the worker was {how}" if code < 0 else f"the worker {how}", words)

    def _cannot_load(self, worker: _Worker, reason: str, trace: str) -> None:
        self._replace(worker)
        self.unready += 1
        if self.unready >= LOAD_TRIES:
            raise SetupError(f"the workers cannot be set up: {reason}\n{trace}".rstrip())

    def _lost(self, worker: _Worker, kind: str, reason: str, trace: str = "") -> None:
        worker.process.kill()
        self._drain(worker)
        flights = deque(worker.flights)
        worker.flights.clear()
        self._replace(worker)
        if flights:
            self._gave_up(flights.popleft(), kind, reason, trace or worker.last_words())
        self.again.extendleft(reversed(flights))

    def _drain(self, worker: _Worker) -> None:
        """Parts that were sent before the end are not lost."""
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while worker.flights and worker.connection.poll():
                message = worker.connection.recv()
                if message[0] in ("part", "doing"):
                    self._heard(worker, message)
                elif message[0] == "done":
                    self.sink.done(worker.flights.popleft().task)

    def _replace(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        for flight in worker.flights:
            self.again.append(flight)
        worker.kill()

    def _gave_up(self, flight: _Flight, kind: str, reason: str, trace: str) -> None:
        flight.tries += 1
        failure = Failure(kind, reason, flight.doing, flight.tries, trace)
        if flight.tries < self.limits.tries:
            self.again.append(_Flight(self.sink.retry(flight.task, failure), flight.tries))
            return
        follow_up = self.sink.failed(flight.task, failure)
        if follow_up is not None:
            self.again.append(_Flight(follow_up))
