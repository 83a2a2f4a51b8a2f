"""Masks made of boxes against the renderer's truth, and distances against a plain search."""

from __future__ import annotations

import numpy as np
import pytest

from hoi_world import World
from hoigen.measures.fine.distances import distance, inside_share
from hoigen.observe.masks import Mask, ellipse, from_box


def whole(mask: Mask, size: tuple[int, int]) -> np.ndarray:
    """The mask on the picture."""
    width, height = size
    picture = np.zeros((height, width), bool)
    rows, columns = np.nonzero(mask.pixels)
    inside = (
        (rows + mask.top >= 0) & (rows + mask.top < height) & (columns + mask.left >= 0) & (columns + mask.left < width)
    )
    picture[rows[inside] + mask.top, columns[inside] + mask.left] = True
    return picture


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720)])
def test_grabcut_finds_the_ball_in_its_box(size: tuple[int, int]) -> None:
    world = World(size=size)
    for time in (0.0, 1.5, 3.0):
        x, y, radius = world.ball(time)
        mask = from_box(world.image(time), (x - radius * 1.2, y - radius * 1.2, x + radius * 1.2, y + radius * 1.2))
        truth = whole(world.mask(x, y, radius), size)
        found = whole(mask, size)
        assert mask.source == "grabcut"
        assert (found & truth).sum() / (found | truth).sum() > 0.75


def test_same_picture_same_mask() -> None:
    image = World().image(0.5)
    first, second = (from_box(image, (200, 100, 300, 220)) for _ in range(2))
    assert (first.pixels == second.pixels).all()


@pytest.mark.parametrize("box", [(0, 0, 640, 360), (10, 10, 12, 12), (-20, -5, 4, 3), (630, 350, 660, 380)])
def test_boxes_that_grabcut_can_make_nothing_of(box: tuple[float, float, float, float]) -> None:
    mask = from_box(np.full((360, 640, 3), 99, np.uint8), box)
    assert mask.source == "ellipse"
    assert mask.pixels.sum() > 0


def test_an_ellipse_fills_its_box() -> None:
    mask = ellipse((10, 20, 110, 70))
    assert (mask.left, mask.top, mask.pixels.shape) == (10, 20, (50, 100))
    assert mask.pixels.sum() == pytest.approx(np.pi * 50 * 25, rel=0.01)


def test_distances_are_those_of_a_plain_search() -> None:
    chance = np.random.default_rng(0)
    mask = Mask(pixels=chance.random((12, 17)) < 0.2, left=5, top=-3, source="truth")
    rows, columns = np.nonzero(mask.pixels)
    for _ in range(50):
        points = [(float(x), float(y)) for x, y in chance.uniform(-20, 40, (3, 2))]
        inside = any(
            mask.pixels[r, c]
            for x, y in points
            for r, c in [(int(np.floor(y)) + 3, int(np.floor(x)) - 5)]
            if 0 <= r < 12 and 0 <= c < 17
        )
        plain = min(np.hypot(columns + 5.5 - x, rows - 2.5 - y).min() for x, y in points) - 0.5
        assert distance(mask, points) == pytest.approx(0 if inside else max(0, plain))


def test_no_points_or_no_mask_is_no_distance() -> None:
    assert distance(ellipse((0, 0, 9, 9)), []) is None
    assert distance(Mask(pixels=np.zeros((4, 4), bool), left=0, top=0, source="truth"), [(1, 1)]) is None


def test_how_much_of_a_person_is_inside() -> None:
    bus = Mask(pixels=np.ones((50, 100), bool), left=0, top=0, source="truth")
    assert inside_share(bus, (10, 10, 20, 30)) == 1
    assert inside_share(bus, (10, 40, 20, 60)) == 0.5
    assert inside_share(bus, (200, 40, 220, 60)) == 0
    assert inside_share(bus, (-10, 0, 10, 50)) == 0.5
