"""How much moves, by the flow that the paper filters with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.uses import Network

if TYPE_CHECKING:
    import numpy as np


ON_CARD = 32
"""Pairs of frames that a graphics card looks at together."""
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
    batch: room.Batch = None
    checkpoint: Annotated[
        str,
        Setting(
            "a file of one's own in the layout of GMFlow with two scales and six refinements; empty for the "
            "published one",
            file=True,
        ),
    ] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"

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
        return (room.network_of(self, "hoigen.models.nets.unimatch:built", on_card=ON_CARD),)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if len(frames) < 2:
            return Score(None, {"reason": "flow needs two frames; the clip is too short for a second one"})
        model = room.handle(*self.networks)
        gaps = [later - sooner for sooner, later in itertools.pairwise(map(float, frames.times))]
        moved = lengths(model, frames.images)
        found = [length / gap for length, gap in zip(moved, gaps, strict=True)]
        rows = [
            {"time": round(float(time), 3), "gap": round(gap, 4), "motion": round(motion, 5)}
            for time, gap, motion in zip(frames.times, gaps, found, strict=False)
        ]
        return Score(math.fsum(found) / len(found), {"pairs": rows, "weights": list(model.ledger)})


def lengths(model: room.Handle, images: np.ndarray) -> list[float]:
    """Of the flow between neighbours among n pictures, n - 1 numbers, in diagonals. images: (n, H, W, 3) uint8 RGB."""
    import numpy as np

    step = model.together(2 * images[0].nbytes)
    asked = []
    for start in range(0, len(images) - 1, step):
        some = images[start : start + step + 1]
        asked.append(model.submit(np.stack([some[:-1], some[1:]], 1), method=LookAtFlow()))
    return [float(each) for later in asked for each in later.result()]


@dataclass(frozen=True, slots=True)
class LookAtFlow:
    """Asks how long the flow between two pictures is (`room.Look`)."""

    def kind(self, pairs: tuple[int, ...]) -> Any:
        """The size that the network sees."""
        return seen_size(*pairs[2:4])

    def prepare(self, pairs: Any) -> tuple[Any, Any, Any]:
        """What the network takes of (N, 2, H, W, 3) uint8 pairs; and of each row how wide and tall its picture is, and
        what the network sees of it, as the network sees it, and the diagonal, in pixels, (N, 5)."""
        from hoigen.models.nets.parts import constant

        height, width = pairs.shape[2:4]
        upright = height > width  # the model was trained on wide pictures
        first, second = (prepared(pairs[:, at], upright) for at in (0, 1))
        across, down = (height, width) if upright else (width, height)
        sizes = across, down, first.shape[-1], first.shape[-2], math.hypot(height, width)
        return first, second, constant(sizes, first.device).expand(len(first), -1)

    def __call__(self, model: Any, first: Any, second: Any, sizes: Any) -> Any:
        """Mean lengths in diagonals, (N,)."""
        across, down, wide, tall, diagonal = sizes.T[:, :, None, None]
        flow = model(first, second).float()
        x, y = flow[:, 0] * across / wide, flow[:, 1] * down / tall
        return (x**2 + y**2).sqrt().mean((1, 2)) / diagonal[:, 0, 0]


def seen_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of what UniMatch sees of a picture: wide, sides stretched to multiples of 32."""
    from hoigen.models.nets.unimatch import MULTIPLE

    tall, wide = (max(SMALLEST, math.ceil(side / MULTIPLE) * MULTIPLE) for side in sorted((height, width)))
    return tall, wide


def prepared(images: Any, upright: bool) -> Any:
    """(n, 3, H, W) float32: normalised, wide, sides stretched to multiples of 32, as UniMatch's own script does."""
    import torch
    import torch.nn.functional as F

    from hoigen.models.nets.parts import constant
    from hoigen.models.nets.pixels import IMAGENET_MEAN, IMAGENET_STD

    values = torch.as_tensor(images).permute(0, 3, 1, 2).float()
    size = seen_size(*values.shape[-2:])
    values = values.transpose(2, 3) if upright else values
    values = F.interpolate(values, size, mode="bilinear", align_corners=True) / 255
    mean, deviation = (constant(each, values.device).reshape(1, 3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
    return (values - mean) / deviation
