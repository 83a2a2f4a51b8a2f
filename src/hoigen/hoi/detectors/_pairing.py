"""Persons and things of a frame -> pairs, as two-stage detectors make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hoigen.hoi.detections import Box
from hoigen.hoi.readers.boxes import Found, apart

ALIKE = 0.5
"""Intersection over union from which two boxes of one class are one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person and a thing of one frame. frame: its number. Boxes in pixels."""

    frame: int
    person: Found
    thing: Found

    @property
    def sure(self) -> float:
        """How surely both are there, 0..1."""
        return self.person.score * self.thing.score

    @property
    def around(self) -> Box:
        """The smallest box that holds both."""
        return around(self.person.box, self.thing.box)


def around(one: Box, other: Box) -> Box:
    """The smallest box that holds both."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def candidates(frame: int, found: Sequence[Found], least: float, fewest: int, most: int) -> list[Candidate]:
    """All ordered pairs of a person and another box.

    least: a less sure box is left out, but never more than leaves `fewest` persons and `fewest` things where there are
    so many; most: of either kind, the surest.
    """
    persons, things = chosen(found, least, fewest, most)
    others = [*things, *persons]
    return [Candidate(frame, person, thing) for person in persons for thing in others if thing is not person]


def chosen(found: Sequence[Found], least: float, fewest: int, most: int) -> tuple[list[Found], list[Found]]:
    """The persons and the other things that pairs are made of; the numbers are those of `candidates`."""
    boxes = apart(found, ALIKE)
    persons = _chosen([box for box in boxes if box.label == "person"], least, fewest, most)
    return persons, _chosen([box for box in boxes if box.label != "person"], least, fewest, most)


def _chosen(found: Sequence[Found], least: float, fewest: int, most: int) -> list[Found]:
    """found: the surest first."""
    sure = sum(each.score >= least for each in found)
    return list(found[: min(most, max(sure, fewest))])


def scaled(box: Box, width: int, height: int) -> Box:
    """A box in pixels as 0..1 of the picture."""
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
