"""How much moves, by the flow that the paper filters with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.uses import Network

if TYPE_CHECKING:
    import numpy as np


SMALLEST = 64
"""Pixels: what the model sees is at least so large on either side."""


@measure(
    "unimatch_flow",
    numbers=(
        Number(
            name="unimatch_flow",
            label="Motion, UniMatch",
            unit="diagonals/s",
            about="Mean optical-flow length by UniMatch, in frame diagonals per second; 0 is still, 1 crosses the "
            "picture in a second. Needs extra [models].",
        ),
    ),
)
class UnimatchFlow:
    """Mean optical-flow length by UniMatch, in frame diagonals per second; 0 is still, 1 crosses the picture in a
    second. Needs extra [models].

    Neither extreme is wanted: too still shows no action, too wild is blur and cuts. Flow runs from each sampled frame
    to the next one, over the time between the two, half a second by default: UniMatch compares every place with every
    other, so that this is not too far, and repeated frames hide no motion. The unit is that of `motion`.

    A graphics card is wanted.

    detail: of each pair its time, the seconds between its frames and the length; `weights`: what was used.

    Source: HOIGen-1M, section 3.1, "Motion Score". Which of UniMatch's models, and how its flow becomes a score, the
    paper does not say: model and size as in Open-Sora 1.2's filter, whose own number is in pixels at 320 x 576 between
    frames that are 15 apart, whatever the frame rate.
    """

    sampling: Sampling = Sampling(fps=2, short_side=320)
    batch: Annotated[int, Setting("pairs of frames at a time; no number changes", least=1)] = 1
    checkpoint: Annotated[
        str,
        Setting(
            "a file of one's own in the layout of GMFlow with two scales and six refinements; empty for the "
            "published one",
            file=True,
        ),
    ] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "float32"

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        room.check_settings(self.dtype, self.batch)

    @property
    def files(self) -> dict[str, str]:
        return {"unimatch": self.checkpoint}

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        return (room.network_of(self, "hoigen.models.nets.unimatch:built", self.batch),)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if len(frames) < 2:
            return Score(None, {"reason": "flow needs two frames; the clip is too short for a second one"})
        model = room.handle(*self.networks)
        gaps = [later - sooner for sooner, later in itertools.pairwise(map(float, frames.times))]
        moved: list[float] = []
        for start in range(0, len(gaps), self.batch):
            moved += lengths(model, frames.images[start : start + self.batch + 1])
        found = [length / gap for length, gap in zip(moved, gaps, strict=True)]
        rows = [
            {"time": round(float(time), 3), "gap": round(gap, 4), "motion": round(motion, 5)}
            for time, gap, motion in zip(frames.times, gaps, found, strict=False)
        ]
        return Score(math.fsum(found) / len(found), {"pairs": rows, "weights": list(model.ledger)})


def lengths(model: Any, images: np.ndarray) -> list[float]:
    """Of the flow between neighbours among n pictures, n - 1 numbers, in diagonals. images: (n, H, W, 3) uint8 RGB."""
    height, width = images[0].shape[:2]
    upright = height > width  # the model was trained on wide pictures
    pixels = prepared(images, upright)
    flow = model(pixels[:-1], pixels[1:])
    tall, wide = pixels.shape[-2:]
    across, down = (height, width) if upright else (width, height)
    x, y = flow[:, 0] * across / wide, flow[:, 1] * down / tall
    mean = (x**2 + y**2).sqrt().mean((1, 2)) / math.hypot(height, width)
    return [float(each) for each in mean]


def prepared(images: np.ndarray, upright: bool) -> Any:
    """(n, 3, H, W) float32: normalised, wide, sides stretched to multiples of 32, as UniMatch's own script does."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    from hoigen.models.nets.pixels import IMAGENET_MEAN, IMAGENET_STD
    from hoigen.models.nets.unimatch import MULTIPLE

    values = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    values = values.transpose(2, 3) if upright else values
    size = [max(SMALLEST, math.ceil(side / MULTIPLE) * MULTIPLE) for side in values.shape[-2:]]
    values = F.interpolate(values, size, mode="bilinear", align_corners=True) / 255
    mean, deviation = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
    return (values - mean) / deviation
