"""Is a person handling something? From small detectors on a CPU, with the evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hoigen.clip import Clip, Frames, Sampling
from hoigen.registry import measure
from hoigen.score import Score

if TYPE_CHECKING:
    import numpy as np

    from hoigen.models.hands import Hand
    from hoigen.models.ssd_coco import Thing

Box = tuple[float, float, float, float]

# fmt: off
STANDS_BESIDE = frozenset((
    "car", "bus", "train", "truck", "airplane", "traffic light", "stop sign", "parking meter", "fire hydrant",
    "bench", "chair", "couch", "bed", "dining table", "toilet", "sink", "oven", "refrigerator", "tv", "clock",
    "vase", "potted plant", "umbrella", "bird", "bear", "elephant", "zebra", "giraffe",
))
# fmt: on
"""COCO things whose box over a person's says little: one stands beside or in front of them, or is hidden in them."""

WEIGHTS = {"person": 2.2, "hands": 0.87, "objects": 1.45}
BIAS = -2.08
"""Logistic weights, fitted by `benchmarks/hoi_lite.py --fit` to 48 labelled web clips with a ridge of 1."""


SHOWN = 0.3
"""Boxes of a lower score count for little and are left out of detail."""


class Contact(NamedTuple):
    """A person or hand on an object, 0..1."""

    who: str
    object: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame shows. person, hands, objects: 0..1, the frame's share of each feature."""

    time: float
    things: Sequence[Thing]
    hands: Sequence[Hand]
    contacts: Sequence[Contact]
    person: float
    hand: float
    object: float


@measure("hoi_lite", emits=("hoi_lite", "hoi_person", "hoi_hands", "hoi_objects"))
class HoiLite:
    """How surely a person handles, rides or acts on something, 0..1; 0.5 is as likely as not on web clips.

    Three features, each the mean over the better half of the frames, so that an interaction which fills half of the
    clip counts in full: `hoi_person` (a person of some size), `hoi_hands` (a hand that the landmark model confirms),
    `hoi_objects` (a thing one handles or rides, on a person). A logistic with positive weights adds them up. detail
    holds what was seen in every frame, in 0..1 of the picture, and the object of the best contact.

    Detectors: SSD-MobileNetV2 on COCO, MediaPipe palms and hands. It sees the 80 things of COCO, sees no gloves or
    hands of a few pixels, and takes a person who merely stands there for half of an interaction.

    Source: HOIGen-1M, section 3.1, "LLM Evaluation" and "Human Verification" ask the question; the features and their
    weights are this project's own (docs/hoi_lite.md).
    """

    sampling: Sampling = Sampling(frames=8, short_side=360)
    _loaded: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    weights = ("ssd_mobilenet_v2_coco", "ssd_mobilenet_v2_coco_graph", "palm_detection", "hand_landmark")

    def load(self) -> None:
        """Reads the models, once per worker."""
        from hoigen.models.hands import HandFinder
        from hoigen.models.ssd_coco import ObjectFinder

        if not self._loaded:
            self._loaded.update(things=ObjectFinder(), hands=HandFinder())

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        self.load()
        looks = [self._look(image, float(at)) for image, at in zip(frames.images, frames.times, strict=True)]
        parts = {
            "hoi_person": _half([look.person for look in looks]),
            "hoi_hands": _half([look.hand for look in looks]),
            "hoi_objects": _half([look.object for look in looks]),
        }
        return Score(probability(**parts), _detail(looks), parts)

    def _look(self, image: np.ndarray, at: float) -> Look:
        things, hands = self._loaded["things"](image), self._loaded["hands"](image)
        persons = [thing for thing in things if thing.label == "person"]
        contacts = person_contacts(things, persons) + hand_contacts(things, hands)
        return Look(
            time=at,
            things=things,
            hands=hands,
            contacts=sorted(contacts, key=lambda contact: -contact.score),
            person=min(1.0, max((_presence(person) for person in persons), default=0.0) / 0.5),
            hand=max((hand.score * min(1.0, hand.palm / 0.6) for hand in hands), default=0.0),
            object=min(1.0, max((c.score for c in contacts if c.who == "person"), default=0.0) / 0.5),
        )


def probability(hoi_person: float, hoi_hands: float, hoi_objects: float) -> float:
    """The features as a probability."""
    total = WEIGHTS["person"] * hoi_person + WEIGHTS["hands"] * hoi_hands + WEIGHTS["objects"] * hoi_objects
    return 1 / (1 + math.exp(-(BIAS + total)))


def _half(values: Sequence[float]) -> float:
    """Mean of the better half, at least one."""
    best = sorted(values)[-max(1, len(values) // 2) :]
    return sum(best) / len(best) if best else 0.0


def _presence(person: Thing) -> float:
    """Score of a person, less for one that is smaller than a third of the picture's height: a bystander."""
    return person.score * min(1.0, (person.box[3] - person.box[1]) / 0.35)


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
    """Things under a hand: a third of the hand's box on the thing counts in full."""
    contacts = []
    for thing in things:
        if thing.label == "person":
            continue
        for hand in hands:
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
    best: dict[str, float] = {}
    for look in looks:
        for contact in look.contacts:
            best[contact.object] = best.get(contact.object, 0.0) + contact.score
    name = max(best, key=lambda label: best[label], default=None)
    return {
        "object": name,
        "contact": bool(name) and best[str(name)] >= 0.5,
        "frames": [_frame(look) for look in looks],
    }


def _frame(look: Look) -> dict[str, Any]:
    boxes = [_boxed("person" if t.label == "person" else "object", t.label, t.score, t.box) for t in look.things]
    boxes += [_boxed("hand", "hand", hand.score, hand.box) for hand in look.hands]
    return {
        "time": round(look.time, 3),
        "score": round(probability(look.person, look.hand, look.object), 3),
        "boxes": sorted((box for box in boxes if box["score"] >= SHOWN), key=lambda box: -float(box["score"])),
        "contacts": [
            {"who": c.who, "object": c.object, "score": round(c.score, 3)} for c in look.contacts if c.score >= 0.1
        ],
    }


def _boxed(kind: str, label: str, score: float, box: Box) -> dict[str, Any]:
    return {"kind": kind, "label": label, "score": round(score, 3), "box": [round(value, 4) for value in box]}
