"""What was seen in a few frames of a clip, small enough to keep and to draw: outlines and points, no pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hoigen.observe.detections import Box

if TYPE_CHECKING:
    from hoigen.observe.frame import ObservedFrame
    from hoigen.observe.masks import Mask

SHOWN = 8
"""Frames of a clip that are kept, those nearest to the middles of as many equal stretches."""
CORNERS = 40
"""Corners of an outline at most."""
PIECES = 3
"""Pieces of a mask that are drawn, the largest first."""

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame. persons, things: what to draw, by box."""

    number: int
    time: float
    persons: Mapping[Box, Mapping[str, Any]]
    things: Mapping[Box, Mapping[str, Any]]


class Sketches:
    """Takes frames in order of time and keeps those nearest to some moments: bounded, however long the clip."""

    def __init__(self, duration: float, count: int = SHOWN) -> None:
        self.moments = [(at + 0.5) * duration / count for at in range(count)]
        self.kept: dict[int, _Kept] = {}

    def offer(self, frame: ObservedFrame, number: int) -> None:
        """A frame; number: its place among all that were looked at."""
        nearer = [
            at
            for at, moment in enumerate(self.moments)
            if at not in self.kept or abs(frame.time - moment) < abs(self.kept[at].time - moment)
        ]
        if nearer:
            self.kept.update(dict.fromkeys(nearer, _drawn(frame, number)))

    def of(self, persons: Mapping[int, Box], things: Mapping[int, Box]) -> list[dict[str, Any]]:
        """The kept frames with one person and one thing, whose boxes are given by frame number; 0..1 of the picture."""
        rows = []
        for kept in {each.number: each for each in self.kept.values()}.values():
            row: dict[str, Any] = {"time": round(kept.time, 3), "frame": kept.number}
            person, thing = persons.get(kept.number), things.get(kept.number)
            if person is not None:
                row |= kept.persons.get(person, {})
            if thing is not None:
                row |= kept.things.get(thing, {})
            rows.append(row)
        return sorted(rows, key=lambda row: float(row["time"]))


def _drawn(frame: ObservedFrame, number: int) -> _Kept:
    width, height = frame.size

    def place(x: float, y: float) -> Place:
        return round(float(x) / width, 4), round(float(y) / height, 4)

    persons = {
        person.box: {
            "person": [*place(*person.box[:2]), *place(*person.box[2:])],
            "points": {name: place(*at) for name, at in person.points.items()},
            "hands": [[place(x, y) for x, y in hand] for hand in person.hands],
        }
        for person in frame.persons or ()
    }
    things = {
        thing.box: {
            "object": [*place(*thing.box[:2]), *place(*thing.box[2:])],
            "outline": [[place(x, y) for x, y in piece] for piece in outlines(thing.mask)],
            "mask_source": thing.mask.source,
        }
        for thing in frame.things or ()
    }
    return _Kept(number, frame.time, persons, things)


def outlines(mask: Mask) -> list[Sequence[Place]]:
    """The outer edges of a mask's largest pieces as polygons, in pixels of the picture."""
    import cv2
    import numpy as np

    pieces, _ = cv2.findContours(mask.pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = sorted((piece for piece in pieces if len(piece) >= 3), key=cv2.contourArea, reverse=True)[:PIECES]
    found: list[Sequence[Place]] = []
    for piece in large:
        slack = 0.5
        while len(piece) > CORNERS:
            piece, slack = cv2.approxPolyDP(piece, slack, True), slack * 1.5
        found.append([(float(x) + mask.left + 0.5, float(y) + mask.top + 0.5) for x, y in piece[:, 0]])
    return found
