"""A caption -> who does what to what, by rules: no model, no network.

A sentence is a list of noun phrases and verbs. Whoever acts is looked up to the left of a verb, what is acted on to the
right of it. Only people and their hands act; looks, talk and places are no interaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hoigen.interactions.categories import wordlists
from hoigen.interactions.categories.grammar import Item, Joint, Phrase, Verb, by_whom, in_the_other, items
from hoigen.interactions.categories.mentions import Mentions
from hoigen.interactions.categories.tags import tagged
from hoigen.interactions.categories.words import CLOSED, sentences

Found = tuple[str, str, str]
"""One interaction as the caption has it: subject, action, object; base forms, the action with its particle."""


def read(caption: str) -> list[Found]:
    """The interactions of a caption, in order, each once."""
    reader = _Reader()
    for words in sentences(caption):
        reader.sentence(items(tagged(words)))
    return list(dict.fromkeys(reader.found))


@dataclass(slots=True)
class _Reader:
    found: list[Found] = field(default_factory=list)
    row: list[Item] = field(default_factory=list)
    subject: Phrase | None = None
    actor: str = "person"
    last: Phrase | None = None
    """The subject of the verb before."""
    mentions: Mentions = field(default_factory=Mentions)

    def sentence(self, row: list[Item]) -> None:
        self.row, self.subject, self.last = row, None, None
        for at, item in enumerate(row):
            if isinstance(item, Phrase):
                self.mentions.see(item)
            elif isinstance(item, Verb):
                self._verb(at, item)

    # who

    def _verb(self, at: int, verb: Verb) -> None:
        denied = self._is_denied(at)
        if verb.form in ("passive", "participle"):
            if not denied:
                self._passive(at, verb)
            return
        who = self._who(at, verb)
        self.last = who
        if verb.form == "finite":
            self.subject = who
        if denied or who is None:
            return
        a_hand = who.head == "it" and self.actor in wordlists.ACTING_PARTS  # `it` acts when a hand did before
        if not (who.acts or a_hand):
            return
        self.actor = self.actor if who.pronoun or who.bare else who.head
        action, after, direct = self._action(at + 1, verb.lemma)
        shared = direct and verb.lemma not in wordlists.INTRANSITIVE
        things = self._list(self._shared(after) if shared else after) if direct else []
        if direct and not things and (before := self._relative(at)) is not None:
            things = [(at, before)]
        gives = verb.lemma in ("hand", "give", "show", "pass", "offer", "serve", "throw", "toss")
        if gives and len(things) == 1 and (things[0][1].acts or things[0][1].head in ("him", "her", "me", "us")):
            things = self._list(things[0][0] + 1) or things  # `hands the child a plate`: the plate is handled
        if direct and things and things[-1][0] > at:
            end = things[-1][0] + 1
            particle = self.row[end] if end < len(self.row) else None
            phrasal = isinstance(particle, Joint) and f"{verb.lemma} {particle.text}" in wordlists.PHRASAL
            if isinstance(particle, Joint) and phrasal and not self._is_direction(end):
                action = f"{verb.lemma} {particle.text}"
        phrases = [phrase for _, phrase in things]
        if things and (other := in_the_other(self.row, things[-1][0])) is not None:
            phrases.append(other)
        emitted = [self._emit(action, phrase) for phrase in phrases]
        if any(emitted) or any(phrase.head in wordlists.BODY for phrase in phrases):  # `dries his face with a towel`
            self._tool(at, after, action)

    def _is_denied(self, at: int) -> bool:
        """`does not open`, `without opening`, `is never opened`: what is not done is no interaction."""
        back = at - 1
        while back >= 0 and isinstance(item := self.row[back], Joint) and item.kind in ("adv", "aux", "adj", "prep"):
            if item.text in wordlists.DENIALS:
                return True
            if item.kind == "prep":
                return False
            back -= 1
        return False

    def _who(self, at: int, verb: Verb) -> Phrase | None:
        if verb.form == "to":
            return self.last
        back = at - 1
        while back >= 0:
            item = self.row[back]
            if isinstance(item, Phrase):
                between = self.row[back + 1 : at]
                touching = verb.form == "ing" and all(
                    isinstance(each, Joint) and each.kind in ("adv", "aux") for each in between
                )
                if touching and item.head == "them":
                    return Phrase(name="they", head="they", pronoun=True)
                if self._is_free(back) or (touching and (item.acts or item.head in wordlists.ABSTRACT)):
                    return item
                before = self.row[back - 1] if back else None
                if self.subject is not None and not (isinstance(before, Joint) and before.kind == "prep"):
                    return self._doer(back + 1)
            elif isinstance(item, Joint) and (
                item.kind == "wh" or (item.kind in ("punct", "conj") and self.subject is not None)
            ):
                return self._doer(back)
            back -= 1
        if self.subject is not None:
            return self.subject
        for n in range(at + 1, len(self.row)):  # of a sentence that begins with its participle: after the comma
            item, joint = self.row[n], self.row[n - 1]
            if isinstance(item, Phrase) and isinstance(joint, Joint) and joint.kind == "punct":
                return item
        return None

    def _doer(self, at: int) -> Phrase | None:
        """The subject of the clause; when that is a film that shows somebody, whom it shows."""
        if self.subject is not None and self.subject.acts:
            return self.subject
        return next((item for item in reversed(self.row[:at]) if isinstance(item, Phrase) and item.acts), self.subject)

    def _is_free(self, at: int) -> bool:
        """Whether a phrase is governed by no verb and no preposition before it."""
        phrase = self.row[at]
        if isinstance(phrase, Phrase) and phrase.head in ("he", "she", "they"):
            return True
        back = at - 1
        while back >= 0:
            item = self.row[back]
            if isinstance(item, Joint) and item.kind in ("adv", "aux", "adj"):
                back -= 1
            elif isinstance(item, Joint) and item.kind == "conj" and back and isinstance(self.row[back - 1], Phrase):
                return self._is_free(back - 1) or (self.subject is not None and self._verb_after(at, "finite"))
            elif isinstance(item, Joint):
                return item.kind != "prep"
            else:
                return isinstance(item, Phrase)
        return True

    def _verb_after(self, at: int, *forms: str) -> bool:
        """Whether a verb follows at once: then what is here is its subject, not another thing of the list before."""
        after = self.row[at + 1] if at + 1 < len(self.row) else None
        return (isinstance(after, Verb) and after.form in forms) or (isinstance(after, Joint) and after.kind == "aux")

    # what

    def _shared(self, at: int) -> int:
        """`holds and squeezes the dough`: both verbs have the object of the last."""
        while (
            at + 1 < len(self.row)
            and isinstance(self.row[at], Joint)
            and self.row[at].text in ("and", "or")  # type: ignore[union-attr]
            and isinstance(self.row[at + 1], Verb)
        ):
            at += 2
        return at

    def _is_direction(self, at: int) -> bool:
        """Whether the particle is no part of the verb here: `puts the cup on the table`, `up and down`."""
        item = self.row[at]
        following = self.row[at + 1] if at + 1 < len(self.row) else None
        if isinstance(following, Joint):
            after = self.row[at + 2] if at + 2 < len(self.row) else None
            return following.kind == "conj" and isinstance(after, Joint) and after.kind == "adv"
        return isinstance(item, Joint) and item.kind == "prep" and isinstance(following, Phrase)

    def _action(self, at: int, lemma: str) -> tuple[str, int, bool]:
        """The action with its particle or preposition, where its objects begin, and whether it takes any."""
        joints: list[str] = []
        while at < len(self.row) and len(joints) < 3:
            item = self.row[at]
            if not isinstance(item, Joint) or item.kind not in ("adv", "prep", "to"):
                break
            joints.append(item.text)
            at += 1
        for size in range(len(joints), 0, -1):
            for start in range(len(joints) - size + 1):
                name = " ".join((lemma, *joints[start : start + size]))
                if name in wordlists.PREPOSITIONAL and start + size == len(joints):
                    return name, at, True
                if name in wordlists.PHRASAL and start + size == len(joints):
                    return name, at, True
        free = all(CLOSED.get(joint) not in ("prep", "to") for joint in joints)
        return lemma, at, free and lemma not in wordlists.NOT_ACTING

    def _list(self, at: int) -> list[tuple[int, Phrase]]:
        """A phrase and those joined to it by commas and `and`; by commas alone it is said again, not joined."""
        found: list[tuple[int, Phrase]] = []
        while at < len(self.row):
            item = self.row[at]
            if isinstance(item, Phrase):
                found.append((at, item))
                at = after = at + 1
                while after < len(self.row):
                    joint = self.row[after]
                    if not isinstance(joint, Joint) or joint.text not in (",", "and", "or"):
                        break
                    after += 1
                goes_on = at < after < len(self.row) and isinstance(self.row[after], Phrase)
                if not goes_on or self._verb_after(after, "finite", "ing", "passive"):
                    break
                at = after
            elif isinstance(item, Joint) and item.kind in ("adv", "adj"):
                at += 1
            else:
                break
        between = self.row[found[0][0] : found[-1][0]] if found else []
        return found if any(isinstance(item, Joint) and item.kind == "conj" for item in between) else found[:1]

    def _relative(self, at: int) -> Phrase | None:
        """`the racket she is holding`."""
        back = at - 1
        while back >= 0 and isinstance(self.row[back], Joint) and self.row[back].kind in ("aux", "adv"):  # type: ignore[union-attr]
            back -= 1
        doer = self.row[back] if back > 0 else None
        if not isinstance(doer, Phrase) or doer.head not in ("he", "she", "they"):
            return None
        back -= 1
        if isinstance(self.row[back], Joint) and self.row[back].text in ("that", "which"):  # type: ignore[union-attr]
            back -= 1
        before = self.row[back] if back >= 0 else None
        return before if isinstance(before, Phrase) and not before.acts else None

    def _passive(self, at: int, verb: Verb) -> None:
        """`the dough is being kneaded`, `kneaded by a man`: the subject is what is acted on."""
        phrase = next((item for item in reversed(self.row[:at]) if isinstance(item, Phrase)), None)
        if phrase is None or verb.lemma in wordlists.NOT_ACTING:
            return
        action, _, _ = self._action(at + 1, verb.lemma)
        action = action if action in wordlists.PHRASAL else verb.lemma
        doer = by_whom(self.row, at)
        if (
            doer.acts
            if doer is not None
            else verb.progressive or (verb.form == "passive" and action in wordlists.HANDLED)
        ):
            self._emit(action, phrase)

    # with what

    def _tool(self, at: int, after: int, action: str) -> None:
        if action not in wordlists.WITH_TOOLS:
            return
        for n in range(after, len(self.row) - 1):
            item, following = self.row[n], self.row[n + 1]
            if isinstance(item, Verb) or (isinstance(item, Joint) and item.kind in ("punct", "sub", "wh", "conj")):
                break
            if isinstance(item, Joint) and item.text == "with" and isinstance(following, Phrase):
                if following.head == "sleeve":  # worn
                    return
                self._emit(f"{action} with", following, tool=True)
                return
        match self.row[:2]:
            case [Joint(text="with"), Phrase() as tool] if at <= 4:
                self._emit(f"{action} with", tool, tool=True)

    def _emit(self, action: str, phrase: Phrase, *, tool: bool = False) -> bool:
        name = self.mentions.thing(action, phrase)
        if not name or (action == "wear" and phrase.name not in wordlists.WORN):
            return False
        if not tool and action != "use":
            self.mentions.acted_on = name
        self.found.append((self.actor, action, name))
        return True
