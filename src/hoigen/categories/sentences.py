"""A caption -> its sentences as words and marks."""

from __future__ import annotations

import re

TOKEN = re.compile(r"[A-Za-zÀ-ÿ]+(?:-[A-Za-zÀ-ÿ]+)*|'s\b|\d+(?:[.,]\d+)*|[,;:()\u2014\u2013]|[.!?]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
NOT = (
    (re.compile(r"\b(ca|wo)n't\b", re.IGNORECASE), "will not"),
    (re.compile(r"n't\b", re.IGNORECASE), " not"),
    (re.compile(r"\bcannot\b", re.IGNORECASE), "can not"),
    (re.compile(r"\b(?:no one|nobody)\b", re.IGNORECASE), "nothing"),
)
"""`doesn't` in two words; which verb helps is no matter. Nobody is nobody who acts."""


def sentences(text: str) -> list[list[str]]:
    """Sentences as lists of words and marks; typographic quotes and hyphens are made plain."""
    plain = text.replace("\u2019", "'").replace("\u2018", "'").replace("\u2011", "-").replace("*", " ")
    for short, whole in NOT:
        plain = short.sub(whole, plain)
    found = [TOKEN.findall(sentence) for sentence in SENTENCE.split(plain)]
    return [words for words in found if words]
