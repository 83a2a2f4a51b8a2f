"""hoi_act on scenes of known truth: what was asked wins, also where no hand is found, and failing never does."""

from __future__ import annotations

from typing import Any

import pytest

from hoigen import Clip, Score
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE
from hoigen.measures.hoi_act import HoiAct
from hoigen.observe.detections import Knows
from hoigen.observe.frame import Detection, ObservedFrame, Region, SeenHand, Somebody
from hoigen.observe.observation import About, FrameRows, Observation

SIZE = (1000, 1000)
SCENES = {"hold": "xxxxxxxx", "dribble": "x.x.x.x.", "throw": "xxxx....", "catch": "....xxxx", "never": "........"}
CUP, CAKE = "cup", "cake"


def scene(
    held: str,
    verb: str | None = None,
    thing: str | None = None,
    *,
    hands: bool = True,
    by: tuple[str, ...] = ("body", "hand"),
    moves: float = 0.01,
    label: str = CUP,
    shown: float = 0.9,
    looks_like: float = 0.0,
    animal: float = 0.0,
    grasped: bool = True,
) -> Score:
    """What a video of two looks a second is given.

    Args:
        held: `x` where the thing is at the hand, `.` where it is not.
        verb: that was asked, with a thing.
        thing: that was asked.
        hands: whether the observer finds hands.
        by: who agrees that somebody is there.
        moves: of the picture, from one look to the next.
        label: of the thing that is there.
        shown: how surely it is seen, on the person or across the room; 0 for not at all.
        looks_like: probability of a thing that one handles in picture and person.
        animal: how much the person looks like one.
        grasped: whether the observer says what is at hands.
    """
    frames = []
    for at, here in enumerate(held):
        left = 0.3 + moves * at
        box = left, 0.1, left + 0.3, 0.9
        hand = SeenHand(score=1.0, palm=0.9, points=[(0.45, 0.5), (0.58, 0.63), *[(0.45, 0.5)] * 19])
        place = (0.45, 0.45, 0.6, 0.6) if here == "x" else (0.85, 0.85, 0.98, 0.98)
        there = [Detection(label=label, score=shown, box=place)] if shown else []
        names = {"cup": looks_like} if looks_like else {}
        whole = (0.0, 0.0, 1.0, 1.0)
        frames.append(
            ObservedFrame(
                time=at / 2,
                size=SIZE,
                boxes=[Detection(label="person", score=0.9, box=box), *there],
                hands=[hand] if hands else [],
                regions=[
                    Region(of="picture", who=whole, box=whole, names=names),
                    Region(of="person", who=box, box=box, names=names),
                ],
                somebody=[Somebody(box=box, score=0.9, by=by, animal=animal)],
                grasped=None if not grasped else there if hands and here == "x" else [],
            )
        )
    knows = Knows(objects=frozenset({CUP, CAKE, "bicycle", "sports_ball"}), verbs=None)
    seen = Observation(about=About(observer="fake", knows=knows), frames=FrameRows.of(frames))
    clip = Clip(id="0", uri="", end=len(held) / 2, width=1000, height=1000, fps=8, meta={"verb": verb, "object": thing})
    return HoiAct().read(clip, seen)


def number(held: str, *asked: str, **given: Any) -> float:
    """As tables count it: 0 where it was looked for and is not there."""
    return scene(held, *asked, **given).value or 0.0


@pytest.mark.parametrize("verb", ["hold", "dribble", "throw", "catch"])
def test_what_was_asked_wins(verb: str) -> None:
    """Of a glued, a bounced, a thrown, a caught and a never touched ball; hoi_lite cannot tell them apart."""
    found = {name: number(held, verb, "sports_ball", label="sports ball") for name, held in SCENES.items()}
    best = found.pop(verb)
    assert best - max(found.values()) >= 0.1, (best, found)


def test_without_a_hand_in_sight_the_picture_speaks() -> None:
    """What fine_act is blind to: somebody holds a cup, and no hand is found."""
    alone = number("........", "hold", CUP, hands=False, shown=0.0)
    handled = number("xxxxxxxx", "hold", CUP, hands=False, looks_like=0.6)
    assert alone == 0, "a person alone handles nothing"
    assert handled > 0.2
    assert scene("xxxxxxxx", "hold", CUP, hands=False).detail["done"] == 0
    assert handled < number("xxxxxxxx", "hold", CUP, looks_like=0.6), "a hand that is seen to hold it is worth more"


@pytest.mark.parametrize("hands", [True, False])
def test_still_pictures_and_nobody_have_none(hands: bool) -> None:
    given: dict[str, Any] = {"hands": hands, "looks_like": 0.9}
    assert number("xxxxxxxx", "hold", CUP, moves=0.0, **given) == 0
    assert number("xxxxxxxx", "hold", CUP, **given) > 0.3
    for nobody in ({"by": ()}, {"animal": 1.0}):
        score = scene("xxxxxxxx", "hold", CUP, **given, **nobody)
        assert score.value is None, "one detector alone, or an animal"
        assert score.detail["reason"].startswith("nobody is there")


def test_with_a_touch_too_seldom_nobody_is_still_nobody() -> None:
    """As for fine_unnamed: a hand on a thing in three looks is somebody, in two it may be a mistake."""
    small = {"by": ("body", "hand"), "animal": 0.45}
    assert scene("xx......", "hold", CUP, **small).value is None
    assert (scene("xxx.....", "hold", CUP, **small).value or 0) > 0


def test_another_thing_is_worth_half() -> None:
    held = number("xxxxxxxx", "hold", CUP)
    assert number("xxxxxxxx", "hold", CAKE) == pytest.approx(held / 2)
    assert number("xxxxxxxx", "play", "harp") == pytest.approx(held), "no word for it: alike for every model"


def test_failing_never_wins() -> None:
    """Losing the touch, the thing, the person's witnesses or the movement is never worth more."""
    for verb in ("hold", "throw", "dribble", "catch"):
        good = number(SCENES[verb], verb, CUP, looks_like=0.5)
        worse = [
            number(SCENES["never"], verb, CUP, looks_like=0.5),
            number(SCENES[verb], verb, CUP, looks_like=0.5, shown=0.0),
            number(SCENES[verb], verb, CUP, looks_like=0.5, hands=False),
            number(SCENES[verb], verb, CUP, looks_like=0.5, by=()),
            number(SCENES[verb], verb, CUP, looks_like=0.5, moves=0.0),
            number(SCENES[verb], verb, CAKE, looks_like=0.5),
            number(SCENES[verb], verb, CUP),
        ]
        assert max(worse) < good, (verb, good, worse)


def test_what_is_undefined() -> None:
    watched = scene("xxxx", "watch", "bicycle")
    assert (watched.value, watched.detail["reason"].startswith(NOT_ASKED)) == (None, True)
    silent = scene("xxxx", "hold", CUP, grasped=False)
    assert (silent.value, silent.detail["reason"].startswith(NOT_MEASURABLE)) == (None, True)
    single = scene("x", "hold", CUP)
    assert (single.value, single.detail["reason"]) == (None, "1 look: a change needs two")
    clip = Clip(id="0", uri="", end=1, width=96, height=64, fps=25)
    about = About(observer="fake")
    assert HoiAct().read(clip, Observation(about=about)).detail["reason"] == "no frame to look at"
    assert HoiAct().read(clip, Observation(about=about, reason="gone")).detail["reason"] == "gone"
