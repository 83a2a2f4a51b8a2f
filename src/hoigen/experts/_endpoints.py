"""Several servers for one expert: who gets the next request, how many at once, and who rests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hoigen.clip import Seconds

LONGEST_REST: Seconds = 60.0
"""Until an endpoint that cannot be reached is looked at again; the rest doubles up to this."""

LONGEST_RETRY_AFTER: Seconds = 120.0
"""A server that asks for more is asked again after this; a longer wait looks like a run that hangs."""


class AllDown(Exception):
    """No endpoint can be reached, or none will take this expert's requests; says why."""


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server, and what was learned about it. All times are of time.monotonic().

    slots: how many requests it may have at once. patience: failures to connect, in a row, until it counts as down.
    first_rest: after the first failure to connect. width: how many of the slots are in use now: halved by a burst of
    429 or 503, and one more for each round of good answers. modes: how far it fell back from the JSON mode asked for,
    by schema.
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

    def __post_init__(self) -> None:
        self.width = float(self.slots)

    @property
    def shown(self) -> str:
        """The URL without a password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def open_slots(self) -> int:
        """One while it is not known whether it can be reached again."""
        return 1 if self.strikes else max(1, int(self.width))

    def resting(self, now: float) -> bool:
        return now < self.rests_until

    def down(self, now: float) -> bool:
        return self.strikes >= self.patience and self.resting(now)

    def not_reached(self, sent: float, reason: str) -> None:
        """A connection was refused. Requests that were under way together are one strike."""
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
        """It is overloaded. Requests that were under way together halve its width once."""
        now = time.monotonic()
        if retry_after is not None:
            self.rests_until = max(self.rests_until, now + min(retry_after, LONGEST_RETRY_AFTER))
        if sent >= self.slowed_at:
            self.slowed_at = now
            self.width = max(1.0, self.width / 2)

    def reached(self) -> None:
        self.strikes = 0

    def went_well(self) -> None:
        self.width = min(float(self.slots), self.width + 1 / self.width)

    def afresh(self) -> None:
        """Forgets strikes and rests, as when a run begins."""
        self.strikes, self.rests_until, self.reason = 0, 0.0, ""


@dataclass(slots=True, eq=False)
class _Waiter:
    future: asyncio.Future[Endpoint]
    avoid: Endpoint | None


class Slots:
    """Who may send now: lives in one event loop. First come, first served; a retry goes before what is new."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self.in_flight = dict.fromkeys(self.endpoints, 0)
        self.served = dict.fromkeys(self.endpoints, 0)
        self.waiting: deque[_Waiter] = deque()
        self.timer: asyncio.TimerHandle | None = None

    async def take(self, avoid: Endpoint | None = None, *, first: bool = False) -> Endpoint:
        """A slot at the least busy endpoint, when one is free; give it back. Raises AllDown.

        avoid: not this one while another has a free slot. first: before all that wait.
        """
        waiter = _Waiter(asyncio.get_running_loop().create_future(), avoid)
        if first:
            self.waiting.appendleft(waiter)
        else:
            self.waiting.append(waiter)
        self.hand_out()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self.give(waiter.future.result())
            else:
                with contextlib.suppress(ValueError):
                    self.waiting.remove(waiter)
            raise

    def give(self, endpoint: Endpoint) -> None:
        self.in_flight[endpoint] -= 1
        self.hand_out()

    def hand_out(self) -> None:
        """Free slots to those that wait; all fail when all endpoints are down."""
        now = time.monotonic()
        if all(endpoint.down(now) for endpoint in self.endpoints):
            while self.waiting:
                _settle(self.waiting.popleft(), AllDown("; ".join(self._reasons())))
        while self.waiting:
            if self.waiting[0].future.done():
                self.waiting.popleft()
                continue
            endpoint = self._best(now, self.waiting[0].avoid)
            if endpoint is None:
                break
            self.in_flight[endpoint] += 1
            self.served[endpoint] += 1
            _settle(self.waiting.popleft(), endpoint)
        self._look_again(now)

    def _best(self, now: float, avoid: Endpoint | None) -> Endpoint | None:
        free = [e for e in self.endpoints if not e.resting(now) and self.in_flight[e] < e.open_slots]
        return min(
            free,
            key=lambda e: (e is avoid, self.in_flight[e] / e.open_slots, self.served[e]),
            default=None,
        )

    def _look_again(self, now: float) -> None:
        """When the next rest ends, if anything waits for it."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        rests = [e.rests_until for e in self.endpoints if e.resting(now)]
        if self.waiting and rests:
            self.timer = asyncio.get_running_loop().call_later(min(rests) - now + 0.001, self.hand_out)

    def _reasons(self) -> list[str]:
        return [endpoint.reason for endpoint in self.endpoints]


def _settle(waiter: _Waiter, result: Endpoint | AllDown) -> None:
    if waiter.future.done():
        return
    if isinstance(result, AllDown):
        waiter.future.set_exception(result)
    else:
        waiter.future.set_result(result)
