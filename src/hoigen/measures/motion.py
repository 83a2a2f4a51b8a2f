"""How much moves, and whether it is the camera or what it looks at."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, Sampling, Seconds, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.nets.dis_flow import PRESETS

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.dis_flow import DisFlow

STILL = 0.002
"""Below this many diagonals per second the detail calls a clip still: sensor noise stays under half of it."""

REPEATED = 0.2
"""A frame that moved at less than this share of the pace up to the next sampled frame was shown twice."""

HOLD: Seconds = 1.0
"""A last frame that is held for longer, and for longer than frames are apart, counts as stillness."""

MOVING = 0.02
"""A place that moves by itself at this many diagonals per second counts as moving."""


@measure(
    "motion",
    numbers=(
        Number(
            name="motion",
            label="Motion",
            unit="diagonals/s",
            place=51,
            about="Mean optical-flow length, in frame diagonals per second; 0 is still, 1 crosses the picture in a "
            "second.",
        ),
        Number(
            name="camera_motion",
            label="Camera Motion",
            unit="diagonals/s",
            place=52,
            about="Mean length of the part that shift, zoom and turn of the camera explain (RANSAC on the border of "
            "the picture), same unit.",
        ),
        Number(
            name="subject_motion",
            label="Subject Motion",
            unit="diagonals/s",
            place=53,
            about="Mean length of the rest, what moves against the background.",
        ),
    ),
)
class Motion:
    """Mean optical-flow length, in frame diagonals per second; 0 is still, 1 crosses the picture in a second.

    Neither extreme is wanted: too still shows no action, too wild is blur and cuts. Flow (DIS) runs from each sampled
    frame to the very next one, over the time that really lies between the two. Where next to nothing moves (less than
    `slow` pixels), it runs to the next sampled frame instead: noise counts for less over a longer time. So it does
    from there on in a clip that repeats frames (12 per second shown at 24), where neighbours show nothing or a jump.

    camera_motion and subject_motion need not add up to motion: lengths of vectors do not. Travel through a deep scene
    (a view from a train) is more than shift, zoom and turn: there what is near counts as subject.

    detail: kind (still, camera, subject, both) and, per pair of frames, its time, the seconds between the two, the
        three lengths, the camera's pan in diagonals per second (to the right and down, as the picture moves), zoom
        (1 = twice as large after a second), turn in degrees per second (clockwise), and the share of the picture
        that moves by itself.

    The default rate divides no usual frame rate, so that repeated frames cannot hide between the sampled ones.

    Source: HOIGen-1M, section 3.1, "Motion Score" (UniMatch there, DIS here); the unit is hoigen's own, so that
    resolution, aspect ratio and frame rate do not change the number.
    """

    sampling: Sampling = Sampling(fps=4.7, short_side=240, pairs=True, gray=True)
    preset: Annotated[str, Setting("of DIS: ultrafast, fast or medium")] = "ultrafast"
    slow: Annotated[
        float,
        Setting(
            "where less than this moves from a frame to the very next one, flow runs to the next sampled one",
            unit="pixels",
        ),
    ] = 1.0

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        if not (self.sampling.pairs and self.sampling.gray):
            raise ValueError("sampling: pairs and gray are true: flow is measured between neighbouring luma frames")
        if self.preset not in PRESETS:
            raise ValueError(f"preset: one of {', '.join(PRESETS)}; it came as {self.preset!r}")
        if not 0 <= self.slow < math.inf:
            raise ValueError(f"slow: pixels, 0 or more; it came as {self.slow}")

    def load(self) -> None:
        flow_of(self.preset)

    def begin(self, clip: Clip) -> _Stream:
        return _Stream(flow_of(self.preset), self.slow, clip.duration)


def flow_of(preset: str) -> DisFlow:
    """The flow method of this process."""
    from hoigen.models.nets.dis_flow import DisFlow

    return room.once(DisFlow, preset)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What moved between two frames, per second."""

    time: float
    gap: float
    motion: float
    camera: float
    subject: float
    pan: tuple[float, float]
    zoom: float
    turn: float
    moving: float
    peak: float  # pixels per second that only the fastest fiftieth of the picture exceeds


class _Stream:
    """One clip under way: holds the last frame, the start of the last pair, and the numbers so far."""

    def __init__(self, flow: DisFlow, slow: float, duration: float) -> None:
        self.flow = flow
        self.slow = slow
        self.duration = duration
        self.pairs: list[_Pair] = []
        self.seen = 0
        self.repeats = False  # frames were repeated in this clip
        self.last: tuple[np.ndarray, float] | None = None
        self.start: tuple[np.ndarray, float] | None = None  # of the last pair, when it is to be looked at once more
        self.gap = math.inf  # within which the next frame still follows directly on the last one

    def see(self, image: np.ndarray, time: float) -> None:
        self.seen += 1
        last, self.last = self.last, (image, time)
        if last is None or time <= last[1]:
            return
        if time - last[1] > self.gap:  # a new sampled frame, not the one right after
            if self.start is not None:  # the longer pair up to this frame in place of the last, where it says more
                short, long = self.pairs[-1], self._pair(self.start, (image, time))
                self.repeats |= long.peak * long.gap > self.slow and short.peak < REPEATED * long.peak
                if self.repeats or long.peak * long.gap < 8 * self.slow:
                    self.pairs[-1] = long
                self.start = None
            self.gap = math.inf
            return
        self.gap = 1.5 * (time - last[1])
        pair = self._pair(last, (image, time))
        self.pairs.append(pair)
        self.start = last if self.repeats or pair.peak * pair.gap < self.slow else None

    def _pair(self, first: tuple[np.ndarray, float], second: tuple[np.ndarray, float]) -> _Pair:
        from hoigen.models.nets.dis_flow import split_flow

        (image, time), gap = first, second[1] - first[1]
        split = split_flow(self.flow(image, second[0]), image, second[0])
        per_second = 1 / (math.hypot(*image.shape) * gap)
        return _Pair(
            time=time,
            gap=gap,
            motion=split.motion * per_second,
            camera=split.camera * per_second,
            subject=split.subject * per_second,
            pan=(split.move.dx * per_second, split.move.dy * per_second),
            zoom=math.log2(split.move.scale) / gap if split.move.scale > 0 else 0.0,
            turn=split.move.degrees / gap,
            moving=float((split.own * per_second > MOVING).mean()),
            peak=split.peak / gap,
        )

    def score(self) -> Score:
        if not self.pairs:
            reason = "no two frames in order" if self.seen > 1 else "one frame only"
            return Score(None, {"reason": reason}, {"camera_motion": None, "subject_motion": None})
        # The last pair has no later frame; in a clip that repeats frames it may be a repetition, or the jump after it.
        pairs = self.pairs[:-1] if self.repeats and self.start and len(self.pairs) > 1 else self.pairs
        # Seconds that each pair stands for, up to the next one. Where frames come evenly, all weigh alike; a picture
        # that stands for long counts for as long.
        steps = [after.time - before.time for before, after in itertools.pairwise(pairs)]
        usual = sorted(steps)[(len(steps) - 1) // 2] if steps else pairs[-1].gap
        weights = [*steps, max(usual, pairs[-1].gap)]
        held = self.duration - pairs[0].time - math.fsum(weights)  # in which the last frame is held, which are still
        held = held if held > max(HOLD, 2 * usual) else 0.0
        total = math.fsum(weights) + held

        def mean(numbers: list[float]) -> float:
            return math.fsum(number * weight for number, weight in zip(numbers, weights, strict=True)) / total

        motion = mean([pair.motion for pair in pairs])
        camera = mean([pair.camera for pair in pairs])
        subject = mean([pair.subject for pair in pairs])
        kind = "camera" if camera >= 2 * subject else "subject" if subject >= 2 * camera else "both"
        digits = {"time": 3, "gap": 4, "zoom": 4, "turn": 2, "moving": 3}
        plain = ("time", "gap", "motion", "camera", "subject", "zoom", "turn", "moving")
        # a list per number, one entry per pair: a third of the text of a list of objects
        columns: dict[str, list[Any]] = {
            name: [round(getattr(pair, name), digits.get(name, 5)) for pair in pairs] for name in plain
        }
        columns["pan"] = [[round(pair.pan[0], 5), round(pair.pan[1], 5)] for pair in pairs]
        detail = {"kind": "still" if motion < STILL else kind, "pairs": columns}
        return Score(motion, detail, {"camera_motion": camera, "subject_motion": subject})
