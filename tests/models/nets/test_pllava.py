"""PLLaVA against its official semantics, written here a second time and in another way: on tiny random weights."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="extra [models] is not installed")
pytest.importorskip("transformers", reason="extra [models] is not installed")

from hoigen.models.nets import pllava  # noqa: E402
from hoigen.models.nets.pllava import MODEL, USER, Pllava, PllavaConfig, conversation  # noqa: E402

torch.set_num_threads(2)

TOLD: dict[str, Any] = {
    "architectures": ["PllavaForConditionalGeneration"],
    "model_type": "llava",
    "image_token_index": 90,
    "pad_token_id": 91,
    "projector_hidden_act": "gelu",
    "vision_feature_layer": -2,
    "pooling_shape": [16, 8, 8],
    "num_frames": 1,
    "vision_config": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 48,
        "patch_size": 2,
        "projection_dim": 16,
    },
    "text_config": {
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 96,
        "max_position_embeddings": 4096,
    },
}
FRAMES, SIDE, TOKENS = 16, 48, 16 * 12 * 12


@pytest.fixture(scope="module")
def config() -> PllavaConfig:
    return PllavaConfig.of(TOLD)


@pytest.fixture(scope="module")
def model(config: PllavaConfig) -> Pllava:
    torch.manual_seed(0)
    made = Pllava(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module")
def video() -> Any:
    return torch.randn(FRAMES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def reference_features(model: Pllava, video: Any) -> Any:
    """Patches of CLIP's last layer but one, without its class token; projected; each pooled cell a plain mean.

    The averaged grid divides the patches (24 -> 12, 16 -> 16), so that an adaptive average is a mean of 2 x 2 patches.
    """
    tower, projector = model.vision_tower, model.multi_modal_projector
    state = tower.pre_layrnorm(tower.embeddings(video))
    for layer in tower.encoder.layers[:-1]:
        out = layer(state, None)
        state = out[0] if isinstance(out, tuple) else out
    seen = state[:, 1:]
    seen = torch.nn.functional.gelu(seen @ projector.linear_1.weight.T + projector.linear_1.bias)
    seen = seen @ projector.linear_2.weight.T + projector.linear_2.bias
    cells = [
        seen[frame].reshape(24, 24, -1)[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean(dim=(0, 1))
        for frame in range(FRAMES)
        for row in range(12)
        for column in range(12)
    ]
    return torch.stack(cells)


def reference_logits(model: Pllava, ids: list[int], features: Any) -> Any:
    """One prompt with one video token, unpadded, its pieces put together by hand."""
    words = model.language_model.get_input_embeddings()
    at = ids.index(TOLD["image_token_index"])
    vectors = torch.cat([words(torch.tensor(ids[:at])), features, words(torch.tensor(ids[at + 1 :]))])
    return model.language_model(inputs_embeds=vectors[None]).logits[0]


def expanded(rows: list[list[int]]) -> tuple[Any, Any]:
    """Prompts with the video token in its places, padded on the left."""
    long = [[copy for token in row for copy in [token] * (TOKENS if token == 90 else 1)] for row in rows]
    width = max(map(len, long))
    ids = torch.tensor([[91] * (width - len(row)) + row for row in long])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in long])
    return ids, mask


def test_video_features_equal_the_official_pooling(model: Pllava, video: Any) -> None:
    with torch.inference_mode():
        found = model.video_features(video)
        assert found.shape == (1, TOKENS, 24)
        torch.testing.assert_close(found[0], reference_features(model, video), rtol=1e-4, atol=1e-5)


def test_a_grid_that_does_not_divide_is_pooled_as_torch_does(model: Pllava) -> None:
    """Adaptive windows: from floor(i n / m) to ceil((i + 1) n / m)."""
    from hoigen.models.nets.pllava import Projector

    config = PllavaConfig(vision=model.settings.vision, text=model.settings.text, pooled=(5, 7, 9))
    projector = Projector(config)
    patches = torch.randn(FRAMES, 576, 16)
    with torch.inference_mode():
        found = projector(patches)[0].reshape(5, 7, 9, -1)
        seen = projector.linear_2(projector.act(projector.linear_1(patches))).reshape(FRAMES, 24, 24, -1)
    windows = [slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in ((3, 16, 5), (2, 24, 7), (8, 24, 9))]
    torch.testing.assert_close(found[3, 2, 8], seen[tuple(windows)].mean(dim=(0, 1, 2)), rtol=1e-4, atol=1e-5)


def test_merged_inputs_and_logits_equal_a_prompt_put_together_by_hand(model: Pllava, video: Any) -> None:
    other = torch.randn(FRAMES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    rows = [[1, 5, 90, 7, 8], [1, 4, 4, 90, 9, 9, 11, 12]]
    ids, mask = expanded(rows)
    with torch.inference_mode():
        together = model(ids, mask, torch.cat([video, other]))
        for at, (row, clip) in enumerate(zip(rows, (video, other), strict=True)):
            wanted = reference_logits(model, row, reference_features(model, clip))
            torch.testing.assert_close(together[at, -len(wanted) :], wanted, rtol=1e-3, atol=1e-4)
        swapped = model(ids, mask, torch.cat([other, video]))
    assert not torch.allclose(together[:, -1], swapped[:, -1], atol=1e-3)


def test_places_and_videos_must_agree(model: Pllava, video: Any) -> None:
    with pytest.raises(ValueError, match="places for the 2304"):
        model(torch.tensor([[1, 90, 5]]), torch.ones(1, 3, dtype=torch.long), video)


def official_layout(model: Pllava, *, adapters: bool) -> dict[str, Any]:
    """The model's tensors under the names of the published checkpoint."""
    made: dict[str, Any] = {"image_newline": torch.zeros(24)}
    for name, tensor in model.state_dict().items():
        if name.startswith("vision_tower."):
            name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
        elif adapters and name.startswith("language_model."):
            name = name.replace("language_model.", "language_model.base_model.model.", 1)
            if ".q_proj." in name or ".v_proj." in name:
                stem = name.removesuffix(".weight")
                name = f"{stem}.base_layer.weight"
                made[f"{stem}.lora_A.default.weight"] = torch.randn(8, tensor.shape[1])
                made[f"{stem}.lora_B.default.weight"] = torch.randn(tensor.shape[0], 8)
        made[name] = tensor.clone()
    return made


def test_names_match_the_official_layout(model: Pllava) -> None:
    names = set(official_layout(model, adapters=True))
    layer = "language_model.base_model.model.model.layers.0.self_attn"
    for name in (
        f"{layer}.q_proj.base_layer.weight",
        f"{layer}.v_proj.lora_A.default.weight",
        f"{layer}.k_proj.weight",
        "language_model.base_model.model.lm_head.weight",
        "language_model.base_model.model.model.embed_tokens.weight",
        "multi_modal_projector.linear_1.bias",
        "vision_tower.vision_model.embeddings.class_embedding",
        "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
        "vision_tower.vision_model.pre_layrnorm.weight",
    ):
        assert name in names
    own = {pllava.own_name(n) for n in names if "lora_" not in n and n != "image_newline"}
    assert own == set(model.state_dict())


@pytest.mark.parametrize("adapters", [False, True])
def test_the_published_layout_loads_and_answers_alike(
    model: Pllava, config: PllavaConfig, video: Any, adapters: bool
) -> None:
    layout = official_layout(model, adapters=adapters)
    loaded = pllava.assembled(config, pllava.weights_of(layout, lora_alpha=0.0), None).eval()
    ids, mask = expanded([[1, 5, 90, 7]])
    with torch.inference_mode():
        torch.testing.assert_close(loaded(ids, mask, video), model(ids, mask, video))
        assert loaded.generate(ids, mask, video, max_new_tokens=3, do_sample=False).shape == (1, ids.shape[1] + 3)


def test_adapters_count_by_alpha_over_rank(model: Pllava, config: PllavaConfig) -> None:
    layout = official_layout(model, adapters=True)
    name = "model.layers.1.self_attn.v_proj"
    x = torch.randn(5, 24)
    stem = f"language_model.base_model.model.{name}"
    down, up = layout[f"{stem}.lora_A.default.weight"], layout[f"{stem}.lora_B.default.weight"]
    apart = x @ layout[f"{stem}.base_layer.weight"].T + 4 / 8 * ((x @ down.T) @ up.T)
    merged = pllava.weights_of(layout, lora_alpha=4.0)[f"language_model.{name}.weight"]
    torch.testing.assert_close(x @ merged.T, apart, rtol=1e-4, atol=1e-4)


def test_what_lacks_or_is_strange_is_said(model: Pllava, config: PllavaConfig) -> None:
    layout = official_layout(model, adapters=False)
    del layout["multi_modal_projector.linear_2.bias"]
    layout["extra.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match=r"linear_2.bias.*extra.weight"):
        pllava.assembled(config, pllava.weights_of(layout, 4.0), None)
    half = {"language_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight": torch.zeros(2, 2)}
    with pytest.raises(ValueError, match=r"q_proj\.weight"):
        pllava.weights_of(half, 4.0)


def official_prompt(system: str, messages: list[list[str]]) -> str:
    """The rule of the official Conversation.get_prompt for the evaluation templates, restated."""
    ends = {"USER: ": " ", "ASSISTANT:": "</s>"}
    pieces = [system, ends["USER: "]] if system else []
    for at, (role, words) in enumerate(messages):
        pieces += [role, words, ends[role]]
        if at == len(messages) - 1:
            pieces.append("ASSISTANT:")
    return "".join(pieces)


def test_the_prompt_is_the_official_one_letter_by_letter() -> None:
    asked = conversation("", [(USER, "Describe the video in details.")], video=True)
    assert asked == "USER: <image>\n USER: Describe the video in details. ASSISTANT:"
    assert asked == official_prompt("", [["USER: ", "<image>\n"], ["USER: ", "Describe the video in details."]])
    turns = [(USER, "What?"), (MODEL, "A cup."), (USER, "Again.")]
    wanted = official_prompt(
        "S", [["USER: ", "<image>\n"], ["USER: ", "What?"], ["ASSISTANT:", "A cup."], ["USER: ", "Again."]]
    )
    assert conversation("S", turns, video=True) == wanted
    assert conversation("S", [(USER, "What?")], video=False) == "S USER: What? ASSISTANT:"


@pytest.mark.parametrize(
    ("height", "width"), [(720, 1280), (1280, 720), (336, 598), (240, 320), (500, 500), (200, 1000)]
)
def test_pixels_equal_the_official_preparation(height: int, width: int) -> None:
    """The authors' resize towards 640 pixels and its crop, then CLIP's processor of transformers itself."""
    from PIL import Image
    from transformers import CLIPImageProcessorPil

    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (2, 9, 11, 3), np.uint8)
    clip = np.stack([np.asarray(Image.fromarray(frame).resize((width, height), 3)) for frame in small])
    rate = max(height, width) / min(height, width)
    edge = max(336, min(min(height, width), int(min(640, max(height, width)) / rate)))
    long = int(edge * max(height, width) / min(height, width))
    size = (long, edge) if width >= height else (edge, long)
    frames = [np.asarray(Image.fromarray(frame).resize(size, 3)) for frame in clip]
    kept = int(edge * rate)
    frames = [frame[:kept] if height > width else frame[:, :kept] for frame in frames]
    clip_processor = CLIPImageProcessorPil(
        size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}, do_center_crop=True
    )
    wanted = clip_processor(frames, return_tensors="np")["pixel_values"]
    found = pllava.pixels(clip, {"size": {"shortest_edge": 336}}, count=2)
    np.testing.assert_allclose(found, np.asarray(wanted), atol=1e-5)


def test_sixteen_frames_over_the_whole_clip() -> None:
    def of(count: int) -> list[int]:
        return pllava.spread(np.arange(count)).tolist()

    assert of(16) == list(range(16))
    assert of(8) == [i // 2 for i in range(16)]
    assert of(1) == [0] * 16
    assert of(3)[0] == 0
    assert of(3)[-1] == 2
    assert len(set(of(32))) == 16


def test_it_is_told_from_llava(tmp_path: Path) -> None:
    from hoigen.models.experts.local import pllava

    def one(told: dict[str, Any]) -> bool:
        (tmp_path / "config.json").write_text(json.dumps(told))
        return pllava.is_one(SimpleNamespace(folder=tmp_path))  # type: ignore[arg-type]

    assert one(TOLD)
    assert one({"model_type": "pllava"})
    assert not one({"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]})
