"""What any executor must do, whatever does the tasks and wherever.

Another executor is added beside RAY, and passes. `apart`: its tasks are done in other processes than this one, so
that crashes, deadlines and memory cost the task alone; in this process (`workers: 0`) they cannot.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import executing
import pytest
from executing import HASTY, Book, Following, Lessening, gone, heard, program

import faults
from hoigen.core.errors import SetupError
from hoigen.work.executor import CHOSEN, executor
from hoigen.work.task import Failure, Task

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Case:
    """An executor as it is tested."""

    name: str
    workers: int

    @property
    def apart(self) -> bool:
        return self.workers > 0

    def go(self, *given: Any, **limits: Any) -> Any:
        return executing.go(executor(self.name), *given, **{"workers": self.workers, **limits})


NO_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="could not import 'ray'")
RAY = pytest.param(Case("ray", 2), marks=[NO_RAY, pytest.mark.slow], id="ray-2")
LOCAL = [Case(CHOSEN, 2), Case(CHOSEN, 1), Case(CHOSEN, 0)]
every = pytest.mark.parametrize("case", [*LOCAL, RAY], ids=lambda case: f"{case.name}-{case.workers}")
apart = pytest.mark.parametrize("case", [*LOCAL[:2], RAY], ids=lambda case: f"{case.name}-{case.workers}")


@every
def test_each_task_is_done_and_told_in_order(case: Case) -> None:
    book = case.go(["fine"] * 20)
    for at in range(20):
        assert book.of(str(at)) == [("part", "before fine"), ("part", "after fine"), ("done", None)]
    assert len(book.events) == 60


@every
def test_a_part_is_told_as_soon_as_it_was_sent(case: Case, tmp_path: Path) -> None:
    """Before the task ends: here it could not end well."""

    class Impatient(Book):
        def part(self, task: Task, part: Any) -> None:
            raise LookupError(part)

    with pytest.raises(LookupError, match="before raise"):
        case.go(["raise"], sink=Impatient())


@every
def test_an_error_is_tried_again_and_then_costs_its_own_task(case: Case) -> None:
    book = case.go(["fine", "raise", "fine", "fine"])
    assert sorted(book.keys("done")) == ["0", "2", "3"]
    assert [what for what, _ in book.of("1")] == ["part", "retry", "part", "failed"]
    failure = book.failure("1")
    assert (failure.kind, failure.reason, failure.doing, failure.tries) == (
        "error",
        "ValueError: said no",
        "at raise",
        2,
    )
    assert "in _raise" in failure.traceback


@every
@pytest.mark.parametrize("tries", [1, 3])
def test_so_many_tries_as_were_given(case: Case, tries: int) -> None:
    book = case.go(["raise"], tries=tries)
    assert [what for what, _ in book.of("0") if what != "part"] == ["retry"] * (tries - 1) + ["failed"]
    assert book.failure("0").tries == tries


@every
def test_a_fault_that_comes_once_costs_a_try(case: Case, tmp_path: Path) -> None:
    book = case.go(["fine", ("raise", str(tmp_path / "mark")), "fine"])
    assert sorted(book.keys("done")) == ["0", "1", "2"]
    assert book.keys("retry") == ["1"]


@every
def test_a_retry_may_have_less_to_do(case: Case) -> None:
    book = case.go(["raise"], sink=Lessening())
    assert [what for what, _ in book.of("0")] == ["part", "retry", "part", "part", "done"]


@every
def test_a_follow_up_is_done_and_has_all_its_tries(case: Case) -> None:
    book = case.go(["exit" if case.apart else "raise"], sink=Following())
    if case.apart:
        assert book.failure("next").tries == 2
    assert book.keys("done") == ["last"]


@every
def test_tasks_are_taken_as_they_are_needed(case: Case) -> None:
    taken = furthest = 0

    class Watching(Book):
        def done(self, task: Task) -> None:
            nonlocal furthest
            super().done(task)
            furthest = max(furthest, taken - len(self.keys("done")))

    def tasks() -> Iterator[int]:
        nonlocal taken
        for at in range(200):
            taken += 1
            yield at

    book = case.go(tasks(), faults.set_up_echo, sink=Watching())
    assert sorted(book.parts()) == list(range(200))
    assert furthest <= 10


@every
def test_tasks_and_sink_are_called_in_the_callers_thread(case: Case) -> None:
    import threading

    threads = set()

    class Noting(Book):
        def part(self, task: Task, part: Any) -> None:
            threads.add(threading.current_thread())

    def tasks() -> Iterator[int]:
        threads.add(threading.current_thread())
        yield from range(5)

    case.go(tasks(), faults.set_up_echo, sink=Noting())
    assert threads == {threading.current_thread()}


@every
def test_nothing_is_set_up_for_nothing(case: Case) -> None:
    assert case.go([], functools.partial(faults.set_up_fault, "raise")).events == []


@every
def test_what_the_sink_and_the_tasks_raise_goes_up_and_leaves_nobody(case: Case) -> None:
    class Full(Book):
        def part(self, task: Task, part: Any) -> None:
            super().part(task, part)
            if len(self.events) > 5:
                raise OSError("disk full")

    class Unbelieving(Book):
        def done(self, task: Task) -> None:
            raise SetupError("stopped")

    def ends() -> Iterator[float]:
        yield from (0, 0)
        raise KeyError("the list is broken")

    full, broken, unbelieving = Full(), Book(), Unbelieving()
    with pytest.raises(OSError, match="disk full"):
        case.go([0.01] * 100, faults.set_up_say_process, sink=full)
    with pytest.raises(KeyError):
        case.go(ends(), faults.set_up_say_process, sink=broken)
    with pytest.raises(SetupError, match="stopped"):
        case.go([0] * 9, faults.set_up_say_process, sink=unbelieving)
    workers = {*full.parts(), *broken.parts(), *unbelieving.parts()} - {os.getpid()}
    assert bool(workers) == case.apart
    assert gone(list(workers))


@apart
@pytest.mark.parametrize(("kind", "fault"), [("crash", "segfault"), ("crash", "exit"), ("deadline", "hang")])
def test_whatever_breaks_costs_its_own_task(case: Case, kind: str, fault: str) -> None:
    book = case.go(["fine", fault, "fine", "fine"], deadline=HASTY if kind == "deadline" else 60.0)
    assert sorted(book.keys("done")) == ["0", "2", "3"]
    assert [what for what, _ in book.of("1")] == ["part", "retry", "part", "failed"]
    assert (book.failure("1").kind, book.failure("1").doing) == (kind, f"at {fault}")


@apart
def test_too_much_memory_costs_its_own_task(case: Case) -> None:
    book = case.go(["fine", "slow_memory", "fine"], tries=1)
    assert (sorted(book.keys("done")), book.failure("1").kind) == (["0", "2"], "memory")


@apart
def test_progress_puts_the_deadline_off(case: Case) -> None:
    book = case.go([(50, False), (5, True)], faults.set_up_moves, tries=1, deadline=HASTY)
    assert book.of("0") == [("part", 50), ("done", None)]
    assert book.failure("1").kind == "deadline"


@apart
def test_while_tasks_wait_for_answers_from_outside_others_are_begun(case: Case, tmp_path: Path) -> None:
    """Each of the first waits until as many wait as there may be; were one too few begun, this would not end."""
    (tmp_path / "go").touch()
    most = 3 * case.workers
    book = case.go([(str(tmp_path), most, "")] * 4 * most, faults.set_up_meets, together=3)
    assert len(book.keys("done")) == 4 * most
    for at in range(4 * most):
        before, met, after = book.of(str(at))[:-1]
        assert (before, after) == (("part", "before"), ("part", "after"))
        assert met[1] <= most, "no more than there may be"


@apart
@pytest.mark.parametrize(
    ("kind", "fault"), [("error", "raise"), ("crash", "segfault"), ("deadline", "hang"), ("memory", "slow_memory")]
)
def test_whatever_breaks_costs_its_own_task_and_none_that_waits(
    case: Case, kind: str, fault: str, tmp_path: Path
) -> None:
    waiting = 4 * case.workers
    tasks = [*[(str(tmp_path), waiting, "")] * (waiting - 1), (str(tmp_path), waiting, fault)]
    book = case.go(tasks, faults.set_up_meets, together=4, tries=1, deadline=HASTY if kind == "deadline" else 60.0)
    assert sorted(map(int, book.keys("done"))) == list(range(waiting - 1)), "without a try of their own"
    failure = book.failure(str(waiting - 1))
    assert (failure.kind, failure.doing, failure.tries) == (kind, f"at {fault}", 1)
    lost = [thing.kind for event, _, thing in book.events if event == "retry"]
    assert lost == ["bystander"] * (3 if kind != "error" else 0), "those that waited in its process are begun anew"


@apart
def test_waiting_for_an_answer_from_outside_is_no_lack_of_progress(case: Case) -> None:
    for together in (1, 2):
        book = case.go([2.5 * HASTY] * 2, faults.set_up_waits, tries=1, deadline=HASTY, together=together)
        assert sorted(book.keys("done")) == ["0", "1"]


@apart
def test_parts_sent_before_the_end_come_before_its_failure(case: Case) -> None:
    book = case.go(["parting"], tries=1)
    assert [what for what, _ in book.of("0")] == ["part"] * 3 + ["failed"]


@apart
def test_a_set_up_that_breaks_stops_the_run(case: Case) -> None:
    with pytest.raises(SetupError, match="ValueError: said no"):
        case.go(range(10), functools.partial(faults.set_up_fault, "raise"))


@apart
def test_a_payload_that_cannot_be_sent_costs_its_task(case: Case) -> None:
    book = case.go([1, lambda: None, 2], faults.set_up_echo)
    assert (sorted(book.parts()), book.keys("failed")) == ([1, 2], ["1"])


@every
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_a_program_is_ended_nothing_is_left(case: Case, number: int, tmp_path: Path) -> None:
    with program(tmp_path, "set_up_say_process", 0.2, case.workers, case.name) as running:
        assert heard(running, 1) == ["main"]
        workers = {int(process) for process in heard(running, 5)} - {running.pid}
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
    assert gone(list(workers))
    assert running.returncode != 0
    if number == signal.SIGINT or (number == signal.SIGTERM and case.apart):
        assert errors.strip().endswith("KeyboardInterrupt")


def test_a_failure_is_a_failure() -> None:
    """What executors give to sinks can be sent on."""
    import pickle

    failure = Failure("crash", "the worker exited with 3", "decode", 2, "")
    assert pickle.loads(pickle.dumps(failure)) == failure
