"""CLIP's vision transformers, and the blocks that ViCLIP shares with them.

Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, arXiv 2103.00020; names
of the weights as openai/CLIP publishes them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found

HEAD = 64
"""Width of one attention head, in all sizes that are published."""


class Attention(nn.Module):  # type: ignore[misc]
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


class Mlp(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, tokens: Any) -> Any:
        inner = self.c_fc(tokens)
        return self.c_proj(inner * torch.sigmoid(1.702 * inner))


class Block(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = Attention(width)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, tokens: Any, causal: bool) -> Any:
        tokens = tokens + self.attn(self.ln_1(tokens), causal)
        return tokens + self.mlp(self.ln_2(tokens))


class Transformer(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList([Block(width) for _ in range(depth)])

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
        self.transformer = Transformer(width, depth)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, out))

    def forward(self, pictures: Any) -> Any:
        """(N, 3, 224, 224) -> (N, out): the embedding of each picture, not of length 1 yet."""
        patches = self.conv1(pictures).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1).to(patches.dtype)
        tokens = torch.cat([first, patches], dim=1) + self.positional_embedding
        tokens = self.transformer(self.ln_pre(tokens))
        return self.ln_post(tokens[:, 0]) @ self.proj


def built(found: Found) -> ClipVit:
    """The vision half of a published CLIP; its size is read off the weights."""
    whole = tensors.tensors(found, "state_dict")
    state = {name.removeprefix("visual."): tensor for name, tensor in whole.items() if name.startswith("visual.")}
    tensors.need(found, state, "conv1.weight", "positional_embedding", "proj")
    width, _, patch, _ = state["conv1.weight"].shape
    depth = tensors.count_of(state, "transformer.resblocks.")
    with torch.device("meta"):
        model = ClipVit(width, depth, patch, state["positional_embedding"].shape[0], state["proj"].shape[1])
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
