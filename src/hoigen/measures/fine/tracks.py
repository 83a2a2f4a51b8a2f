"""Boxes of one thing, frame after frame, tied into tracks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hoigen.observe.detections import Box
from hoigen.observe.geometry import area, middle, over

LEAST = 0.2
"""Intersection over union from which two boxes are one thing."""
REMEMBERED = 2.0
"""Seconds after which a thing that has gone is another one when it comes back."""
ALIKE = 3.0
"""Times the area at most, for boxes that do not overlap: a ball that flies is far from where it was."""


@dataclass(slots=True)
class _Track:
    """One thing. at: frame number -> number of its box in that frame; last, time: that box and when it was there."""

    at: dict[int, int]
    last: Box
    time: float


def link(frames: Sequence[Sequence[Box]], times: Sequence[float], roams: float = 0.5) -> list[dict[int, int]]:
    """Tracks through all frames, each box in one of them; the best overlaps are tied first.

    A box that overlaps no track goes on with one of about its size that is near: less than `roams` of its own
    diagonals away, and one more for every tenth of a second since, three at most. Things that are let go or thrown
    roam, persons do not.

    Returns for each thing: frame number -> number of its box in that frame.
    """
    tracks: list[_Track] = []
    for frame, (boxes, time) in enumerate(zip(frames, times, strict=True)):
        alive = [track for track in tracks if time - track.time <= REMEMBERED]
        bids = [(_bid(track, box, time, roams), a, b) for a, track in enumerate(alive) for b, box in enumerate(boxes)]
        taken: set[int] = set()
        for worth, a, b in sorted(bids, key=lambda bid: -bid[0]):
            if worth > 0 and frame not in alive[a].at and b not in taken:
                taken.add(b)
                alive[a].at[frame], alive[a].last, alive[a].time = b, boxes[b], time
        tracks += [_Track({frame: b}, box, time) for b, box in enumerate(boxes) if b not in taken]
    return [track.at for track in tracks]


def _bid(track: _Track, box: Box, time: float, roams: float) -> float:
    """How well a box goes on with a track: above 1 by overlap, below by nearness, 0 not at all."""
    if (both := over(track.last, box)) >= LEAST:
        return 1.0 + both
    small, large = sorted((area(track.last), area(box)))
    if large > ALIKE * small:
        return 0.0
    apart = math.dist(middle(track.last), middle(box))
    allowed = (roams + min(3.0, (time - track.time) / 0.1)) * math.dist(box[:2], box[2:])
    return max(0.0, 1.0 - apart / allowed)
