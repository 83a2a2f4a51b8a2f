"""Who is believed, and what is at hands: boxes of known geometry."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.measures.fine.unnamed import Looks
from hoigen.measures.handling import BELIEVED, belief, believed, nobody, of_grasps, of_riders, pairs_of, touches, trust
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
    assert not nobody([None, None])
    assert BELIEVED < 0.6


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


def test_looks_at_things_without_a_word() -> None:
    """Two seconds at 8 frames a second, a thing in the hand for the first half."""
    looks = Looks()
    sure = [Somebody(box=PERSON.box, score=0.9, by=("hand",))]
    for at in range(16):
        held = [CUP] if at < 8 else []
        looks.offer(ObservedFrame(time=at / 8, size=SIZE, boxes=[PERSON], hands=[hand()], somebody=sure, grasped=held))
    found = looks.score(0.2)
    assert found is not None
    assert list(found.times) == [0, 0.5, 1, 1.5]
    assert found.contact == 0.5
    assert found.steady == pytest.approx(2 / 3)
    assert found.whole == pytest.approx(0.5 * 2 / 3)
    rare = looks.score(0.6, "nobody is there")
    assert rare is not None
    assert rare.whole is None
    assert rare.reason.startswith("nobody is there; a touch is seen in 2 of 4")
    assert looks.score(0.2, "nobody is there").whole == found.whole  # type: ignore[union-attr]
    alone = Looks()
    alone.offer(ObservedFrame(time=0, size=SIZE, boxes=[PERSON], hands=[hand()], somebody=sure, grasped=[]))
    assert alone.score(0.2).whole is None  # type: ignore[union-attr]
    assert Looks().score(0.2) is None
