"""Measured rates of what a run does, and what a recipe takes by them.

rates.csv holds them: one row for a step on one machine, with date and source. None is made up, or carried over to
another network: what has no row is `not measured`, and a sum without it is a lower bound.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hoigen.core.clip import EveryFrame, Sampling, Seconds

FILE = Path(__file__).with_name("rates.csv")
COLUMNS = ("step", "network", "unit", "rate", "on", "size", "machine", "card", "date", "source", "note")
Unit = Literal["frames", "pairs", "triples", "clips"]
UNITS: tuple[Unit, ...] = ("frames", "pairs", "triples", "clips")
On = Literal["card", "core"]
PLACES: tuple[On, ...] = ("card", "core")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One measured rate.

    Args:
        step: a measure, an observer, `decode` (all frames of a clip, one pass), `shots: DETECTOR` or `run` (listing,
            journal and tables, a clip).
        network: what builds the network that was asked, or the observer that looks; empty where there is neither.
        unit: what is counted: `frames` that are looked at; `pairs` of neighbouring ones; `triples`, each a frame that
            is made between two; `clips`.
        rate: of them a second, on one card or one core.
        on: `card` or `core`.
        size: short side in pixels of the video it was measured on; 0 where it does not matter.
        machine: processor and cores.
        card: the graphics card; empty for a core.
        date: when, as 2026-11-27.
        source: the script or the page that has it.
        note: what else to know.
    """

    step: str
    network: str
    unit: Unit
    rate: float
    on: On
    size: int
    machine: str
    card: str
    date: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """The clips that are planned for: seconds of each, pixels, frames per second."""

    seconds: Seconds
    width: int
    height: int
    fps: float

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)

    @property
    def frames(self) -> int:
        """Of one clip."""
        return max(1, round(self.seconds * self.fps))


@functools.cache
def read(file: Path = FILE) -> tuple[Rate, ...]:
    """All rates. Raises ValueError that names the row for one that is none.

    Args:
        file: a CSV of `COLUMNS`.
    """
    found = []
    with file.open(encoding="utf-8", newline="") as lines:
        for at, row in enumerate(csv.DictReader(lines), 2):
            try:
                if tuple(row) != COLUMNS or None in row.values():
                    raise ValueError(f"columns {', '.join(COLUMNS)}")
                given: dict[str, Any] = {**row, "rate": float(row["rate"]), "size": int(row["size"])}
                rate = Rate(**given)
                if rate.unit not in UNITS or rate.on not in PLACES or not 0 < rate.rate < math.inf:
                    raise ValueError(f"unit of {UNITS}, on of {PLACES}, a rate above 0")
                if not (rate.machine and rate.date and rate.source) or (rate.on == "card") != bool(rate.card):
                    raise ValueError("machine, date and source, and a card exactly where it was on one")
            except (ValueError, TypeError) as error:
                raise ValueError(f"{file.name}, line {at}: {error}") from None
            found.append(rate)
    return tuple(found)


def looked_at(sampling: Sampling, footage: Footage) -> int:
    """How many frames of one clip a `sampling` shows."""
    if isinstance(sampling, EveryFrame):
        return footage.frames
    wanted = sampling.frames
    if sampling.fps is not None:
        wanted = min(math.ceil(footage.seconds * sampling.fps - 1e-9), sampling.max_frames)
    return min(wanted, footage.frames)


def units_of(unit: Unit, sampling: Sampling, footage: Footage) -> float:
    """How many of a `unit` one clip has, for what looks at it by a `sampling`."""
    frames = looked_at(sampling, footage)
    return {"frames": frames, "pairs": max(frames - 1, 0), "triples": max(frames - 1, 0) // 2, "clips": 1}[unit]


def rate_of(step: str, on: On, footage: Footage, network: str = "", rates: Sequence[Rate] | None = None) -> Rate | None:
    """The rate that is nearest: measured on videos of the same size, else of the next larger one, else of the largest;
    of those the newest. None where there is none.

    Args:
        step, on, network: as of `Rate`.
        footage: what is planned for.
        rates: those of hoigen when not given.
    """
    fit = [
        each
        for each in (read() if rates is None else rates)
        if (each.step, each.on, each.network) == (step, on, network)
    ]
    return min(
        sorted(fit, key=lambda each: each.date, reverse=True),
        key=lambda each: (each.size < footage.short_side, abs(each.size - footage.short_side)),
        default=None,
    )
