"""All that fine_hoi needs of one frame, and the pairs that come of a whole video."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.interactions.contact import Contact
from hoigen.observe.detections import Box
from hoigen.observe.geometry import over
from hoigen.observe.masks import Mask, distance, inside_share
from hoigen.observe.skeleton import Person, body_points, hand_length, limb_height
from hoigen.observe.tracks import Boxes, link

if TYPE_CHECKING:
    import numpy as np

    from hoigen.observe.fine import Track

MOST = 6
"""Persons and things of a frame that are followed, the surest first."""

ITSELF = 0.3
"""Mean intersection over union from which a person among the things is one of those who are followed."""

ROAMS = 2.0
"""Of its own diagonals: how far a thing may be from where it was a frame before, and be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object in one frame; pixels. label: by HICO-DET's names where it has it."""

    label: str
    score: float
    box: Box
    mask: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One frame. size: (width, height) in pixels."""

    size: tuple[int, int]
    persons: Sequence[Person]
    things: Sequence[Thing]

    def only(self, wanted: str | None) -> Scene:
        """Its persons, with the things of one label alone; of none, with all things but persons."""
        things = [
            thing for thing in self.things if (thing.label == wanted if wanted is not None else thing.label != "person")
        ]
        return Scene(size=self.size, persons=self.persons, things=things)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A person and a thing in one frame.

    Args:
        body: pixels from the thing to the nearest point of the body that may touch; None where none is seen.
        hand: likewise to the nearest landmark of a hand.
        share: of the person's box that lies within the thing.
    """

    body: float | None
    hand: float | None
    share: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A scene in numbers, without its masks."""

    time: float
    diagonal: float
    persons: Sequence[Person]
    things: Sequence[tuple[str, Box, str]]
    measured: Mapping[tuple[int, int], _Measured]


def measured(scene: Scene, time: float, contact: Contact) -> Frame:
    """The distances of one frame, for a verb's contact."""
    persons = sorted(scene.persons, key=lambda person: -person.score)[:MOST]
    things = sorted(scene.things, key=lambda thing: -thing.score)[:MOST]
    handy = bool({"hand", "any"} & set(contact.parts))
    rows = {}
    for p, person in enumerate(persons):
        body = body_points(person, contact.parts)
        hands = [(float(x), float(y)) for hand in person.hands for x, y in hand] if handy else []
        for t, thing in enumerate(things):
            share = inside_share(thing.mask, person.box) if contact.kind == "inside" else 0.0
            rows[p, t] = _Measured(distance(thing.mask, body), distance(thing.mask, hands), share)
    kept = [(thing.label, thing.box, thing.mask.source) for thing in things]
    return Frame(time, math.hypot(*scene.size), persons, kept, rows)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person with one object through the video.

    Args:
        track: how far they are from each other.
        label: the object's.
        persons, things: the boxes by frame number, pixels.
        sources: how the masks were made -> in how many frames.
        person: the number of the person among those that are followed.
    """

    track: Track
    label: str
    persons: Mapping[int, Box]
    things: Mapping[int, Box]
    sources: Mapping[str, int]
    person: int


def candidates(frames: Sequence[Frame], contact: Contact) -> list[Candidate]:
    """Every pair of a followed person and a followed object that are seen together at all."""
    times = [frame.time for frame in frames]
    labels = sorted({label for frame in frames for label, _, _ in frame.things})
    followed = link([[person.box for person in frame.persons] for frame in frames], times)
    found = []
    for label in labels:
        numbers = [[t for t, thing in enumerate(frame.things) if thing[0] == label] for frame in frames]
        boxes = [[frame.things[t][1] for t in mine] for frame, mine in zip(frames, numbers, strict=True)]
        for things in link(boxes, times, ROAMS):
            at = {frame: numbers[frame][number] for frame, number in things.at.items()}
            same = _itself(frames, followed, at) if label == "person" else None
            for number, person in enumerate(followed):
                if number != same and person.at.keys() & at.keys():
                    found.append(_candidate(frames, label, (number, person), at, contact))
    return found


def _itself(frames: Sequence[Frame], followed: Sequence[Boxes], at: Mapping[int, int]) -> int | None:
    """The person that a followed `person` among the things is: whose boxes lie most on its own, and clearly so."""
    means = []
    for person in followed:
        both = sorted(person.at.keys() & at.keys())
        overs = [over(frames[i].persons[person.at[i]].box, frames[i].things[at[i]][1]) for i in both]
        means.append(sum(overs) / len(overs) if overs else 0.0)
    best = max(range(len(means)), key=means.__getitem__, default=None)
    return best if best is not None and means[best] >= ITSELF else None


def _candidate(
    frames: Sequence[Frame], label: str, person: tuple[int, Boxes], at: Mapping[int, int], contact: Contact
) -> Candidate:
    import numpy as np

    from hoigen.observe import fine

    times = np.array([frame.time for frame in frames])
    who = person[1].at
    rows = [
        frame.measured[who[i], at[i]] if i in who and i in at else _Measured(None, None, math.nan)
        for i, frame in enumerate(frames)
    ]
    body, hand = _column([row.body for row in rows]), _column([row.hand for row in rows])
    if contact.kind == "inside":
        reach = fine.inside_reach(_column([row.share for row in rows]))
        # without points there is no distance in pixels: the missing share stands for it
        diagonal = reach.copy()
    else:
        reach = fine.reaches(body, hand, _height(frames, who, times), contact.reach)
        diagonal = np.fmin(body, hand) / np.array([frame.diagonal for frame in frames])
    sources: dict[str, int] = {}
    for i, thing in at.items():
        source = frames[i].things[thing][2]
        sources[source] = sources.get(source, 0) + 1
    return Candidate(
        fine.Track(times=times, reach=reach, diagonal=np.where(np.isnan(reach), np.nan, diagonal)),
        label,
        {i: frames[i].persons[number].box for i, number in who.items()},
        {i: frames[i].things[number][1] for i, number in at.items()},
        sources,
        person[0],
    )


def _height(frames: Sequence[Frame], who: Mapping[int, int], times: np.ndarray) -> np.ndarray:
    """A followed person's height in every frame."""
    from hoigen.observe import fine

    seen = [frames[i].persons[who[i]] if i in who else None for i in range(len(frames))]
    limbs = _column([limb_height(person) if person else None for person in seen])
    boxes = _column([person.box[3] - person.box[1] if person and not person.hand_only else None for person in seen])
    hands = _column([max(map(hand_length, person.hands)) if person and person.hands else None for person in seen])
    return fine.heights(times, limbs, boxes, hands)


def _column(values: Sequence[float | None]) -> np.ndarray:
    import numpy as np

    return np.array([math.nan if value is None else value for value in values], float)
