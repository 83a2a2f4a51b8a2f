"""FineHOIScore in numbers alone: how far the contact point is from the object over time in, the score out.

A gap of 0 is touch, a gap of 1 is out of reach. The score is one minus the mean change of the gap from frame to frame.
docs/fine_hoi.md argues every step.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hoigen.interactions.contact import Profile
from hoigen.measures.fine.profile import changes_asked, fit, states

DEFINITION = "contact-gap 3"
BODY, HANDS = 0.15, 0.05
"""Reach over a person's height, from points of the body (a hand's length and some) and from landmarks of the hand."""
HALF = 0.5
"""Half a second to both sides over which a person's height is a median; half of a person's box inside is inside."""
HAND_ONLY = 3.0
"""Times a hand's length, where nothing but a hand is seen."""
KEEPS = 2.0
"""Times its length: a thing that grows or shrinks by more beside the person does not keep its size."""
SLACK = 1e-6
FPS = 8.0
"""Frames a second of the second version of the score."""
SLOWEST = 0.9 * FPS
"""Frames a second below which a video has no second version."""

Variant = Literal["gap", "binary", "diagonal"]
Policy = Literal["exclude", "zero", "one"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A person and an object through a video, of T frames; NaN where either is not seen.

    Args:
        times: (T,) seconds, which only grow.
        reach: (T,) distance over the contact range.
        diagonal: (T,) distance over the picture's diagonal.
        moves: how much the two move at all, 0..1; 0 for a still picture.
        grown: how many times longer the thing becomes beside the person.
    """

    times: np.ndarray
    reach: np.ndarray
    diagonal: np.ndarray
    moves: float = 1.0
    grown: float = 1.0

    def __post_init__(self) -> None:
        if not len(self.times) == len(self.reach) == len(self.diagonal):
            raise ValueError("times, reach and diagonal are of one length")
        if len(self.times) > 1 and not (np.diff(self.times) > 0).all():
            raise ValueError("times only grow")

    @property
    def seen(self) -> np.ndarray:
        return np.asarray(~np.isnan(self.reach))


@dataclass(frozen=True, slots=True, kw_only=True)
class FineScore:
    """What a track comes to. Shares are 0..1; None where there is nothing to say, and then `reason` says why.

    Args:
        native: the score over all frames.
        at_fps: the score over FPS frames a second.
        contact_rate: share of frames in contact.
        flips: changes between contact and none, a second.
        presence: share of frames with both detected.
        longest: seconds of the longest contact.
        mean_gap: the mean of `gap`.
        fit: how well contact goes with the verb's profile; of lasting contact the contact rate.
        whole: steadiness beyond the changes that the profile has x fit x presence x movement x sized.
        sized: 1 where the thing keeps its size, less the more it grows or shrinks.
        gap, contact: (T,) of each frame, 0..1 and whether it is touch; reported even where the score is undefined.
        reason: why there is no score; empty where there is one.
    """

    gap: np.ndarray
    contact: np.ndarray
    presence: float
    native: float | None = None
    at_fps: float | None = None
    contact_rate: float | None = None
    flips: float | None = None
    longest: float | None = None
    mean_gap: float | None = None
    fit: float | None = None
    whole: float | None = None
    sized: float = 1.0
    reason: str = ""


def heights(times: np.ndarray, limbs: np.ndarray, boxes: np.ndarray, hands: np.ndarray) -> np.ndarray:
    """A person's height in pixels per frame: the median over half a second to both sides of what limbs give.

    Where limbs give nothing at any time, the height of the box; where a hand alone is seen, HAND_ONLY of its length.
    All are (T,) with NaN where unknown. Frames before, between and after known ones take the nearest known value.
    """
    for values in (limbs, boxes, HAND_ONLY * hands):
        known = ~np.isnan(values)
        if not known.any():
            continue
        medians = np.full(len(times), np.nan)
        for at, second in enumerate(times):
            near = known & (np.abs(times - second) <= HALF + SLACK)
            if near.any():
                medians[at] = np.median(values[near])
        there = np.flatnonzero(~np.isnan(medians))
        closest = np.abs(times[:, None] - times[there][None]).argmin(axis=1)
        return np.asarray(medians[there[closest]])
    return np.full(len(times), np.nan)


def reaches(body: np.ndarray, hand: np.ndarray, height: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """Distance over the contact range, (T,), from distances in pixels of points of the body and of hand landmarks.

    Which of the two ranges holds is settled once a video, by whether most measured frames have hand landmarks: a range
    that changed from frame to frame would be a change of the score by itself. Where hands decide, points of the body
    keep their own range: they are moved closer by the difference of the two.
    """
    measured = ~np.isnan(body) | ~np.isnan(hand)
    with_hands = measured.any() and (~np.isnan(hand)).sum() * 2 >= measured.sum()
    by_hand = hand / (HANDS * factor * height)
    if with_hands:
        by_body = np.maximum(0.0, body - (BODY - HANDS) * factor * height) / (HANDS * factor * height)
        return np.asarray(np.fmin(by_body, by_hand))
    by_body = body / (BODY * factor * height)
    return np.where(np.isnan(by_body), by_hand, by_body)


def gaps(track: Track, variant: Variant = "gap", bridge: float = 0.25) -> np.ndarray:
    """The gap per frame, 0..1: short absences filled in, 1 in long ones.

    gap: distance over the contact range, at most 1. binary: 0 in contact, 1 out of it. diagonal: distance over the
    picture's diagonal, never cut off at a range.
    """
    raw = np.minimum(1.0, track.diagonal if variant == "diagonal" else track.reach)
    filled = bridged(track.times, raw, bridge)
    filled[np.isnan(filled)] = 1.0
    return (filled >= 1.0).astype(float) if variant == "binary" else filled


def bridged(times: np.ndarray, values: np.ndarray, bridge: float) -> np.ndarray:
    """Values with short absences filled in: linearly between two known frames that are no more than `bridge` apart.

    At the start and the end the nearest known value is kept for as long.
    """
    filled = np.array(values, float)
    known = np.flatnonzero(~np.isnan(filled))
    if not len(known):
        return filled
    for before, after in itertools.pairwise(known):
        if after - before > 1 and times[after] - times[before] <= bridge + SLACK:
            between = slice(before + 1, after)
            filled[between] = np.interp(times[between], times[[before, after]], filled[[before, after]])
    first, last = known[0], known[-1]
    filled[:first][times[first] - times[:first] <= bridge + SLACK] = filled[first]
    filled[last + 1 :][times[last + 1 :] - times[last] <= bridge + SLACK] = filled[last]
    return filled


def steadiness(gap: np.ndarray) -> float | None:
    """One minus the mean change from frame to frame; None for a single frame."""
    return 1.0 - float(np.abs(np.diff(gap)).mean()) if len(gap) > 1 else None


def held(times: np.ndarray, values: np.ndarray, fps: float) -> np.ndarray:
    """Values at `fps` a second from the first frame on: that of the frame shown then. Nothing is averaged."""
    count = int((times[-1] - times[0]) * fps + SLACK) + 1
    moments = times[0] + np.arange(count) / fps
    return np.asarray(values[np.searchsorted(times, moments + SLACK, side="right") - 1])


def rate(times: np.ndarray) -> float:
    """Mean frames a second."""
    return (len(times) - 1) / float(times[-1] - times[0]) if len(times) > 1 else 0.0


def fine_score(
    track: Track,
    variant: Variant = "gap",
    *,
    bridge: float = 0.25,
    least_presence: float = 0.2,
    undefined: Policy = "exclude",
    profile: Profile = "lasting",
) -> FineScore:
    """The score of a track and what belongs beside it.

    Args:
        track: a person and an object.
        variant: of the gap, as `gaps` has it.
        bridge: seconds without a detection that are filled in.
        least_presence: share of frames in which both must be seen, below which a video is undefined.
        undefined: what then: left out, 0, or 1 as the bare formula has it.
        profile: of the verb: whether contact lasts, begins, ends, or comes and goes; `fit` and `whole` go by it.
    """
    times, gap = track.times, gaps(track, variant, bridge)
    contact = gaps(track, "gap", bridge) < 1.0
    presence = float(track.seen.mean()) if len(times) else 0.0
    if len(times) < 2:
        reason = f"{len(times)} frame: a change needs two"
        return FineScore(presence=presence, gap=gap, contact=contact, reason=reason)
    if presence < least_presence:
        share = f"{presence:.0%} of the frames, under {least_presence:.0%}"
        reason = f"the object, and of the person what touches it, are both seen in {share}"
        number = {"exclude": None, "zero": 0.0, "one": 1.0}[undefined]
        return FineScore(native=number, at_fps=number, presence=presence, gap=gap, contact=contact, reason=reason)
    until = np.append(times[1:], times[-1] + np.median(np.diff(times)))  # each frame is there until the next one comes
    longest = began = 0.0
    before = False
    for touches, start, end in zip(contact, times, until, strict=True):
        began = began if before else start
        longest = max(longest, end - began) if touches else longest
        before = bool(touches)
    native, contact_rate = steadiness(gap), float(contact.mean())
    slow = rate(times) < SLOWEST
    fitting = fit(times, track.reach, contact, profile)
    # an object that was let go may leave the picture: it is not looked for where the verb has it away
    there = track.seen if profile == "lasting" else track.seen | ~states(track.reach)
    turns = float(np.abs(np.diff(gap)).sum()) - changes_asked(times, track.reach, profile)
    steady = 1.0 - max(0.0, turns) / (len(times) - 1)
    sized = min(1.0, KEEPS / max(1e-9, track.grown))
    return FineScore(
        native=native,
        at_fps=None if slow else steadiness(held(times, gap, FPS)),
        contact_rate=contact_rate,
        flips=float(np.abs(np.diff(contact.astype(int))).sum()) / float(times[-1] - times[0]),
        presence=presence,
        longest=float(longest),
        mean_gap=float(gap.mean()),
        fit=fitting,
        whole=steady * fitting * float(there.mean()) * track.moves * sized,
        sized=sized,
        gap=gap,
        contact=contact,
    )


def choose(tracks: list[Track], bridge: float = 0.25) -> list[int]:
    """Tracks from the likeliest pair to the least: by contact times presence, then presence, then nearness."""

    def worth(at: int) -> tuple[float, float, float]:
        track = tracks[at]
        presence = float(track.seen.mean()) if len(track.times) else 0.0
        near = float(np.nanmean(track.diagonal)) if track.seen.any() else 1.0
        closeness = float((1.0 - gaps(track, "gap", bridge)).mean()) if len(track.times) else 0.0
        return -closeness * presence, -presence, near

    return sorted(range(len(tracks)), key=worth)


def nearest_of(tracks: list[Track]) -> Track:
    """One track that is, in every frame, the pair which is closest then."""
    with np.errstate(all="ignore"):
        reach = np.fmin.reduce([track.reach for track in tracks])
        diagonal = np.fmin.reduce([track.diagonal for track in tracks])
    return Track(times=tracks[0].times, reach=reach, diagonal=diagonal)
