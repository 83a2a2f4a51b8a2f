"""Pairs of known geometry."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.measures.handling import of_hands, of_persons, overlap
from hoigen.models.nets.hands import Hand
from hoigen.models.nets.ssd_coco import Thing

PERSON = Thing("person", 0.9, (0.4, 0.2, 0.6, 0.9))


@pytest.mark.parametrize(
    ("thing", "wanted", "found", "telling"),
    [
        (Thing("bicycle", 0.9, (0.35, 0.6, 0.65, 0.95)), None, True, True),
        (Thing("car", 0.9, (0.35, 0.4, 0.65, 0.95)), None, False, False),  # one stands before it
        (Thing("car", 0.9, (0.35, 0.4, 0.65, 0.95)), "car", True, False),  # unless it was asked for
        (Thing("bus", 0.9, (0.0, 0.0, 1.0, 1.0)), "bus", True, False),  # a person in a bus
        (Thing("cup", 0.9, (0.8, 0.4, 0.85, 0.45)), "cup", False, False),  # across the room
    ],
)
def test_things_on_persons(thing: Thing, wanted: str | None, found: bool, telling: bool) -> None:
    pairs = of_persons([PERSON, thing], [PERSON], wanted)
    assert bool(pairs) == found
    assert all(pair.telling == telling and 0 < pair.score <= 1 and pair.verbs is None for pair in pairs)


def test_a_person_is_not_on_itself_but_may_hug() -> None:
    other = Thing("person", 0.8, (0.5, 0.2, 0.7, 0.9))
    assert not of_persons([PERSON, other], [PERSON, other], None)
    assert len(of_persons([PERSON, other], [PERSON, other], "person")) == 2


def test_names_are_those_of_hico() -> None:
    ball = Thing("sports ball", 0.9, (0.5, 0.4, 0.55, 0.5))
    assert of_persons([PERSON, ball], [PERSON], None)[0].object == "sports_ball"


def test_bystanders_count_less_unless_asked() -> None:
    small = Thing("person", 0.9, (0.4, 0.5, 0.45, 0.6))
    ball = Thing("sports ball", 0.9, (0.42, 0.55, 0.44, 0.58))
    [alone], [wanted] = of_persons([ball], [small], None), of_persons([ball], [small], "sports_ball")
    assert alone.score < wanted.score


def test_things_under_hands() -> None:
    hand = Hand(1.0, 0.9, 1.0, np.array([(0.5, 0.5), (0.6, 0.6)]))
    assert of_hands([Thing("cup", 0.9, (0.52, 0.52, 0.62, 0.62))], [hand])[0].object == "cup"
    assert not of_hands([Thing("oven", 0.9, (0, 0, 1, 1))], [hand]), "behind the hand"


def test_overlap_grows_as_boxes_close_in() -> None:
    values = [overlap((0, 0, 0.4, 1), (x, 0.4, x + 0.2, 0.6)) for x in np.linspace(0.6, 0.1, 20)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0, 1)
