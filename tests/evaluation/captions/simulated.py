"""Claims whose errors are planted: two drafts that err at set rates, partly in the same way, and a mixture of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Row = Mapping[str, str]
SLOTS = ("object", "action", "attribute", "count", "scene", "camera")


def write(path: Path, rows: Iterable[Row]) -> Path:
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(listed)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Clips with one claim for each of `SLOTS`. first, second: shares of false claims; same: share of the second's
    chances that are the first's, with the same wrong value. The mixture keeps what both say; where they differ it takes
    the true value with chance `mends`, else the first's."""

    clips: int = 300
    first: float = 0.2
    second: float = 0.2
    same: float = 0.3
    mends: float = 0.8
    seed: int = 0

    def rows(self) -> list[Row]:
        rng = np.random.default_rng(self.seed)
        rows: list[Row] = []
        for at in range(self.clips):
            for slot in SLOTS:
                one = f"wrong {slot} {rng.integers(3)}" if rng.random() < self.first else "right"
                other = f"wrong {slot} {rng.integers(3)}" if rng.random() < self.second else "right"
                if rng.random() < self.same:
                    other = one
                mixed = one if one == other else "right" if rng.random() < self.mends else one
                for captioner, said in (("first", one), ("second", other), ("mixture", mixed)):
                    rows.append(self.row(f"c{at:04}", captioner, slot, said))
        return rows

    def row(self, clip: str, captioner: str, slot: str, said: str) -> Row:
        return {
            "clip": clip,
            "captioner": captioner,
            "claim": f"The {slot} is {said}, says {captioner}.",
            "verdict": "true" if said == "right" else "false",
            "kind": slot,
            "key": f"{slot} {said}",
        }
