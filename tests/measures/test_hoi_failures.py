"""Failures with times, on scenes whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hoi_world import World, seen_in
from hoigen import Clip, Score
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE
from hoigen.interactions.contact import HAND, Contact
from hoigen.measures.fine.failures import Failure, Glimpse, failures
from hoigen.measures.fine_hoi import FineHoi
from hoigen.measures.hoi_failures import HoiFailures
from hoigen.observe.detections import Box, Knows
from hoigen.observe.frame import SeenHand
from hoigen.observe.observation import FrameRows
from hoigen.rules.cascade import build_steps

BALL: Box = (300.0, 150.0, 340.0, 190.0)
SIZE = (640, 360)


def score_of(world: World, verb: str | None = "hold", **meta: Any) -> Score:
    given = {"verb": verb, "object": world.label, **meta}
    clip = Clip(id="0", uri="", end=world.seconds, width=640, height=360, fps=world.fps, meta=given)
    return HoiFailures().read(clip, seen_in(world))


def kinds(score: Score) -> dict[str, tuple[float, float]]:
    return {each["kind"]: (each["start"], each["end"]) for each in score.detail["failures"]}


def test_a_good_video_has_none() -> None:
    score = score_of(World(jitter=0.005, dropped=0.1))
    assert score.value == 0
    assert not any(score.parts.values())


def test_what_goes_wrong_is_said_with_its_time() -> None:
    assert "untouched" in kinds(score_of(World(touching=())))
    start, end = kinds(score_of(World(drops=((1.0, 2.5),))))["vanishes"]
    assert (start, end) == (pytest.approx(1.0, abs=0.1), pytest.approx(2.5, abs=0.1))
    score = score_of(World(drops=((0.0, 9.0),)))
    assert kinds(score) == {"absent": (0.0, pytest.approx(4.0, abs=0.1))}
    assert score.parts["fails_absent"] == 1
    assert score.value == 1


def test_a_thrown_ball_that_leaves_has_not_vanished() -> None:
    world = World(touching=((0.0, 2.0),), drops=((2.6, 9.0),))
    assert "vanishes" not in kinds(score_of(world, "throw"))
    assert "vanishes" in kinds(score_of(world, "hold"))


def test_what_was_not_asked_and_what_cannot_be_measured() -> None:
    score = score_of(World(touching=()), "watch")
    assert score.parts["fails_untouched"] is None
    assert score.detail["undefined"]["fails_untouched"].startswith(NOT_ASKED)
    seen = seen_in(World())
    about = replace(seen.about, knows=Knows(objects=frozenset({"cup"}), verbs=None))
    clip = Clip(id="0", uri="", end=4.0, width=640, height=360, fps=24.0, meta={"verb": "hold", "object": "harp"})
    lacking = HoiFailures().read(clip, replace(seen, about=about))
    assert lacking.value is None
    assert lacking.detail["reason"].startswith(NOT_MEASURABLE)


def test_nobody_who_is_not_believed_fails_at_anything() -> None:
    phantom = score_of(World(touching=(), witnesses=()))
    assert kinds(phantom) == {"nobody": (0.0, pytest.approx(4.0, abs=0.1))}, "a skeleton alone leaves nothing untouched"
    assert phantom.parts["fails_nobody"] == phantom.value == 1
    somebody = score_of(World(touching=(), witnesses=("body",)))
    assert set(kinds(somebody)) == {"untouched"}
    assert somebody.parts["fails_nobody"] == 0
    unasked = score_of(World(witnesses=()), verb=None)
    assert unasked.value == 0
    assert unasked.parts["fails_nobody"] is None
    assert unasked.detail["undefined"]["fails_nobody"].startswith(NOT_ASKED)


def test_too_rare_a_belief_is_nobody_in_the_whole_video() -> None:
    world = World(touching=())
    seen = seen_in(replace(world, witnesses=("body", "face")))
    rows = [
        frame if at % 4 == 0 else replace(frame, somebody=[]) for at, frame in enumerate(seen.frames)
    ]  # believed in a quarter of the frames: more than a fifth, and a mean below what somebody needs
    clip = Clip(id="0", uri="", end=4.0, width=640, height=360, fps=24.0, meta={"verb": "hold", "object": world.label})
    assert set(kinds(HoiFailures().read(clip, replace(seen, frames=FrameRows.of(rows))))) == {"nobody"}


def test_hands_are_counted_against_persons_who_are_believed() -> None:
    world = World(bystanders=1, witnesses=("body",))  # nobody agrees on the bystander
    hand = SeenHand(score=0.9, palm=0.9, points=[(0.4, 0.4), *[(0.5, 0.5)] * 20])
    rows = FrameRows.of(replace(frame, hands=[hand] * 3) for frame in world.scenes())
    clip = Clip(id="0", uri="", end=4.0, width=640, height=360, fps=24.0, meta={"verb": "hold", "object": world.label})
    assert set(kinds(HoiFailures().read(clip, replace(seen_in(world), frames=rows)))) == {"hands"}


def frames(count: int = 40, hands: int | None = 2, **things: Any) -> list[Glimpse]:
    return [Glimpse(time=at / 8, size=SIZE, things=[("cup", BALL)], persons=1, hands=hands) for at in range(count)]


def found(frames: list[Glimpse], followed: dict[int, Box] | None = None, **more: Any) -> list[Failure]:
    here = {at: frame.things[0][1] for at, frame in enumerate(frames) if frame.things and frame.things[0][0] == "cup"}
    given = {"contact": [True] * len(frames), "asked": HAND, "away": [False] * len(frames), "moves": 1.0, **more}
    return failures(frames, here if followed is None else followed, "cup", **given)


def test_a_second_one_that_comes_out_of_nowhere() -> None:
    two = frames()
    for at in range(16, 24):
        two[at] = replace(two[at], things=[("cup", BALL), ("cup", (100.0, 100.0, 140.0, 140.0))])
    assert found(two) == [Failure(kind="doubles", start=2.0, end=3.0)]
    always = [replace(each, things=[*each.things, ("cup", (100.0, 100.0, 140.0, 140.0))]) for each in frames()]
    assert found(always) == [], "two from the beginning are two"
    blink = frames()
    blink[16] = two[16]
    assert found(blink) == [], "a detector's double of one frame is none"


def test_one_that_becomes_another_one() -> None:
    other = frames()
    for at in range(16, 40):
        other[at] = replace(other[at], things=[("vase", BALL)])
    assert found(other) == [Failure(kind="becomes", start=15 / 8, end=39 / 8)]
    both = [replace(each, things=[*each.things, ("vase", BALL)]) for each in frames()[:16]] + other[16:]
    assert [each.kind for each in found(both)] == ["vanishes"], "the detector had called it both before"


def test_one_that_leaves_by_the_edge_has_not_vanished() -> None:
    leaves = frames()
    edge = (600.0, 150.0, 640.0, 190.0)
    for at in range(40):
        leaves[at] = replace(leaves[at], things=[("cup", edge)] if at < 16 else [])
    assert found(leaves) == []


def test_a_jump_in_size_a_hand_too_many_and_a_still_picture() -> None:
    large = (280.0, 130.0, 360.0, 230.0)
    jump = [replace(each, things=[("cup", BALL if at < 20 else large)]) for at, each in enumerate(frames())]
    assert [(each.kind, each.start) for each in found(jump)] == [("jumps", 19 / 8)]
    assert [each.kind for each in found(frames(hands=3))] == ["hands"]
    assert found(frames(hands=None)) == []
    assert [each.kind for each in found(frames(), moves=0.0)] == ["frozen"]
    assert [each.kind for each in found(frames(), contact=[False] * 40)] == ["untouched"]
    assert found(frames(), contact=[False] * 40, asked=Contact(kind="none")) == []
    assert found([]) == []


def test_hands_alone_are_somebody_and_persons_alone_too() -> None:
    empty = [replace(each, persons=0) for each in frames(hands=0)]
    assert [each.kind for each in found(empty)] == ["nobody"]
    assert [each.kind for each in found([replace(each, hands=None) for each in empty])] == ["nobody"]
    assert found([replace(each, hands=1) for each in empty]) == [], "a close-up of a hand"
    nothing = [replace(each, things=[]) for each in empty]
    assert {each.kind for each in found(nothing)} == {"absent", "nobody"}


def test_nothing_is_looked_at_twice() -> None:
    fine, wrong = build_steps(["fine_hoi", "hoi_failures"], {})
    assert fine.observation == wrong.observation
    assert isinstance(fine.measure, FineHoi)
