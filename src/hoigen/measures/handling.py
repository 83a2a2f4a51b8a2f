"""What persons and hands have on or under them, from boxes alone: interactions without verbs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box, Pair, as_name
from hoigen.observe.frame import TALL, presence
from hoigen.observe.geometry import area, in_pixels, shared

if TYPE_CHECKING:
    from hoigen.observe.frame import Detection, ObservedFrame, Region, SeenHand, Somebody

# fmt: off
STANDS_BESIDE = frozenset((
    "car", "bus", "train", "truck", "airplane", "traffic light", "stop sign", "parking meter", "fire hydrant",
    "bench", "chair", "couch", "bed", "dining table", "toilet", "sink", "oven", "refrigerator", "tv", "clock",
    "vase", "potted plant", "umbrella", "bird", "bear", "elephant", "zebra", "giraffe", "tie",
))
# fmt: on
"""COCO things whose box over a person's says little: one stands beside them, is hidden in them, or wears them."""

RIDDEN = frozenset(("bicycle", "motorcycle", "horse", "elephant", "skateboard", "surfboard", "snowboard", "skis"))
"""COCO things that one rides: the lower half of a rider lies in them."""
ASTRIDE = 0.3
"""Of a person's lower half: so much of it within what is ridden counts in full."""
RIDER = 0.6
"""Of both boxes' scores: a rider is told from somebody beside a bicycle by sure boxes alone."""
AGREE = (0.0, 0.6, 1.0)
"""How far a person is believed of whom a detector of things has a box, by how many others agree: none, one, more."""
BELIEVED = 0.35
"""Of `AGREE`, less for small persons and what looks like an animal: from here on somebody is there."""

SOMEBODY = 0.4
"""Mean belief over a video, of its surest person, under which nobody is there."""
BEAST = 2.0
"""Times the chance of an animal, where a whole video is judged: ImageNet's chances are spread thin over a busy picture,
and a panda that plays the guitar in a street looks like an animal by a fifth alone."""

LARGE = 0.3
"""Of the picture's short side: a smaller hand counts for less; hands at work are shown large."""
HOLDS = 8
"""Times the area of a hand: something larger, under a hand, is more likely behind it."""
ALIKE = 1e-4
"""Of the picture: boxes that differ by less are of one person or hand."""


def belief(frame: ObservedFrame) -> float:
    """How far it is believed that somebody is there, 0..1; 1 where the observer does not say who agrees on whom.

    One detector alone is never believed, nor what looks like an animal all through; a small person counts for less.
    """
    if frame.somebody is None:
        return 1.0
    return min(1.0, max((trust(each) for each in frame.somebody), default=0.0) / BELIEVED)


def trust(person: Somebody, beast: float = 1.0) -> float:
    """How far one person is believed, 0..1. beast: times the chance that it is an animal."""
    tall = min(1.0, (person.box[3] - person.box[1]) / TALL)
    return AGREE[min(len(person.by), len(AGREE) - 1)] * tall * max(0.0, 1.0 - beast * person.animal)


def believed(frame: ObservedFrame) -> ObservedFrame:
    """The frame with those of its persons whom independent detectors agree on; all where the observer does not say."""
    if frame.somebody is None or not frame.persons:
        return frame
    agreed = [in_pixels(grown(each.box, 0.1), frame.size) for each in frame.somebody if trust(each) > 0]
    persons = [
        person
        for person in frame.persons
        if any(shared(person.box, box) >= 0.5 * min(area(person.box), area(box)) for box in agreed)
    ]
    return replace(frame, persons=persons)


def surest(frame: ObservedFrame) -> float | None:
    """How far the frame's surest person is believed where the whole video is judged, 0..1; None where the observer does
    not say who agrees on whom."""
    return None if frame.somebody is None else max((trust(each, BEAST) for each in frame.somebody), default=0.0)


def nobody(trusted: Sequence[float | None]) -> str:
    """Why nobody is believed to be in a video; empty where somebody is, and where the observer does not say.

    trusted: of each frame, how far its surest person is believed (`surest`).
    """
    told = [each for each in trusted if each is not None]
    if not told or (mean := sum(told) / len(told)) >= SOMEBODY:
        return ""
    return f"nobody is there on whom two detectors agree for long enough (belief {mean:.2f}, under {SOMEBODY})"


def pairs_of(frame: ObservedFrame, wanted: str | None = None) -> list[Pair]:
    """Pairs of a person (or a hand alone) and a thing in contact, of a frame with boxes, hands and regions.

    Where the observer says what is at hands, that counts, and what is ridden (`of_grasps`, `of_riders`); a thing of
    which half lies in the person's box, or a third under a hand, and what surroundings look like, count for what was
    asked alone. Where it does not, those count for any interaction. All are less sure where it is doubtful that
    somebody is there, and nothing where nobody is (`belief`).

    Args:
        frame: what was observed; what it has not looked for makes no pairs.
        wanted: an object that is looked for although boxes over it say little.
    """
    sure = belief(frame)
    if sure == 0:
        return []
    things, hands = frame.boxes or (), frame.hands or ()
    persons = [thing for thing in things if thing.label == "person"]
    pairs = of_persons(things, persons, wanted) + of_hands(things, hands)
    for hand in hands:
        pairs += _named(frame, "hand", hand.box, surely(hand) * min(1.0, size_of(hand, frame.size) / LARGE))
    for person in sorted(persons, key=presence)[-1:]:
        pairs += _named(frame, "person", person.box, min(1.0, presence(person) / 0.5))
    pairs = [replace(pair, score=sure * pair.score) for pair in pairs]
    if frame.grasped is None:
        return pairs
    return [replace(pair, telling=False) for pair in pairs] + touches(frame)


def touches(frame: ObservedFrame) -> list[Pair]:
    """What hands hold and persons ride in a frame, however unsure what it is; scores above 0.3 count (docs).

    None without what the observer says of things at hands.
    """
    sure = belief(frame)
    things = frame.boxes or ()
    pairs = of_grasps(frame.grasped or (), frame.hands or (), sure)
    return pairs + of_riders(things, [thing for thing in things if thing.label == "person"], sure)


def of_grasps(things: Sequence[Detection], hands: Sequence[SeenHand], sure: float) -> list[Pair]:
    """Things of whatever kind at hands: the third root of hand x thing x overlap x belief.

    A detector is seldom sure of the kind of what a hand covers: its scores there are low and mean much all the same;
    the root brings them into the range of the others.

    Args:
        things: boxes of any kind, however unsure.
        hands: of the same frame.
        sure: how far it is believed that somebody is there.
    """
    pairs = []
    for thing in things:
        if thing.label == "person":
            continue
        for hand in hands:
            over = shared(hand.box, thing.box) / min(area(hand.box), area(thing.box))
            score = (sure * surely(hand) * thing.score * min(1.0, over / 0.3)) ** (1 / 3)
            if score > 0:
                pairs.append(Pair(person=hand.box, box=thing.box, object=as_name(thing.label) or "", score=score))
    return pairs


def of_riders(things: Sequence[Detection], persons: Sequence[Detection], sure: float) -> list[Pair]:
    """What persons ride: a third of a person's lower half lies in it."""
    pairs = []
    for thing in things:
        if thing.label not in RIDDEN:
            continue
        for person in persons:
            left, top, right, bottom = person.box
            below = left, (top + bottom) / 2, right, bottom
            within = min(1.0, shared(below, thing.box) / area(below) / ASTRIDE)
            score = RIDER * sure * math.sqrt(thing.score * person.score) * within
            if score > 0:
                pairs.append(Pair(person=person.box, box=thing.box, object=as_name(thing.label) or "", score=score))
    return pairs


def _named(frame: ObservedFrame, of: str, who: Box, sure: float) -> Iterator[Pair]:
    """What the surroundings of a person or hand look like, of things that one handles.

    The pair's box is that of the surroundings: where in it the thing lies is not known.
    """
    region = region_of(frame.regions or (), of, who)
    if region is None or not region.names:
        return
    score = min(1.0, sure * sum(region.names.values()))
    if score > 0:
        likeliest = max(region.names, key=lambda word: region.names[word])
        yield Pair(person=who, box=region.box, object=as_name(likeliest) or "", score=score)


def region_of(regions: Sequence[Region], of: str, who: Box) -> Region | None:
    """The surroundings of one person or hand; None where they were not looked at."""
    for region in regions:
        if region.of == of and all(abs(a - b) < ALIKE for a, b in zip(region.who, who, strict=True)):
            return region
    return None


def of_persons(things: Sequence[Detection], persons: Sequence[Detection], wanted: str | None) -> list[Pair]:
    """Things on persons. Scores: the geometric mean of both detections, less where little of them overlaps."""
    pairs = []
    for thing in things:
        name = as_name(thing.label) or ""
        for person in persons:
            if person is thing:
                continue
            touch = overlap(person.box, thing.box)
            score = math.sqrt(thing.score * person.score) * touch
            large = area(thing.box) > 1.5 * area(person.box)
            telling = not (thing.label in STANDS_BESIDE or large or thing.label == "person")
            if telling and name != wanted:
                score *= min(1.0, (person.box[3] - person.box[1]) / TALL)
            if score > 0 and (telling or name == wanted):
                pairs.append(Pair(person=person.box, box=thing.box, object=name, score=score, telling=telling))
    return pairs


def of_hands(things: Sequence[Detection], hands: Sequence[SeenHand]) -> list[Pair]:
    """Things under hands, not much larger than them."""
    pairs = []
    for thing in things:
        for hand in hands:
            if thing.label == "person" or area(thing.box) > HOLDS * area(hand.box):
                continue
            over = shared(hand.box, thing.box) / area(hand.box)
            score = surely(hand) * min(1.0, over / 0.3) * min(1.0, thing.score / 0.4)
            if score > 0:
                pairs.append(Pair(person=hand.box, box=thing.box, object=as_name(thing.label) or "", score=score))
    return pairs


def overlap(person: Box, thing: Box) -> float:
    """How far two boxes lie in each other, 0..1: half of the one within the other counts in full."""
    both = shared(grown(person, 0.1), thing)
    return min(1.0, max(both / area(thing), both / area(person)) / 0.5)


def grown(box: Box, by: float) -> Box:
    """The box with a margin of `by` of its size on every side."""
    x, y = by * (box[2] - box[0]), by * (box[3] - box[1])
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def surely(hand: SeenHand) -> float:
    """Score of a hand, less for a doubtful palm."""
    return hand.score * min(1.0, hand.palm / 0.6)


def size_of(hand: SeenHand, size: tuple[int, int]) -> float:
    """The longer side of a hand, as a share of the picture's short side. size: (width, height), pixels."""
    x0, y0, x1, y1 = hand.box
    longer: float = max((x1 - x0) * size[0], (y1 - y0) * size[1])
    return longer / float(min(size))
