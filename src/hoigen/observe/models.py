"""Persons and objects by models of the hub: boxes by words or classes, masks by SAM 2, points by ViTPose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.errors import UsageError
from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import load as loading
from hoigen.models import uses
from hoigen.models.load import DTYPES
from hoigen.models.uses import Network
from hoigen.observe.boxes import BoxFinder, Found
from hoigen.observe.detections import Knows, asked, question_of
from hoigen.observe.follow import Follower, Held, surest
from hoigen.observe.frame import MOST, ObservedFrame, Thing
from hoigen.observe.observation import About, FrameRows
from hoigen.observe.poses import PoseFinder, person_of
from hoigen.observe.propagate import Propagator
from hoigen.observe.segments import GRABCUT, GrabCut, Segmenter

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.uses import ModelUse
    from hoigen.observe.frame import Person
    from hoigen.observe.masks import Mask

LEAST = 2.0
"""Pixels on the shorter side below which a box is no object."""


@observer("models")
class Models:
    """Persons with points and objects with masks, by models of the Hugging Face hub; needs extra [models], and a
    graphics card is wanted. Boxes that are missed are carried on for a second.

    Where boxes come from a detector of fixed classes (RT-DETR, D-FINE, DETR) it looks without being asked, at all of
    them. One that takes words (Grounding DINO) is asked for persons and the prompt's object, which its observations are
    kept by, and for all of HICO-DET's objects where the prompt has none. So is SAM 2's memory (`propagate`).

    Models are named by ids (`owner/name`, `owner/name@revision`) or folders.
    """

    boxes: Annotated[str, Setting("Grounding DINO, RT-DETR, D-FINE or DETR")] = "IDEA-Research/grounding-dino-tiny"
    masks: Annotated[str, Setting("SAM 2, or grabcut")] = "facebook/sam2.1-hiera-small"
    points: Annotated[str, Setting("ViTPose")] = "usyd-community/vitpose-base-simple"
    propagate: Annotated[
        bool, Setting("SAM 2 carries a mask from its first detection on, instead of one for each frame's box")
    ] = False
    threshold: Annotated[float, Setting("a less sure box is not there, between 0 and 1")] = 0.3
    device: Annotated[str, Setting("auto, cpu or cuda")] = "auto"
    dtype: Annotated[str, Setting("float32, bfloat16 or float16")] = "float32"
    batch: Annotated[int, Setting("frames at once; what is seen stays the same", least=1)] = 8

    sees = True
    gives = frozenset(("persons", "things"))

    def __post_init__(self) -> None:
        for name in ("boxes", "masks", "points"):
            if not getattr(self, name):
                raise ValueError(f"{name}: a folder, or an id of the Hugging Face hub (owner/name)")
        if self.propagate and self.masks == GRABCUT:
            raise ValueError("propagate: needs SAM 2 as masks; GrabCut has no memory")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: between 0 and 1; it came as {self.threshold}")
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype: {', '.join(DTYPES)}; it came as {self.dtype!r}")
        if self.batch < 1:
            raise ValueError(f"batch: 1 or more; it came as {self.batch}")

    @property
    def identity(self) -> Mapping[str, Any]:
        models = [loading.identity(name) for name in self._names]
        facts = {"models": models, "threshold": self.threshold, "dtype": self.dtype}
        return facts | ({"propagate": True} if self.propagate else {})

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return tuple(map(uses.of_hub, self._names))

    @property
    def _names(self) -> tuple[str, ...]:
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
    def about(self) -> About:
        classes = self.find_boxes.classes
        parts = (self.find_boxes, self.find_masks, self.find_points)
        return About(
            observer="models",
            knows=Knows(objects=None if classes is None else frozenset(classes), verbs=None),
            models=[entry for part in parts if not isinstance(part, GrabCut) for entry in part.loaded.ledger],
        )

    def load(self) -> None:
        for part in (self.find_boxes, self.find_masks, self.find_points):
            part.load()
        classes = self.find_boxes.classes
        if classes is not None and "person" not in classes:
            raise UsageError(f"boxes: {self.boxes} has no class `person`, without which there is no interaction")

    @property
    def is_asked(self) -> bool:
        """Whether it looks for the prompt's object alone: words are its question, or its memory is of few objects."""
        return self.propagate or self.find_boxes.asks_words

    def question(self, clip: Clip) -> str:
        return question_of(None, asked(clip)[1]) if self.is_asked else ""

    def begin(self, clip: Clip, sampling: Sampling) -> _Watching:
        return _Watching(self, asked(clip)[1] if self.is_asked else None)


class _Watching:
    """One clip: what is followed from frame to frame. wanted: the object that is looked for; None for any."""

    def __init__(self, settings: Models, wanted: str | None) -> None:
        self.settings, self.wanted = settings, wanted
        self.boxes, self.masks, self.points = settings.find_boxes, settings.find_masks, settings.find_points
        self.waiting: list[tuple[np.ndarray, Seconds]] = []
        self.frames = FrameRows()
        self._follower = Follower()
        self._carrier = self.masks.begin() if isinstance(self.masks, Propagator) else None

    def see(self, image: np.ndarray, time: Seconds) -> None:
        self.waiting.append((image.copy(), time))
        if len(self.waiting) >= self.settings.batch:
            self._look()

    def finish(self) -> FrameRows:
        self._look()
        return self.frames

    def _look(self) -> None:
        """At the frames that wait."""
        if not self.waiting:
            return
        images, times = zip(*self.waiting, strict=True)
        self.waiting = []
        found = self.boxes(images, self._names())
        persons, things = self._persons(images, found), self._things(images, times, found)
        for image, time, who, mine in zip(images, times, persons, things, strict=True):
            size = image.shape[1], image.shape[0]
            self.frames.append(ObservedFrame(time=time, size=size, persons=who, things=mine))

    def _names(self) -> list[str]:
        """Persons and the wanted object; without one, all that the detector has, or all of HICO-DET's."""
        any_of = self.boxes.classes if self.boxes.classes is not None else hico.objects()
        return list(dict.fromkeys(["person", *([self.wanted] if self.wanted is not None else any_of)]))

    def _things(
        self, images: Sequence[np.ndarray], times: Sequence[Seconds], found: Sequence[Sequence[Found]]
    ) -> list[list[Thing]]:
        """The objects of each frame with their masks."""
        mine = [self._objects(each, time) for each, time in zip(found, times, strict=True)]
        if self._carrier is not None:
            carry = self._carrier.carry
            pairs = [carry(image, time, row) for image, time, row in zip(images, times, mine, strict=True)]
            return [[_thing(held, mask) for held, mask in row] for row in pairs]
        held = [surest(self._follower(*each), MOST) for each in zip(images, times, mine, strict=True)]
        assert not isinstance(self.masks, Propagator)
        masks = self.masks(images, [[each.box for each in row] for row in held])
        return [
            [
                _thing(each, mask if each.seen == time else replace(mask, source=f"followed, {mask.source}"))
                for each, mask in zip(row, cut, strict=True)
            ]
            for time, row, cut in zip(times, held, masks, strict=True)
        ]

    def _objects(self, found: Sequence[Found], time: Seconds) -> list[Held]:
        """The detections that may be the object: the wanted one; persons too, unless any object was asked for."""
        every = not self.settings.is_asked
        return [
            Held(label=each.label, score=each.score, box=each.box, seen=time)
            for each in found
            if every or (each.label == self.wanted if self.wanted is not None else each.label != "person")
            if min(each.box[2] - each.box[0], each.box[3] - each.box[1]) >= LEAST
        ]

    def _persons(self, images: Sequence[np.ndarray], found: Sequence[Sequence[Found]]) -> list[list[Person]]:
        who = [[each for each in mine if each.label == "person"][:MOST] for mine in found]
        points = self.points(images, [[each.box for each in mine] for mine in who])
        made = [
            [person_of(at, each.box, each.score) for each, at in zip(mine, places, strict=True)]
            for mine, places in zip(who, points, strict=True)
        ]
        return [[person for person in mine if person is not None] for mine in made]


def _thing(held: Held, mask: Mask) -> Thing:
    return Thing(label=held.label, score=held.score, box=held.box, mask=mask)
