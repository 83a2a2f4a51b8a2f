"""Contacts of known geometry, the models on real footage, and how well it does on labelled clips."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hoigen import Clip
from hoigen.measures import hoi_lite
from hoigen.measures.handling import STANDS_BESIDE
from hoigen.measures.hoi_lite import HoiLite, hand_contacts, person_contacts, probability
from hoigen.models import files
from hoigen.models.nets.hands import Hand
from hoigen.models.nets.imagenet import HANDLED, ThingNamer
from hoigen.models.nets.ssd_coco import LABELS, Thing
from looking import looked_at, score_of

PERSON = Thing("person", 0.9, (0.4, 0.2, 0.6, 0.9))


@pytest.fixture(scope="module")
def measure() -> HoiLite:
    return HoiLite()


def hand(x: float, y: float, side: float, score: float = 1.0) -> Hand:
    return Hand(score, 0.9, 1.0, np.array([(x, y), (x + side, y + side)]))


def test_features_only_add_up() -> None:
    nothing = dict.fromkeys(hoi_lite.WEIGHTS, 0.0)
    assert probability(nothing) < 0.15
    assert probability({**nothing, "hoi_person": 1.0}) < 0.3, "a person is no interaction"
    assert probability(dict.fromkeys(hoi_lite.WEIGHTS, 1.0)) > 0.9
    for name, weight in hoi_lite.WEIGHTS.items():
        assert weight > 0
        assert probability({**nothing, name: 1.0}) > probability(nothing)


@pytest.mark.parametrize(
    ("thing", "touches"),
    [
        (Thing("bicycle", 0.9, (0.35, 0.6, 0.65, 0.95)), True),
        (Thing("cup", 0.9, (0.45, 0.4, 0.5, 0.45)), True),
        (Thing("cup", 0.9, (0.8, 0.4, 0.85, 0.45)), False),  # across the room
        (Thing("car", 0.9, (0.35, 0.4, 0.65, 0.95)), False),  # one stands beside it
        (Thing("tie", 0.9, (0.48, 0.4, 0.52, 0.6)), False),  # worn
        (Thing("boat", 0.9, (0.0, 0.1, 1.0, 1.0)), False),  # far larger than the person
    ],
)
def test_a_person_on_a_thing(thing: Thing, touches: bool) -> None:
    found = person_contacts([PERSON, thing], [PERSON])
    assert [contact.object for contact in found] == ([thing.label] if touches else [])
    assert all(0 < contact.score <= 1 for contact in found)


def test_more_overlap_and_surer_boxes_are_more_contact() -> None:
    boxes = [(0.61, 0.4, 0.71, 0.5), (0.58, 0.4, 0.68, 0.5), (0.5, 0.4, 0.6, 0.5)]
    far, near, within = (person_contacts([Thing("cup", 0.9, box)], [PERSON])[0].score for box in boxes)
    assert far < near < within
    assert person_contacts([Thing("cup", 0.4, boxes[2])], [PERSON])[0].score < within


def test_a_hand_on_a_thing() -> None:
    cup = Thing("cup", 0.9, (0.5, 0.5, 0.6, 0.6))
    assert hand_contacts([cup, PERSON], [hand(0.52, 0.52, 0.1)])[0].object == "cup"
    assert not hand_contacts([cup], [hand(0.8, 0.1, 0.1)])
    assert not hand_contacts([Thing("oven", 0.9, (0.0, 0.0, 1.0, 1.0))], [hand(0.5, 0.5, 0.1)]), "behind the hand"


def test_labels() -> None:
    assert len(LABELS) == 91
    assert len([label for label in LABELS if label]) == 80
    assert set(LABELS) >= STANDS_BESIDE
    assert all(0 <= number < 1000 and name for number, name in HANDLED.items())


def test_nothing_to_see(measure: HoiLite) -> None:
    clip = Clip(id="0", uri="", end=1, width=96, height=64, fps=25)
    for images in (np.zeros((3, 64, 96, 3), np.uint8), np.full((1, 64, 96, 3), 255, np.uint8)):
        score = score_of(measure, clip, images, np.arange(len(images)) / 2)
        assert score.value is not None
        assert score.value < 0.15
        assert score.detail["object"] is None
        assert score.detail["contact"] is False
        assert len(score.detail["frames"]) == len(images)


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (301, 17), (360, 641)])
def test_odd_sizes(measure: HoiLite, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, *shape, 3), np.uint8)
    clip = Clip(id="0", uri="", end=1, width=shape[1], height=shape[0], fps=25)
    assert score_of(measure, clip, image, [0.0]).value is not None


def test_a_man_on_a_bicycle(measure: HoiLite) -> None:
    score = looked_at(measure, files.locate("sample_bikes").path, 3.04, 5.48)
    assert score.value is not None
    assert score.value > 0.6
    assert score.parts["hoi_objects"] > 0.8
    assert score.detail["contact"] is True
    assert score.detail["object"] in ("bicycle", "motorcycle", "tandem bicycle", "unicycle", "mountain bike")
    found = [box["label"] for frame in score.detail["frames"] for box in frame["boxes"]]
    assert {"person", "bicycle"} <= set(found)


def test_a_cartoon_rabbit_and_a_street(measure: HoiLite) -> None:
    for name, start, end in (("sample_bigbuckbunny", 0.0, None), ("sample_bikes", 0.0, 1.2)):
        value = looked_at(measure, files.locate(name).path, start, end).value
        assert value is not None
        assert value < 0.2


def test_detail_is_json_and_lies_in_the_picture(measure: HoiLite) -> None:
    score = looked_at(measure, files.locate("sample_bikes").path)
    detail = json.loads(json.dumps(score.detail, allow_nan=False))
    assert [frame["time"] for frame in detail["frames"]] == sorted(frame["time"] for frame in detail["frames"])
    for frame in detail["frames"]:
        assert 0 <= frame["score"] <= 1
        for box in frame["boxes"]:
            assert box["kind"] in ("person", "object", "hand")
            x0, y0, x1, y1 = box["box"]
            assert 0 <= x0 <= x1 <= 1
            assert 0 <= y0 <= y1 <= 1
    assert set(score.parts) == set(HoiLite.emits) - {"hoi_lite"}
    assert all(0 <= part <= 1 for part in score.parts.values())


def test_same_frames_same_score(measure: HoiLite) -> None:
    path = files.locate("sample_bikes").path
    assert looked_at(measure, path, 3, 5) == looked_at(HoiLite(), path, 3, 5)


def test_names_of_things_are_probabilities() -> None:
    found = ThingNamer()(np.random.default_rng(1).integers(0, 256, (50, 90, 3), np.uint8))
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert 0 <= sum(found.values()) <= 1.05, "steps of 1/256 are rounded"
