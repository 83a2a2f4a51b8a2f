"""Interactions from small detectors on a CPU: persons and things of COCO, hands, and what is around the hands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hoigen import hico
from hoigen.hoi.detections import Box, Knows, Look, Pair, as_name, asked
from hoigen.measures.hoi_lite import STANDS_BESIDE, area, grown, shared, small_models
from hoigen.models import uses
from hoigen.registry import hoi_detector

if TYPE_CHECKING:
    import numpy as np

    from hoigen.clip import Clip
    from hoigen.models.nets.hands import Hand
    from hoigen.models.nets.ssd_coco import Thing

TALL = 0.35
"""Of the picture's height: a smaller person counts for less, as a bystander, where nothing was asked for."""
HOLDS = 8
"""Times the area of a hand: something larger, under a hand, is more likely behind it."""
LARGE = 0.3
"""Of the picture's short side: a smaller hand counts for less; hands at work are shown large."""
SMALLEST = 16
"""Pixels: what is smaller is not looked at."""


@hoi_detector("lite")
class LiteDetector:
    """Pairs of a person (or a hand alone) and a thing in contact, without verbs.

    A thing of COCO is in contact with a person when half of it lies in the person's box, or half of the person in its
    box (a rider on a horse); with a hand when it lies under a third of it. What a large hand or
    the main person has around it, and looks like one of some 230 things that one handles, is a pair of its own, so that
    things outside of COCO count.
    """

    theta = 0.3
    sees = True
    models = uses.named(
        "ssd_mobilenet_v2_coco",
        "ssd_mobilenet_v2_coco_graph",
        "palm_detection",
        "hand_landmark",
        "efficientnet_lite3",
    )

    @property
    def knows(self) -> Knows:
        return Knows(objects=frozenset(hico.objects()), verbs=None)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"detector": "lite", "revision": 1, "weights": uses.pins(self)}

    def load(self) -> None:
        """Reads the models, once per process."""
        small_models()

    def detect(self, clip: Clip, images: Sequence[np.ndarray], times: Sequence[float]) -> list[Look]:
        wanted = asked(clip)[1]
        return [Look(time=at, pairs=self.look(image, wanted)) for image, at in zip(images, times, strict=True)]

    def look(self, image: np.ndarray, wanted: str | None = None) -> list[Pair]:
        """The pairs of one picture. wanted: an object that is looked for although boxes over it say little."""
        find = small_models()
        things, hands = find.things(image), find.hands(image)
        persons = [thing for thing in things if thing.label == "person"]
        pairs = of_persons(things, persons, wanted) + of_hands(things, hands)
        size = min(image.shape[:2])
        for hand in hands:
            sure = surely(hand) * min(1.0, longer_side(hand.box, image) / size / LARGE)
            pairs += self._named(image, hand.box, sure, 2.5)
        for person in sorted(persons, key=presence)[-1:]:
            pairs += self._named(image, person.box, min(1.0, presence(person) / 0.5), 1.2)
        return pairs

    def _named(self, image: np.ndarray, who: Box, sure: float, by: float) -> list[Pair]:
        """What the square of `by` times the longer side around a person or hand looks like, of things that one handles.

        Its box is the square: where in it the thing lies is not known.
        """
        height, width = image.shape[:2]
        half, x, y = by / 2 * longer_side(who, image), (who[0] + who[2]) / 2 * width, (who[1] + who[3]) / 2 * height
        x0, y0, x1, y1 = max(0, round(x - half)), max(0, round(y - half)), round(x + half), round(y + half)
        piece = image[y0:y1, x0:x1]
        if min(piece.shape[:2]) < SMALLEST:
            return []
        names = small_models().namer(piece)
        score = min(1.0, sure * sum(names.values()))
        if score <= 0:
            return []
        box = (x0 / width, y0 / height, (x0 + piece.shape[1]) / width, (y0 + piece.shape[0]) / height)
        name = as_name(max(names, key=lambda word: names[word])) or ""
        return [Pair(person=who, box=box, object=name, score=score)]


def of_persons(things: Sequence[Thing], persons: Sequence[Thing], wanted: str | None) -> list[Pair]:
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


def of_hands(things: Sequence[Thing], hands: Sequence[Hand]) -> list[Pair]:
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


def presence(person: Thing) -> float:
    """Score of a person, less for a bystander."""
    return person.score * min(1.0, (person.box[3] - person.box[1]) / TALL)


def longer_side(box: Box, image: np.ndarray) -> float:
    """In pixels."""
    height, width = image.shape[:2]
    longer: float = max((box[2] - box[0]) * width, (box[3] - box[1]) * height)
    return longer


def surely(hand: Hand) -> float:
    """Score of a hand, less for a doubtful palm."""
    return hand.score * min(1.0, hand.palm / 0.6)
