"""Which numbers a table shows, in which order, and by which a run is ranked: all from what measures declare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hoigen.core.errors import UsageError, nearest
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number

if TYPE_CHECKING:
    from hoigen.evaluation.models.videos import Video


def chosen(numbers: Iterable[Number], wanted: Iterable[str] | None = None) -> list[Number]:
    """The columns of a table.

    Args:
        numbers: all there are, of one run or several. One that is declared goes before one of its name that is not.
        wanted: the names of those to show, in this order; all headlines when not given, by their places.

    Raises UsageError for a wanted one that is not there.
    """
    here: dict[str, Number] = {}
    for number in numbers:
        if number.name not in here or (number.declared and not here[number.name].declared):
            here[number.name] = number
    if wanted is None:
        return told_apart(in_order(number for number in here.values() if number.headline))
    for name in (wanted := list(dict.fromkeys(wanted))):
        if name not in here:
            raise UsageError(f"--measures {name}: no such number in these runs{nearest(name, here)}")
    return told_apart([here[name] for name in wanted])


def in_order(numbers: Iterable[Number]) -> list[Number]:
    """By their places; those alike stay as they come."""
    return sorted(numbers, key=lambda number: number.place)


def told_apart(numbers: Sequence[Number]) -> list[Number]:
    """Of columns of one heading those that have a label have their names in it."""
    many = Counter(number.heading for number in numbers)
    return [
        replace(number, label=f"{number.label} ({number.name})")
        if number.label and many[number.heading] > 1
        else number
        for number in numbers
    ]


def judged(numbers: Iterable[Number]) -> list[Number]:
    """Of all numbers those that may be right or wrong about quality: one end is better, or nothing is known."""
    return [number for number in numbers if number.better or not number.declared]


def ranked_by(columns: Sequence[Number], videos: Iterable[Video]) -> Number | None:
    """The number by which a run is ranked, in tables and on its page (docs/which_number.md).

    Args:
        columns: the numbers to choose from. Of those that any video has, the one that is meant for it before all others
            (`Number.rank`) and is asked of at least half as many prompts as any other such; else the first of which one
            end is better, else the first.
        videos: of the run.
    """
    asked: dict[str, set[str]] = {}
    have: set[str] = set()
    for video in videos:
        for name, value in video.values.items():
            if value is not None:
                have.add(name)
            if value is not None or not video.reasons.get(name, "").startswith((NOT_ASKED, NOT_MEASURABLE)):
                asked.setdefault(name, set()).add(video.prompt)
    there = [column for column in columns if column.name in have]
    meant = sorted((column for column in there if column.rank is not None), key=lambda column: column.rank or 0)
    most = max((len(asked[column.name]) for column in meant), default=0)
    meant = [column for column in meant if 2 * len(asked[column.name]) >= most]
    better = [column for column in there if column.better]
    return next(iter((*meant, *better, *there, *columns)), None)
