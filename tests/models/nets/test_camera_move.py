"""The camera's part of an optical flow, on flows that are written down."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.models.nets.dis_flow import CameraMove, split_flow

POINTS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [-4.0, 3.0]])
HEIGHT, WIDTH = 128, 192


@pytest.mark.parametrize(
    ("move", "moved"),
    [
        (CameraMove(), POINTS),
        (CameraMove(dx=2.0, dy=-1.0), POINTS + np.array([2.0, -1.0])),
        (CameraMove(scale=1.5), POINTS * 1.5),
        (CameraMove(degrees=90.0), [[0, 0], [0, 10], [-10, 0], [-3, -4]]),  # clockwise, where y goes down
        (CameraMove(1.0, 2.0, 2.0, 180.0), POINTS * -2 + np.array([1.0, 2.0])),
    ],
)
def test_where_a_move_takes_points(move: CameraMove, moved: np.ndarray) -> None:
    np.testing.assert_allclose(POINTS + move.flow(POINTS), moved, atol=1e-9)


def noise() -> np.ndarray:
    import cv2

    made = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    return cv2.GaussianBlur(made, (0, 0), 2.0)


def test_a_flat_picture_has_a_camera_that_stands() -> None:
    """Whatever a flow method fills in where nothing can be followed."""
    flat = np.full((HEIGHT, WIDTH), 90, np.uint8)
    split = split_flow(np.full((HEIGHT, WIDTH, 2), 5.0, np.float32), flat, flat)
    assert split.move == CameraMove(0.0, 0.0, 1.0, 0.0)
    assert (split.motion, split.peak, split.camera, split.subject) == (0.0, 0.0, 0.0, 0.0)
    assert not split.own.any()


def test_a_shift_is_the_camera_and_what_moves_in_the_middle_is_not() -> None:
    """The middle moves down by 4 pixels while all moves to the right by 6; the flow is the truth."""
    first = noise()
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = 6.0
    middle = slice(48, 80), slice(72, 120)
    flow[(*middle, 1)] = 4.0
    second = np.roll(first, 6, axis=1)
    second[52:84, 78:126] = first[middle]
    split = split_flow(flow, first, second)
    assert (split.move.dx, split.move.dy) == pytest.approx((6.0, 0.0), abs=0.05)
    assert (split.move.scale, split.move.degrees) == pytest.approx((1.0, 0.0), abs=0.01)
    assert split.camera == pytest.approx(6.0, abs=0.05)
    assert split.own.max() == pytest.approx(4.0, abs=0.1)
    share = 32 * 48 / (HEIGHT * WIDTH)
    assert split.subject == pytest.approx(4.0 * share, rel=0.3)
    assert split.peak == pytest.approx(np.hypot(6.0, 4.0), abs=0.1)
    assert split.motion == pytest.approx(6.0 * (1 - share) + np.hypot(6.0, 4.0) * share, rel=0.02)
