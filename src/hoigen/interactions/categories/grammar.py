"""Tagged words of a sentence -> noun phrases, verbs and what joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hoigen.interactions.categories import wordlists
from hoigen.interactions.categories.tags import Word
from hoigen.interactions.categories.words import Tag, parts

Form = Literal["finite", "ing", "to", "passive", "participle"]


@dataclass(slots=True)
class Phrase:
    """A noun phrase.

    Args:
        name: the compound without adjectives (`tennis racket`), singular.
        head: its last word.
        plural: whether it is of several.
        definite: it was mentioned before (`the`, `it`) or belongs to somebody.
        pronoun: it has no noun of its own.
        bare: it has an article or a number but no noun (`the other`, `one`).
        people: how many at least, when it is of people.
    """

    name: str
    head: str
    plural: bool = False
    definite: bool = False
    pronoun: bool = False
    bare: bool = False
    people: int = 1

    @property
    def is_person(self) -> bool:
        thing = (self.head in wordlists.EITHER and self.name != self.head) or self.name in wordlists.DEVICES
        return is_person(self.head) and not thing

    @property
    def acts(self) -> bool:
        """A person, a hand, or a pronoun for one."""
        if self.pronoun:
            return self.head in ("he", "she", "they", "i", "we", "you", "who", "someone", "somebody", "everyone",
                                 "everybody")  # fmt: skip
        compound = (self.head in wordlists.EITHER and self.name != self.head) or self.name in wordlists.DEVICES
        return self.bare or (may_act(self.head) and not compound) or self.head in wordlists.ACTING_PARTS


@dataclass(slots=True)
class Verb:
    """A verb.

    Args:
        lemma: its infinitive.
        form: how it stands in the sentence.
        progressive: `is being cut`.
    """

    lemma: str
    form: Form
    progressive: bool = False


@dataclass(slots=True)
class Joint:
    """All that is neither: prepositions, conjunctions, marks, adverbs that may be particles."""

    kind: Tag
    text: str


Item = Phrase | Verb | Joint


def is_person(noun: str) -> bool:
    """Whether a noun is for people: listed, or a compound of `man`."""
    return noun in wordlists.PEOPLE or (noun.endswith(("man", "woman", "person")) and noun != "human")


def may_act(noun: str) -> bool:
    """Whether a noun may be for somebody: people, and what is made of a verb (`thrower`) but no known device.

    Wider than `is_person`: what a `scooter` is counts only where it is said to do something.
    """
    last = noun.rpartition("-")[2]
    if is_person(noun) or last in wordlists.DEVICES_IN_ER or len(last) < 5:
        return is_person(noun)
    if not last.endswith(("er", "or")):
        return False
    stems = {last[:-2], last[:-1], last[:-3] if last[-3] == last[-4] else last[:-2]}
    return any(len(stem) > 2 and "VERB" in parts(stem) for stem in stems) and "VERB" not in parts(last)


def items(words: Sequence[Word]) -> list[Item]:
    """A sentence as a list of items, in order.

    Args:
        words: its words, tagged.
    """
    found: list[Item] = []
    at = 0
    while at < len(words):
        size = _phrase_size(words, at)
        if size:
            phrase = _phrase(words[at : at + size])
            if phrase is not None:
                _put(found, phrase)
            at += size
            continue
        word = words[at]
        if word.tag in ("verb", "ing", "past"):
            before = next((other for other in reversed(words[:at]) if other.tag != "adv"), None)
            progressive = before is not None and before.text.lower() == "being"
            be = before is not None and before.text.lower() in BE
            form: Form = "to" if before is not None and before.tag == "to" else "finite"
            if word.tag == "past":
                form = "passive" if be else "participle"
            elif word.tag == "ing":
                form = "finite" if be else "ing"
            found.append(Verb(word.lemma, form, progressive))
        elif word.tag not in ("noun", "pron", "det", "own") and not (word.tag == "adv" and word.text.endswith("ly")):
            found.append(Joint(word.tag, word.text.lower()))
        at += 1
    return found


def _phrase_size(words: Sequence[Word], at: int) -> int:
    """How many words from here are one noun phrase; 0 when none begins here."""
    if words[at].tag == "pron":
        return 1
    end = at
    noun = 0
    while end < len(words):
        word, tag = words[end], words[end].tag
        if tag in ("noun", "own"):
            if noun == end and end > at:
                before, text = words[end - 1], words[end - 1].text.lower()
                plural = before.tag == "noun" and text.endswith("s") and text != before.lemma
                following = [word.text.lower() for word in words[end : end + 3]]
                again = len(following) == 3 and following[1] in ("by", "after") and following[0] == following[2]
                # nothing follows a plural in a compound, `sports car` aside; `section by section` says how, not what
                if again or (plural and text not in ("sports", "clothes")):
                    break
            noun = end + 1
        elif tag == "det":
            if noun and words[end - 1].tag != "own":
                break
        elif tag == "punct" and word.text == "," and end > at and words[end - 1].tag == "adj":
            if not (end + 1 < len(words) and words[end + 1].tag in ("adj", "noun")):
                break
        elif tag == "conj" and end > at and words[end - 1].tag == "adj" and not noun:
            if not (end + 1 < len(words) and words[end + 1].tag == "adj"):
                break
        elif tag == "adv" and word.text.endswith("ly") and end > at and not noun:
            pass
        elif tag != "adj" or (noun and end == noun):
            break
        end += 1
    if noun:
        return noun - at
    return 1 if words[at].tag == "det" else 0


def _phrase(words: Sequence[Word]) -> Phrase | None:
    first = words[0].text.lower()
    if words[0].tag == "pron":
        return Phrase(name=first, head=first, plural=first in ("them", "they"), definite=True, pronoun=True)
    last_own = max((n for n, word in enumerate(words) if word.tag == "own"), default=-1)
    nouns = [word for word in words[last_own + 1 :] if word.tag == "noun"]
    definite = first in ("the", "this", "these", "those", "his", "her", "their", "its", "that") or last_own >= 0
    numbers = {"two": 2, "three": 3, "four": 4, "five": 5, "several": 3, "many": 3, "few": 3, "both": 2}
    count = max((numbers.get(word.text.lower(), 1) for word in words), default=1)
    if not nouns:
        return Phrase(name=first, head=first, bare=first not in ("a", "an"), definite=definite, people=count)
    head = nouns[-1]
    if head.lemma in ("left", "right", "other", "latter", "former", "second", "first", "third"):
        return Phrase(name=head.lemma, head=head.lemma, bare=True, definite=True)
    plural = head.text.lower() != head.lemma
    names = [*(word.text.lower() for word in nouns[:-1]), head.lemma]  # the front stays as written (`sports car`)
    while len(names) > 1 and (names[0] in wordlists.MATERIALS or names[0] in wordlists.COLOURS):
        names = names[1:]  # `glass bowl` is a bowl
    return Phrase(
        name=" ".join(names),
        head=head.lemma,
        plural=plural,
        definite=definite,
        people=max(count, 2 if plural else 1),
    )


def _put(found: list[Item], phrase: Phrase) -> None:
    """Adds a phrase; after `a piece of` it takes the place of the piece."""
    if len(found) >= 2 and isinstance(found[-1], Joint) and found[-1].text == "of" and isinstance(found[-2], Phrase):
        piece = found[-2]
        if piece.bare and phrase.pronoun:
            phrase.head = "they"
        if piece.head in wordlists.PARTITIVES or piece.bare:
            people = max(piece.people, 2) if piece.head in ("group", "crowd", "couple", "pair") else piece.people
            phrase.people, phrase.definite = max(people, phrase.people), phrase.definite or piece.definite
            found[-2:] = [phrase]
            return
        if piece.head in wordlists.CONTAINERS:
            piece.name = f"{piece.name} of {phrase.name}"
            found.pop()
            return
    found.append(phrase)


BE = frozenset(("is", "are", "was", "were", "be", "been", "being", "am"))


def in_the_other(row: Sequence[Item], at: int) -> Phrase | None:
    """`holds a leash in one hand and a cup in the other`: the cup."""
    match row[at + 1 : at + 6]:
        case [Joint(text="in"), Phrase() as hand, Joint(text="and"), Phrase() as thing, Joint(text="in")]:
            return thing if hand.acts else None
    return None


def by_whom(row: Sequence[Item], at: int) -> Phrase | None:
    """By whom, as far as the next mark."""
    for n in range(at + 1, len(row) - 1):
        item, following = row[n], row[n + 1]
        if isinstance(item, Joint) and item.kind in ("punct", "conj"):
            return None
        if isinstance(item, Joint) and item.text == "by" and isinstance(following, Phrase):
            return following
    return None
