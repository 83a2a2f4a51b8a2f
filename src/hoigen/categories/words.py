"""What an English word can be, and its base form. The dictionary is that of lemminflect (MIT, 0.8 MB)."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Literal

from hoigen.errors import UsageError

Part = Literal["NOUN", "VERB", "ADJ", "ADV"]
IRREGULAR = {
    "tongs": "tongs", "tweezers": "tweezers", "clippers": "clippers", "pliers": "pliers", "scissors": "scissors",
    "goggles": "goggles", "headphones": "headphones", "earphones": "earphones", "sunglasses": "sunglasses",
    "glasses": "glasses", "eyeglasses": "glasses", "binoculars": "binoculars", "pants": "pants", "jeans": "jeans",
    "shorts": "shorts", "trousers": "trousers", "overalls": "overalls", "clothes": "clothes", "skis": "skis",
    "leaves": "leaf", "dice": "dice", "groceries": "groceries", "shears": "shears", "chopsticks": "chopsticks",
    "crutches": "crutches", "handcuffs": "handcuffs", "weights": "weight", "sheep": "sheep", "fish": "fish",
    "people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth",
    "glove": "glove", "gloves": "glove", "ski": "skis",
}  # fmt: skip
"""Nouns that stay plural, being one thing, and those whose singular the dictionary gets wrong or is of two minds on."""


def dictionary() -> Any:
    """lemminflect. Raises UsageError when it is not installed."""
    try:
        return importlib.import_module("lemminflect")
    except ImportError:
        raise UsageError(
            "reading captions without a language model needs lemminflect: pip install 'hoigen[categories]'"
        ) from None


@functools.lru_cache(maxsize=1 << 16)
def parts(word: str) -> frozenset[Part]:
    """What a word can be, by the dictionary; a word that is not in it is taken for a noun, or
    for an adverb on -ly."""
    found = dictionary().getAllLemmas(word.lower())
    if word.lower() in NOUNS_TOO:
        return frozenset({"NOUN"})
    unknown: Part = "ADV" if word.endswith("ly") else "NOUN"
    return frozenset(found) & {"NOUN", "VERB", "ADJ", "ADV"} or frozenset({unknown})


@functools.lru_cache(maxsize=1 << 16)
def base(word: str, part: Literal["NOUN", "VERB"]) -> str:
    """The base form of a word used as a noun (singular) or a verb (infinitive): `tongs` -> `tongs`, `cuts` -> `cut`."""
    word = word.lower()
    if part == "NOUN" and word in IRREGULAR:
        return IRREGULAR[word]
    found = dictionary().getAllLemmas(word, part).get(part) or dictionary().getAllLemmasOOV(word, part).get(part)
    candidates: tuple[str, ...] = tuple(found or (word,))
    if part == "VERB":
        return _likely_verb(word, candidates)
    return min(candidates, key=len)


def _likely_verb(word: str, candidates: tuple[str, ...]) -> str:
    """Of several verbs with that form the one that captions mean: `saw` is of `see`, `ground` of `grind`."""
    preferred = {"left": "leave", "saw": "see", "lay": "lay", "laid": "lay", "felt": "feel", "found": "find",
                 "wound": "wind", "bound": "bind", "ground": "grind", "fell": "fall", "singing": "sing"}  # fmt: skip
    return preferred.get(word, candidates[0])


def is_third_person(word: str) -> bool:
    """Whether a word can be `he`'s form of a verb: `cuts`, `carries`."""
    return word.endswith("s") and not word.endswith("ss") and "VERB" in parts(word) and base(word, "VERB") != word


def is_past(word: str) -> bool:
    """Whether a word can be a past tense or participle: `cut`, `held`, `peeled`."""
    lemma = base(word, "VERB")
    if "VERB" not in parts(word) or word.endswith("ing"):
        return False
    return word.endswith("ed") or (word != lemma and not is_third_person(word)) or word in SAME_PAST


NOUNS_TOO = frozenset(("pan", "pans", "mic", "mics", "log", "logs", "remote", "remotes"))
"""Nouns that the dictionary knows as verbs only."""
SAME_PAST = frozenset(("cut", "put", "hit", "set", "let", "shut", "spread", "split"))
