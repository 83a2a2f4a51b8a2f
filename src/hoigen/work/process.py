"""The parent's handle on one worker process. Nothing here ever blocks on the worker."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.keys import without_keys
from hoigen.work.wire import PAGE, TASK, Inbox, Status, frame

LAST_WORDS = 4096
LAST_STACKS = 1 << 15
"""Of a process that hangs: it may have many threads, and any of them may be the one."""
LOG_ROOM = 1 << 20
"""What workers print is kept up to this many bytes; then only its end is."""

QUICK: Seconds = 1.0
"""Only tasks quicker than this are sent ahead: with longer ones the round trip costs nothing, and a task that waits
behind another would be missing where a worker is idle."""

DUMP_WAIT: Seconds = 0.3
SOURCE = str(Path(__file__).resolve().parents[2])
THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "RAYON_NUM_THREADS"),
)
"""Variables by which numerical libraries learn how many threads they may have; PyTorch goes by the first."""


def fresh_interpreter(
    main: str, arguments: Sequence[object], *, pass_fds: Sequence[int], output: Any, threads: int, keys: bool
) -> subprocess.Popen[bytes]:
    """Starts a function in a Python of its own, which finds the same modules as this one.

    Args:
        main: `module:function`.
        arguments: its command line.
        pass_fds: file descriptors that it inherits.
        output: where it prints.
        threads: what its libraries may use. A variable that the user has set stays as it is, and the user's
            OMP_NUM_THREADS holds for the other libraries too.
        keys: whether it gets the API keys of this process's environment: who asks servers needs them, who opens
            videos of strangers does not.
    """
    path = [entry for entry in sys.path if isinstance(entry, str)]
    if SOURCE not in path:
        path.append(SOURCE)
    module, _, function = main.partition(":")
    code = f"import sys; sys.path[:] = {path!r}; from {module} import {function}; {function}()"
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)],
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=dict.fromkeys(THREADS, os.environ.get("OMP_NUM_THREADS") or str(threads))
        | (dict(os.environ) if keys else without_keys(os.environ)),
        start_new_session=True,  # what it has started goes with it
    )


def resident_mb(process: int) -> float:
    """Resident memory of a process by its id; 0 where /proc does not say."""
    try:
        with open(f"/proc/{process}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (OSError, IndexError):
        return 0.0


class Log:
    """What a process prints, of which the end is kept."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        flags = fcntl.fcntl(self.file, fcntl.F_GETFL)  # so that writing goes on at the end when it is cut down;
        fcntl.fcntl(self.file, fcntl.F_SETFL, flags | os.O_APPEND)  # tempfile drops the "a" of a mode

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return os.fstat(self.file.fileno()).st_size

    def begin(self) -> None:
        """Another process writes from here on."""
        os.ftruncate(self.file.fileno(), 0)

    def trim(self) -> None:
        with contextlib.suppress(OSError):
            if self.size > LOG_ROOM:
                words = self.last_words()
                self.begin()
                os.write(self.file.fileno(), words.encode())

    def last_words(self, start: int = 0, room: int = LAST_WORDS) -> str:
        """The end of what was printed since byte `start`, at most `room` bytes; where it stood, when it crashed."""
        size = self.size
        start = max(start, size - room)
        return os.pread(self.file.fileno(), size - start, start).decode("utf-8", "replace")


def where_it_hangs(process: subprocess.Popen[bytes], log: Log) -> str:
    """Python's stack, of a process that will be killed; works while native code holds the interpreter.

    Args:
        process: started with `faulthandler` on SIGUSR1.
        log: what it prints.
    """
    before = size = log.size
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.send_signal(signal.SIGUSR1)
    until = time.monotonic() + DUMP_WAIT
    while time.monotonic() < until:
        time.sleep(0.02)
        last, size = size, log.size
        if last == size > before:
            break
    return log.last_words(before, LAST_STACKS) if size > before else log.last_words()


@dataclass(slots=True)
class Flight:
    """A task on its way.

    Args:
        task: what is to be done.
        tries: how many there have been.
        serial: its number among those of its worker, from 1.
        begun: it has waited for an answer from outside, so some of its parts may be there.
        waits: it does so now.
        doing: what it had named when it began to wait last.
        unreadable: the traceback of a part of the answer that could not be read; empty otherwise.
    """

    task: Any
    tries: int = 0
    serial: int = 0
    begun: bool = False
    waits: bool = False
    doing: str = ""
    unreadable: str = ""


class Worker:
    """One child process and the tasks it has.

    Args:
        setup: pickled; called there, gives the handler.
        memory_mb: resident memory that it may have.
        threads: CPU threads of its libraries.
        together: how many tasks it may have begun.
    """

    def __init__(self, setup: bytes, memory_mb: int, threads: int = 1, together: int = 1) -> None:
        self.together = together
        self.link, child = socket.socketpair()
        self.log = Log()
        with tempfile.TemporaryFile() as page, child:
            page.truncate(PAGE)
            self.status = Status(page.fileno())
            link, shared = child.fileno(), page.fileno()
            self.process = fresh_interpreter(
                "hoigen.work.worker:main",
                (link, shared, os.getpid()),
                pass_fds=(link, shared),
                output=self.log.file,
                threads=threads,
                keys=False,
            )
        self.link.setblocking(False)
        self.inbox = Inbox(self.link)
        self.outbox = bytearray()
        self.ready, self.alive = False, True
        self.replaces = False  # it was started when tasks had ended already
        self.sent = 0
        self.flights: deque[Flight] = deque()
        self.watched = (0, False, 0)
        self.elapsed: Seconds = 0.0  # since the worker has done anything
        self.loading: Seconds = 0.0
        self.began: Seconds = 0.0
        self.quick = False
        self.post(frame(TASK, pickle.dumps((memory_mb, together, setup))))

    def send(self, flight: Flight) -> None:
        """Gives it the task of a `flight`. Whatever pickle raises goes up, and nothing is sent."""
        body = pickle.dumps(flight.task.payload, pickle.HIGHEST_PROTOCOL)
        self.sent += 1
        flight.serial, flight.unreadable = self.sent, ""
        if not self.flights:
            self.began = time.monotonic()
        self.flights.append(flight)
        self.post(frame(TASK, body))

    def flight(self, serial: int) -> Flight:
        """Its task of that number."""
        return next(flight for flight in self.flights if flight.serial == serial)

    def landed(self, serial: int) -> Flight:
        """The task that it has just finished."""
        now = time.monotonic()
        self.quick, self.began = now - self.began < QUICK, now
        flight = self.flight(serial)
        self.flights.remove(flight)
        return flight

    @property
    def busy(self) -> int:
        """How many of its tasks it works at, or is to take up next."""
        return sum(not flight.waits for flight in self.flights)

    def post(self, data: bytes) -> None:
        self.outbox += data
        self.flush()

    def flush(self) -> None:
        """Sends what the socket takes. That a worker is gone shows when reading."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self.outbox:
                del self.outbox[: self.link.send(self.outbox)]

    def under_way(self) -> Flight | None:
        """The task that it is at, by its own account; while it rests, the one that it was at last or, when that has
        ended, the first of those that wait. None when it has begun with none."""
        serial = self.status.serial
        at = next((flight for flight in self.flights if flight.serial == serial), None)
        return at or next((flight for flight in self.flights if flight.waits), None)

    def watch(self, passed: Seconds) -> Seconds:
        """How long it has been as it is (at this task, which has moved on so far; or with one to take up), with
        `passed` more seconds. Waiting for answers from outside does not count, also where another task is there that
        can only be begun with when one of those that wait has ended."""
        now = self.status.serial, self.status.rests, self.status.moves
        nothing_to_do = self.busy == 0 or len(self.flights) - self.busy >= self.together
        counts = now == self.watched and self.flights and not (self.status.rests and nothing_to_do)
        self.elapsed = self.elapsed + passed if counts else 0.0
        self.watched = now
        return self.elapsed

    def kill(self) -> None:
        """Ends it and all that it has started. Its last messages can still be read."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self.process.send_signal(signal.SIGKILL)

    def ended(self, timeout: Seconds = 2.0) -> int | None:
        """Its exit status, as of subprocess; None when it has not ended after `timeout` seconds: even the kernel cannot
        end it now."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout)
        return None

    def close(self) -> None:
        self.alive = False
        self.link.close()
        self.log.file.close()
        self.status.page.close()
