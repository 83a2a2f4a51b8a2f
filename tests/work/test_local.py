"""Whatever a task does, it costs that task, and everything that went in is accounted for."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import executing
import pytest
from executing import HASTY, Book, gone, heard, is_alive, program

import faults
from hoigen.core.errors import SetupError
from hoigen.work import local, process, supervisor, wire
from hoigen.work.task import Failure, Task

pytestmark = pytest.mark.timeout(120)


go = functools.partial(executing.go, local.run, workers=2)


@pytest.mark.parametrize("kind", [*faults.CRASHES, *faults.HANGS, *faults.MEMORY, *faults.RAISES])
def test_a_fault_costs_its_own_task(kind: str) -> None:
    deadline = HASTY if kind in faults.HANGS else 60.0
    book = go(["fine", "fine", kind, "fine", "fine", "fine"], workers=1, deadline=deadline)
    assert sorted(book.keys("done")) == ["0", "1", "3", "4", "5"]
    assert book.keys("failed") == ["2"]
    assert [what for what, _ in book.of("2")] == ["part", "retry", "part", "failed"]
    failure = book.failure("2")
    expected = {**dict.fromkeys(faults.CRASHES, "crash"), **dict.fromkeys(faults.HANGS, "deadline")}
    expected |= {**dict.fromkeys(faults.MEMORY, "memory"), **dict.fromkeys(faults.RAISES, "error")}
    assert (failure.kind, failure.tries) == (expected[kind], 2), failure
    if kind != "unreadable":
        assert failure.doing == f"at {kind}"
    assert faults.CRASHES.get(kind, "") in failure.reason
    assert kind != "slow_memory" or "more than 200 MB" in failure.reason


def test_one_run_takes_all_faults_on_many_workers(tmp_path: Path) -> None:
    kinds = [*faults.CRASHES, *faults.HANGS, *faults.MEMORY, *faults.RAISES]
    payloads = [thing for kind in kinds for thing in ("fine", kind, "fine")]
    book = go(payloads, workers=3, deadline=HASTY)
    assert sorted(book.keys("done") + book.keys("failed"), key=int) == [str(at) for at in range(len(payloads))]
    assert sorted(book.keys("failed"), key=int) == [str(at) for at in range(1, len(payloads), 3)]
    for at, kind in enumerate(payloads):
        if kind == "fine":
            assert book.of(str(at)) == [("part", "before fine"), ("part", "after fine"), ("done", None)]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("raise", "ValueError: said no"),
        ("segfault", "in _segfault"),
        ("hang", "in _hang"),
        ("native_hang", "in _native"),
    ],
)
def test_the_traceback_says_where(kind: str, words: str) -> None:
    trace = go([kind], tries=1, deadline=HASTY).failure("0").traceback
    assert words in trace
    assert "in breaks" in trace


@pytest.mark.parametrize("kind", ["raise", "exit", "segfault", "native_hang", "sudden_memory"])
def test_a_fault_that_comes_once_costs_a_try(kind: str, tmp_path: Path) -> None:
    deadline = HASTY if kind in faults.HANGS else 60.0
    book = go(["fine", (kind, str(tmp_path / "mark")), "fine"], deadline=deadline)
    assert sorted(book.keys("done")) == ["0", "1", "2"]
    assert book.keys("retry") == ["1"]


def test_a_crash_is_tried_again_on_a_worker_that_has_done_nothing(tmp_path: Path) -> None:
    marks = {at: str(tmp_path / str(at)) for at in (30, 31, 60)}
    book = go([marks.get(at) for at in range(100)], faults.set_up_counts, workers=3)
    assert len(book.keys("done")) == 100
    for at in marks:
        assert book.of(str(at))[-2:] == [("part", 1), ("done", None)]


def test_tasks_in_the_same_worker_are_never_blamed() -> None:
    book = go(["fine" if at % 10 else "exit" for at in range(80)], workers=1)
    assert book.keys("failed") == [str(at) for at in range(0, 80, 10)]
    assert set(book.keys("retry")) == set(book.keys("failed"))


def test_parts_come_at_once_and_in_order() -> None:
    class Impatient(Book):
        def part(self, task: Task, part: Any) -> None:
            super().part(task, part)
            if part == "before hang":
                raise LookupError("seen while the task still runs")

    with pytest.raises(LookupError):
        go(["hang"], sink=Impatient(), deadline=100.0)
    book = go(range(500), faults.set_up_echo, workers=1)
    assert book.parts() == list(range(500))


def test_parts_sent_before_the_end_come_before_its_failure() -> None:
    """Also when the parent was busy and first sees that the process has ended."""

    class Busy(Book):
        def part(self, task: Task, part: Any) -> None:
            super().part(task, part)
            if part == "first":
                time.sleep(1.5)

    book = go(["parting"], sink=Busy(), tries=1)
    assert [what for what, _ in book.of("0")] == ["part"] * 3 + ["failed"]
    assert book.parts() == ["before parting", "first", "last"]


def test_large_parts_and_payloads() -> None:
    book = go([50, 50, 1], faults.set_up_large, workers=2, memory_mb=2000, deadline=60.0)
    assert sorted(len(part) for part in book.parts()) == [1 << 20, 50 << 20, 50 << 20]
    thing = os.urandom(5 << 20)
    book = go([thing] * 6, faults.set_up_echo, memory_mb=2000, deadline=60.0)
    assert book.parts() == [thing] * 6


def test_a_part_cut_short_by_the_end_is_no_part() -> None:
    book = go(["family"], tries=1)
    assert book.failure("0").reason == "the worker exited with 3"


def test_what_a_task_has_started_goes_with_it() -> None:
    book = go(["daughter"], tries=1, deadline=HASTY)
    daughter = next(part for part in book.parts() if isinstance(part, int))
    assert gone([daughter])


def test_a_thread_that_goes_on_talking_is_not_heard() -> None:
    book = go(["late", "pause", "pause"], workers=1)
    assert "late" not in book.parts()
    assert not book.keys("failed")


def test_what_workers_print_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_ROOM", 1 << 16)
    sizes: list[int] = []
    last_words = process.Log.last_words

    def seen(log: process.Log, *given: int) -> str:
        sizes.append(os.fstat(log.file.fileno()).st_size)
        return last_words(log, *given)

    monkeypatch.setattr(process.Log, "last_words", seen)
    book = go(["noisy", "hang"], workers=1, tries=1, deadline=HASTY)
    assert book.keys("failed") == ["1"]
    assert len(book.failure("1").traceback) <= 4096
    assert max(sizes) > 1 << 20
    assert sizes[-1] <= 1 << 16


def test_no_more_workers_than_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start(*given: Any) -> process.Worker:
        started.append(process.Worker(*given))
        return started[-1]

    monkeypatch.setattr(supervisor, "Worker", start)
    assert len(go([0.1, 0.1], faults.set_up_say_process, workers=50).keys("done")) == 2
    assert len(started) == 2


def test_a_payload_that_cannot_be_sent_costs_its_task() -> None:
    book = go([1, lambda: None, 2, faults.Unreadable(), 3], faults.set_up_echo)
    assert sorted(book.parts()) == [1, 2, 3]
    assert sorted(book.keys("failed")) == ["1", "3"]
    assert "cannot be sent" in book.failure("1").reason
    assert "no number" in book.failure("3").traceback


# set-up


@pytest.mark.parametrize(
    ("kind", "words", "workers"),
    [
        ("raise", "ValueError: said no", 1),
        ("raise", "ValueError: said no", 3),
        ("exit", "exited with 3", 1),
        ("segfault", "in _segfault", 1),
        ("hang", "in _hang", 3),
        ("native_hang", "in _native_hang", 3),
        ("slow_memory", "MB of memory", 3),
        ("huge_allocation", "MemoryError", 1),
        ("sys_exit", "SystemExit: left", 1),
    ],
)
def test_a_set_up_that_breaks_stops_the_run_with_its_traceback(kind: str, words: str, workers: int) -> None:
    setup = functools.partial(faults.set_up_fault, kind)
    with pytest.raises(SetupError) as told:
        go(range(10), setup, workers=workers, load_deadline=4.0 if "hang" in kind else 60.0)
    assert words in str(told.value)
    assert "set_up_fault" in str(told.value) or kind in ("exit", "slow_memory")


def test_an_error_that_stays_with_the_card_costs_the_task_that_caused_it() -> None:
    """Its process would fail every later task too: it is ended, and the task tried once more by another."""
    payloads = ["fine"] * 40
    payloads[10] = "spoil"
    book = go(payloads, faults.set_up_on_card)
    assert (book.keys("failed"), len(book.keys("done"))) == (["10"], 39)
    failure = book.failure("10")
    assert (failure.kind, failure.tries) == ("device", 2)
    assert failure.reason == "RuntimeError: CUDA error: device-side assert triggered"


def test_memory_for_fewer_workers_than_asked_goes_on_with_those(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    book = go([0.05] * 30, functools.partial(faults.set_up_fits, str(tmp_path / "slot"), 2), workers=6)
    assert len(book.keys("done")) == 30
    assert len(set(book.parts())) <= 2
    said = capfd.readouterr().err
    assert "memory holds 2 of 6 workers" in said
    assert "CUDA out of memory" in said


def test_a_moment_without_room_later_costs_no_worker_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two dies; where its place is taken for a while, another one is tried again afterwards."""
    monkeypatch.setattr(supervisor, "ROOM_AGAIN", 0.5)
    setup = functools.partial(faults.set_up_fits_not_the_third, str(tmp_path))
    payloads: list[Any] = [0.1] * 60
    payloads[4] = "exit"
    book = go(payloads, setup)
    assert book.keys("failed") == []
    assert len(list(tmp_path.glob("set_up.*"))) == 4, "two at first, one without room, one in its place"


def test_memory_for_not_one_worker_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"CUDA out of memory.*Not even one worker has room"):
        go(range(3), functools.partial(faults.set_up_fits, str(tmp_path / "slot"), 0), workers=2)


def test_all_workers_together_have_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("hoigen.work.supervisor.cores", lambda: 12)
    assert set(go(range(4), faults.set_up_say_threads, workers=4).parts()) == {("3", 3)}
    assert set(go(range(4), faults.set_up_say_threads, workers=50).parts()) == {("1", 1)}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # the user's own word counts
    assert set(go(range(4), faults.set_up_say_threads, workers=4).parts()) == {("2", 2)}


def test_a_load_deadline_is_named_as_the_key_that_it_is() -> None:
    with pytest.raises(SetupError, match=r"not set up after 1 s \(set load_deadline higher\)"):
        go(range(3), functools.partial(faults.set_up_fault, "hang"), load_deadline=1.0)


def test_a_set_up_that_leaves_too_much_memory_taken_is_no_fault_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOOK_EVERY", 3.0)
    with pytest.raises(SetupError, match="more than 300 MB"):
        go(range(10), functools.partial(faults.set_up_fault, "hold_memory"), workers=1, memory_mb=300)


def test_a_set_up_that_breaks_once_is_tried_again(tmp_path: Path) -> None:
    book = go(range(10), functools.partial(faults.set_up_fault, "segfault", str(tmp_path / "once")))
    assert sorted(book.parts()) == list(range(10))


def test_a_later_set_up_that_breaks_stops_the_run(tmp_path: Path) -> None:
    """The first worker is set up, and dies of its task; none after it can be."""
    script = tmp_path / "sets_up_once.py"
    script.write_text(f"""
import os, pathlib
def setup():
    mark = pathlib.Path({str(tmp_path / "once")!r})
    if mark.exists():
        raise OSError("the model is gone")
    mark.write_text("")
    return lambda payload, emit: os._exit(1)
""")
    sys.path.append(str(tmp_path))
    try:
        import sets_up_once  # type: ignore[import-not-found]

        with pytest.raises(SetupError, match="the model is gone"):
            go(range(10), sets_up_once.setup, workers=1)
    finally:
        sys.path.remove(str(tmp_path))


def test_workers_that_die_before_they_take_a_task_end_the_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(SetupError, match="exited with 5, before it took up a task"):
        go(range(10), functools.partial(faults.set_up_then_die, str(mark)))
    assert len(mark.read_text()) < 20


def test_a_set_up_that_cannot_be_sent_or_gives_no_function() -> None:
    with pytest.raises(SetupError, match="cannot be sent"):
        go([1], lambda: faults.echo)
    with pytest.raises(SetupError, match="setup returned int"):
        go([1], faults.set_up_no_function)


# here, without processes


def test_no_workers_is_this_process() -> None:
    book = go([0, 0], faults.set_up_say_process, workers=0)
    assert book.parts() == [os.getpid()] * 2
    book = go(["fine", "raise", "fine"], workers=0)
    assert book.keys("done") == ["0", "2"]
    assert book.failure("1") == Failure("error", "ValueError: said no", "at raise", 2, book.failure("1").traceback)


def test_the_own_watch_over_memory(tmp_path: Path) -> None:
    """Where there is no /proc, a worker watches its own peak."""
    code = "from hoigen.work import worker; worker.watch_own_peak(1)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == wire.EXIT_MEMORY


# a real program around it, with no guard against being imported again


def heard_of_two(running: subprocess.Popen[str]) -> list[str]:
    """What it says until two workers have: with quick tasks the first does thousands before the second is there."""
    said: list[str] = []
    while len(set(said)) < 3:
        said += heard(running, 1)
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize("payload", [1000, 0])
def test_however_a_program_is_ended_no_worker_is_left(number: int, payload: int, tmp_path: Path) -> None:
    with program(tmp_path, "set_up_say_process", payload) as running:
        main, *processes = heard_of_two(running)
        assert main == "main"
        assert "main" not in processes, "a worker has run the program"
        workers = sorted({int(process) for process in processes})
        assert len(workers) == 2
        assert all(is_alive(worker) for worker in workers)
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
    assert gone(workers)
    if number in (signal.SIGINT, signal.SIGTERM):
        assert errors.strip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_that_hang_in_native_code_end_too(number: int, tmp_path: Path) -> None:
    with program(tmp_path, "set_up_breaks", "native_hang") as running:
        heard(running, 3)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        running.send_signal(number)
        running.communicate(timeout=60)
    assert len(children) == 2
    assert gone([int(child) for child in children])


def test_what_a_script_defines_is_named_as_the_trouble(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    lines = [
        "from hoigen.work.local import run; from hoigen.work.task import Limits, Task",
        "def setup(): return print",
    ]
    script.write_text("\n".join([*lines, "run([Task('1', 1)], setup, None, Limits(workers=1))"]))
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert told.returncode == 1
    assert "put it into a file of its own" in told.stderr


def test_a_worker_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    class Killing(Book):
        killed = ""

        def part(self, task: Task, part: Any) -> None:
            super().part(task, part)
            if len(self.events) in (10, 30) and task.key != self.killed:  # twice the same would have failed
                self.killed = task.key
                os.kill(part, signal.SIGKILL)

    book = go([0.01] * 60, faults.set_up_say_process, sink=Killing())
    assert sorted(book.keys("done"), key=int) == [str(at) for at in range(60)]
    assert not book.keys("failed")


def test_a_task_that_moves_on_is_not_late_and_one_that_stops_moving_is() -> None:
    book = go([(50, False), (5, True), (0, True)], faults.set_up_moves, workers=3, tries=1, deadline=HASTY)
    assert book.of("0") == [("part", 50), ("done", None)]
    for key in ("1", "2"):
        assert book.failure(key).reason == "made no progress for 1 s"
        assert (book.failure(key).kind, book.failure(key).doing) == ("deadline", "steps")


def test_progress_of_a_task_without_a_worker_is_not_counted() -> None:
    assert go([(2, False)], faults.set_up_moves, workers=0).of("0") == [("part", 2), ("done", None)]


@pytest.mark.parametrize("together", [1, 2])
def test_what_can_only_be_begun_when_others_have_their_answers_is_not_late(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than may be begun is sent ahead, since the first was quick."""
    monkeypatch.setattr(supervisor, "TAKE_UP", HASTY)
    payloads = [0.0, *[2.5 * HASTY] * together, 0.0]
    book = go(payloads, faults.set_up_waits, workers=1, tries=1, deadline=HASTY, together=together)
    assert sorted(book.keys("done")) == [str(at) for at in range(len(payloads))]


def test_of_a_task_that_waits_when_its_worker_is_lost_it_is_told_what_it_did() -> None:
    """And not what another did, which had ended."""

    class Killing(Book):
        def done(self, task: Task) -> None:
            super().done(task)
            os.kill(self.parts()[0], signal.SIGKILL)

    book = go([60.0, 0.0], faults.set_up_waits, sink=Killing(), workers=1, tries=1, together=2)
    assert book.keys("done") == ["1"]
    assert (book.failure("0").kind, book.failure("0").doing) == ("crash", "waits 60")


class Slow(Book):
    """The parent is busy for a while when the task "1" is done."""

    def done(self, task: Task) -> None:
        super().done(task)
        if task.key == "1":
            time.sleep(2.5)


def test_time_in_which_the_parent_was_busy_or_stopped_is_not_charged() -> None:
    book = go([3.6, 0.5], faults.set_up_say_process, sink=Slow(), deadline=3.0)
    assert sorted(book.keys("done")) == ["0", "1"]
    assert not book.keys("retry")


def test_a_task_that_has_ended_unheard_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LONGEST_LOOK", 100.0)
    book = go([0.8, 0.4], faults.set_up_say_process, sink=Slow(), deadline=2.0)
    assert sorted(book.keys("done")) == ["0", "1"]
    assert not book.keys("retry")


def test_it_runs_in_a_thread() -> None:
    import threading

    book = Book()
    thread = threading.Thread(target=lambda: go(range(5), faults.set_up_echo, sink=book))
    thread.start()
    thread.join()
    assert sorted(book.parts()) == list(range(5))


def test_what_a_task_has_started_goes_with_its_worker() -> None:
    book = go([None], faults.set_up_starts, workers=1, tries=1, deadline=HASTY)
    assert book.failure("0").kind == "deadline"
    started = [what for event, what in book.of("0") if event == "part"]
    assert len(started) == 1
    assert gone(started)
