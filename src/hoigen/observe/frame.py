"""What is seen in one frame: the types that observers fill and measures read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hoigen.core.clip import Seconds
from hoigen.observe.detections import Box, Pair
from hoigen.observe.scene import Scene, Thing
from hoigen.observe.skeleton import Person


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
class ObservedFrame:
    """What is seen in one frame; None for what the observer does not look for, empty for what it looked for in vain.

    Args:
        time: seconds from the clip's start.
        size: (width, height) of the picture that was looked at, pixels.
        persons, things: whole persons, and objects with masks, in pixels (what `fine_hoi` needs).
        pairs: interactions, boxes in 0..1 (what `coarse_hoi` needs).
        boxes, hands, regions: detections as they come, in 0..1 (what `hoi_lite` needs, and `coarse_hoi` without pairs).
    """

    time: Seconds
    size: tuple[int, int]
    persons: Sequence[Person] | None = None
    things: Sequence[Thing] | None = None
    pairs: Sequence[Pair] | None = None
    boxes: Sequence[Detection] | None = None
    hands: Sequence[SeenHand] | None = None
    regions: Sequence[Region] | None = None

    @property
    def scene(self) -> Scene:
        """Its persons and things."""
        return Scene(size=self.size, persons=self.persons or (), things=self.things or ())
