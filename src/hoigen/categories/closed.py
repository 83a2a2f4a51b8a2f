"""Words of which there are only so many: articles, prepositions, conjunctions and the like."""

from __future__ import annotations

from typing import Literal

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
