"""What tests of executors share: a sink that writes everything down, and a look at processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from hoigen.work.task import Failure, Task

PATIENT = {"deadline": 60.0, "load_deadline": 60.0, "memory_mb": 400}
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
