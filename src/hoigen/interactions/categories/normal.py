"""One name per action and per object: lower case, singular, infinitive, synonyms merged."""

from __future__ import annotations

import re

from hoigen.interactions.categories import wordlists
from hoigen.interactions.categories.words import CLOSED, IRREGULAR, base, parts

WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|'s\b")

OBJECTS = {
    # one thing, several words
    "mobile phone": "cell phone", "cellphone": "cell phone", "smartphone": "cell phone", "smart phone": "cell phone",
    "phone": "cell phone", "mobile": "cell phone", "iphone": "cell phone",
    "bike": "bicycle", "motorbike": "motorcycle", "plane": "airplane", "aeroplane": "airplane",
    "sofa": "couch", "settee": "couch", "television": "tv", "television set": "tv", "tv set": "tv",
    "fridge": "refrigerator", "hairdryer": "hair dryer", "hair drier": "hair dryer", "blow dryer": "hair dryer",
    "notebook computer": "laptop", "laptop computer": "laptop", "computer mouse": "mouse", "remote control": "remote",
    "doughnut": "donut", "hotdog": "hot dog", "teddy": "teddy bear", "wineglass": "wine glass",
    "racquet": "racket", "tennis racquet": "tennis racket",
    "chopping board": "cutting board", "chef's knife": "knife", "chef knife": "knife",
    "skillet": "frying pan", "tap": "faucet", "bin": "trash can", "garbage can": "trash can",
    "photograph": "photo", "picture": "photo", "automobile": "car", "eyeglasses": "glasses", "spectacles": "glasses",
    "tshirt": "t-shirt", "rug": "carpet",
}  # fmt: skip
"""Objects that have several names -> the one used here. Only names of the same thing: a mug stays a mug, no cup."""

PERSONS = {
    "man": "man", "male": "man", "gentleman": "man", "guy": "man", "woman": "woman", "female": "woman",
    "lady": "woman", "child": "child", "kid": "child", "toddler": "child", "boy": "boy", "girl": "girl",
    "baby": "baby", "infant": "baby",
}  # fmt: skip
"""Subjects that are kept apart; every other word for somebody is `person`, and `hand` stays `hand`."""

ACTIONS = {
    "grasp": "grip", "clutch": "grip", "hold onto": "hold on to", "rotate": "turn", "blow-dry": "dry",
    "switch on": "turn on", "switch off": "turn off",
    "utilize": "use", "employ": "use", "fix": "repair", "mend": "repair",
    "saute": "fry", "cut up": "cut", "chop up": "chop", "peel off": "peel", "brush off": "brush",
    "wash off": "wash", "lift up": "lift", "fill up": "fill", "fold up": "fold", "hold up": "hold", "tie up": "tie",
    "eat up": "eat", "drink up": "drink", "zip up": "zip", "clean up": "clean", "lay down": "put down",
    "set down": "put down", "throw out": "throw away",
}  # fmt: skip
"""Actions that are one -> the one name used here."""

GLASSES_WORN = frozenset(("wear", "put on", "take off", "adjust", "remove", "polish", "push up"))


def action(text: str) -> str:
    """The name of an action in `text`: `is picking up` -> `pick up`; empty when there is none."""
    words = [word for word in WORD.findall(text.lower()) if word not in AUXILIARY]
    if not words:
        return ""
    lemma = base(words[0], "VERB") if "VERB" in parts(words[0]) or words[0].endswith(("ing", "ed")) else words[0]
    rest = [word for word in words[1:] if word in CLOSED and CLOSED[word] in ("adv", "prep", "to")]
    for size in range(len(rest), 0, -1):
        name = " ".join((lemma, *rest[:size]))
        if name in wordlists.PHRASAL or name in wordlists.PREPOSITIONAL or rest[size - 1] == "with":
            return ACTIONS.get(name, name)
    return ACTIONS.get(lemma, lemma)


def object_name(text: str, action: str = "") -> str:
    """The name of an object: `the two red tennis rackets` -> `tennis racket`; empty when there is none.

    Articles, numbers, adjectives, colours and materials go; nouns in front stay.

    Args:
        text: its words.
        action: what is done to it, for words that mean one thing or another (`clink glasses`, `put on glasses`).
    """
    whole = text.lower().strip()
    if whole in OBJECTS:
        return OBJECTS[whole]
    front_of, _, behind = whole.partition(" of ")
    piece = WORD.findall(front_of)[-1:] if behind else []
    words = WORD.findall(behind if piece and base(piece[0], "NOUN") in wordlists.PARTITIVES else front_of)
    if "'s" in words:
        words = words[len(words) - words[::-1].index("'s") :]
    words = [word for word in words if word not in CLOSED or word in (words[-1], "can")]
    if not words:
        return ""
    head = base(words[-1], "NOUN")
    if words[-1] == "glasses" and action.partition(" with")[0] not in GLASSES_WORN and action:
        head = "glass"
    front = [word for word in words[:-1] if _names(word)]
    name = " ".join((*front, head))
    thing = (head in wordlists.EITHER and front) or name in wordlists.DEVICES
    if head == "person" or (head in wordlists.PEOPLE and not thing):
        return "person"
    return OBJECTS.get(name, name)


def subject(text: str) -> str:
    """Who acts in `text`: `man`, `woman`, `boy`, `girl`, `child`, `baby`, `hand`, or `person` for all others."""
    words = WORD.findall(text.lower())
    heads = [base(word, "NOUN") for word in words]
    if any(head in wordlists.ACTING_PARTS for head in heads[-1:]):
        return "hand"
    return next((PERSONS[head] for head in reversed(heads) if head in PERSONS), "person")


def _names(word: str) -> bool:
    """Whether a word in front of a noun is a part of its name."""
    if word in wordlists.MATERIALS or word in wordlists.COLOURS or word in wordlists.DESCRIBING:
        return False
    if word in IRREGULAR or word in ING_FRONTS:
        return True
    return "NOUN" in parts(word) and not (word.endswith("ed") and "VERB" in parts(word))


ING_FRONTS = frozenset(name.split()[0] for name in wordlists.ING_COMPOUNDS)
AUXILIARY = frozenset(
    ("is", "are", "was", "were", "be", "been", "being", "am", "has", "have", "had", "to", "can", "will", "does", "did")
)
