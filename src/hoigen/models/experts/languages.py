"""In which language a text is: by its letters' script, and by a model of n-grams that comes with its wheel."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

SCRIPTS: dict[str, tuple[str, ...]] = {
    language: scripts
    for languages, scripts in (
        ("zh yue", ("CJK",)),
        ("ja", ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK")),
        ("ko", ("HANGUL", "CJK")),
        ("ru uk bg be mk kk ky mn", ("CYRILLIC",)),
        ("sr", ("CYRILLIC", "LATIN")),
        ("ar fa ur ps ug", ("ARABIC",)),
        ("hi mr ne", ("DEVANAGARI",)),
        ("el", ("GREEK",)),
        ("he", ("HEBREW",)),
        ("th", ("THAI",)),
        ("bn", ("BENGALI",)),
        ("ta", ("TAMIL",)),
        ("te", ("TELUGU",)),
        ("ka", ("GEORGIAN",)),
        ("hy", ("ARMENIAN",)),
        ("am", ("ETHIOPIC",)),
    )
    for language in languages.split()
}
"""Languages that are not written in Latin letters, by the first word of their letters' Unicode names."""

DENSE = frozenset(("CJK", "HIRAGANA", "KATAKANA", "THAI"))
"""Scripts without spaces between words."""

FEWEST = 6
"""Words from which a sentence alone tells its language."""
NEVER = -12.0
"""What the logarithm of a language's likelihood lies below that of the likeliest one when it is not that language.
Chosen on the sentences of good captions (docs/decisions/words.md)."""
STRAY = 8
"""Letters of another script that a text may have: a sign that is not quoted."""


MARKS = "".join(chr(at) for at in range(0x300, 0xE80) if unicodedata.category(chr(at))[0] == "M")
"""Vowel signs and accents that are letters of their own to Unicode: Devanagari, Arabic, Thai and others."""
WORD = re.compile(rf"(?:[^\W_]|[{MARKS}])+(?:['’](?:[^\W_]|[{MARKS}])+)?")
"""A word; `\\w` alone would end one at each vowel sign."""


def scripts(text: str) -> Counter[str]:
    """How many letters of each script a text has; LATIN, CYRILLIC, CJK, ..., as Unicode names its letters."""
    return Counter(unicodedata.name(letter, "?").partition(" ")[0] for letter in text if letter.isalpha())


def words_in(text: str) -> list[str]:
    """The words of a text in small letters; in scripts without spaces, its letters."""
    found: list[str] = []
    for word in WORD.findall(text.casefold()):
        if unicodedata.name(word[0], "?").partition(" ")[0] in DENSE:
            found += word
        else:
            found.append(word)
    return found


@functools.cache
def _ranks() -> Callable[[str], Sequence[tuple[str, float]]] | None:
    """Text -> (language, likelihood), the likeliest first; None, said once, where the library is not installed."""
    try:
        import py3langid
    except ImportError:
        told = "warning: py3langid is not installed, so captions in another language are told by their letters alone: "
        print(told + "pip install 'hoigen[experts]'", file=sys.stderr)
        return None
    ranks: Callable[[str], Sequence[tuple[str, float]]] = py3langid.rank
    return ranks


def language_of(text: str) -> str:
    """Two letters, such as `en`; "" where nobody can say."""
    ranks = _ranks()
    return ranks(text)[0][0] if ranks is not None and text.strip() else ""


def other_than(text: str, language: str) -> str:
    """Why a text is not in a language, in words; "" where it is, or where nobody can say. One sentence is enough.

    Args:
        text: without what is quoted in it.
        language: two letters; "" for any.
    """
    if not language:
        return ""
    counted = scripts(text)
    wanted = SCRIPTS.get(language, ("LATIN",))
    own = sum(counted[script] for script in wanted)
    if "LATIN" not in wanted:  # Latin letters are names and units everywhere
        latin = counted.pop("LATIN", 0)
        if latin > 20 and latin > 4 * own:
            return f"Latin letters, where {language} was asked for"
    foreign = {
        script: count * (2 if script in DENSE else 1)
        for script, count in counted.items()
        if script not in wanted and script != "?"
    }
    if sum(foreign.values()) > max(STRAY, own / 10):
        most = max(foreign, key=lambda script: foreign[script]).capitalize()
        return f"{most} letters, where {language} was asked for"
    ranks = _ranks()
    if ranks is None:
        return ""
    for part in (text, *re.split(r"(?<=[.!?。！？])\s*", text)):
        if part is not text and len(words_in(part)) < FEWEST:
            continue
        ranked = ranks(part)
        likely = dict(ranked)
        if ranked[0][0] != language and language in likely and likely[language] - ranked[0][1] < NEVER:
            return f"language {ranked[0][0]}, where {language} was asked for"
    return ""
