"""local_vlm on tiny models of the real architectures, through the real loading path, without torchvision."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="extra [models] is not installed")
pytest.importorskip("transformers", reason="extra [models] is not installed")

import tiny_models  # noqa: E402

from hoigen.core.clip import Frames, Sampling  # noqa: E402
from hoigen.core.errors import SetupError, UsageError  # noqa: E402
from hoigen.models import room  # noqa: E402
from hoigen.models.experts.call import Answer, Request  # noqa: E402
from hoigen.models.experts.local import pictures as video_part  # noqa: E402
from hoigen.models.experts.local_vlm import LocalVlm  # noqa: E402

torch.set_num_threads(2)
KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava_onevision", "llava_next_video", "llava_next")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: tiny_models.vlm(kind, root / kind) for kind in KINDS}


def clip(seed: int, count: int = 4, height: int = 48, width: int = 64) -> Frames:
    images = np.random.default_rng(seed).integers(0, 255, (count, height, width, 3), np.uint8)
    return Frames(images, np.arange(count) * 0.5 + 0.25)


def asked(text: str, frames: Frames | None = None, **more: Any) -> Request:
    return Request(text=text, frames=frames, media="" if frames is None else f"clip {frames.images.sum()}", **more)


def answers(expert: LocalVlm, requests: Sequence[Request], *, apart: bool = False) -> list[Answer]:
    async def run() -> list[Answer]:
        await expert.open()
        try:
            if apart:
                return [await expert.answer(request) for request in requests]
            return list(await asyncio.gather(*map(expert.answer, requests)))
        finally:
            await expert.close()

    return asyncio.run(run())


def expert_of(folder: Path, **settings: Any) -> LocalVlm:
    return LocalVlm(model=str(folder), max_tokens=8, device="cpu", **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_real_architectures_answer_and_a_batch_changes_nothing(models: dict[str, Path], kind: str) -> None:
    """Two clips and two questions of different lengths: together and apart the same words, and both clips count."""
    media: Any = "frames" if kind == "llava_next" else "video"
    expert = expert_of(models[kind], media=media)
    requests = [
        asked("What is it?", clip(1)),
        asked("Describe what the person does.", clip(2)),
        asked("What is it?", clip(3)),
    ]
    together, apart = answers(expert, requests), answers(expert, requests, apart=True)
    assert all(a.outcome in ("answered", "truncated") for a in together), together
    assert [a.text for a in together] == [a.text for a in apart]
    assert all(a.tokens_in > 16 and a.tokens_out for a in together)


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen3_vl", "llava_onevision", "llava_next_video"])
def test_frames_as_single_pictures(models: dict[str, Path], kind: str) -> None:
    found = answers(expert_of(models[kind], media="frames"), [asked("What is it?", clip(1, count=2))])[0]
    assert found.outcome != "failed", found.reason


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_shown_changes_the_scores(models: dict[str, Path], kind: str) -> None:
    """The pixels reach the language model: its next-token scores differ between two clips, and not by noise."""
    media: Any = "frames" if kind == "llava_next" else "video"
    expert = expert_of(models[kind], media=media)

    async def run() -> list[Any]:
        await expert.open()
        engine = room.taken(expert._key).work.__self__
        scores = []
        for seed in (1, 2):
            with torch.inference_mode():
                scores.append(engine.model(**engine.prepare([asked("What?", clip(seed))], {})).logits[0, -1])
        await expert.close()
        return scores

    one, other = asyncio.run(run())
    assert (one - other).abs().max() > 1e-3


def test_a_request_without_pictures_and_one_with_frames_missing(models: dict[str, Path]) -> None:
    expert = expert_of(models["qwen2_vl"])
    missing = Request(text="What?", media="abc")
    read, lost = answers(expert, [asked("Only words?"), missing])
    assert read.outcome != "failed", read.reason
    assert lost.outcome == "failed"
    assert "frames" in lost.reason


def test_times_reach_qwen3(models: dict[str, Path]) -> None:
    expert = expert_of(models["qwen3_vl"])

    async def run() -> str:
        await expert.open()
        engine = room.taken(expert._key).work.__self__
        made = engine.prepare([asked("What?", clip(1, count=4))], {})
        await expert.close()
        return str(engine.tokenizer.decode(made["input_ids"][0]))

    text = asyncio.run(run())
    assert "<0.5 seconds>" in text
    assert "<1.5 seconds>" in text


def test_too_many_pictures_for_the_context_are_said(models: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "short"
    shutil.copytree(models["llava_onevision"], folder)
    told = json.loads((folder / "config.json").read_text())
    told["text_config"]["max_position_embeddings"] = 40
    (folder / "config.json").write_text(json.dumps(told))
    long, short = answers(expert_of(folder), [asked("What?", clip(1, count=12)), asked("?")])
    assert long.outcome == "failed"
    assert "takes 40" in long.reason
    assert short.outcome != "failed"


def test_a_model_without_videos_says_to_show_frames(models: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="media: frames"):
        answers(expert_of(models["llava_next"]), [])


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is installed")
def test_an_unknown_video_family_says_what_it_lacks(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    families = {name: kind for name, kind in video_part.FAMILIES.items() if name != "qwen2_vl"}
    monkeypatch.setattr(video_part, "FAMILIES", families)
    with pytest.raises(SetupError, match="torchvision"):
        answers(expert_of(models["qwen2_vl"]), [])
    found = answers(expert_of(models["qwen2_vl"], media="frames"), [asked("What?", clip(1))])[0]
    assert found.outcome != "failed", found.reason


def test_a_language_model_is_none_that_sees(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no model that is shown pictures"):
        answers(expert_of(tiny_models.llm(tmp_path)), [])


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="takes frames"):
        LocalVlm(model="x", sampling=Sampling(frames=0))
    with pytest.raises(ValueError, match="slots"):
        LocalVlm(model="x", batch=9)


def test_identity_tells_what_is_shown_from_where_it_runs(models: dict[str, Path]) -> None:
    one = expert_of(models["qwen2_vl"])
    assert dataclasses.replace(one, media="frames").identity != one.identity
    assert dataclasses.replace(one, batch=1, device="auto").identity == one.identity
    assert str(models["qwen2_vl"].parent) not in json.dumps(dict(one.identity))


def _by_hand(frames: np.ndarray, patch: int, merge: int, temporal: int) -> list[np.ndarray]:
    """Patches in the towers' order, one by one: time, then blocks of merge x merge, then patches within a block."""
    count, height, width = frames.shape[0], frames.shape[2], frames.shape[3]
    rows = []
    block = patch * merge
    for t in range(0, count, temporal):
        for y in range(0, height, block):
            for x in range(0, width, block):
                for dy in range(0, block, patch):
                    for dx in range(0, block, patch):
                        cut = frames[t : t + temporal, :, y + dy : y + dy + patch, x + dx : x + dx + patch]
                        rows.append(cut.transpose(1, 0, 2, 3).reshape(-1))
    return rows


def test_patches_are_in_the_towers_order() -> None:
    frames = np.random.default_rng(0).random((4, 3, 16, 24), np.float32)
    rows, grid = video_part.patches(frames, 4, 2, 2)
    assert grid == [2, 4, 6]
    np.testing.assert_array_equal(rows, np.stack(_by_hand(frames, 4, 2, 2)))
    odd, grid = video_part.patches(frames[:3], 4, 2, 2)
    assert grid == [2, 4, 6]
    np.testing.assert_array_equal(odd[len(odd) // 2 :], np.stack(_by_hand(frames[[2, 2]], 4, 2, 2)))


@pytest.mark.parametrize("size", [(336, 598), (30, 400), (1080, 1920), (20, 20)])
def test_a_still_video_is_seen_as_the_librarys_own_image_processor_sees_a_picture(size: tuple[int, int]) -> None:
    """Two equal frames of a video are what Qwen2-VL's image processor makes of one picture."""
    from transformers import Qwen2VLImageProcessorPil

    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    bounds = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 64}
    wanted = Qwen2VLImageProcessorPil(size=bounds)(picture, return_tensors="np")
    part = video_part.video_pixels("qwen2_vl", {"size": bounds})
    assert part is not None
    found = part([np.stack([picture, picture])])
    assert found["video_grid_thw"].tolist() == wanted["image_grid_thw"].tolist()
    np.testing.assert_allclose(found["pixel_values_videos"].numpy(), wanted["pixel_values"], atol=1e-5)


@pytest.mark.parametrize("kind", ["llava_onevision", "llava_next_video"])
def test_llava_videos_are_prepared_as_the_librarys_pictures(kind: str) -> None:
    from transformers import CLIPImageProcessorPil

    frames = clip(5, height=60, width=100).images
    wide = {"height": 32, "width": 32}
    told: dict[str, Any] = {"size": wide} if kind == "llava_onevision" else {"size": {"shortest_edge": 28}}
    told |= {"crop_size": {"height": 28, "width": 28}, "do_center_crop": kind == "llava_next_video"}
    wanted = CLIPImageProcessorPil(**told)(list(frames), return_tensors="np")["pixel_values"]
    part = video_part.video_pixels(kind, told)
    assert part is not None
    np.testing.assert_allclose(part([frames])["pixel_values_videos"][0].numpy(), np.asarray(wanted), atol=1e-5)


def test_qwen3_bounds_hold_for_all_frames_together() -> None:
    least, most = 128 * 32 * 32, 32 * 32 * 768
    for count, height, width in ((8, 336, 598), (2, 40, 40), (64, 720, 1280), (4, 20, 300)):
        high, wide = video_part.whole_patches(count, height, width, 32, (least, most), 2)
        assert high % 32 == 0
        assert wide % 32 == 0
        assert count * high * wide <= most
        assert count * high * wide >= least


def test_pllava_is_picked_and_answers_from_its_published_layout(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from hoigen.models.nets.pllava import Pllava, PllavaConfig

    words = tiny_models.tokenizer(("<image>",), None)
    image = words.convert_tokens_to_ids("<image>")
    vision = tiny_models.CLIP | {"image_size": 48, "patch_size": 2, "projection_dim": 16}
    told = {
        "architectures": ["PllavaForConditionalGeneration"],
        "model_type": "llava",
        "image_token_index": image,
        "pad_token_id": 258,
        "vision_config": vision,
        "text_config": tiny_models.TEXT | {"num_key_value_heads": 4},
    }
    torch.manual_seed(0)
    model = tiny_models.shaken(Pllava(PllavaConfig.of(told)))
    tensors = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
        tensors[name.replace("language_model.", "language_model.base_model.model.", 1)] = tensor
    save_file(tensors, tmp_path / "model.safetensors")
    words.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(told))
    sides = {"size": {"shortest_edge": 48}, "crop_size": {"height": 48, "width": 48}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(sides))
    expert = LocalVlm(model=str(tmp_path), max_tokens=6, sampling=Sampling(frames=16), batch=2)
    requests = [asked("Describe.", clip(1, count=16)), asked("What does the person hold?", clip(2, count=16))]
    together, apart = answers(expert, requests), answers(expert, requests, apart=True)
    assert [a.text for a in together] == [a.text for a in apart]
    assert all(a.outcome in ("answered", "truncated") and a.tokens_in > 2304 for a in together), together
    with pytest.raises(UsageError, match="media: video"):
        answers(dataclasses.replace(expert, media="frames"), [])
    (tmp_path / "config.json").write_text(
        json.dumps(told | {"text_config": told["text_config"] | {"vocab_size": 64064}})
    )
    with pytest.raises(SetupError, match="34B"):
        answers(expert, [])
