"""How beautiful people would find the frames of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.registry import measure
from hoigen.core.score import Number
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.uses import Network

if TYPE_CHECKING:
    from hoigen.measures.vbench.streams import PerFrameStream

EVERY = EveryFrame()
FRAMES, ON_CARD = 8, 128
"""Of any clips that are looked at together, by a CPU and by a graphics card."""


@measure(
    "aesthetic_quality",
    numbers=(
        Number(
            name="aesthetic_quality",
            label="Aesthetic Quality",
            better="more",
            share=True,
            place=4,
            about="How beautiful people would find the frames, about 0..1 (nothing bounds it); higher is better. Needs "
            "extra [models].",
        ),
    ),
)
class AestheticQuality:
    """How beautiful people would find the frames, about 0..1 (nothing bounds it); higher is better. Needs extra
    [models].

    The mean over all frames of LAION's first aesthetic predictor, a line through CLIP ViT-L/14's picture embedding
    that was fitted to ratings of 0 to 10, over ten. `aesthetics`, by which the paper curates, is the second
    predictor, on another scale: the two never share a head.

    VBench takes float16 on a graphics card.

    detail: `frames`: the number of each frame; `weights`: what was used, with its licence.

    Source: VBench, "Aesthetic Quality"; vbench 0.1.5, aesthetic_quality.py. It agrees within 1e-3.
    """

    sampling: EveryFrame = EVERY
    checkpoint: Annotated[
        str, Setting("CLIP's weights, a file of one's own in its layout; empty for the published one", file=True)
    ] = ""
    head: Annotated[str, Setting("likewise the predictor's", file=True)] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"
    batch: room.Batch = None

    def __post_init__(self) -> None:
        room.check_settings(self.dtype, self.batch)

    @property
    def files(self) -> dict[str, str]:
        return {"clip_vitl14": self.checkpoint, "laion_v1_vitl14": self.head}

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        return (room.network_of(self, "hoigen.models.nets.laion:built_v1", FRAMES, ON_CARD),)

    def begin(self, clip: Clip) -> PerFrameStream:
        from hoigen.measures.vbench import pictures
        from hoigen.measures.vbench.streams import PerFrameStream

        return PerFrameStream(room.handle(*self.networks), pictures.Look("clip"), scale=0.1)
