"""Frames that the statistical filter of UltraVideo calls bad, and how many bits a pixel has. Experimental."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    import numpy as np

NAMES = ("bordered_frames", "clipped_frames", "grey_frames")


@measure(
    "bad_frames",
    numbers=(
        Number(
            name="bordered_frames",
            label="Bordered Frames",
            better="less",
            share=True,
            about="Share of the looked-at frames with a black border on any side. Experimental.",
        ),
        Number(
            name="clipped_frames",
            label="Clipped Frames",
            better="less",
            share=True,
            about="Share of the looked-at frames in which much is clipped to black or white. Experimental.",
        ),
        Number(
            name="grey_frames",
            label="Grey Frames",
            better="less",
            share=True,
            about="Share of the looked-at frames without colour. Experimental.",
        ),
        Number(
            name="bits_per_pixel",
            label="Bits per Pixel",
            about="Bits of the whole file for each pixel of each of its frames; little means strong compression, or "
            "that a small picture was enlarged. Experimental.",
        ),
    ),
)
class BadFrames:
    """Shares of frames that are bad by UltraVideo's statistical filter (black border, clipped, grey), and the bits that
    a pixel of the file has. Experimental: not tried on labelled footage, and in no recipe.

    A frame is bordered when the outer `edge` of any of its four sides has a mean below `black` grey levels; clipped
    when more than `clipped` of its pixels are above `white` or below `dark` (luma); grey when the variance among red,
    green and blue of a pixel, meant over the picture, is below `colour`. A night scene is clipped and may be bordered;
    black-and-white film is grey.

    detail: per frame its time and the three figures.

    Source: UltraVideo (arXiv 2506.13691), statistical filter, as surveys of 2026 have it: a clip goes when more than
    5 % of its frames are bad. Frames that are spread over the clip stand for all of them here.
    """

    sampling: Sampling = Sampling(frames=16, short_side=360)
    edge: Annotated[float, Setting("share of a side that its border takes", above=0, most=0.5)] = 0.03
    black: Annotated[float, Setting("mean below which a border is black", unit="grey levels")] = 3.0
    clipped: Annotated[float, Setting("share of clipped pixels beyond which a frame is bad", least=0, most=1)] = 0.12
    white: Annotated[int, Setting("a pixel above it is clipped", unit="grey levels")] = 250
    dark: Annotated[int, Setting("a pixel below it is clipped", unit="grey levels")] = 5
    colour: Annotated[float, Setting("mean variance below which a frame is grey", unit="squared grey levels")] = 1.2

    def __post_init__(self) -> None:
        check_sees(self.sampling)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        bits = {"bits_per_pixel": _bits_per_pixel(clip)}
        if not len(frames):
            return Score(None, {"reason": "no frame to look at"}, dict.fromkeys(NAMES) | bits)
        seen = [self._figures(image) for image in frames.images]
        border, clipped, colour = zip(*seen, strict=True)
        bad = (
            [value < self.black for value in border],
            [value > self.clipped for value in clipped],
            [value < self.colour for value in colour],
        )
        shares = {name: sum(each) / len(seen) for name, each in zip(NAMES, bad, strict=True)}
        detail = {
            "times": [round(float(time), 3) for time in frames.times],
            "darkest_side": [round(value, 2) for value in border],
            "clipped": [round(value, 4) for value in clipped],
            "colour": [round(value, 2) for value in colour],
        }
        return Score(None, detail, shares | bits)

    def _figures(self, image: np.ndarray) -> tuple[float, float, float]:
        """Of one (H, W, 3) picture: mean of its darkest side, share of clipped pixels, mean variance of the colours."""
        import cv2
        import numpy as np

        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        down, across = (max(1, round(self.edge * side)) for side in luma.shape)
        sides = (luma[:down], luma[-down:], luma[:, :across], luma[:, -across:])
        clipped = np.count_nonzero((luma > self.white) | (luma < self.dark)) / luma.size
        return min(float(side.mean()) for side in sides), clipped, float(image.astype(np.float32).var(axis=2).mean())


def _bits_per_pixel(clip: Clip) -> float | None:
    """Of the whole file, sound included; None where its size or length is not known."""
    header = clip.meta.get("header")
    if not header:
        from hoigen.video import probe

        header = dataclasses.asdict(probe(clip.uri))
    pixels = clip.width * clip.height * clip.fps * float(header["duration"] or 0)
    return 8 * header["bytes"] / pixels if pixels and header["bytes"] else None
