"""CLIP and ViCLIP: pictures, videos and texts as vectors, and how well they go together.

    vision   CLIP's vision transformer: a picture -> its embedding
    both     CLIP with its text encoder: frames and a text -> the mean cosine, frame by frame
    viclip   ViCLIP: frames of a video together and a text -> the cosine

Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, arXiv 2103.00020; names
of the weights as openai/CLIP publishes them. Wang et al., InternVid: A Large-scale Video-Text Dataset for Multimodal
Understanding and Generation, arXiv 2307.06942; names of the weights as OpenGVLab publishes them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.parts import patched
from hoigen.models.tensors import Found

HEAD = 64
"""Width of one attention head, in all sizes that are published."""
PATCH = 14
"""Pixels along the side of a patch of ViCLIP."""
FRAMES = 8
"""Frames of a clip that CLIP is shown: as many as ViCLIP."""


class _Attention(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, tokens: Any, causal: bool) -> Any:
        count, length, width = tokens.shape
        parts = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        query, key, value = parts.reshape(count, length, 3, self.heads, HEAD).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.out_proj(seen.transpose(1, 2).reshape(count, length, width))


class _Mlp(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, tokens: Any) -> Any:
        inner = self.c_fc(tokens)
        return self.c_proj(inner * torch.sigmoid(1.702 * inner))


class _Block(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = _Attention(width)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = _Mlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, tokens: Any, causal: bool) -> Any:
        tokens = tokens + self.attn(self.ln_1(tokens), causal)
        return tokens + self.mlp(self.ln_2(tokens))


class _Transformer(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList([_Block(width) for _ in range(depth)])

    def forward(self, tokens: Any, causal: bool = False) -> Any:
        for block in self.resblocks:
            tokens = block(tokens, causal)
        return tokens


class ClipVit(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int, patch: int, positions: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(positions, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = _Transformer(width, depth)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, out))
        self.low: Any = None

    def lower(self, dtype: Any) -> None:
        """All of its weights as `dtype`."""
        self.to(dtype)
        self.low = dtype

    def forward(self, pictures: Any) -> Any:
        """pictures: (N, 3, 224, 224), normalised. Returns the embedding of each, (N, out), not of length 1 yet."""
        if self.low is None:
            patches = self.conv1(pictures).flatten(2).transpose(1, 2)
        else:
            patches = patched(self.conv1, pictures.to(self.low))
        first = self.class_embedding.expand(len(patches), 1, -1).to(patches.dtype)
        tokens = torch.cat([first, patches], dim=1) + self.positional_embedding
        tokens = self.transformer(self.ln_pre(tokens))
        return self.ln_post(tokens[:, 0]) @ self.proj


def vision(found: Found) -> ClipVit:
    """The vision half of a published CLIP. found: its file; the sizes are read off the weights."""
    whole = tensors.tensors(found, "state_dict")
    state = {name.removeprefix("visual."): tensor for name, tensor in whole.items() if name.startswith("visual.")}
    tensors.need(found, state, "conv1.weight", "positional_embedding", "proj")
    width, _, patch, _ = state["conv1.weight"].shape
    depth = tensors.count_of(state, "transformer.resblocks.")
    with torch.device("meta"):
        model = ClipVit(width, depth, patch, state["positional_embedding"].shape[0], state["proj"].shape[1])
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]


class Vision(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int, positions: int, frames: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (1, PATCH, PATCH), (1, PATCH, PATCH), bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(positions, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, frames, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = _Transformer(width, depth)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, out))
        self.low: Any = None

    def lower(self, dtype: Any) -> None:
        """All of its weights as `dtype`."""
        self.to(dtype)
        self.low = dtype

    def forward(self, frames: Any) -> Any:
        """frames: (N, T, 3, 224, 224), normalised. Returns (N, out).

        All patches of all frames attend to each other; there is one class token, which has a place of its own in space
        and none in time.
        """
        patches = self.conv1(frames.to(self.low or frames.dtype).transpose(1, 2)).flatten(3)  # (N, width, T, patches)
        tokens = patches.permute(0, 2, 3, 1) + self.positional_embedding[1:]
        tokens = (tokens + self.temporal_positional_embedding[:, :, None]).flatten(1, 2)
        first = (self.class_embedding + self.positional_embedding[0]).expand(len(tokens), 1, -1)
        tokens = self.transformer(self.ln_pre(torch.cat([first.to(tokens.dtype), tokens], dim=1)))
        return self.ln_post(tokens[:, 0]) @ self.proj


class Text(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int, length: int, known: int, out: int) -> None:
        super().__init__()
        self.transformer = _Transformer(width, depth)
        self.token_embedding = nn.Embedding(known, width)
        self.positional_embedding = nn.Parameter(torch.zeros(length, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, out))

    def forward(self, numbers: Any) -> Any:
        """numbers: tokens, (N, length). Returns (N, out): what stands at the end of the text, the highest number."""
        tokens = self.token_embedding(numbers) + self.positional_embedding
        tokens = self.ln_final(self.transformer(tokens, causal=True))
        ends = numbers.argmax(dim=-1)
        return tokens[torch.arange(len(tokens), device=tokens.device), ends] @ self.text_projection


class ViClip(nn.Module):  # type: ignore[misc]
    def __init__(self, vision: Vision, text: Text) -> None:
        super().__init__()
        self.vision_encoder, self.text_encoder = vision, text
        self.temp = nn.Parameter(torch.zeros([]))
        # frames of a video; tokens of a text, its start and end among them
        frames, length = vision.temporal_positional_embedding.shape[1], text.positional_embedding.shape[0]
        self.facts = {"frames": int(frames), "length": int(length)}

    def lower(self, dtype: Any) -> None:
        """Weights of both halves as `dtype`; the cosine is float32's."""
        self.vision_encoder.lower(dtype)
        self.text_encoder.to(dtype)

    def forward(self, frames: Any, numbers: Any) -> Any:
        """The cosine of each video with its text, (N,).

        Args:
            frames: (N, T, 3, 224, 224), normalised.
            numbers: tokens of the texts, (N, length).
        """
        video = self.vision_encoder(frames).float()
        text = self.text_encoder(numbers).float()
        return (F.normalize(video, dim=-1) * F.normalize(text, dim=-1)).sum(-1)


def viclip(found: Found) -> ViClip:
    """ViCLIP. found: its checkpoint; the sizes are read off the weights."""
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


class _ClipBoth(nn.Module):  # type: ignore[misc]
    def __init__(self, vision: Any, text: Any) -> None:
        super().__init__()
        self.vision, self.text = vision, text
        # frames of a video; tokens of a text, its start and end among them
        self.facts = {"frames": FRAMES, "length": int(text.positional_embedding.shape[0])}

    def lower(self, dtype: Any) -> None:
        """Weights of both halves as `dtype`; the cosine is float32's."""
        self.vision.lower(dtype)
        self.text.to(dtype)

    def forward(self, frames: Any, numbers: Any) -> Any:
        """The mean cosine of the frames of each video with its text, (N,).

        Args:
            frames: (N, T, 3, 224, 224), normalised.
            numbers: tokens of the texts, (N, length).
        """
        pictures = self.vision(frames.flatten(0, 1)).float().unflatten(0, frames.shape[:2])
        text = self.text(numbers).float()
        return (F.normalize(pictures, dim=-1) * F.normalize(text, dim=-1)[:, None]).sum(-1).mean(-1)


def both(found: Found) -> _ClipBoth:
    """Both halves of a published CLIP. found: its file; the sizes are read off the weights."""
    state = tensors.tensors(found, "state_dict")
    tensors.need(found, state, "positional_embedding", "token_embedding.weight", "text_projection")
    length, width = state["positional_embedding"].shape
    depth, known = tensors.count_of(state, "transformer.resblocks."), state["token_embedding.weight"].shape[0]
    with torch.device("meta"):
        text = Text(width, depth, length, known, state["text_projection"].shape[1])
    halves = ("transformer.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection")
    own = {name: each for name, each in state.items() if name.startswith(halves)}
    return _ClipBoth(vision(found), tensors.filled(text, own, found)).eval()  # type: ignore[no-any-return]
