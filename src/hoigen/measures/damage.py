"""What the decoder could not make whole."""

from __future__ import annotations

from typing import Annotated

from hoigen.core.clip import Clip, Frames, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting


@measure(
    "damage",
    numbers=(
        Number(
            name="torn_frames",
            label="Torn Frames",
            better="less",
            place=79,
            about="Frames of the clip that the decoder marks as damaged: parts of them are guessed, or what they build "
            "on is missing.",
        ),
        Number(
            name="lost_packets",
            label="Lost Packets",
            better="less",
            place=80,
            about="Packets, from the keyframe before the clip on, that could not be decoded.",
        ),
    ),
)
class Damage:
    """Frames of a clip that the decoder marks as damaged, and packets that it could not decode.

    They are counted in the pass that all measures share, so they cost nothing beside others that look at frames. What a
    decoder does not tell is not counted: of wrong bytes within a packet HEVC and VP9 say nothing (docs/videos.md).
    """

    sampling: Annotated[
        Sampling, Setting("frames to decode for; all frames of the clip are counted, whichever are asked for")
    ] = Sampling(frames=1, short_side=90)

    def __post_init__(self) -> None:
        check_sees(self.sampling)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        return Score(None, {}, {"torn_frames": float(frames.torn), "lost_packets": float(frames.decode_errors)})
