"""Counts as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 20
"""Spans of numbers that are told one by one."""


def plural(number: int, one: str, more: str = "") -> str:
    """`1 clip`, `1,200 clips`.

    Args:
        number: how many.
        one: what one of them is called, with the verb where there is one (`clip is`).
        more: what several are called; with an s where it is not said.
    """
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def spans(numbers: Sequence[int]) -> str:
    """`0, 2-5, 9`: numbers that follow one another as the first and the last of them.

    Args:
        numbers: in order, each once.
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, span)) for span in found[:MOST]) + (", …" if len(found) > MOST else "")
