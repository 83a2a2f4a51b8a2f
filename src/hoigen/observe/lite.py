"""Small models of the CPU, with bundled weights: boxes and hands, and what is asked of names, bodies and masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import room, uses
from hoigen.observe.bodies import together, with_hands
from hoigen.observe.detections import Box, Knows, as_name
from hoigen.observe.follow import Follower, Held, surest
from hoigen.observe.frame import Detection, ObservedFrame, Region, SeenHand, Thing, presence
from hoigen.observe.geometry import area, in_pixels, in_shares, square
from hoigen.observe.masks import from_box
from hoigen.observe.observation import About, FrameRows

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.nets.hands import Hand
    from hoigen.models.nets.pose import Circle
    from hoigen.models.nets.ssd_coco import Thing as Found
    from hoigen.models.uses import ModelUse
    from hoigen.observe.frame import Person

THETA = 0.3
"""Of the pairs that are made of its boxes, hands and regions (docs/coarse_hoi.md)."""
AROUND_HAND, AROUND_PERSON = 2.5, 1.2
"""Times the longer side: the square around a hand or a person that is looked at for names."""
SMALLEST = 16
"""Pixels: a smaller square is not looked at."""
SURE = 0.4
"""A person's box from here on is looked into for a body."""
PLACES = 3
"""Boxes of persons that are looked into, the largest first."""
MASKED = 4
"""Boxes of a label that get a mask in a frame, the surest first."""


@observer("lite")
class Lite:
    """Boxes of COCO's things and hands in every frame, by small models on this CPU. Looks without being asked.

    It finds COCO's 80 classes, which are HICO-DET's, and hands that are shown large; no gloves, no hands of a few
    pixels. Its theta, for the pairs that coarse_hoi makes of it, is 0.3.

    Names are what hoi_lite and coarse_hoi need, bodies and masks what fine_hoi needs. Names are told of the picture, of
    the surroundings of every hand and of those of the main person, wherever somebody is seen.

    Models: SSD-MobileNetV2 on COCO, MediaPipe palms, hands and poses, EfficientNet-Lite3 on ImageNet.
    """

    names: Annotated[
        bool, Setting("what picture, hands and main person look like, out of some 230 things that one handles")
    ] = True
    bodies: Annotated[bool, Setting("the points of up to three persons, joined with their hands")] = False
    masks: Annotated[
        bool,
        Setting(
            "the four surest boxes of each label, persons too, carried on for a second where they are missed, and cut "
            "out by GrabCut"
        ),
    ] = False

    sees = True

    @property
    def gives(self) -> frozenset[str]:
        wanted = {"regions": self.names, "persons": self.bodies, "things": self.masks}
        return frozenset(("boxes", "hands", *(field for field, on in wanted.items() if on)))

    @property
    def about(self) -> About:
        return About(observer="lite", theta=THETA, knows=Knows(objects=frozenset(hico.objects()), verbs=None))

    @property
    def models(self) -> tuple[ModelUse, ...]:
        files = ["ssd_mobilenet_v2_coco", "ssd_mobilenet_v2_coco_graph", "palm_detection", "hand_landmark"]
        files += ["efficientnet_lite3"] if self.names else []
        files += ["pose_detection", "pose_landmark"] if self.bodies else []
        return uses.named(*files)

    def load(self) -> None:
        """Reads the models, once per worker."""
        _Watching(self)

    def question(self, clip: Clip) -> str:
        return ""

    def begin(self, clip: Clip, sampling: Sampling) -> _Watching:
        return _Watching(self)


class _Watching:
    """One clip. A body found in the frame before is looked for where it was."""

    def __init__(self, settings: Lite) -> None:
        from hoigen.models.nets.hands import HandFinder
        from hoigen.models.nets.imagenet import ThingNamer
        from hoigen.models.nets.pose import PoseFinder
        from hoigen.models.nets.ssd_coco import ObjectFinder

        self.find_things, self.find_hands = room.once(ObjectFinder), room.once(HandFinder)
        self.namer = room.once(ThingNamer) if settings.names else None
        self.find_bodies = room.once(PoseFinder) if settings.bodies else None
        self.follower = Follower() if settings.masks else None
        self.before: list[Circle] = []
        self.frames = FrameRows()

    def see(self, image: np.ndarray, time: Seconds) -> None:
        height, width = image.shape[:2]
        things, hands = self.find_things(image), self.find_hands(image)
        boxes = [Detection(label=thing.label, score=thing.score, box=thing.box) for thing in things]
        seen = [
            SeenHand(score=hand.score, palm=hand.palm, points=[(float(x), float(y)) for x, y in hand.points])
            for hand in hands
        ]
        frame = ObservedFrame(
            time=time,
            size=(width, height),
            boxes=boxes,
            hands=seen,
            regions=None if self.namer is None else list(self._regions(image, boxes, seen)),
            persons=None if self.find_bodies is None else self._persons(image, things, hands),
            things=None if self.follower is None else self._things(image, time, things),
        )
        self.frames.append(frame)

    def finish(self) -> FrameRows:
        return self.frames

    def _regions(self, image: np.ndarray, boxes: Sequence[Detection], hands: Sequence[SeenHand]) -> Iterator[Region]:
        """The whole picture, the surroundings of the main person and of every hand; nothing where nobody is."""
        size = image.shape[1], image.shape[0]
        persons = sorted((box for box in boxes if box.label == "person"), key=lambda box: -presence(box))
        places = [("person", person.box, AROUND_PERSON) for person in persons[:1]]
        places += [("hand", hand.box, AROUND_HAND) for hand in hands]
        assert self.namer is not None
        if places:
            whole: Box = (0.0, 0.0, 1.0, 1.0)
            yield Region(of="picture", who=whole, box=whole, names=self.namer(image))
        for of, who, by in places:
            x0, y0, x1, y1 = square(who, size, by)
            if min(x1 - x0, y1 - y0) >= SMALLEST:
                names = self.namer(image[y0:y1, x0:x1])
                yield Region(of=of, who=who, box=in_shares((x0, y0, x1, y1), size), names=names)

    def _persons(self, image: np.ndarray, things: Sequence[Found], hands: Sequence[Hand]) -> list[Person]:
        from hoigen.models.nets.pose import around_box

        size = image.shape[1], image.shape[0]
        boxes = [thing for thing in things if thing.label == "person" and thing.score >= SURE]
        boxes = sorted(boxes, key=lambda thing: -area(thing.box))[:PLACES]
        assert self.find_bodies is not None
        bodies = self.find_bodies(image, [*self.before, *(around_box(thing.box, *size) for thing in boxes)])
        self.before = [body.around for body in bodies]
        return with_hands(together(bodies, boxes, size), hands, size)

    def _things(self, image: np.ndarray, time: Seconds, things: Sequence[Found]) -> list[Thing]:
        size = image.shape[1], image.shape[0]
        found = [
            Held(label=as_name(thing.label) or "", score=thing.score, box=in_pixels(thing.box, size), seen=time)
            for thing in things
        ]
        found = [held for held in found if min(held.box[2] - held.box[0], held.box[3] - held.box[1]) >= 2]
        assert self.follower is not None
        rows = []
        for held in surest(self.follower(image, time, found), MASKED):
            mask = from_box(image, held.box)
            if held.seen != time:
                mask = replace(mask, source=f"followed, {mask.source}")
            rows.append(Thing(label=held.label, score=held.score, box=held.box, mask=mask))
        return rows
