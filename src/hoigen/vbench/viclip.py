"""ViCLIP: eight frames and a text -> how well they go together.

Source: Wang et al., InternVid: A Large-scale Video-Text Dataset for Multimodal Understanding and Generation, arXiv
2307.06942; names of the weights as OpenGVLab publishes them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found
from hoigen.vbench.clip_vit import Transformer

PATCH = 14


class Vision(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int, positions: int, frames: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (1, PATCH, PATCH), (1, PATCH, PATCH), bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(positions, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, frames, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, depth)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, out))

    def forward(self, frames: Any) -> Any:
        """(N, T, 3, 224, 224) -> (N, out). All patches of all frames attend to each other; there is one class token,
        which has a place of its own in space and none in time."""
        patches = self.conv1(frames.transpose(1, 2)).flatten(3)  # (N, width, T, patches)
        tokens = patches.permute(0, 2, 3, 1) + self.positional_embedding[1:]
        tokens = (tokens + self.temporal_positional_embedding[:, :, None]).flatten(1, 2)
        first = (self.class_embedding + self.positional_embedding[0]).expand(len(tokens), 1, -1)
        tokens = self.transformer(self.ln_pre(torch.cat([first.to(tokens.dtype), tokens], dim=1)))
        return self.ln_post(tokens[:, 0]) @ self.proj


class Text(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int, length: int, known: int, out: int) -> None:
        super().__init__()
        self.transformer = Transformer(width, depth)
        self.token_embedding = nn.Embedding(known, width)
        self.positional_embedding = nn.Parameter(torch.zeros(length, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, out))

    def forward(self, numbers: Any) -> Any:
        """(N, length) -> (N, out), read off at the end of the text, whose number is the highest of all."""
        tokens = self.token_embedding(numbers) + self.positional_embedding
        tokens = self.ln_final(self.transformer(tokens, causal=True))
        ends = numbers.argmax(dim=-1)
        return tokens[torch.arange(len(tokens), device=tokens.device), ends] @ self.text_projection


class ViClip(nn.Module):  # type: ignore[misc]
    def __init__(self, vision: Vision, text: Text) -> None:
        super().__init__()
        self.vision_encoder, self.text_encoder = vision, text
        self.temp = nn.Parameter(torch.zeros([]))

    @property
    def facts(self) -> dict[str, int]:
        """What a measure has to know of it."""
        return {"frames": self.frames, "length": self.length}

    @property
    def frames(self) -> int:
        return int(self.vision_encoder.temporal_positional_embedding.shape[1])

    @property
    def length(self) -> int:
        """Tokens of a text, its start and end among them."""
        return int(self.text_encoder.positional_embedding.shape[0])

    def forward(self, frames: Any, numbers: Any) -> Any:
        """The cosine of each video with its text, (N,)."""
        video = self.vision_encoder(frames).float()
        text = self.text_encoder(numbers).float()
        return (F.normalize(video, dim=-1) * F.normalize(text, dim=-1)).sum(-1)


def built(found: Found) -> ViClip:
    """The model of a checkpoint; its size is read off the weights."""
    state = tensors.tensors(found, "model", "state_dict")
    vision, text = "vision_encoder.", "text_encoder."
    names = ("conv1.weight", "proj", "positional_embedding", "temporal_positional_embedding")
    tensors.need(found, state, *(vision + name for name in names))
    tensors.need(found, state, *(text + name for name in ("positional_embedding", "token_embedding.weight")))
    blocks = "transformer.resblocks."
    width, out = state[vision + "proj"].shape
    positions, frames = (state[vision + name].shape[at] for name, at in ((names[2], 0), (names[3], 1)))
    length, text_width = state[text + "positional_embedding"].shape
    known = state[text + "token_embedding.weight"].shape[0]
    with torch.device("meta"):
        model = ViClip(
            Vision(width, tensors.count_of(state, vision + blocks), positions, frames, out),
            Text(text_width, tensors.count_of(state, text + blocks), length, known, out),
        )
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
