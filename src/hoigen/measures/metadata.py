"""What the header says: no frame is decoded."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score


@measure(
    "metadata",
    numbers=(
        Number(name="duration", label="Duration", unit="s", place=71, about="Length of the clip, in seconds."),
        Number(
            name="short_side", label="Short Side", unit="px", place=72, about="The shorter side as shown, in pixels."
        ),
        Number(name="fps", label="Frame Rate", unit="fps", place=73, about="Frames per second."),
        Number(name="has_audio", label="Has Audio", place=74, about="1 with a sound track, 0 without."),
        Number(
            name="vfr",
            label="Variable Frame Rate",
            place=75,
            about="1 when the frame rate varies, 0 when it is constant.",
        ),
        Number(
            name="clock_jumps",
            label="Clock Jumps",
            better="less",
            place=76,
            about="How often the clock of the video had to be mended: it restarted (files joined end to end), jumped "
            "over a hole, or had a bad stamp. No frame is lost by it; sound may not fit the picture there.",
        ),
        Number(
            name="hdr",
            label="High Dynamic Range",
            place=77,
            about="1 for PQ and HLG, 0 for standard dynamic range.",
        ),
        Number(
            name="interlaced",
            label="Interlaced",
            place=78,
            about="1 when frames are made of two fields, 0 when they are progressive, as the stream says.",
        ),
    ),
)
class Metadata:
    """Duration (seconds), short side (pixels), frame rate (per second), audio, variable rate, high dynamic range and
    interlacing (0 or 1), and how often the clock was mended.

    Each number has a column and a rule of its own. Rotation is applied. detail holds codec, container, which stream of
    how many was taken, and more.

    Source: HOIGen-1M, section 3.1, "Metadata": duration > 1 s, resolution >= 720p, frame rate >= 20 FPS.
    """

    revision: ClassVar[int] = 2
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        header = clip.meta.get("header")
        if not header:
            from hoigen.video import probe

            header = dataclasses.asdict(probe(clip.uri))
        numbers = {
            "duration": clip.duration,
            "short_side": float(clip.short_side),
            "fps": float(clip.fps),
            "has_audio": float(header["has_audio"]),
            "vfr": float(header["variable_rate"]),
            "clock_jumps": float(header.get("jumps", 0)),
            "hdr": float(bool(header.get("hdr"))),
            "interlaced": float(header.get("interlaced", False)),
        }
        return Score(None, dict(header), numbers)
