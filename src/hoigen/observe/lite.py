"""Small models of the CPU, with bundled weights: boxes and hands, and what is asked of names, bodies and masks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.interactions import hico
from hoigen.models import room, uses
from hoigen.observe.bodies import person_of, together, with_hands
from hoigen.observe.detections import Box, Knows, as_name
from hoigen.observe.follow import Follower, Held, surest
from hoigen.observe.frame import Detection, ObservedFrame, Person, Region, SeenHand, Thing, presence
from hoigen.observe.geometry import area, in_pixels, in_shares, middle
from hoigen.observe.masks import ellipse, from_box
from hoigen.observe.observation import About, FrameRows
from hoigen.observe.witnesses import at_hands, somebodies

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds
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
KIND, THING = 0.2, 0.05
"""A box from where on its kind is told, and from where on it is a thing of whatever kind, where it is at a hand."""
PALM = 0.3
"""A palm from here on is shown to the landmark model, which confirms it or not."""
CLOSER = 0.5
"""Seconds from one closer look to the next: things in squares of the picture, hands where arms end, names."""
LONG = 1.25
"""Longer side over shorter one from which squares of the picture are looked at as well."""
BEYOND, AT_WRIST = 0.35, 1.1
"""Of a forearm: how far beyond the wrist a hand lies, and half the side of the square that is looked into for it."""
LEAST_HALF = 24
"""Pixels."""
SLACK = 1e-6
AGAIN = 1.0
"""Of a hand's longer side, around its box: where it is looked for in the next frame."""


@observer("lite")
class Lite:
    """Boxes of COCO's things and hands in every frame, by small models on this CPU. Looks without being asked.

    It finds COCO's 80 classes, which are HICO-DET's, and hands: in the whole picture, within persons and where arms
    end; no gloves, no hands of a few pixels. Of each person it says which other detectors agree (body, face, hand), and
    how much it looks like an animal. Things of whatever kind count where they are at a hand. Its theta, for the pairs
    that coarse_hoi makes of it, is 0.3.

    Twice a second, and in every frame that comes more seldom, it looks closer: at squares of a long picture for
    small things, and into persons and at wrists for hands. Between such looks hands are found in the whole picture and
    where they were, and what was at hands, and looked like an animal, is what the last look said.

    Names are what hoi_lite and coarse_hoi need, masks what fine_hoi needs. Names are told of the picture, of the
    surroundings of every hand and of those of the main person, wherever somebody is seen.

    Models: SSD-MobileNetV2 on COCO, MediaPipe palms, hands, faces and poses, EfficientNet-Lite3 on ImageNet.
    """

    names: Annotated[
        bool, Setting("what picture, hands and main person look like, out of some 230 things that one handles")
    ] = True
    bodies: Annotated[
        bool, Setting("the points of up to three persons, joined with their hands; and hands looked for where arms end")
    ] = True
    masks: Annotated[
        bool,
        Setting(
            "the four surest boxes of each label, persons too, carried on for a second where they are missed, and cut "
            "out by GrabCut"
        ),
    ] = False

    sees = True
    revision = 2

    @property
    def gives(self) -> frozenset[str]:
        wanted = {"regions": self.names, "persons": self.bodies, "things": self.masks}
        return frozenset(("boxes", "hands", "somebody", "grasped", *(field for field, on in wanted.items() if on)))

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
        files += ["face_detection", "efficientnet_lite3"]
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
        from hoigen.models.nets.faces import FaceFinder
        from hoigen.models.nets.hands import HandFinder
        from hoigen.models.nets.imagenet import ThingNamer
        from hoigen.models.nets.pose import PoseFinder, around_box
        from hoigen.models.nets.ssd_coco import ObjectFinder

        self.settings = settings
        self.find_things, self.find_hands = room.once(ObjectFinder, THING), room.once(HandFinder, PALM)
        self.find_faces, self.namer = room.once(FaceFinder), room.once(ThingNamer)
        self.find_bodies, self.around_box = room.once(PoseFinder) if settings.bodies else None, around_box
        self.follower = Follower() if settings.masks else None
        self.before: list[Circle] = []
        self.hands: list[Box] = []
        self.looked: Seconds | None = None
        self.grasped: list[Detection] = []
        self.animal = 0.0
        self.frames = FrameRows()

    def see(self, image: np.ndarray, time: Seconds) -> None:
        size = image.shape[1], image.shape[0]
        closer = self.looked is None or time - self.looked >= CLOSER - SLACK
        anything = [Detection(label=each.label, score=each.score, box=each.box) for each in self.find_things(image)]
        boxes = [box for box in anything if box.score >= KIND]
        whole = [box for box in boxes if box.label == "person" and box.score >= SURE]
        whole = sorted(whole, key=lambda box: -area(box.box))[:PLACES]
        bodies = None
        if self.find_bodies is not None:
            bodies = self.find_bodies(image, [*self.before, *(self.around_box(box.box, *size) for box in whole)])
            self.before = [body.around for body in bodies]
        pieces = list(self.hands)
        if closer:
            pieces += [in_pixels(box.box, size) for box in whole]
            pieces += [place for body in bodies or () for place in _wrists(person_of(body, size))]
        hands = self.find_hands(image, pieces)
        self.hands = []  # with room for where they go until the next frame
        for hand in hands:
            left, top, right, bottom = in_pixels(hand.box, size)
            by = AGAIN * max(right - left, bottom - top)
            self.hands.append((left - by, top - by, right + by, bottom + by))
        seen = [
            SeenHand(score=hand.score, palm=hand.palm, points=[(float(x), float(y)) for x, y in hand.points])
            for hand in hands
        ]
        faces = self.find_faces(image)
        regions: list[Region] = []
        if self.settings.names or closer:
            regions = list(self._regions(image, boxes, seen if self.settings.names else []))
        if closer:
            self.looked = time
            self.grasped = at_hands([*anything, *self._in_squares(image, seen)], seen, faces) if seen else []
        persons = None if bodies is None else with_hands(together(bodies, whole, size), hands, size)
        somebody = somebodies(boxes, persons, faces, seen, size, self.animal)
        things = None
        if self.follower is not None:
            held = [
                Held(label=as_name(box.label) or "", score=box.score, box=in_pixels(box.box, size), seen=time)
                for box in boxes
            ]
            held = [each for each in held if min(each.box[2] - each.box[0], each.box[3] - each.box[1]) >= 2]
            things = []
            followed = surest(self.follower(image, time, held), MASKED)
            alone = sum(each.label == "person" for each in followed) == 1
            for each in followed:
                # somebody alone touches no other person: that one's outline is never asked for
                mask = ellipse(each.box) if alone and each.label == "person" else from_box(image, each.box)
                if each.seen != time:
                    mask = replace(mask, source=f"followed, {mask.source}")
                things.append(Thing(label=each.label, score=each.score, box=each.box, mask=mask))
        self.frames.append(
            ObservedFrame(
                time=time,
                size=size,
                persons=persons,
                things=things,
                boxes=boxes,
                hands=seen,
                regions=regions if self.settings.names else None,
                somebody=somebody,
                grasped=self.grasped,
            )
        )

    def finish(self) -> FrameRows:
        return self.frames

    def _in_squares(self, image: np.ndarray, hands: Sequence[SeenHand]) -> Iterator[Detection]:
        """Things in up to three squares of a long picture, as large as its shorter side, where they are larger: in
        those that hold a hand's middle."""
        import numpy as np

        height, width = image.shape[:2]
        side, longer = min(height, width), max(height, width)
        if longer < LONG * side:
            return
        middles = [middle(in_pixels(hand.box, (width, height)))[0 if width > height else 1] for hand in hands]
        for start in (0, (longer - side) // 2, longer - side):
            if not any(start <= place <= start + side for place in middles):
                continue
            x0, y0 = (start, 0) if width > height else (0, start)
            for found in self.find_things(np.ascontiguousarray(image[y0 : y0 + side, x0 : x0 + side])):
                left, top, right, bottom = (edge * side for edge in found.box)
                box = in_shares((left + x0, top + y0, right + x0, bottom + y0), (width, height))
                yield Detection(label=found.label, score=found.score, box=box)

    def _regions(self, image: np.ndarray, boxes: Sequence[Detection], hands: Sequence[SeenHand]) -> Iterator[Region]:
        """The whole picture, the surroundings of the main person and of every hand; nothing where nobody is.

        Notes how much the main person looks like an animal.
        """
        size = image.shape[1], image.shape[0]
        persons = sorted((box for box in boxes if box.label == "person"), key=lambda box: -presence(box))
        places = [("person", person.box, AROUND_PERSON) for person in persons[:1]]
        places += [("hand", hand.box, AROUND_HAND) for hand in hands]
        if places and self.settings.names:
            whole: Box = (0.0, 0.0, 1.0, 1.0)
            yield Region(of="picture", who=whole, box=whole, names=self.namer(image))
        self.animal = 0.0
        for of, who, by in places:
            (left, top, right, bottom), (width, height) = in_pixels(who, size), size
            x, y, half = (left + right) / 2, (top + bottom) / 2, by * max(right - left, bottom - top) / 2
            x0, y0 = max(0, round(x - half)), max(0, round(y - half))
            x1, y1 = min(width, round(x + half)), min(height, round(y + half))
            if min(x1 - x0, y1 - y0) >= SMALLEST:
                names, animal = self.namer.with_animal(image[y0:y1, x0:x1])
                self.animal = animal if of == "person" else self.animal
                yield Region(of=of, who=who, box=in_shares((x0, y0, x1, y1), size), names=names)


def _wrists(person: Person) -> Iterator[Box]:
    """Squares, in pixels, where the hands of a body are to be looked for."""
    for side in ("left", "right"):
        wrist, elbow = person.points.get(f"{side}_wrist"), person.points.get(f"{side}_elbow")
        if wrist is None or elbow is None:
            continue
        x, y = wrist[0] + BEYOND * (wrist[0] - elbow[0]), wrist[1] + BEYOND * (wrist[1] - elbow[1])
        half = max(LEAST_HALF, AT_WRIST * math.dist(wrist, elbow))
        yield x - half, y - half, x + half, y + half
