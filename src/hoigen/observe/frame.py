"""What is seen in one frame: the types that observers fill and measures read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hoigen.core.clip import Seconds
from hoigen.observe.detections import Box, Pair
from hoigen.observe.masks import Mask

if TYPE_CHECKING:
    import numpy as np

MOST = 6
"""Persons and things of a frame that are followed, the surest first."""
SEEN = 0.3
"""Points of a lower confidence are as if they were not there."""
TALL = 0.35
"""Of the picture's height: a smaller person counts for less, as a bystander, where nothing was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person, or a hand alone, in one frame; pixels.

    Args:
        box: (x0, y0, x1, y1) around all that is seen.
        points: by COCO's and BlazePose's names, those that are seen.
        hands: (21, 2) landmarks of each hand that is seen so closely.
        score: 0..1.
    """

    box: Box
    points: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    hands: Sequence[np.ndarray] = ()
    score: float = 1.0

    @property
    def hand_only(self) -> bool:
        return not self.points and bool(self.hands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object in one frame; pixels. label: by HICO-DET's names where it has it."""

    label: str
    score: float
    box: Box
    mask: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A box with a class.

    Args:
        label: COCO's name as the detector has it.
        score: 0..1.
        box: (x0, y0, x1, y1) in 0..1 of the picture.
    """

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenHand:
    """A hand.

    Args:
        score: whether it is a hand, 0..1.
        palm: how sure its palm was, 0..1.
        points: its 21 landmarks (x, y), in 0..1 of the picture.
    """

    score: float
    palm: float
    points: Sequence[tuple[float, float]]

    @property
    def box(self) -> Box:
        """The box around all landmarks."""
        x, y = [point[0] for point in self.points], [point[1] for point in self.points]
        return min(x), min(y), max(x), max(y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What a piece of the picture looks like.

    Args:
        of: `picture`, `person` or `hand`: whose surroundings it is.
        who: the box of that person or hand, in 0..1 of the picture.
        box: the piece's own, likewise.
        names: word -> probability, of things that one handles.
    """

    of: str
    who: Box
    box: Box
    names: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """A person that a detector of things sees, and who else sees one there.

    Args:
        box: (x0, y0, x1, y1) in 0..1 of the picture.
        score: of the detector of things, 0..1.
        by: the others that agree, each a network of its own: `body`, `face`, `hand`.
        animal: how much this one looks like an animal, 0..1.
    """

    box: Box
    score: float
    by: Sequence[str] = ()
    animal: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFrame:
    """What is seen in one frame; None for what the observer does not look for, empty for what it looked for in vain.

    Args:
        time: seconds from the clip's start.
        size: (width, height) of the picture that was looked at, pixels.
        persons, things: whole persons, and objects with masks, in pixels (what `fine_hoi` needs).
        pairs: interactions, boxes in 0..1 (what `coarse_hoi` needs).
        boxes, hands, regions: detections as they come, in 0..1 (what `hoi_lite` needs, and `coarse_hoi` without pairs).
        somebody: persons, and which independent detectors agree on each; without it persons are believed as they come.
        grasped: things of whatever kind at hands, in 0..1, however unsure their kind: it is for those without a word.
    """

    time: Seconds
    size: tuple[int, int]
    persons: Sequence[Person] | None = None
    things: Sequence[Thing] | None = None
    pairs: Sequence[Pair] | None = None
    boxes: Sequence[Detection] | None = None
    hands: Sequence[SeenHand] | None = None
    regions: Sequence[Region] | None = None
    somebody: Sequence[Somebody] | None = None
    grasped: Sequence[Detection] | None = None

    def only(self, wanted: str | None) -> ObservedFrame:
        """The same with the things of one label alone; of none, with all things but persons."""
        things = [t for t in self.things or () if (t.label == wanted if wanted is not None else t.label != "person")]
        return replace(self, things=things)


def presence(person: Detection) -> float:
    """Score of a person, less for a bystander."""
    return person.score * min(1.0, (person.box[3] - person.box[1]) / TALL)
