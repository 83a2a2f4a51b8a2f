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
from hoigen.observe.geometry import area, in_pixels, in_shares
from hoigen.observe.masks import from_box
from hoigen.observe.observation import About, FrameRows

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
    from hoigen.models.nets.imagenet import ThingNamer
    from hoigen.models.nets.pose import Circle
    from hoigen.models.uses import ModelUse

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
    def knows(self) -> Knows:
        """Its words, before it is loaded."""
        return Knows(objects=frozenset(hico.objects()), verbs=None)

    @property
    def about(self) -> About:
        return About(observer="lite", theta=THETA, knows=self.knows)

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
        from hoigen.models.nets.pose import PoseFinder, around_box
        from hoigen.models.nets.ssd_coco import ObjectFinder

        self.find_things, self.find_hands = room.once(ObjectFinder), room.once(HandFinder)
        self.namer = room.once(ThingNamer) if settings.names else None
        self.find_bodies, self.around_box = room.once(PoseFinder) if settings.bodies else None, around_box
        self.follower = Follower() if settings.masks else None
        self.before: list[Circle] = []
        self.frames = FrameRows()

    def see(self, image: np.ndarray, time: Seconds) -> None:
        size = image.shape[1], image.shape[0]
        found, hands = self.find_things(image), self.find_hands(image)
        boxes = [Detection(label=thing.label, score=thing.score, box=thing.box) for thing in found]
        seen = [
            SeenHand(score=hand.score, palm=hand.palm, points=[(float(x), float(y)) for x, y in hand.points])
            for hand in hands
        ]
        regions = None if self.namer is None else list(self._regions(self.namer, image, boxes, seen))
        persons = None
        if self.find_bodies is not None:
            whole = [box for box in boxes if box.label == "person" and box.score >= SURE]
            whole = sorted(whole, key=lambda box: -area(box.box))[:PLACES]
            bodies = self.find_bodies(image, [*self.before, *(self.around_box(box.box, *size) for box in whole)])
            self.before = [body.around for body in bodies]
            persons = with_hands(together(bodies, whole, size), hands, size)
        things = None
        if self.follower is not None:
            held = [
                Held(label=as_name(box.label) or "", score=box.score, box=in_pixels(box.box, size), seen=time)
                for box in boxes
            ]
            held = [each for each in held if min(each.box[2] - each.box[0], each.box[3] - each.box[1]) >= 2]
            things = []
            for each in surest(self.follower(image, time, held), MASKED):
                mask = from_box(image, each.box)
                if each.seen != time:
                    mask = replace(mask, source=f"followed, {mask.source}")
                things.append(Thing(label=each.label, score=each.score, box=each.box, mask=mask))
        self.frames.append(
            ObservedFrame(
                time=time, size=size, persons=persons, things=things, boxes=boxes, hands=seen, regions=regions
            )
        )

    def finish(self) -> FrameRows:
        return self.frames

    def _regions(
        self, names_of: ThingNamer, image: np.ndarray, boxes: Sequence[Detection], hands: Sequence[SeenHand]
    ) -> Iterator[Region]:
        """The whole picture, the surroundings of the main person and of every hand; nothing where nobody is."""
        size = image.shape[1], image.shape[0]
        persons = sorted((box for box in boxes if box.label == "person"), key=lambda box: -presence(box))
        places = [("person", person.box, AROUND_PERSON) for person in persons[:1]]
        places += [("hand", hand.box, AROUND_HAND) for hand in hands]
        if places:
            whole: Box = (0.0, 0.0, 1.0, 1.0)
            yield Region(of="picture", who=whole, box=whole, names=names_of(image))
        for of, who, by in places:
            (left, top, right, bottom), (width, height) = in_pixels(who, size), size
            x, y, half = (left + right) / 2, (top + bottom) / 2, by * max(right - left, bottom - top) / 2
            x0, y0 = max(0, round(x - half)), max(0, round(y - half))
            x1, y1 = min(width, round(x + half)), min(height, round(y + half))
            if min(x1 - x0, y1 - y0) >= SMALLEST:
                names = names_of(image[y0:y1, x0:x1])
                yield Region(of=of, who=who, box=in_shares((x0, y0, x1, y1), size), names=names)
