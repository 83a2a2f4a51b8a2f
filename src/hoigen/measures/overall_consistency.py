"""Whether a clip shows what its prompt says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room, uses
from hoigen.models.uses import Network

if TYPE_CHECKING:
    import numpy as np

    from hoigen.measures.vbench.streams import Spread
    from hoigen.models.room import Handle
    from hoigen.models.uses import ModelUse

EVERY = EveryFrame()
ENCODERS = {
    "viclip": ("hoigen.models.nets.clip:viclip", "viclip_l14"),
    "clip": ("hoigen.models.nets.clip:both", "clip_vitl14"),
}
"""What builds the model, and its published file."""
CLIPS, ON_CARD = 2, 32
"""That are looked at together, eight frames each, by a CPU and by a graphics card."""
ROOM = 256 << 20
"""Bytes of whole frames of a clip: 97 of 720p. Most are let go; those that are looked at are made smaller where the
network is, which costs a worker nothing."""


@measure(
    "overall_consistency",
    numbers=(
        Number(
            name="overall_consistency",
            label="Overall Consistency",
            better="more",
            share=True,
            place=7,
            about="How well eight frames and the clip's prompt go together, the cosine of ViCLIP's two embeddings: 1 "
            "at most, below 0 where they contradict; VBench's tables have models at 0.25 to 0.28. Higher is better. "
            "Needs extra [models].",
        ),
    ),
)
class OverallConsistency:
    """How well eight frames and the clip's prompt go together, the cosine of ViCLIP's two embeddings: 1 at most, below
    0 where they contradict; VBench's tables have models at 0.25 to 0.28. Higher is better. Needs extra [models].

    Text is cut after 30 tokens, a sentence or two: give the short prompt that a long one was made from, as
    VBench asks too. `detail.cut` says how many pieces were not read. Undefined for a clip without a prompt.

    The frames are the middle ones of eight equal stretches, counted in frames as VBench does; where a header is off by
    more than two frames in a clip of more than a hundred, the nearest ones kept (`detail.frames` has their numbers).

    detail: `prompt`, `pieces` of it, how many were `cut`, `frames`, `weights` with their licence.

    Source: VBench, "Overall Consistency"; vbench 0.1.5, overall_consistency.py. It agrees within 1e-3.
    """

    sampling: EveryFrame = EVERY
    encoder: Annotated[
        str,
        Setting(
            "`viclip`, as VBench; `clip`, the mean cosine of the frames, one by one, with the prompt by CLIP "
            "ViT-L/14, whose licence (MIT) is known and which reads 75 pieces, on its own scale: never compare "
            "the two"
        ),
    ] = "viclip"
    checkpoint: Annotated[
        str, Setting("a file of one's own in the encoder's layout; empty for the published one", file=True)
    ] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"

    def __post_init__(self) -> None:
        room.check_settings(self.dtype, 1)
        if self.encoder not in ENCODERS:
            raise ValueError(f"encoder: {' or '.join(ENCODERS)}; it came as {self.encoder!r}")

    @property
    def files(self) -> dict[str, str]:
        return {ENCODERS[self.encoder][1]: self.checkpoint}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (*uses.named("clip_words"), *uses.of_files(self.files))

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        return (room.network_of(self, ENCODERS[self.encoder][0], CLIPS, ON_CARD),)

    def load(self) -> None:
        from hoigen.measures.vbench.words import words

        words()

    def begin(self, clip: Clip) -> _Stream:
        from hoigen.measures.vbench.streams import Spread

        model = room.handle(*self.networks)
        return _Stream(model, clip.prompt or "", Spread(model.facts["frames"], round(clip.duration * clip.fps)))


class _Stream:
    """One clip under way: holds the frames that may be wanted."""

    def __init__(self, model: Handle, prompt: str, spread: Spread) -> None:
        self.model, self.prompt, self.spread = model, prompt.strip(), spread

    def see(self, image: np.ndarray, time: float) -> None:
        if self.prompt:
            self.spread.offer(lambda: self._kept(image))

    def _kept(self, image: np.ndarray) -> np.ndarray:
        """The frame as it is held: whole, as long as there is room, else as small as the network sees it."""
        from hoigen.measures.vbench import pictures

        held = sum(each.nbytes for each in self.spread.kept.values())
        return image if held + image.nbytes <= ROOM else pictures.clip_small(image)

    def score(self) -> Score:
        if not self.prompt:
            return Score(None, {"reason": "no prompt"})
        if not self.spread.count:
            return Score(None, {"reason": "no frame to look at"})
        import numpy as np

        from hoigen.measures.vbench import pictures
        from hoigen.measures.vbench.words import words

        length = self.model.facts["length"]
        numbers, pieces = words().encoded(self.prompt, length)
        chosen = self.spread.chosen()
        taken = [self.spread.kept[at] for at in chosen]
        if len({each.shape for each in taken}) > 1:
            taken = [each if len(each) == pictures.SIDE else pictures.clip_small(each) for each in taken]
        frames = np.stack(taken)[None]
        value = float(self.model(frames, np.array([numbers]), method=pictures.LookAtClip()))
        detail = {
            "prompt": self.prompt,
            "pieces": pieces,
            "cut": max(0, pieces + 2 - length),
            "frames": chosen,
            "weights": list(self.model.ledger),
        }
        return Score(value, detail)
