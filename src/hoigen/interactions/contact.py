"""What a verb touches an object with, and when: which part of the body, how near, and whether contact lasts, begins,
ends, or comes and goes.

HICO-DET names verbs and leaves open what touches. contact.csv goes through all of its pairs, each line with its reason;
`*` is of all objects of the verb that have no line of their own. The table is this project's own, by what the words
mean and by what the mask of the object shows: a kite in the air is held by a string that is no part of it, and the hand
that switches a TV on touches the remote control. A verb that is not in it (prompts outside of HICO-DET, or none asked)
may touch with anything.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["touch", "inside", "none"]
Profile = Literal["lasting", "begins", "ends", "touches", "returns", "comes_and_goes"]
PROFILES: Mapping[str, Profile] = {name: name for name in get_args(Profile)}
PARTS = ("hand", "mouth", "ear", "head", "shoulders", "hips", "feet", "any")
FILE = Path(__file__).with_name("contact.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How a verb is in contact: a part of the body touches, the person is inside of the object, or there is none.

    Args:
        kind: `touch`, `inside` or `none`.
        parts: any one of them may touch.
        reach: the contact range, times the usual one; more where a tool or a leash lies between.
        profile: `lasting`: from the first frame to the last; `begins`: away at first (catch); `ends`: away at the end
            (throw); `touches`: a short contact, away before or after (kick); `returns`: away in between (a kickflip);
            `comes_and_goes`: again and again (dribble).
    """

    kind: Kind = "touch"
    parts: tuple[str, ...] = ()
    reach: float = 1.0
    profile: Profile = "lasting"


ANY = Contact(parts=("any",))
HAND = Contact(parts=("hand",))
LEAD = Contact(parts=("hand",), reach=3.0)
SEAT = Contact(parts=("hips", "hand"))
FEET = Contact(parts=("feet",))
INSIDE = Contact(kind="inside")
NONE = Contact(kind="none")

WORDS = (*PARTS, "inside", "none")
"""What a prompt may say of its contact: parts of the body, any of them, `inside` (of the object), or `none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table. object: `*` for all without a line of their own. why: what the line stands on."""

    verb: str
    object: str
    contact: Contact
    why: str


@functools.cache
def table() -> Mapping[tuple[str, str], Line]:
    """(verb, object) -> its line, as contact.csv has them."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (row["verb"], row["object"]): Line(
            verb=row["verb"],
            object=row["object"],
            contact=replace(
                _of(row["contact"].split("+")), reach=float(row["reach"]), profile=PROFILES[row["profile"]]
            ),
            why=row["why"],
        )
        for row in rows
    }


def _of(words: Sequence[str]) -> Contact:
    return {"inside": INSIDE, "none": NONE}.get(words[0]) or Contact(parts=tuple(words))


def words_of(contact: Contact) -> tuple[str, ...]:
    """The parts that touch, or `inside`, or `none`."""
    return contact.parts if contact.kind == "touch" else (contact.kind,)


def told(words: Sequence[str], verb: str | None, thing: str | None) -> Contact:
    """The contact that a prompt names, with the table's profile; without a word, or with those that the table has as
    well, the table's."""
    own = contact_of(verb, thing)
    if not words or set(words) == set(words_of(own)):
        return own
    return replace(_of(words), profile=own.profile)


def contact_of(verb: str | None, thing: str | None) -> Contact:
    """The contact of an interaction; ANY where the table has none."""
    line = line_of(verb, thing)
    return ANY if line is None else line.contact


def line_of(verb: str | None, thing: str | None) -> Line | None:
    """The line of the table that an interaction goes by; None where it has none."""
    if verb is None:
        return None
    return table().get((verb, thing or "")) or table().get((verb, "*"))
