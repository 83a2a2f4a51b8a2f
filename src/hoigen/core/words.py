"""Counts as a person reads them."""

from __future__ import annotations


def plural(number: int, one: str, more: str = "") -> str:
    """`1 clip`, `1,200 clips`.

    Args:
        number: how many.
        one: what one of them is called, with the verb where there is one (`clip is`).
        more: what several are called; with an s where it is not said.
    """
    return f"{number:,} {one if number == 1 else more or one + 's'}"
