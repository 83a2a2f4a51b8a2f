"""How long captions are: words, and tokens as the text encoder of a T2V model counts them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

PAPER_WORDS = 152
"""Mean words of a caption. Source: HOIGen-1M, figure 5 (the text says 153.8)."""
T5_LIMIT = 226
"""Tokens that CogVideoX's text encoder takes; the rest is cut off. Source: diffusers, `CogVideoXPipeline`,
max_sequence_length."""
TOKENS_A_WORD = 1.35
"""T5 tokens per English word, roughly; used where no tokenizer is at hand, and then said to be an estimate."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long some captions are.

    Args:
        captions: how many.
        mean: words.
        median: words.
        p90: words; 90 % have fewer.
        cut_off: share of the captions that T5's limit would cut.
        exact: tokens were counted with a tokenizer, not estimated.
    """

    captions: int
    mean: float
    median: float
    p90: float
    cut_off: float
    exact: bool

    def __str__(self) -> str:
        how = "" if self.exact else f", estimated at {TOKENS_A_WORD:g} tokens a word"
        return (
            f"words: mean {self.mean:.0f}, median {self.median:.0f}, 90 % under {self.p90:.0f} "
            f"(paper: mean {PAPER_WORDS}); {self.cut_off:.1%} exceed T5's {T5_LIMIT} tokens{how}"
        )


def lengths_of(texts: Iterable[str], count_tokens: Callable[[str], int] | None = None) -> Lengths | None:
    """Lengths of captions; None when there are none.

    Args:
        texts: the captions; only their lengths are held.
        count_tokens: counts the tokens of a text; estimated when not given.
    """
    words: Counter[int] = Counter()
    over = 0
    for text in texts:
        count = len(text.split())
        words[count] += 1
        over += (count_tokens(text) if count_tokens else count * TOKENS_A_WORD) > T5_LIMIT
    if not words:
        return None
    total = words.total()
    places = list(accumulate(words[count] for count in sorted(words)))

    def at(place: int) -> int:
        return sorted(words)[bisect_right(places, place)]

    return Lengths(
        captions=total,
        mean=sum(count * times for count, times in words.items()) / total,
        median=(at((total - 1) // 2) + at(total // 2)) / 2,
        p90=float(at(min(total - 1, int(0.9 * total)))),
        cut_off=over / total,
        exact=count_tokens is not None,
    )


def tokenizer(name: str) -> Callable[[str], int]:
    """Counts tokens as a tokenizer of transformers does, special tokens included. Raises SetupError.

    Args:
        name: an id of the Hugging Face hub, or a folder.
    """
    from hoigen.core.errors import SetupError

    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise SetupError(f"--tokenizer needs extra [models]: pip install 'hoigen[models]' ({error})") from None
    try:
        made = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # damaged files make transformers raise anything, AttributeError too
        raise SetupError(f"--tokenizer {name}: {type(error).__name__}: {error}") from None
    return lambda text: len(made(text)["input_ids"])
