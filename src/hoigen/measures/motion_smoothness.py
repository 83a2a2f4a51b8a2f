"""Whether what moves in a clip moves as things do: without jumps and trembling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.arena import Rows
from hoigen.models.uses import Network

if TYPE_CHECKING:
    import numpy as np


AS_VBENCH = EveryFrame(untagged=True)
INTERPOLATORS = ("amt", "flow")
ON_CARD = 16
"""Frames, with those around them, that a graphics card looks at together."""
SMALLEST = 113
"""Shorter sides have one place or none at the coarsest scale of AMT, where nothing can be told apart."""


@measure(
    "motion_smoothness",
    numbers=(
        Number(
            name="motion_smoothness",
            label="Motion Smoothness",
            better="more",
            share=True,
            place=3,
            about="How well every second frame can be predicted from the two around it, 0..1; higher is smoother, 1 is "
            "a still picture. The interpolator `amt` needs extra [models].",
        ),
    ),
)
class MotionSmoothness:
    """How well every second frame can be predicted from the two around it, 0..1; higher is smoother, 1 is a still
    picture. The interpolator `amt` needs extra [models].

    One less the mean absolute difference between the odd frames and what a frame interpolation network (AMT-S) makes
    of their neighbours, over full scale. Undefined for a clip of fewer than three frames, and by `amt` for one with a
    side of less than 113 pixels, where VBench compares with black frames or stops.

    The network takes about 15 CPU seconds for a frame of 720p: take a graphics card.
    Colours are what OpenCV 4.11 makes of the file, as in `temporal_flickering`.
    detail: `differences`: of each odd frame that has two neighbours, in grey levels, 0..255; `weights`.

    Source: VBench, "Motion Smoothness"; vbench 0.1.5, motion_smoothness.py. With `amt` it agrees within 1e-3.
    """

    sampling: EveryFrame = AS_VBENCH
    interpolator: Annotated[
        str,
        Setting(
            "`amt`, VBench's network, whose weights are not for commercial use; `flow`, DIS optical flow, free, "
            "without weights and a hundred times as fast, on its own scale: never compare the two"
        ),
    ] = "amt"
    checkpoint: Annotated[
        str, Setting("a file of one's own in AMT-S's layout; empty for the published one", file=True)
    ] = ""
    device: room.Device = "auto"
    dtype: room.Dtype = "auto"

    def __post_init__(self) -> None:
        room.check_settings(self.dtype, 1)
        if self.interpolator not in INTERPOLATORS:
            raise ValueError(f"interpolator: {' or '.join(INTERPOLATORS)}; it came as {self.interpolator!r}")

    @property
    def files(self) -> dict[str, str]:
        return {"amt_s": self.checkpoint} if self.interpolator == "amt" else {}

    @property
    def identity(self) -> Mapping[str, Any]:
        return room.identity_of(self, self.files) | {"interpolator": self.interpolator}

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked, and loaded once for all who ask it."""
        if self.interpolator == "flow":
            return ()
        return (room.network_of(self, "hoigen.models.nets.amt:built", on_card=ON_CARD),)

    def begin(self, clip: Clip) -> _Stream:
        return _Stream(None if self.interpolator == "flow" else room.handle(*self.networks))


class _Stream:
    """One clip under way: holds a few frames. model: makes the frame between two; None for optical flow."""

    def __init__(self, model: room.Handle | None) -> None:
        self.model, self.smallest = model, 1 if model is None else SMALLEST
        self.even: np.ndarray | None = None
        self.odd: np.ndarray | None = None
        self.waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.asked: list[tuple[int, room.Later]] = []  # numbers of a frame, and what comes
        self.differences: list[float] = []

    def see(self, image: np.ndarray, time: float) -> None:
        import cv2

        if self.even is None:
            self.even = image
        elif min(image.shape[:2]) < self.smallest:
            return
        elif self.odd is None:
            self.odd = image
        else:
            if self.model is None:
                made = flow_between(self.even, image)
                self.differences.append(cv2.norm(self.odd, made, cv2.NORM_L1) / image.size)
            else:
                self._ask(self.model, (self.even, self.odd, image))
            self.even, self.odd = image, None

    def _ask(self, model: room.Handle, three: tuple[np.ndarray, np.ndarray, np.ndarray] | None) -> None:
        """How far from the middle one of three frames is what a network makes of the other two. None: of those that
        wait."""
        from hoigen.measures.vbench import pictures

        if three is not None:
            self.waiting.append(three)
        size = self.waiting[0][0].size if self.waiting else 0
        if self.waiting and (three is None or len(self.waiting) >= model.together(3 * size)):
            frames = Rows(tuple(Rows(each).stacked() for each in self.waiting))
            self.asked.append((size, model.submit(frames, method=pictures.LookBetween())))
            self.waiting = []

    def score(self) -> Score:
        if self.model is not None:
            self._ask(self.model, None)
            self.differences = [float(each) / size for size, later in self.asked for each in later.result()]
        if not self.differences:
            reason = "no frame to look at" if self.even is None else "fewer than three frames"
            if self.even is not None and min(self.even.shape[:2]) < self.smallest:
                reason = f"a side of less than {self.smallest} pixels, too small for AMT"
            return Score(None, {"reason": reason})
        mean = math.fsum(self.differences) / len(self.differences)
        detail = {
            "differences": [round(each, 4) for each in self.differences],
            "weights": [] if self.model is None else list(self.model.ledger),
        }
        return Score((255 - mean) / 255, detail)


def flow_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The frame between two, without weights: half of what moved forwards in `first` and backwards in `second`, both
    averaged; (H, W, 3) uint8, all three.

    The flow at a place of the frame between is taken to be that at the same place of the frames around it.
    """
    import cv2
    import numpy as np

    from hoigen.models.nets.dis_flow import DisFlow

    flow = room.once(DisFlow, "fast")
    greys = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (first, second)]
    ahead, back = flow(*greys), flow(greys[1], greys[0])
    height, width = greys[0].shape
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    halves = []
    for picture, moved in ((first, ahead), (second, back)):
        half = across - moved[..., 0] / 2, down - moved[..., 1] / 2
        halves.append(cv2.remap(picture, *half, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    made: np.ndarray = cv2.addWeighted(halves[0], 0.5, halves[1], 0.5, 0)
    return made
