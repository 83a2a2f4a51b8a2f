"""Every verb of HICO-DET has a contact, and persons have points for it."""

from __future__ import annotations

import pytest

from hoigen.interactions import contact, hico
from hoigen.interactions.contact import ANY, FEET, HAND, INSIDE, LEAD, NONE, SEAT, Contact, contact_of, told
from hoigen.interactions.prompts import choose
from hoigen.measures.fine.distances import body_points, limb_height
from hoigen.observe.frame import Person


def test_every_pair_has_a_line_with_its_reason() -> None:
    words = {(pair.verb, pair.object) for pair in hico.pairs()}
    used = set()
    for pair in hico.pairs():
        line = contact.line_of(pair.verb, pair.object)
        assert line is not None, pair
        used.add((line.verb, line.object))
        found = line.contact
        assert (found.kind == "touch") == bool(found.parts)
        assert set(found.parts) <= set(contact.PARTS)
        assert found.reach >= 1
        assert line.why.strip()
    assert {key for key in contact.table() if key != ("wear", "*")} == used, "no line is of no pair"
    assert {key for key in contact.table() if key[1] != "*"} <= words
    prompts = choose.suite("all").prompts
    assert all(prompt.contact for prompt in prompts)


@pytest.mark.parametrize(
    ("verb", "thing", "expected"),
    [
        ("hold", "cup", HAND),
        ("ride", "horse", SEAT),
        ("ride", "skateboard", FEET),
        ("ride", "bus", INSIDE),
        ("sit_on", "airplane", INSIDE),
        ("fly", "kite", NONE),
        ("pull", "kite", NONE),
        ("control", "tv", NONE),
        ("load", "bus", NONE),
        ("hose", "car", NONE),
        ("wave", "bus", NONE),
        ("check", "clock", NONE),
        ("walk", "dog", LEAD),
        ("hold", "horse", LEAD),
        ("walk", "bicycle", HAND),
        ("watch", "bird", NONE),
        ("no_interaction", "car", NONE),
        ("wear", "backpack", Contact(parts=("shoulders",))),
        ("flip", "skateboard", Contact(parts=("feet",), profile="returns")),
        ("grind", "snowboard", FEET),
        ("dribble", "sports_ball", Contact(parts=("hand", "feet"), profile="comes_and_goes")),
        ("kick", "sports_ball", Contact(parts=("feet",), profile="touches")),
        ("catch", "frisbee", Contact(parts=("hand",), profile="begins")),
        ("throw", "frisbee", Contact(parts=("hand",), profile="ends")),
        ("jump", "boat", Contact(kind="inside", profile="ends")),
        ("board", "bus", Contact(kind="inside", profile="begins")),
        (None, "cup", ANY),
        ("juggle", "cup", ANY),
    ],
)
def test_contacts(verb: str | None, thing: str, expected: contact.Contact) -> None:
    assert contact_of(verb, thing) == expected


def test_a_hand_lies_beyond_the_wrist() -> None:
    person = Person(box=(0, 0, 9, 9), points={"left_wrist": (10, 0), "left_elbow": (0, 0), "right_wrist": (5, 5)})
    assert body_points(person, ("hand",)) == [(13.5, 0), (5, 5)]
    assert len(body_points(person, ("any",))) == 5
    assert body_points(person, ("feet",)) == []


def test_a_mouth_is_a_nose_where_there_is_no_better() -> None:
    assert body_points(Person(box=(0, 0, 9, 9), points={"nose": (3, 4)}), ("mouth",)) == [(3, 4)]
    points = {"nose": (3, 4), "mouth_left": (2, 5)}
    assert body_points(Person(box=(0, 0, 9, 9), points=points), ("mouth",)) == [(2, 5)]


def test_foreshortened_limbs_do_not_shrink_a_person() -> None:
    whole = {"left_hip": (0.0, 0.0), "left_knee": (0.0, 24.5), "left_ankle": (0.0, 49.1), "left_shoulder": (0.0, -28.8)}
    assert limb_height(Person(box=(0, 0, 9, 9), points=whole)) == pytest.approx(100)
    bent = {**whole, "left_shoulder": (0.0, -10.0)}
    assert limb_height(Person(box=(0, 0, 9, 9), points=bent)) == pytest.approx(100)
    assert limb_height(Person(box=(0, 0, 9, 9))) is None


def test_a_prompt_may_say_what_touches() -> None:
    assert told((), "walk", "dog") == contact_of("walk", "dog")
    assert told(("hand",), "walk", "dog").reach == 3.0, "the table's own words keep its leash"
    assert told(("feet",), "walk", "dog") == Contact(parts=("feet",))
    assert told(("hand", "shoulders"), "play", "violin").parts == ("hand", "shoulders")
    assert told(("none",), "hold", "cup").kind == "none"
    assert told(("inside",), None, None).kind == "inside"
