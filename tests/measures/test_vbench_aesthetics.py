"""aesthetics, the predictor that curation takes, against OpenAI's and LAION's own way, on weights from seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import seeded
from sides import DATA, clip_of, vbench_said

from hoigen.core.clip import EveryFrame, Frames
from hoigen.core.errors import SetupError
from hoigen.core.score import Score
from hoigen.measures.aesthetics import Aesthetics
from hoigen.models import room
from hoigen.video import decode

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Aesthetics:
    folder = tmp_path_factory.mktemp("weights")
    for model in ("clip_l14", "laion_v2"):
        torch.save(seeded.tensors(model), folder / f"{model}.pth")
    return Aesthetics(checkpoint=str(folder / "clip_l14.pth"), head=str(folder / "laion_v2.pth"), device="cpu")


def of_all_frames(measure: Aesthetics, video: str) -> Score:
    seen: list[np.ndarray] = []
    clip = clip_of(DATA / f"{video}.mp4")
    decode(clip, (), [(EveryFrame(), lambda image, at: seen.append(image))])
    return measure(clip, Frames(np.stack(seen), np.arange(len(seen), dtype=float)))


@pytest.mark.parametrize("video", vbench_said()["aesthetics"])
def test_every_frame_has_the_number_of_the_original(measure: Aesthetics, video: str) -> None:
    said = vbench_said()["aesthetics"][video]
    assert of_all_frames(measure, video).detail["frames"] == pytest.approx(said, abs=2e-5)


def test_the_score_is_the_mean_of_a_few_frames(measure: Aesthetics) -> None:
    clip = clip_of(DATA / "fifty.mp4")
    score = measure(clip, decode(clip, [measure.sampling])[measure.sampling])
    said = vbench_said()["aesthetics"]["fifty"]
    assert len(score.detail["frames"]) == 3
    assert score.value == pytest.approx(np.mean([said[at] for at in (8, 24, 40)]), abs=2e-5)
    assert [each["name"] for each in score.detail["weights"]] == ["clip_l14.pth", "laion_v2.pth"]


def test_without_smoothing_it_would_be_another_number(measure: Aesthetics, monkeypatch: pytest.MonkeyPatch) -> None:
    from hoigen.measures.vbench import pictures

    said = vbench_said()["aesthetics"]["large"]
    monkeypatch.setattr(pictures, "smoothed", pictures.clip_small)
    off = np.abs(np.array(of_all_frames(measure, "large").detail["frames"]) - said)
    assert off.max() > 2e-4


def test_no_frames_are_undefined(measure: Aesthetics) -> None:
    nothing = Frames(np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0))
    assert measure(clip_of(DATA / "one.mp4"), nothing).detail["reason"] == "no frame to look at"


def test_the_two_heads_are_never_shared(measure: Aesthetics, tmp_path: Path) -> None:
    torch.save(seeded.tensors("laion"), tmp_path / "first.pth")
    with pytest.raises(SetupError, match=r"first\.pth: no layers\.0\.weight"):
        room.handle(*Aesthetics(checkpoint=measure.checkpoint, head=str(tmp_path / "first.pth"), device="cpu").networks)
