"""subject_consistency and background_consistency against VBench itself, on weights from seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seeded
from sides import score_of, vbench_said

from hoigen.dataset.embedded import vectors_of
from hoigen.measures.background_consistency import BackgroundConsistency
from hoigen.measures.subject_consistency import SubjectConsistency

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
MEASURES = {
    "subject_consistency": (SubjectConsistency, "dino"),
    "background_consistency": (BackgroundConsistency, "clip_b32"),
}
CASES = [(name, video) for name in MEASURES for video in vbench_said()[name]]


@pytest.fixture(scope="module")
def measures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("weights")
    made = {}
    for name, (measure, model) in MEASURES.items():
        torch.save(seeded.tensors(model), folder / f"{model}.pth")
        made[name] = measure(checkpoint=str(folder / f"{model}.pth"), device="cpu", batch=4)
    return made


@pytest.mark.parametrize(("name", "video"), CASES)
def test_equal_to_vbench(measures: dict[str, Any], name: str, video: str) -> None:
    assert score_of(measures[name], video).value == pytest.approx(vbench_said()[name][video], abs=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_batches_change_no_number(measures: dict[str, Any], name: str) -> None:
    scores = [
        score_of(type(measures[name])(checkpoint=measures[name].checkpoint, batch=batch), "plain") for batch in (1, 32)
    ]
    assert scores[0].value == pytest.approx(scores[1].value, abs=1e-6)
    assert scores[0].detail["pairs"] == scores[1].detail["pairs"] == 8


@pytest.mark.parametrize("name", MEASURES)
def test_the_detail_leads_to_the_number(measures: dict[str, Any], name: str) -> None:
    score = score_of(measures[name], "bt709")
    both = np.array([score.detail["to_last"], score.detail["to_first"]])
    assert both.shape == (2, 4)
    assert both[0, 0] == both[1, 0]  # the second frame's last one is the first
    assert both.mean() == pytest.approx(score.value, abs=1e-5)
    assert score.detail["weights"][0]["name"] == Path(measures[name].checkpoint).name
    assert len(score.detail["weights"][0]["sha256"]) == 64


@pytest.mark.parametrize("name", MEASURES)
def test_the_vector_is_the_mean_of_what_the_network_says(measures: dict[str, Any], name: str) -> None:
    """Of the network's own answers, frame by frame, to a hundredth: int8 keeps no more."""
    measure = measures[name]
    said: list[Any] = []
    stream = measure.begin(None)
    answers = stream.asking.answers
    stream.asking.answers = lambda: said.extend(answers()) or said
    for image in np.random.default_rng(1).integers(0, 255, (5, 96, 128, 3), np.uint8):
        stream.see(image, 0.0)
    score = stream.score()
    wanted = torch.nn.functional.normalize(torch.cat(said), dim=-1).mean(dim=0)
    [found] = vectors_of([score.detail["embedding"]])
    assert len(found) == len(wanted)
    assert torch.nn.functional.cosine_similarity(torch.tensor(found), wanted, dim=0) > 0.999


@pytest.mark.parametrize("name", MEASURES)
def test_one_frame_is_undefined(measures: dict[str, Any], name: str) -> None:
    score = score_of(measures[name], "one")
    assert score.value is None
    assert score.detail["reason"] == "one frame only"


@pytest.mark.parametrize("name", MEASURES)
def test_half_precision_is_near(measures: dict[str, Any], name: str) -> None:
    half = type(measures[name])(checkpoint=measures[name].checkpoint, dtype="float16")
    assert score_of(half, "plain").value == pytest.approx(vbench_said()[name]["plain"], abs=1e-3)


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="dtype: auto, float32, float16 or bfloat16; it came as 'int8'"):
        SubjectConsistency(dtype="int8")
    with pytest.raises(ValueError, match="batch: 1 or more"):
        BackgroundConsistency(batch=0)
