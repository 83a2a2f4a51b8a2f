"""What goes wrong in a video, with times: from persons, things and contact as they were observed, frame by frame.

Floating and passing through cannot be told from boxes and masks: that is for a judge who looks at the video.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, get_args

from hoigen.core.clip import Seconds
from hoigen.interactions.contact import Contact
from hoigen.observe.detections import Box
from hoigen.observe.geometry import area, over

Kind = Literal["absent", "untouched", "vanishes", "doubles", "jumps", "becomes", "hands", "frozen", "nobody"]
KINDS: Mapping[Kind, str] = {
    "absent": "the thing is not there",
    "untouched": "never touched",
    "vanishes": "vanishes",
    "doubles": "there are more of it than usual",
    "jumps": "changes its size at once",
    "becomes": "becomes another thing",
    "hands": "a hand too many",
    "frozen": "nothing moves",
    "nobody": "nobody is there",
}
"""Each kind in words, as pages show it."""
assert set(KINDS) == set(get_args(Kind))

GONE = 0.5
"""Seconds without the thing from which it has vanished: detectors lose things for less."""
LASTS = 0.25
"""Seconds that a second thing, or a hand too many, must be there."""
SCANT = 0.2
"""Of the frames: a thing, or a person, that is seen in fewer is not there."""
JUMP = 4.0
"""Times the area from one frame to the next within NEXT seconds: a thing that comes near grows more slowly."""
NEXT = 0.2
EDGE = 0.02
"""Of the picture: a box so near to its edge may have left it."""
SAME_PLACE = 0.5
"""Intersection over union of one thing that goes and another one that is there in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What a frame shows, without masks.

    Args:
        time: seconds from the clip's start.
        size: (width, height) of the picture, pixels.
        things: label and box of each thing, also of those that were not asked for.
        persons: how many are seen, of those who are believed.
        hands: how many are seen; None where nobody looked for hands.
    """

    time: Seconds
    size: tuple[int, int]
    things: Sequence[tuple[str, Box]]
    persons: int
    hands: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What goes wrong, and when. start, end: seconds from the clip's start."""

    kind: Kind
    start: Seconds
    end: Seconds


def failures(
    frames: Sequence[Glimpse],
    followed: Mapping[int, Box],
    label: str,
    contact: Sequence[bool],
    asked: Contact,
    away: Sequence[bool],
    moves: float,
) -> list[Failure]:
    """All that can be told from what was observed, in order of time.

    Args:
        frames: in order of time.
        followed: frame number -> box of the thing that is followed, pixels; empty when none is.
        label: of that thing.
        contact: of each frame, whether the two touch.
        asked: the verb's contact.
        away: of each frame, whether the verb has let the thing go by then (it may leave the picture).
        moves: how much the two move at all, 0..1.
    """
    if not frames:
        return []
    end = frames[-1].time
    whole = (frames[0].time, end)
    found = []
    peopled = sum(frame.persons > 0 for frame in frames) >= SCANT * len(frames)
    if not peopled and sum(bool(frame.hands) for frame in frames) < SCANT * len(frames):
        found.append(Failure(kind="nobody", start=whole[0], end=whole[1]))
    if len(followed) < SCANT * len(frames):
        return [Failure(kind="absent", start=whole[0], end=whole[1]), *found]
    if asked.kind != "none" and peopled and not any(contact):
        found.append(Failure(kind="untouched", start=whole[0], end=whole[1]))
    if moves == 0:
        found.append(Failure(kind="frozen", start=whole[0], end=whole[1]))
    found += _vanished(frames, followed, label, away)
    found += _doubled(frames, label)
    found += _jumped(frames, followed)
    too_many = [frame.hands is not None and frame.persons > 0 and frame.hands > 2 * frame.persons for frame in frames]
    found += _stretches(frames, too_many, "hands")  # more than two for each person that is seen
    return sorted(found, key=lambda each: (each.start, each.kind))


def _vanished(
    frames: Sequence[Glimpse], followed: Mapping[int, Box], label: str, away: Sequence[bool]
) -> list[Failure]:
    """Where the thing is gone without having left by the picture's edge, or another one is in its place."""
    found = []
    seen = sorted(followed)
    ends = [*itertools.pairwise(seen), (seen[-1], None)]
    for last, again in ends:
        until = frames[again].time if again is not None else frames[-1].time
        if until - frames[last].time < GONE or away[last] or again == last + 1:
            continue
        after = frames[last + 1 : again]
        if any(name == label and over(box, followed[last]) > 0 for frame in after for name, box in frame.things):
            continue  # another track of the same thing goes on from here
        if _at_edge(followed[last], frames[last].size):
            continue
        in_place = [
            frame.time
            for frame in after
            if any(name != label and over(box, followed[last]) >= SAME_PLACE for name, box in frame.things)
        ]
        before = any(name != label and over(box, followed[last]) >= SAME_PLACE for name, box in frames[last].things)
        swapped = not before and len(in_place) > 1 and in_place[-1] - in_place[0] >= LASTS
        kind: Kind = "becomes" if swapped else "vanishes"
        found.append(Failure(kind=kind, start=frames[last].time, end=until))
    return found


def _at_edge(box: Box, size: tuple[int, int]) -> bool:
    x, y = EDGE * size[0], EDGE * size[1]
    return box[0] <= x or box[1] <= y or box[2] >= size[0] - x or box[3] >= size[1] - y


def _doubled(frames: Sequence[Glimpse], label: str) -> list[Failure]:
    """Stretches in which there are more things of the label than usual, that do not come in by the picture's edge."""
    counts = [sum(name == label for name, _ in frame.things) for frame in frames]
    usual = max(1, round(median(count for count in counts if count))) if any(counts) else 1
    more = [
        count > usual and not all(_at_edge(box, frame.size) for name, box in frame.things if name == label)
        for count, frame in zip(counts, frames, strict=True)
    ]
    return _stretches(frames, more, "doubles")


def _stretches(frames: Sequence[Glimpse], true: Sequence[bool], kind: Kind) -> list[Failure]:
    """Stretches of LASTS seconds or more in which something holds."""
    found = []
    at = 0
    for holds, group in itertools.groupby(true):
        count = len(list(group))
        start, stop = frames[at].time, frames[min(at + count, len(frames) - 1)].time
        if holds and stop - start >= LASTS:
            found.append(Failure(kind=kind, start=start, end=stop))
        at += count
    return found


def _jumped(frames: Sequence[Glimpse], followed: Mapping[int, Box]) -> list[Failure]:
    """Moments at which the thing is at once another size, and whole in the picture both times."""
    found = []
    for one, other in itertools.pairwise(sorted(followed)):
        apart = frames[other].time - frames[one].time
        sizes = sorted((area(followed[one]), area(followed[other])))
        cut = _at_edge(followed[one], frames[one].size) or _at_edge(followed[other], frames[other].size)
        if apart <= NEXT and sizes[1] >= JUMP * sizes[0] and not cut:
            found.append(Failure(kind="jumps", start=frames[one].time, end=frames[other].time))
    return found
