"""Faces, animals and hands in pieces of a picture: a cyclist, a cartoon rabbit, and places that are known."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.core.clip import Clip, Sampling
from hoigen.models import files
from hoigen.models.nets.faces import FaceFinder
from hoigen.models.nets.hands import HandFinder
from hoigen.models.nets.imagenet import ThingNamer
from hoigen.models.nets.ssd_coco import ObjectFinder
from hoigen.models.nets.tflite import Region
from hoigen.video import decode, probe


def picture(name: str, at: float) -> np.ndarray:
    path = str(files.locate(name).path)
    header = probe(path)
    wide, tall, fps = header.width, header.height, header.fps
    clip = Clip(id="0", uri=path, start=at, end=at + 0.2, width=wide, height=tall, fps=fps)
    sampling = Sampling(frames=1, short_side=None)
    return np.ascontiguousarray(decode(clip, [sampling])[sampling].images[0])


@pytest.fixture(scope="module")
def cyclist() -> np.ndarray:
    return picture("sample_bikes", 4.06)


def test_a_face_is_in_the_upper_half_of_its_person(cyclist: np.ndarray) -> None:
    [person] = [each for each in ObjectFinder()(cyclist) if each.label == "person" and each.score > 0.4]
    [face] = FaceFinder()(cyclist)
    x0, y0, x1, y1 = person.box
    assert x0 <= face.box[0] < face.box[2] <= x1
    assert y0 <= face.box[1] < face.box[3] <= (y0 + y1) / 2
    assert face.points.shape == (6, 2)


def test_nobody() -> None:
    chance = np.random.default_rng(0)
    for image in (np.zeros((90, 160, 3), np.uint8), chance.integers(0, 256, (120, 60, 3), np.uint8)):
        assert FaceFinder()(image) == []
        assert HandFinder(0.3)(image, [(0, 0, 50, 50)]) == []


def test_a_rabbit_is_an_animal_and_a_cyclist_none(cyclist: np.ndarray) -> None:
    namer = ThingNamer()
    rabbit = namer.with_animal(picture("sample_bigbuckbunny", 2.1))
    assert rabbit[1] > 0.5
    names, animal = namer.with_animal(cyclist)
    assert animal < 0.1
    assert names == namer(cyclist)


def test_palms_of_a_piece_are_told_in_the_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a quarter of every piece and of the whole: found in the piece on the right, at (200..300, 50..100)."""
    finder = HandFinder()
    asked = []

    def palms(image: np.ndarray) -> list[Region]:
        if image.shape[1] == 400:
            return []
        return [Region(0.9, (0.25, 0.25, 0.5, 0.5), np.array([[0.25, 0.25], [0.5, 0.5]]))]

    monkeypatch.setattr(finder, "palms", palms)
    monkeypatch.setattr(finder, "confirm", lambda image, palm: asked.append(palm))
    finder(np.zeros((100, 400, 3), np.uint8), [(200, 50, 300, 150), (390, 0, 400, 10)])
    [palm] = asked  # the other piece is too small
    assert palm.box == pytest.approx((225 / 400, 62.5 / 100, 250 / 400, 75 / 100))
    assert palm.points[1] == pytest.approx((250 / 400, 75 / 100))
