"""The orders of keypoints that models and files have, and a person made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hoigen.hoi.detections import Box
from hoigen.hoi.skeleton import SEEN, Person

if TYPE_CHECKING:
    import numpy as np

_PAIRED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO: tuple[str, ...] = ("nose", *(f"{side}_{name}" for name in _PAIRED for side in ("left", "right")))
"""COCO's 17 points."""
FEET: tuple[str, ...] = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("foot_index", "toe", "heel"))
"""COCO-WholeBody's 17..22: big toe, small toe, heel."""
MOUTH: Mapping[str, int] = {"mouth_right": 23 + 48, "mouth_left": 23 + 54}
"""The corners among the 68 points of a face, which begin at 23; left is the person's own."""
HANDS = (91, 112)
"""Where the 21 points of the left and of the right hand begin."""
COUNTS = (17, 23, 133)
"""COCO, COCO and feet, COCO-WholeBody."""


def person_of(points: np.ndarray, box: Box | None, score: float = 1.0, seen: float = SEEN) -> Person | None:
    """A person of points in a layout that their number tells. points: (K, 3), x and y in pixels and confidence.

    Points less sure than `seen` are not there; a hand is there when most of its points are. Without a box, that around
    all points that are there; None when there are none either.
    """
    import numpy as np

    if len(points) not in COUNTS:
        raise ValueError(f"{len(points)} points: {', '.join(map(str, COUNTS))} are known (COCO, with feet, WholeBody)")
    names = {name: at for at, name in enumerate(COCO)}
    if len(points) >= 23:
        names |= {name: 17 + at for at, name in enumerate(FEET)}
    if len(points) == 133:
        names |= MOUTH
    there = {name: points[at] for name, at in names.items() if points[at][2] >= seen}
    hands = [points[at : at + 21] for at in HANDS] if len(points) == 133 else []
    hands = [hand for hand in hands if (hand[:, 2] >= seen).sum() > 10]
    if box is None:
        known = np.array([at[:2] for at in there.values()] + [at[:2] for hand in hands for at in hand])
        if not len(known):
            return None
        (x0, y0), (x1, y1) = known.min(axis=0), known.max(axis=0)
        box = float(x0), float(y0), max(float(x1), float(x0) + 1), max(float(y1), float(y0) + 1)
    named = {name: (float(at[0]), float(at[1])) for name, at in there.items()}
    return Person(box=box, points=named, hands=[hand[:, :2].astype(float) for hand in hands], score=score)
