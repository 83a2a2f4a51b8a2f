"""How well the frames of a clip are rendered: blur, noise, wrong exposure, compression."""

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
FRAMES, ON_CARD = 4, 64
"""Of any clips that are looked at together, by a CPU and by a graphics card."""
RESIZES = ("longer", "shorter", "shorter_centercrop", "none")


@measure(
    "imaging_quality",
    numbers=(
        Number(
            name="imaging_quality",
            label="Imaging Quality",
            better="more",
            share=True,
            place=5,
            about="How free of blur, noise, wrong exposure and compression the frames look, about 0..1 (nothing bounds "
            "it); higher is better. Needs extra [models]. VBench gives 0..100 for a video and 0..1 in its total; "
            "here it is 0..1 for both.",
        ),
    ),
)
class ImagingQuality:
    """How free of blur, noise, wrong exposure and compression the frames look, about 0..1 (nothing bounds it); higher
    is better. Needs extra [models]. VBench gives 0..100 for a video and 0..1 in its total; here it is 0..1 for both.

    The mean over all frames of MUSIQ, trained on the ratings of SPAQ, over 100. The weights that VBench takes are a
    conversion that is not for commercial use; `original` takes the file that was converted, which is free.

    detail: `frames`: the number of each frame; `weights`: what was used, with its licence.

    Source: VBench, "Imaging Quality"; vbench 0.1.5, imaging_quality.py. It agrees within 1e-3.
    """

    sampling: EveryFrame = EVERY
    original: Annotated[
        bool, Setting("take google-research's own file, under Apache-2.0; it holds the same numbers under other names")
    ] = False
    resize: Annotated[
        str,
        Setting(
            "what is done to large frames first: `longer`, the long side comes down to 512 pixels (VBench's "
            "default); `shorter`, the short side does; `shorter_centercrop`, and the middle square is taken; "
            "`none`"
        ),
    ] = "longer"
    checkpoint: Annotated[
        str, Setting("a file of one's own in the layout of either; empty for the published one", file=True)
    ] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"
    batch: room.Batch = None

    def __post_init__(self) -> None:
        room.check_settings(self.dtype, self.batch)
        if self.resize not in RESIZES:
            raise ValueError(f"resize: one of {', '.join(RESIZES)}; it came as {self.resize!r}")

    @property
    def files(self) -> dict[str, str]:
        return {"musiq_spaq_original" if self.original else "musiq_spaq": self.checkpoint}

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files) | {"resize": self.resize}

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        return (room.network_of(self, "hoigen.models.nets.musiq:built", FRAMES, ON_CARD),)

    def begin(self, clip: Clip) -> PerFrameStream:
        from hoigen.measures.vbench import pictures
        from hoigen.measures.vbench.streams import PerFrameStream

        return PerFrameStream(room.handle(*self.networks), pictures.Look("musiq", self.resize), scale=0.01)
