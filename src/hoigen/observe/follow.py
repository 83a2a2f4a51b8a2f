"""Boxes carried on through frames in which a detector misses them, by the movement of the pixels in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box
from hoigen.observe.geometry import middle, over
from hoigen.observe.masks import WORK

if TYPE_CHECKING:
    import numpy as np

POINTS, FEWEST = 40, 6
ASTRAY = 0.02
"""Of the box's longer side: a point that does not come back as near as this, there and back again, is lost."""
SAME = 0.3
"""Intersection over union from which a detection is the box that is being followed."""
CORE = 0.7
"""Of the box, around its middle: where points are taken, so that few of them are background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A box of a label; seen: when it was detected last, seconds."""

    label: str
    score: float
    box: Box
    seen: float


class Follower:
    """Keeps boxes for up to `longest` seconds after their last detection.

    Source: Kalal, Mikolajczyk and Matas, "Forward-Backward Error", ICPR 2010 (median flow), with OpenCV's Lucas-Kanade.
    """

    def __init__(self, longest: float = 1.0) -> None:
        self.longest = longest
        self._gray: np.ndarray | None = None
        self._held: list[Held] = []

    def __call__(self, image: np.ndarray, time: float, found: Sequence[Held]) -> list[Held]:
        """The boxes of this frame, in pixels: those found, and those of before that can be followed and were not."""
        import cv2

        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        carried: list[Held] = []
        for held in self._held:
            box = moved(self._gray, gray, held.box) if time - held.seen <= self.longest else None
            if box is not None and not any(
                other.label == held.label and over(box, other.box) >= SAME for other in [*found, *carried]
            ):
                carried.append(Held(label=held.label, score=held.score, box=box, seen=held.seen))
        self._gray, self._held = gray, [*found, *carried]
        return list(self._held)


def surest(held: Sequence[Held], most: int) -> list[Held]:
    """Up to `most` boxes of each label, the surest first."""
    by_label: dict[str, list[Held]] = {}
    for each in sorted(held, key=lambda each: -each.score):
        by_label.setdefault(each.label, []).append(each)
    return [each for mine in by_label.values() for each in mine[:most]]


def moved(before: np.ndarray | None, after: np.ndarray, box: Box) -> Box | None:
    """Where a box is in the next frame, both (H, W) uint8; None when its pixels cannot be found again."""
    import cv2
    import numpy as np

    if before is None or before.shape != after.shape:
        return None
    height, width = before.shape
    (x, y), wide, tall = middle(box), CORE * (box[2] - box[0]) / 2, CORE * (box[3] - box[1]) / 2
    x0, y0, x1, y1 = (
        max(0, int(x - wide)),
        max(0, int(y - tall)),
        min(width, int(x + wide) + 1),
        min(height, int(y + tall) + 1),
    )
    if min(x1 - x0, y1 - y0) < 4:
        return None
    apart = max(1.0, max(x1 - x0, y1 - y0) / WORK)
    start = cv2.goodFeaturesToTrack(before[y0:y1, x0:x1], POINTS, 0.01, apart)
    if start is None or len(start) < FEWEST:
        return None
    start = (start + np.array([x0, y0], np.float32)).astype(np.float32)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, start, None)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None)
    astray = np.abs(back - start).reshape(-1, 2).max(axis=1)
    good = (found.ravel() > 0) & (again.ravel() > 0) & (astray <= max(1.0, ASTRAY * max(x1 - x0, y1 - y0)))
    if good.sum() < max(FEWEST, len(start) / 2):
        return None
    old, new = start.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
    grown = float(np.clip(_spread(new) / max(1e-6, _spread(old)), 0.9, 1.1))
    dx, dy = (float(value) for value in np.median(new - old, axis=0))
    half_x, half_y = grown * (box[2] - box[0]) / 2, grown * (box[3] - box[1]) / 2
    x, y = x + dx, y + dy
    if not (0 <= x < width and 0 <= y < height):
        return None
    return x - half_x, y - half_y, x + half_x, y + half_y


def _spread(points: np.ndarray) -> float:
    """The median distance of points from their median."""
    import numpy as np

    return float(np.median(np.hypot(*(points - np.median(points, axis=0)).T)))
