"""Persons and objects by models of the hub: boxes by words or classes, masks by SAM 2, points by ViTPose."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.errors import UsageError
from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import load as loading
from hoigen.models import room, uses
from hoigen.models.load import DTYPES
from hoigen.models.uses import Network
from hoigen.observe.boxes import BoxFinder
from hoigen.observe.detections import Knows, asked, question_of
from hoigen.observe.follow import Follower, Held, surest
from hoigen.observe.frame import MOST, Detection, ObservedFrame, Thing
from hoigen.observe.hub_model import HubModel
from hoigen.observe.masks import from_box, segmented
from hoigen.observe.observation import About, FrameRows
from hoigen.observe.poses import find_points, person_of
from hoigen.observe.propagate import Carrier

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.uses import ModelUse

GRABCUT = "grabcut"
"""Instead of a model for masks."""
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

    @functools.cached_property
    def find_boxes(self) -> BoxFinder:
        return BoxFinder(HubModel("boxes", self.boxes, self.device, self.dtype, self.batch), self.threshold)

    @functools.cached_property
    def of_masks(self) -> HubModel | None:
        """SAM 2; None for GrabCut."""
        build = "carried" if self.propagate else "masks"
        return HubModel(build, self.masks, self.device, self.dtype, self.batch) if self.masks != GRABCUT else None

    @functools.cached_property
    def of_points(self) -> HubModel:
        return HubModel("points", self.points, self.device, self.dtype, self.batch)

    @property
    def networks(self) -> tuple[Network, ...]:
        """What is asked. SAM 2's memory of a clip stays in the process that looks at it."""
        masks = None if self.propagate else self.of_masks
        return tuple(each.network for each in (self.find_boxes.model, masks, self.of_points) if each is not None)

    @property
    def _handles(self) -> list[room.Handle]:
        """What answers for boxes, masks and points."""
        masks: list[room.Handle] = []
        if self.of_masks is not None:
            masks.append(room.load(self.of_masks.network) if self.propagate else self.of_masks.loaded)
        return [self.find_boxes.model.loaded, *masks, self.of_points.loaded]

    @property
    def about(self) -> About:
        classes = self.find_boxes.classes
        return About(
            observer="models",
            knows=Knows(objects=None if classes is None else frozenset(classes), verbs=None),
            models=[entry for handle in self._handles for entry in handle.ledger],
        )

    def load(self) -> None:
        self.find_boxes.load()
        for handle in self._handles:
            _ = handle.facts
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
        self.waiting: list[tuple[np.ndarray, Seconds]] = []
        self.frames = FrameRows()
        self.follower = Follower()
        masks = settings.of_masks
        self.carrier = Carrier(room.load(masks.network)) if masks is not None and settings.propagate else None

    def see(self, image: np.ndarray, time: Seconds) -> None:
        self.waiting.append((image.copy(), time))
        if len(self.waiting) >= self.settings.batch:
            self.finish()

    def finish(self) -> FrameRows:
        """All frames; those that wait are looked at."""
        if not self.waiting:
            return self.frames
        images, times = zip(*self.waiting, strict=True)
        self.waiting = []
        classes = self.settings.find_boxes.classes
        wanted = [self.wanted] if self.wanted is not None else classes if classes is not None else hico.objects()
        found = self.settings.find_boxes(images, list(dict.fromkeys(["person", *wanted])))
        who = [[each for each in row if each.label == "person"][:MOST] for row in found]
        points = find_points(self.settings.of_points, images, [[each.box for each in row] for row in who])
        things = self._things(images, times, found)
        for image, time, row, places, mine in zip(images, times, who, points, things, strict=True):
            made = [person_of(at, each.box, each.score) for each, at in zip(row, places, strict=True)]
            persons = [person for person in made if person is not None]
            size = image.shape[1], image.shape[0]
            self.frames.append(ObservedFrame(time=time, size=size, persons=persons, things=mine))
        return self.frames

    def _things(
        self, images: Sequence[np.ndarray], times: Sequence[Seconds], found: Sequence[Sequence[Detection]]
    ) -> list[list[Thing]]:
        """The objects of each frame with their masks: the wanted one; persons too, unless any object was asked for."""
        every = not self.settings.is_asked
        mine = [
            [
                Held(label=each.label, score=each.score, box=each.box, seen=time)
                for each in row
                if every or (each.label == self.wanted if self.wanted is not None else each.label != "person")
                if min(each.box[2] - each.box[0], each.box[3] - each.box[1]) >= LEAST
            ]
            for row, time in zip(found, times, strict=True)
        ]
        if self.carrier is not None:
            rows = [self.carrier.carry(*each) for each in zip(images, times, mine, strict=True)]
        else:
            held = [surest(self.follower(*each), MOST) for each in zip(images, times, mine, strict=True)]
            boxes = [[each.box for each in row] for row in held]
            if self.settings.of_masks is not None:
                masks = segmented(self.settings.of_masks, images, boxes)
            else:
                masks = [[from_box(image, box) for box in row] for image, row in zip(images, boxes, strict=True)]
            rows = [
                [
                    (each, mask if each.seen == time else replace(mask, source=f"followed, {mask.source}"))
                    for each, mask in zip(row, cut, strict=True)
                ]
                for time, row, cut in zip(times, held, masks, strict=True)
            ]
        return [
            [Thing(label=each.label, score=each.score, box=each.box, mask=mask) for each, mask in row] for row in rows
        ]
