"""The child's side: a fresh interpreter that sets up once and then takes one task after the other.

It never imports the caller's main module, so scripts need no guard, and notebooks and pytest work alike.

Where it may have several tasks (`Limits.together`) each has a thread, and one of them works at any time: the others
wait for an answer from outside (`elsewhere`). So nothing that a handler uses has to bear several threads at once, and
while a server thinks about one clip the next is decoded.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hoigen.core import devices
from hoigen.core.clip import Seconds
from hoigen.core.errors import HoigenError, ModelsGoneError
from hoigen.work.wire import (
    DONE,
    ERROR,
    EXIT_MEMORY,
    GOES_ON,
    HEAD,
    PART,
    READY,
    SERIAL,
    UNREADY,
    WAITS,
    Inbox,
    Status,
)

PR_SET_PDEATHSIG = 1
REASON_ROOM, TRACE_ROOM = 2_000, 32_000
LOOK_EVERY: Seconds = 0.1
RESERVED_MB, RESERVED_PER_CORE_MB = 1024, 48
"""What libraries reserve and never touch (thread stacks, BLAS buffers) counts for the hard cap."""
RESERVED_PER_TASK_MB = 16
"""Likewise the stack of a task's own thread."""


class Channel:
    """The way to the parent. Locked, because handlers may emit from threads of their own.

    turn: held by the task that is worked at.
    """

    def __init__(self, link: socket.socket, status: Status) -> None:
        self.link, self.status = link, status
        self.lock, self.turn = threading.Lock(), threading.Lock()

    def send(self, kind: bytes, body: bytes = b"", serial: int = 0) -> None:
        head = HEAD.pack(kind, SERIAL.size + len(body)) + SERIAL.pack(serial)
        with self.lock:
            if len(body) < 1 << 16:
                self.link.sendall(head + body)
            else:  # no second copy of what is large
                self.link.sendall(head)
                self.link.sendall(body)


class _TaskEmit:
    """The `Emit` of one task; mute when the task is over."""

    __slots__ = ("channel", "over", "serial", "what")

    def __init__(self, channel: Channel, serial: int) -> None:
        self.channel, self.serial, self.over, self.what = channel, serial, False, ""

    def __call__(self, part: Any) -> None:
        if self.over:
            raise RuntimeError("emit was called after its task had ended")
        self.channel.send(PART, pickle.dumps(part, pickle.HIGHEST_PROTOCOL), self.serial)

    def begin(self) -> None:
        """Takes the turn, as soon as no other task has it."""
        self.channel.turn.acquire()
        self.channel.status.begin(self.serial)
        self.channel.status.say(self.what)

    def rest(self) -> None:
        """Gives the turn away."""
        self.channel.status.rest()
        self.channel.turn.release()

    def doing(self, what: str) -> None:
        if not self.over:
            self.what = what
            self.channel.status.say(what)

    def progress(self) -> None:
        if not self.over:
            self.channel.status.move_on()


_thread = threading.local()
"""emit: of the task that this thread is at."""


def moved_on() -> None:
    """Says that the task of this thread moves on, for what works for it and has no `emit` at hand (another process that
    it waits for). In a thread that is at no task it does nothing."""
    emit: _TaskEmit | None = getattr(_thread, "emit", None)
    if emit is not None:
        emit.progress()


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Within this, the task of this thread waits for an answer from outside, such as a server's, which has a deadline
    of its own: that time counts for no deadline of the task, and the worker takes up another task meanwhile, if it may
    (`Limits.together`). Nothing but waiting belongs here. In a thread that is at no task it does nothing."""
    emit: _TaskEmit | None = getattr(_thread, "emit", None)
    if emit is None:
        yield
        return
    emit.channel.send(WAITS, emit.what.encode("utf-8", "replace"), emit.serial)
    emit.rest()
    try:
        yield
    finally:
        emit.begin()
        emit.channel.send(GOES_ON, serial=emit.serial)


def serve(inbox: Inbox, channel: Channel) -> None:
    """Answers until the parent closes its end.

    Args:
        inbox: what the parent sends: the set-up, then tasks.
        channel: the way back.
    """
    handle: Any = None
    threads: ThreadPoolExecutor | None = None
    serial = 0
    while True:
        for _, body in inbox.frames():
            if handle is None:
                handle, together = set_up(body, channel)
                if handle is None:
                    return
                if together > 1:
                    threads = ThreadPoolExecutor(together, "task")
                continue
            serial += 1
            if threads is not None:
                threads.submit(take, handle, body, channel, serial)
            elif not take(handle, body, channel, serial):
                return
        if not inbox.receive():
            return


def set_up(body: bytes, channel: Channel) -> tuple[Any, int]:
    """The handler, and how many tasks there may be at once; None when there is none, and the parent knows why.

    Args:
        body: pickled: memory in MB, how many tasks at once, and the pickled set-up.
        channel: the way to the parent.
    """
    try:
        memory_mb, together, setup = pickle.loads(body)
        cap_own(memory_mb, together)
        handle = pickle.loads(setup)()
        if not callable(handle):
            raise TypeError(f"setup returned {type(handle).__name__}; it returns a function of (payload, emit)")
    except BaseException as error:
        channel.send(UNREADY, pickle.dumps((*told(error), devices.no_room(error))))
        return None, 0
    channel.send(READY)
    return handle, together


def take(handle: Any, body: bytes, channel: Channel, serial: int) -> bool:
    """Does one task; whatever it raises is reported.

    Args:
        handle: the handler.
        body: the task's payload, pickled.
        channel: the way to the parent.
        serial: the task's number.

    Returns False when this process is of no use any more: an error has cost more than its task, namely this process
    too (`memory`, `device`), or the run (`setup`). No other task gets its turn then: the parent ends the process.
    """
    emit = _thread.emit = _TaskEmit(channel, serial)
    emit.begin()
    try:
        handle(pickle.loads(body), emit)
    except BaseException as error:
        emit.over = True
        try:
            if isinstance(error, MemoryError):
                kind = "memory"
            elif isinstance(error, ModelsGoneError):
                kind = "setup"
            else:
                kind = "device" if devices.lost(error) else "error"
            reason = str(error) if kind == "setup" else described(error)
            channel.send(ERROR, pickle.dumps((reason, trace_of(error), emit.what, kind)), serial)
        except MemoryError:
            os._exit(EXIT_MEMORY)
        if kind == "error":
            emit.rest()
        return kind == "error"
    emit.over = True
    channel.send(DONE, serial=serial)
    emit.rest()
    return True


def described(error: BaseException) -> str:
    """Type and message of an `error`, for one line of a table."""
    try:
        message = str(error)
    except Exception as broken:
        message = f"(its message cannot be made: {type(broken).__name__})"
    return f"{type(error).__name__}: {message[:REASON_ROOM]}" if message else type(error).__name__


def on_purpose(error: BaseException) -> bool:
    """Whether the message of an `error` is all that there is to know, down to its cause."""
    return isinstance(error, HoigenError) and (error.__cause__ is None or on_purpose(error.__cause__))


def trace_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))[-TRACE_ROOM:]
    except Exception:
        return "".join(traceback.format_tb(error.__traceback__))[-TRACE_ROOM:]


def told(error: BaseException) -> tuple[str, str]:
    """What is said of an `error` that kept a process from being set up, and where it happened (empty for one whose
    message is all)."""
    if on_purpose(error):
        return str(error), ""
    hint = ""
    if isinstance(error, AttributeError) and "__main__" in str(error):
        hint = " (what a script or a notebook defines cannot reach the workers: put it into a file of its own)"
    return described(error) + hint, trace_of(error)


def cap_own(memory_mb: int, together: int) -> None:
    """The worker's own stops: a hard one behind the parent's polling, so that one huge allocation becomes a
    MemoryError; and a thread that watches the peak where the parent cannot see it.

    Args:
        memory_mb: resident memory that the worker may have.
        together: how many tasks there may be at once.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        reserved = RESERVED_MB + RESERVED_PER_CORE_MB * (os.cpu_count() or 1) + RESERVED_PER_TASK_MB * (together - 1)
        cap = (memory_mb + reserved) << 20
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if hard == resource.RLIM_INFINITY or cap < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))
    no_core_files()
    if not os.path.exists("/proc/self/statm"):
        threading.Thread(target=watch_own_peak, args=(memory_mb,), daemon=True).start()


def no_core_files() -> None:
    """A crash writes no image of its memory to the disk: those of models are large."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def watch_own_peak(memory_mb: int) -> None:
    """Ends the process when its peak has passed `memory_mb`."""
    import resource

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit <= memory_mb:
        time.sleep(LOOK_EVERY)
    os._exit(EXIT_MEMORY)


def end_with_parent(parent: int) -> None:
    """A killed parent leaves no orphans: the kernel sees to it, or a thread where it does not.

    Args:
        parent: its process id.
    """
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if not sys.platform.startswith("linux"):
        threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """python -c '... main()' SOCKET STATUS PARENT"""
    link, status, parent = (int(word) for word in sys.argv[1:4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent decides when to stop. A handler, not SIG_IGN, which programs started from here would inherit.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.siginterrupt(signal.SIGTERM, False)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # the parent asks where a task hangs
    end_with_parent(parent)
    connection = socket.socket(fileno=link)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(Inbox(connection), Channel(connection, Status(status)))
    os._exit(0)  # libraries' exit handlers have been seen to hang
