"""aesthetic_quality and imaging_quality against VBench itself, on weights from seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seeded
from sides import score_of, vbench_said

from hoigen.measures.aesthetic_quality import AestheticQuality
from hoigen.measures.imaging_quality import ImagingQuality

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
RESIZES = {"imaging_quality": "longer", "imaging_quality_shorter": "shorter"}
RESIZES["imaging_quality_square"] = "shorter_centercrop"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for model in ("clip_l14", "laion"):
        torch.save(seeded.tensors(model), folder / f"{model}.pth")
    torch.save({"params": seeded.tensors("musiq")}, folder / "musiq.pth")
    return folder


def aesthetic(weights: Path, **settings: Any) -> AestheticQuality:
    return AestheticQuality(checkpoint=str(weights / "clip_l14.pth"), head=str(weights / "laion.pth"), **settings)


def imaging(weights: Path, **settings: Any) -> ImagingQuality:
    return ImagingQuality(checkpoint=str(weights / "musiq.pth"), **settings)


@pytest.mark.parametrize("video", vbench_said()["aesthetic_quality"])
def test_aesthetic_equal_to_vbench(weights: Path, video: str) -> None:
    said = vbench_said()["aesthetic_quality"][video]
    assert score_of(aesthetic(weights), video).value == pytest.approx(said, abs=1e-6)


@pytest.mark.parametrize("video", vbench_said()["imaging_quality"])
def test_imaging_equal_to_vbench(weights: Path, video: str) -> None:
    said = vbench_said()["imaging_quality"][video] / 100
    assert score_of(imaging(weights), video).value == pytest.approx(said, abs=1e-6)


@pytest.mark.parametrize("name", RESIZES)
def test_ways_to_bring_large_frames_down(weights: Path, name: str) -> None:
    said = {each: vbench_said()[each]["large"] / 100 for each in RESIZES}
    assert len(set(said.values())) == len(RESIZES)
    assert score_of(imaging(weights, resize=RESIZES[name]), "large").value == pytest.approx(said[name], abs=1e-6)


def test_batches_change_no_number(weights: Path) -> None:
    for make in (aesthetic, imaging):
        values = [score_of(make(weights, batch=batch), "bt709").value for batch in (1, 3)]
        assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_the_detail_leads_to_the_number(weights: Path) -> None:
    score = score_of(aesthetic(weights), "tall")
    assert len(score.detail["frames"]) == 6
    assert sum(score.detail["frames"]) / 6 == pytest.approx(score.value, abs=1e-5)
    assert [each["name"] for each in score.detail["weights"]] == ["clip_l14.pth", "laion.pth"]


def test_one_frame_has_a_number(weights: Path) -> None:
    assert score_of(imaging(weights), "one").value is not None


def test_half_precision_is_near(weights: Path) -> None:
    for make in (aesthetic, imaging):
        exact, half = (score_of(make(weights, dtype=dtype), "tall").value for dtype in ("float32", "float16"))
        assert half == pytest.approx(exact, abs=1e-3)


def test_unknown_resize_is_refused() -> None:
    with pytest.raises(ValueError, match="resize: one of longer"):
        ImagingQuality(resize="wider")


def as_published_by_google(state: dict[str, Any]) -> dict[str, np.ndarray]:
    """Weights of the conversion, back in the names and shapes that the model of google-research declares."""
    heads, found = 6, {}
    for name, tensor in state.items():
        array, path = tensor.numpy(), name.replace(".", "/")
        width = array.shape[-1]
        for ours, theirs in GOOGLES_NAMES.items():
            path = path.replace(ours, theirs)
        if path.endswith("/weight"):
            path = path.removesuffix("weight") + ("scale" if array.ndim == 1 else "kernel")
        if "gn" in name:
            array = array.reshape(1, 1, 1, -1)
        elif ".attention.out." in name and array.ndim == 2:
            array = array.T.reshape(heads, width // heads, width)
        elif ".attention." in name and ".out." not in name:
            array = array.T.reshape(*array.shape[1:], heads, -1)
        elif array.ndim == 4:
            array = np.einsum("oihw->hwio", array)
        elif path.endswith("kernel"):
            array = array.T
        elif path.endswith("scale_embedding"):
            array = array[None]
        found[f"opt/target/{path}"] = np.ascontiguousarray(array)
    return found


GOOGLES_NAMES = {
    "transformer_encoder/transformer": "Transformer",
    "transformer_encoder": "Transformer",
    "block1/": "block1/unit1/",
    "norm1": "LayerNorm_0",
    "norm2": "LayerNorm_2",
    "attention": "MultiHeadDotProductAttention_1",
    "mlp/fc1": "MlpBlock_3/Dense_0",
    "mlp/fc2": "MlpBlock_3/Dense_1",
    "position_emb": "pos_embedding",
    "scale_emb": "scale_embedding",
}


def test_the_original_file_gives_the_same_number(weights: Path, tmp_path: Path) -> None:
    arrays = as_published_by_google(seeded.tensors("musiq"))
    first = "opt/target/Transformer/encoderblock_0/MultiHeadDotProductAttention_1"
    assert arrays[f"{first}/query/kernel"].shape == (48, 6, 8)
    assert arrays[f"{first}/out/kernel"].shape == (6, 8, 48)
    assert arrays["opt/target/block1/unit1/gn_proj/scale"].shape == (1, 1, 1, 256)
    np.savez(tmp_path / "spaq_ckpt.npz", **arrays, **{"opt/state/step": np.array(3)})
    original = ImagingQuality(original=True, checkpoint=str(tmp_path / "spaq_ckpt.npz"))
    assert score_of(original, "plain").value == pytest.approx(score_of(imaging(weights), "plain").value, abs=1e-7)


def test_the_original_is_another_published_file() -> None:
    assert list(ImagingQuality(original=True).files) == ["musiq_spaq_original"]
    assert ImagingQuality(original=True).identity != ImagingQuality().identity
