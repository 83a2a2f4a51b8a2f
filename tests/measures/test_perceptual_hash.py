"""The bits of a picture: what leaves them as they are, and what mirroring does to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hoigen import Clip
from hoigen.measures.perceptual_hash import PerceptualHash, hash_of, mirror_mask, within_bars
from render import texture

PICTURE = cv2.cvtColor(texture(3, (90, 160)), cv2.COLOR_RGB2GRAY)
CLIP = Clip(id="a", uri="a.mp4", end=4.0, width=160, height=90, fps=25)


def bits(one: np.ndarray, two: np.ndarray, flip: int = 0) -> int:
    first, second = hash_of(one), hash_of(two)
    assert first is not None
    assert second is not None
    return (first ^ second ^ flip).bit_count()


def test_light_contrast_and_size_leave_the_bits() -> None:
    assert bits(PICTURE, (PICTURE * 0.6 + 30).astype(np.uint8)) <= 2
    assert bits(PICTURE, cv2.resize(PICTURE, (320, 180))) <= 2
    logo = PICTURE.copy()
    logo[5:16, 120:152] = 250
    assert bits(PICTURE, logo) <= 12


def test_other_pictures_differ_in_half_of_the_bits() -> None:
    others = [cv2.cvtColor(texture(seed, (90, 160)), cv2.COLOR_RGB2GRAY) for seed in range(20, 60)]
    found = [bits(PICTURE, other) for other in others]
    assert 26 < np.mean(found) < 38
    assert min(found) > 12


def test_mirroring_changes_exactly_the_bits_of_the_mask() -> None:
    assert bits(PICTURE, PICTURE[:, ::-1], mirror_mask()) <= 1, "a coefficient near 0 may have either sign"
    assert bits(PICTURE, PICTURE[:, ::-1]) > 16
    assert mirror_mask().bit_count() == 29, "of the 64 lowest frequencies, so many are odd across"


def test_black_bars_are_cut_off_and_dark_halves_are_not() -> None:
    boxed = cv2.copyMakeBorder(PICTURE, 15, 15, 0, 0, cv2.BORDER_CONSTANT)
    assert within_bars(boxed).shape == PICTURE.shape
    assert bits(PICTURE, boxed) == 0
    night = PICTURE.copy()
    night[:40] = 3  # a dark sky
    assert within_bars(night).shape == PICTURE.shape
    assert within_bars(np.zeros((20, 30), np.uint8)).shape == (20, 30)


def test_a_picture_of_one_colour_is_no_look() -> None:
    assert hash_of(np.full((90, 160), 128, np.uint8)) is None
    stream = PerceptualHash().begin(CLIP)
    for at, image in enumerate([np.zeros((90, 160), np.uint8), PICTURE, PICTURE, PICTURE[:, ::-1]]):
        stream.see(image, at / 2)
    score = stream.score()
    assert score.parts["looks"] == 3
    assert score.detail["at"] == [1, 2, 3]
    assert len(str(score.detail["hashes"])) == 48
    assert score.parts["hash_change"] == pytest.approx(bits(PICTURE, PICTURE[:, ::-1]) / 64 / 2)


def test_one_look_changes_by_nothing_and_says_so() -> None:
    stream = PerceptualHash().begin(CLIP)
    stream.see(PICTURE, 0.0)
    score = stream.score()
    assert score.parts == {"looks": 1.0, "hash_change": None}
    assert "fewer than two" in str(score.detail["undefined"])
