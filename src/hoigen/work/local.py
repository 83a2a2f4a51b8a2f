"""Supervised worker processes on this machine: whatever breaks costs one task, never the run.

The parent sends tasks over a socket; a worker answers with parts as they come. A worker that dies, runs over its
deadline or over its memory is killed and replaced; the task it was at is tried once more, then given to the sink as
failed. Two quick tasks are in flight per worker, so that the round trip costs nothing; the second is never blamed.
"""

from __future__ import annotations

import itertools
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hoigen.core.errors import SetupError
from hoigen.work.task import Failure, Handler, Limits, Machine, Sink, Task


def run(tasks: Iterable[Task], setup: Callable[[], Handler] | Machine, sink: Sink, limits: Limits) -> None:
    """Runs all tasks; returns when each is done or was given up.

    Args:
        tasks: taken as they are needed, a few ahead.
        setup: called once in each worker process; gives the handler. It is pickled: a module's function, or
            functools.partial of one. A Machine is opened in this process before the first task.
        sink: gets parts and ends.
        limits: of the workers; with 0 of them everything runs in this process.

    Raises SetupError when workers cannot be set up, KeyboardInterrupt on Ctrl-C and on SIGTERM, and whatever the
    sink or `tasks` raise. However it ends, no worker is left.
    """
    if isinstance(setup, Machine):
        coming = iter(tasks)
        for first in coming:  # where nothing is to do, nothing is opened
            with setup.open() as of_worker:
                run(itertools.chain([first], coming), of_worker, sink, limits)
        return
    if limits.workers < 1:
        _run_here(iter(tasks), setup, sink, limits)
        return
    try:
        pickled = pickle.dumps(setup)
    except Exception as error:
        raise SetupError(f"setup cannot be sent to worker processes: {type(error).__name__}: {error}") from error
    from hoigen.work.supervisor import Supervisor

    with sigterm_as_ctrl_c():
        supervisor = Supervisor(iter(tasks), pickled, sink, limits)
        try:
            supervisor.run()
        finally:
            supervisor.kill_all()


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, unless the program handles it in its own way."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        ours = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and signal.signal(signal.SIGTERM, stop) is not None
    except ValueError:  # not in the main thread
        ours = False
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _EmitHere:
    """Emit without a process between."""

    def __init__(self, task: Task, sink: Sink) -> None:
        self.task, self.sink, self.what = task, sink, ""

    def __call__(self, part: Any) -> None:
        try:
            self.sink.part(self.task, part)
        except Exception as error:
            raise _FromSink(error) from None

    def doing(self, what: str) -> None:
        self.what = what

    def progress(self) -> None:
        pass


class _FromSink(BaseException):
    """Carries what the sink raised past handlers that catch every Exception."""


def _run_here(tasks: Iterator[Task], setup: Callable[[], Handler], sink: Sink, limits: Limits) -> None:
    import bdb
    import traceback

    handle: Handler | None = None
    for first in tasks:
        handle = handle or setup()
        task: Task | None = first
        tries = 0
        while task is not None:
            tries += 1
            emit = _EmitHere(task, sink)
            try:
                handle(task.payload, emit)
            except bdb.BdbQuit:
                raise
            except _FromSink as raised:
                raise raised.args[0] from None
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                failure = Failure("error", reason, emit.what, tries, traceback.format_exc())
                if tries < limits.tries:
                    task = sink.retry(task, failure)
                else:
                    task, tries = sink.failed(task, failure), 0
            else:
                sink.done(task)
                task = None
