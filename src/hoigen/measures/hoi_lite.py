"""Is a person handling something? From small detectors on a CPU, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.clip import Clip, Frames, Sampling, check_sees
from hoigen.models import room, uses
from hoigen.registry import measure
from hoigen.score import Number, Score

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.nets.hands import Hand, HandFinder
    from hoigen.models.nets.imagenet import ThingNamer
    from hoigen.models.nets.ssd_coco import ObjectFinder, Thing

Box = tuple[float, float, float, float]

# fmt: off
STANDS_BESIDE = frozenset((
    "car", "bus", "train", "truck", "airplane", "traffic light", "stop sign", "parking meter", "fire hydrant",
    "bench", "chair", "couch", "bed", "dining table", "toilet", "sink", "oven", "refrigerator", "tv", "clock",
    "vase", "potted plant", "umbrella", "bird", "bear", "elephant", "zebra", "giraffe", "tie",
))
# fmt: on
"""COCO things whose box over a person's says little: one stands beside them, is hidden in them, or wears them."""

WEIGHTS = {"hoi_person": 1.09, "hoi_hands": 0.79, "hoi_objects": 1.86, "hoi_named": 2.3}
BIAS = -2.41
"""Logistic weights, fitted by `benchmarks/hoi_lite.py --fit` with a ridge of 1 (docs/hoi_lite.md)."""

TALL = 0.35
"""Of the picture's height: a smaller person counts for less, as a bystander."""
LARGE = 0.3
"""Of the picture's short side: a smaller hand counts for less; hands at work are shown large."""

SHOWN = 0.3
"""Boxes of a lower score count for little and are left out of detail."""
HOLDS = 8
"""Times the area of a hand: something larger, under a hand, is more likely behind it."""
ENOUGH = 0.5
"""Evidence for an object, summed over the frames, from which it is named."""


class Contact(NamedTuple):
    """A person or hand on an object, 0..1."""

    who: str
    object: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame shows. features: 0..1 each, under the names in WEIGHTS; names: what is handled looks like."""

    time: float
    things: Sequence[Thing]
    hands: Sequence[Hand]
    contacts: Sequence[Contact]
    names: Mapping[str, float]
    features: Mapping[str, float]


@measure(
    "hoi_lite",
    numbers=(
        Number(name="hoi_lite", better="more", share=True, place=31, rank=7),
        Number(name="hoi_person", label="hoi_lite, person", better="more", share=True, place=32),
        Number(name="hoi_hands", label="hoi_lite, hands", better="more", share=True, place=33),
        Number(name="hoi_objects", label="hoi_lite, objects", better="more", share=True, place=34),
        Number(name="hoi_named", label="hoi_lite, named things", better="more", share=True, place=35),
    ),
)
class HoiLite:
    """How surely a person handles, rides or acts on something, 0..1; 0.5 is as likely as not on web clips.

    Four features, each the mean over the better half of the frames, so that an interaction which fills half of the
    clip counts in full. A logistic with positive weights adds them up: a person alone stays near 0.2. detail holds what
    was seen in every frame, in 0..1 of the picture, and the likeliest object.

    hoi_person: a person of some size is seen, 0..1.
    hoi_hands: a large hand is seen, which the landmark model confirms, 0..1.
    hoi_objects: a COCO thing that one handles or rides lies on a person, 0..1.
    hoi_named: the picture, the person and what is around the hands look like one of some 230 things that one handles,
        0..1; 0 where nobody is.

    Detectors: SSD-MobileNetV2 on COCO, MediaPipe palms and hands, EfficientNet-Lite3 on ImageNet. They see no gloves
    and no hands of a few pixels, and cannot tell a cup that is held from one that stands before somebody.

    Source: HOIGen-1M, section 3.1, "LLM Evaluation" and "Human Verification" ask the question; the features and their
    weights are this project's own (docs/hoi_lite.md).
    """

    sampling: Sampling = Sampling(frames=8, short_side=360)

    models = uses.named(
        "ssd_mobilenet_v2_coco",
        "ssd_mobilenet_v2_coco_graph",
        "palm_detection",
        "hand_landmark",
        "efficientnet_lite3",
    )

    def __post_init__(self) -> None:
        check_sees(self.sampling)

    def load(self) -> None:
        """Reads the models, once per worker."""
        small_models()

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        looks = [self._look(image, float(at)) for image, at in zip(frames.images, frames.times, strict=True)]
        parts = {name: _half([look.features[name] for look in looks]) for name in WEIGHTS}
        return Score(probability(parts), _detail(looks), parts)

    def _look(self, image: np.ndarray, at: float) -> Look:
        find = small_models()
        things, hands = find.things(image), find.hands(image)
        persons = sorted((thing for thing in things if thing.label == "person"), key=lambda thing: -_presence(thing))
        contacts = person_contacts(things, persons) + hand_contacts(things, hands)
        person = min(1.0, max((_presence(person) for person in persons), default=0.0) / 0.5)
        somebody = max([person, *(_surely(hand) for hand in hands)])
        names = self._name(image, persons, hands) if somebody > 0 else {}
        features = {
            "hoi_person": person,
            "hoi_hands": max((_surely(hand) * min(1.0, _size(hand, image) / LARGE) for hand in hands), default=0.0),
            "hoi_objects": min(1.0, max((c.score for c in contacts if c.who == "person"), default=0.0) / 0.5),
            "hoi_named": min(1.0, somebody * sum(names.values())),
        }
        return Look(at, things, hands, sorted(contacts, key=lambda contact: -contact.score), names, features)

    def _name(self, image: np.ndarray, persons: Sequence[Thing], hands: Sequence[Hand]) -> dict[str, float]:
        """What the picture, its main person and two hands look like: names of handled things, mean probability."""
        boxes = [_square(person.box, image, 1.2) for person in persons[:1]]
        boxes += [_square(hand.box, image, 2.5) for hand in sorted(hands, key=lambda hand: -_surely(hand))[:2]]
        pieces = [image] + [image[y0:y1, x0:x1] for x0, y0, x1, y1 in boxes if min(x1 - x0, y1 - y0) >= 16]
        names: dict[str, float] = {}
        for piece in pieces:
            for name, likely in small_models().namer(piece).items():
                names[name] = names.get(name, 0.0) + likely / len(pieces)
        return names


class SmallModels(NamedTuple):
    """What looks at a picture."""

    things: ObjectFinder
    hands: HandFinder
    namer: ThingNamer


def small_models() -> SmallModels:
    """Those of this process, loaded on first use, whoever else uses them."""
    from hoigen.models.nets.hands import HandFinder
    from hoigen.models.nets.imagenet import ThingNamer
    from hoigen.models.nets.ssd_coco import ObjectFinder

    return SmallModels(room.once(ObjectFinder), room.once(HandFinder), room.once(ThingNamer))


def probability(features: Mapping[str, float]) -> float:
    """The features as a probability."""
    total: float = BIAS + sum(weight * features[name] for name, weight in WEIGHTS.items())
    return 1 / (1 + math.exp(-total))


def _half(values: Sequence[float]) -> float:
    """Mean of the better half, at least one."""
    best = sorted(values)[-max(1, len(values) // 2) :]
    return sum(best) / len(best) if best else 0.0


def _presence(person: Thing) -> float:
    """Score of a person, less for a bystander."""
    return person.score * min(1.0, (person.box[3] - person.box[1]) / TALL)


def _surely(hand: Hand) -> float:
    """Score of a hand, less for a doubtful palm."""
    return hand.score * min(1.0, hand.palm / 0.6)


def _size(hand: Hand, image: np.ndarray) -> float:
    """The longer side of a hand, as a share of the picture's short side."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = hand.box
    longer: float = max((x1 - x0) * width, (y1 - y0) * height)
    return longer / float(min(height, width))


def _square(box: Box, image: np.ndarray, by: float) -> tuple[int, int, int, int]:
    """A square around a box, `by` times its longer side, in pixels and cut at the picture's border."""
    height, width = image.shape[:2]
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    half = by * max((box[2] - box[0]) * width, (box[3] - box[1]) * height) / 2
    x0, y0, x1, y1 = round(x - half), round(y - half), round(x + half), round(y + half)
    return max(0, x0), max(0, y0), min(width, x1), min(height, y1)


def person_contacts(things: Sequence[Thing], persons: Sequence[Thing]) -> list[Contact]:
    """Things one handles or rides that lie on a person: half of the thing within the person's box counts in full."""
    contacts = []
    for thing in things:
        if thing.label == "person" or thing.label in STANDS_BESIDE:
            continue
        for person in persons:
            if area(thing.box) > 1.5 * area(person.box):
                continue
            within = shared(grown(person.box, 0.1), thing.box) / area(thing.box)
            score = math.sqrt(thing.score * person.score) * min(1.0, within / 0.5)
            if score > 0:
                contacts.append(Contact("person", thing.label, score, thing.box))
    return contacts


def hand_contacts(things: Sequence[Thing], hands: Sequence[Hand]) -> list[Contact]:
    """Things under a hand, not much larger than it: a third of the hand's box on the thing counts in full."""
    contacts = []
    for thing in things:
        if thing.label == "person":
            continue
        for hand in hands:
            if area(thing.box) > HOLDS * area(hand.box):
                continue
            over = shared(hand.box, thing.box) / area(hand.box)
            score = hand.score * min(1.0, over / 0.3) * min(1.0, thing.score / 0.4)
            if score > 0:
                contacts.append(Contact("hand", thing.label, score, thing.box))
    return contacts


def area(box: Box) -> float:
    """Area of a box; never zero."""
    return max(1e-9, (box[2] - box[0]) * (box[3] - box[1]))


def shared(a: Box, b: Box) -> float:
    """Area that two boxes share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def grown(box: Box, by: float) -> Box:
    """The box with a margin of `by` of its size on every side."""
    x, y = by * (box[2] - box[0]), by * (box[3] - box[1])
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def _detail(looks: Sequence[Look]) -> dict[str, Any]:
    contacts = _summed([{contact.object: contact.score for contact in reversed(look.contacts)} for look in looks])
    seen = _summed([contacts, *(look.names for look in looks)])
    name = max(seen, key=lambda label: seen[label], default="")
    return {
        "object": name if seen.get(name, 0.0) >= ENOUGH else None,
        "contact": max(contacts.values(), default=0.0) >= ENOUGH,
        "frames": [_frame(look) for look in looks],
    }


def _summed(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in scores:
        for name, score in part.items():
            total[name] = total.get(name, 0.0) + score
    return total


def _frame(look: Look) -> dict[str, Any]:
    boxes = [_boxed("person" if t.label == "person" else "object", t.label, t.score, t.box) for t in look.things]
    boxes += [_boxed("hand", "hand", hand.score, hand.box) for hand in look.hands]
    return {
        "time": round(look.time, 3),
        "score": round(probability(look.features), 3),
        "boxes": sorted((box for box in boxes if box["score"] >= SHOWN), key=lambda box: -float(box["score"])),
        "contacts": [
            {"who": c.who, "object": c.object, "score": round(c.score, 3)} for c in look.contacts if c.score >= 0.1
        ],
        "looks_like": {name: round(likely, 3) for name, likely in look.names.items() if likely >= 0.1},
    }


def _boxed(kind: str, label: str, score: float, box: Box) -> dict[str, Any]:
    inside = [round(min(1.0, max(0.0, value)), 4) for value in box]
    return {"kind": kind, "label": label, "score": round(score, 3), "box": inside}
