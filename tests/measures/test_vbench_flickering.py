"""temporal_flickering against VBench itself, and the colours it reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sides import DATA, clip_of, score_of, vbench_said

from hoigen.core.clip import EveryFrame
from hoigen.measures.temporal_flickering import TemporalFlickering
from hoigen.video import decode
from render import render

SAID = vbench_said()["temporal_flickering"]


@pytest.mark.parametrize("video", SAID)
def test_equal_to_vbench(video: str) -> None:
    assert score_of(TemporalFlickering(), video).value == pytest.approx(SAID[video], abs=1e-6)


@pytest.mark.parametrize("video", ["bt709", "full"])
def test_tags_are_ignored_as_vbench_does(video: str) -> None:
    honoured = score_of(TemporalFlickering(sampling=EveryFrame()), video).value
    assert honoured is not None
    assert abs(honoured - SAID[video]) > 5e-5


def test_both_colours_from_one_decode() -> None:
    seen: dict[bool, list[np.ndarray]] = {False: [], True: []}
    watchers = [(EveryFrame(untagged=u), lambda image, at, u=u: seen[u].append(image)) for u in (False, True)]
    decode(clip_of(DATA / "bt709.mp4"), (), watchers)
    assert [len(images) for images in seen.values()] == [5, 5]
    assert np.abs(seen[False][0].astype(int) - seen[True][0]).mean() > 1
    seen = {False: [], True: []}
    decode(clip_of(DATA / "plain.mp4"), (), watchers)
    assert all(one is other for one, other in zip(seen[False], seen[True], strict=True))


def test_known_differences(tmp_path: Path) -> None:
    greys = [np.full((32, 64, 3), level, np.uint8) for level in (100, 110, 110, 95)]
    path = render(tmp_path / "greys.mkv", greys, codec="ffv1", pix_fmt="bgr0")
    score = score_of(TemporalFlickering(), path)
    assert score.detail["differences"] == [10, 0, 15]
    assert score.value == pytest.approx(1 - 25 / 3 / 255, abs=1e-12)


def test_every_frame_is_seen_at_uneven_and_high_rates(tmp_path: Path) -> None:
    images = [np.full((32, 64, 3), 20 * (at % 2), np.uint8) for at in range(40)]
    times = [at * 0.004 + (at > 20) for at in range(40)]
    path = render(tmp_path / "uneven.mp4", images, times=times)
    assert len(score_of(TemporalFlickering(), path).detail["differences"]) == 39


def test_one_frame_is_undefined() -> None:
    score = score_of(TemporalFlickering(), "one")
    assert score.value is None
    assert score.detail["reason"] == "one frame only"
