"""Who is believed, and what is at hands: boxes of known geometry."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.interactions.contact import Profile
from hoigen.measures.fine.unnamed import Looks, Unnamed
from hoigen.measures.handling import (
    BELIEVED,
    belief,
    believed,
    nobody,
    of_grasps,
    of_riders,
    pairs_of,
    surest,
    touches,
    trust,
)
from hoigen.models.nets.tflite import Region as Face
from hoigen.observe.frame import Detection, ObservedFrame, Person, SeenHand, Somebody
from hoigen.observe.witnesses import at_hands, somebodies

SIZE = (1000, 1000)
PERSON = Detection(label="person", score=0.9, box=(0.3, 0.1, 0.6, 0.9))
FACE = Face(0.9, (0.4, 0.12, 0.5, 0.22), np.zeros((6, 2)))
CUP = Detection(label="cup", score=0.1, box=(0.45, 0.45, 0.54, 0.58))


def hand(x: float = 0.5, y: float = 0.5, side: float = 0.08, score: float = 1.0) -> SeenHand:
    return SeenHand(score=score, palm=0.9, points=[(x, y), (x + side, y + side), *[(x, y)] * 19])


def body(box: tuple[float, float, float, float]) -> Person:
    corners = [(box[0], box[1]), (box[2], box[3]), (box[0], box[3]), (box[2], box[1]), (box[0], box[1])]
    return Person(box=box, points={f"point_{at}": corner for at, corner in enumerate(corners)})


def frame(**given: object) -> ObservedFrame:
    return ObservedFrame(time=0.0, size=SIZE, **given)  # type: ignore[arg-type]


def test_who_agrees() -> None:
    [alone] = somebodies([PERSON, CUP], [], [], [], SIZE)
    assert (alone.by, trust(alone)) == ((), 0)
    [seen] = somebodies([PERSON], [body((320, 120, 580, 880))], [FACE], [hand()], SIZE, animal=0.25)
    assert (seen.by, seen.animal) == (("body", "face", "hand"), 0.25)
    elsewhere = somebodies([PERSON], [body((700, 120, 950, 880))], [], [hand(0.8)], SIZE)
    assert elsewhere[0].by == (), "a skeleton and a hand beside it"
    assert not somebodies([CUP], [body((320, 120, 580, 880))], [FACE], [hand()], SIZE), "no box of a person"


def test_belief() -> None:
    def of(*by: str, animal: float = 0.0, tall: float = 0.8) -> float:
        return belief(frame(somebody=[Somebody(box=(0.3, 0.1, 0.6, 0.1 + tall), score=0.9, by=by, animal=animal)]))

    assert belief(frame()) == 1, "who does not say is believed"
    assert (belief(frame(somebody=[])), of()) == (0, 0)
    assert of("body") == of("face", "hand") == 1
    assert of("face", "body", animal=1) == 0, "a corgi with a skeleton and a face"
    assert 0 < of("body", tall=0.05) < of("body", tall=0.15) < 1
    assert nobody([0.6, 0.0, 0.0, 0.0])
    assert not nobody([0.6, 0.6])
    assert nobody([0.6, 0.0] * 3 + [0.6] * 2), "two networks agree in five frames of eight"
    assert not nobody([None, None])
    assert BELIEVED < 0.6


def test_what_looks_a_little_like_an_animal_is_doubted_over_a_whole_video() -> None:
    """A panda that plays the guitar in a street: a body, and by a quarter an animal."""

    def told(*by: str, animal: float) -> str:
        return nobody([surest(frame(somebody=[Somebody(box=PERSON.box, score=0.9, by=by, animal=animal)]))] * 8)

    assert told("body", animal=0.25)
    assert not told("body", animal=0.1)
    assert not told("body", "hand", animal=0.25), "who strokes a dog"
    assert told("body", "face", "hand", animal=0.7)
    assert not nobody([surest(frame())]), "who does not say is believed"
    assert surest(frame(somebody=[Somebody(box=PERSON.box, score=0.9, by=("body",), animal=0.9)])) == 0


def test_persons_on_whom_nobody_agrees_are_left_out() -> None:
    persons = [body((320, 120, 580, 880)), body((700, 100, 900, 800))]
    kept = believed(frame(persons=persons, somebody=[Somebody(box=PERSON.box, score=0.9, by=("face",))]))
    assert kept.persons == persons[:1]
    assert believed(frame(persons=persons)).persons == persons


@pytest.mark.parametrize(
    ("thing", "there"),
    [
        (CUP, True),
        (Detection(label="cup", score=0.9, box=(0.8, 0.8, 0.9, 0.9)), False),  # elsewhere
        (Detection(label="cup", score=0.9, box=(0.5, 0.5, 0.58, 0.58)), False),  # the hand itself
        (Detection(label="cup", score=0.9, box=(0.0, 0.0, 1.0, 1.0)), False),  # behind it
        (Detection(label="person", score=0.9, box=CUP.box), False),
        (Detection(label="cup", score=0.9, box=FACE.box), False),  # the face itself
    ],
)
def test_what_is_at_a_hand(thing: Detection, there: bool) -> None:
    hands = [hand(), hand(0.44, 0.18, 0.03)]  # one at the face
    assert bool(at_hands([thing], hands, [FACE])) == there


def test_grasps_and_riders() -> None:
    [held] = of_grasps([CUP], [hand()], 1.0)
    assert held.score > 0.3, "an unsure kind is a thing all the same"
    assert of_grasps([CUP], [hand()], 0.01)[0].score < 0.3, "of whom it is doubtful that they are there"
    assert of_grasps([Detection(label="couch", score=0.9, box=CUP.box)], [hand()], 1.0), "the kind is a guess"
    assert not of_grasps([PERSON], [hand()], 1.0)
    below = Detection(label="bicycle", score=0.9, box=(0.25, 0.5, 0.65, 1.0))
    assert of_riders([below], [PERSON], 1.0)[0].score > 0.3
    assert not of_riders([Detection(label="bicycle", score=0.9, box=(0.3, 0.1, 0.6, 0.45))], [PERSON], 1.0)
    assert not of_riders([Detection(label="car", score=0.9, box=below.box)], [PERSON], 1.0)


def test_nobody_has_no_pairs() -> None:
    given = {"boxes": [PERSON, CUP], "hands": [hand()], "grasped": [CUP]}
    assert pairs_of(frame(**given, somebody=[Somebody(box=PERSON.box, score=0.9)])) == []
    told = pairs_of(frame(**given, somebody=[Somebody(box=PERSON.box, score=0.9, by=("hand",))]))
    assert [pair.object for pair in told if pair.telling] == ["cup"]
    assert touches(frame(boxes=[PERSON], hands=[])) == []


def looked(
    held: str,
    nobody_there: str = "",
    profile: Profile = "lasting",
    thing: str | None = None,
    moves: float = 0.01,
    label: str = "cup",
) -> Unnamed:
    """What comes of looks every half second. held: `x` where a thing is at the hand, `.` where none is. moves: of the
    picture, from one look to the next. label: of the thing."""
    looks = Looks()
    cup = Detection(label=label, score=0.1, box=CUP.box)
    for at in range(4 * len(held)):  # eight frames a second
        by = moves * (at // 4)
        box = PERSON.box[0] + by, PERSON.box[1], PERSON.box[2] + by, PERSON.box[3]
        looks.offer(
            ObservedFrame(
                time=at / 8,
                size=SIZE,
                boxes=[Detection(label="person", score=0.9, box=box)],
                hands=[hand()],
                somebody=[Somebody(box=box, score=0.9, by=("hand",))],
                grasped=[cup] if held[at // 4] == "x" else [],
            )
        )
    found = looks.score(0.2, nobody_there, profile, thing)
    assert found is not None
    return found


def act(held: str, **given: object) -> float:
    """As tables count it: 0 where it was looked for and is not there."""
    return looked(held, **given).act or 0.0  # type: ignore[arg-type]


def test_looks_at_things_without_a_word() -> None:
    found = looked("xx..")
    assert list(found.times) == [0, 0.5, 1, 1.5]
    assert found.contact == 0.5
    assert found.steady == pytest.approx(2 / 3)
    assert found.whole == found.act == pytest.approx(0.5 * 2 / 3)
    rare = looked("xx........", "nobody is there")
    assert (rare.whole, rare.act) == (None, None)
    assert rare.reason.startswith("nobody is there; a touch is seen in 2 of 10")
    assert looked("xx..", "nobody is there").whole is None, "two looks may be mistakes"
    assert looked("xxx.", "nobody is there").whole == looked("xxx.").whole
    assert looked("....").whole is None
    assert (looked("x").whole, looked("x").act) == (1, None), "a change needs two looks"
    assert Looks().score(0.2) is None


def test_an_act_is_held_against_its_verb() -> None:
    """Of a glued, a bounced, a thrown, a caught and a never touched thing the one that was asked for wins."""
    scenes = {"hold": "xxxxxxxx", "dribble": "x.x.x.x.", "throw": "xxxx....", "catch": "....xxxx", "never": "........"}
    asked: dict[str, Profile] = {
        "hold": "lasting",
        "dribble": "comes_and_goes",
        "throw": "ends",
        "catch": "begins",
    }
    for verb, profile in asked.items():
        found = {name: act(held, profile=profile) for name, held in scenes.items()}
        best = found.pop(verb)
        assert best == pytest.approx(1)
        assert best - max(found.values()) >= 0.1, (verb, found)


def test_an_act_in_a_still_picture_is_none() -> None:
    assert act("xxxxxxxx", moves=0.0) == 0
    assert act("xxxxxxxx", moves=0.01) == 1
    assert looked("xxxxxxxx", moves=0.0).whole == 1


def test_an_act_with_another_thing_is_worth_half() -> None:
    assert act("xxxx", thing="cup") == act("xxxx") == 1
    assert act("xxxx", thing="bicycle") == 0.5
    assert act("x...", thing="cup") == act("x..."), "a quarter of the looks show it"
    assert act("x.........", thing="cup") == act("x.........") / 2


@pytest.mark.parametrize("profile", ["lasting", "begins", "ends", "touches", "returns", "comes_and_goes"])
def test_failing_does_not_win(profile: Profile) -> None:
    """Whatever was asked: not to touch, to be doubted, and not to be there at all are never worth more than 0."""
    for held in ("xxxxxxxx", "xxxx....", "x.x.x.x.", "...xx..."):
        assert act("........", profile=profile) == 0 <= act(held, profile=profile)
        doubted = act(held, nobody_there="nobody is there", profile=profile)
        assert doubted <= act(held, profile=profile)
