"""Which points of a person may touch, how far they are from a mask, and how tall the person is; pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box
from hoigen.observe.frame import Person
from hoigen.observe.masks import Mask

if TYPE_CHECKING:
    import numpy as np

BEYOND = 0.35
"""The middle of a hand lies this share of the forearm beyond the wrist."""
PERCENTILE = 80
"""Of the heights that limbs give: foreshortening only makes limbs shorter, so the truth lies high."""

LIMBS: Mapping[tuple[str, str], float] = {
    ("elbow", "wrist"): 0.146,
    ("shoulder", "elbow"): 0.186,
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
    ("shoulder", "hip"): 0.288,
}
"""Length over the height of a person; both sides."""
ACROSS: Mapping[str, float] = {"shoulder": 0.259, "hip": 0.191}
"""From left to right."""
HAND = 0.108

_SIDES = ("left", "right")
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_FEET = tuple(f"{side}_{name}" for side in _SIDES for name in ("ankle", "heel", "foot_index"))
GROUPS: Mapping[str, tuple[str, ...]] = {
    "mouth": ("mouth_left", "mouth_right"),
    "ear": ("left_ear", "right_ear"),
    "head": _HEAD,
    "shoulders": ("left_shoulder", "right_shoulder"),
    "hips": ("left_hip", "right_hip"),
    "feet": _FEET,
}
"""The points of each part that may touch; `hand` and `any` are put together below."""


def body_points(person: Person, parts: Sequence[str]) -> list[tuple[float, float]]:
    """The points of the body that may touch; a hand is its virtual middle, beyond the wrist, or the wrist alone where
    the elbow is not seen."""
    names = [name for part in parts for name in GROUPS.get(part, ())]
    if "mouth" in parts and not any(name in person.points for name in GROUPS["mouth"]):
        names.append("nose")
    if "any" in parts:
        names = list(person.points)
    found = [person.points[name] for name in dict.fromkeys(names) if name in person.points]
    for side in _SIDES if {"hand", "any"} & set(parts) else ():
        wrist, elbow = person.points.get(f"{side}_wrist"), person.points.get(f"{side}_elbow")
        if wrist is not None:
            elbow = wrist if elbow is None else elbow
            found.append((wrist[0] + BEYOND * (wrist[0] - elbow[0]), wrist[1] + BEYOND * (wrist[1] - elbow[1])))
    return found


def limb_height(person: Person) -> float | None:
    """How tall the person would stand, in pixels, from the limbs that are seen; None where none is."""
    import numpy as np

    spans = [(f"{side}_{a}", f"{side}_{b}", ratio) for (a, b), ratio in LIMBS.items() for side in _SIDES]
    spans += [(f"left_{name}", f"right_{name}", ratio) for name, ratio in ACROSS.items()]
    found = [
        float(np.hypot(*np.subtract(person.points[a], person.points[b]))) / ratio
        for a, b, ratio in spans
        if a in person.points and b in person.points
    ]
    if found:
        found += [hand_length(hand) / HAND for hand in person.hands]
    return float(np.percentile(found, PERCENTILE)) if found else None


def hand_length(hand: np.ndarray) -> float:
    """From the wrist to the farthest landmark, pixels."""
    import numpy as np

    return float(np.hypot(*(hand - hand[0]).T).max())


def distance(mask: Mask, points: Sequence[tuple[float, float]]) -> float | None:
    """Pixels from the nearest of the points to the mask, 0 within it; None without points or mask."""
    import numpy as np

    padded = np.pad(mask.pixels, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    rows, columns = np.nonzero(mask.pixels & ~core)  # the pixels that have a neighbour outside of the mask
    edge = np.stack([columns + mask.left + 0.5, rows + mask.top + 0.5], axis=1)  # their middles
    if not len(points) or not len(edge):
        return None
    at = np.asarray(points, float)
    column, row = np.floor(at - (mask.left, mask.top)).astype(int).T
    height, width = mask.pixels.shape
    within = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if mask.pixels[row[within], column[within]].any():
        return 0.0
    apart = at[:, None] - edge[None]
    return max(0.0, float(np.sqrt((apart**2).sum(-1).min())) - 0.5)  # to the pixel's edge, not its middle


def inside_share(mask: Mask, box: Box) -> float:
    """Share of a box, in pixels, that the mask covers."""
    x0, y0 = max(0, round(box[0]) - mask.left), max(0, round(box[1]) - mask.top)
    x1, y1 = max(0, round(box[2]) - mask.left), max(0, round(box[3]) - mask.top)
    whole = max(1, (round(box[2]) - round(box[0])) * (round(box[3]) - round(box[1])))
    return float(mask.pixels[y0:y1, x0:x1].sum()) / whole
