"""A process that owns the models which all workers of a run ask: each is loaded once, however many workers there are.

    parent    Host      starts the process, waits until its models are loaded, replaces it when it ends or hangs
    child     main      opens what is served, answers on a Unix socket that nobody but this user can reach
    workers   Client    (`hoigen.models.client`) ask; what was asked when the process ended is asked again, then one
                        question at a time

What is served is anything that is opened, answers what it is asked and is closed (`Service`): experts, and networks
(`hoigen.models.batcher.NetworkService`).

A question that was under way when the process ended may be the one that ended it, or be in one batch with it. So
each is asked again alone, and the process reports when it begins with one: whose turn it was when the process ended a
second time has failed, and it alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import pickle
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from hoigen.core import devices
from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError
from hoigen.models.client import ANSWER, BEGUN, LOOK_EVERY, RAISED, READ_AHEAD, ended, gone, receive
from hoigen.work.process import Log, fresh_interpreter, where_it_hangs
from hoigen.work.task import cores
from hoigen.work.wire import frame

T = TypeVar("T")


class Service(Protocol):
    """What can be served: an expert, or a network."""

    async def open(self) -> None:
        """Before the first question; loads. Raises SetupError."""
        ...

    async def answer(self, asked: Any, /) -> Any:
        """Whatever was asked and comes of it can be pickled. What this raises costs that question alone, but for an
        error that stays with a graphics card, which ends the process."""
        ...

    async def close(self) -> None: ...


Setup = Callable[[], Mapping[str, Service]]
"""What the process serves, by name; called in it. It is pickled: a module's function, or functools.partial of one."""

READY, UNREADY = b"r", b"u"
COUNTS = struct.Struct("<QQ")
LONGEST_LOOK: Seconds = 1.0
"""Of a longer gap only this much counts: the whole run was stopped for a while."""
MOST_LOST, LOAD_TRIES = 8, 3
"""So many processes that end one after the other without a single answer stop the run (one that ends at every question
ends twice a question); a process that ends while it loads again is tried so often."""
BACKLOG = 4096
"""Questions that may wait to be taken up; the kernel has a limit of its own."""
TRACE_ROOM = 16_000
"""Letters of a traceback that are sent to who asked."""
SWITCH: Seconds = 0.0005
"""After which a thread lets another one go on. What a question has to pass on its way is many small steps, which would
each wait for the thread that keeps a card busy: ten times as long by Python's own number."""
LONGEST_ADDRESS = 100
"""Bytes of a socket's path; Linux takes 107, macOS 103."""


class Host:
    """The parent's handle. Used as a context manager; the process starts when the first task is taken (`before`).

    Args:
        setup: what is served.
        load_deadline: seconds for loading.
        deadline: seconds for which the process may have questions and answer none, before it is taken to hang and
            replaced.
    """

    def __init__(self, setup: Setup, *, load_deadline: Seconds, deadline: Seconds) -> None:
        try:
            self.setup = pickle.dumps(setup)
        except Exception as error:
            raise SetupError(f"setup cannot be sent to a process: {type(error).__name__}: {error}") from error
        self.load_deadline, self.deadline = load_deadline, deadline
        # a folder that only this user can enter, with a path that is short enough for a socket
        self.folder = Path(tempfile.mkdtemp(prefix="hoigen-"))
        if len(os.fsencode(self.folder / "ask.gone")) > LONGEST_ADDRESS:
            self.folder.rmdir()
            self.folder = Path(tempfile.mkdtemp(prefix="hoigen-", dir="/tmp"))
        self.address = str(self.folder / "ask")
        self.page = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as this)
        self.page.truncate(mmap.PAGESIZE)
        self.counts = _Counts(self.page.fileno())
        self.log = Log()
        self.process: subprocess.Popen[bytes] | None = None
        self.keeper: threading.Thread | None = None
        self.stopped = threading.Event()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def before(self, tasks: Iterable[T]) -> Iterator[T]:
        """The `tasks`, with the models loaded before the first of them: where nothing is to do, nothing is loaded."""
        for task in tasks:
            if self.keeper is None:
                self.start()
            yield task

    def start(self) -> None:
        """Loads the models. Raises SetupError when they cannot be loaded."""
        self._start()
        self.keeper = threading.Thread(target=self._keep, name="hoigen models", daemon=True)
        self.keeper.start()

    def close(self) -> None:
        self.stopped.set()
        self._kill()
        if self.keeper is not None:
            self.keeper.join()
            self._kill()  # one that was being started just then
        self.counts.page.close()
        self.log.file.close()
        self.page.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        COUNTS.pack_into(self.counts.page, 0, 0, 0)
        self.log.begin()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            page = self.page.fileno()
            try:
                self.process = fresh_interpreter(
                    "hoigen.models.host:main",
                    (theirs.fileno(), page, os.getpid(), self.address),
                    pass_fds=(theirs.fileno(), page),
                    output=self.log.file,
                    threads=cores(),  # while it works, the workers wait for it
                    keys=True,
                )
            except OSError as error:
                raise SetupError(f"the process of the models cannot be started: {error}") from None
            theirs.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                ours.sendall(self.setup)
                ours.shutdown(socket.SHUT_WR)
            self._wait(ours)

    def _wait(self, link: socket.socket) -> None:
        """Until the models are loaded."""
        until = time.monotonic() + self.load_deadline
        link.settimeout(LOOK_EVERY)
        received = b""
        while not self.stopped.is_set():
            try:
                part = link.recv(1 << 16)
            except TimeoutError:
                if time.monotonic() > until:
                    assert self.process is not None
                    words = where_it_hangs(self.process, self.log)
                    self._kill()
                    late = f"the models are not loaded after {self.load_deadline:g} s (set load_deadline higher)"
                    raise _LoadError(f"{late}\n{words}".rstrip()) from None
                continue
            except ConnectionResetError:
                part = b""
            received += part
            if received[:1] == READY:
                return
            if not part:
                break
        ended = self._ended() if not received else ""
        self._kill()
        if received[:1] == UNREADY:
            raise _LoadError(received[1:].decode("utf-8", "replace"))
        if not self.stopped.is_set():
            raise SetupError(f"the process that loads the models {ended}\n{self.log.last_words()}".rstrip())

    def _keep(self) -> None:
        """Replaces the process when it ends or hangs, until it has ended too often without an answer."""
        try:
            self._look_after()
        except Exception as error:  # whatever it is: those who wait for an answer get it, and the run ends
            if not self.stopped.is_set():
                reason = str(error) if isinstance(error, SetupError) else f"{type(error).__name__}: {error}"
                _leave(gone(self.address), reason.rstrip())

    def _look_after(self) -> None:
        lost = 0
        still: Seconds = 0.0
        moved, looked = self.counts.read(), time.monotonic()
        while not self.stopped.wait(LOOK_EVERY):
            assert self.process is not None
            counts, now = self.counts.read(), time.monotonic()
            still += min(now - looked, LONGEST_LOOK)
            looked = now
            if counts != moved or counts[0] == counts[1]:
                lost = 0 if counts[1] > moved[1] else lost
                moved, still = counts, 0.0
            hangs = still > self.deadline
            if self.process.poll() is None and not hangs:
                self.log.trim()
                continue
            why = f"answered nothing for {self.deadline:g} s" if hangs else self._ended()
            words = where_it_hangs(self.process, self.log) if hangs else self.log.last_words()
            self._kill()
            # of a hang, the last line that it printed is no reason
            reasons = ["its deadline"] if hangs else [line[:200] for line in words.strip().splitlines()[-1:]]
            _leave(ended(self.address), " ".join([why, *(f"({reason})" for reason in reasons)]))
            lost += 1
            if lost >= MOST_LOST:
                raise SetupError(f"the process of the models {why}, {lost} times without an answer\n{words}")
            for tried in range(1, LOAD_TRIES + 1):
                try:
                    self._start()
                    break
                except SetupError as error:
                    # what it has reported itself it would report again
                    if isinstance(error, _LoadError) or tried == LOAD_TRIES or self.stopped.is_set():
                        raise SetupError(f"the models could be loaded no more: {error}") from None
            moved, still, looked = self.counts.read(), 0.0, time.monotonic()

    def _ended(self) -> str:
        from hoigen.work.supervisor import exit_in_words

        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2.0)
        return exit_in_words(self.process.returncode)

    def _kill(self) -> None:
        """Ends it and all that it has started, once: its number may be another process's afterwards."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2.0)
            self.process = None


def _leave(file: Path, words: str) -> None:
    """Leaves words for those who asked, whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(words, encoding="utf-8")
    part.replace(file)


class _LoadError(SetupError):
    """The models do not load, as their process reports."""


class _Counts:
    """A page of memory that parent and process share: how many questions have come, how many are answered."""

    def __init__(self, descriptor: int) -> None:
        self.page = mmap.mmap(descriptor, mmap.PAGESIZE)

    def read(self) -> tuple[int, int]:
        asked, answered = COUNTS.unpack_from(self.page, 0)
        return asked, answered

    def add(self, asked: int = 0, answered: int = 0) -> None:
        before = self.read()
        COUNTS.pack_into(self.page, 0, before[0] + asked, before[1] + answered)


# the process itself


class _Served:
    """Answers what comes over the socket. Questions go together, but for those that have to be alone."""

    def __init__(self, services: Mapping[str, Service], counts: _Counts) -> None:
        self.services, self.counts = services, counts
        self.news = asyncio.Condition()
        self.together = self.waiting = 0
        self.alone = False

    @contextlib.asynccontextmanager
    async def turn(self, alone: bool) -> Any:
        async with self.news:
            self.waiting += alone
            if alone:
                await self.news.wait_for(lambda: not self.together and not self.alone)
                self.alone = True
            else:
                await self.news.wait_for(lambda: not self.waiting)
                self.together += 1
        try:
            yield
        finally:
            async with self.news:
                if alone:
                    self.alone = False
                    self.waiting -= 1
                else:
                    self.together -= 1
                self.news.notify_all()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # whoever asked is gone
            _, body = await receive(reader)
            self.counts.add(asked=1)
            try:
                writer.write(await self._answered(body, writer))
                await writer.drain()
            finally:
                self.counts.add(answered=1)
                writer.close()

    async def _answered(self, body: bytes, writer: asyncio.StreamWriter) -> bytes:
        try:
            name, asked, alone = pickle.loads(body)
        except Exception as error:
            return _raised(error)
        async with self.turn(alone):
            if alone:
                writer.write(frame(BEGUN))
                await writer.drain()
            try:
                return frame(ANSWER, pickle.dumps(await self.services[name].answer(asked), pickle.HIGHEST_PROTOCOL))
            except (SystemExit, KeyboardInterrupt):  # at once: an orderly end would cancel what others have asked
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
            except BaseException as error:  # an answer that its library has cancelled, too
                return _raised(error)


def _raised(error: BaseException) -> bytes:
    """The frame that tells the worker of an error; a process that has lost its card ends instead."""
    traceback.print_exc()
    if devices.lost(error):
        print("the card is lost to this process, which ends", file=sys.stderr, flush=True)
        os._exit(1)
    trace = "".join(traceback.format_exception(error))[-TRACE_ROOM:]
    return frame(RAISED, f"{type(error).__name__}: {error}\0{trace}".encode("utf-8", "replace"))


async def _serve(setup: bytes, link: socket.socket, counts: _Counts, address: str) -> None:
    services: Mapping[str, Service] = pickle.loads(setup)()
    for service in services.values():
        await service.open()
    served = _Served(services, counts)
    server = await asyncio.start_unix_server(served.handle, path=address, backlog=BACKLOG, limit=READ_AHEAD)
    link.sendall(READY)
    async with server:
        await server.serve_forever()


def main() -> None:
    """python -c '... main()' LINK PAGE PARENT ADDRESS"""
    import faulthandler

    from hoigen.work.worker import end_with_parent, no_core_files, told

    link_fd, page, parent = (int(word) for word in sys.argv[1:4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # the parent asks where it hangs
    no_core_files()
    end_with_parent(parent)
    sys.setswitchinterval(SWITCH)
    link = socket.socket(fileno=link_fd)
    setup = b""
    while part := link.recv(1 << 16):
        setup += part
    try:
        asyncio.run(_serve(setup, link, _Counts(page), sys.argv[4]))
    except BaseException as error:
        with contextlib.suppress(OSError):
            link.sendall(UNREADY + "\n".join(filter(None, told(error))).encode("utf-8", "replace"))
        os._exit(1)
    os._exit(0)
