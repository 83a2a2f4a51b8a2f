"""Interactions out of captions by rules: what is found, and what is none."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from hoigen.interactions.categories.reader import read
from hoigen.interactions.categories.rows import by_rules

LABELLED = Path(__file__).resolve().parents[3] / "benchmarks" / "categories_captions.jsonl"


def pairs(caption: str) -> set[tuple[str, str]]:
    return {(action, thing) for _, action, thing in read(caption)}


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A man slices the bread with a sharp knife.", {("slice", "bread"), ("slice with", "knife")}),
        ("The woman picks the red cup up.", {("pick up", "cup")}),
        ("She is putting on her jacket.", {("put on", "jacket")}),
        ("A passenger holds on to a metal pole.", {("hold on to", "pole")}),
        ("He sits on a wooden bench and reads a book.", {("sit on", "bench"), ("read", "book")}),
        ("A video shows a chef holding and squeezing a lemon.", {("hold", "lemon"), ("squeeze", "lemon")}),
        ("A girl gives him a carrot. Two hands peel an orange.", {("give", "carrot"), ("peel", "orange")}),
        ("The dough is being kneaded.", {("knead", "dough")}),
        ("The dough is kneaded by a baker.", {("knead", "dough")}),
        ("He bounces a tennis ball and hits the ball.", {("bounce", "tennis ball"), ("hit", "tennis ball")}),
        ("She lifts the lid, turns it and puts it down.", {("lift", "lid"), ("turn", "lid"), ("put down", "lid")}),
        ("A man wearing a hat carries a box and a bag.", {("carry", "box"), ("carry", "bag")}),
        ("The racket she is holding is black.", {("hold", "racket")}),
        ("He takes a piece of metal out of a glass bowl.", {("take out", "metal")}),
        ("Using a screwdriver, the mechanic tightens a screw.", {("use", "screwdriver"), ("tighten", "screw")}),
        ("The boy drinks a cup of milk.", {("drink", "milk")}),
        ("A man drinks a Žatec beer and eats jalapeños.", {("drink", "žatec beer"), ("eat", "jalapeño")}),
        ("A woman cuts the Straße and breaks a piñata.", {("cut", "straße"), ("break", "piñata")}),
        (unicodedata.normalize("NFD", "A man eats a crème brûlée."), {("eat", "crème brûlée")}),
        ("The boy lifts a cup of milk.", {("lift", "cup")}),
        ("She holds a leash in one hand and a mug in the other.", {("hold", "leash"), ("hold", "mug")}),
        ("A can of beans is opened by a man.", {("open", "can")}),
        ("He can open the watering can with a can opener.", {("open", "watering can"), ("open with", "can opener")}),
        ("He folds laundry and stacks towels in a basket.", {("fold", "laundry"), ("stack", "towel")}),
        ("He wipes the pipe, and wraps tape around it.", {("wipe", "pipe"), ("wrap", "tape")}),
        ("The woman cracks open a walnut with a nutcracker.", {("crack", "walnut"), ("crack with", "nutcracker")}),
        ("A hairdresser combs wet hair and dries her face with a towel.", {("comb", "hair"), ("dry with", "towel")}),
        ("Someone unplugs the vacuum cleaner.", {("unplug", "vacuum cleaner")}),
        ("A librarian stamps the card.", {("stamp", "card")}),
        ("He wipes his brow with his sleeve.", set()),
    ],
)
def test_what_people_do(caption: str, expected: set[tuple[str, str]]) -> None:
    assert pairs(caption) == expected


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "...",
        "A dog chases a ball while the camera follows the dog.",
        "The car is covered with dust and the light casts long shadows.",
        "A man looks at a painting and talks to a woman.",
        "A woman wearing a red dress walks into a kitchen.",
        "He takes a deep breath and enjoys the view.",
        "The river flows through a forest.",
        "Posters decorate the walls and steam fills the room.",
        "A man crosses the street.",
        "12 34 !!! ### 🙂 «»",
    ],
)
def test_what_is_no_interaction(caption: str) -> None:
    assert pairs(caption) == set()


@pytest.mark.parametrize(
    "caption",
    [
        "A woman does not open the door.",
        "A woman doesn't open the door.",
        "He can't lift the box.",
        "The dough is not kneaded by the baker.",
        "She never touches the guitar.",
        "No one rides the bicycle.",
        "Nobody holds a cup.",
    ],
)
def test_what_is_not_done_is_no_interaction(caption: str) -> None:
    assert pairs(caption) == set()


def test_only_what_is_denied_is_left_out() -> None:
    assert pairs("A man lifts the cup without opening the lid.") == {("lift", "cup")}
    assert pairs("She does not open the box but holds a knife.") >= {("hold", "knife")}


def test_who_acts_is_kept() -> None:
    found = read("A close-up of hands peeling a potato. Then the woman washes a plate.")
    assert found == [
        ("hand", "peel", "potato"),
        ("woman", "wash", "plate"),
    ]


def test_the_labelled_captions_stay_read() -> None:
    """The floor is below what benchmarks/categories.py prints, for both halves of the captions written for this."""
    for part, floor in (("developed on", 0.95), ("held out", 0.90)):
        hit = found = wanted = 0
        for case in map(json.loads, LABELLED.read_text().splitlines()):
            if case["part"] == part:
                rows = {(row.action, row.object) for row in by_rules([(case["id"], case["text"])])}
                labels = {(action, thing) for action, thing in case["pairs"]}
                hit, found, wanted = hit + len(rows & labels), found + len(rows), wanted + len(labels)
        assert wanted > 150
        assert 2 * hit / (found + wanted) > floor - 0.05, (part, hit, found, wanted)
