"""One name per action and object, HICO-DET's names, and the kind of interaction."""

from __future__ import annotations

import pytest

from hoigen.interactions import hico
from hoigen.interactions.categories import hicomap, normal
from hoigen.interactions.categories.people import view_of


@pytest.mark.parametrize(
    ("text", "name", "in_hico"),
    [
        ("the two red tennis rackets", "tennis racket", "tennis_racket"),
        ("a smartphone", "cell phone", "cell_phone"),
        ("mobile phone", "cell phone", "cell_phone"),
        ("bike", "bicycle", "bicycle"),
        ("an old city bicycle", "city bicycle", "bicycle"),
        ("hairdryer", "hair dryer", "hair_drier"),
        ("a boxing glove", "boxing glove", None),
        ("a kayak", "kayak", "boat"),
        ("a pair of scissors", "scissors", "scissors"),
        ("wooden cutting boards", "cutting board", None),
        ("the man's hat", "hat", None),
        ("knives", "knife", "knife"),
        ("people", "person", "person"),
        ("toy car", "toy car", None),
        ("violin", "violin", None),
        ("the", "the", None),
        ("", "", None),
    ],
)
def test_objects(text: str, name: str, in_hico: str | None) -> None:
    assert normal.object_name(text) == name
    assert hicomap.object_of(name) == in_hico


def test_glasses_are_worn_or_drunk_from() -> None:
    assert normal.object_name("glasses", "put on") == "glasses"
    assert normal.object_name("glasses", "clink") == "glass"


@pytest.mark.parametrize(
    ("text", "name"),
    [("is picking up", "pick up"), ("holds onto", "hold on to"), ("cut with", "cut with"), ("grasping", "grip"),
     ("fixes", "repair"), ("sat on", "sit on"), ("", ""), ("walks quickly", "walk")],
)  # fmt: skip
def test_actions(text: str, name: str) -> None:
    assert normal.action(text) == name


@pytest.mark.parametrize(
    ("action", "thing", "verb"),
    [
        ("grip", "bottle", "hold"),
        ("drink", "cup", "drink_with"),
        ("prepare", "pizza", "make"),
        ("prepare", "boat", None),
        ("slice", None, "cut"),
        ("knead", None, None),
        ("pick", "apple", "pick"),
        ("pat", "dog", "pet"),
        ("pat", None, None),
        ("put on", "tie", "wear"),
    ],
)
def test_verbs(action: str, thing: str | None, verb: str | None) -> None:
    assert hicomap.verb_of(action, thing) == verb


def test_the_tables_name_only_what_hico_det_has() -> None:
    assert set(hicomap.OBJECTS.values()) <= set(hico.objects())
    assert set(hicomap.SAME.values()) <= set(hico.verbs())
    assert {verb for verbs in hicomap.WIDER.values() for verb in verbs} <= set(hico.verbs())


def test_every_wider_sense_fits_some_object() -> None:
    """An entry that no pair of HICO-DET can use would be dead."""
    verbs = {verb for verb, _ in hico.by_names()}
    assert all(set(candidates) <= verbs for candidates in hicomap.WIDER.values())
    assert hicomap.pair_of("ride", "bicycle") == hico.by_names()["ride", "bicycle"].hoi
    assert hicomap.pair_of("eat", "bicycle") is None
    assert hicomap.pair_of(None, "bicycle") is None


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("A close-up shot of hands slicing a carrot.", "close-up"),
        ("Two hands hold a phone above a table.", "close-up"),
        ("A man rides a horse.", "one person"),
        ("A man rides a horse. The camera zooms in to a close-up of his face.", "one person"),
        ("A man and a woman carry a table.", "several people"),
        ("Three friends play cards.", "several people"),
        ("A group of children plays soccer.", "several people"),
        ("A chef chops onions. The man then adds salt.", "one person"),
        ("A woman plays the violin. People walk past in the background.", "one person"),
        ("A river flows through a valley.", None),
    ],
)
def test_kind_of_interaction(caption: str, kind: str | None) -> None:
    assert view_of(caption) == kind
