"""Which part of the body a verb touches the object with.

The table is this project's own: HICO-DET names verbs and leaves open what touches. A verb that is not in it (prompts
outside of HICO-DET, or none asked) may touch with anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["touch", "inside", "none"]
PARTS = ("hand", "mouth", "ear", "head", "shoulders", "hips", "feet", "any")
LEASH = 3.0
"""Times the usual reach where something that is not seen lies between hand and animal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How a verb is in contact: a part of the body touches, the person is inside of the object, or there is none.

    parts: any one of them may touch. reach: the contact range, times the usual one.
    """

    kind: Kind = "touch"
    parts: tuple[str, ...] = ()
    reach: float = 1.0


ANY = Contact(parts=("any",))
HAND = Contact(parts=("hand",))
LEAD = Contact(parts=("hand",), reach=LEASH)
SEAT = Contact(parts=("hips", "hand"))
FEET = Contact(parts=("feet",))
INSIDE = Contact(kind="inside")
NONE = Contact(kind="none")

_WORDS: Mapping[Contact, str] = {
    HAND: """adjust assemble block break brush_with carry catch check clean control cook cut cut_with drag dribble dry
        eat_at feed fill flip flush grind groom hit hold hose install lasso lift light load make milk move open operate
        pack paint pay peel pet pick pick_up pour pull push read release repair row scratch serve set shear sign slide
        spin squeeze stab stick stir swing tag text_on throw tie toast turn type_on wash wave wield zip""",
    Contact(parts=("hand", "mouth")): "eat drink_with sip smell lick kiss blow",
    Contact(parts=("hand", "ear")): "talk_on",
    FEET: "kick stand_on jump hop_on",
    SEAT: "sit_on sit_at straddle",
    ANY: "hug lie_on",
    Contact(parts=("shoulders", "head")): "wear",
    INSIDE: "drive board exit sail park race launch",
    NONE: """watch inspect direct point chase hunt herd greet teach train stand_under stop_at lose buy
        no_interaction""",
    LEAD: "run walk",
}
_VERBS: Mapping[str, Contact] = {verb: contact for contact, words in _WORDS.items() for verb in words.split()}

_ON_TOP = ("bicycle", "motorcycle", "horse", "elephant", "cow", "giraffe", "zebra", "sheep", "bear", "dog", "bird")
_BOARDS = ("skateboard", "skis", "snowboard", "surfboard")
_CABINS = ("airplane", "boat", "bus", "car", "train", "truck")
_BY_OBJECT: Mapping[tuple[str, str], Contact] = {
    **{(verb, thing): SEAT for verb in ("ride", "race", "jump", "park") for thing in _ON_TOP},
    **{("ride", thing): FEET for thing in _BOARDS},
    **{(verb, thing): INSIDE for verb in ("ride", "fly", "jump") for thing in _CABINS},
    ("fly", "kite"): HAND,
    ("sail", "surfboard"): FEET,
    ("launch", "kite"): HAND,
    ("wear", "baseball_glove"): HAND,
    ("wear", "skis"): FEET,
    ("wear", "snowboard"): FEET,
    ("walk", "bicycle"): HAND,
    ("walk", "motorcycle"): HAND,
    ("release", "bird"): HAND,
}


WORDS = (*PARTS, "inside", "none")
"""What a prompt may say of its contact: parts of the body, any of them, `inside` (of the object), or `none`."""


def words_of(contact: Contact) -> tuple[str, ...]:
    """The parts that touch, or `inside`, or `none`."""
    return contact.parts if contact.kind == "touch" else (contact.kind,)


def told(words: Sequence[str], verb: str | None, thing: str | None) -> Contact:
    """The contact that a prompt names; without a word, or with those that the table has as well, the table's."""
    own = contact_of(verb, thing)
    if not words or set(words) == set(words_of(own)):
        return own
    kinds = {"inside": INSIDE, "none": NONE}
    return kinds.get(words[0]) or Contact(parts=tuple(words))


def contact_of(verb: str | None, thing: str | None) -> Contact:
    """The contact of an interaction; ANY where the table has none."""
    if verb is None:
        return ANY
    return _BY_OBJECT.get((verb, thing or "")) or _VERBS.get(verb) or ANY
