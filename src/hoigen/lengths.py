"""How long captions are: words, and tokens as the text encoder of a T2V model counts them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PAPER_WORDS = 152
"""Mean words of a caption. Source: HOIGen-1M, figure 5 (the text says 153.8)."""
T5_LIMIT = 226
"""Tokens that CogVideoX's text encoder takes; the rest is cut off. Source: diffusers, `CogVideoXPipeline`,
max_sequence_length."""
TOKENS_A_WORD = 1.35
"""T5 tokens per English word, roughly; used where no tokenizer is at hand, and then said to be an estimate."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words per caption, and the share of captions that T5's limit would cut. exact: counted with a tokenizer."""

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


def lengths_of(texts: Sequence[str], count_tokens: Callable[[str], int] | None = None) -> Lengths | None:
    """Lengths of captions; None when there are none."""
    if not texts:
        return None
    words = sorted(len(text.split()) for text in texts)
    tokens = [count_tokens(text) if count_tokens else len(text.split()) * TOKENS_A_WORD for text in texts]
    return Lengths(
        captions=len(texts),
        mean=statistics.fmean(words),
        median=float(statistics.median(words)),
        p90=float(words[min(len(words) - 1, int(0.9 * len(words)))]),
        cut_off=sum(count > T5_LIMIT for count in tokens) / len(texts),
        exact=count_tokens is not None,
    )


def tokenizer(name: str) -> Callable[[str], int]:
    """Counts tokens as a tokenizer of transformers does, special tokens included. Raises SetupError."""
    from hoigen.errors import SetupError

    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise SetupError(f"--tokenizer needs extra [models]: pip install 'hoigen[models]' ({error})") from None
    try:
        made = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # damaged files make transformers raise anything, AttributeError too
        raise SetupError(f"--tokenizer {name}: {type(error).__name__}: {error}") from None
    return lambda text: len(made(text)["input_ids"])
