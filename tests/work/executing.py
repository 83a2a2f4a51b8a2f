"""What tests of executors share: a sink that writes everything down, a program around them, a look at processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faults
from hoigen.work.executor import CHOSEN, Executor
from hoigen.work.task import Failure, Limits, Task

PATIENT = {"deadline": 60.0, "load_deadline": 60.0, "memory_mb": 200}
HASTY = 1.0


class Book:
    """A sink that writes everything down."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Any]] = []

    def part(self, task: Task, part: Any) -> None:
        self.events.append(("part", task.key, part))

    def done(self, task: Task) -> None:
        self.events.append(("done", task.key, None))

    def retry(self, task: Task, failure: Failure) -> Task:
        self.events.append(("retry", task.key, failure))
        return task

    def failed(self, task: Task, failure: Failure) -> Task | None:
        self.events.append(("failed", task.key, failure))
        return None

    def of(self, key: str) -> list[tuple[str, Any]]:
        return [(what, thing) for what, of, thing in self.events if of == key]

    def keys(self, what: str) -> list[str]:
        return [key for event, key, _ in self.events if event == what]

    def parts(self) -> list[Any]:
        return [thing for event, _, thing in self.events if event == "part"]

    def failure(self, key: str) -> Failure:
        return next(thing for what, thing in self.of(key) if what == "failed")


class Following(Book):
    """A follow-up of what failed by `exit` fails by `raise`, and that of `raise` is fine."""

    def failed(self, task: Task, failure: Failure) -> Task | None:
        super().failed(task, failure)
        return {"exit": Task("next", "raise"), "raise": Task("last", "fine")}.get(task.payload)


class Lessening(Book):
    """A retry has less to do."""

    def retry(self, task: Task, failure: Failure) -> Task:
        super().retry(task, failure)
        return Task(task.key, "fine")


def go(
    run: Executor,
    payloads: Iterable[Any],
    setup: Callable[[], Any] = faults.set_up_breaks,
    sink: Any = None,
    **limits: Any,
) -> Any:
    """Has it do a task for each payload, with patience; the sink, filled. The keys of tasks are 0, 1, ..."""
    sink = sink or Book()
    tasks = (Task(str(at), payload) for at, payload in enumerate(payloads))
    run(tasks, setup, sink, Limits(**{**PATIENT, **limits}))
    return sink


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from hoigen.work.executor import executor; from hoigen.work.task import Limits, Task
import faults

class Sink:
    def part(self, task, part): print(part, flush=True)
    def done(self, task): pass
    def retry(self, task, failure): return task
    def failed(self, task, failure): return None

print("main", flush=True)
tasks = (Task(str(at), {payload!r}) for at in range(10**9))
executor({name!r})(tasks, faults.{setup}, Sink(), Limits(workers={workers}))
"""
"""A real program without end around an executor, with no guard against being imported again. It prints `main`, and what
its tasks say."""


def program(folder: Path, setup: str, payload: Any, workers: int = 2, name: str = CHOSEN) -> subprocess.Popen[str]:
    """Starts it. setup: a function of faults.py; payload: of every task."""
    script = folder / "program.py"
    tests = str(Path(faults.__file__).parent)
    script.write_text(PROGRAM.format(tests=tests, name=name, setup=setup, payload=payload, workers=workers))
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, str(script)], **pipes, start_new_session=True, preexec_fn=hears_hangups)


def hears_hangups() -> None:
    """Tests that run under nohup hand down that a hangup is to be ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def heard(running: subprocess.Popen[str], lines: int) -> list[str]:
    """The next lines that a program prints."""
    assert running.stdout is not None
    return [running.stdout.readline().strip() for _ in range(lines)]


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(processes: list[int]) -> bool:
    """Waits for processes to be gone."""
    for _ in range(300):
        if not any(is_alive(process) for process in processes):
            return True
        time.sleep(0.1)
    return False
