"""HICO-DET's vocabulary: 117 verbs, 80 objects and the 600 pairs of them that the data set has.

Names are as in HICO-DET, with `_` between words (`hair_drier`, `sit_on`). Of the 600 pairs 80 are `no_interaction`,
one for each object. `rare` follows the data set's own use: fewer than 10 training instances, which 138 pairs have (6 of
them `no_interaction`). Training counts themselves are not here; test counts are.

Source: Chao, Liu, Liu, Zeng and Deng, "Learning to Detect Human-Object Interactions", WACV 2018. The table was read
off `instances_test2015.json` of fredzzhang/hicodet (MIT licence). It holds names and counts alone; pictures and boxes,
which have terms of their own, are no part of it.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NO_INTERACTION = "no_interaction"
FILE = Path(__file__).with_name("pairs.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One of the 600 interactions.

    Args:
        hoi: HICO-DET's number, 0..599, objects in order of the alphabet.
        verb: its name there (`sit_on`).
        object: likewise (`hair_drier`).
        rare: fewer than 10 training instances.
        test_instances: annotated pairs of boxes in the test set.
    """

    hoi: int
    verb: str
    object: str
    rare: bool
    test_instances: int

    @property
    def text(self) -> str:
        """As words: `sit on bench`."""
        return f"{words(self.verb)} {words(self.object)}"


@functools.cache
def pairs() -> tuple[Pair, ...]:
    """All 600, in order of their number."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Pair(
            hoi=int(row["hoi"]),
            verb=row["verb"],
            object=row["object"],
            rare=row["rare"] == "True",
            test_instances=int(row["test_instances"]),
        )
        for row in rows
    )


@functools.cache
def verbs() -> tuple[str, ...]:
    """All 117, `no_interaction` among them, in order of the alphabet."""
    return tuple(sorted({pair.verb for pair in pairs()}))


@functools.cache
def objects() -> tuple[str, ...]:
    """All 80, `person` among them, in order of the alphabet."""
    return tuple(sorted({pair.object for pair in pairs()}))


@functools.cache
def by_names() -> Mapping[tuple[str, str], Pair]:
    """(verb, object) -> the pair."""
    return {(pair.verb, pair.object): pair for pair in pairs()}


def words(name: str) -> str:
    """A name of HICO-DET as English words."""
    return name.replace("_", " ")
