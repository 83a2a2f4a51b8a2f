"""The servers of one expert: who gets the next request, who rests, and one try over HTTP, in plain types."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from hoigen.core import keys, uris
from hoigen.core.clip import Seconds

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT: Seconds = 10.0
"""A server that is there takes a connection sooner, however busy its GPU is."""

LONGEST_REST: Seconds = 60.0
"""Until an endpoint that cannot be reached is looked at again; the rest doubles up to this."""

LONGEST_RETRY_AFTER: Seconds = 120.0
"""A server that asks for more is asked again after this; a longer wait looks like a run that hangs."""

LONGEST_REPLY = 16 << 20
"""Bytes. The longest answer that a model gives has some hundred thousand."""
LONGEST_LOCATION = 2000
AWAY = (
    "it sends on to {to}, which is not followed: questions, frames and key go to the servers that are named. "
    "Give that one as url if it is the one you mean"
)

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))

Trouble = Literal["not reached", "broken off", "late"]


class AllDown(Exception):
    """No endpoint can be reached, or none will take this expert's requests; says why."""


def whole_url(url: str) -> str:
    """The base URL of an endpoint: /v1 where no path is given. Raises ValueError when it is no http URL."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url: http://HOST:PORT/v1 or https://...; it came as {uris.masked(url)!r}")
    if "@" in parts.netloc:
        raise ValueError(
            f"url: without a name and a password, which would stand in run.yaml; it came as {uris.masked(url)!r}. A "
            "key goes by --key HOST=VARIABLE"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return parts._replace(path=path or "/v1").geturl()


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server, and what was learned about it. All points in time are of time.monotonic().

    Args:
        url: its base URL, ending in /v1 as a rule.
        slots: how many requests it may have at once.
        patience: failures to connect, in a row, until it counts as down.
        first_rest: seconds that it rests after the first failure to connect.
        width: how many of the slots are in use now: halved by a burst of 429 or 503, and one more for each round of
            good answers.
        strikes: failures to connect, in a row, so far.
        reason: what it said or did last that was a fault.
        rests_until: it gets no request before.
        struck_at: when the last strike was counted.
        slowed_at: when the width was halved last.
        modes: how many steps it fell back from the JSON mode asked for, by the digest of a schema.
        tells: it may be asked how likely its words were.
        joins: it knows no system prompt, which goes in front of the question.
        most: of the frames that are shown, how many it takes; None for all.
    """

    url: str
    slots: int
    patience: int
    first_rest: Seconds
    width: float = field(init=False)
    strikes: int = 0
    reason: str = ""
    rests_until: float = 0.0
    struck_at: float = 0.0
    slowed_at: float = 0.0
    modes: dict[str, int] = field(default_factory=dict)
    tells: bool = True
    joins: bool = False
    most: int | None = None

    def __post_init__(self) -> None:
        self.width = float(self.slots)

    @property
    def shown(self) -> str:
        """The URL as people read it."""
        return self.url

    @property
    def open_slots(self) -> int:
        """One while it is not known whether it can be reached again."""
        return 1 if self.strikes else max(1, int(self.width))

    def not_reached(self, sent: float, reason: str) -> None:
        """A connection was refused. Requests that were under way together are one strike.

        Args:
            sent: when the request was sent.
            reason: what went wrong, in words.
        """
        self.reason = reason
        if sent < self.struck_at:
            return
        self.strikes += 1
        self.struck_at = time.monotonic()
        rest = min(self.first_rest * 2.0 ** (self.strikes - 1), LONGEST_REST)
        self.rests_until = self.struck_at + rest

    def shut(self, reason: str) -> None:
        """It takes none of this expert's requests (wrong key, unknown model): waiting would not help."""
        self.reason, self.strikes = reason, self.patience
        self.struck_at = time.monotonic()
        self.rests_until = self.struck_at + LONGEST_REST

    def slow_down(self, sent: float, retry_after: Seconds | None) -> None:
        """It is overloaded. Requests that were under way together halve its width once.

        Args:
            sent: when the request was sent.
            retry_after: seconds that the server asked to wait, None when it did not say.
        """
        now = time.monotonic()
        if retry_after is not None:
            self.rests_until = max(self.rests_until, now + min(retry_after, LONGEST_RETRY_AFTER))
        if sent >= self.slowed_at:
            self.slowed_at = now
            self.width = max(1.0, self.width / 2)

    def went_well(self) -> None:
        """A good answer came: a round of them makes the width one slot more."""
        self.width = min(float(self.slots), self.width + 1 / self.width)

    def afresh(self) -> None:
        """Forgets strikes and rests, as when a run begins."""
        self.strikes, self.rests_until, self.reason = 0, 0.0, ""


class Slots:
    """Who may send now: lives in one event loop. First come, first served; a retry goes before what is new."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.in_flight = dict.fromkeys(self.endpoints, 0)
        self.served = dict.fromkeys(self.endpoints, 0)
        self.waiting: deque[tuple[asyncio.Future[Endpoint], Endpoint | None]] = deque()
        """Those that wait, and the endpoint that each would rather not have."""
        self.timer: asyncio.TimerHandle | None = None

    async def take(self, avoid: Endpoint | None = None, *, first: bool = False) -> Endpoint:
        """A slot at the least busy endpoint, when one is free; give it back. Raises AllDown.

        Args:
            avoid: not this one while another has a free slot.
            first: before all that wait.
        """
        future: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        if first:
            self.waiting.appendleft((future, avoid))
        else:
            self.waiting.append((future, avoid))
        self.hand_out()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give(future.result())
            else:
                with contextlib.suppress(ValueError):
                    self.waiting.remove((future, avoid))
            raise

    def give(self, endpoint: Endpoint) -> None:
        """Gives a slot back."""
        self.in_flight[endpoint] -= 1
        self.hand_out()

    def hand_out(self) -> None:
        """Free slots to those that wait; all fail when all endpoints are down."""
        now = time.monotonic()
        awake = [endpoint for endpoint in self.endpoints if now >= endpoint.rests_until]
        if not awake and all(endpoint.strikes >= endpoint.patience for endpoint in self.endpoints):
            reasons = "; ".join(endpoint.reason for endpoint in self.endpoints)
            while self.waiting:
                future, _ = self.waiting.popleft()
                if not future.done():
                    future.set_exception(AllDown(reasons))
        while self.waiting:
            future, avoid = self.waiting[0]
            if future.done():
                self.waiting.popleft()
                continue
            free = [e for e in awake if self.in_flight[e] < e.open_slots]
            if not free:
                break
            endpoint = min(free, key=lambda e: (e is avoid, self.in_flight[e] / e.open_slots, self.served[e]))
            self.in_flight[endpoint] += 1
            self.served[endpoint] += 1
            self.waiting.popleft()
            future.set_result(endpoint)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        rests = [e.rests_until for e in self.endpoints if now < e.rests_until]
        if self.waiting and rests:  # look again when the next rest ends
            self.timer = asyncio.get_running_loop().call_later(min(rests) - now + 0.001, self.hand_out)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Args:
        status: of HTTP; 0 when nothing came.
        body: JSON, or the text as it was.
        retry_after: seconds that it asks to wait.
        trouble: why nothing came.
        reason: the trouble in words.
    """

    status: int = 0
    body: Any = None
    retry_after: Seconds | None = None
    trouble: Trouble | None = None
    reason: str = ""


class Session:
    """Slots and connections of one expert in one event loop; connections are closed when the loop ends."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.slots = Slots(endpoints)
        self.keys = {endpoint.url: keys.key_for(endpoint.url) for endpoint in endpoints}
        self.clients: dict[str, AsyncOpenAI] = {}
        self.ending: AsyncGenerator[None, None] | None = None

    async def begin(self) -> None:
        """Ties the connections to the loop: asyncio.run ends generators that are under way when its loop ends."""

        async def until_the_end() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                for client in self.clients.values():
                    await client.close()
                self.clients.clear()

        self.ending = until_the_end()
        await anext(self.ending)

    async def end(self) -> None:
        """Closes the connections."""
        if self.ending is not None:
            await self.ending.aclose()

    async def send(self, url: str, path: str, body: Mapping[str, Any] | None, timeout: Seconds) -> Reply:
        """POSTs a body, or GETs without one. Never raises for what networks and servers do.

        Args:
            url: the endpoint's base URL.
            path: what is asked there, such as `/models`.
            body: JSON types; None for a GET.
            timeout: seconds until the whole reply must be there.
        """
        reply = await self._send(url, path, body, timeout)
        # All that came is masked here and nowhere else; what broke off may repeat what was sent, too.
        try:
            body_masked = keys.masked(reply.body, self.keys[url])
        except RecursionError:
            body_masked = "JSON that is nested too deeply"
        return replace(reply, body=body_masked, reason=self.masked(url, reply.reason))

    def masked(self, url: str, text: str) -> str:
        """A text without the key of the endpoint at that url."""
        return str(keys.masked(text, self.keys[url]))

    async def _send(self, url: str, path: str, body: Mapping[str, Any] | None, timeout: Seconds) -> Reply:
        import httpx2
        import openai

        if url not in self.clients:
            # A proxy that the environment names cannot reach this machine's own servers.
            direct = urlsplit(url).hostname in LOOPBACK
            # Sent on, a request would carry the frames (and within a host the key) to whom nobody has named.
            web = openai.DefaultAsyncHttpxClient(
                trust_env=not direct,
                verify=_certificates(),
                follow_redirects=False,
                event_hooks={"response": [_bounded]},
            )
            # What the SDK would take from the environment and send to any server.
            to_openai = urlsplit(url).hostname == "api.openai.com"
            others: Any = dict.fromkeys(("OpenAI-Organization", "OpenAI-Project"), openai.Omit())
            # No retries of the SDK: one may go to another server, and gives its slot back while it waits.
            # Servers without keys get a word that no key is.
            self.clients[url] = openai.AsyncOpenAI(
                base_url=url,
                api_key=self.keys[url] or "none",
                max_retries=0,
                http_client=web,
                default_headers={"Accept-Encoding": "identity"} | ({} if to_openai else others),
            )
        client = self.clients[url]
        how: Any = {"timeout": httpx2.Timeout(timeout, connect=min(CONNECT, timeout))}
        try:
            async with asyncio.timeout(timeout):
                if body is None:
                    response = await client.get(path, cast_to=httpx2.Response, options=how)
                else:
                    response = await client.post(path, cast_to=httpx2.Response, body=dict(body), options=how)
        except openai.APIStatusError as error:
            response = error.response
        except (openai.APIConnectionError, TimeoutError) as error:
            cause = error.__cause__
            if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
                said = "no connection in time" if isinstance(cause, httpx2.ConnectTimeout) else str(cause) or "refused"
                return Reply(trouble="not reached", reason=f"cannot be reached ({said})")
            if isinstance(error, TimeoutError) or isinstance(cause, httpx2.TimeoutException):
                return Reply(trouble="late", reason=f"no answer within {timeout:g} s")
            what = f"{type(cause or error).__name__}: {cause or error}"
            return Reply(trouble="broken off", reason=f"the connection broke off ({what})")
        if 300 <= response.status_code < 400:
            to = urlsplit(str(response.headers.get("location", ""))[:LONGEST_LOCATION]).hostname or "another path"
            return Reply(response.status_code, {"error": {"message": AWAY.format(to=to)}})
        try:
            found = json.loads(response.text.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            found = response.text
        return Reply(response.status_code, found, _retry_after(response.headers))


async def _bounded(response: Any) -> None:
    """Before a reply is read: it may not be packed, nor be longer than any answer is."""
    import httpx2

    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.ReadError("its answer is packed, which was not asked for")
    stream = response.stream

    class _Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in stream:
                size += len(chunk)
                if size > LONGEST_REPLY:
                    raise httpx2.ReadError(f"its answer has more than {LONGEST_REPLY >> 20} MiB")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    response.stream = _Bounded()


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Made once: it takes a tenth of a second, and a measure opens a client for each clip."""
    import httpx2

    return httpx2.create_ssl_context()


def _retry_after(headers: Mapping[str, str]) -> Seconds | None:
    """Seconds that the server asks to wait: a number, or a date."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        with contextlib.suppress(KeyError, ValueError):
            seconds = float(headers[name]) / unit
            return seconds if 0 <= seconds < float("inf") else None  # not so for nan
    with contextlib.suppress(KeyError, ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    return None
