"""CLIP's tokenizer: a text -> the numbers of its tokens.

Source: Radford et al., arXiv 2103.00020; byte pairs after Sennrich et al., arXiv 1508.07909.
"""

from __future__ import annotations

import functools
import gzip
import html
import itertools
import unicodedata
from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 48894
"""So many of the file's pairs are in use: with bytes, bytes that end a word, start and end that makes 49,408 tokens."""
PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
STRAIGHT = str.maketrans({"‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "ʼ": "'"})
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


class _Words:
    """Reads the published list of pairs once."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.read().split("\n")[1 : MERGES + 1]
        pairs = [(first, second) for first, second in (line.split() for line in lines)]
        self.rank = {pair: at for at, pair in enumerate(pairs)}
        # a visible letter for each byte: itself where it is visible in Latin-1, else one from U+0100 on
        visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in visible]
        self.letters = {byte: chr(byte) for byte in visible} | {byte: chr(256 + at) for at, byte in enumerate(others)}
        letters = list(self.letters.values())
        pieces = [*letters, *(letter + "</w>" for letter in letters), *map("".join, pairs), START, END]
        self.number = {piece: at for at, piece in enumerate(pieces)}

    def encoded(self, text: str, length: int) -> tuple[list[int], int]:
        """`length` numbers: start, tokens of the text, end, zeros; and how many tokens the text has. What does not fit
        is cut, and the end stands in the last place."""
        import regex  # type: ignore[import-untyped]

        found = regex.findall(PATTERN, plain(text).lower(), regex.IGNORECASE)
        pieces = [number for word in found for number in self._word(word)]
        numbers = [self.number[START], *pieces, self.number[END]][:length]
        if len(pieces) + 2 > length:
            numbers[-1] = self.number[END]
        return numbers + [0] * (length - len(numbers)), len(pieces)

    def _word(self, word: str) -> list[int]:
        if word in (START, END):
            return [self.number[word]]
        parts = [self.letters[byte] for byte in word.encode()]
        parts[-1] += "</w>"
        while len(parts) > 1:
            best = min(itertools.pairwise(parts), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            made: list[str] = []  # every occurrence of the pair as one part, from left to right
            at = 0
            while at < len(parts):
                both = tuple(parts[at : at + 2]) == best
                made.append("".join(best) if both else parts[at])
                at += 2 if both else 1
            parts = made
        return [self.number[part] for part in parts]


def plain(text: str) -> str:
    """Quotes straight, ligatures and full-width letters apart, entities of HTML as letters, blanks single.

    CLIP's authors have `ftfy` do the first part, which besides repairs text that was decoded wrongly; this does not.
    """
    text = text.translate(STRAIGHT).translate(LIGATURES)
    text = "".join(unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff5e" or c == "\u3000" else c for c in text)
    text = unicodedata.normalize("NFC", text)
    return " ".join(html.unescape(html.unescape(text)).split())


@functools.cache
def words() -> _Words:
    """The tokenizer of this process; its list is fetched on first use."""
    from hoigen.models.files import locate

    return _Words(locate("clip_words").path)
