"""What stands in an answer instead of what was asked for: lead-ins, refusals in words, nothing at all."""

from __future__ import annotations

import re

LEAD_IN = re.compile(
    r"\A(?:(?:sure|certainly|of course|okay|ok)[,.!:]\s+)?"
    r"(?:here(?: is|'s|’s| are)\b[^.:\n]{0,100}:|"
    r"(?:the )?(?:final |rewritten |corrected )?(?:description|caption):)\s*",
    re.IGNORECASE,
)
"""What chat models put before the thing itself, though told not to."""

DECLINES = re.compile(
    r"\A(?:i(?:'|’)?m (?:very |so |really )?sorry\b|i am (?:very |so |really )?sorry\b|(?:my apologies|sorry)\b|"
    r"i apologi[sz]e\b|(?:i(?:'|’)m|i am) afraid\b|unfortunately,? (?:i|no|there|the (?:video|image|clip))\b|"
    r"as an? (?:ai|(?:large )?language model)\b|i must (?:decline|refuse|apologi[sz]e)\b|"
    r"no (?:video|image|picture)s?\b|"
    r"i (?:see|have) no (?:video|image|picture|frame)s?\b|i (?:do not|don(?:'|’)?t) see (?:any|the) "
    r"(?:video|image|picture|frame)s?\b|i am (?:not able|unable)\b|"
    r"i (?:can(?:'|’)?t|cannot|can not|am unable to|am not able to|do not have|don(?:'|’)?t have|won(?:'|’)?t)\b|"
    r"i(?:'|’)m (?:unable|not able)\b)",
    re.IGNORECASE,
)
"""How a model that will not or cannot describe a clip begins. No description of a clip begins with the writer."""


NOTHING = re.compile(
    r"\A(?:(?:none|n/?a|null|nil|undefined|nothing|no (?:caption|description)(?: available| provided)?)[.!]?\Z|"
    r"(?:internal server )?error\b[^a-z]*:|[\[{].*[\]}]\Z|<\w+>)",
    re.IGNORECASE,
)
"""What stands where a description should: a word for nothing, an error, a piece of JSON or of a page."""


def paragraph(text: str) -> str:
    """One paragraph, single spaces, without a lead-in, emphasis marks or quotation marks around the whole."""
    words = " ".join(LEAD_IN.sub("", text.replace("**", "").strip()).split())
    if len(words) > 1 and words[0] + words[-1] in ('""', "“”"):
        words = words[1:-1].strip()
    return words
