"""A pair of HICO-DET as an English sentence, with its category, the body parts in contact and the number of people.

Contact is that of `hoigen.interactions.contact`. The wording is data, made for this project: verbs.csv (one phrase a
verb), objects.csv (article and category), phrases.csv (pairs that need words of their own: one rides *in* a car),
extended.csv (what HICO-DET lacks), second.csv (what the second edition leaves out).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hoigen.interactions import hico
from hoigen.interactions.contact import contact_of, words_of
from hoigen.interactions.prompts.suite import Prompt

FOLDER = Path(__file__).parent
PEOPLE = {1: "A person is", 2: "Two people are", 3: "Three people are"}


@dataclass(frozen=True, slots=True)
class _Phrase:
    """What is done, and by how many.

    Args:
        doing: such as `riding in {a}`.
        people: how many act.
        dropped: why no video is asked for, or "".
    """

    doing: str
    people: int = 1
    dropped: str = ""


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _phrase(row: Mapping[str, str]) -> _Phrase:
    return _Phrase(row["doing"], int(row.get("people") or 1), row.get("dropped") or "")


@functools.cache
def verbs() -> Mapping[str, _Phrase]:
    """All verbs of HICO-DET but `no_interaction`."""
    return {row["verb"]: _phrase(row) for row in _rows("verbs.csv")}


@functools.cache
def objects() -> Mapping[str, tuple[str, str]]:
    """All objects of HICO-DET: (with its article, category)."""
    return {row["object"]: (row["words"], row["category"]) for row in _rows("objects.csv")}


@functools.cache
def own() -> Mapping[tuple[str, str], _Phrase]:
    """Pairs with words of their own."""
    return {(row["verb"], row["object"]): _phrase(row) for row in _rows("phrases.csv")}


@functools.cache
def second() -> Mapping[tuple[str, str], tuple[str, str]]:
    """Pairs that the second edition leaves out: (the verb that looks the same and is kept, or "", why)."""
    return {(row["verb"], row["object"]): (row["same_as"], row["why"]) for row in _rows("second.csv")}


def sentence(phrase: _Phrase, words: str) -> str:
    """`A person is riding a bicycle.`

    Args:
        phrase: what is done.
        words: the object with its article.
    """
    return f"{PEOPLE[phrase.people]} {phrase.doing.format(a=words)}."


def prompt_of(pair: hico.Pair) -> Prompt:
    """The prompt of one pair of HICO-DET."""
    words, category = objects()[pair.object]
    phrase = own().get((pair.verb, pair.object)) or verbs()[pair.verb]
    return Prompt(
        id=f"{pair.verb}_{pair.object}",
        short=sentence(phrase, words),
        verb=pair.verb,
        object=pair.object,
        hoi=pair.hoi,
        category=category,
        contact=contact(pair.verb, pair.object),
        people=phrase.people,
        rare=pair.rare,
    )


def contact(verb: str, thing: str) -> tuple[str, ...]:
    """What fine_hoi takes the contact of a pair of HICO-DET to be: parts of the body, or `inside`, or `none`.

    Args:
        verb: HICO-DET's name.
        thing: HICO-DET's name of the object.
    """
    return words_of(contact_of(verb, thing))


@functools.cache
def extended() -> tuple[Prompt, ...]:
    """What HICO-DET lacks: musical instruments, tools, appliances. A detector of HICO-DET's classes sees none of it."""
    prompts = []
    for row in _rows("extended.csv"):
        phrase = _phrase(row)
        prompt = Prompt(
            id=f"{row['verb']}_{row['object']}" + ("_by_two" if phrase.people == 2 else ""),
            short=sentence(phrase, ""),
            verb=row["verb"],
            object=row["object"],
            category=row["category"],
            contact=tuple(row["contact"].split("+")),
            people=phrase.people,
        )
        prompts.append(prompt)
    return tuple(prompts)
