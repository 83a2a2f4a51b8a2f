"""Holding and riding without a word for the thing: of what is at hands, whatever its kind. How steadily, and whether as
the verb asks for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.interactions.contact import Profile
from hoigen.measures.fine.profile import AWAY, changes_asked, fit, moves
from hoigen.measures.fine.score import SLACK
from hoigen.measures.handling import touches
from hoigen.observe.detections import Box, as_name
from hoigen.observe.frame import ObservedFrame, presence
from hoigen.observe.geometry import in_pixels

THETA = 0.3
"""A touch counts above it, as for coarse_hoi's pairs."""
EVERY = 0.5
"""Seconds from one look to the next."""
FEWEST = 3
"""Looks with a touch from which somebody is there who is not believed otherwise: fewer may be mistakes."""
OTHER = 0.5
"""What an act is worth that is done with another thing than the asked one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unnamed:
    """What comes of the looks at a video.

    Args:
        times: of the looks, seconds.
        touch: of each, the best score of a hand on a thing, or of a rider, 0..1.
        contact: share of looks with a touch above THETA.
        steady: one minus the share of looks between which contact begins or ends.
        whole: contact x steady; None without any touch, and where nobody is.
        done: how well touch goes with the verb's profile x steadiness beyond what the verb itself changes; 0 without
            any touch, None of a single look.
        moved: movement, 0..1; 0 for a still picture.
        other: whether the asked thing has a word and is not seen.
        act: done x moved, and OTHER of that for another thing; None where `whole` or `done` is.
        reason: why there is no `whole`.
    """

    times: Sequence[float]
    touch: Sequence[float]
    contact: float
    steady: float
    whole: float | None
    done: float | None = None
    moved: float = 0.0
    other: bool = False
    act: float | None = None
    reason: str = ""


class Looks:
    """Takes frames in order of time and keeps the touch of one every EVERY seconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.touch: list[float] = []
        self.labels: list[set[str | None]] = []
        self.places: list[list[tuple[float, float]]] = []
        self.tall: list[float] = []
        self.asked = False

    def offer(self, frame: ObservedFrame) -> None:
        """A frame; one without what is at hands says nothing."""
        if frame.grasped is None or (self.times and frame.time - self.times[-1] < EVERY - SLACK):
            return
        self.asked = True
        self.times.append(frame.time)
        self.touch.append(max((pair.score for pair in touches(frame)), default=0.0))
        things = [*(frame.boxes or ()), *frame.grasped]
        self.labels.append({as_name(thing.label) for thing in things if thing.label != "person"})
        place = _place(frame)
        self.places.append([(math.nan, math.nan)] * 2 if place is None else [place[:2], place[2:]])
        self.tall.append(math.nan if place is None else place[3] - place[1])

    def score(
        self, least: float, nobody: str = "", profile: Profile = "lasting", thing: str | None = None
    ) -> Unnamed | None:
        """What comes of them; None where the observer does not say what is at hands.

        Args:
            least: share of looks with a touch from which somebody is there, whatever else is believed; and with the
                asked thing, from which that one is there.
            nobody: why nobody is believed to be there, if so.
            profile: of the asked verb.
            thing: that was asked for; None where none was, or the observer has no word for it.
        """
        if not self.asked:
            return None
        times, held = np.array(self.times), np.array(self.touch) > THETA
        contact = float(held.mean())
        steady = 1.0 - float(np.abs(np.diff(held.astype(float))).mean()) if len(held) > 1 else 1.0
        reason = ""
        if not contact:
            reason = nobody or "nobody is seen with a thing at a hand, or riding one"
        elif nobody and (contact < least or held.sum() < FEWEST):
            reason = f"{nobody}; a touch is seen in {held.sum()} of {len(held)} looks"
        whole = None if reason else contact * steady
        done: float | None = None
        if len(held) > 1:
            reach = np.where(held, 0.0, AWAY)
            turns = float(np.abs(np.diff(held.astype(float))).sum()) - changes_asked(times, reach, profile)
            done = fit(times, reach, held, profile) * (1.0 - max(0.0, turns) / (len(held) - 1)) if contact else 0.0
        tall = [each for each in self.tall if not math.isnan(each)]
        moved = moves(np.array(self.places, float), float(np.median(tall))) if tall else 0.0
        other = thing is not None and sum(thing in labels for labels in self.labels) < least * len(held)
        act = None if whole is None or done is None else done * moved * (OTHER if other else 1.0)
        return Unnamed(
            times=self.times,
            touch=self.touch,
            contact=contact,
            steady=steady,
            whole=whole,
            done=done,
            moved=moved,
            other=other,
            act=act,
            reason=reason,
        )


def _place(frame: ObservedFrame) -> Box | None:
    """Where the surest person is, else the surest hand, in pixels; None where neither is seen."""
    persons = [thing for thing in frame.boxes or () if thing.label == "person"]
    if persons:
        return in_pixels(max(persons, key=presence).box, frame.size)
    if frame.hands:
        return in_pixels(max(frame.hands, key=lambda hand: hand.score).box, frame.size)
    return None
