"""Tables 2 to 4 of HOIGen-1M, as printed, in shares of 1.

They are for reading beside one's own numbers, not for tests: the videos, the detector and its theta, the masks and the
keypoints behind them are not published.

Source: HOIGen-1M, section 4, tables 2, 3 and 4 (rows in the paper's order; methods as it names them).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hoigen.core.registry import own_numbers
from hoigen.core.score import Number
from hoigen.core.stats.resample import Estimate
from hoigen.evaluation.models.grid import Cell

FILE = Path(__file__).with_name("paper.csv")
NOTE = "rows marked 'paper' are as printed in HOIGen-1M: other videos, other detectors and settings; no intervals"


@dataclass(frozen=True, slots=True)
class _Published:
    """One row. values: by the names that hoigen gives these numbers, 0..1."""

    table: int
    method: str
    values: Mapping[str, float]


@functools.cache
def rows() -> tuple[_Published, ...]:
    """All rows of the three tables."""
    with FILE.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return tuple(
        _Published(
            int(row["table"]),
            row["method"],
            {name: float(value) for name, value in row.items() if name not in ("table", "method")},
        )
        for row in found
    )


def names() -> tuple[str, ...]:
    """The nine numbers that the paper's tables have."""
    return tuple(rows()[0].values)


def columns(without: Collection[str]) -> list[Number]:
    """What those numbers are, but for some."""
    return [own_numbers()[name] for name in names() if name not in without]


def beside(table: int, columns: Sequence[Number]) -> list[list[str | Cell]]:
    """The rows of one of the paper's tables.

    Args:
        table: 2, 3 or 4.
        columns: the numbers of the table beside which they are set.
    """
    found: list[list[str | Cell]] = []
    for row in rows():
        if row.table == table:
            values = [(row.values.get(column.name), column.share) for column in columns]
            cells = ["–" if v is None else Cell(estimate=Estimate(value=v), percent=share) for v, share in values]
            found.append([f"{row.method} (paper, table {table})", *cells])
    return found
