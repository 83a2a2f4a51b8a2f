"""motion_smoothness against VBench itself, on weights from seeds; and without weights on motion that is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seeded
from sides import DATA, clip_of, score_of, vbench_said

from hoigen.core.clip import EveryFrame
from hoigen.measures.motion_smoothness import MotionSmoothness
from hoigen.models import room
from hoigen.video import decode
from render import pan, render, texture

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
SAID = vbench_said()["motion_smoothness"]
DEFINED = ("uneven", "even")
LOSSLESS = {"codec": "ffv1", "pix_fmt": "bgr0"}


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> MotionSmoothness:
    path = tmp_path_factory.mktemp("weights") / "amt.pth"
    torch.save({"state_dict": seeded.tensors("amt")}, path)
    return MotionSmoothness(checkpoint=str(path), device="cpu")


@pytest.mark.parametrize("video", DEFINED)
def test_equal_to_vbench(measure: MotionSmoothness, video: str) -> None:
    assert score_of(measure, video).value == pytest.approx(SAID[video], abs=1e-6)


@pytest.mark.parametrize(("video", "count"), [("uneven", 3), ("even", 2)])
def test_the_last_of_an_even_count_is_not_asked_for(measure: MotionSmoothness, video: str, count: int) -> None:
    score = score_of(measure, video)
    assert len(score.detail["differences"]) == count
    assert 1 - np.mean(score.detail["differences"]) / 255 == pytest.approx(score.value, abs=1e-6)
    assert score.detail["weights"][0]["name"] == "amt.pth"


def frames_of(video: str) -> list[np.ndarray]:
    seen: list[np.ndarray] = []
    decode(clip_of(DATA / f"{video}.mp4"), (), [(EveryFrame(untagged=True), lambda image, at: seen.append(image))])
    return seen


def between(measure: MotionSmoothness, first: np.ndarray, second: np.ndarray) -> Any:
    """What the network itself says, 0..255, with fractions."""
    pair = (torch.from_numpy(each).permute(2, 0, 1)[None] / 255 for each in (first, second))
    return room.handle(*measure.networks)(*pair)[0].permute(1, 2, 0).numpy() * 255


def test_grey_levels_are_cut_off_and_not_rounded(measure: MotionSmoothness) -> None:
    frames = frames_of("uneven")
    made = [(frames[at], between(measure, frames[at - 1], frames[at + 1])) for at in (1, 3, 5)]
    cut, rounded = (
        1 - np.mean([np.abs(odd.astype(float) - how(each)).mean() for odd, each in made]) / 255
        for how in (np.floor, np.round)
    )
    assert SAID["uneven"] == pytest.approx(cut, abs=1e-6)
    assert abs(SAID["uneven"] - rounded) > 1e-4


def test_colours_are_those_that_vbench_reads(measure: MotionSmoothness) -> None:
    honoured = MotionSmoothness(checkpoint=measure.checkpoint, sampling=EveryFrame())
    assert abs(score_of(honoured, "uneven").value - SAID["uneven"]) > 1e-4


@pytest.mark.parametrize("video", ["one", "two"])
def test_fewer_than_three_frames_are_undefined(video: str) -> None:
    score = score_of(MotionSmoothness(interpolator="flow"), video)
    assert score.value is None
    assert score.detail["reason"] == "fewer than three frames"


def test_frames_too_small_for_amt_are_undefined(measure: MotionSmoothness) -> None:
    score = score_of(measure, "plain")
    assert score.value is None
    assert score.detail["reason"] == "a side of less than 113 pixels, too small for AMT"
    assert score_of(MotionSmoothness(interpolator="flow"), "plain").value is not None


def test_of_frames_too_small_vbench_makes_black_ones() -> None:
    odd = frames_of("plain")[1::2]
    assert SAID["plain"] == pytest.approx(1 - np.mean(odd) / 255, abs=1e-9)


@pytest.mark.parametrize("size", [(113, 128), (128, 113), (121, 150)])
def test_any_size_comes_back_as_it_was(measure: MotionSmoothness, size: tuple[int, int]) -> None:
    frames = pan(texture(1, (160, 200)), 2, (2.0, 1.0), size)
    made = between(measure, *frames)
    assert made.shape == (*size, 3)
    assert np.isfinite(made).all()


def test_matches_for_some_places_at_a_time_change_no_number(
    measure: MotionSmoothness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hoigen.models.nets import amt

    frames = frames_of("uneven")[:3:2]
    whole = between(measure, *frames)
    cells = (144 // 8) * (192 // 8)
    monkeypatch.setattr(amt, "MOST", 11 * cells * 37)
    assert np.abs(between(measure, *frames) - whole).max() < 1e-2


def test_half_precision_is_near(measure: MotionSmoothness) -> None:
    half = MotionSmoothness(checkpoint=measure.checkpoint, dtype="float16")
    assert score_of(half, "even").value == pytest.approx(SAID["even"], abs=2e-3)


def flow(path: Path, frames: Sequence[np.ndarray]) -> float:
    value = score_of(MotionSmoothness(interpolator="flow"), render(path, frames, **LOSSLESS)).value
    assert value is not None
    return value


def test_a_still_picture_is_smooth(tmp_path: Path) -> None:
    assert flow(tmp_path / "still.mkv", [texture(2, (96, 128), octaves=6)] * 5) == 1.0


def test_trembling_is_less_smooth_than_a_pan(tmp_path: Path) -> None:
    picture, size = texture(3, (200, 300), octaves=6), (96, 128)
    smooth = pan(picture, 13, (3.0, 1.0), size)
    trembling = [pan(np.roll(picture, (at % 2) * 4, 0), at + 1, (3.0, 1.0), size)[-1] for at in range(13)]
    jump = [*smooth[:6], *pan(np.roll(picture, 90, 1), 7, (3.0, 1.0), size)]
    values = [flow(tmp_path / f"{at}.mkv", each) for at, each in enumerate((smooth, jump, trembling))]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.99
    assert values[0] - values[2] > 0.01


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="interpolator: amt or flow; it came as 'rife'"):
        MotionSmoothness(interpolator="rife")
    assert MotionSmoothness().identity != MotionSmoothness(interpolator="flow").identity
