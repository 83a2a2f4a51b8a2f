"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting

RunFolder = Annotated[Path, Setting("the folder of the run")]
Quiet = Annotated[bool, Setting("no progress bars")]
DryRun = Annotated[bool, Setting("only say what would be decoded, looked at and measured")]
Draws = Annotated[int, Setting("resamples for intervals and tests")]
Seed = Annotated[int, Setting("of the resamples; the same seed gives the same numbers")]


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
