"""Frames spoilt in known ways, through an encoder and the decoder; faults that just do and just do not count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hoigen import Clip, Frames, Score, video
from hoigen.measures.bad_frames import NAMES, BadFrames
from render import render, texture

SIZE = 360, 640
CLEAN = np.stack([texture(seed, SIZE, low=20, high=235) for seed in range(2)])


def bars(image: np.ndarray, share: float, side: str) -> np.ndarray:
    """Black from one side on, of so much of that side."""
    made = image.copy()
    turned = made if side in ("top", "bottom") else made.swapaxes(0, 1)
    rows = round(share * len(turned))
    turned[: rows if side in ("top", "left") else 0] = 0
    turned[len(turned) - (rows if side in ("bottom", "right") else 0) :] = 0
    return made


def burnt(image: np.ndarray, share: float, value: int) -> np.ndarray:
    made = image.copy()
    made[100 : 100 + round(200 * share * 3.6), 20:340] = value  # 320 x 200 pixels are a share of 0.278
    return made


def grey(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=2, keepdims=True).repeat(3, 2).astype(np.uint8)


def of(images: np.ndarray) -> Score:
    clip = Clip(id="0", uri="", end=2, width=640, height=360, fps=25, meta={"header": {"duration": 2, "bytes": 0}})
    return BadFrames()(clip, Frames(images, np.arange(len(images)) / 2))


def shares(score: Score) -> tuple[float | None, ...]:
    return tuple(score.parts[name] for name in NAMES)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda image: image, (0, 0, 0)),
        *((lambda image, side=side: bars(image, 0.05, side), (1, 0, 0)) for side in ("top", "bottom", "left", "right")),
        (lambda image: bars(image, 0.01, "top"), (0, 0, 0)),
        (lambda image: burnt(image, 0.2, 255), (0, 1, 0)),
        (lambda image: burnt(image, 0.2, 0), (0, 1, 0)),
        (lambda image: burnt(image, 0.05, 255), (0, 0, 0)),
        (lambda image: burnt(image, 0.2, 240), (0, 0, 0)),
        (grey, (0, 0, 1)),
        (lambda image: bars(grey(image), 0.2, "top"), (1, 1, 1)),
    ],
)
def test_each_fault_is_found_and_no_other(
    tmp_path: Path, spoil: Callable[[np.ndarray], np.ndarray], expected: tuple[int, ...]
) -> None:
    assert shares(of(np.stack([spoil(image) for image in CLEAN]))) == expected
    path = render(tmp_path / "v.mp4", [spoil(CLEAN[0])] * 8, options={"crf": "23"})
    header = video.probe(str(path))
    clip = Clip(id="0", uri=str(path), end=header.duration, width=640, height=360, fps=25)
    sampling = BadFrames().sampling
    found = BadFrames()(clip, video.decode(clip, [sampling])[sampling])
    assert shares(found) == expected, "the same after H.264"
    bits = found.parts["bits_per_pixel"]
    assert bits == pytest.approx(8 * path.stat().st_size / (640 * 360 * 8), rel=0.01)


def test_a_share_of_the_frames_and_what_has_none() -> None:
    images = np.stack([CLEAN[0], bars(CLEAN[0], 0.05, "left"), CLEAN[1], grey(CLEAN[1])])
    found = of(images)
    assert shares(found) == (0.25, 0, 0.25)
    assert found.parts["bits_per_pixel"] is None, "the size of the file is not known"
    assert len(found.detail["darkest_side"]) == 4
    none = of(np.zeros((0, 360, 640, 3), np.uint8))
    assert shares(none) == (None, None, None)
    assert none.detail["reason"] == "no frame to look at"
