"""One try at a server through the openai SDK, and what came of it, in plain types."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import ssl
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from hoigen.clip import Seconds
from hoigen.errors import SetupError
from hoigen.experts._endpoints import Endpoint, Slots

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT: Seconds = 10.0
"""A server that is there takes a connection sooner, however busy its GPU is."""

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))

Trouble = Literal["not reached", "broken off", "late"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said. trouble: why it said nothing, and then status is 0. body: JSON, or the text as it came."""

    status: int = 0
    body: Any = None
    retry_after: Seconds | None = None
    trouble: Trouble | None = None
    reason: str = ""


def check_sdk() -> None:
    """Raises SetupError when the packages that talk to servers are not installed."""
    try:
        import openai  # noqa: F401
        import pydantic  # noqa: F401
    except ImportError as error:
        raise SetupError(f"chat_server needs {error.name}: pip install 'hoigen[experts]'") from None


def key_of(name: str) -> str:
    """The API key from the environment; servers without keys get a word that no key is."""
    key = os.environ.get(name, "").strip() if name else ""
    if not key.isascii():
        raise SetupError(f"the API key in the environment variable {name} has characters that no key has")
    return key or "none"


def about_key(name: str) -> str:
    """What to do when the key from the environment variable `name` is not taken."""
    if not name:
        return "No key is sent: name the environment variable that holds it as key_env"
    if os.environ.get(name, "").strip():
        return f"The key in the environment variable {name} is not taken here; another may be named as key_env"
    return f"Put the API key into the environment variable {name}, which is not set, or name another as key_env"


class Session:
    """Slots and connections of one expert in one event loop; connections are closed when the loop ends."""

    def __init__(self, endpoints: Sequence[Endpoint], key: str) -> None:
        self.slots = Slots(endpoints)
        self.key = key
        self.clients: dict[str, AsyncOpenAI] = {}
        self.ending: AsyncGenerator[None, None] | None = None

    async def begin(self) -> None:
        """Ties the connections to the loop: asyncio.run ends generators that are under way when its loop ends."""
        self.ending = self._until_the_end()
        await anext(self.ending)

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            for client in self.clients.values():
                await client.close()
            self.clients.clear()

    async def end(self) -> None:
        if self.ending is not None:
            await self.ending.aclose()

    def client(self, url: str) -> AsyncOpenAI:
        if url not in self.clients:
            self.clients[url] = _client(url, self.key)
        return self.clients[url]

    async def send(self, url: str, path: str, body: Mapping[str, Any] | None, timeout: Seconds) -> Reply:
        """POSTs a body, or GETs without one. Never raises for what networks and servers do."""
        import httpx2
        import openai

        client = self.client(url)
        limits = httpx2.Timeout(timeout, connect=min(CONNECT, timeout))
        try:
            async with asyncio.timeout(timeout):
                if body is None:
                    response = await client.get(path, cast_to=httpx2.Response, options={"timeout": limits})
                else:
                    response = await client.post(
                        path, cast_to=httpx2.Response, body=dict(body), options={"timeout": limits}
                    )
        except openai.APIStatusError as error:
            response = error.response
        except (openai.APIConnectionError, TimeoutError) as error:
            return _trouble(error, timeout)
        return Reply(response.status_code, _json_or_text(response.text), _retry_after(response.headers))


def _client(url: str, key: str) -> AsyncOpenAI:
    """Without the SDK's own retries: a retry may go to another server, and gives its slot back while it waits."""
    import openai

    # A proxy that the environment names cannot reach this machine's own servers.
    direct = urlsplit(url).hostname in LOOPBACK
    web = openai.DefaultAsyncHttpxClient(trust_env=not direct, verify=_certificates())
    return openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0, http_client=web)


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Made once: it takes a tenth of a second, and a measure opens a client for each clip."""
    import httpx2

    return httpx2.create_ssl_context()


def _trouble(error: Exception, timeout: Seconds) -> Reply:
    import httpx2

    cause = error.__cause__
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        said = "no connection in time" if isinstance(cause, httpx2.ConnectTimeout) else str(cause) or "refused"
        return Reply(trouble="not reached", reason=f"cannot be reached ({said})")
    if isinstance(error, TimeoutError) or isinstance(cause, httpx2.TimeoutException):
        return Reply(trouble="late", reason=f"no answer within {timeout:g} s")
    name = type(cause or error).__name__
    return Reply(trouble="broken off", reason=f"the connection broke off ({name}: {cause or error})")


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _retry_after(headers: Mapping[str, str]) -> Seconds | None:
    """Seconds that the server asks to wait: a number, or a date."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) / unit
            return seconds if seconds >= 0 else None  # not so for nan
    with contextlib.suppress(KeyError, ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    return None
