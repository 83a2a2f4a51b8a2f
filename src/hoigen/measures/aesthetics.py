"""How beautiful people would find a clip, by the predictor that training data is filtered with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.arena import Rows
from hoigen.models.uses import Network

FRAMES, ON_CARD = 8, 128
"""Of any clips that are looked at together, by a CPU and by a graphics card."""


@measure(
    "aesthetics",
    numbers=(
        Number(
            name="aesthetics",
            label="LAION Aesthetics",
            better="more",
            about="LAION aesthetic score, about 1..10, higher is better; Open-Sora keeps what is above 4.5. Needs "
            "extra [models].",
        ),
    ),
)
class Aesthetics:
    """LAION aesthetic score, about 1..10, higher is better; Open-Sora keeps what is above 4.5. Needs extra [models].

    The mean over a few frames of LAION's second predictor on CLIP ViT-L/14's picture embedding. Frames are scaled as
    CLIP's authors do, smoothed on the way down. VBench's `aesthetic_quality` is the first predictor, on another scale
    and without smoothing: the two never share a head, and their numbers do not compare.

    detail: `frames`: the number of each frame; `weights`: what was used, with its licence.

    Source: HOIGen-1M, section 3.1, "Aesthetics Score"; improved-aesthetic-predictor (sac+logos+ava1-l14-linearMSE).
    """

    sampling: Sampling = Sampling(frames=3, short_side=None)
    checkpoint: Annotated[
        str, Setting("CLIP's weights, a file of one's own in its layout; empty for the published one", file=True)
    ] = ""
    head: Annotated[str, Setting("likewise the predictor's", file=True)] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        room.check_settings(self.dtype, 1)

    @property
    def files(self) -> dict[str, str]:
        return {"clip_vitl14": self.checkpoint, "laion_v2_vitl14": self.head}

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        return (room.network_of(self, "hoigen.models.nets.laion:built_v2", FRAMES, ON_CARD),)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if not len(frames):
            return Score(None, {"reason": "no frame to look at"})
        from hoigen.measures.vbench import pictures

        model = room.handle(*self.networks)
        shown: Any = frames.images
        if not model.device.startswith("cuda"):  # a card makes them smaller itself, pixel by pixel alike
            shown = Rows(tuple(pictures.smoothed(image) for image in shown))
        numbers = [float(each) for each in model(shown, method=pictures.Look("clip_smoothed"))]
        detail = {"frames": [round(each, 5) for each in numbers], "weights": list(model.ledger)}
        return Score(math.fsum(numbers) / len(numbers), detail)
