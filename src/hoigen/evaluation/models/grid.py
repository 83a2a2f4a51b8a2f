"""A table and its cells, apart from how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hoigen.core.score import Better, Number
from hoigen.core.stats.resample import Estimate
from hoigen.evaluation.models.means import Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A number of a table.

    Args:
        estimate: the number.
        percent: shown times 100.
        signed: a difference.
        videos: how many have it; 0 where that says nothing.
        of: how many there are; 0 where that says nothing.
        lacking: why the others have none.
        best: the best of its column.
    """

    estimate: Estimate
    percent: bool = True
    signed: bool = False
    videos: int = 0
    of: int = 0
    lacking: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, apart from how it is written.

    Args:
        name: one word, for files.
        title: above it.
        header: of the columns; the first names the rows.
        rows: a text or a Cell in each column.
        better: which end is better, of each column after the first.
        names: heading -> name, of numbers among rows and columns.
        notes: sentences below it, why cells are undefined among them.
    """

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    better: Sequence[Better | None] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = field(default_factory=tuple)


def cell_of(mean: Mean, column: Number, best: bool = False) -> Cell:
    return Cell(
        estimate=mean.estimate, percent=column.share, videos=mean.videos, of=mean.of, lacking=mean.lacking, best=best
    )


def figure(value: float, percent: bool, signed: bool = False) -> str:
    """`42.72`.

    Args:
        value: what is shown.
        percent: times 100, as of a share.
        signed: + before what is above 0.
    """
    sign = "+" if signed else ""
    if percent:
        return f"{100 * value:{sign}.2f}"
    return f"{value:{sign}.3g}" if abs(value) < 1000 else f"{value:{sign}.0f}"


def words(cell: Cell, interval: str = "[{}, {}]") -> str:
    """`42.72 [39.10, 46.20] (58/60)`, or `undefined`.

    Args:
        cell: what is shown.
        interval: how its two ends are written.
    """
    estimate = cell.estimate
    if estimate.value is None:
        return "undefined"
    text = figure(estimate.value, cell.percent, cell.signed)
    if estimate.low is not None and estimate.high is not None:
        ends = (figure(end, cell.percent, cell.signed) for end in (estimate.low, estimate.high))
        text += " " + interval.format(*ends)
    return text + (f" ({cell.videos}/{cell.of})" if cell.videos < cell.of else "")


def reasons(rows: Sequence[tuple[str, str, Cell]]) -> list[str]:
    """Notes on cells that are undefined, of a part of the videos, or without an interval; of (row, column, cell)."""
    told: dict[str, list[str]] = {}
    for row, column, cell in rows:
        if cell.estimate.value is None:
            told.setdefault(f"undefined: {cell.estimate.reason}", []).append(f"{column} of {row}")
            continue
        if cell.lacking:
            told.setdefault(f"not of all videos, and the others count with the worst: {cell.lacking}", []).append(
                f"{column} of {row}"
            )
        if cell.estimate.unsure:
            told.setdefault(f"no interval: {cell.estimate.unsure}", []).append(f"{column} of {row}")
    notes = []
    for reason, names in told.items():
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        notes.append(f"{', '.join(names[:4])}{more}: {reason}")
    return notes
