"""What is kept of a clip for drawing."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.measures.fine.sketch import CORNERS, SHOWN, Sketches, outlines
from hoigen.observe.frame import ObservedFrame, Person, Thing
from hoigen.observe.masks import Mask, ellipse


def scene(x: float, time: float) -> ObservedFrame:
    cup = Thing(label="cup", score=0.9, box=(x, 20, x + 40, 60), mask=ellipse((x, 20, x + 40, 60)))
    person = Person(box=(0, 0, 50, 100), points={"left_wrist": (x, 40.0)}, hands=[np.full((21, 2), 10.0)])
    return ObservedFrame(time=time, size=(200, 100), persons=[person], things=[cup])


def test_frames_nearest_to_the_middles_are_kept() -> None:
    sketches = Sketches(8.0)
    for number in range(800):
        sketches.offer(scene(number / 8, number / 100), number)
    boxes = {number: (number / 8, 20, number / 8 + 40, 60) for number in range(800)}
    rows = sketches.of(dict.fromkeys(range(800), (0, 0, 50, 100)), boxes)
    assert [row["time"] for row in rows] == [at + 0.5 for at in range(SHOWN)]
    assert rows[0]["points"]["left_wrist"] == (pytest.approx(50 / 8 / 200, abs=1e-4), 0.4)
    assert rows[0]["object"] == pytest.approx([50 / 8 / 200, 0.2, (50 / 8 + 40) / 200, 0.6], abs=1e-4)
    assert len(rows[0]["hands"][0]) == 21


def test_only_the_pair_is_drawn() -> None:
    sketches = Sketches(1.0, 1)
    sketches.offer(scene(30, 0.4), 0)
    [row] = sketches.of({}, {0: (30, 20, 70, 60)})
    assert "person" not in row
    assert row["mask_source"] == "ellipse"
    [row] = sketches.of({0: (1, 1, 2, 2)}, {})
    assert set(row) == {"time", "frame"}


def test_fewer_frames_than_moments_are_told_once() -> None:
    sketches = Sketches(4.0)
    for number in range(3):
        sketches.offer(scene(30, number * 1.5), number)
    assert [row["frame"] for row in sketches.of({}, {})] == [0, 1, 2]


def test_outlines_follow_the_mask_with_few_corners() -> None:
    rows, columns = np.mgrid[:200, :300]
    pixels = (columns - 150) ** 2 / 140**2 + (rows - 100) ** 2 / 90**2 <= 1
    pixels[:12, :12] = True
    large, small = outlines(Mask(pixels=pixels, left=40, top=10, source="x"))
    assert len(large) <= CORNERS
    assert len(small) == 4
    x, y = np.array(large).T
    shape = (x - 190.5) ** 2 / 140**2 + (y - 110.5) ** 2 / 90**2
    assert np.abs(np.sqrt(shape) - 1).max() < 0.03


def test_an_empty_mask_has_no_outline() -> None:
    assert outlines(Mask(pixels=np.zeros((5, 5), bool), left=0, top=0, source="x")) == []
