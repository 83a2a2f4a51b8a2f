"""Pebble, loky, joblib, billiard and concurrent.futures against `hoigen.work`: what each survives.

PYTHONPATH=tests python benchmarks/libraries_workers.py [--only NAME] [--cases CASE ...]

Of twelve tasks on two workers one has a fault (tests/faults.py). A case is passed when the run ends by itself within
40 seconds, the eleven others are done, the faulty one alone is given up, and no process is left. Each library is used
as its documentation has it, with what it offers for deadlines; where it has none (loky, concurrent.futures) a loop of
our own (`windowed`) watches the time, kills the pool, and tries those that were under way again one by one. Each worker
of each library has a limit on its memory (RLIMIT_DATA), set in its initializer.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

TESTS = Path(__file__).resolve().parents[1] / "tests"
BASE = ("numpy", "pyyaml", "fsspec")
LIBRARIES = {  # name: (package, import)
    "hoigen": ("", "import hoigen.work.local"),
    "pebble": ("pebble==5.2.3", "import pebble"),
    "loky": ("loky==3.7.0", "import loky"),
    "joblib": ("joblib", "import joblib"),
    "billiard": ("billiard==4.3.2", "import billiard.pool"),
    "concurrent.futures": ("", "import concurrent.futures.process"),
}
FAULTS = (
    "raise", "sys_exit", "unprintable", "unpicklable", "unreadable", "recursion",
    "exit", "exit0", "segfault", "abort", "kill",
    "hang", "native_hang", "busy_hang", "stopped",
    "slow_memory", "huge_allocation", "sudden_memory",
    "daughter", "spoil",
)  # fmt: skip
CASES = (
    *FAULTS,
    "progress",
    "load raises",
    "load hangs",
    "parent killed",
    "parent killed, native",
    "no main guard",
    "functions of a script",
)
TASKS, WORKERS, DEADLINE, LOAD_DEADLINE, MEMORY_MB, TRIES = 12, 2, 3.0, 6.0, 400, 2
LIMIT = 40

GUARDLESS = "from libraries_workers import inside\ninside({name!r}, 'none')\n"
SCRIPTS = ("no main guard", "functions of a script")
ALONE = "import sys; from libraries_workers import inside; inside(*sys.argv[1:])"


# what workers do


def load(kind: str) -> None:
    """What a worker does once: its memory gets a limit, a model is read."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, ((MEMORY_MB + 600) << 20,) * 2)
    if kind == "load raises":
        raise ValueError("no model here")
    if kind == "load hangs":
        time.sleep(1000)


def work(payload: str, emit: Callable[[Any], None] | None = None, progress: Callable[[], None] = lambda: None) -> Any:
    """One task; returns what the fault would send."""
    from faults import SPOILT, boom

    said: list[Any] = []
    if payload == "sleep":
        time.sleep(1000)
    elif payload == "progress":
        for _ in range(40):
            time.sleep(0.3)
            progress()
    else:
        time.sleep(0.05)
        boom(payload, emit or said.append)
        if SPOILT:
            raise RuntimeError(SPOILT[0])
    return said


def hoigen_setup(kind: str) -> Any:
    load(kind)
    return lambda payload, emit: work(payload, emit, emit.progress)


# how each library is asked


Outcome = tuple[set[int], dict[int, str]]


def by_hoigen(payloads: Sequence[str], kind: str) -> Outcome:
    from hoigen.work.local import run
    from hoigen.work.task import Limits, Task

    done: set[int] = set()
    failed: dict[int, str] = {}

    class Sink:
        def part(self, task: Any, part: Any) -> None: ...

        def done(self, task: Any) -> None:
            done.add(int(task.key))

        def retry(self, task: Any, failure: Any) -> Any:
            return task

        def failed(self, task: Any, failure: Any) -> None:
            failed[int(task.key)] = f"{failure.kind}: {failure.reason}"

    tasks = (Task(str(at), payload) for at, payload in enumerate(payloads))
    limits = Limits(
        workers=WORKERS, deadline=DEADLINE, load_deadline=LOAD_DEADLINE, memory_mb=MEMORY_MB, tries=TRIES
    )  # fmt: skip
    run(tasks, functools.partial(hoigen_setup, kind), Sink(), limits)
    return done, failed


def by_pebble(payloads: Sequence[str], kind: str) -> Outcome:
    import multiprocessing

    from pebble import ProcessPool

    done: set[int] = set()
    failed: dict[int, str] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=WORKERS, initializer=load, initargs=(kind,), context=context) as pool:
        waiting = {at: pool.schedule(work, args=(payload,), timeout=DEADLINE) for at, payload in enumerate(payloads)}
        for attempt in range(TRIES):
            again = {}
            for at, future in waiting.items():
                try:
                    future.result()
                    done.add(at)
                except BaseException as error:
                    failed[at] = _words(error)
                    if attempt + 1 < TRIES:
                        again[at] = pool.schedule(work, args=(payloads[at],), timeout=DEADLINE)
            waiting = again
    return done, {at: why for at, why in failed.items() if at not in done}


def by_billiard(payloads: Sequence[str], kind: str) -> Outcome:
    import billiard

    done: set[int] = set()
    failed: dict[int, str] = {}
    context = billiard.get_context("spawn")
    pool = context.Pool(WORKERS, initializer=load, initargs=(kind,), timeout=DEADLINE, lost_worker_timeout=5)
    for attempt in range(TRIES):
        todo = [at for at in range(len(payloads)) if at not in done and (not attempt or at in failed)]
        waiting = {at: pool.apply_async(work, (payloads[at],)) for at in todo}
        for at, result in waiting.items():
            try:
                result.get()
                done.add(at)
            except BaseException as error:
                failed[at] = _words(error)
    pool.terminate()
    pool.join()
    return done, {at: why for at, why in failed.items() if at not in done}


def by_joblib(payloads: Sequence[str], kind: str) -> Outcome:
    import joblib

    done: set[int] = set()
    failed: dict[int, str] = {}
    try:
        with joblib.parallel_config("loky", n_jobs=WORKERS, initializer=load, initargs=(kind,)):
            results = joblib.Parallel(timeout=DEADLINE * 2, return_as="generator_unordered")(
                joblib.delayed(_numbered)(at, payload) for at, payload in enumerate(payloads)
            )
            for at, why, _ in results:
                if why:
                    failed[at] = why
                else:
                    done.add(at)
    except BaseException as error:
        ended = done | failed.keys()
        failed |= {at: _words(error) for at in range(len(payloads)) if at not in ended}
    return done, failed


def _numbered(at: int, payload: str) -> tuple[int, str, Any]:
    """A task that says its error, since one that raises ends the others."""
    try:
        return at, "", work(payload)
    except BaseException as error:
        return at, _words(error), None


def by_loky(payloads: Sequence[str], kind: str) -> Outcome:
    import loky

    def pool(workers: int) -> Any:
        return loky.ProcessPoolExecutor(workers, initializer=load, initargs=(kind,))

    return windowed(payloads, pool, lambda executor: executor.shutdown(wait=True, kill_workers=True))


def by_futures(payloads: Sequence[str], kind: str) -> Outcome:
    import concurrent.futures
    import multiprocessing

    context = multiprocessing.get_context("spawn")

    def pool(workers: int) -> Any:
        return concurrent.futures.ProcessPoolExecutor(workers, context, initializer=load, initargs=(kind,))

    def end(executor: Any) -> None:
        for process in list((executor._processes or {}).values()):  # kill_workers() comes with Python 3.14
            process.kill()
        executor.shutdown(wait=True, cancel_futures=True)

    return windowed(payloads, pool, end)


def windowed(payloads: Sequence[str], pool: Callable[[int], Any], end: Callable[[Any], None]) -> Outcome:
    """Deadlines and blame for a pool that has none: no more tasks are handed in than there are workers. When one takes
    too long the pool is killed, and it alone is blamed; when the pool breaks, those under way are tried one by one."""
    from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait

    done: set[int] = set()
    failed: dict[int, str] = {}
    tries = dict.fromkeys(range(len(payloads)), 0)
    waiting, suspects = list(range(len(payloads))), []
    executor, broken = pool(WORKERS), 0
    under_way: dict[Any, tuple[int, float]] = {}

    def give_up(at: int, why: str) -> None:
        tries[at] += 1
        failed[at] = why
        if tries[at] < TRIES:
            suspects.append(at)

    def anew() -> None:
        nonlocal executor
        end(executor)
        under_way.clear()
        executor = pool(WORKERS)

    while waiting or suspects or under_way:
        while len(under_way) < (1 if suspects else WORKERS) and (waiting or suspects):
            if suspects and under_way:
                break
            at = suspects.pop(0) if suspects else waiting.pop(0)
            under_way[executor.submit(work, payloads[at])] = (at, time.monotonic())
        ready, _ = wait(under_way, timeout=0.2, return_when=FIRST_COMPLETED)
        lost = []
        for future in ready:
            at, _ = under_way.pop(future)
            try:
                future.result()
                done.add(at)
                broken = 0
            except BrokenExecutor as error:
                lost.append((at, _words(error)))
            except BaseException as error:
                give_up(at, _words(error))
        if lost:
            broken += 1
            if broken > 3 + len(payloads):
                raise RuntimeError(f"the pool breaks again and again: {lost[0][1]}")
            lost += [(at, "broken") for at, _ in under_way.values()]
            alone = len(lost) == 1
            anew()
            for at, why in lost:
                give_up(at, why) if alone else suspects.append(at)
        # the time of a worker's start is not told apart from its task's
        late = [at for at, since in under_way.values() if time.monotonic() - since > DEADLINE + LOAD_DEADLINE]
        if late:
            others = [at for at, _ in under_way.values() if at not in late]
            anew()
            waiting[:0] = others
            for at in late:
                give_up(at, "deadline")
    end(executor)
    return done, {at: why for at, why in failed.items() if at not in done}


RUNS: dict[str, Callable[[Sequence[str], str], Outcome]] = {
    "hoigen": by_hoigen,
    "pebble": by_pebble,
    "loky": by_loky,
    "joblib": by_joblib,
    "billiard": by_billiard,
    "concurrent.futures": by_futures,
}


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {str(error)[-300:]}"
    except Exception:
        return type(error).__name__


def say(done: set[int], failed: dict[int, str]) -> None:
    print("OUTCOME " + json.dumps({"done": sorted(done), "failed": failed}), flush=True)


# judged from outside


def inside(name: str, case: str) -> None:
    """One case, in this process."""
    payloads = ["fine"] * TASKS
    if case.startswith("parent killed"):
        payloads = ["native_hang" if "native" in case else "sleep"] * TASKS
    elif not case.startswith("load"):
        payloads[3] = case
    try:
        say(*RUNS[name](payloads, case))
    except BaseException as error:
        print("STOPPED " + json.dumps(_words(error)), flush=True)


def judged(python: Path, name: str, case: str) -> str:
    """`passed`, or what went wrong."""
    mark = uuid.uuid4().hex
    given = with_source()
    given["PYTHONPATH"] = os.pathsep.join((given["PYTHONPATH"], str(TESTS)))
    given["HOIGEN_CASE"] = mark
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-c", ALONE, name, case]
        if case in SCRIPTS:
            script = Path(folder, "task.py")
            own = Path(__file__).read_text(encoding="utf-8").replace("    main()\n", f"    inside({name!r}, 'none')\n")
            script.write_text(own if case == "functions of a script" else GUARDLESS.format(name=name))
            command = [str(python), str(script)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=given, start_new_session=True)
        try:
            if case.startswith("parent killed"):
                time.sleep(4)
                started = len(_marked(mark)) - 1
                process.kill()
                process.wait()
                left = _left(mark)
                return "passed" if started > 0 and not left else f"{left} processes left (of {started})"
            process.wait(LIMIT)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
            process.kill()
            process.wait()
        out.seek(0)
        text = out.read()
        left = _left(mark)
    if not ended:
        return "hangs"
    return _verdict(case, text, left)


def _verdict(case: str, text: str, left: int) -> str:
    leaves = f", leaves {left} processes" if left else ""
    stopped = next((json.loads(line[8:]) for line in text.splitlines() if line.startswith("STOPPED ")), None)
    outcome = next((json.loads(line[8:]) for line in text.splitlines() if line.startswith("OUTCOME ")), None)
    if case.startswith("load"):
        if stopped is None and (outcome is None or outcome["done"]):
            return "no error" + leaves
        told = stopped or next(iter(outcome["failed"].values()))
        if case == "load raises" and "no model here" not in told:
            return f"the cause is not told ({told[:60]})" + leaves
        return leaves[2:] or "passed"
    if outcome is None:
        return f"the run stops: {(stopped or 'no word')[:80]}" + leaves
    guilty = set() if case in ("progress", *SCRIPTS) else {3}
    done, failed = set(outcome["done"]), {int(at) for at in outcome["failed"]}
    sent = case == "unpicklable" and len(done) == TASKS  # cloudpickle can send it
    if sent or (done == set(range(TASKS)) - guilty and failed == guilty):
        return leaves[2:] or "passed"
    innocent = sorted(failed - guilty)
    if innocent:
        return f"{len(innocent)} others given up" + leaves
    return ("given up" if case == "progress" else f"{len(done)} done, {len(failed)} given up") + leaves


def _marked(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if f"HOIGEN_CASE={mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def _left(mark: str) -> int:
    """How many processes are there 3 s after the end; they are killed."""
    for _ in range(30):
        if not _marked(mark):
            return 0
        time.sleep(0.1)
    left = _marked(mark)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*LIBRARIES], nargs="*", default=[*LIBRARIES])
    parser.add_argument("--cases", nargs="*", default=CASES)
    options = parser.parse_args()
    from machine import headline

    print(headline())
    rooms = ("local", "supervisor", "process", "worker", "wire", "memory")
    print(f"lines of {', '.join(rooms)}: {lines(*(f'src/hoigen/work/{room}.py' for room in rooms))}")
    for name in options.only:
        package, statement = LIBRARIES[name]
        python = environment(f"workers-{name}", (*BASE, *filter(None, [package])))
        size, took = megabytes(python, BASE), start(python, statement)
        which = version(python, name) if package else "-"
        print(f"\n{name} {which}: {size:.1f} MB, import {took:.0f} ms of CPU", flush=True)
        passed = 0
        for case in options.cases:
            said = judged(python, name, case)
            passed += said == "passed"
            print(f"    {case:<22} {said}", flush=True)
        print(f"    {passed} of {len(options.cases)} cases passed", flush=True)


if __name__ == "__main__":
    main()
