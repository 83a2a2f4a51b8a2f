"""One request on its way to an answer: which endpoint, how often, how long between tries.

Tries are counted here and nowhere else: the SDK's own retries would multiply with these, keep a slot while they wait,
and stay with an endpoint that is down.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hoigen.clip import Seconds
from hoigen.experts import _chat_replies
from hoigen.experts._chat_body import JSON_MODES, JsonMode, Part
from hoigen.experts._chat_http import Session, about_key
from hoigen.experts._chat_replies import Fault
from hoigen.experts._endpoints import LONGEST_REST, AllDown, Endpoint
from hoigen.experts.call import Answer, Request

if TYPE_CHECKING:
    from hoigen.experts.chat_server import ChatServer

ALL_SCHEMAS = "*"


class Asking:
    """sent: requests that went out. failed: those among them that count against `tries`."""

    def __init__(self, expert: ChatServer, session: Session, request: Request, seen: list[Part]) -> None:
        self.expert, self.session, self.request, self.seen = expert, session, request, seen
        self.sent = self.failed = self.not_reached = 0
        self.seconds: Seconds = 0.0
        shape = json.dumps(request.json_schema, sort_keys=True)
        self.schema = hashlib.sha256(shape.encode()).hexdigest()[:16]

    async def answer(self) -> Answer:
        last: Endpoint | None = None
        while True:
            try:
                last = await self.session.slots.take(last, first=self.sent > 0)
            except AllDown as down:
                return self._told(Fault("shut", str(down)), None)
            try:
                found = await self._try(last)
            finally:
                self.session.slots.give(last)
            if isinstance(found, Answer):
                return self._ended(found, last)
            if self._given_up(found):
                return self._told(found, last)
            if found.action in ("again", "slower") and found.wait is None:
                await asyncio.sleep(self._pause())

    async def _try(self, endpoint: Endpoint) -> Answer | Fault:
        mode = self._mode(endpoint)
        body = self.expert.body_in(mode, self.request, self.seen)
        self.sent += 1
        began = time.monotonic()
        reply = await self.session.send(endpoint.url, "/chat/completions", body, self.expert.timeout)
        self.seconds = time.monotonic() - began
        found = _chat_replies.read(reply, asked_for_json="response_format" in body)
        if not reply.trouble:
            endpoint.reached()
        if isinstance(found, Fault):
            self._learn(found, endpoint, began, mode)
        else:
            endpoint.went_well()
        return found

    def _learn(self, fault: Fault, endpoint: Endpoint, began: float, mode: JsonMode) -> None:
        """Before the slot is given back, so that the next request meets what this one met."""
        if fault.action == "elsewhere":
            self.not_reached += 1
            endpoint.not_reached(began, self._at(endpoint, fault.reason))
        elif fault.action == "shut":
            hint = f". {about_key(self.expert.key_env)}" if fault.reason.startswith("HTTP 401") else ""
            endpoint.shut(self._at(endpoint, fault.reason + hint))
        elif fault.action == "plainer":
            which = self.schema if fault.one_schema else ALL_SCHEMAS
            endpoint.modes[which] = max(endpoint.modes.get(which, 0), JSON_MODES.index(mode) + 1)
        elif fault.action in ("again", "slower"):
            self.failed += 1
            if fault.action == "slower" or fault.wait is not None:
                endpoint.slow_down(began, fault.wait)

    def _mode(self, endpoint: Endpoint) -> JsonMode:
        fallen = max(endpoint.modes.get(ALL_SCHEMAS, 0), endpoint.modes.get(self.schema, 0))
        return JSON_MODES[max(fallen, JSON_MODES.index(self.expert.json_mode))]

    def _given_up(self, fault: Fault) -> bool:
        most = self.expert.tries * len(self.expert.endpoints)
        return fault.action == "stop" or self.failed >= self.expert.tries or self.not_reached >= most

    def _pause(self) -> Seconds:
        """Spread, so that requests which failed together do not come back together."""
        longest = min(self.expert.backoff * 2.0 ** (self.failed - 1), LONGEST_REST)
        return longest * random.uniform(0.5, 1.0)

    def _ended(self, answer: Answer, endpoint: Endpoint) -> Answer:
        return replace(answer, tries=self.sent, seconds=self.seconds, endpoint=endpoint.shown)

    def _told(self, fault: Fault, endpoint: Endpoint | None) -> Answer:
        reason = self._at(endpoint, fault.reason) if endpoint is not None else fault.reason
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

    def _at(self, endpoint: Endpoint, reason: str) -> str:
        return f"{endpoint.shown}: {reason}"
