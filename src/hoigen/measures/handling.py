"""What persons and hands have on or under them, from boxes alone: interactions without verbs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box, Pair, as_name
from hoigen.observe.frame import TALL, presence
from hoigen.observe.geometry import area, shared

if TYPE_CHECKING:
    from hoigen.observe.frame import Detection, ObservedFrame, Region, SeenHand

# fmt: off
STANDS_BESIDE = frozenset((
    "car", "bus", "train", "truck", "airplane", "traffic light", "stop sign", "parking meter", "fire hydrant",
    "bench", "chair", "couch", "bed", "dining table", "toilet", "sink", "oven", "refrigerator", "tv", "clock",
    "vase", "potted plant", "umbrella", "bird", "bear", "elephant", "zebra", "giraffe", "tie",
))
# fmt: on
"""COCO things whose box over a person's says little: one stands beside them, is hidden in them, or wears them."""

LARGE = 0.3
"""Of the picture's short side: a smaller hand counts for less; hands at work are shown large."""
HOLDS = 8
"""Times the area of a hand: something larger, under a hand, is more likely behind it."""
ALIKE = 1e-4
"""Of the picture: boxes that differ by less are of one person or hand."""


def pairs_of(frame: ObservedFrame, wanted: str | None = None) -> list[Pair]:
    """Pairs of a person (or a hand alone) and a thing in contact, of a frame with boxes, hands and regions.

    A thing is in contact with a person when half of it lies in the person's box, or half of the person in its box (a
    rider on a horse); with a hand when it lies under a third of it. What a large hand or the main person has around it,
    and looks like a thing that one handles, is a pair of its own, so that things without a class count.

    Args:
        frame: what was observed; what it has not looked for makes no pairs.
        wanted: an object that is looked for although boxes over it say little.
    """
    things, hands = frame.boxes or (), frame.hands or ()
    persons = [thing for thing in things if thing.label == "person"]
    pairs = of_persons(things, persons, wanted) + of_hands(things, hands)
    for hand in hands:
        pairs += _named(frame, "hand", hand.box, surely(hand) * min(1.0, size_of(hand, frame.size) / LARGE))
    for person in sorted(persons, key=presence)[-1:]:
        pairs += _named(frame, "person", person.box, min(1.0, presence(person) / 0.5))
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
