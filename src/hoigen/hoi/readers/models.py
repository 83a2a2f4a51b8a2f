"""Persons and objects by models of the hub: boxes by words, masks by SAM 2, points by ViTPose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hoigen import hico
from hoigen.errors import UsageError
from hoigen.hoi.follow import Follower, Held
from hoigen.hoi.readers.boxes import BoxFinder, Found
from hoigen.hoi.readers.layouts import person_of
from hoigen.hoi.readers.poses import PoseFinder
from hoigen.hoi.readers.propagate import Propagator
from hoigen.hoi.readers.segments import GRABCUT, GrabCut, Segmenter
from hoigen.hoi.scene import MOST, Scene, Thing
from hoigen.models import load as loading
from hoigen.models import uses
from hoigen.models.uses import Network

if TYPE_CHECKING:
    import numpy as np

    from hoigen.hoi.masks import Mask
    from hoigen.hoi.skeleton import Person
    from hoigen.models.uses import ModelUse

LEAST = 2.0
"""Pixels on the shorter side below which a box is no object."""


@dataclass(frozen=True, slots=True)
class ModelsReader:
    """Persons and objects of pictures, a batch at a time; boxes that are missed are carried on for a second.

    Args:
        boxes, masks, points: ids of the hub (`owner/name`, `owner/name@revision`) or folders; masks may be `grabcut`.
        device, dtype: where, and in which precision.
        batch: frames at once.
        threshold: a less sure box is not there.
        propagate: masks by SAM 2's memory, from an object's first detection on.
    """

    boxes: str
    masks: str
    points: str
    device: str
    dtype: str
    batch: int
    threshold: float
    propagate: bool = False

    name = "models"
    sees = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.boxes, self.masks, self.points) if name != GRABCUT)

    @property
    def find_boxes(self) -> BoxFinder:
        return BoxFinder(self.boxes, self.device, self.dtype, self.threshold, self.batch)

    @property
    def find_masks(self) -> GrabCut | Segmenter | Propagator:
        if self.masks == GRABCUT:
            return GrabCut()
        if self.propagate:
            return Propagator(self.masks, self.device, self.dtype)
        return Segmenter(self.masks, self.device, self.dtype, self.batch)

    @property
    def find_points(self) -> PoseFinder:
        return PoseFinder(self.points, self.device, self.dtype, self.batch)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked. SAM 2's memory of a clip stays in the process that looks at it."""
        parts = (self.find_boxes, self.find_masks, self.find_points)
        return tuple(part.network for part in parts if not isinstance(part, GrabCut | Propagator))

    @property
    def identity(self) -> Mapping[str, Any]:
        models = [loading.identity(name) for name in self.names]
        facts = {"reader": self.name, "revision": 1, "models": models, "threshold": self.threshold, "dtype": self.dtype}
        return facts | ({"propagate": True} if self.propagate else {})

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return tuple(map(uses.of_hub, self.names))

    @property
    def ledger(self) -> list[Mapping[str, str]]:
        """What was used, with its licence."""
        parts = (self.find_boxes, self.find_masks, self.find_points)
        return [entry for part in parts if not isinstance(part, GrabCut) for entry in part.loaded.ledger]

    def load(self) -> None:
        for part in (self.find_boxes, self.find_masks, self.find_points):
            part.load()
        classes = self.find_boxes.classes
        if classes is not None and "person" not in classes:
            raise UsageError(f"boxes: {self.boxes} has no class `person`, without which there is no interaction")

    def lacks(self, wanted: str | None) -> str:
        classes = self.find_boxes.classes
        if wanted is None or classes is None or wanted in classes:
            return ""
        return f"{self.boxes} has no class {wanted!r}; a detector that takes words (Grounding DINO) has"

    def begin(self) -> ModelsReading:
        return ModelsReading(self)


class ModelsReading:
    """One clip: what is followed from frame to frame."""

    def __init__(self, reader: ModelsReader) -> None:
        self.boxes, self.masks, self.points = reader.find_boxes, reader.find_masks, reader.find_points
        self._follower = Follower()
        self._carrier = self.masks.begin() if isinstance(self.masks, Propagator) else None

    def read(self, images: Sequence[np.ndarray], times: Sequence[float], wanted: str | None) -> list[Scene]:
        found = self.boxes(images, _asked(self.boxes.classes, wanted))
        things = self._things(images, times, found, wanted)
        persons = self._persons(images, found)
        return [
            Scene(size=(image.shape[1], image.shape[0]), persons=who, things=mine)
            for image, who, mine in zip(images, persons, things, strict=True)
        ]

    def _things(
        self, images: Sequence[np.ndarray], times: Sequence[float], found: Sequence[Sequence[Found]], wanted: str | None
    ) -> list[list[Thing]]:
        """The objects of each frame with their masks."""
        mine = [_objects(each, time, wanted) for each, time in zip(found, times, strict=True)]
        if self._carrier is not None:
            carry = self._carrier.carry
            pairs = [carry(image, time, row) for image, time, row in zip(images, times, mine, strict=True)]
            return [[_thing(held, mask) for held, mask in row] for row in pairs]
        held = [self._followed(*each) for each in zip(images, times, mine, strict=True)]
        assert not isinstance(self.masks, Propagator)
        masks = self.masks(images, [[each.box for each in row] for row in held])
        return [
            [
                _thing(each, mask if each.seen == time else replace(mask, source=f"followed, {mask.source}"))
                for each, mask in zip(row, cut, strict=True)
            ]
            for time, row, cut in zip(times, held, masks, strict=True)
        ]

    def _followed(self, image: np.ndarray, time: float, found: Sequence[Held]) -> list[Held]:
        """The surest, those among them that were carried on through this frame."""
        return sorted(self._follower(image, time, found), key=lambda held: -held.score)[:MOST]

    def _persons(self, images: Sequence[np.ndarray], found: Sequence[Sequence[Found]]) -> list[list[Person]]:
        who = [[each for each in mine if each.label == "person"][:MOST] for mine in found]
        points = self.points(images, [[each.box for each in mine] for mine in who])
        made = [
            [person_of(at, each.box, each.score) for each, at in zip(mine, places, strict=True)]
            for mine, places in zip(who, points, strict=True)
        ]
        return [[person for person in mine if person is not None] for mine in made]


def _objects(found: Sequence[Found], time: float, wanted: str | None) -> list[Held]:
    """The detections that may be the object."""
    return [
        Held(label=each.label, score=each.score, box=each.box, seen=time)
        for each in found
        if each.label == (wanted or each.label) and (wanted or each.label != "person")
        if min(each.box[2] - each.box[0], each.box[3] - each.box[1]) >= LEAST
    ]


def _thing(held: Held, mask: Mask) -> Thing:
    return Thing(label=held.label, score=held.score, box=held.box, mask=mask)


def _asked(classes: Sequence[str] | None, wanted: str | None) -> list[str]:
    """Persons and the wanted object; without one, all that the detector has, or all of HICO-DET's."""
    if wanted is not None:
        return list(dict.fromkeys(["person", wanted]))
    return list(dict.fromkeys(["person", *(classes if classes is not None else hico.objects())]))
