"""Is a person handling something? From small detectors on a CPU, with the evidence."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from hoigen.core.clip import Clip, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score
from hoigen.core.settings import Setting
from hoigen.measures.handling import (
    HOLDS,
    LARGE,
    STANDS_BESIDE,
    belief,
    grown,
    region_of,
    size_of,
    surely,
    touches,
)
from hoigen.observe.detections import Box
from hoigen.observe.frame import presence
from hoigen.observe.geometry import area, shared
from hoigen.observe.observation import Looking, Observation, observer_of

if TYPE_CHECKING:
    from hoigen.observe.frame import Detection, ObservedFrame, SeenHand

WEIGHTS = {"hoi_person": 0.36, "hoi_hands": 1.18, "hoi_objects": 1.38, "hoi_named": 1.84, "hoi_held": 2.06}
BIAS = -2.12
"""Logistic weights, fitted by `benchmarks/hoi_lite.py --fit --table` with a ridge of 1 (docs/hoi_lite.md)."""

SHOWN = 0.3
"""Boxes of a lower score count for little and are left out of detail."""
ENOUGH = 0.5
"""Evidence for an object, summed over the frames, from which it is named."""


class _Contact(NamedTuple):
    """A person or hand on an object, 0..1."""

    who: str
    object: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class _Look:
    """What one frame shows. features: 0..1 each, under the names in WEIGHTS; names: what is handled looks like."""

    time: float
    things: Sequence[Detection]
    hands: Sequence[SeenHand]
    contacts: Sequence[_Contact]
    names: Mapping[str, float]
    features: Mapping[str, float]


@measure(
    "hoi_lite",
    numbers=(
        Number(
            name="hoi_lite",
            better="more",
            share=True,
            place=31,
            rank=9,
            about="How surely a person handles, rides or acts on something, 0..1; 0.5 is as likely as not on web "
            "clips.",
        ),
        Number(
            name="hoi_person",
            label="hoi_lite, person",
            better="more",
            share=True,
            place=32,
            about="A person of some size is seen, 0..1.",
        ),
        Number(
            name="hoi_hands",
            label="hoi_lite, hands",
            better="more",
            share=True,
            place=33,
            about="A large hand is seen, which the landmark model confirms, 0..1.",
        ),
        Number(
            name="hoi_objects",
            label="hoi_lite, objects",
            better="more",
            share=True,
            place=34,
            about="A COCO thing that one handles or rides lies on a person, 0..1.",
        ),
        Number(
            name="hoi_named",
            label="hoi_lite, named things",
            better="more",
            share=True,
            place=35,
            about="The picture, the person and what is around the hands look like one of some 230 things that one "
            "handles, 0..1; 0 where nobody is.",
        ),
        Number(
            name="hoi_held",
            label="hoi_lite, held things",
            better="more",
            share=True,
            place=36,
            about="A thing of whatever kind is at a hand, or somebody rides one, 0..1; 0 where nobody is.",
        ),
    ),
)
class HoiLite:
    """How surely a person handles, rides or acts on something, 0..1; 0.5 is as likely as not on web clips.

    Five features, each the mean over the better half of the frames, so that an interaction which fills half of the
    clip counts in full. A logistic with positive weights adds them up: a person alone stays near 0.2. detail holds what
    was seen in every frame, in 0..1 of the picture, and the likeliest object.

    `lite`, the observer on whose models the weights were fitted, sees no gloves and no hands of a few pixels, and
    cannot tell a cup that is held from one that stands before somebody.

    Source: HOIGen-1M, section 3.1, "LLM Evaluation" and "Human Verification" ask the question; the features and their
    weights are this project's own (docs/hoi_lite.md).
    """

    observer: Annotated[
        Any, Setting("who looks: a name of hoigen list, or one name with its settings", plugin="observer")
    ] = "lite"
    sampling: Annotated[Sampling, Setting("the frames that are looked at")] = Sampling(frames=8, short_side=480)

    revision = 3

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        _ = self.looking

    @functools.cached_property
    def looking(self) -> Looking:
        return Looking(observer_of(self.observer, "hoi_lite", NEEDS, GIVEN_BY), self.sampling)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {}

    def read(self, clip: Clip, seen: Observation) -> Score:
        if seen.reason:
            return Score(None, {"reason": seen.reason}, dict.fromkeys(WEIGHTS))
        looks = [_look(frame) for frame in seen.frames]
        parts = better_half([look.features for look in looks])
        held = _summed([{each.object: each.score for each in reversed(look.contacts)} for look in looks])
        named = _summed([held, *(look.names for look in looks)])
        name = max(named, key=lambda label: named[label], default="")
        detail = {
            "object": name if named.get(name, 0.0) >= ENOUGH else None,
            "contact": max(held.values(), default=0.0) >= ENOUGH,
            "frames": [_frame(look) for look in looks],
        }
        return Score(probability(parts), detail, parts)


NEEDS = (("boxes", "hands", "regions"),)
GIVEN_BY = "lite, and recorded with a file of what it has seen"


def _look(frame: ObservedFrame) -> _Look:
    things, hands = frame.boxes or (), frame.hands or ()
    persons = sorted((thing for thing in things if thing.label == "person"), key=lambda thing: -presence(thing))
    contacts = person_contacts(things, persons) + hand_contacts(things, hands)
    seen = min(1.0, max((presence(person) for person in persons), default=0.0) / 0.5)
    somebody = max([seen, *(surely(hand) for hand in hands)])
    names: dict[str, float] = {}
    if somebody > 0:  # what the picture, its main person and two hands look like: the mean probability of each thing
        who = [("person", person.box) for person in persons[:1]]
        who += [("hand", hand.box) for hand in sorted(hands, key=lambda hand: -surely(hand))[:2]]
        around = [region_of(frame.regions or (), of, box) for of, box in who]
        pieces = [each for each in frame.regions or () if each.of == "picture"]
        pieces += [each for each in around if each is not None]
        names = _summed([{name: likely / len(pieces) for name, likely in each.names.items()} for each in pieces])
    features = {
        "hoi_person": seen,
        "hoi_hands": max((surely(hand) * min(1.0, size_of(hand, frame.size) / LARGE) for hand in hands), default=0.0),
        "hoi_objects": min(1.0, max((c.score for c in contacts if c.who == "person"), default=0.0) / 0.5),
        "hoi_named": min(1.0, somebody * sum(names.values())),
    }
    sure = belief(frame)
    features = {name: sure * value for name, value in features.items()}
    features["hoi_held"] = max((pair.score for pair in touches(frame)), default=0.0)
    return _Look(frame.time, things, hands, sorted(contacts, key=lambda contact: -contact.score), names, features)


def features_of(frame: ObservedFrame) -> Mapping[str, float]:
    """What one frame says, 0..1 each, under the names in WEIGHTS."""
    return _look(frame).features


def better_half(features: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of the features of all frames, each one's mean over its better half of them, one at least; 0 without any."""
    parts = {}
    for name in WEIGHTS:
        best = sorted(each[name] for each in features)[-max(1, len(features) // 2) :]
        parts[name] = sum(best) / len(best) if best else 0.0
    return parts


def probability(features: Mapping[str, float]) -> float:
    """The features as a probability."""
    total: float = BIAS + sum(weight * features[name] for name, weight in WEIGHTS.items())
    return 1 / (1 + math.exp(-total))


def person_contacts(things: Sequence[Detection], persons: Sequence[Detection]) -> list[_Contact]:
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
                contacts.append(_Contact("person", thing.label, score, thing.box))
    return contacts


def hand_contacts(things: Sequence[Detection], hands: Sequence[SeenHand]) -> list[_Contact]:
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
                contacts.append(_Contact("hand", thing.label, score, thing.box))
    return contacts


def _summed(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in scores:
        for name, score in part.items():
            total[name] = total.get(name, 0.0) + score
    return total


def _frame(look: _Look) -> dict[str, Any]:
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
