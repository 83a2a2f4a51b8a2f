"""Boxes of one thing, frame after frame, tied into tracks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hoigen.observe.detections import Box
from hoigen.observe.geometry import area, middle, over, shared

LEAST = 0.2
"""Intersection over union from which two boxes are one thing."""
REMEMBERED = 2.0
"""Seconds after which a thing that has gone is another one when it comes back."""
ALIKE = 3.0
"""Times the area at most, for boxes that do not overlap: a ball that flies is far from where it was."""


EDGE = 0.01
"""Of the picture's longer side: a box that comes so near to its edge is cut by it."""
WITHIN = 0.5
"""Of the smaller of two boxes of which one is cut: so much of it in the other makes them one thing."""


@dataclass(slots=True)
class _Track:
    """One thing. at: frame number -> number of its box in that frame; last, time: that box and when it was there."""

    at: dict[int, int]
    last: Box
    time: float


def link(
    frames: Sequence[Sequence[Box]],
    times: Sequence[float],
    roams: float = 0.5,
    size: tuple[float, float] | None = None,
) -> list[dict[int, int]]:
    """Tracks through all frames, each box in one of them; the best overlaps are tied first.

    A box that overlaps no track goes on with one of about its size that is near: less than `roams` of its own
    diagonals away, and one more for every tenth of a second since, three at most. Things that are let go or thrown
    roam, persons do not. A thing that the picture's edge cuts is smaller in it, and its middle elsewhere: there the
    side along the edge is compared.

    Args:
        frames: the boxes of each frame.
        times: of the frames, seconds.
        roams: diagonals.
        size: (width, height) of the picture, as the boxes; None where no edge is known.

    Returns for each thing: frame number -> number of its box in that frame.
    """
    tracks: list[_Track] = []
    for frame, (boxes, time) in enumerate(zip(frames, times, strict=True)):
        alive = [track for track in tracks if time - track.time <= REMEMBERED]
        bids = [
            (_bid(track, box, time, roams, size), a, b) for a, track in enumerate(alive) for b, box in enumerate(boxes)
        ]
        taken: set[int] = set()
        for worth, a, b in sorted(bids, key=lambda bid: -bid[0]):
            if worth > 0 and frame not in alive[a].at and b not in taken:
                taken.add(b)
                alive[a].at[frame], alive[a].last, alive[a].time = b, boxes[b], time
        tracks += [_Track({frame: b}, box, time) for b, box in enumerate(boxes) if b not in taken]
    return [track.at for track in tracks]


def cut(box: Box, size: tuple[float, float] | None) -> tuple[bool, bool]:
    """Whether the picture's edge cuts a box across its width, and across its height."""
    if size is None:
        return False, False
    near = EDGE * max(size)
    return box[0] <= near or box[2] >= size[0] - near, box[1] <= near or box[3] >= size[1] - near


def _bid(track: _Track, box: Box, time: float, roams: float, size: tuple[float, float] | None) -> float:
    """How well a box goes on with a track: above 1 by overlap, below by nearness, 0 not at all."""
    if (both := over(track.last, box)) >= LEAST:
        return 1.0 + both
    wide, tall = (one or other for one, other in zip(cut(track.last, size), cut(box, size), strict=True))
    if (wide or tall) and shared(track.last, box) >= WITHIN * min(area(track.last), area(box)):
        return 1.0 + both
    if wide and tall:
        small = large = 1.0  # at a corner neither side is whole
    elif wide or tall:
        at = (1, 3) if wide else (0, 2)  # the side that the edge has not cut; its square, as an area is
        small, large = sorted((each[at[1]] - each[at[0]]) ** 2 for each in (track.last, box))
    else:
        small, large = sorted((area(track.last), area(box)))
    if large > ALIKE * small:
        return 0.0
    apart = math.dist(middle(track.last), middle(box))
    longer = max(math.dist(each[:2], each[2:]) for each in (track.last, box)) if wide or tall else 0.0
    allowed = (roams + min(3.0, (time - track.time) / 0.1)) * max(longer, math.dist(box[:2], box[2:]))
    return max(0.0, 1.0 - apart / allowed)
