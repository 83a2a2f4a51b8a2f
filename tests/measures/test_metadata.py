"""The header's facts, without decoding."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from hoigen import Clip, Frames, Score
from hoigen.measures.metadata import Metadata
from hoigen.video import probe
from render import render, texture

NONE = Frames(np.empty((0, 0, 0, 3), np.uint8), np.empty(0))


def score_of(path: Path, **changes: Any) -> Score:
    header = probe(str(path))
    clip = Clip(
        id="0",
        uri=str(path),
        end=header.duration,
        width=header.width,
        height=header.height,
        fps=header.fps,
        meta={"header": dataclasses.asdict(header)},
    )
    return Metadata()(dataclasses.replace(clip, **changes), NONE)


def frames(count: int = 25, size: tuple[int, int] = (72, 128)) -> list[np.ndarray]:
    return [texture(0, size)] * count


def test_needs_no_frames() -> None:
    assert not Metadata().sampling.needs_frames


def test_numbers_of_a_plain_video(tmp_path: Path) -> None:
    score = score_of(render(tmp_path / "a.mp4", frames(50), fps=25))
    assert score.value is None
    assert abs((score.parts["duration"] or 0) - 2) < 0.05
    assert score.parts["short_side"] == 72
    assert abs((score.parts["fps"] or 0) - 25) < 0.1
    assert (score.parts["has_audio"], score.parts["vfr"]) == (0, 0)
    assert score.detail["codec"] == "h264"
    assert score.detail["pixel_format"] == "yuv420p"
    assert "mp4" in score.detail["container"]


def test_audio_and_variable_rate(tmp_path: Path) -> None:
    times = np.cumsum([0.02, 0.1, 0.03, 0.08] * 6).tolist()
    score = score_of(render(tmp_path / "a.mp4", frames(24), times=times, audio=True))
    assert (score.parts["has_audio"], score.parts["vfr"]) == (1, 1)


def test_a_turned_video_has_the_size_that_is_shown(tmp_path: Path) -> None:
    score = score_of(render(tmp_path / "a.mp4", frames(), rotation=90))
    assert score.parts["short_side"] == 72
    assert (score.detail["width"], score.detail["height"], score.detail["rotation"]) == (72, 128, 90)


def test_a_shot_has_its_own_duration(tmp_path: Path) -> None:
    score = score_of(render(tmp_path / "a.mp4", frames(50)), start=0.5, end=1.25)
    assert score.parts["duration"] == 0.75
    assert abs(score.detail["duration"] - 2) < 0.05


def test_without_a_known_header_it_is_read(tmp_path: Path) -> None:
    assert score_of(render(tmp_path / "a.mp4", frames()), meta={}).detail["codec"] == "h264"
