"""PLLaVA: LLaVA v1.6 that sees a video as the frames' patches, averaged over time and space to a fixed number.

The paper's caption expert; transformers does not have it. Built on the CLIP and Llama of transformers.

What is published (ermu2001/pllava-7b, -13b; their authors' loading code and its logs say so): one checkpoint of full
weights in which the language model is wrapped by its LoRA adapters (`language_model.base_model.model...`,
`q_proj.base_layer.weight`, `q_proj.lora_A.default.weight`), rank 128 on q_proj and v_proj. They answer with
lora_alpha 4, an eighth of what was trained with. Here the adapters are added to the weights while loading.

Source: Xu et al., PLLaVA, arXiv 2404.16994; github.com/magic-research/PLLaVA, models/pllava and tasks/eval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM
from transformers.activations import ACT2FN
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from hoigen.models.nets.pixels import CLIP_MEAN, CLIP_STD, centre, normalised, short_side, to_size

FRAMES = 16
POOLED = (16, 12, 12)
"""Frames that a video has, and the grid (time, height, width) it is averaged to: as its authors evaluate, whatever a
checkpoint's configuration says."""


@dataclass(frozen=True, kw_only=True)
class PllavaConfig:
    """What of a checkpoint's config.json matters.

    Args:
        vision: transformers' CLIPVisionConfig.
        text: transformers' LlamaConfig.
        image_token: id of the token in whose places a video is put.
        pad_token: id of the token that fills up.
        act: activation of the projector.
        layer: which of CLIP's hidden states are the patches.
        frames: of a video.
        pooled: the grid (time, height, width) to which they are averaged.
    """

    vision: Any
    text: Any
    image_token: int = 32000
    pad_token: int = 32001
    act: str = "gelu"
    layer: int = -2
    frames: int = FRAMES
    pooled: tuple[int, int, int] = POOLED

    @property
    def tokens(self) -> int:
        """Tokens that a video becomes: 2304."""
        time, height, width = self.pooled
        return time * height * width

    @classmethod
    def of(cls, config: dict[str, Any]) -> PllavaConfig:
        """config: the JSON of config.json; what it leaves out is LLaVA v1.6 7B."""
        clip = {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 336,
            "patch_size": 14,
            "projection_dim": 768,
        }
        text = dict(config.get("text_config") or {})
        if text.get("model_type", "llama") != "llama":
            raise ValueError(f"a language model of type {text['model_type']!r}; only llama is known here")
        pad = config.get("pad_token_id")
        pad = pad if pad is not None else text.get("pad_token_id")
        return cls(
            vision=CLIPVisionConfig(**(clip | dict(config.get("vision_config") or {}))),
            text=LlamaConfig(**text),
            image_token=config.get("image_token_index", 32000),
            pad_token=pad if pad is not None else 32001,
            act=config.get("projector_hidden_act", "gelu"),
            layer=config.get("vision_feature_layer", -2),
        )


class Projector(nn.Module):  # type: ignore[misc]
    """Patches of CLIP -> vectors of the language model, patch by patch; then the average over time and space."""

    def __init__(self, config: PllavaConfig) -> None:
        super().__init__()
        wide = config.text.hidden_size
        self.linear_1 = nn.Linear(config.vision.hidden_size, wide)
        self.act = ACT2FN[config.act]
        self.linear_2 = nn.Linear(wide, wide)
        self.pooling = nn.AdaptiveAvgPool3d(config.pooled)
        self.frames = config.frames
        self.side = config.vision.image_size // config.vision.patch_size

    def forward(self, patches: Any) -> Any:
        """patches: (videos x frames, patches, width of CLIP). Returns (videos, tokens, width of the language model)."""
        found = self.linear_2(self.act(self.linear_1(patches)))
        volume = found.reshape(-1, self.frames, self.side, self.side, found.shape[-1]).permute(0, 4, 1, 2, 3)
        return self.pooling(volume).flatten(2).transpose(1, 2)


class Pllava(nn.Module):  # type: ignore[misc]
    """Takes prompts in which each video token is already there as often as a video has tokens."""

    def __init__(self, config: PllavaConfig) -> None:
        super().__init__()
        self.settings, self.config = config, config.text
        self.vision_tower = CLIPVisionModel(config.vision)
        self.multi_modal_projector = Projector(config)
        self.language_model = LlamaForCausalLM(config.text)

    @property
    def dtype(self) -> Any:
        return self.language_model.dtype

    @property
    def generation_config(self) -> Any:
        return self.language_model.generation_config

    @generation_config.setter
    def generation_config(self, config: Any) -> None:
        self.language_model.generation_config = config

    def video_features(self, pixel_values: Any) -> Any:
        """pixel_values: (videos x frames, 3, H, W), normalised. Returns (videos, tokens, width)."""
        seen = self.vision_tower(pixel_values, output_hidden_states=True)
        return self.multi_modal_projector(seen.hidden_states[self.settings.layer][:, 1:])

    def merged(self, input_ids: Any, pixel_values: Any | None) -> Any:
        """The prompt as vectors, (N, length, width), videos in the places of their tokens.

        Args:
            input_ids: (N, length).
            pixel_values: (videos x frames, 3, H, W), normalised; None without videos.
        """
        place = input_ids == self.settings.image_token
        words = self.language_model.get_input_embeddings()(input_ids.masked_fill(place, self.settings.pad_token))
        if pixel_values is None:
            return words
        seen = self.video_features(pixel_values).to(words.dtype)
        if int(place.sum()) != seen.shape[0] * seen.shape[1]:
            raise ValueError(f"{int(place.sum())} places for the {seen.shape[0] * seen.shape[1]} tokens of the videos")
        return words.masked_scatter(place[..., None], seen)

    def forward(self, input_ids: Any, attention_mask: Any, pixel_values: Any | None = None) -> Any:
        """Logits of every position, (N, length, words); for `input_ids`, `attention_mask` and `pixel_values` see
        `generate`."""
        positions = (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)
        found = self.language_model(
            inputs_embeds=self.merged(input_ids, pixel_values), attention_mask=attention_mask, position_ids=positions
        )
        return found.logits

    def generate(self, input_ids: Any, attention_mask: Any, pixel_values: Any | None = None, **how: Any) -> Any:
        """The prompt's ids and, after them, those of the answer.

        Args:
            input_ids: (N, length), padded on the left.
            attention_mask: (N, length), 0 where it is padding.
            pixel_values: (videos x frames, 3, H, W), normalised; None without videos.
            how: further arguments of transformers' `generate`.
        """
        vectors = self.merged(input_ids, pixel_values)
        new = self.language_model.generate(inputs_embeds=vectors, attention_mask=attention_mask, **how)
        return torch.cat([input_ids, new], dim=1)


ADAPTER = re.compile(r"\.lora_(A|B)\.(?:\w+\.)?weight\Z")
NOT_USED = re.compile(r"image_newline\Z|position_ids\Z|rotary_emb\.inv_freq\Z")
"""Of LLaVA v1.6's grid of crops, which PLLaVA does without, and tables that are computed."""


def own_name(name: str) -> str:
    """A name of the published layout, with or without adapters' wrapping, as the model here has it."""
    name = name.replace("language_model.base_model.model.", "language_model.").replace(".base_layer.", ".")
    return name.replace("vision_tower.vision_model.", "vision_tower.")


def read(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for name in names:
        with safe_open(str(folder / name), framework="pt") as file:
            tensors |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no mapping)
    return tensors


def weights_of(tensors: Mapping[str, Any], lora_alpha: float) -> dict[str, Any]:
    """The model's own weights: names mapped, adapters added.

    Args:
        tensors: of the checkpoint, by their published names.
        lora_alpha: an adapter adds lora_alpha / rank * B A to its weight, summed in float32.

    Raises ValueError for an adapter without its weight or its other half.
    """
    made: dict[str, Any] = {}
    pairs: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if found := ADAPTER.search(name):
            pairs.setdefault(own_name(name[: found.start()]) + ".weight", {})[found.group(1)] = tensor
        elif not NOT_USED.search(name):
            made[own_name(name)] = tensor
    for name, pair in pairs.items():
        if name not in made or set(pair) != {"A", "B"}:
            raise ValueError(f"an adapter of {name} without its other half or without the weight itself")
        base, down, up = made[name], pair["A"].float(), pair["B"].float()
        made[name] = (base.float() + lora_alpha / down.shape[0] * (up @ down)).to(base.dtype)
    return made


def assembled(config: PllavaConfig, weights: Mapping[str, Any], dtype: Any | None) -> Pllava:
    """The model with these weights; no memory is spent on random ones.

    Args:
        config: of the checkpoint.
        weights: by the model's own names (`weights_of`).
        dtype: torch's; None keeps that of the weights.

    Raises ValueError for weights that are not those of the model.
    """
    with torch.device("meta"):
        model = Pllava(config)
    kept = {name: tensor if dtype is None else tensor.to(dtype) for name, tensor in weights.items()}
    wanted = set(model.state_dict())
    lacking, strange = sorted(wanted - set(kept)), sorted(set(kept) - wanted)
    if lacking or strange:
        some = f"({', '.join(lacking[:2])}), {len(strange)} strange ({', '.join(strange[:2])})"
        raise ValueError(f"{len(lacking)} tensors lacking {some}")
    model.load_state_dict(kept, strict=True, assign=True)
    # What is computed and so in no checkpoint: angles of the positions, numbers of the patches.
    model.language_model.model.rotary_emb = LlamaRotaryEmbedding(config=config.text)
    embeddings = model.vision_tower.embeddings
    numbers = torch.arange(embeddings.num_positions).expand((1, -1))
    embeddings.register_buffer("position_ids", numbers, persistent=False)
    left = [name for name, tensor in [*model.named_buffers(), *model.named_parameters()] if tensor.is_meta]
    if left:
        raise ValueError(f"not filled: {', '.join(left[:3])}")
    return model


LONGEST = 640
"""Larger videos are first brought down towards this length of their long side."""


def spread(images: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """`count` of the `images` over the whole clip: some twice when there are fewer, some left out when there are more.

    The authors' code repeats the frames of a short clip and then cuts its end off; with 16 frames both are the same.
    """
    at = ((np.arange(count) + 0.5) * len(images) / count).astype(int)
    return np.asarray(images[at])


def pixels(images: np.ndarray, config: Mapping[str, Any], count: int = FRAMES) -> np.ndarray:
    """A clip as the vision tower takes it, (count, 3, 336, 336) float32.

    Args:
        images: (T, H, W, 3) uint8 RGB.
        config: the checkpoint's preprocessor_config.json.
        count: frames that it becomes.
    """
    side = int((config.get("size") or {}).get("shortest_edge", 336))
    crop = config.get("crop_size") or {"height": side, "width": side}
    images = first_resize(spread(images, count), side)
    images = to_size(images, *short_side(images.shape[1], images.shape[2], side))
    images = centre(images, crop["height"], crop["width"])
    return normalised(images, config.get("image_mean", CLIP_MEAN), config.get("image_std", CLIP_STD))


def first_resize(images: np.ndarray, side: int) -> np.ndarray:
    """The authors' own step before CLIP's: the long side of (T, H, W, 3) `images` towards 640 pixels, the short one
    never under CLIP's `side`."""
    height, width = images.shape[1:3]
    short, long = min(height, width), max(height, width)
    rate = long / short
    goal = max(side, min(short, int(min(LONGEST, long) / rate)))
    images = to_size(images, *short_side(height, width, goal))
    kept = int(goal * rate)
    at = (max(images.shape[1:3]) - kept) // 2 // 2
    return images[:, at : at + kept] if height > width else images[:, :, at : at + kept]


USER, MODEL = "USER: ", "ASSISTANT:"
ENDS = {USER: " ", MODEL: "</s>"}
VIDEO = "<image>"


def conversation(system: str, turns: Sequence[tuple[str, str]], *, video: bool) -> str:
    """The prompt up to where the model answers.

    `SYSTEM USER: <image>\\n USER: QUESTION ASSISTANT:`, of tasks/eval/eval_utils.py, templates eval_vcgbench,
    eval_mvbench and eval_recaption, which differ in the system prompt alone.

    Args:
        system: the system prompt; empty for none.
        turns: (USER or MODEL, words), a user's last.
        video: whether a video comes before them.
    """
    video_turn = [(USER, f"{VIDEO}\n")] if video else []
    text = system + ENDS[USER] if system else ""
    for role, words in [*video_turn, *turns]:
        text += role + words + ENDS[role]
    return text + MODEL
