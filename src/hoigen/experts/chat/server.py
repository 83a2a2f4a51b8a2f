"""What runs for one `chat_server` expert: its endpoints, its connections, and requests on their way to an answer.

Tries are counted here and nowhere else: the SDK's own retries would multiply with these, keep a slot while they wait,
and stay with an endpoint that is down.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, nearest
from hoigen.experts.call import Answer, Request
from hoigen.experts.chat import wire
from hoigen.experts.chat.client import (
    LONGEST_REST,
    AllDown,
    Endpoint,
    Reply,
    Session,
    about_key,
    check_sdk,
    key_of,
    whole_url,
)
from hoigen.experts.chat.wire import JSON_MODES, Fault, JsonMode, Part

ALL_SCHEMAS = "*"
LOOK: Seconds = 30.0
"""A server has as long to say which models it serves."""
MOST_NAMES = 30
"""Hosted services list hundreds; a message shows those nearest to what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How the requests of one expert are sent; the settings of `chat_server` say what each means.

    Args:
        model: the name under which it is served.
        decoding: temperature and its like, and further keys of the body.
        json_mode: how JSON is asked for at first.
        key_env: the environment variable that holds the API key.
        slots: requests at once, per endpoint.
        timeout: seconds until a request is given up.
        tries: how often it is sent.
        backoff: seconds before the second try.
    """

    model: str
    decoding: Mapping[str, Any]
    json_mode: JsonMode
    key_env: str
    slots: int
    timeout: Seconds
    tries: int
    backoff: Seconds


class Servers:
    """The endpoints of one expert, what was learned of them, and its connections.

    Args:
        urls: of the endpoints; /v1 is added where they have no path.
        how: how requests are sent.
    """

    def __init__(self, urls: Sequence[str], how: Sending) -> None:
        self.how = how
        self.endpoints = tuple(Endpoint(whole_url(url), how.slots, how.tries, how.backoff) for url in urls)
        self.sessions: dict[asyncio.AbstractEventLoop, Session] = {}

    async def session(self) -> Session:
        """What belongs to the running event loop; that of loops that have ended is let go."""
        loop = asyncio.get_running_loop()
        if loop not in self.sessions:
            for old in [old for old in self.sessions if old.is_closed()]:
                del self.sessions[old]
            check_sdk()
            self.sessions[loop] = Session(self.endpoints, key_of(self.how.key_env))
            await self.sessions[loop].begin()
        return self.sessions[loop]

    async def open(self) -> None:
        """Looks whether the model is served. Raises SetupError when no endpoint serves it, and warns of some."""
        for endpoint in self.endpoints:
            endpoint.afresh()
        session = await self.session()
        found = await asyncio.gather(*(_fault(session, endpoint, self.how) for endpoint in self.endpoints))
        faults: list[str] = []
        for endpoint, fault in zip(self.endpoints, found, strict=True):
            if fault:
                faults.append(f"{endpoint.shown}: {fault}")
                endpoint.shut(faults[-1])
        if len(faults) == len(found):
            await self.close()
            raise SetupError("\n".join(faults))
        for fault in faults:
            print(f"warning: {fault}", file=sys.stderr)

    async def answer(self, request: Request, seen: Sequence[Part]) -> Answer:
        """Sends a request until there is an answer or its tries are used up.

        Args:
            request: what is asked.
            seen: what is shown, as parts of the message.
        """
        return await _Asking(self.how, await self.session(), request, seen).answer()

    async def close(self) -> None:
        """Closes the connections of the running event loop."""
        session = self.sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.end()


class _Asking:
    """One request on its way. sent: how often it went out. failed: those among them that count against `tries`."""

    def __init__(self, how: Sending, session: Session, request: Request, seen: Sequence[Part]) -> None:
        self.how, self.session, self.request, self.seen = how, session, request, seen
        self.sent = self.failed = self.not_reached = 0
        self.seconds: Seconds = 0.0
        shape = json.dumps(request.json_schema, sort_keys=True)
        self.schema = hashlib.sha256(shape.encode()).hexdigest()[:16]

    async def answer(self) -> Answer:
        """The loop over tries: each at the endpoint that is least busy by then."""
        tries, slots = self.how.tries, self.session.slots
        last: Endpoint | None = None
        while True:
            try:
                last = await slots.take(last, first=self.sent > 0)
            except AllDown as down:
                return self._without(Fault("shut", str(down)), None)
            try:
                found = await self._try(last)
            finally:
                slots.give(last)
            if isinstance(found, Answer):
                return replace(found, tries=self.sent, seconds=self.seconds, endpoint=last.shown)
            if found.action == "stop" or self.failed >= tries or self.not_reached >= tries * len(slots.endpoints):
                return self._without(found, last)
            if found.action in ("again", "slower") and found.wait is None:
                longest = min(self.how.backoff * 2.0 ** (self.failed - 1), LONGEST_REST)
                # Spread, so that requests which failed together do not come back together.
                await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    async def _try(self, endpoint: Endpoint) -> Answer | Fault:
        fallen = max(endpoint.modes.get(ALL_SCHEMAS, 0), endpoint.modes.get(self.schema, 0))
        mode = JSON_MODES[max(fallen, JSON_MODES.index(self.how.json_mode))]
        body = wire.body_of(self.request, self.seen, mode, self.how.model, self.how.decoding)
        self.sent += 1
        began = time.monotonic()
        reply = await self.session.send(endpoint.url, "/chat/completions", body, self.how.timeout)
        self.seconds = time.monotonic() - began
        found = wire.read(reply, asked_for_json="response_format" in body)
        if not reply.trouble:
            endpoint.reached()
        if isinstance(found, Fault):
            self._learn(found, endpoint, began, mode)
        else:
            endpoint.went_well()
        return found

    def _learn(self, fault: Fault, endpoint: Endpoint, began: float, mode: JsonMode) -> None:
        """Before the slot is given back, so that the next request meets what this one met."""
        reason = f"{endpoint.shown}: {fault.reason}"
        if fault.action == "elsewhere":
            self.not_reached += 1
            endpoint.not_reached(began, reason)
        elif fault.action == "shut":
            hint = f". {about_key(self.how.key_env)}" if fault.reason.startswith("HTTP 401") else ""
            endpoint.shut(reason + hint)
        elif fault.action == "plainer":
            which = self.schema if fault.one_schema else ALL_SCHEMAS
            endpoint.modes[which] = max(endpoint.modes.get(which, 0), JSON_MODES.index(mode) + 1)
        elif fault.action in ("again", "slower"):
            self.failed += 1
            if fault.action == "slower" or fault.wait is not None:
                endpoint.slow_down(began, fault.wait)

    def _without(self, fault: Fault, endpoint: Endpoint | None) -> Answer:
        """The outcome of a request that was given up."""
        reason = fault.reason if endpoint is None else f"{endpoint.shown}: {fault.reason}"
        if self.failed > 1:
            reason = f"{reason} ({self.sent} tries)"
        return Answer(
            outcome=fault.outcome,
            reason=reason,
            tries=self.sent,
            seconds=self.seconds,
            endpoint=endpoint.shown if endpoint is not None else "",
            unreachable=fault.action in ("shut", "elsewhere"),
        )


async def _fault(session: Session, endpoint: Endpoint, how: Sending) -> str:
    """Before the first request: what is wrong with an endpoint, and what to do; "" when it can be used."""
    reply = Reply()
    for tried in range(how.tries):  # a server that is still loading its model gets as many as a request
        if tried:
            await asyncio.sleep(how.backoff * 2.0 ** (tried - 1))
        reply = await session.send(endpoint.url, "/models", None, min(LOOK, how.timeout))
        if reply.trouble != "broken off" and reply.status not in (500, 502, 503, 504):
            break
    if reply.trouble:
        return (
            f"{reply.reason}. Is the server running, and is this its url? For a server of one's own: "
            f"vllm serve {how.model} (http://HOST:8000/v1)"
        )
    message = wire.short(str(wire.error_in(reply.body).get("message") or ""))
    said = f"HTTP {reply.status}{f': {message}' if message else ''}"
    if reply.status in (401, 403):
        return f"{said}. {about_key(how.key_env)}"
    if reply.status >= 500 and reply.status != 501:
        return f"{said}. The server is there but does not work, or not yet"
    if reply.status == 200 and wire.is_page(reply.body):
        return "a web page, not an OpenAI-compatible server; its url ends in /v1 as a rule"
    names = _names_in(reply.body) if reply.status == 200 else []
    if not names or any(_same_model(how.model, name) for name in names):
        return ""
    if len(names) > MOST_NAMES:
        alike = difflib.get_close_matches(how.model, names, n=MOST_NAMES, cutoff=0.3)
        names = alike or sorted(names)[:MOST_NAMES]
    return f"model {how.model!r} is not served here{nearest(how.model, names)}"


def _names_in(body: Any) -> list[str]:
    """Names of the models that a server lists; [] when it does not say."""
    rows = body.get("data") if isinstance(body, Mapping) else None
    found = [row.get("id") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return [name for name in found if isinstance(name, str)]


def _same_model(wanted: str, listed: str) -> bool:
    """Whether a listed name serves the wanted one: Ollama adds :latest, Google models/, OpenRouter takes :VARIANT."""
    bare = listed.removeprefix("models/")
    return wanted in (listed, bare, bare.removesuffix(":latest")) or wanted.partition(":")[0] == listed
