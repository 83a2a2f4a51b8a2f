"""Who is believed to be a person, and what is at their hands: what several small detectors say, laid together.

One small detector alone sees persons in corgis and ships. A box of a person counts for what others, each a network of
its own, find within it: the points of a body, a face, a hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hoigen.observe.detections import Box
from hoigen.observe.frame import Detection, Person, SeenHand, Somebody
from hoigen.observe.geometry import area, in_shares, over, shared

if TYPE_CHECKING:
    from hoigen.models.nets.tflite import Region

WITHIN = 0.6
"""Of a body, a face or a hand: so much of it lies in the box of the person whose it is."""
MARGIN = 0.1
"""Of a person's box, on every side."""
POINTS = 5
"""Of a body: fewer are no body."""
LEAST = 0.3
"""A box of a person that is less sure is not looked at."""
NEAR = 0.1
"""Of a hand or a thing, whichever is smaller: so much of it is shared by a thing that is at that hand."""
ITSELF = 0.5
"""Intersection over union from which a thing is the hand, or the face, and no thing: not the same pixels twice."""
LARGER = 16
"""Times the area of a hand: something larger is behind the hand."""
MOST = 6
"""Things at hands that are kept, the surest first."""


def somebodies(
    boxes: Sequence[Detection],
    bodies: Sequence[Person] | None,
    faces: Sequence[Region],
    hands: Sequence[SeenHand],
    size: tuple[int, int],
    animal: float = 0.0,
) -> list[Somebody]:
    """The persons among the boxes of a frame, each with those who agree.

    Args:
        boxes: of things of all kinds, in 0..1.
        bodies: in pixels, those with points; None where they were not looked for.
        faces, hands: in 0..1.
        size: (width, height), pixels.
        animal: how much the main person looks like one, 0..1.
    """
    places = {
        "body": [in_shares(body.box, size) for body in bodies or () if len(body.points) >= POINTS],
        "face": [face.box for face in faces],
        "hand": [hand.box for hand in hands],
    }
    return [
        Somebody(
            box=person.box,
            score=person.score,
            by=tuple(by for by, some in places.items() if any(_within(place, person.box) for place in some)),
            animal=animal,
        )
        for person in boxes
        if person.label == "person" and person.score >= LEAST
    ]


def _within(place: Box, person: Box) -> bool:
    x, y = MARGIN * (person[2] - person[0]), MARGIN * (person[3] - person[1])
    wide = person[0] - x, person[1] - y, person[2] + x, person[3] + y
    return shared(place, wide) > WITHIN * area(place)


def at_hands(things: Sequence[Detection], hands: Sequence[SeenHand], faces: Sequence[Region]) -> list[Detection]:
    """Things of whatever kind that are at a hand, in 0..1; neither persons nor what is the hand or a face itself."""
    found = []
    for thing in sorted(things, key=lambda thing: -thing.score):
        if thing.label == "person" or any(over(thing.box, face.box) >= ITSELF for face in faces):
            continue
        at_hand = (
            area(thing.box) <= LARGER * area(hand.box)
            and over(thing.box, hand.box) < ITSELF
            and shared(thing.box, hand.box) >= NEAR * min(area(thing.box), area(hand.box))
            for hand in hands
        )
        if any(at_hand):
            found.append(thing)
    return found[:MOST]
