"""What an executor is given and what it reports: tasks, limits, failures, and the sink that gets them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from hoigen.core import errors
from hoigen.core.clip import Seconds
from hoigen.core.settings import Setting, check_bounds

NOT_THE_VIDEOS = (
    "That is an error of hoigen or of a library that does not fit it, not of the videos. `hoigen doctor` looks at the "
    "libraries; when it is mended, `hoigen retry RUN` tries the videos again that have failed for it."
)


class Emit(Protocol):
    """How a handler reports what it found."""

    def __call__(self, part: Any) -> None:
        """Sends a part of the answer at once."""

    def doing(self, what: str) -> None:
        """Names what is under way, so that a crash can be blamed on it. Costs next to nothing."""

    def progress(self) -> None:
        """The task has moved on: its deadline counts from here. Costs next to nothing.

        To be called only by what comes to an end: at a later moment of a video, a further block of a file, the next of
        several steps. Called in every turn of an endless loop, it would keep that loop alive.
        """


Handler = Callable[[Any, Emit], None]


DEADLINE: Seconds = 120.0
"""Without progress: what one step of a clip's work may take (a second of a video, a measure). Of this project's own."""
LOAD_DEADLINE: Seconds = 1800.0
"""For reading models: minutes, for large ones on a network disk. Two of 7 billion parameters, 28 GB, at 16 MB a second
take half an hour."""
MEMORY_MB = 4096
"""Of one worker. Of this project's own: 488 MB were seen at 1080p with the lite recipe (docs/benchmarks.md)."""


def cores() -> int:
    """Cores that this process may use, which under Slurm or in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


EVERY_CORE = 0
"""Workers of a machine of a cluster, when nobody says how many: as many as it has room for."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A set-up that first needs something on each machine, for as long as workers are at work there: a process that
    owns the models.

    open: gives what workers are set up with; it is pickled.
    """

    open: Callable[[], AbstractContextManager[Callable[[], Handler]]]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where Ray does the work, and what of it."""

    address: Annotated[str, Setting("of the cluster (`auto`, or host:port); empty starts one on this machine")] = ""
    cpus: Annotated[float, Setting("CPUs that one worker takes", above=0)] = 1.0
    gpus: Annotated[
        float | None,
        Setting(
            "GPUs that the workers of a node take together, 0.5 for half a card; null is one where a node has any",
            least=0,
        ),
    ] = None

    def __post_init__(self) -> None:
        check_bounds(type(self), vars(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the workers.

    Args:
        workers: processes, on a cluster of each machine (EVERY_CORE: as many as it has room for); 0 here runs all in
            this one, without deadline or memory cap, for a debugger.
        deadline: seconds for which a task may report no progress, from when a worker takes it up; of a handler that
            never reports any, seconds for the whole task.
        load_deadline: seconds for setting a worker up, which is where models are read.
        memory_mb: resident memory of one worker.
        tries: how often a task is tried in all.
        breaker: a run in which nearly everything fails alike is stopped.
        threads: of one worker's libraries (OpenMP, BLAS, OpenCV); the cores are shared out when None.
        together: tasks that one worker may have begun: one is worked at, the others wait for answers from outside
            (`worker.elsewhere`). With 1 the worker waits with its task. Where `workers` is EVERY_CORE: of all
            workers of a machine.
        cluster: what the executor `ray` goes by.
    """

    workers: int = field(default_factory=cores)
    deadline: Seconds = DEADLINE
    load_deadline: Seconds = LOAD_DEADLINE
    memory_mb: int = MEMORY_MB
    tries: int = 2
    breaker: bool = True
    threads: int | None = None
    together: int = 1
    cluster: Cluster | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one call of the handler."""

    key: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed.

    Args:
        kind: error (the handler raised), crash (its process died), device (its process can use its graphics card no
            more), deadline or memory; bystander (its process was lost at another task: no try of its own).
        reason: in one line.
        doing: what the handler had last named.
        tries: how many there have been.
        traceback: Python's, or the last that the process printed.
    """

    kind: str
    reason: str
    doing: str
    tries: int
    traceback: str

    @property
    def words(self) -> str:
        """The failure in one line, as a row's reason."""
        whose = "an error of hoigen or of a library, not of the video: " if self.is_program_fault else ""
        return f"{whose}{self.reason} (while at {self.doing or 'work'}, {self.tries} tries)"

    @property
    def is_program_fault(self) -> bool:
        """Whether the handler raised what no file is ever at fault for (`errors.PROGRAM_FAULTS`)."""
        return self.kind == "error" and errors.is_program_fault(self.reason)

    @property
    def evidence(self) -> str:
        """What is shown when a run stops for it: where it happened and, where it is not the data, that."""
        trace = self.traceback or self.reason
        return f"{trace.rstrip()}\n{NOT_THE_VIDEOS}" if self.is_program_fault else trace


class Sink(Protocol):
    """What gets the results. All calls come from the parent's own thread; those about one task in order."""

    def part(self, task: Task, part: Any) -> None:
        """A part of the answer to `task`, as soon as it was sent. Parts sent before a crash come before its failure."""

    def done(self, task: Task) -> None:
        """The handler of `task` has returned."""

    def retry(self, task: Task, failure: Failure) -> Task:
        """Before another try of `task`, after a `failure`; returns the same task, or one with less left to do."""

    def failed(self, task: Task, failure: Failure) -> Task | None:
        """`task` is out of tries, its last `failure` is this; may return a follow-up task, which has all its tries."""
