"""What the supervised workers cost per task beyond the task itself: 100 k tasks of a handler that does nothing.

python benchmarks/engine_overhead.py [TASKS]

Limit: 1 ms per task; aim: 0.2 ms. Wall time from the first answer to the last, so that the start of the workers
(reported by itself) is not shared out over the tasks; CPU time of the supervising process.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from machine import headline

from faults import set_up_echo
from hoigen.work.local import Failure, Limits, Task, run


class Count:
    """Counts, and notes when the first and the last answer came."""

    def __init__(self) -> None:
        self.parts = self.done_ = 0
        self.first = 0.0

    def part(self, task: Task, part: Any) -> None:
        self.parts += 1

    def done(self, task: Task) -> None:
        self.first = self.first or time.perf_counter()
        self.done_ += 1

    def retry(self, task: Task, failure: Failure) -> Task:
        raise AssertionError(failure)

    def failed(self, task: Task, failure: Failure) -> Task | None:
        raise AssertionError(failure)


def measure(tasks: int, workers: int) -> None:
    count, began, cpu = Count(), time.perf_counter(), time.process_time()
    run((Task(str(at), at) for at in range(tasks)), set_up_echo, count, Limits(workers=workers))
    ended = time.perf_counter()
    assert count.parts == count.done_ == tasks
    each = (ended - count.first) / tasks * 1e6
    cpu_each = (time.process_time() - cpu) / tasks * 1e6
    start = (count.first - began) * 1e3
    print(f"{workers:7} {tasks:8} {each:14.1f} {cpu_each:16.1f} {start:12.0f}")


def main() -> None:
    print(headline())
    print("workers    tasks   µs per task   parent CPU, µs   start, ms")
    for workers in (0, 1, 2):
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, workers)


if __name__ == "__main__":
    main()
