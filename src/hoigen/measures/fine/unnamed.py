"""How steadily persons hold or ride a thing that nobody has a word for: of what is at hands, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.measures.fine.score import SLACK
from hoigen.measures.handling import touches
from hoigen.observe.frame import ObservedFrame

THETA = 0.3
"""A touch counts above it, as for coarse_hoi's pairs."""
EVERY = 0.5
"""Seconds from one look to the next."""
FEWEST = 2
"""Looks with a touch from which somebody is there who is not believed otherwise: one may be a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unnamed:
    """What comes of the looks at a video.

    Args:
        times: of the looks, seconds.
        touch: of each, the best score of a hand on a thing, or of a rider, 0..1.
        contact: share of looks with a touch above THETA.
        steady: one minus the share of looks between which contact begins or ends.
        whole: contact x steady; None without any touch, and where nobody is.
        reason: why there is none.
    """

    times: Sequence[float]
    touch: Sequence[float]
    contact: float
    steady: float
    whole: float | None
    reason: str = ""


class Looks:
    """Takes frames in order of time and keeps the touch of one every EVERY seconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.touch: list[float] = []
        self.asked = False

    def offer(self, frame: ObservedFrame) -> None:
        """A frame; one without what is at hands says nothing."""
        if frame.grasped is None or (self.times and frame.time - self.times[-1] < EVERY - SLACK):
            return
        self.asked = True
        self.times.append(frame.time)
        self.touch.append(max((pair.score for pair in touches(frame)), default=0.0))

    def score(self, least: float, nobody: str = "") -> Unnamed | None:
        """What comes of them; None where the observer does not say what is at hands.

        Args:
            least: share of looks with a touch from which somebody is there, whatever else is believed.
            nobody: why nobody is believed to be there, if so.
        """
        if not self.asked:
            return None
        held = np.array(self.touch) > THETA
        contact = float(held.mean())
        steady = 1.0 - float(np.abs(np.diff(held.astype(float))).mean()) if len(held) > 1 else 1.0
        reason = ""
        if not contact:
            reason = nobody or "nobody is seen with a thing at a hand, or riding one"
        elif nobody and (contact < least or held.sum() < FEWEST):
            reason = f"{nobody}; a touch is seen in {held.sum()} of {len(held)} looks"
        whole = None if reason else contact * steady
        return Unnamed(times=self.times, touch=self.touch, contact=contact, steady=steady, whole=whole, reason=reason)
