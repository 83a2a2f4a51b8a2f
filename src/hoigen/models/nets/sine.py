"""Where the cells of a grid are, as sines and cosines that transformers add to features.

Source: Carion et al., End-to-End Object Detection with Transformers, arXiv 2005.12872 (normalised, to 2 pi).
"""

from __future__ import annotations

import math
from typing import Any

import torch


def sine(height: int, width: int, channels: int) -> Any:
    """(height, width, channels): rows in the first half of the channels, columns in the second."""
    half = channels // 2
    rates = 10000 ** (2 * (torch.arange(half) // 2) / half)

    def waves(count: int) -> Any:
        turns = (torch.arange(1, count + 1) / (count + 1e-6) * 2 * math.pi)[:, None] / rates
        return torch.stack([turns[:, 0::2].sin(), turns[:, 1::2].cos()], 2).flatten(1)

    down = waves(height)[:, None].expand(height, width, half)
    along = waves(width)[None].expand(height, width, half)
    return torch.cat([down, along], -1)
