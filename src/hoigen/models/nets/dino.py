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
from hoigen.models.tensors import Found

HEAD = 64
"""Width of one attention head, in all sizes that are published."""


class Attention(nn.Module):  # type: ignore[misc]
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


class Mlp(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, tokens: Any) -> Any:
        return self.fc2(F.gelu(self.fc1(tokens)))


class Block(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, tokens: Any) -> Any:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class PatchEmbed(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)


class Dino(nn.Module):  # type: ignore[misc]
    """grid: patches on a side of the square pictures that the position embedding was trained on."""

    def __init__(self, width: int, depth: int, patch: int, grid: int) -> None:
        super().__init__()
        self.patch, self.grid = patch, grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, width))
        self.patch_embed = PatchEmbed(width, patch)
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pictures: Any) -> Any:
        """(N, 3, H, W) -> (N, width): the class token after the last norm."""
        height, width = pictures.shape[-2:]
        patches = self.patch_embed.proj(pictures).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        tokens = tokens + self.positions(height, width)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def positions(self, height: int, width: int) -> Any:
        """The position embedding for pictures of another size.

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
    """The model of a checkpoint; its size is read off the weights."""
    state: Mapping[str, Any] = tensors.tensors(found, "teacher", "model")
    tensors.need(found, state, "pos_embed", "patch_embed.proj.weight")
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    depth = 1 + max((int(name.split(".")[1]) for name in state if name.startswith("blocks.")), default=-1)
    grid = round((state["pos_embed"].shape[1] - 1) ** 0.5)
    with torch.device("meta"):
        model = Dino(width, depth, patch, grid)
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
