"""Which pixels are the object of a box: by SAM 2, and on a CPU by GrabCut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box
from hoigen.observe.hub_model import HubModel

if TYPE_CHECKING:
    import numpy as np

AROUND = 0.25
"""Margin around the box, of its size, that shows GrabCut the background."""
WORK = 96
"""Pixels on the longer side that GrabCut works on; more costs more and moves edges by less than a contact range."""
ROUNDS = 3
LEAST, MOST = 0.15, 0.98
"""Of the box: a mask that covers less or more has failed, and the ellipse stands in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A piece of a mask. pixels: (h, w) bool; left, top: where the piece lies, in pixels of the picture.

    source: how it was made: `grabcut`, `ellipse` (the box alone was known), or the name of a segmenter.
    """

    pixels: np.ndarray
    left: int
    top: int
    source: str


def from_box(image: np.ndarray, box: Box) -> Mask:
    """The object of a box, in pixels, by GrabCut; the box's ellipse where that fails.

    Source: Rother, Kolmogorov and Blake, "GrabCut", SIGGRAPH 2004, as OpenCV has it.
    """
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    wide, tall = AROUND * (box[2] - box[0]) + 2, AROUND * (box[3] - box[1]) + 2
    x0, y0 = max(0, int(box[0] - wide)), max(0, int(box[1] - tall))
    x1, y1 = min(width, int(np.ceil(box[2] + wide))), min(height, int(np.ceil(box[3] + tall)))
    scale = min(1.0, WORK / max(x1 - x0, y1 - y0))
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    inner = [round((side - edge) * scale) for side, edge in zip(box, (x0, y0, x0, y0), strict=True)]
    inner = [max(0, inner[0]), max(0, inner[1]), min(size[0], inner[2]), min(size[1], inner[3])]
    if min(inner[2] - inner[0], inner[3] - inner[1]) < 6:
        return ellipse(box)
    piece = cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    marks = np.full(size[::-1], cv2.GC_BGD, np.uint8)
    marks[inner[1] : inner[3], inner[0] : inner[2]] = cv2.GC_PR_FGD
    if not (marks == cv2.GC_BGD).any():
        return ellipse(box)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # the same frame always has the same mask
    try:
        cv2.grabCut(piece, marks, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return ellipse(box)
    found = (marks == cv2.GC_PR_FGD) | (marks == cv2.GC_FGD)
    inside = (inner[2] - inner[0]) * (inner[3] - inner[1])
    if not LEAST <= found.sum() / inside <= MOST:
        return ellipse(box)
    whole = cv2.resize(found.astype(np.uint8), (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    return Mask(pixels=whole > 0, left=x0, top=y0, source="grabcut")


def ellipse(box: Box) -> Mask:
    """The ellipse within a box, in pixels."""
    import numpy as np

    x0, y0 = round(box[0]), round(box[1])
    width, height = max(1, round(box[2]) - x0), max(1, round(box[3]) - y0)
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = (np.arange(height) + 0.5) / height * 2 - 1
    return Mask(pixels=x[None] ** 2 + y[:, None] ** 2 <= 1, left=x0, top=y0, source="ellipse")


def cropped(whole: np.ndarray, source: str) -> Mask | None:
    """A mask of the whole picture, (H, W) bool, as the piece that is not empty; None for one without a pixel."""
    import numpy as np

    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return Mask(pixels=whole[top : rows[-1] + 1, left : columns[-1] + 1].copy(), left=left, top=top, source=source)


def segmented(model: HubModel, images: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]]) -> list[list[Mask]]:
    """A mask for each box of each picture, by SAM 2 or 2.1; a box that it finds nothing in becomes its ellipse.

    Pictures become squares of the size that the checkpoint was trained with, and so do the boxes; masks come back in
    the picture's own pixels. The pictures of a batch are encoded together.

    Args:
        model: of masks.
        images: (H, W, 3) uint8 RGB.
        boxes: of each picture, in its pixels.

    Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024.
    """
    import numpy as np

    found: list[list[Mask]] = [[] for _ in images]
    asked = [at for at, mine in enumerate(boxes) if mine]
    if not asked:
        return found
    items = [(images[at], np.array(boxes[at], np.float32)) for at in asked]
    source = model.loaded.facts["found"].name
    for at, inside in zip(asked, model.loaded(items, method="inside"), strict=True):
        pairs = zip(inside.numpy(), boxes[at], strict=True)
        found[at] = [cropped(mask, source) or ellipse(box) for mask, box in pairs]
    return found
