"""The pose models on a photograph of a man on a bicycle, and on nothing."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.core.clip import Clip, Sampling
from hoigen.measures.fine.distances import limb_height
from hoigen.models import files
from hoigen.models.nets.hands import Hand
from hoigen.models.nets.pose import NAMES, PoseFinder, around_box
from hoigen.models.nets.ssd_coco import ObjectFinder
from hoigen.observe.bodies import person_of, with_hands
from hoigen.video import decode


@pytest.fixture(scope="module")
def finder() -> PoseFinder:
    return PoseFinder()


@pytest.fixture(scope="module")
def ride() -> np.ndarray:
    path = str(files.locate("sample_bikes").path)
    clip = Clip(id="0", uri=path, start=3.04, end=5.48, width=640, height=272, fps=25)
    sampling = Sampling(frames=4, short_side=None)
    return np.asarray(decode(clip, [sampling])[sampling].images)


def test_a_rider(finder: PoseFinder, ride: np.ndarray) -> None:
    """The head is over the hips, the hips over the feet; turned about, the same body turns with the picture."""
    things = ObjectFinder()
    found = 0
    for image in ride:
        height, width = image.shape[:2]
        boxes = [thing.box for thing in things(image) if thing.label == "person" and thing.score > 0.4]
        for body in finder(image, [around_box(box, width, height) for box in boxes])[:1]:
            found += 1
            y = dict(zip(NAMES, body.points[:, 1], strict=True))
            assert y["nose"] < y["left_hip"] < y["left_ankle"]
            tall = limb_height(person_of(body, (width, height)))
            assert tall is not None
            assert 0.2 * height < tall < 2 * height
            again = finder.confirm(image, body.around)
            assert again is not None
            assert np.median(np.abs(again.points - body.points)) * width < 0.05 * tall
    assert found >= 2


def test_nobody(finder: PoseFinder) -> None:
    chance = np.random.default_rng(0)
    for image in (np.zeros((90, 160, 3), np.uint8), chance.integers(0, 256, (120, 60, 3), np.uint8)):
        assert finder(image) == []


def test_hands_go_to_the_nearest_wrist(finder: PoseFinder) -> None:
    from hoigen.observe.frame import Person

    left = Person(box=(0, 0, 100, 100), points={"left_wrist": (20, 20)})
    right = Person(box=(200, 0, 300, 100), points={"right_wrist": (220, 20)})
    points = np.full((21, 2), (222 / 400, 0.11))
    held = with_hands([left, right], [Hand(0.9, 0.9, 1.0, points), Hand(0.9, 0.9, 1.0, points - 0.25)], (400, 200))
    assert [len(person.hands) for person in held] == [0, 1, 1]
    assert held[2].hand_only
