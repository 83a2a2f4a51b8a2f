"""DBNet++: a picture -> how likely each of its pixels is text, by the names of mmocr's published weights.

A picture -> ResNet-50 -> its four scales brought to one (FPNC) -> each weighed, place by place (adaptive scale fusion)
-> the probability map of a DB head, which draws text shrunk. Two backbones are published: oCLIP's, with three
convolutions at its beginning and averages instead of strides, and the plain one. Stages may have deformable
convolutions (DCNv2). Which it is, is read off the weights.

Source: Liao et al., Real-Time Scene Text Detection with Differentiable Binarization and Adaptive Scale Fusion, arXiv
2202.10304; Zhu et al., Deformable ConvNets v2, arXiv 1811.11168; github.com/open-mmlab/mmocr.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found

BLOCKS = (3, 4, 6, 3)
"""Of the stages of a ResNet-50."""
LATERAL, SMOOTH, FUSED = 256, 64, 256
"""Channels of the neck: of each scale, of each once it is smoothed, and of all together."""
POINTS = 9
"""That a convolution of 3 x 3 looks at."""


class Deformable(nn.Module):  # type: ignore[misc]
    """A convolution of 3 x 3 that itself says, place by place, where its nine points are and how much each counts.

    Args:
        channels: in and out.
        stride: from place to place, in pixels.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.conv_offset = nn.Conv2d(channels, 3 * POINTS, 3, stride, 1)

    def forward(self, x: Any) -> Any:
        moves, counts = self.conv_offset(x).split((2 * POINTS, POINTS), 1)
        return deformed(x, moves, counts.sigmoid(), self.weight, self.stride, padding=1)


def deformed(x: Any, moves: Any, counts: Any, weight: Any, stride: int = 1, padding: int = 0) -> Any:
    """A modulated deformable convolution (DCNv2 with one group), (N, out, rows, columns).

    Places are float32 whatever the precision of the rest: half a pixel is lost at 1,024 pixels in float16.

    Args:
        x: (N, channels, height, width); beyond it lie zeros.
        moves: (N, 2 x points, rows, columns): how far down and to the right each point of the kernel is moved, in
            pixels, the points in reading order.
        counts: (N, points, rows, columns): what each is multiplied by.
        weight: (out, channels, kernel's height, kernel's width).
        stride: from place to place, in pixels.
        padding: pixels of zeros on each side.
    """
    height, width = x.shape[-2:]
    rows, columns = moves.shape[-2:]
    tall, wide = weight.shape[-2:]

    def base(count: int, size: int) -> Any:
        """Where a kernel of `size` begins along one side, plus each step in it: (size, count)."""
        places = torch.arange(count, device=x.device, dtype=torch.float32) * stride - padding
        return torch.arange(size, device=x.device, dtype=torch.float32)[:, None] + places

    down, along = moves.float().unflatten(1, (tall, wide, 2)).unbind(3)  # (N, tall, wide, rows, columns) each
    down = down + base(rows, tall)[:, None, :, None]
    along = along + base(columns, wide)[None, :, None, :]
    # grid_sample counts from the left edge of the first pixel (-1) to the right edge of the last (1)
    grid = torch.stack([(2 * along + 1) / width - 1, (2 * down + 1) / height - 1], -1)
    seen = F.grid_sample(x.float(), grid.flatten(1, 3), align_corners=False)  # (N, channels, points x rows, columns)
    seen = seen.unflatten(2, (tall * wide, rows)) * counts[:, None]
    return (weight.flatten(1) @ seen.flatten(3).flatten(1, 2)).unflatten(2, (rows, columns))


class _Bottleneck(nn.Module):  # type: ignore[misc]
    """1 x 1, 3 x 3, 1 x 1, and what came added.

    Args:
        given: channels of what comes; four times `inner` go out.
        inner: of the convolution of 3 x 3.
        stride: how many times smaller the picture becomes.
        averages: it is made smaller by averages, as oCLIP does, and not by strides.
        deformable: the convolution of 3 x 3 is.
    """

    def __init__(self, given: int, inner: int, stride: int, averages: bool, deformable: bool) -> None:
        super().__init__()
        step = 1 if averages else stride
        self.conv1, self.bn1 = nn.Conv2d(given, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = Deformable(inner, step) if deformable else nn.Conv2d(inner, inner, 3, step, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.pool = nn.AvgPool2d(stride) if averages and stride > 1 else nn.Identity()
        self.conv3, self.bn3 = nn.Conv2d(inner, 4 * inner, 1, bias=False), nn.BatchNorm2d(4 * inner)
        self.downsample = nn.Identity()
        if stride > 1 or given != 4 * inner:
            smaller = [nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)] if averages else []
            conv = nn.Conv2d(given, 4 * inner, 1, step, bias=False)
            self.downsample = nn.Sequential(*smaller, conv, nn.BatchNorm2d(4 * inner))

    def forward(self, x: Any) -> Any:
        made = F.relu(self.bn1(self.conv1(x)))
        made = self.pool(F.relu(self.bn2(self.conv2(made))))
        return F.relu(self.bn3(self.conv3(made)) + self.downsample(x))


class _ResNet(nn.Module):  # type: ignore[misc]
    """Four scales of a picture, a 4th to a 32nd of its size, by ResNet-50.

    Args:
        oclip: the backbone of oCLIP, not the plain one.
        deformable: of each stage, whether its convolutions of 3 x 3 are.
    """

    def __init__(self, oclip: bool, deformable: tuple[bool, ...]) -> None:
        super().__init__()
        if oclip:
            parts: list[nn.Module] = []
            for given, made, stride in ((3, 32, 2), (32, 32, 1), (32, 64, 1)):
                parts += [nn.Conv2d(given, made, 3, stride, 1, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
            self.stem, self.pool = nn.Sequential(*parts), nn.AvgPool2d(2)
        else:
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            self.pool = nn.MaxPool2d(3, 2, 1)
        self.oclip, given = oclip, 64
        for at, (count, bent) in enumerate(zip(BLOCKS, deformable, strict=True)):
            blocks = []
            for number in range(count):
                stride = 2 if at and not number else 1
                blocks.append(_Bottleneck(given, 64 << at, stride, oclip, bent))
                given = 4 * (64 << at)
            self.add_module(f"layer{at + 1}", nn.Sequential(*blocks))

    def forward(self, pictures: Any) -> list[Any]:
        x = self.pool(self.stem(pictures) if self.oclip else F.relu(self.bn1(self.conv1(pictures))))
        found = []
        for at in range(len(BLOCKS)):
            x = getattr(self, f"layer{at + 1}")(x)
            found.append(x)
        return found


def _conv(given: int, made: int, size: int, *, bias: bool = False) -> nn.ModuleDict:
    """A convolution, by the name that mmcv's modules give it."""
    return nn.ModuleDict({"conv": nn.Conv2d(given, made, size, padding=size // 2, bias=bias)})


class _Weighing(nn.Module):  # type: ignore[misc]
    """How much each of the four scales counts at each place, (N, 4, height, width), 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.channel_wise = nn.ModuleList([_conv(FUSED, FUSED // 4, 1), _conv(FUSED // 4, FUSED, 1)])
        self.spatial_wise = nn.ModuleList([_conv(1, 1, 3), _conv(1, 1, 1)])
        self.attention_wise = _conv(FUSED, len(BLOCKS), 1)

    def forward(self, x: Any) -> Any:
        channels = F.relu(self.channel_wise[0]["conv"](x.mean((2, 3), keepdim=True)))
        x = x + self.channel_wise[1]["conv"](channels).sigmoid()
        places = F.relu(self.spatial_wise[0]["conv"](x.mean(1, keepdim=True)))
        x = x + self.spatial_wise[1]["conv"](places).sigmoid()
        return self.attention_wise["conv"](x).sigmoid()


class _Neck(nn.Module):  # type: ignore[misc]
    """Four scales brought to the size of the largest, and weighed: (N, 256, height, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral_convs = nn.ModuleList([_conv(256 << at, LATERAL, 1) for at in range(len(BLOCKS))])
        self.smooth_convs = nn.ModuleList([_conv(LATERAL, SMOOTH, 3) for _ in BLOCKS])
        self.asf_conv = _conv(FUSED, FUSED, 3, bias=True)
        self.asf_attn = _Weighing()

    def forward(self, scales: list[Any]) -> Any:
        made = [conv["conv"](each) for conv, each in zip(self.lateral_convs, scales, strict=True)]
        for at in range(len(made) - 1, 0, -1):
            made[at - 1] = made[at - 1] + F.interpolate(made[at], made[at - 1].shape[2:], mode="nearest")
        made = [conv["conv"](each) for conv, each in zip(self.smooth_convs, made, strict=True)]
        made = [F.interpolate(each, made[0].shape[2:], mode="nearest") for each in made]
        shares = self.asf_attn(self.asf_conv["conv"](torch.cat(made, 1)))
        return torch.cat([shares[:, at : at + 1] * each for at, each in enumerate(made)], 1)


def _branch() -> nn.Sequential:
    """Features -> one number a pixel, at four times their size."""
    inner = FUSED // 4
    return nn.Sequential(
        nn.Conv2d(FUSED, inner, 3, padding=1, bias=False),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.ConvTranspose2d(inner, inner, 2, 2),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.ConvTranspose2d(inner, 1, 2, 2),
    )


class DbNet(nn.Module):  # type: ignore[misc]
    """DBNet++.

    Args:
        oclip: the backbone of oCLIP, not the plain one.
        deformable: of each of the four stages, whether its convolutions of 3 x 3 are.
    """

    def __init__(self, oclip: bool, deformable: tuple[bool, ...]) -> None:
        super().__init__()
        self.backbone, self.neck = _ResNet(oclip, deformable), _Neck()
        # thresholds are for training alone: text is where the probability is above a fixed one
        self.det_head = nn.ModuleDict({"binarize": _branch(), "threshold": _branch()})

    def forward(self, pictures: Any) -> Any:
        """The probability that a pixel is (shrunk) text, (N, H, W) float32.

        Args:
            pictures: (N, 3, H, W), normalised, sides multiples of 32.
        """
        return self.det_head["binarize"](self.neck(self.backbone(pictures))).squeeze(1).float().sigmoid()


def built(found: Found) -> DbNet:
    """found: a published checkpoint; backbone and deformable stages are read off the weights."""
    state: Mapping[str, Any] = tensors.tensors(found, "state_dict")
    tensors.need(found, state, "backbone.layer1.0.conv2.weight", "neck.asf_conv.conv.weight")
    deformable = tuple(f"backbone.layer{at + 1}.0.conv2.conv_offset.weight" in state for at in range(len(BLOCKS)))
    with torch.device("meta"):
        model = DbNet("backbone.stem.0.weight" in state, deformable)
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
