"""Persons and objects from small models on a CPU: COCO boxes made masks by GrabCut, MediaPipe bodies and hands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hoigen import hico
from hoigen.hoi.detections import Box, as_name
from hoigen.hoi.follow import Follower, Held
from hoigen.hoi.masks import Mask, from_box
from hoigen.hoi.scene import Scene, Thing
from hoigen.hoi.skeleton import SEEN, Person
from hoigen.measures.hoi_lite import area, shared
from hoigen.models import room, uses

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.hands import Hand
    from hoigen.models.nets.pose import Body, Circle
    from hoigen.models.nets.ssd_coco import Thing as Found

SURE = 0.4
"""A person's box from here on is looked into for a body."""
PLACES = 3
"""Boxes of persons that are looked into, the largest first."""
MASKED = 4
"""Objects of a frame that get a mask, the surest first."""
OWN = 0.15
"""A hand belongs to the body whose wrist is nearer than this share of the body's height."""


class LightReader:
    """Persons and objects of pictures."""

    name = "light"
    batch = 1
    ledger: Sequence[Mapping[str, str]] = ()
    models = uses.named(
        "ssd_mobilenet_v2_coco",
        "ssd_mobilenet_v2_coco_graph",
        "pose_detection",
        "pose_landmark",
        "palm_detection",
        "hand_landmark",
    )

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"reader": self.name, "revision": 1, "weights": uses.pins(self)}

    def load(self) -> None:
        self.begin()

    def begin(self) -> LightReading:
        return LightReading()

    def lacks(self, wanted: str | None) -> str:
        if wanted is None or wanted in hico.objects():  # COCO's and HICO-DET's 80 are the same
            return ""
        return f"the small detector has no object {wanted!r}, only COCO's; reader: models or recorded may have"


class LightReading:
    """One clip. A body found in the frame before is looked for where it was."""

    def __init__(self) -> None:
        from hoigen.models.nets.hands import HandFinder
        from hoigen.models.nets.pose import PoseFinder
        from hoigen.models.nets.ssd_coco import ObjectFinder

        self.find_things, self.find_bodies = room.once(ObjectFinder), room.once(PoseFinder)
        self.find_hands = room.once(HandFinder)
        self._before: list[Circle] = []
        self._follower = Follower()

    def read(self, images: Sequence[np.ndarray], times: Sequence[float], wanted: str | None) -> list[Scene]:
        return [self._read(image, time, wanted) for image, time in zip(images, times, strict=True)]

    def _read(self, image: np.ndarray, time: float, wanted: str | None) -> Scene:
        from hoigen.models.nets.pose import around_box

        height, width = image.shape[:2]
        found = self.find_things(image)
        boxes = [thing for thing in found if thing.label == "person" and thing.score >= SURE]
        boxes = sorted(boxes, key=lambda thing: -area(thing.box))[:PLACES]
        near = [*self._before, *(around_box(thing.box, width, height) for thing in boxes)]
        bodies = self.find_bodies(image, near)
        self._before = [body.around for body in bodies]
        persons = with_hands(together(bodies, boxes, width, height), self.find_hands(image), width, height)
        return Scene(size=(width, height), persons=persons, things=self._things(image, time, found, wanted))

    def _things(self, image: np.ndarray, time: float, found: Sequence[Found], wanted: str | None) -> list[Thing]:
        height, width = image.shape[:2]
        mine = [
            Held(label=name, score=thing.score, box=in_pixels(thing.box, width, height), seen=time)
            for thing in found
            if (name := as_name(thing.label) or "") == (wanted or name) and (wanted or name != "person")
        ]
        mine = [held for held in mine if min(held.box[2] - held.box[0], held.box[3] - held.box[1]) >= 2]
        followed = sorted(self._follower(image, time, mine), key=lambda held: -held.score)[:MASKED]
        return [Thing(label=h.label, score=h.score, box=h.box, mask=_mask(image, h, time)) for h in followed]


def _mask(image: np.ndarray, held: Held, time: float) -> Mask:
    """The mask of a box; one that was not detected in this very frame says so."""
    mask = from_box(image, held.box)
    return mask if held.seen == time else replace(mask, source=f"followed, {mask.source}")


def in_pixels(box: Box, width: int, height: int) -> Box:
    """A box in 0..1 as pixels."""
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def together(bodies: Sequence[Body], boxes: Sequence[Found], width: int, height: int) -> list[Person]:
    """Bodies as persons, and the boxes of persons in which no body was found."""
    persons = [person_of(body, width, height) for body in bodies]
    for found in boxes:
        box = in_pixels(found.box, width, height)
        if all(shared(box, person.box) < 0.3 * min(area(box), area(person.box)) for person in persons):
            persons.append(Person(box=box, score=found.score))
    return persons


def person_of(body: Body, width: int, height: int) -> Person:
    """A body's visible points, and the box around those."""
    from hoigen.models.nets.pose import NAMES

    at = body.points * (width, height)
    points = {
        name: (float(x), float(y)) for name, (x, y), seen in zip(NAMES, at, body.seen, strict=True) if seen >= SEEN
    }
    shown = list(points.values()) or [(float(x), float(y)) for x, y in at]
    x, y = [point[0] for point in shown], [point[1] for point in shown]
    box = max(0.0, min(x)), max(0.0, min(y)), min(float(width), max(x)), min(float(height), max(y))
    return Person(
        box=(box[0], box[1], max(box[0] + 1, box[2]), max(box[1] + 1, box[3])), points=points, score=body.score
    )


def with_hands(persons: Sequence[Person], hands: Sequence[Hand], width: int, height: int) -> list[Person]:
    """Hands given to the bodies whose wrists they are at; the others are persons of whom a hand alone is seen."""
    own: dict[int, list[np.ndarray]] = {}
    alone = []
    for hand in hands:
        points = hand.points * (width, height)
        holder = _holder(persons, (float(points[0][0]), float(points[0][1])))
        if holder is None:
            x0, y0, x1, y1 = in_pixels(hand.box, width, height)
            alone.append(Person(box=(x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)), hands=[points], score=hand.score))
        else:
            own.setdefault(holder, []).append(points)
    held = [
        Person(box=person.box, points=person.points, hands=own.get(at, []), score=person.score)
        for at, person in enumerate(persons)
    ]
    return held + alone


def _holder(persons: Sequence[Person], wrist: tuple[float, float]) -> int | None:
    """The person with the nearest wrist, near enough."""
    best, least = None, math.inf
    for at, person in enumerate(persons):
        near = OWN * max(person.box[2] - person.box[0], person.box[3] - person.box[1])
        for side in ("left", "right"):
            point = person.points.get(f"{side}_wrist")
            if point is not None and (apart := math.dist(point, wrist)) < min(near, least):
                best, least = at, apart
    return best
