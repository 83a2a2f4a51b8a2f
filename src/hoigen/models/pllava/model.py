"""The model: CLIP's patches of each frame, projected, averaged to a fixed grid, put in the place of the video token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM
from transformers.activations import ACT2FN

FRAMES = 16
POOLED = (16, 12, 12)
"""Frames that a video has, and the grid (time, height, width) it is averaged to: as its authors evaluate, whatever a
checkpoint's configuration says."""


@dataclass(frozen=True, kw_only=True)
class PllavaConfig:
    """What of a checkpoint's config.json matters. layer: which of CLIP's hidden states are the patches."""

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
    def of(cls, told: dict[str, Any]) -> PllavaConfig:
        """From the JSON of config.json; what it leaves out is LLaVA v1.6 7B."""
        clip = {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 336,
            "patch_size": 14,
            "projection_dim": 768,
        }
        text = dict(told.get("text_config") or {})
        if text.get("model_type", "llama") != "llama":
            raise ValueError(f"a language model of type {text['model_type']!r}; only llama is known here")
        pad = told.get("pad_token_id")
        pad = pad if pad is not None else text.get("pad_token_id")
        return cls(
            vision=CLIPVisionConfig(**(clip | dict(told.get("vision_config") or {}))),
            text=LlamaConfig(**text),
            image_token=told.get("image_token_index", 32000),
            pad_token=pad if pad is not None else 32001,
            act=told.get("projector_hidden_act", "gelu"),
            layer=told.get("vision_feature_layer", -2),
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
        """(videos x frames, patches, width of CLIP) -> (videos, tokens, width of the language model)."""
        found = self.linear_2(self.act(self.linear_1(patches)))
        volume = found.reshape(-1, self.frames, self.side, self.side, found.shape[-1]).permute(0, 4, 1, 2, 3)
        return self.pooling(volume).flatten(2).transpose(1, 2)


class Pllava(nn.Module):  # type: ignore[misc]
    """Takes prompts in which each video token is already there as often as a video has tokens."""

    def __init__(self, config: PllavaConfig) -> None:
        super().__init__()
        self.settings = config
        self.vision_tower = CLIPVisionModel(config.vision)
        self.multi_modal_projector = Projector(config)
        self.language_model = LlamaForCausalLM(config.text)

    @property
    def dtype(self) -> Any:
        return self.language_model.dtype

    @property
    def config(self) -> Any:
        return self.settings.text

    @property
    def generation_config(self) -> Any:
        return self.language_model.generation_config

    @generation_config.setter
    def generation_config(self, config: Any) -> None:
        self.language_model.generation_config = config

    def video_features(self, pixel_values: Any) -> Any:
        """(videos x frames, 3, H, W) -> (videos, tokens, width)."""
        seen = self.vision_tower(pixel_values, output_hidden_states=True)
        return self.multi_modal_projector(seen.hidden_states[self.settings.layer][:, 1:])

    def merged(self, input_ids: Any, pixel_values: Any | None) -> Any:
        """The prompt as vectors, videos in the places of their tokens."""
        place = input_ids == self.settings.image_token
        words = self.language_model.get_input_embeddings()(input_ids.masked_fill(place, self.settings.pad_token))
        if pixel_values is None:
            return words
        seen = self.video_features(pixel_values).to(words.dtype)
        if int(place.sum()) != seen.shape[0] * seen.shape[1]:
            raise ValueError(f"{int(place.sum())} places for the {seen.shape[0] * seen.shape[1]} tokens of the videos")
        return words.masked_scatter(place[..., None], seen)

    def forward(self, input_ids: Any, attention_mask: Any, pixel_values: Any | None = None) -> Any:
        """Logits of every position."""
        positions = (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)
        found = self.language_model(
            inputs_embeds=self.merged(input_ids, pixel_values), attention_mask=attention_mask, position_ids=positions
        )
        return found.logits

    def generate(self, input_ids: Any, attention_mask: Any, pixel_values: Any | None = None, **how: Any) -> Any:
        """The prompt's ids and, after them, those of the answer."""
        vectors = self.merged(input_ids, pixel_values)
        new = self.language_model.generate(inputs_embeds=vectors, attention_mask=attention_mask, **how)
        return torch.cat([input_ids, new], dim=1)
