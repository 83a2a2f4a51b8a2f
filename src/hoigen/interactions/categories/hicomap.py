"""Names -> HICO-DET's 80 objects and 117 verbs, where they fit; None where they do not.

An object fits by its name, by the table, or by its last words (`city bicycle`, `sports car`), unless the whole is
another thing (`boxing glove`). A verb fits by its name, by the table of verbs with the same sense, or by the table of
wider ones, of which only those count that HICO-DET has with that object: `prepare` is `make` for a pizza, and nothing
for a kayak.
"""

from __future__ import annotations

import functools

from hoigen.interactions import hico

OBJECTS = {
    # other words and spellings for the same thing
    "hair dryer": "hair_drier", "purse": "handbag", "rucksack": "backpack", "necktie": "tie", "ski": "skis",
    "stuffed animal": "teddy_bear", "monitor": "tv", "washbasin": "sink", "lorry": "truck", "stove": "oven",
    # of a sport by itself: HICO-DET has one racket and one bat
    "racket": "tennis_racket", "bat": "baseball_bat",
    # COCO's sports ball is every ball that one plays with
    "ball": "sports_ball", "baseball": "sports_ball", "basketball": "sports_ball", "football": "sports_ball",
    "volleyball": "sports_ball",
    # COCO's cup is every vessel to drink from but a wine glass
    "mug": "cup", "teacup": "cup", "tumbler": "cup", "glass": "cup",
    # kinds of COCO's classes
    "canoe": "boat", "kayak": "boat", "rowboat": "boat", "sailboat": "boat", "motorboat": "boat", "yacht": "boat",
    "ship": "boat", "raft": "boat", "dinghy": "boat", "taxi": "car", "suv": "car", "sedan": "car", "jeep": "car",
    "van": "car", "pickup truck": "truck", "moped": "motorcycle", "table": "dining_table", "stool": "chair",
    "armchair": "chair", "cupcake": "cake", "hamburger": "sandwich", "burger": "sandwich", "novel": "book",
    "puppy": "dog", "kitten": "cat", "pony": "horse", "stallion": "horse", "calf": "cow", "bull": "cow",
    "lamb": "sheep", "duck": "bird", "parrot": "bird", "pigeon": "bird", "eagle": "bird", "falcon": "bird",
}  # fmt: skip
"""Names -> HICO-DET objects that they are, or are kinds of."""

NOT_BY_HEAD = frozenset(
    " ".join(name.split())
    for name in """exercise bicycle, toy car, toy train, toy truck, toy boat, model car, model train, model airplane,
    bumper car, cable car, flower bed, paper airplane, leopard kitten, tiger kitten, cotton ball, crystal ball,
    pool table, operating table, massage table, measuring cup, suction cup, rice cake, fish cake, remote control car,
    ice cream sandwich, train track""".split(",")  # noqa: SIM905
)
"""Compounds that are not what their last word says in HICO-DET's sense."""

SAME: dict[str, str] = {
    "grip": "hold", "clasp": "hold", "hold on to": "hold", "embrace": "hug", "cuddle": "hug", "raise": "lift",
    "chop": "cut", "slice": "cut", "dice": "cut", "carve": "cut", "trim": "cut", "mince": "cut", "saw": "cut",
    "cut off": "cut", "cut out": "cut", "chop with": "cut_with", "slice with": "cut_with", "carve with": "cut_with",
    "trim with": "cut_with", "cut off with": "cut_with", "drink from": "drink_with", "sip from": "sip", "bite": "eat",
    "bite into": "eat", "chew": "eat", "sit around": "sit_at", "ride on": "ride", "paddle": "row", "toss": "throw",
    "hurl": "throw", "strike": "hit", "examine": "inspect", "rinse": "wash", "wipe": "clean", "scrub": "clean",
    "polish": "clean", "run after": "chase", "turn over": "flip", "flip over": "flip", "tug": "pull", "tug at": "pull",
    "pull on": "pull", "shove": "push", "harvest": "pick", "pluck": "pick", "sniff": "smell", "twirl": "spin",
    "jump over": "jump", "put together": "assemble",
}  # fmt: skip
"""Actions -> the verb of HICO-DET with that sense, whatever the object."""

WIDER: dict[str, tuple[str, ...]] = {
    "grab": ("hold", "pick_up"), "take": ("pick_up", "hold"), "lift": ("lift", "pick_up"), "pick": ("pick", "pick_up"),
    "drink": ("drink_with", "sip"), "sit at": ("sit_at", "eat_at"), "pedal": ("ride",), "surf": ("ride",),
    "steer": ("drive", "sail", "operate"), "bounce": ("dribble",), "shoot": ("throw",), "pass": ("throw", "kick"),
    "bake": ("cook", "make"), "fry": ("cook",), "grill": ("cook",), "prepare": ("make", "cook"), "build": ("make",),
    "assemble": ("make",), "shape": ("make",), "brush": ("groom", "brush_with"), "comb": ("groom",),
    "lead": ("walk", "pull"), "pat": ("pet",), "stroke": ("pet",), "caress": ("pet",),
    "use": ("operate", "control"), "press": ("operate",), "turn on": ("operate",),
    "swipe": ("operate",), "tap": ("operate", "type_on"), "unlock": ("open",), "fasten": ("tie",), "tie down": ("tie",),
    "put on": ("wear",), "get on": ("board", "hop_on"), "step on": ("stand_on",), "step onto": ("board", "stand_on"),
    "jump on": ("hop_on", "jump"), "climb on": ("hop_on", "straddle"), "climb onto": ("hop_on", "straddle"),
    "mount": ("straddle", "hop_on"), "tune": ("adjust",), "drag": ("pull",), "rub": ("pet", "scratch"),
    "scratch": ("pet",), "wash": ("clean",), "wipe with": ("clean",), "put down": ("release", "set"),
}  # fmt: skip
"""Actions -> verbs of HICO-DET that they mean with some objects, best first."""


@functools.cache
def object_of(name: str) -> str | None:
    """HICO-DET's object for a `name`; None when it is none of the 80."""
    words = name.split()
    if name in NOT_BY_HEAD:
        return None
    for size in range(len(words), 0, -1):
        end = " ".join(words[-size:])
        joined = end.replace(" ", "_")
        if joined in hico.objects():
            return joined
        if end in OBJECTS:
            return OBJECTS[end]
    return None


@functools.cache
def verb_of(action: str, object: str | None) -> str | None:
    """HICO-DET's verb for an action; None when it is none.

    Args:
        action: as `normal.action` names it.
        object: the object of HICO-DET's that it is done to; None: another one.
    """
    joined = action.replace(" ", "_")
    same = joined if joined in hico.verbs() else SAME.get(action, "")
    candidates = [verb for verb in (same, *WIDER.get(action, ())) if (verb, object) in hico.by_names()]
    if candidates:
        return candidates[0]
    return same if same in hico.verbs() else None


def pair_of(verb: str | None, object: str | None) -> int | None:
    """HICO-DET's number of the pair of a `verb` and an `object`; None when it is none of the 600."""
    pair = hico.by_names().get((verb or "", object or ""))
    return pair.hoi if pair else None
