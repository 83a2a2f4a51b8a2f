"""A scriptable server of chat completions on the loopback: real HTTP, made-up answers, faults on demand.

    with FakeChatServer() as server:
        server.script = [Say("no", status=500), Say("A person lifts a cup.")]

Requests take the lines of `script` in order; when it is empty, `then` answers them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Say:
    """One reply. text: the answer's content; body: instead, the whole JSON, or bytes as they are.

    until: answers no sooner than this is true. does: `drop` breaks the connection off, `hang` never answers, `cut`
    sends half of what it said it would send.
    """

    text: str | None = "A person lifts a cup."
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    latency: float = 0.0
    until: Callable[[], bool] | None = None
    finish: str = "stop"
    message: Body = field(default_factory=dict)
    usage: Body | None = field(default_factory=lambda: {"prompt_tokens": 11, "completion_tokens": 7})
    does: Literal["answer", "drop", "hang", "cut"] = "answer"

    def payload(self, model: str) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.completion(model) if self.body is None else self.body).encode()

    def completion(self, model: str) -> Body:
        message = {"role": "assistant", "content": self.text, **self.message}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        made = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
        return made | ({"usage": self.usage} if self.usage is not None else {})


def error(status: int, message: str, **more: Any) -> Say:
    """An error in OpenAI's form."""
    headers = more.pop("headers", {})
    return Say(status=status, headers=headers, body={"error": {"message": message, "type": None, "code": None, **more}})


@dataclass(slots=True)
class Got:
    """A request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: Body


class FakeChatServer:
    """One server in its own thread. in_flight: chat requests being answered; timeline: (time, in flight) at changes."""

    def __init__(self, models: list[str] | None = None, port: int = 0) -> None:
        self.models = ["fake"] if models is None else models
        self.models_say: Say | None = None
        self.key: str | None = None
        self.script: list[Say] = []
        self.then: Callable[[Body], Say] = lambda body: Say()
        self.got: list[Got] = []
        self.in_flight = 0
        self.timeline: list[tuple[float, int]] = []
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="fake chat server", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def peak(self) -> int:
        return max((count for _, count in self.timeline), default=0)

    @property
    def chats(self) -> list[Body]:
        return [got.body for got in self.got if got.path.endswith("/chat/completions")]

    def busy(self, slots: int, begin: float, end: float) -> float:
        """Share of the slots in use between two times of time.monotonic(), 0..1."""
        total, at, count = 0.0, begin, 0
        for when, now in self.timeline:
            if when > begin:
                total += count * (min(when, end) - at)
                at = min(when, end)
            count = now
        return (total + count * (end - at)) / (slots * (end - begin))

    def __enter__(self) -> FakeChatServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                got = Got(first.split()[1], headers, json.loads(raw) if raw else {})
                self.got.append(got)
                if not await self._reply(got, writer):
                    break
        writer.close()

    async def _reply(self, got: Got, writer: asyncio.StreamWriter) -> bool:
        say = self._say(got)
        with self._counted() if got.path.endswith("/chat/completions") else contextlib.nullcontext():
            await asyncio.sleep(say.latency)
            while say.until is not None and not say.until():
                await asyncio.sleep(0.001)
            if say.does == "hang":
                await asyncio.sleep(3600)
            if say.does == "drop":
                return False
            payload = say.payload(got.body.get("model", ""))
        kind = "application/json" if not payload.startswith(b"<") else "text/html"
        headers = {"content-type": kind, "content-length": str(len(payload)), **say.headers}
        lines = [f"HTTP/1.1 {say.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        writer.write(payload[: len(payload) // 2] if say.does == "cut" else payload)
        await writer.drain()
        return say.does != "cut"

    def _say(self, got: Got) -> Say:
        if self.key is not None and got.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "Incorrect API key provided", code="invalid_api_key")
        if got.path.endswith("/models"):
            rows = [{"id": name, "object": "model"} for name in self.models]
            return self.models_say or Say(body={"object": "list", "data": rows})
        if self.models and got.body.get("model") not in self.models:
            return error(404, f"The model `{got.body.get('model')}` does not exist.", code="model_not_found")
        return self.script.pop(0) if self.script else self.then(got.body)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, by: int) -> None:
        self.in_flight += by
        self.timeline.append((time.monotonic(), self.in_flight))
