"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting

RunFolder = Annotated[Path, Setting("the folder of the run")]
Quiet = Annotated[bool, Setting("no progress bars")]
Decoding = Annotated[
    list[str] | None,
    Setting(
        "of a retry: how what failed, and nothing else, is decoded this time, as key=value (temperature=0.7, seed=1, "
        "max_tokens=2000); may be given more than once"
    ),
]
DryRun = Annotated[bool, Setting("only say what would be decoded, looked at and measured")]
Draws = Annotated[int, Setting("resamples for intervals and tests")]
Seed = Annotated[int, Setting("of the resamples; the same seed gives the same numbers")]

DECODED = ("temperature", "seed", "max_tokens", "top_p", "repetition_penalty")


def check_draws(draws: int, seed: int) -> None:
    """Raises UsageError where intervals cannot be drawn.

    Args:
        draws: resamples, 100 or more.
        seed: of them, 0 or more.
    """
    if seed < 0:
        raise UsageError(f"--seed is 0 or more; it came as {seed}")
    if draws < 100:
        raise UsageError(f"--draws is at least 100; it came as {draws}")


def write_out(out: Path, text: str) -> None:
    """Writes the file of --out, whole or not at all. Raises UsageError where it cannot be written.

    Args:
        out: the file.
        text: what goes into it.
    """
    from hoigen.data.files import write_text

    try:
        write_text(out, text)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror or error}") from None


def decoding_of(sets: Sequence[str]) -> dict[str, Any]:
    """What is decoded otherwise, of key=value. Raises UsageError for other keys, and for what is no number."""
    from hoigen.recipe.yaml import set_value

    found: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if key.strip() not in DECODED or not equals:
            raise UsageError(f"--decoding {text}: key=value with one of {', '.join(DECODED)}{nearest(key, DECODED)}")
        found[key.strip()] = number = set_value(value)
        whole = key.strip() in ("seed", "max_tokens")
        if isinstance(number, bool) or not isinstance(number, int if whole else int | float) or number < 0:
            raise UsageError(f"--decoding {text}: a {'whole ' if whole else ''}number, 0 or more; it came as {value!r}")
    return found
