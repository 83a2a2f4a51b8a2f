"""DINO's ViT-B/16: a picture -> 768 numbers that tell its subject.

Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, arXiv 2104.14294; names of the weights
as facebookresearch/dino publishes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.parts import Mlp, patched
from hoigen.models.tensors import Found

HEAD = 64
"""Width of one attention head, in all sizes that are published."""


class _Attention(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Any) -> Any:
        count, length, width = tokens.shape
        parts = self.qkv(tokens).reshape(count, length, 3, self.heads, HEAD).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return self.proj(seen.transpose(1, 2).reshape(count, length, width))


class _Block(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = _Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, tokens: Any) -> Any:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class Dino(nn.Module):  # type: ignore[misc]
    """DINO's vision transformer.

    Args:
        width: channels of a token.
        depth: transformer blocks.
        patch: pixels along the side of a patch.
        grid: patches along the side of the square pictures that the position embedding was trained on.
    """

    def __init__(self, width: int, depth: int, patch: int, grid: int) -> None:
        super().__init__()
        self.patch, self.grid = patch, grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.blocks = nn.ModuleList([_Block(width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.low: Any = None

    def lower(self, dtype: Any) -> None:
        """All of its weights as `dtype`; the position embedding is resampled before that."""
        self.low = dtype
        for name, parameter in self.named_parameters():
            if name != "pos_embed":
                parameter.data = parameter.data.to(dtype)

    def forward(self, pictures: Any) -> Any:
        """pictures: (N, 3, H, W), normalised. Returns the class token after the last norm, (N, width)."""
        height, width = pictures.shape[-2:]
        if self.low is None:
            patches = self.patch_embed["proj"](pictures).flatten(2).transpose(1, 2)
        else:
            patches = patched(self.patch_embed["proj"], pictures.to(self.low))
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        places = self.positions(height, width)
        tokens = tokens + (places if self.low is None else places.to(self.low))
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def positions(self, height: int, width: int) -> Any:
        """The position embedding, (1, 1 + patches, width), for pictures of `height` x `width` pixels.

        A tenth of a patch is added to the wanted size, and what is asked for is a factor, not a size: both shift where
        the embedding is sampled, and the published features were made so. As trained for square pictures alone: one
        of 224 x 238 has 14 x 14 patches too, and is resampled all the same.
        """
        rows, columns = height // self.patch, width // self.patch
        if rows * columns == self.grid**2 and height == width:
            return self.pos_embed
        square = self.pos_embed[:, 1:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        factor = (rows + 0.1) / self.grid, (columns + 0.1) / self.grid
        resampled = F.interpolate(square, scale_factor=factor, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], resampled.flatten(2).transpose(1, 2)], dim=1)


def built(found: Found) -> Dino:
    """found: DINO's checkpoint; the sizes are read off the weights."""
    state: Mapping[str, Any] = tensors.tensors(found, "teacher", "model")
    tensors.need(found, state, "pos_embed", "patch_embed.proj.weight")
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    depth = tensors.count_of(state, "blocks.")
    grid = round((state["pos_embed"].shape[1] - 1) ** 0.5)
    with torch.device("meta"):
        model = Dino(width, depth, patch, grid)
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
