"""All that fine_hoi needs of one frame, and the pairs that come of a whole video."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.interactions.contact import Contact
from hoigen.measures.fine.distances import body_points, distance, hand_length, inside_share, limb_height
from hoigen.measures.fine.profile import moves
from hoigen.measures.fine.score import HALF, Track, heights, reaches
from hoigen.measures.fine.tracks import cut, link
from hoigen.observe.detections import Box
from hoigen.observe.frame import MOST, ObservedFrame, Person
from hoigen.observe.geometry import over

ITSELF = 0.3
"""Mean intersection over union from which a person among the things is one of those who are followed."""

FEWEST = 4
"""Frames of which the size of a thing is told."""
SAME = 0.7
"""Median intersection over union from which a person and a thing are one and the same."""

ROAMS = 2.0
"""Of its own diagonals: how far a thing may be from where it was a frame before, and be the same."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame in numbers, without its masks.

    Args:
        time: seconds from the clip's start.
        diagonal: of the picture, pixels.
        size: (width, height) of the picture, pixels.
        persons: those who are followed, the surest first.
        things: label, box and the mask's source of each object that is followed.
        apart: numbers of a person and a thing -> pixels from the thing to the nearest point of the body that may touch
            and to the nearest landmark of a hand, None where none is seen; and the share of the person's box that lies
            within the thing.
    """

    time: float
    diagonal: float
    size: tuple[int, int]
    persons: Sequence[Person]
    things: Sequence[tuple[str, Box, str]]
    apart: Mapping[tuple[int, int], tuple[float | None, float | None, float]]


def measured(frame: ObservedFrame, contact: Contact) -> Frame:
    """The distances of one frame, for a verb's contact."""
    persons = sorted(frame.persons or (), key=lambda person: -person.score)[:MOST]
    things = sorted(frame.things or (), key=lambda thing: -thing.score)[:MOST]
    handy = bool({"hand", "any"} & set(contact.parts))
    apart = {}
    for p, person in enumerate(persons):
        body = body_points(person, contact.parts)
        hands = [(float(x), float(y)) for hand in person.hands for x, y in hand] if handy else []
        for t, thing in enumerate(things):
            share = inside_share(thing.mask, person.box) if contact.kind == "inside" else 0.0
            apart[p, t] = distance(thing.mask, body), distance(thing.mask, hands), share
    kept = [(thing.label, thing.box, thing.mask.source) for thing in things]
    return Frame(frame.time, math.hypot(*frame.size), frame.size, persons, kept, apart)


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
    size = frames[0].size if frames else None
    followed = link([[person.box for person in frame.persons] for frame in frames], times, size=size)
    found = []
    for label in labels:
        numbers = [[t for t, thing in enumerate(frame.things) if thing[0] == label] for frame in frames]
        boxes = [[frame.things[t][1] for t in mine] for frame, mine in zip(frames, numbers, strict=True)]
        for things in link(boxes, times, ROAMS, size):
            at = {frame: numbers[frame][number] for frame, number in things.items()}
            overs = []  # of each person: how much the thing lies on it, where both are seen
            for person in followed:
                both = [i for i in sorted(person) if i in at]
                overs.append([over(frames[i].persons[person[i]].box, frames[i].things[at[i]][1]) for i in both])
            itself = None  # which person a `person` among the things is: the one that it lies on most, and clearly so
            if label == "person" and followed:
                means = [sum(each) / len(each) if each else 0.0 for each in overs]
                likeliest = max(range(len(means)), key=means.__getitem__)
                itself = likeliest if means[likeliest] >= ITSELF else None
            for number, person in enumerate(followed):
                # not of the same pixels: a dog, say, that another detector takes for a person
                if number != itself and overs[number] and float(np.median(overs[number])) < SAME:
                    found.append(
                        Candidate(
                            _track(frames, person, at, contact),
                            label,
                            {i: frames[i].persons[who].box for i, who in person.items()},
                            {i: frames[i].things[thing][1] for i, thing in at.items()},
                            Counter(frames[i].things[thing][2] for i, thing in at.items()),
                            number,
                        )
                    )
    return found


def _track(frames: Sequence[Frame], who: Mapping[int, int], at: Mapping[int, int], contact: Contact) -> Track:
    """How far a person and a thing are from each other. who, at: their numbers in each frame that shows them."""
    times = np.array([frame.time for frame in frames])
    unseen = (None, None, None)
    apart = [frame.apart[who[i], at[i]] if i in who and i in at else unseen for i, frame in enumerate(frames)]
    body, hand, share = (np.array(column, float) for column in zip(*apart, strict=True))  # None becomes NaN
    persons = [frames[i].persons[who[i]] if i in who else None for i in range(len(frames))]
    places = np.array(
        [
            _corners(person.box if person else None) + _corners(frames[i].things[at[i]][1] if i in at else None)
            for i, person in enumerate(persons)
        ],
        float,
    )
    if contact.kind == "inside":
        reach = 1.0 - np.minimum(1.0, share / HALF)  # 0 from half of the box within the mask on
        # without points there is no distance in pixels: the missing share stands for it
        diagonal = reach.copy()
        tall = max((person.box[3] - person.box[1] for person in persons if person), default=0.0)
    else:
        limbs = [limb_height(person) if person else None for person in persons]
        boxes = [person.box[3] - person.box[1] if person and not person.hand_only else None for person in persons]
        hands = [max(map(hand_length, person.hands)) if person and person.hands else None for person in persons]
        height = heights(times, *(np.array(column, float) for column in (limbs, boxes, hands)))
        reach = reaches(body, hand, height, contact.reach)
        diagonal = np.fmin(body, hand) / np.array([frame.diagonal for frame in frames])
        tall = float(np.nanmedian(height)) if not np.isnan(height).all() else 0.0
    diagonal = np.where(np.isnan(reach), np.nan, diagonal)
    return Track(times=times, reach=reach, diagonal=diagonal, moves=moves(places, tall), grown=_grown(frames, who, at))


def _corners(box: Box | None) -> list[tuple[float, float]]:
    """Two corners of a box; NaN for none."""
    return [(math.nan, math.nan)] * 2 if box is None else [(box[0], box[1]), (box[2], box[3])]


def _grown(frames: Sequence[Frame], who: Mapping[int, int], at: Mapping[int, int]) -> float:
    """How many times longer the thing's diagonal becomes, beside the person's; 1 where it is whole in too few frames.

    Of the frames that show both, none cut by the edge of the picture; from the 5th to the 95th percentile.
    """
    found = []
    for i in sorted(who.keys() & at.keys()):
        person, thing = frames[i].persons[who[i]].box, frames[i].things[at[i]][1]
        if not any(cut(thing, frames[i].size)):
            found.append(math.dist(thing[:2], thing[2:]) / max(1.0, math.dist(person[:2], person[2:])))
    if len(found) < FEWEST:
        return 1.0
    low, high = np.percentile(found, [5, 95])
    return float(high / max(1e-9, low))
