"""How well a clip is recorded, in numbers that need no model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    import numpy as np

PARTS = ("sharpness", "exposure", "contrast", "colourfulness", "blockiness")
MIN_SIDE = 16
"""Pixels; less than that holds no tiles to compare."""
FLOOR = 0.02
"""The least that one part may give to the whole: what is good in four ways is not worthless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighting:
    """How much each part counts; what matters is their proportion. Colour counts least: grey footage may be good."""

    sharpness: float = 0.35
    exposure: float = 0.2
    contrast: float = 0.2
    colourfulness: float = 0.1
    blockiness: float = 0.15

    def __post_init__(self) -> None:
        shares = [float(getattr(self, each.name)) for each in fields(self)]
        if not all(0 <= share < math.inf for share in shares) or not sum(shares):
            raise ValueError(f"weights: 0 or more, and not all 0; they came as {shares}")


@measure(
    "technical_quality",
    numbers=(
        Number(
            name="technical_quality",
            label="Technical Quality",
            better="more",
            share=True,
            place=41,
            about="How well a clip is recorded, 0 bad .. 1 good. A stand-in for the LAION aesthetic score, which needs "
            "a GPU model: it knows blur, wrong exposure, flat light, missing colour and compression, and nothing "
            "of composition or beauty; noise counts as sharpness.",
        ),
        Number(
            name="sharpness",
            label="Sharpness",
            better="more",
            share=True,
            place=42,
            about="0 blurred .. 1 sharp, of the sharpest part of the picture, so that a blurred background costs "
            "nothing.",
        ),
        Number(
            name="exposure",
            label="Exposure",
            better="more",
            share=True,
            place=43,
            about="0..1, 1 where the mean luma is mid-grey and nothing is clipped to black or white.",
        ),
        Number(
            name="contrast",
            label="Contrast",
            better="more",
            place=44,
            about="Standard deviation of the luma, 0..0.5 of full scale; higher is better up to about 0.2.",
        ),
        Number(
            name="colourfulness",
            label="Colourfulness",
            place=45,
            about="0 grey, 33 moderate, 59 quite, 109 extremely colourful.",
        ),
        Number(
            name="blockiness",
            label="Blockiness",
            better="less",
            place=46,
            about="0 no grid of blocks; 1: steps on the grid are twice those beside it.",
        ),
    ),
)
class TechnicalQuality:
    """How well a clip is recorded, 0 bad .. 1 good. A stand-in for the LAION aesthetic score, which needs a GPU model:
    it knows blur, wrong exposure, flat light, missing colour and compression, and nothing of composition or beauty;
    noise counts as sharpness.

    It is the weighted geometric mean of five parts, each first brought to 0..1. The parts are means over frames, bars
    of a letterbox cut off, at `short_side` pixels (never enlarged), so that size does not change them; blockiness
    is taken on the pixels of the video itself, since scaling wipes the grid out.

    Source: sharpness, Crete et al., "The Blur Effect" (2007), per tile; exposure, the curve of Mertens et al.,
    "Exposure Fusion" (2007), on the mean luma, times the share of pixels that are not clipped; contrast, RMS contrast,
    Peli, "Contrast in complex images" (1990); colourfulness, Hasler and Süsstrunk, "Measuring colourfulness in natural
    images" (2003); blockiness, after Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG
    compressed images" (2002). How they are brought together is hoigen's own.
    """

    sampling: Sampling = Sampling(frames=4, short_side=None)
    short_side: Annotated[
        int, Setting("that frames are brought down to; they are never enlarged", least=MIN_SIDE, unit="pixels")
    ] = 480
    weighting: Annotated[Weighting, Setting("how much each part counts")] = Weighting()

    def __post_init__(self) -> None:
        check_sees(self.sampling)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if not len(frames):
            return Score(None, {"reason": "no frame to look at"}, dict.fromkeys(PARTS))
        left, top, right, bottom = _inside_bars(frames.images)
        pictures = [image[top:bottom, left:right] for image in frames.images]
        looks = [look(picture, self.short_side) for picture in pictures]
        parts = {name: math.fsum(each[name] for each in looks) / len(looks) for name in PARTS}
        good = goodness(parts)
        weights = {each.name: float(getattr(self.weighting, each.name)) for each in fields(self.weighting)}
        total = math.fsum(weights.values())
        # the weighted geometric mean: one bad part is not made up for by four good ones
        value = math.exp(math.fsum(weights[name] / total * math.log(max(good[name], FLOOR)) for name in PARTS))
        detail = {
            "goodness": {name: round(each, 4) for name, each in good.items()},
            "times": [round(float(time), 3) for time in frames.times],
            "per_frame": {name: [round(each[name], 4) for each in looks] for name in PARTS},
            "picture": [left, top, right, bottom],
        }
        return Score(value, detail, parts)


def goodness(parts: Mapping[str, float]) -> dict[str, float]:
    """Each part as 0 bad .. 1 good. The ends lie where web video lies: about the worst and the better half of it."""
    return {
        "sharpness": _ramp(parts["sharpness"], 0.25, 0.75),
        "exposure": parts["exposure"],
        "contrast": _ramp(parts["contrast"], 0.0, 0.2),
        "colourfulness": _ramp(parts["colourfulness"], 0.0, 33.0),
        "blockiness": 1 / (1 + 2 * parts["blockiness"]),
    }


def look(picture: np.ndarray, short_side: int) -> dict[str, float]:
    """The five parts of one (H, W, 3) uint8 RGB picture."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    native = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = native.shape
    scale = min(1.0, short_side / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return {
        "sharpness": sharpness(luma),
        "exposure": exposure(luma),
        "contrast": float(luma.std()) / 255,
        "colourfulness": colourfulness(small),
        "blockiness": blockiness(native),
    }


def sharpness(luma: np.ndarray, *, tiles: int = 6, blur: int = 9) -> float:
    """0 blurred .. 1 sharp: how much of the change between neighbours a further blur takes away, at the sharpest tiles.

    luma: (H, W) float32, 0..255. A sharp picture loses most of it, a blurred one next to nothing. Tiles without
    detail say nothing and are left out; without any such tile the whole picture is taken.
    """
    import cv2
    import numpy as np

    if min(luma.shape) < 2:
        return 0.0
    per_axis = []
    for axis, kernel in ((1, (blur, 1)), (0, (1, blur))):  # columns, rows
        before = np.abs(np.diff(luma, axis=axis))
        after = np.abs(np.diff(cv2.blur(luma, kernel), axis=axis))
        kept = np.maximum(before - after, 0)
        lost = cv2.resize(kept, (tiles, tiles), interpolation=cv2.INTER_AREA)
        had = cv2.resize(before, (tiles, tiles), interpolation=cv2.INTER_AREA)
        detailed = had > 1.0  # levels between neighbours; less is noise and banding
        if detailed.sum() >= 2:
            per_axis.append(float(np.quantile(lost[detailed] / had[detailed], 0.9)))
        else:
            per_axis.append(float(lost.sum() / max(float(had.sum()), 1e-6)))
    return min(per_axis)


def exposure(luma: np.ndarray) -> float:
    """0..1 of an (H, W) float32 luma, 0..255: near mid-grey in the mean, and little of it clipped."""
    clipped = float(((luma <= 4) | (luma >= 251)).mean())
    off = float(luma.mean()) / 255 - 0.5
    return math.exp(-off * off / (2 * 0.2 * 0.2)) * (1 - clipped)


def colourfulness(picture: np.ndarray) -> float:
    """0 grey .. about 109 extremely colourful, of an (H, W, 3) uint8 RGB picture."""
    import numpy as np

    red, green, blue = (picture[..., channel].astype(np.float32) for channel in range(3))
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = math.hypot(float(red_green.std()), float(yellow_blue.std()))
    return spread + 0.3 * math.hypot(float(red_green.mean()), float(yellow_blue.mean()))


def blockiness(luma: np.ndarray, *, block: int = 8, step: int = 20) -> float:
    """0 without a grid of blocks, 1 when steps on it are twice those beside it; (H, W) uint8 luma, not scaled.

    Steps count up to `step` levels: larger ones are edges of things. Where the grid lies is found, since a video may
    have been cropped. The lesser of the two directions counts, so that stripes of the scene are not taken for a grid.
    """
    import numpy as np

    return max(0.0, min(_grid(luma, block, step), _grid(np.ascontiguousarray(luma.T), block, step)))


def _grid(luma: np.ndarray, block: int, step: int) -> float:
    import cv2
    import numpy as np

    width = (luma.shape[1] - 1) // block * block
    if width < 4 * block or luma.shape[0] < 2:
        return 0.0
    steps = np.minimum(cv2.absdiff(luma[:, 1 : width + 1], luma[:, :width]), np.uint8(step))
    phase = steps.mean(axis=0).reshape(-1, block).mean(axis=0)
    # Beside, not all others: a codec smooths within blocks, which alone would raise the grid's share.
    beside = (np.roll(phase, 1) + np.roll(phase, -1)) / 2
    return float((phase / np.maximum(beside, 0.05)).max()) - 1


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _inside_bars(images: np.ndarray, *, dark: int = 24, most: float = 0.35) -> tuple[int, int, int, int]:
    """left, top, right, bottom of what lies between black bars; bars are black in every frame.

    What is dark on more than `most` of the picture from one side is taken for a dark scene, and nothing is cut off.
    """
    import numpy as np

    brightest = images.max(axis=(0, 3)) if images.ndim == 4 else images.max(axis=0)
    rows, columns = brightest.max(axis=1) > dark, brightest.max(axis=0) > dark
    spans = []
    for bright in (columns, rows):
        lit = np.flatnonzero(bright)
        before, after = (int(lit[0]), len(bright) - 1 - int(lit[-1])) if len(lit) else (len(bright), len(bright))
        keep_all = max(before, after) > most * len(bright)
        spans.append((0, len(bright)) if keep_all else (before, len(bright) - after))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom
