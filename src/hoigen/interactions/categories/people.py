"""Close-up, one person or several people: the three kinds of clips in figure 3 of HOIGen-1M."""

from __future__ import annotations

import re
from typing import Literal, get_args

from hoigen.interactions.categories import wordlists
from hoigen.interactions.categories.grammar import Phrase, items
from hoigen.interactions.categories.tags import tagged
from hoigen.interactions.categories.words import sentences

View = Literal["close-up", "one person", "several people"]
VIEWS: tuple[View, ...] = get_args(View)

CLOSE = re.compile(
    r"\b(?:extreme )?close[- ]?ups?\b|\bclose (?:view|shot|perspective|look)\b|\bmacro (?:shot|view|lens)\b"
    r"|\bfrom (?:a )?close (?:range|distance)\b|\btight (?:shot|frame)\b",
    re.IGNORECASE,
)
NOT_AT_FIRST = re.compile(
    r"\b(?:zooms?|zooming|moves?|moving|cuts?|switch(?:es)?|ends?|finish(?:es)?|transitions?|closer|later|then|gradually"
    r"|briefly|between|occasionally|alternates?)\b[^.]*$",
    re.IGNORECASE,
)
PASSERS_BY = frozenset(
    ("spectator", "onlooker", "pedestrian", "passenger", "crowd", "commuter", "visitor", "neighbor", "audience",
     "tourist", "passerby", "viewer", "customer", "owner")
)  # fmt: skip
"""People of the background. Alone they say nothing of who acts."""
KINDS = {
    **dict.fromkeys(("man", "boy", "father", "son", "brother", "grandfather", "gentleman", "guy", "male", "dad"), "he"),
    **dict.fromkeys(("woman", "girl", "mother", "daughter", "sister", "grandmother", "lady", "female", "mom"), "she"),
    **dict.fromkeys(("baby", "infant", "toddler"), "baby"),
}
"""Words for people who cannot be one: `man` and `woman` are two people; `man`, `person` and `chef` may be one."""
NOBODY = frozenset(("one", "another", "other", "figure", "model", "viewer"))


def view_of(caption: str, actors: frozenset[str] = frozenset()) -> View | None:
    """The kind of interaction by a caption's words for people; None when it names nobody.

    close-up: it says so of the clip as a whole, or nothing but hands act and nobody is described. several people: two
    or more are named, those of the background (onlookers, pedestrians, a crowd, people that walk past) not counted.

    Args:
        caption: its text.
        actors: who acts, as `normal.subject` names them.
    """
    singles: set[str] = set()
    most = 0
    hands = pronoun = False
    for sentence in sentences(caption):
        row = items(tagged(sentence))
        for item in row:
            if not isinstance(item, Phrase):
                continue
            hands = hands or item.head in wordlists.ACTING_PARTS
            pronoun = pronoun or item.head in ("he", "she")
            if item.pronoun or not item.is_person or item.head in PASSERS_BY | NOBODY:
                continue
            if item.people > 1 and not _is_background(sentence):
                most = max(most, item.people)
            elif item.people == 1 and not _is_background(sentence):
                singles.add(KINDS.get(item.head, "somebody"))
    sure = singles - {"somebody"}
    people = max(most, len(sure) or len(singles))  # that act at least
    # shown from near, and not what the camera comes to
    close = any(not NOT_AT_FIRST.search(caption[: found.start()]) for found in CLOSE.finditer(caption))
    if close and people < 3:
        return "close-up"
    if people >= 2:
        return "several people"
    if people == 0 and (hands or actors == {"hand"}):
        return "one person" if pronoun else "close-up"
    return "one person" if people or pronoun or actors else None


BACKGROUND = re.compile(
    r"\b(?:background|backdrop|distance|around (?:him|her|them)|outside|pass(?:es|ing)? by|walk(?:s|ing)? past"
    r"|hurry|behind (?:him|her)|in the back|camera|visible|can be seen|filmed|inside)\b",
    re.IGNORECASE,
)


def _is_background(words: list[str]) -> bool:
    return BACKGROUND.search(" ".join(words)) is not None
