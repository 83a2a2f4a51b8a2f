"""Captions as trainers take them: on one line, and how many tokens they have."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hoigen.core.errors import UsageError

TOKENS_A_WORD = 1.35
"""For an estimate where no tokenizer is at hand. SentencePiece models of T5 take 1.3 to 1.4 tokens for a word of plain
English; of this project's own, and named an estimate wherever it is used."""


def one_line(text: str) -> str:
    """A caption without line ends, tabs and signs that do nothing but steer: formats have one caption on a line."""
    return " ".join("".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text).split())


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the tokens of captions.

    Args:
        count: gives the tokens of a text, the mark of its end counted.
        exact: whether it is the model's own tokenizer; else an estimate.
        by: what counts, in words.
    """

    count: Callable[[str], int]
    exact: bool
    by: str


def counter(tokenizer: Path | None, repository: str, folder: str) -> Counter:
    """What counts a trainer's tokens: its own tokenizer when it is there, else an estimate by words.

    Args:
        tokenizer: a folder with the tokenizer's files; None: looked for among the files that were fetched from the hub.
        repository: of the model, on the hub; "" where it is not known.
        folder: of the tokenizer in it.

    Raises UsageError for a folder that holds no tokenizer.
    """
    if tokenizer is not None:
        if not tokenizer.is_dir():
            raise UsageError(f"--tokenizer {tokenizer}: no such folder")
        try:
            from transformers import AutoTokenizer

            loaded = AutoTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
        except ImportError:
            raise UsageError("--tokenizer needs the extra [models]: pip install 'hoigen[models]'") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = " ".join(str(error).split())[:200]
            raise UsageError(f"--tokenizer {tokenizer}: no tokenizer that transformers reads: {said}") from None
        return Counter(lambda text: len(loaded(text)["input_ids"]), True, f"the tokenizer in {tokenizer}")
    if repository and (found := _fetched(repository, folder)) is not None:
        return counter(found, "", "")
    return Counter(lambda text: int(len(text.split()) * TOKENS_A_WORD + 1.5), False, f"{TOKENS_A_WORD} tokens a word")


def _fetched(repository: str, folder: str) -> Path | None:
    """Where a tokenizer lies in the hub's cache of this machine; None when it does not, or nothing can read it."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    for name in ("tokenizer_config.json", "spiece.model", "tokenizer.json"):
        found = try_to_load_from_cache(repository, f"{folder}/{name}" if folder else name)
        if isinstance(found, str):
            return Path(found).parent
    return None
