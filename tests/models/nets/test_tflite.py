"""What the detectors share, on boxes and squares of known place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hoigen.models.nets.tflite import anchors, crop, letterbox, overlap, regions

SIZE = 192


def test_one_anchor_for_each_output_of_the_palm_model() -> None:
    centres = anchors(SIZE, ((8, 2), (16, 6)))
    assert centres.shape == (2016, 2)
    assert centres[0] == pytest.approx((4 / SIZE, 4 / SIZE))
    assert centres[-1] == pytest.approx((1 - 8 / SIZE, 1 - 8 / SIZE))
    assert ((centres > 0) & (centres < 1)).all()


@pytest.mark.parametrize(("height", "width"), [(360, 640), (640, 360), (200, 200), (97, 301)])
def test_letterbox_keeps_the_aspect_and_leads_back(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    x, y = width // 4, height // 2
    image[y - 12 : y + 12, x - 12 : x + 12] = 255
    square, scale, offset = letterbox(image, SIZE)
    assert square.shape == (SIZE, SIZE, 3)
    rows, columns = np.nonzero(square[..., 0] > 127)
    found = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / SIZE * scale - offset
    assert found == pytest.approx((x / width, y / height), abs=0.01)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)


def head(*boxes: tuple[int, float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Raw outputs and logits with a box on the given anchors: (anchor, shift in pixels, side in pixels, logit)."""
    centres = anchors(SIZE, ((8, 2), (16, 6)))
    raw, logits = np.zeros((len(centres), 18), np.float32), np.full((len(centres), 1), -100, np.float32)
    for at, shift, side, logit in boxes:
        raw[at, :4] = shift, shift, side, side
        raw[at, 4:] = np.arange(14)
        logits[at] = logit
    return raw, logits, centres


def test_boxes_and_keypoints_are_relative_to_their_anchor() -> None:
    raw, logits, centres = head((1000, 3, 40, 2))
    [found] = regions(raw, logits, centres, SIZE, 0.5, (np.ones(2), np.zeros(2)))
    middle = centres[1000] + 3 / SIZE
    assert found.score == pytest.approx(1 / (1 + math.exp(-2)))
    assert found.box == pytest.approx((*(middle - 20 / SIZE), *(middle + 20 / SIZE)), abs=1e-5)
    assert found.points[1] == pytest.approx(centres[1000] + np.array([2, 3]) / SIZE, abs=1e-5)


def test_of_overlapping_boxes_the_best_stays_and_weak_ones_go() -> None:
    raw, logits, centres = head((1000, 0, 40, 1), (1001, 1, 40, 3), (100, 0, 40, 2), (1800, 0, 40, -1))
    found = regions(raw, logits, centres, SIZE, 0.5, (np.ones(2), np.zeros(2)))
    assert [round(math.log(region.score / (1 - region.score)), 3) for region in found] == [3, 2]


def test_overlap() -> None:
    assert overlap((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert overlap((0, 0, 1, 1), (0.5, 0, 1.5, 1)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0, math.pi])
def test_a_turned_crop_leads_back(angle: float) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    image[96:105, 176:185] = 255
    square, back = crop(image, np.array([160.0, 110.0]), 120, angle, 224)
    rows, columns = np.nonzero(square[..., 0] > 127)
    found = back[:, :2] @ np.array([columns.mean(), rows.mean()]) + back[:, 2]
    assert found == pytest.approx((180, 100), abs=0.6)
