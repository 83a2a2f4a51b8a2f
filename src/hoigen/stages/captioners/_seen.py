"""What the small detectors of `hoi_lite` and `motion` saw in a clip, summed up over its frames."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SURE = 0.5
"""Score from which a box of a person or hand counts."""
TWICE = 2
"""Frames in which a person or hand must be seen: one alone may be an error. Of a single frame, that one."""
LIKELY = 0.4
"""Evidence for an object per frame from which it looks like one; below, it may be one."""
LEFT, RIGHT = 0.38, 0.62
"""Where the left and the right of the picture begin, as shares of its width."""
NEAR, FAR = 0.35, 0.35
"""Share of the picture that a near person fills; share of its height that a far one stays under."""
STANDS = 0.008
"""Diagonals per second under which the camera stands still."""
ZOOMS = 0.1
"""Doublings per second from which the picture grows or shrinks."""
PACES = ((0.02, "a little movement"), (0.15, "some movement"), (float("inf"), "fast movement"))
"""Up to so many diagonals per second of subject motion: a mean over the picture, in which a hand counts for little."""

Where = Literal["on the left", "in the middle", "on the right"]
Camera = Literal[
    "stands still", "moves", "moves to the left", "moves to the right", "moves up", "moves down", "nears", "backs"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen.

    Args:
        frames: how many were looked at.
        persons: at once; 0 when in too few frames.
        person_frames: frames that show a person.
        hands: at once; 0 when in too few frames.
        hand_frames: frames that show a hand.
        where: the largest person, or hand where there is no person.
        near: it fills a large share of the picture.
        far: it is small.
        object: the likeliest thing, None when none is likely.
        likely: it looks like one, rather than may be one.
        contact: a box of it lies on a person's or a hand's.
        camera: what it does; None where motion was not measured.
        pace: how much moves by itself; None where motion was not measured.
    """

    frames: int
    persons: int
    person_frames: int
    hands: int
    hand_frames: int
    where: Where
    near: bool
    far: bool
    object: str | None
    likely: bool
    contact: bool
    camera: Camera | None = None
    pace: str | None = None

    @property
    def somebody(self) -> bool:
        return self.persons > 0 or self.hands > 0


def seen_in(facts: Mapping[str, Any]) -> Seen | None:
    """The sum of a clip's facts (measure -> {value, detail}); None when `hoi_lite` did not look at it."""
    detail = (facts.get("hoi_lite") or {}).get("detail") or {}
    frames = detail.get("frames")
    if not frames:
        return None
    persons, person_frames = _count(frames, "person")
    hands, hand_frames = _count(frames, "hand")
    middle, tall, area = _place(frames, "person" if persons else "hand")
    camera, pace = _moves(facts.get("motion") or {})
    thing, evidence = detail.get("object"), 0.0
    for frame in frames:  # the best contact with a thing of that name, and how much the picture looks like it
        touched = [contact["score"] for contact in frame["contacts"] if contact["object"] == thing]
        evidence += max(touched, default=0.0) + frame["looks_like"].get(thing, 0.0)
    return Seen(
        frames=len(frames),
        persons=persons,
        person_frames=person_frames,
        hands=min(hands, 2 * persons) if persons else hands,
        hand_frames=hand_frames,
        where="on the left" if middle < LEFT else "on the right" if middle > RIGHT else "in the middle",
        near=area >= NEAR,
        far=0 < tall < FAR,
        object=thing,
        likely=evidence >= LIKELY * len(frames),
        contact=bool(detail.get("contact")),
        camera=camera,
        pace=pace,
    )


def _boxes(frame: Mapping[str, Any], kind: str) -> list[Sequence[float]]:
    return [box["box"] for box in frame["boxes"] if box["kind"] == kind and box["score"] >= SURE]


def _count(frames: Sequence[Mapping[str, Any]], kind: str) -> tuple[int, int]:
    """How many are seen at once, the lower median of the frames that show any; and how many frames those are."""
    counts = [count for frame in frames if (count := len(_boxes(frame, kind)))]
    if len(counts) < min(TWICE, len(frames)):
        return 0, len(counts)
    return statistics.median_low(counts), len(counts)


def _place(frames: Sequence[Mapping[str, Any]], kind: str) -> tuple[float, float, float]:
    """Of the largest in each frame, medians: middle from the left, height, area; all as shares of the picture."""
    largest = [max(boxes, key=_area) for frame in frames if (boxes := _boxes(frame, kind))]
    if not largest:
        return 0.5, 0.0, 0.0
    middles = [(box[0] + box[2]) / 2 for box in largest]
    return (
        statistics.median(middles),
        statistics.median(box[3] - box[1] for box in largest),
        statistics.median(map(_area, largest)),
    )


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _moves(motion: Mapping[str, Any]) -> tuple[Camera | None, str | None]:
    """What the camera does, and how much moves by itself."""
    detail, values = motion.get("detail") or {}, motion.get("values") or {}
    pairs, camera, subject = detail.get("pairs"), values.get("camera_motion"), values.get("subject_motion")
    if not pairs or camera is None or subject is None:
        return None, None
    if detail.get("kind") == "still":
        return "stands still", "hardly any movement"
    pace = next(word for most, word in PACES if subject < most)
    if camera < STANDS:
        return "stands still", pace
    zoom = statistics.fmean(pairs["zoom"])
    if abs(zoom) >= ZOOMS:
        return "nears" if zoom > 0 else "backs", pace
    right, down = (statistics.fmean(pan[axis] for pan in pairs["pan"]) for axis in (0, 1))
    if max(abs(right), abs(down)) < camera / 2:
        return "moves", pace
    if abs(right) >= abs(down):  # the picture moves against the camera
        return "moves to the left" if right > 0 else "moves to the right", pace
    return "moves up" if down > 0 else "moves down", pace
