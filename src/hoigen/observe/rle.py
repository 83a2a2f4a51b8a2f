"""Masks as COCO writes them: run lengths, packed or not, and polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hoigen.observe.masks import Mask, cropped

if TYPE_CHECKING:
    pass


def runs(text: str) -> list[int]:
    """The run lengths of COCO's packed text: five bits a letter from the low end, each run from the third on as what it
    differs from the one two before.

    Raises ValueError for a text that is none. Source: pycocotools, rleFrString in maskApi.c.
    """
    found: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            if at >= len(text):
                raise ValueError("the text ends within a number")
            letter = ord(text[at]) - 48
            if not 0 <= letter < 64:
                raise ValueError(f"{text[at]!r} is no letter of packed run lengths")
            value |= (letter & 31) << shift
            more, at, shift = bool(letter & 32), at + 1, shift + 5
            if not more and letter & 16:
                value -= 1 << shift
        found.append(value + found[-2] if len(found) > 2 else value)
    return found


def packed(mask: Mask, size: tuple[int, int]) -> dict[str, Any]:
    """A mask as COCO's `{size: [height, width], counts: packed text}`. size: (width, height) of the picture, which cuts
    off what lies outside of it."""
    import numpy as np

    width, height = size
    whole = np.zeros((height, width), bool)
    tall, wide = mask.pixels.shape
    y0, x0, y1, x1 = max(0, mask.top), max(0, mask.left), min(height, mask.top + tall), min(width, mask.left + wide)
    if y0 < y1 and x0 < x1:
        whole[y0:y1, x0:x1] = mask.pixels[y0 - mask.top : y1 - mask.top, x0 - mask.left : x1 - mask.left]
    down = whole.T.ravel()
    edges = np.flatnonzero(np.diff(down)) + 1
    counts = np.diff(np.concatenate([[0] if not down[0] else [0, 0], edges, [len(down)]]))
    return {"size": [height, width], "counts": text_of([int(count) for count in counts])}


def text_of(counts: Sequence[int]) -> str:
    """Run lengths as COCO's packed text. Source: pycocotools, rleToString in maskApi.c."""
    letters = []
    for at, count in enumerate(counts):
        value = count - counts[at - 2] if at > 2 else count
        more = True
        while more:
            low, value = value & 31, value >> 5
            more = value != (-1 if low & 16 else 0)
            letters.append(chr((low | 32 if more else low) + 48))
    return "".join(letters)


def from_runs(counts: Sequence[int], size: tuple[int, int], source: str) -> Mask | None:
    """A mask of runs down the columns, the first of them outside. size: (height, width); None when it is empty.

    Raises ValueError when the runs do not fill the picture.
    """
    import numpy as np

    height, width = size
    if any(count < 0 for count in counts) or sum(counts) != height * width:
        raise ValueError(f"runs fill {height} x {width} = {height * width} pixels; these are {sum(counts)}")
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, np.asarray(counts, int))
    return cropped(inside.reshape(width, height).T, source)


def from_polygons(polygons: Sequence[Sequence[float]], source: str) -> Mask | None:
    """The pixels whose middles lie in any of the polygons x0, y0, x1, y1, ...; None when there is none."""
    import numpy as np

    rings = [np.array(each, float).reshape(-1, 2) for each in polygons]
    every = np.concatenate(rings)
    left, top = (math.floor(value) for value in every.min(axis=0))
    wide, tall = (max(1, math.ceil(value)) for value in every.max(axis=0) - (left, top))
    filled = np.zeros((tall, wide), bool)
    x, y = np.arange(wide) + 0.5, np.arange(tall) + 0.5
    for ring in rings:
        inside = np.zeros((tall, wide), bool)
        own = ring - (left, top)
        for (x0, y0), (x1, y1) in zip(own, np.roll(own, -1, axis=0), strict=True):
            rows = np.flatnonzero((y > y0) != (y > y1))
            if len(rows):  # each edge turns over what lies to its left: within is an odd number of them
                crossing = x0 + (y[rows] - y0) * (x1 - x0) / (y1 - y0)
                inside[rows] ^= x[None] < crossing[:, None]
        filled |= inside
    piece = cropped(filled, source)
    return None if piece is None else replace(piece, left=piece.left + left, top=piece.top + top)
