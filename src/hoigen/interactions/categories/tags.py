"""Words of a sentence -> what each is. Rules that look at the neighbours; captions are plain, present-tense English."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from hoigen.interactions.categories import wordlists
from hoigen.interactions.categories.words import (
    CLOSED,
    IN_PHRASE,
    OPENERS,
    PARTICIPLE_PREPS,
    SUBJECTS,
    Tag,
    base,
    is_past,
    is_third_person,
    parts,
)

MODALS = frozenset(("can", "could", "will", "would", "may", "might", "must", "should", "does", "did", "do"))
"""A plain verb follows these: `can hold`, `does hold`; not `is open`."""


@dataclass(slots=True)
class Word:
    """One word and what it is; `lemma` is its base form as that."""

    text: str
    tag: Tag
    lemma: str


def tagged(words: list[str]) -> list[Word]:
    """What each word of a sentence is."""
    return _Tagger(words).run()


@dataclass(slots=True)
class _Tagger:
    words: list[str]
    done: list[Word] = field(default_factory=list)
    finite: bool = False
    """Whether the clause under way has its verb."""

    def run(self) -> list[Word]:
        for at, text in enumerate(self.words):
            word = text.lower()
            tag = self._tag(at, word)
            if tag in ("punct", "sub", "wh") or (tag == "conj" and self._opens_clause(at + 1)):
                self.finite = False
            if tag in ("verb", "past") or (tag == "aux" and word not in ("being", "been")):
                self.finite = True
            verb = tag in ("verb", "ing", "past")
            self.done.append(Word(text, tag, base(word, "VERB" if verb else "NOUN") if verb or tag == "noun" else word))
        return self.done

    # looking around

    def _before(self) -> Word | None:
        """The last word that is no adverb."""
        return next((word for word in reversed(self.done) if word.tag != "adv"), None)

    def _word(self, at: int) -> str:
        return self.words[at].lower() if at < len(self.words) else "."

    def _begins_phrase(self, at: int) -> bool:
        """Whether a noun phrase, a particle or a preposition comes next, as it does after a verb."""
        word = self._word(at)
        if word in CLOSED:
            return CLOSED[word] in ("det", "pron", "prep", "adv", "to") or word in ("her", "after", "before")
        if word in ("her", "open") or (word.endswith("ly") and "ADV" in parts(word)):
            return True
        if word in wordlists.DESCRIBING | wordlists.COLOURS and self._goes_on(at + 1):
            return True
        return word.isalpha() and bool(parts(word) & {"ADJ", "NOUN"}) and "VERB" not in parts(word)

    def _opens_clause(self, at: int) -> bool:
        word = self._word(at)
        return (
            CLOSED.get(word) in ("det", "pron", "sub", "wh") or word == "her" or base(word, "NOUN") in wordlists.PEOPLE
        )

    def _goes_on(self, at: int) -> bool:
        """Whether a noun may follow within the same phrase."""
        word = self._word(at)
        if not word[0].isalpha() or word in CLOSED or word == "her":
            return False
        found = parts(word)
        if word.endswith("ing"):
            return "NOUN" in found or self._is_compound(at) or "NOUN" in parts(self._word(at + 1))
        return bool(found & {"NOUN", "ADJ"}) or (is_past(word) and self._goes_on(at + 1))

    def _is_compound(self, at: int) -> bool:
        return f"{self._word(at)} {base(self._word(at + 1), 'NOUN')}" in wordlists.ING_COMPOUNDS

    # deciding

    def _tag(self, at: int, word: str) -> Tag:
        before = self._before()
        after = before.tag if before else "punct"
        if not word[0].isalnum():
            return "own" if word == "'s" else "punct"
        if word[0].isdigit():
            return "det"
        if word == "her":
            return "det" if self._goes_on(at + 1) else "pron"
        if word in ("has", "have", "had", "having"):
            follow = next((self._word(n) for n in range(at + 1, at + 4) if CLOSED.get(self._word(n)) != "adv"), ".")
            return (
                "aux"
                if (follow == "been" or (follow[0].isalpha() and follow not in CLOSED and is_past(follow)))
                else "ing"
                if word == "having"
                else "verb"
            )
        if word == "that" and (after in ("verb", "prep", "ing") and self._goes_on(at + 1)):
            return "det"
        if word == "one" and after in ("adj", "noun"):
            return "noun"
        if word == "can" and (after in IN_PHRASE or (after == "noun" and not self._is_modal(at + 1))):
            return "noun"
        if word in CLOSED and not (after in ("det", "adj") and word in ("back", "inside", "outside", "near", "one")):
            if word in ("once", "after", "before") and self._word(at + 1) in CLOSED and not self._opens_clause(at + 1):
                return "adv"
            if word in ("after", "before") and after == "verb" and not self._clause_follows(at + 1):
                return "prep"
            return CLOSED[word]
        return self._open(at, word, before, after)

    def _is_modal(self, at: int) -> bool:
        """Whether a plain verb follows, adverbs left out: `the man can lift it`; not `a watering can`."""
        while CLOSED.get(word := self._word(at)) == "adv" or word.endswith("ly"):
            at += 1
        return word == "be" or word in ("have", "do") or ("VERB" in parts(word) and base(word, "VERB") == word)

    def _clause_follows(self, at: int) -> bool:
        """Whether a verb comes before the next mark or clause."""
        for n in range(at, len(self.words)):
            word = self._word(n)
            if not word[0].isalnum() or CLOSED.get(word) in ("sub", "wh", "conj"):
                return False
            if word in ("is", "are", "has", "have") or (n > at and is_third_person(word)) or word.endswith("ing"):
                return True
        return False

    def _open(self, at: int, word: str, before: Word | None, after: Tag) -> Tag:
        found = parts(word)
        if self.words[at].isupper() and len(word) > 1:
            return "noun"
        if word == "matching" and self._goes_on(at + 1):
            return "adj"
        if word in wordlists.COLOURS and after in OPENERS:
            return self._describes(at, word)
        if word.endswith("ing") and "VERB" in found and base(word, "VERB") != word:
            return self._ing(at, after, "NOUN" in found)
        if "-" in word and found == {"NOUN"} and (word.endswith("ed") or after in IN_PHRASE) and self._goes_on(at + 1):
            return "adj"
        if found == {"ADV"} or (word.endswith("ly") and "ADV" in found and "NOUN" not in found):
            return "adv"
        if after in IN_PHRASE:
            found = parts(word)
            if word in ("left", "right", "other", "first", "second") and is_third_person(self._word(at + 1)):
                return "noun"
            if "NOUN" not in found:
                return "adj" if self._goes_on(at + 1) or "ADJ" in found else "noun"
            return self._describes(at, word)
        if word in wordlists.BODY_PLURALS:
            return "noun"
        if word in wordlists.COLOURS and after == "prep" and self._begins_phrase(at + 2):
            return "noun"
        if "VERB" in found and self._is_verb(at, word, before, after):
            return "past" if is_past(word) and not is_third_person(word) and self._is_participle(at, before) else "verb"
        if (
            "VERB" in found
            and is_past(word)
            and after not in ("aux",)
            and self._goes_on(at + 1)
            and "NOUN" not in found
        ):
            return "adj"
        if "VERB" in found and is_past(word) and "NOUN" not in found:
            return "past"
        return self._describes(at, word)

    def _ing(self, at: int, after: Tag, also_noun: bool) -> Tag:
        if self._is_compound(at):
            return "noun"
        if after in IN_PHRASE:
            return "adj" if self._goes_on(at + 1) else "noun"
        in_list = after == "punct" and len(self.done) > 1 and self.done[-2].tag == "adj"
        if in_list and self._goes_on(at + 1) and self._word(at - 2) not in CLOSED:
            return "adj"
        verbs = [w.tag for w in self.done if w.tag in ("verb", "ing")]
        if after == "conj" and self._goes_on(at + 1) and self._word(at + 1) not in CLOSED and "ing" not in verbs[-1:]:
            return "adj"
        as_adjective = "ADJ" in parts(self._word(at)) or self._word(at - 1) == "in"
        if after == "prep" and as_adjective and self._goes_on(at + 1):
            return "adj"
        before = self._before()
        if after == "noun" and before is not None and before.lemma in wordlists.PEOPLE | wordlists.ACTING_PARTS:
            return "ing"
        if also_noun and after in ("prep", "noun") and not self._begins_phrase(at + 1):
            return "noun" if after != "noun" or self.finite else "ing"
        return "ing"

    def _describes(self, at: int, word: str) -> Tag:
        """Adjective or noun."""
        found = parts(word)
        if "NOUN" not in found:
            return "adj" if "ADJ" in found else "adv" if "ADV" in found else "noun"
        if base(word, "NOUN") in wordlists.PEOPLE and word not in wordlists.DESCRIBING:
            describes = "ADJ" in found and self._goes_on(at + 1) and self._is_noun_next(at + 1)
            return "adj" if describes else "noun"
        can_describe = "ADJ" in found or word in wordlists.COLOURS or word in wordlists.DESCRIBING
        strong = word in wordlists.COLOURS or word in wordlists.DESCRIBING
        if (
            can_describe
            and self._word(at + 1) == ","
            and self._goes_on(at + 2)
            and self._before_is(("prep", *IN_PHRASE))
        ):
            return "adj"
        if (strong or self.finite) and can_describe and not self._goes_on(at + 1) and self._before_is(("noun", "pron")):
            return "adj"
        if not can_describe or not self._goes_on(at + 1):
            return "noun"
        return "adj" if strong or self._is_noun_next(at + 1) else "noun"

    def _before_is(self, tags: Container[Tag]) -> bool:
        before = self._before()
        return before is not None and before.tag in tags

    def _is_noun_next(self, at: int) -> bool:
        """Whether the next word is a noun of this phrase, not this clause's verb."""
        word = self._word(at)
        return self.finite or "VERB" not in parts(word) or not (is_third_person(word) and self._begins_phrase(at + 1))

    def _is_verb(self, at: int, word: str, before: Word | None, after: Tag) -> bool:
        only = not parts(word) & {"NOUN", "ADJ", "ADV"}
        if after in ("to", "aux"):
            if after == "to" and any(w.lemma == "from" for w in self.done[-4:-1]):
                return False
            if after == "to":
                return len(self.done) < 2 or self.done[-2].text.lower() != word
            modal = before is not None and before.lemma in MODALS
            return is_past(word) or (modal and base(word, "VERB") == word)
        if after == "pron":
            if before is None or before.text.lower() in SUBJECTS:
                return True
            return only or (not self.finite and is_third_person(word) and self._begins_phrase(at + 1))
        if after in ("noun", "own"):
            # after a noun
            if only:
                return not (is_past(word) and self.finite) or self._is_participle(at, before)
            if self.finite or before is None:
                return False
            plural = before.text.lower() != before.lemma
            if is_third_person(word):
                following = self._word(at + 1)
                return self._begins_phrase(at + 1) or (
                    not plural
                    and not (
                        following in ("is", "are", "was", "has", "have")
                        or (following not in CLOSED and "VERB" in parts(following))
                    )
                )
            if is_past(word):
                return "ADJ" not in parts(word) or self._begins_phrase(at + 1)
            plural = plural or any(w.tag == "noun" and w.text.lower() != w.lemma for w in self._clause())
            plural = plural or (
                any(w.tag == "conj" for w in self._clause()) and CLOSED.get(self._word(at + 1)) == "det"
            )
            return plural and base(word, "VERB") == word and (self._begins_phrase(at + 1) or not self._goes_on(at + 1))
        if after == "wh":
            return True
        if after in OPENERS:
            # at the opening of a clause
            if before is None or (not only and not any(w.tag in ("verb", "ing", "aux", "past") for w in self.done)):
                somebody = any(w.lemma in wordlists.PEOPLE for w in self.done)
                third = is_third_person(word) and somebody and self._begins_phrase(at + 1)
                return third or (only and not is_past(word))
            if is_third_person(word):
                if only or self._begins_phrase(at + 1) or (not self._goes_on(at + 1) and before.tag == "conj"):
                    return True
                # `folds laundry and stacks towels`: no noun follows a plural within a phrase
                again = before.tag == "conj" and any(w.tag == "verb" and w.text.lower() != w.lemma for w in self.done)
                return again and "NOUN" in parts(self._word(at + 1)) and word not in ("sports", "clothes")
            if is_past(word) and "NOUN" not in parts(word):
                return before.tag == "conj" and CLOSED.get(self._word(at + 1)) in ("det", "adv")
            verbs = [w for w in self.done if w.tag in ("verb", "past")]
            same = bool(verbs) and verbs[-1].text.lower() == verbs[-1].lemma
            if not same or base(word, "VERB") != word:
                return False
            ends = self._word(at + 1) in (",", ".") and len(self.done) > 2 and self.done[-3].tag == "det"
            return self._begins_phrase(at + 1) or ends
        return only and not is_past(word) and after not in ("prep", "verb", "ing")

    def _clause(self) -> list[Word]:
        """The words since the last mark."""
        last = max((n for n, word in enumerate(self.done) if word.tag in ("punct", "sub")), default=-1)
        return self.done[last + 1 :]

    def _is_participle(self, at: int, before: Word | None) -> bool:
        """`bowl filled with flour`, `is peeled`; not `the man picked up`, `has picked`."""
        if before is not None and before.tag == "aux":
            return before.lemma not in ("has", "have", "had")
        if before is None or before.tag != "noun":
            return False
        return self.finite or self._word(at + 1) in PARTICIPLE_PREPS
