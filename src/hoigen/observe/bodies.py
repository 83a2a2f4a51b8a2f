"""Persons of bodies, hands and boxes that small models have found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hoigen.observe.frame import SEEN, Detection, Person
from hoigen.observe.geometry import area, in_pixels, shared

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.hands import Hand
    from hoigen.models.nets.pose import Body

OWN = 0.15
"""A hand belongs to the body whose wrist is nearer than this share of the body's height."""


def together(bodies: Sequence[Body], boxes: Sequence[Detection], size: tuple[int, int]) -> list[Person]:
    """Bodies as persons, and the boxes of persons in which no body was found. size: (width, height), pixels."""
    persons = [person_of(body, size) for body in bodies]
    for found in boxes:
        box = in_pixels(found.box, size)
        if all(shared(box, person.box) < 0.3 * min(area(box), area(person.box)) for person in persons):
            persons.append(Person(box=box, score=found.score))
    return persons


def person_of(body: Body, size: tuple[int, int]) -> Person:
    """A body's visible points, and the box around those."""
    from hoigen.models.nets.pose import NAMES

    at = body.points * size
    points = {
        name: (float(x), float(y)) for name, (x, y), seen in zip(NAMES, at, body.seen, strict=True) if seen >= SEEN
    }
    shown = list(points.values()) or [(float(x), float(y)) for x, y in at]
    x, y = [point[0] for point in shown], [point[1] for point in shown]
    box = max(0.0, min(x)), max(0.0, min(y)), min(float(size[0]), max(x)), min(float(size[1]), max(y))
    return Person(
        box=(box[0], box[1], max(box[0] + 1, box[2]), max(box[1] + 1, box[3])), points=points, score=body.score
    )


def with_hands(persons: Sequence[Person], hands: Sequence[Hand], size: tuple[int, int]) -> list[Person]:
    """Hands given to the bodies whose wrists they are at; the others are persons of whom a hand alone is seen."""
    own: dict[int, list[np.ndarray]] = {}
    alone = []
    for hand in hands:
        points = hand.points * size
        wrist = float(points[0][0]), float(points[0][1])
        holder, least = None, math.inf  # the person with the nearest wrist, near enough
        for at, person in enumerate(persons):
            near = OWN * max(person.box[2] - person.box[0], person.box[3] - person.box[1])
            for side in ("left", "right"):
                point = person.points.get(f"{side}_wrist")
                if point is not None and (apart := math.dist(point, wrist)) < min(near, least):
                    holder, least = at, apart
        if holder is None:
            x0, y0, x1, y1 = in_pixels(hand.box, size)
            alone.append(Person(box=(x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)), hands=[points], score=hand.score))
        else:
            own.setdefault(holder, []).append(points)
    held = [
        Person(box=person.box, points=person.points, hands=own.get(at, []), score=person.score)
        for at, person in enumerate(persons)
    ]
    return held + alone
