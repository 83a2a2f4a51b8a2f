"""Faults on purpose, and handlers for worker processes that have them. Light: workers import this file."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CRASHES = {
    "exit": "exited with 3",
    "exit0": "exited with 0",
    "segfault": "SIGSEGV",
    "abort": "SIGABRT",
    "kill": "SIGKILL",
}
HANGS = ("hang", "native_hang", "busy_hang", "stopped")
MEMORY = ("slow_memory", "huge_allocation", "sudden_memory")
RAISES = ("raise", "sys_exit", "unprintable", "unpicklable", "unreadable", "recursion")


def boom(kind: str, emit: Any = print) -> None:
    """Breaks in the way named; does nothing for any other word."""
    fault = globals().get(f"_{kind}")
    if fault is not None:
        fault(emit)


def _raise(emit: Any) -> None:
    raise ValueError("said no")


def _sys_exit(emit: Any) -> None:
    sys.exit("left")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _unprintable(emit: Any) -> None:
    raise Unprintable


def _recursion(emit: Any) -> None:
    _recursion(emit)


def _unpicklable(emit: Any) -> None:
    emit(lambda: None)


class Unreadable:
    """Can be pickled and not be read again."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return int, ("no number",)


def _unreadable(emit: Any) -> None:
    emit(Unreadable())


def _exit(emit: Any) -> None:
    os._exit(3)


def _supervisor(emit: Any) -> None:
    """Kills who has started this worker."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def _exit0(emit: Any) -> None:
    os._exit(0)


def _segfault(emit: Any) -> None:
    ctypes.string_at(0)


def _abort(emit: Any) -> None:
    os.abort()


def _kill(emit: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(emit: Any) -> None:
    time.sleep(1000)


def _busy_hang(emit: Any) -> None:
    while True:
        pass


def _native_hang(emit: Any) -> None:
    """In native code that holds the interpreter: no Python thread runs any more."""
    ctypes.PyDLL(None).sleep(1000)


def _stopped(emit: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _slow_memory(emit: Any) -> None:
    hold = []
    while True:
        hold.append(os.urandom(1 << 20) * 8)
        time.sleep(0.01)


def _sudden_memory(emit: Any) -> None:
    hold = []
    while True:
        hold.append(b"x" * (64 << 20))


def _huge_allocation(emit: Any) -> None:
    bytearray(16 << 30)  # never touched: resident memory does not grow


def _family(emit: Any) -> None:
    """Dies and leaves a process behind that holds on to all it had."""
    if os.fork() == 0:
        time.sleep(1000)
        os._exit(0)
    os._exit(3)


SPOILT: list[str] = []
"""As a card leaves a process after an error that stays: every later task fails too, at once."""


def _spoil(emit: Any) -> None:
    SPOILT.append("CUDA error: device-side assert triggered")


def _pause(emit: Any) -> None:
    time.sleep(0.3)


HELD: list[bytes] = []


def _hold_memory(emit: Any) -> None:
    HELD.append(b"x" * (450 << 20))


def _parting(emit: Any) -> None:
    emit("first")
    time.sleep(0.3)
    emit("last")
    os._exit(3)


def _daughter(emit: Any) -> None:
    """Starts a program and hangs."""
    emit(subprocess.Popen(["sleep", "1000"]).pid)
    time.sleep(1000)


def _noisy(emit: Any) -> None:
    for _ in range(64):
        os.write(2, b"noise " * 10_000)


def _late(emit: Any) -> None:
    """A thread that goes on talking when the task is over."""

    def talk() -> None:
        for _ in range(20):
            time.sleep(0.01)
            try:
                emit("late")
            except RuntimeError:
                return

    threading.Thread(target=talk, daemon=True).start()


# handlers and set-ups


def breaks(payload: Any, emit: Any) -> None:
    """A payload is the fault's kind, or (kind, file): the fault then comes only as long as the file is not there."""
    kind, mark = payload if isinstance(payload, tuple) else (payload, None)
    emit(f"before {kind}")
    emit.doing(f"at {kind}")
    if mark is None or not Path(mark).exists():
        if mark is not None:
            Path(mark).write_text(str(os.getpid()))
        boom(kind, emit)
    emit(f"after {kind}")


def set_up_breaks() -> Any:
    return breaks


def echo(payload: Any, emit: Any) -> None:
    emit(payload)


def on_card(payload: str, emit: Any) -> None:
    """Says its process; `spoil` spoils it for itself and for all that comes after."""
    boom(payload)
    if SPOILT:
        raise RuntimeError(SPOILT[0])
    time.sleep(0.01)
    emit(os.getpid())


def set_up_on_card() -> Any:
    return on_card


def set_up_fits(slots: str, count: int) -> Any:
    """A card with room for so many copies of a model: a further process that loads it runs out of memory."""
    import fcntl

    time.sleep(0.2)
    for at in range(count):
        file = open(f"{slots}.{at}", "w")  # noqa: SIM115  (held until the process ends)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        HELD_FILES.append(file)
        return say_process
    raise RuntimeError("CUDA out of memory. Tried to allocate 270.00 MiB")


HELD_FILES: list[Any] = []


def set_up_fits_not_the_third(folder: str) -> Any:
    """The third process that is set up finds no room. `exit` ends a worker the first time."""

    def handle(payload: Any, emit: Any) -> None:
        if payload == "exit":
            if not (mark := Path(folder) / "ended").exists():
                mark.touch()
                os._exit(3)
            payload = 0.0
        say_process(payload, emit)

    count = len(list(Path(folder).glob("set_up.*")))
    (Path(folder) / f"set_up.{os.getpid()}").touch()
    if count == 2:
        raise RuntimeError("CUDA out of memory. Tried to allocate 270.00 MiB")
    return handle


def say_threads(payload: Any, emit: Any) -> None:
    """What libraries were told, and what they have made of it."""
    import cv2

    emit((os.environ["OMP_NUM_THREADS"], cv2.getNumThreads()))


def set_up_say_threads() -> Any:
    return say_threads


def set_up_echo() -> Any:
    return echo


def say_process(payload: Any, emit: Any) -> None:
    emit(os.getpid())
    if payload:
        time.sleep(payload)


def set_up_say_process() -> Any:
    return say_process


def large(payload: int, emit: Any) -> None:
    emit(os.urandom(1 << 10) * (payload * 1024))


def set_up_large() -> Any:
    return large


def set_up_fault(kind: str, once: str | None = None) -> Any:
    """A set-up that itself breaks; with `once` only until that file is there."""
    if once is None or not Path(once).exists():
        if once is not None:
            Path(once).write_text("")
        boom(kind)
    return echo


def set_up_no_function() -> Any:
    return 7


def set_up_then_die(mark: str) -> Any:
    """Is set up, and dies before it can take a task."""
    from hoigen.work.worker import Channel

    with open(mark, "a") as log:
        log.write("x")
    send = Channel.send

    def last(channel: Any, kind: bytes, body: bytes = b"", serial: int = 0) -> None:
        send(channel, kind, body, serial)
        os._exit(5)

    Channel.send = last  # type: ignore[method-assign]
    return echo


def moves(payload: tuple[int, bool], emit: Any) -> None:
    """So many steps of 50 ms, each of them said; then, if told so, one that never ends."""
    steps, hangs = payload
    emit.doing("steps")
    for _ in range(steps):
        time.sleep(0.05)
        emit.progress()
    if hangs:
        time.sleep(1000)
    emit(steps)


def meets(payload: tuple[str, int, str], emit: Any) -> None:
    """Waits, as for a server, until so many have come to wait in the folder; then does what `boom` does, if told so.
    Those that come later wait until that has been begun with."""
    from hoigen.work.worker import elsewhere

    folder, count, fault = Path(payload[0]), payload[1], payload[2]
    emit("before")
    emit.doing("before")
    mine = folder / f"{os.urandom(8).hex()}.here"
    with elsewhere():
        mine.touch()
        while len(list(folder.glob("*.here"))) < count and not (folder / "met").exists():
            time.sleep(0.01)
        (folder / "met").touch()
        while not fault and count and not (folder / "go").exists():
            time.sleep(0.01)
    emit(len(list(folder.glob("*.here"))))
    mine.unlink()
    emit.doing(f"at {fault}")
    if fault:
        (folder / "go").touch()
        boom(fault, emit)
    emit("after")


def waits(payload: float, emit: Any) -> None:
    """So many seconds, as for a server; says its process before."""
    from hoigen.work.worker import elsewhere

    emit.doing(f"waits {payload:g}")
    emit(os.getpid())
    with elsewhere():
        time.sleep(payload)


def set_up_waits() -> Any:
    return waits


def set_up_meets() -> Any:
    return meets


def set_up_moves() -> Any:
    return moves


COUNT = [0]


def counts(payload: Any, emit: Any) -> None:
    """Says how many tasks this process has had; dies once where a mark is named that is not there."""
    COUNT[0] += 1
    time.sleep(0.002)
    if payload is not None and not Path(payload).exists():
        Path(payload).write_text("")
        os._exit(3)
    emit(COUNT[0])


def set_up_counts() -> Any:
    return counts


def starts(payload: Any, emit: Any) -> None:
    """Starts another program, says its number, and hangs."""
    emit(subprocess.Popen(["sleep", "600"]).pid)
    time.sleep(600)


def set_up_starts() -> Any:
    return starts
