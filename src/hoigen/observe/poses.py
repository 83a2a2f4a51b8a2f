"""Points of persons by ViTPose, from boxes; the orders of points that models and files have, and a person of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box
from hoigen.observe.frame import SEEN, Person
from hoigen.observe.hub_model import HubModel

if TYPE_CHECKING:
    import numpy as np

ROOM = 1.25
"""Times the box that the model looks at, as in its training."""
BLUR, SPREAD = 11, 0.8
"""Pixels and standard deviation of the smoothing before the refinement, transformers' defaults."""

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


def find_points(
    model: HubModel, images: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]
) -> list[list[np.ndarray]]:
    """The points of every boxed person, (K, 3) for each box of each picture: x, y in its pixels, and confidence, 0..1.

    A box grows to the shape that the model looks at and by a quarter; its pixels are warped so that the middles of
    corner pixels meet (UDP), and each heat map's highest place is refined by slope and bend (DARK).

    Args:
        model: of points.
        images: (H, W, 3) uint8 RGB.
        boxes: of the persons in each picture, in its pixels.

    Source: Xu et al., "ViTPose", 2022; Huang et al., "The Devil Is in the Details", 2020; Zhang et al.,
    "Distribution-Aware Coordinate Representation", 2020; the numbers equal transformers' VitPoseImageProcessor.
    """
    import numpy as np
    import torch

    facts = model.loaded.facts
    size = facts["size"][0], facts["size"][1]
    pairs = [(image, region(box, size)) for image, mine in zip(images, boxes, strict=True) for box in mine]
    mean, std = (torch.tensor(facts[name]).view(3, 1, 1) for name in ("mean", "std"))
    found: list[np.ndarray] = []
    for start in range(0, len(pairs), model.batch):
        some = pairs[start : start + model.batch]
        pieces = torch.from_numpy(np.stack([warped(image, where, size) for image, where in some])).permute(0, 3, 1, 2)
        maps = model.loaded((pieces.float() / 255 - mean) / std).numpy()
        found += [peaks(each, where) for each, (_, where) in zip(maps, some, strict=True)]
    left = iter(found)
    return [[next(left) for _ in mine] for mine in boxes]


def region(box: Box, size: tuple[int, int]) -> Box:
    """What of the picture the model looks at: the box in its shape, grown by ROOM; x and y of the middle, its size."""
    wide, tall = box[2] - box[0], box[3] - box[1]
    shape = size[0] / size[1]
    wide, tall = max(wide, tall * shape), max(tall, wide / shape)
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, wide * ROOM, tall * ROOM


def warped(image: np.ndarray, region: Box, size: tuple[int, int]) -> np.ndarray:
    """The region as a picture of that size; black beyond the picture."""
    import cv2
    import numpy as np

    x, y, wide, tall = region
    across, down = (size[0] - 1) / wide, (size[1] - 1) / tall
    move = np.array([[across, 0, across * (wide / 2 - x)], [0, down, down * (tall / 2 - y)]])
    piece: np.ndarray = cv2.warpAffine(image, move, size, flags=cv2.INTER_LINEAR)
    return piece


def peaks(maps: np.ndarray, region: Box) -> np.ndarray:
    """(K, 3) in the picture's pixels from heat maps (K, h, w) of a region; confidence is the map's height, 0..1."""
    import numpy as np

    count, height, width = maps.shape
    highest = maps.reshape(count, -1).argmax(axis=1)
    sure = maps.reshape(count, -1).max(axis=1)
    at = np.stack([highest % width, highest // width], axis=1).astype(float)
    at[sure <= 0] = -1
    at = np.where(sure[:, None] > 0, at - refinement(maps, at), at)
    x, y, wide, tall = region
    at[:, 0] = at[:, 0] * wide / (width - 1) + x - wide / 2
    at[:, 1] = at[:, 1] * tall / (height - 1) + y - tall / 2
    return np.column_stack([at, sure.clip(0, 1)])


def refinement(maps: np.ndarray, at: np.ndarray) -> np.ndarray:
    """How far beside the highest pixel the top of a bell through it lies: Newton's step on the smoothed logarithm."""
    import cv2
    import numpy as np

    steps = np.zeros((len(maps), 2))
    for number, (one, (x, y)) in enumerate(zip(maps, at.astype(int), strict=True)):
        smooth = cv2.GaussianBlur(one, (BLUR, BLUR), SPREAD, borderType=cv2.BORDER_REFLECT)
        tall = np.pad(np.log(smooth.clip(0.001, 50)), 1, mode="edge")
        c = tall[y : y + 3, x : x + 3]
        if c.shape != (3, 3):
            continue
        slope = np.array([c[1, 2] - c[1, 0], c[2, 1] - c[0, 1]]) / 2
        across, down = c[1, 2] - 2 * c[1, 1] + c[1, 0], c[2, 1] - 2 * c[1, 1] + c[0, 1]
        both = 0.5 * (c[2, 2] - c[1, 2] - c[2, 1] + 2 * c[1, 1] - c[1, 0] - c[0, 1] + c[0, 0])
        bend = np.array([[across, both], [both, down]]) + np.finfo(np.float32).eps * np.eye(2)
        if abs(np.linalg.det(bend)) > 1e-12:
            steps[number] = np.linalg.solve(bend, slope)
    return steps


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
