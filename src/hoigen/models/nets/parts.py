"""Parts that several transformers are made of.

    sine  where the cells of a grid are, as sines and cosines that are added to features
    Mlp   the two layers of a block
    patched  pictures -> a token of each patch
    constant  numbers on a device

Source of sine: Carion et al., End-to-End Object Detection with Transformers, arXiv 2005.12872 (normalised, to 2 pi).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


def sine(height: int, width: int, channels: int) -> Any:
    """(height, width, channels) float32 of a grid of `height` x `width` cells: rows in the first half of the channels,
    columns in the second."""
    half = channels // 2
    rates = 10000 ** (2 * (torch.arange(half) // 2) / half)

    def waves(count: int) -> Any:
        turns = (torch.arange(1, count + 1) / (count + 1e-6) * 2 * math.pi)[:, None] / rates
        return torch.stack([turns[:, 0::2].sin(), turns[:, 1::2].cos()], 2).flatten(1)

    down = waves(height)[:, None].expand(height, width, half)
    along = waves(width)[None].expand(height, width, half)
    return torch.cat([down, along], -1)


@functools.lru_cache(maxsize=256)
def constant(values: tuple[float, ...], device: Any, dtype: Any = torch.float32) -> Any:
    """A tensor of `values`, made once: one that is made anew lets a card wait until it has come."""
    return torch.tensor(values, device=device, dtype=dtype)


def patched(conv: Any, pictures: Any) -> Any:
    """(N, patches, width) tokens of (N, 3, H, W) `pictures`, by a convolution whose stride is its size: as one product
    of matrices, for which a card is made; what is beyond the last whole patch is left out."""
    tall, wide = conv.kernel_size
    rows, columns = pictures.shape[2] // tall, pictures.shape[3] // wide
    whole = pictures[:, :, : rows * tall, : columns * wide]
    parts = whole.unflatten(3, (columns, wide)).unflatten(2, (rows, tall)).permute(0, 2, 4, 1, 3, 5)
    return F.linear(parts.reshape(len(pictures), rows * columns, -1), conv.weight.flatten(1), conv.bias)


class Mlp(nn.Module):  # type: ignore[misc]
    """Two linear layers with GELU between them, on (N, tokens, width).

    Args:
        width: channels of a token.
        inner: channels between the layers.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, tokens: Any) -> Any:
        return self.fc2(F.gelu(self.fc1(tokens)))
