"""Asking the process that owns the models (`hoigen.models.host`): what workers and the parent have of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import pickle
import sys
import threading
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import AnswerError, GaveUpError, ModelsGoneError
from hoigen.models import arena
from hoigen.work.wire import HEAD

BEGUN, ANSWER, RAISED = b"b", b"a", b"x"
LOOK_EVERY: Seconds = 0.2
READ_AHEAD = 1 << 24
"""Bytes that a reader takes before it lets the other side wait: pictures of a batch in one go."""


class Client:
    """Asks the process at that address; each question over a connection of its own."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def answer(self, name: str, asked: Any) -> Any:
        """The answer of what is served under that name.

        Args:
            name: of an expert (`name_of`) or of a network.
            asked: the question, whatever can be pickled.

        Raises GaveUpError when the process ends at this very question, ModelsGoneError when there is no such process
        any more, AnswerError with what the one who was asked has raised. The process has deadlines of its own, for an
        answer and for loading.
        """
        return await self._answered(name, asked)

    def wait(self, name: str, asked: Any) -> Any:
        """As `answer` with this `name` and what is `asked`, for those who wait for it. Not within an event loop."""
        return Waiting(self._begun(name, asked), lambda answer: answer).result()

    def submit(self, name: str, call: Any, change: Callable[[Any], Any]) -> Waiting:
        """Asks a network, and returns what waits for its answer: many questions may be under way. Where the memory that
        is shared with the process of the models is full of such, it waits until one of them is answered.

        Args:
            name: of a network.
            call: a `room.Call` of numpy arrays.
            change: what is made of the answer.
        """
        from hoigen.work.worker import moved_on

        count, arrays = len(call.inputs), [*call.inputs, *call.named.values()]
        sent, give_back = arena.packed(arrays, self._shared(name), moved_on)
        named = dict(zip(call.named, sent[count:], strict=True))
        asking = self._begun(name, dataclasses.replace(call, inputs=tuple(sent[:count]), named=named))
        if give_back is not None:
            asking.add_done_callback(lambda _: give_back())
        return Waiting(asking, change)

    def _shared(self, name: str) -> arena.Arena | None:
        """This process's memory, where the process of the models can read it: a system may forbid it."""
        import numpy as np

        shared = _arena(os.getpid())
        if shared is not None and shared.read is None:
            [piece], give_back = shared.put([np.arange(9)], lambda: None)
            shared.read = bool(self.wait(name, piece))
            give_back()
        return shared if shared is not None and shared.read else None

    def _begun(self, name: str, asked: Any) -> concurrent.futures.Future[Any]:
        return asyncio.run_coroutine_threadsafe(self._answered(name, asked), background())

    async def _answered(self, name: str, asked: Any) -> Any:
        """Asks until there is an answer. When the process ends before, once more alone; when it ends then as well, and
        had begun with this question and no other, it gives up."""
        alone = False
        while True:
            reader, writer = await self._connected()
            sent = begun = False
            try:
                question = pickle.dumps((name, asked, alone), pickle.HIGHEST_PROTOCOL)
                writer.write(HEAD.pack(ANSWER, len(question)))
                writer.write(question)
                await writer.drain()
                sent = True
                while True:
                    kind, body = await receive(reader)
                    if kind == BEGUN:
                        begun = True
                    elif kind == RAISED:
                        message, _, trace = body.decode("utf-8", "replace").partition("\0")
                        error = AnswerError(message)
                        error.add_note(f"There:\n{trace}")
                        raise error
                    else:
                        return pickle.loads(body)
            except (OSError, asyncio.IncompleteReadError):
                pass  # it has ended
            finally:
                writer.close()
            if alone and begun:
                await asyncio.sleep(2 * LOOK_EVERY)  # the parent finds out why
                why = ""
                with contextlib.suppress(OSError):
                    why = f": it {ended(self.address).read_text(encoding='utf-8')}"
                raise GaveUpError(
                    f"the process of the model ended twice while it was at this question, the second time alone{why}"
                )
            alone = alone or sent

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BlockingIOError):
                return await asyncio.open_unix_connection(self.address, limit=READ_AHEAD)
            with contextlib.suppress(FileNotFoundError):
                raise ModelsGoneError(gone(self.address).read_text(encoding="utf-8"))
            await asyncio.sleep(LOOK_EVERY)  # it is being started anew


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """An answer that comes.

    Args:
        asking: gets it.
        change: what is made of it.
    """

    asking: concurrent.futures.Future[Any]
    change: Callable[[Any], Any]

    def result(self) -> Any:
        """The answer, or what `Client.answer` raises. Waiting for it is no lack of progress."""
        from hoigen.work.worker import moved_on

        while True:
            try:
                return self.change(self.asking.result(LOOK_EVERY))
            except TimeoutError:
                if self.asking.done():  # it is what was raised for the question
                    raise
                moved_on()


def background() -> asyncio.AbstractEventLoop:
    """The event loop of a thread of this process, where questions wait for their answers while it goes on."""
    return _loop(os.getpid())


@functools.cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="hoigen asks", daemon=True).start()
    return loop


@functools.cache
def _arena(process: int) -> arena.Arena | None:
    """This process's; None where there is no such memory."""
    try:
        return arena.Arena()
    except (OSError, AttributeError):
        return None


async def receive(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Kind and body of the next frame that `reader` brings."""
    kind, size = HEAD.unpack(await reader.readexactly(HEAD.size))
    return kind, await reader.readexactly(size)


def gone(address: str) -> Path:
    """The file that says why there is no process at that `address` any more."""
    return Path(f"{address}.gone")


def ended(address: str) -> Path:
    """The file that says how the process at that `address` ended the last time."""
    return Path(f"{address}.ended")


def name_of(expert: Any) -> str:
    """The name under which an `expert` is served: its file and its settings, the same in every process of a run."""
    return f"{getattr(sys.modules.get(type(expert).__module__), '__file__', '')} {expert!r}"


def asking(address: str, served: Collection[str] | None = None) -> Callable[[Any, Any], Awaitable[Any]]:
    """How a desk asks experts that the process at that address has opened (`Desk(asking=...)`).

    Args:
        address: of its socket.
        served: the names of those that it has; others are asked here. None: it has all of them.
    """
    client = Client(address)

    async def ask(expert: Any, request: Any) -> Any:
        if served is not None and name_of(expert) not in served:
            return await expert.answer(request)
        return await client.answer(name_of(expert), request)

    return ask
