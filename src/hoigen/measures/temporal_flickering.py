"""How much neighbouring frames differ, pixel by pixel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score

if TYPE_CHECKING:
    import numpy as np

AS_VBENCH = EveryFrame(untagged=True)


@measure(
    "temporal_flickering",
    numbers=(
        Number(
            name="temporal_flickering",
            label="Temporal Flickering",
            better="more",
            share=True,
            place=6,
            about="How like each other neighbouring frames are, 0..1; higher is better, 1 is a still picture. Motion "
            "lowers it as flicker does: VBench's own tables first leave out what moves, the paper and this "
            "measure do not.",
        ),
    ),
)
class TemporalFlickering:
    """How like each other neighbouring frames are, 0..1; higher is better, 1 is a still picture. Motion lowers it as
    flicker does: VBench's own tables first leave out what moves, the paper and this measure do not.

    One less the mean absolute difference of all pixels and channels between neighbours, over full scale. No model;
    one frame is held at a time. Undefined for a clip of one frame.

    Colours are what OpenCV 4.11 makes of the file, which VBench 0.1.5 reads with: tags of BT.709 or full range are
    ignored. `sampling.untagged: false` honours them; the number then moves by about a thousandth on tagged files.

    detail: `differences`, the mean absolute difference of each frame to the one before, in grey levels, 0..255;
    `weights`, of which there are none.

    Source: VBench, "Temporal Flickering"; vbench 0.1.5, temporal_flickering.py. It agrees within 1e-6.
    """

    sampling: EveryFrame = AS_VBENCH

    def begin(self, clip: Clip) -> _Stream:
        return _Stream()


class _Stream:
    """One clip under way."""

    def __init__(self) -> None:
        self.last: np.ndarray | None = None
        self.differences: list[float] = []

    def see(self, image: np.ndarray, time: float) -> None:
        import cv2

        if self.last is not None:
            self.differences.append(cv2.norm(image, self.last, cv2.NORM_L1) / image.size)
        self.last = image

    def score(self) -> Score:
        if not self.differences:
            return Score(None, {"reason": "one frame only" if self.last is not None else "no frame to look at"})
        mean = math.fsum(self.differences) / len(self.differences)
        detail = {"differences": [round(each, 4) for each in self.differences], "weights": []}
        return Score((255 - mean) / 255, detail)
