"""Slots and rests, without a network."""

from __future__ import annotations

import asyncio
import time

import pytest

from hoigen.models.experts.chat.client import LONGEST_REST, AllDown, Endpoint, Slots


def endpoint(name: str = "a", *, slots: int = 2, patience: int = 3) -> Endpoint:
    return Endpoint(f"http://{name}/v1", slots, patience, first_rest=0.01)


def test_a_slot_handed_to_one_who_was_cancelled_goes_to_the_next() -> None:
    async def go() -> None:
        only = endpoint(slots=1)
        slots = Slots([only])
        await slots.take()
        second, third = (asyncio.create_task(slots.take()) for _ in range(2))
        await asyncio.sleep(0)
        slots.give(only)  # the second has it now, and has not run since
        second.cancel()
        assert await asyncio.wait_for(third, 1) is only
        assert second.cancelled()
        assert slots.in_flight[only] == 1

    asyncio.run(go())


def test_a_retry_goes_before_what_is_new_and_elsewhere_when_it_can() -> None:
    async def go() -> None:
        one, two = endpoint("one", slots=1), endpoint("two", slots=1)
        slots = Slots([one, two])
        first = await slots.take()
        other = await slots.take()
        assert {first, other} == {one, two}
        new = asyncio.create_task(slots.take())
        again = asyncio.create_task(slots.take(first, first=True))
        await asyncio.sleep(0)
        slots.give(other)
        assert await asyncio.wait_for(again, 1) is other
        slots.give(first)
        assert await asyncio.wait_for(new, 1) is first

    asyncio.run(go())


def test_failures_of_requests_under_way_together_are_one_strike() -> None:
    found = endpoint()
    sent = time.monotonic()
    for _ in range(5):
        found.not_reached(sent, "refused")
    assert found.strikes == 1
    assert found.open_slots == 1, "one request finds out whether it is back"
    found.not_reached(time.monotonic(), "refused")
    assert found.strikes == 2
    found.strikes = 0  # it was connected to
    assert found.open_slots == 2


def test_rests_grow_to_a_bound() -> None:
    found = endpoint()
    rests = []
    for _ in range(20):
        found.not_reached(time.monotonic(), "refused")
        rests.append(found.rests_until - found.struck_at)
    assert rests[:4] == pytest.approx([0.01, 0.02, 0.04, 0.08])
    assert rests[-1] == pytest.approx(LONGEST_REST)


def test_a_late_failure_of_an_old_burst_does_not_halve_again() -> None:
    found = endpoint(slots=16)
    sent = time.monotonic()
    found.slow_down(sent, None)
    found.slow_down(sent, None)
    assert found.open_slots == 8
    for _ in range(8):
        found.slow_down(time.monotonic(), None)
    assert found.open_slots == 1
    for _ in range(500):
        found.went_well()
    assert found.open_slots == 16


def test_those_that_wait_are_told_when_all_are_down() -> None:
    async def go() -> None:
        only = endpoint(slots=1)
        slots = Slots([only])
        await slots.take()
        waiting = [asyncio.create_task(slots.take()) for _ in range(3)]
        await asyncio.sleep(0)
        only.shut("wrong key")
        slots.give(only)
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [(type(error), str(error)) for error in found] == [(AllDown, "wrong key")] * 3
        with pytest.raises(AllDown):
            await slots.take()
        only.afresh()
        assert await slots.take() is only

    asyncio.run(go())


def test_what_waits_for_a_rest_goes_on_when_it_ends() -> None:
    async def go() -> None:
        only = endpoint(slots=1)
        slots = Slots([only])
        only.slow_down(time.monotonic(), 0.05)
        began = time.monotonic()
        assert await asyncio.wait_for(slots.take(), 5) is only
        assert time.monotonic() - began >= 0.05

    asyncio.run(go())
