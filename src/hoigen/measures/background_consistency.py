"""Whether the scene of a clip stays the same."""

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
    from hoigen.measures.vbench.streams import ConsistencyStream

EVERY = EveryFrame()
FRAMES, ON_CARD = 8, 512
"""Of any clips that are looked at together, by a CPU and by a graphics card."""


@measure(
    "background_consistency",
    numbers=(
        Number(
            name="background_consistency",
            label="Background Consistency",
            better="more",
            share=True,
            place=2,
            about="How much the whole picture, and so mostly its background, stays the same, 0..1; higher is better, 1 "
            "when nothing changes. Needs extra [models].",
        ),
    ),
)
class BackgroundConsistency:
    """How much the whole picture, and so mostly its background, stays the same, 0..1; higher is better, 1 when nothing
    changes. Needs extra [models].

    Every frame becomes a feature (the picture embedding of CLIP ViT-B/32, of the square in the middle); its likeness
    to the frame before and to the first one are averaged (cosines, none below 0), and that over all frames but the
    first. Undefined for a clip of one frame.

    VBench takes float16 on a graphics card; for CLIP it moves a score by up to 5e-4.

    detail: `to_last`, `to_first`: the two cosines of each frame; `pairs`: how many frames count, since VBench weighs
    videos by that in its total; `embedding`: the mean of the frames' features, int8 in base64, by which
    `hoigen duplicates --by` compares clips; `weights`: what was used, with its licence.

    Source: VBench, "Background Consistency"; vbench 0.1.5, background_consistency.py. It agrees within 1e-3.
    """

    sampling: EveryFrame = EVERY
    checkpoint: Annotated[
        str, Setting("a file of one's own in the layout of CLIP; empty for the published one", file=True)
    ] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"
    batch: room.Batch = None

    def __post_init__(self) -> None:
        room.check_settings(self.dtype, self.batch)

    @property
    def files(self) -> dict[str, str]:
        return {"clip_vitb32": self.checkpoint}

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        return (room.network_of(self, "hoigen.models.nets.clip:vision", FRAMES, ON_CARD),)

    def begin(self, clip: Clip) -> ConsistencyStream:
        from hoigen.measures.vbench import pictures
        from hoigen.measures.vbench.streams import ConsistencyStream

        return ConsistencyStream(room.handle(*self.networks), pictures.Look("clip"))
