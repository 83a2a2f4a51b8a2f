"""What an executor is given and what it tells: tasks, limits, failures, and who is told of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from hoigen.clip import Seconds


class Emit(Protocol):
    """How a handler says what it found."""

    def __call__(self, part: Any) -> None:
        """Sends a part of the answer at once."""

    def doing(self, what: str) -> None:
        """Names what is under way, so that a crash can be blamed on it. Costs next to nothing."""

    def progress(self) -> None:
        """The task has moved on: its deadline counts from here. Costs next to nothing.

        Said only of what cannot go on for ever: a later moment of a video, a further block of a file, the next of
        several steps. Said in every turn of a loop that never ends, it would keep that loop alive.
        """


Handler = Callable[[Any, Emit], None]


def cores() -> int:
    """Cores that this process may use, which under Slurm or in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the workers.

    workers: processes; 0 runs everything in this one, without deadline or memory cap, for a debugger.
    deadline: seconds for which a task may say no progress, from when a worker takes it up; of a handler that never says
    any, seconds for the whole task. load_deadline: seconds for setting one up, which is where models are read: minutes,
    for large ones on a network disk (two of 7 billion parameters, 28 GB, at 16 MB a second take half an hour).
    memory_mb: resident memory of one worker. tries: how often a task is tried in all.
    threads: of one worker's libraries (OpenMP, BLAS, OpenCV); the cores are shared out when None.
    """

    workers: int = field(default_factory=cores)
    deadline: Seconds = 120.0
    load_deadline: Seconds = 1800.0
    memory_mb: int = 4096
    tries: int = 2
    threads: int | None = None

    @property
    def threads_each(self) -> int:
        """CPU threads of one worker: all workers together have no more than there are cores."""
        return self.threads or max(1, cores() // max(1, self.workers))


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one call of the handler."""

    key: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed.

    kind: error (the handler raised), crash (its process died), device (its process can use its graphics card no
    more), deadline or memory. doing: what the handler had last named. tries: how many there have been. traceback:
    Python's, or the last the process printed.
    """

    kind: str
    reason: str
    doing: str
    tries: int
    traceback: str


class Sink(Protocol):
    """Who is told. All calls come from the parent's own thread; those about one task in order."""

    def part(self, task: Task, part: Any) -> None:
        """A part of the answer, as soon as it was sent. Parts sent before a crash come before its failure."""

    def done(self, task: Task) -> None:
        """The handler has returned."""

    def retry(self, task: Task, failure: Failure) -> Task:
        """Before another try: the same task, or one with less left to do."""

    def failed(self, task: Task, failure: Failure) -> Task | None:
        """Out of tries; may return a follow-up task, which has all its tries."""
