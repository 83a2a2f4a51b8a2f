"""What the things of a caption are called, and what `it`, `them` and `the ball` stand for."""

from __future__ import annotations

from dataclasses import dataclass, field

from hoigen.interactions.categories import wordlists
from hoigen.interactions.categories.grammar import Phrase


@dataclass(slots=True)
class Mentions:
    """The things of a caption so far.

    Args:
        acted_on: the last thing that somebody did something to; `it` and `them` mean it.
        named: the last thing named, by whether it was plural; they mean that when nothing was acted on yet.
        compounds: a noun -> the compound that it was last the head of (`ball` -> `tennis ball`).
    """

    acted_on: str = ""
    named: dict[bool, str] = field(default_factory=dict)
    compounds: dict[str, str] = field(default_factory=dict)

    def see(self, phrase: Phrase) -> None:
        """Takes note of a `phrase`."""
        if phrase.pronoun or phrase.bare:
            return
        thing = self.thing("", phrase)
        if thing:
            self.named[phrase.plural] = thing
        name = phrase.name.partition(" of ")[0]
        if name != phrase.head:
            self.compounds[phrase.head] = name

    def thing(self, action: str, phrase: Phrase) -> str:
        """The name of a phrase as something to act on; empty when it is nothing of the kind.

        Args:
            action: what is done to it, for verbs that act on what is in a thing (`drink`).
            phrase: the phrase.
        """
        if phrase.pronoun:
            meant = self.acted_on or self.named.get(phrase.plural, "")
            return meant if phrase.head in ("it", "them") else ""
        if phrase.bare:
            return ""
        verb = action.partition(" ")[0]
        name, _, content = phrase.name.partition(" of ")
        head = phrase.head
        if content and verb in wordlists.ABOUT_CONTENT:
            name, head = content, content.rpartition(" ")[2]
        place = head in wordlists.PLACES and verb not in wordlists.ON_PLACES
        named_so = head.endswith(wordlists.ABSTRACT_ENDS) and head not in wordlists.THINGS_WITH_SUCH_ENDS
        abstract = named_so or head in wordlists.ABSTRACT or head in wordlists.COLOURS - {"orange"}
        if place or abstract or head in wordlists.BODY or phrase.is_person:
            return ""
        return self.compounds.get(name, name) if phrase.definite else name
