"""A caption -> its words, what an English word can be, and its base form.

The dictionary is that of lemminflect (MIT, 0.8 MB); words of which there are only so many (articles, prepositions,
conjunctions) are listed here.
"""

from __future__ import annotations

import functools
import importlib
import re
import unicodedata
from typing import Any, Literal

from hoigen.core.errors import UsageError
from hoigen.interactions.markup import without_markup

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

LIKELY_VERBS = {
    "left": "leave", "saw": "see", "lay": "lay", "laid": "lay", "felt": "feel", "found": "find", "wound": "wind",
    "bound": "bind", "ground": "grind", "fell": "fall", "singing": "sing",
}  # fmt: skip
"""Of several verbs with a form the one that captions mean."""

Tag = Literal["det", "adj", "noun", "pron", "verb", "ing", "past", "aux", "prep", "adv", "conj", "sub", "wh", "to",
              "own", "punct"]  # fmt: skip
"""sub: a word that opens a clause (`while`). wh: `who`, `which`, `that`. own: the 's of a possessive."""

CLOSED: dict[str, Tag] = {}
for _tag, _words in {
    "det": """a an the this these those his its their my your our some any each every no both all another either
              neither whose one two three four five six seven eight nine ten several many few""",
    "pron": "he she they it him them i we you us himself herself itself themselves someone somebody everyone everybody",
    "aux": "is are was were be been being am can could will would may might must should does did do",
    "prep": """of in on at from into onto with without by for over under against across through toward towards behind
               beneath beside between around along above below near inside outside off like during within upon past
               among amid beyond per via next""",
    "conj": "and or but nor",
    "sub": "while as when before after until because if although though where once since whenever whether",
    "wh": "who which that whom what",
    "to": "to",
    "adv": """up down away back out together apart not n't also again very too quite just only still now almost even
              more most forward backward forwards backwards upward downward upwards downwards aside sideways ahead
              here there then so yet first finally next twice briefly perhaps rather often always never soon later
              overhead nearby upside else outside midway meanwhile indoors outdoors afterwards instead""",
}.items():
    for _word in _words.split():
        CLOSED.setdefault(_word, _tag)  # type: ignore[arg-type]

SUBJECTS = frozenset(("he", "she", "they", "it", "i", "we", "you", "someone", "somebody", "everyone", "everybody"))
OPENERS: frozenset[Tag] = frozenset(("punct", "conj", "sub", "wh"))
IN_PHRASE: frozenset[Tag] = frozenset(("det", "adj", "own"))
PARTICIPLE_PREPS = frozenset(("in", "by", "with", "on", "at", "from", "of", "to", "into", "against"))

TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|'s\b|\d+(?:[.,]\d+)*|[,;:()\u2014\u2013]|[.!?]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
NOT = (
    (re.compile(r"\b(ca|wo)n't\b", re.IGNORECASE), "will not"),
    (re.compile(r"n't\b", re.IGNORECASE), " not"),
    (re.compile(r"\bcannot\b", re.IGNORECASE), "can not"),
    (re.compile(r"\b(?:no one|nobody)\b", re.IGNORECASE), "nothing"),
)
"""`doesn't` in two words; which verb helps is no matter. Nobody is nobody who acts."""


def sentences(text: str) -> list[list[str]]:
    """The sentences of a `text` as lists of words and marks; markup is left out, typographic quotes and hyphens are
    made plain."""
    plain = unicodedata.normalize("NFC", without_markup(text))
    plain = plain.replace("\u2019", "'").replace("\u2018", "'").replace("\u2011", "-").replace("*", " ")
    for short, whole in NOT:
        plain = short.sub(whole, plain)
    found = [TOKEN.findall(sentence) for sentence in SENTENCE.split(plain)]
    return [words for words in found if words]


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
    """What a `word` can be, by the dictionary; one that is not in it is taken for a noun, or for an adverb on -ly."""
    found = dictionary().getAllLemmas(word.lower())
    if word.lower() in NOUNS_TOO:
        return frozenset({"NOUN"})
    unknown: Part = "ADV" if word.endswith("ly") else "NOUN"
    return frozenset(found) & {"NOUN", "VERB", "ADJ", "ADV"} or frozenset({unknown})


@functools.lru_cache(maxsize=1 << 16)
def base(word: str, part: Literal["NOUN", "VERB"]) -> str:
    """The base form of a word: the singular of a noun (`tongs` -> `tongs`), the infinitive of a verb (`cuts` -> `cut`).

    Args:
        word: in any form; capitals do not matter.
        part: as what it is used.
    """
    word = word.lower()
    if part == "NOUN" and word in IRREGULAR:
        return IRREGULAR[word]
    found = dictionary().getAllLemmas(word, part).get(part)
    if not found and not word.isascii():  # café: the dictionary has it without its accent, and its guesses cut it short
        found = dictionary().getAllLemmas(_plain(word), part).get(part)
        if not found and not word.endswith("s"):
            return word
    candidates: tuple[str, ...] = tuple(found or dictionary().getAllLemmasOOV(word, part).get(part) or (word,))
    return LIKELY_VERBS.get(word, candidates[0]) if part == "VERB" else min(candidates, key=len)


def _plain(word: str) -> str:
    """A word without its accents."""
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


def is_third_person(word: str) -> bool:
    """Whether a `word` can be `he`'s form of a verb: `cuts`, `carries`."""
    return word.endswith("s") and not word.endswith("ss") and "VERB" in parts(word) and base(word, "VERB") != word


def is_past(word: str) -> bool:
    """Whether a `word` can be a past tense or participle: `cut`, `held`, `peeled`."""
    lemma = base(word, "VERB")
    if "VERB" not in parts(word) or word.endswith("ing"):
        return False
    return word.endswith("ed") or (word != lemma and not is_third_person(word)) or word in SAME_PAST


NOUNS_TOO = frozenset(("pan", "pans", "mic", "mics", "log", "logs", "remote", "remotes"))
"""Nouns that the dictionary knows as verbs only."""
SAME_PAST = frozenset(("cut", "put", "hit", "set", "let", "shut", "spread", "split"))
