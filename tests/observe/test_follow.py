"""A textured thing that moves and grows by known steps, and detections that stop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hoigen.observe.follow import Follower, Held, moved
from render import texture


def picture(x: float, y: float, side: float) -> np.ndarray:
    """A patch of its own on a background that stands still."""
    image = texture(1, (180, 320), low=60, high=120)
    patch = cv2.resize(texture(2, (64, 64)), (round(side), round(side)))
    image[round(y) : round(y) + round(side), round(x) : round(x) + round(side)] = patch
    return image


def gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("step", [(4, 0, 0), (-3, 5, 0), (0, 0, 4)])
def test_a_box_goes_with_its_pixels(step: tuple[int, int, int]) -> None:
    before, after = (gray(picture(100 + step[0] * at, 60 + step[1] * at, 60 + step[2] * at)) for at in (0, 1))
    box = moved(before, after, (100, 60, 160, 120))
    assert box is not None
    x, y, side = 100 + step[0], 60 + step[1], 60 + step[2]
    assert box == pytest.approx((x, y, x + side, y + side), abs=1.5)


def test_what_cannot_be_found_again_is_lost() -> None:
    before = gray(picture(100, 60, 60))
    assert moved(before, np.zeros_like(before), (100, 60, 160, 120)) is None
    assert moved(before, gray(texture(9, (180, 320))), (100, 60, 160, 120)) is None
    assert moved(None, before, (100, 60, 160, 120)) is None
    assert moved(np.full_like(before, 80), np.full_like(before, 80), (100, 60, 160, 120)) is None
    assert moved(before[:50], before, (100, 60, 160, 120)) is None


def test_a_missed_detection_is_carried_on_for_a_second_and_no_longer() -> None:
    follower = Follower(longest=1.0)
    seen = Held(label="cup", score=0.8, box=(100, 60, 160, 120), seen=0.0)
    assert follower(picture(100, 60, 60), 0.0, [seen]) == [seen]
    for at in range(1, 16):
        held = follower(picture(100 + 3 * at, 60, 60), at / 10, [])
        if at > 10:
            assert held == []
        else:
            assert held[0].box[0] == pytest.approx(100 + 3 * at, abs=4)
            assert held[0].seen == 0.0


def test_a_detection_takes_the_place_of_what_was_carried_on() -> None:
    follower = Follower()
    follower(picture(100, 60, 60), 0.0, [Held(label="cup", score=0.8, box=(100, 60, 160, 120), seen=0.0)])
    again = Held(label="cup", score=0.5, box=(104, 62, 164, 122), seen=0.1)
    assert follower(picture(103, 60, 60), 0.1, [again]) == [again]
    other = Held(label="bowl", score=0.5, box=(104, 62, 164, 122), seen=0.2)
    assert {held.label for held in follower(picture(106, 60, 60), 0.2, [other])} == {"cup", "bowl"}
