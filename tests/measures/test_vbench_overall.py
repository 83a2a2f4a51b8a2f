"""overall_consistency against VBench itself, on weights from seeds; its tokens and its choice of frames."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import seeded
from sides import score_of, vbench_said

from hoigen.measures.overall_consistency import OverallConsistency
from hoigen.measures.vbench.streams import Spread, middles
from hoigen.measures.vbench.words import words
from hoigen.models import room, uses

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
PROMPTS = tuple(vbench_said()["overall_consistency_prompts"])
PROMPT = PROMPTS[0]


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> OverallConsistency:
    path = tmp_path_factory.mktemp("weights") / "viclip.pth"
    torch.save({"model": seeded.tensors("viclip")}, path)
    return OverallConsistency(checkpoint=str(path), device="cpu")


@pytest.mark.parametrize("video", vbench_said()["overall_consistency"])
def test_equal_to_vbench(measure: OverallConsistency, video: str) -> None:
    said = vbench_said()["overall_consistency"][video]
    assert score_of(measure, video, PROMPT).value == pytest.approx(said, abs=1e-6)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompts_are_read_as_vbench_reads_them(measure: OverallConsistency, prompt: str) -> None:
    said = vbench_said()["overall_consistency_prompts"][prompt]
    assert score_of(measure, "plain", prompt).value == pytest.approx(said, abs=1e-6)


def test_what_is_cut_is_told(measure: OverallConsistency) -> None:
    short, long = (score_of(measure, "two", prompt).detail for prompt in (PROMPT, PROMPTS[-1]))
    assert (short["pieces"], short["cut"]) == (5, 0)
    assert long["pieces"] - long["cut"] == 30
    assert long["cut"] > 5


def test_the_end_stands_in_the_last_place() -> None:
    numbers, pieces = words().encoded("dog " * 100, 32)
    assert len(numbers) == 32
    assert (numbers[0], numbers[-1], pieces) == (49406, 49407, 100)
    assert set(numbers[1:-1]) == {1929}


@pytest.mark.parametrize("prompt", [None, "", "  "])
def test_without_a_prompt_it_is_undefined(measure: OverallConsistency, prompt: str | None) -> None:
    score = score_of(measure, "two", prompt)
    assert score.value is None
    assert score.detail["reason"] == "no prompt"


def test_frames_are_named(measure: OverallConsistency) -> None:
    assert score_of(measure, "two", PROMPT).detail["frames"] == [0, 1, 1, 1, 1, 1, 1, 1]
    assert score_of(measure, "fifty", PROMPT).detail["frames"] == [2, 8, 14, 20, 26, 32, 38, 45]


@pytest.mark.parametrize("count", [*range(1, 40), 49, 97, 120, 1441])
def test_middles_are_those_of_the_formula(count: int) -> None:
    edges = np.linspace(0, count, min(8, count) + 1).astype(int)
    expected = [(low + high - 1) // 2 for low, high in itertools.pairwise(edges)]
    assert middles(count, 8) == expected + expected[-1:] * (8 - len(expected))


@pytest.mark.parametrize(("count", "expected"), [(90, 3000), (1441, 1440), (1438, 1440), (9000, 9002), (1, 0)])
def test_spread_is_exact_when_the_header_is_about_right_or_the_clip_short(count: int, expected: int) -> None:
    spread = Spread(8, expected)
    for at in range(count):
        spread.offer(lambda at=at: at)
    assert spread.chosen() == middles(count, 8)
    assert [spread.kept[at] for at in spread.chosen()] == spread.chosen()


def test_spread_stays_bounded_and_near_when_the_header_lies() -> None:
    spread, most = Spread(8, 100), 0
    for at in range(5000):
        spread.offer(lambda at=at: at)
        most = max(most, len(spread.kept))
    assert most <= 96 + 40
    assert max(abs(a - b) for a, b in zip(spread.chosen(), middles(5000, 8), strict=True)) <= 64


def test_half_precision_is_near(measure: OverallConsistency) -> None:
    half = OverallConsistency(checkpoint=measure.checkpoint, dtype="float16")
    assert score_of(half, "two", PROMPT).value == pytest.approx(score_of(measure, "two", PROMPT).value, abs=2e-3)


def test_weights_of_another_layout_are_refused(tmp_path: Path) -> None:
    torch.save(seeded.tensors("dino"), tmp_path / "dino.pth")
    from hoigen.core.errors import SetupError

    with pytest.raises(SetupError, match=r"no vision_encoder\.conv1\.weight"):
        room.handle(*OverallConsistency(checkpoint=str(tmp_path / "dino.pth")).networks)


@pytest.fixture(scope="module")
def by_clip(tmp_path_factory: pytest.TempPathFactory) -> OverallConsistency:
    path = tmp_path_factory.mktemp("clip") / "clip.pth"
    torch.save(seeded.tensors("clip_l14"), path)
    return OverallConsistency(encoder="clip", checkpoint=str(path), device="cpu")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_clip_is_that_of_openai(by_clip: OverallConsistency, prompt: str) -> None:
    score = score_of(by_clip, "plain", prompt)
    assert score.value == pytest.approx(vbench_said()["overall_consistency_clip"][prompt], abs=1e-6)
    assert score.detail["cut"] == 0


def test_the_free_encoder_is_another_number() -> None:
    assert OverallConsistency(encoder="clip").identity != OverallConsistency().identity
    assert not uses.notices([OverallConsistency(encoder="clip")])
    assert "ViClip" in uses.notices([OverallConsistency()])[0]
    with pytest.raises(ValueError, match="encoder: viclip or clip; it came as 'blip'"):
        OverallConsistency(encoder="blip")
