"""AMT-S: two frames -> the frame between them.

Source: Li et al., AMT: All-Pairs Multi-Field Transforms for Efficient Frame Interpolation, CVPR 2023, arXiv 2304.09790,
which builds on RAFT (arXiv 2003.12039) and IFRNet (arXiv 2205.14620); names of the weights as MCG-NKU/AMT publishes
them. Written from the papers and the layout of the weights; sizes are fixed, as there is one small model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.parts import constant
from hoigen.models.tensors import Found

CHANNELS = (20, 32, 44, 56)
"""Of the features at a half, a quarter, an eighth and a sixteenth of the picture's size."""
SIDE = 20
FLOWS = 3
"""Flow fields per direction, each with a mask and a correction."""
DIVISOR = 16
MOMENT = 0.5
"""Of the frame between the two, from 0 to 1."""
RADIUS = 3
LEVELS = 4
MOST = 3 << 30
"""Bytes of matches that are kept at once; those of 720p take 2.1 GiB."""


def conv_prelu(inner: int, outer: int, stride: int = 1) -> Any:
    return nn.Sequential(nn.Conv2d(inner, outer, 3, stride, 1), nn.PReLU(outer))


def enlarged(inputs: Any, factor: float) -> Any:
    return F.interpolate(inputs, scale_factor=factor, mode="bilinear", align_corners=False)


def warped(pictures: Any, flow: Any) -> Any:
    """Each pixel taken from where the flow points; outside, from the nearest edge.

    Args:
        pictures: (N, channels, H, W).
        flow: (N, 2, H, W), pixels to the right and down.
    """
    height, width = flow.shape[-2:]
    kind = pictures.dtype
    if kind == flow.dtype != torch.float32 and not torch.is_autocast_enabled(pictures.device.type):
        flow, pictures = flow.float(), pictures.float()  # places in half precision would be off by a pixel
    across = torch.linspace(-1, 1, width, device=flow.device).view(1, 1, width)
    down = torch.linspace(-1, 1, height, device=flow.device).view(1, height, 1)
    grid = torch.stack([across + flow[:, 0] / ((width - 1) / 2), down + flow[:, 1] / ((height - 1) / 2)], -1)
    found = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return found if kind == pictures.dtype else found.to(kind)


class _Pyramid(nn.Module):  # type: ignore[misc]
    """Features at a half, a quarter and so on of the size; `channels` of each."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.depth = len(channels)
        before = 3
        for at, count in enumerate(channels, 1):
            self.add_module(f"pyramid{at}", nn.Sequential(conv_prelu(before, count, 2), conv_prelu(count, count)))
            before = count

    def forward(self, inputs: Any) -> list[Any]:
        found = []
        for at in range(1, self.depth + 1):
            inputs = getattr(self, f"pyramid{at}")(inputs)
            found.append(inputs)
        return found


class _Residual(nn.Module):  # type: ignore[misc]
    """Five convolutions; after the first and the third, the last `side` channels get one of their own."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.conv1 = conv_prelu(channels, channels)
        self.conv2 = conv_prelu(side, side)
        self.conv3 = conv_prelu(channels, channels)
        self.conv4 = conv_prelu(side, side)
        self.conv5 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.prelu = nn.PReLU(channels)

    def forward(self, inputs: Any) -> Any:
        found = inputs
        for whole, part in ((self.conv1, self.conv2), (self.conv3, self.conv4)):
            found = whole(found)
            found = torch.cat([found[:, : -self.side], part(found[:, -self.side :])], 1)
        return self.prelu(inputs + self.conv5(found))


class _Bottleneck(nn.Module):  # type: ignore[misc]
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer // 4, 1)
        self.conv2 = nn.Conv2d(outer // 4, outer // 4, 3, stride, 1)
        self.conv3 = nn.Conv2d(outer // 4, outer, 1)
        self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride)) if stride > 1 else None

    def forward(self, inputs: Any) -> Any:
        found = inputs
        for layer in (self.conv1, self.conv2, self.conv3):
            found = F.relu(F.instance_norm(layer(found)))
        if self.downsample is not None:
            inputs = F.instance_norm(self.downsample(inputs))
        return F.relu(inputs + found)


class _Bottlenecks(nn.Module):  # type: ignore[misc]
    """Features for matching, at an eighth of the size."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, 2, 3)
        self.layer1 = nn.Sequential(_Bottleneck(32, 32, 1), _Bottleneck(32, 32, 1))
        self.layer2 = nn.Sequential(_Bottleneck(32, 64, 2), _Bottleneck(64, 64, 1))
        self.layer3 = nn.Sequential(_Bottleneck(64, 96, 2), _Bottleneck(96, 96, 1))
        self.conv2 = nn.Conv2d(96, out, 1)

    def forward(self, inputs: Any) -> Any:
        found = F.relu(F.instance_norm(self.conv1(inputs)))
        return self.conv2(self.layer3(self.layer2(self.layer1(found))))


class _Correlation:
    """How well every place of one frame matches every place of the other, at four sizes, both ways.

    The tables grow with the square of the picture (11 GB at 1080p). Where they would take more than `MOST` bytes, they
    are made again for some places at a time whenever they are looked at; the numbers are the same.
    """

    def __init__(self, first: Any, second: Any, time: float) -> None:
        self.count, self.channels, self.height, self.width = first.shape
        self.time = time
        self.sides = first.flatten(2).float(), second.flatten(2).float()
        down, across = (torch.arange(each, device=first.device) for each in (self.height, self.width))
        self.places = torch.stack(torch.meshgrid(across, down, indexing="xy")).float()
        reach = torch.linspace(-RADIUS, RADIUS, 2 * RADIUS + 1, device=first.device)
        self.around = torch.stack(torch.meshgrid(reach, reach, indexing="ij"), -1)
        cells = self.height * self.width
        self.whole = 11 * self.count * cells**2 <= MOST
        self.step = cells if self.whole else max(1, MOST // (11 * self.count * cells))
        self.kept: dict[tuple[int, int], list[Any]] = {}

    def _tables(self, side: int, start: int) -> list[Any]:
        """Matches of some places of one frame, (places x N, 1, H, W) and smaller."""
        if (side, start) in self.kept:
            return self.kept[side, start]
        some = self.sides[side][..., start : start + self.step]
        table = some.transpose(1, 2) @ self.sides[1 - side] / self.channels**0.5
        found = [table.reshape(-1, 1, self.height, self.width)]
        for _ in range(LEVELS - 1):
            found.append(F.avg_pool2d(found[-1], 2, 2))
        if self.whole:
            self.kept[side, start] = found
        return found

    def __call__(self, flows: Any) -> Any:
        """The matches around where the flows lead, (N, matches, H, W).

        Args:
            flows: (N, 4, H, W), to the first and to the second frame, as from a moment between them; each is made as
                long as the way from one frame to the other.
        """
        back, ahead = flows.float().chunk(2, 1)
        there = self._look(0, self.places + ahead / self.time)
        here = self._look(1, self.places + back / (1 - self.time))
        return torch.cat([there, here], 1)  # float32

    def _look(self, side: int, places: Any) -> Any:
        places = places.flatten(2).transpose(1, 2)
        parts = []
        for start in range(0, places.shape[1], self.step):
            some = places[:, start : start + self.step].reshape(-1, 1, 1, 2)
            found = []
            for level, table in enumerate(self._tables(side, start)):
                wanted = some / 2**level + self.around
                span = constant((table.shape[-1] - 1, table.shape[-2] - 1), wanted.device, torch.int64)
                found.append(F.grid_sample(table, 2 * wanted / span - 1, align_corners=True).flatten(1))
            parts.append(torch.cat(found, -1).view(self.count, -1, found[0].shape[-1] * LEVELS))
        return torch.cat(parts, 1).transpose(1, 2).reshape(self.count, -1, self.height, self.width)


class _Update(nn.Module):  # type: ignore[misc]
    """Corrects features and flows by the matches.

    Args:
        channels: of the features.
        down: how many times larger than the matches the features are.
        hidden, inner: channels within.
    """

    def __init__(self, channels: int, down: int, hidden: int = 76, inner: int = 68) -> None:
        super().__init__()
        self.down = down
        self.convc1 = nn.Conv2d(2 * LEVELS * (2 * RADIUS + 1) ** 2, 64, 1)
        self.convf1 = nn.Conv2d(4, 40, 7, padding=3)
        self.convf2 = nn.Conv2d(40, 20, 3, padding=1)
        self.conv = nn.Conv2d(84, inner, 3, padding=1)
        self.gru = _pair(inner + 4 + channels, hidden, hidden)
        self.feat_head = _pair(hidden, hidden, channels)
        self.flow_head = _pair(hidden, hidden, 4)

    def forward(self, features: Any, flows: Any, matches: Any) -> tuple[Any, Any]:
        if self.down > 1:
            features = enlarged(features, 1 / self.down)
        moves = _leaky(self.convf2(_leaky(self.convf1(flows))))
        seen = _leaky(self.conv(torch.cat([_leaky(self.convc1(matches)), moves], 1)))
        seen = self.gru(torch.cat([seen, flows, features], 1))
        found, change = self.feat_head(seen), self.flow_head(seen)
        if self.down > 1:
            found, change = enlarged(found, self.down), self.down * enlarged(change, self.down)
        return found, change


def _leaky(inputs: Any) -> Any:
    return F.leaky_relu(inputs, 0.1)


def _pair(inner: int, hidden: int, outer: int) -> Any:
    return nn.Sequential(nn.Conv2d(inner, hidden, 3, 1, 1), nn.LeakyReLU(0.1), nn.Conv2d(hidden, outer, 3, 1, 1))


class _Decoder(nn.Module):  # type: ignore[misc]
    """Flows and features at twice the size.

    Args:
        wide: channels within.
        more: channels that come beside them.
        out: channels that it gives.
    """

    def __init__(self, wide: int, more: int, out: int) -> None:
        super().__init__()
        self.convblock = nn.Sequential(
            conv_prelu(wide + more, wide), _Residual(wide, SIDE), nn.ConvTranspose2d(wide, out, 4, 2, 1)
        )

    def forward(self, *parts: Any) -> Any:
        return self.convblock(torch.cat(parts, 1))


class Amt(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = CHANNELS
        self.feat_encoder = _Bottlenecks(84)
        self.encoder = _Pyramid(CHANNELS)
        self.decoder4 = _Decoder(2 * sixteenth, 1, eighth + 4)  # the first guess
        self.decoder3 = _Decoder(3 * eighth, 4, quarter + 4)
        self.decoder2 = _Decoder(3 * quarter, 4, half + 4)
        self.decoder1 = _Decoder(3 * half, 4, 8 * FLOWS)
        self.update4 = _Update(eighth, 1)
        self.update3 = _Update(quarter, 2)
        self.update2 = _Update(half, 4)
        self.comb_block = nn.Sequential(
            nn.Conv2d(3 * FLOWS, 6 * FLOWS, 3, 1, 1), nn.PReLU(6 * FLOWS), nn.Conv2d(6 * FLOWS, 3, 3, 1, 1)
        )
        self.low: Any = None

    def lower(self, dtype: Any) -> None:
        """Weights as `dtype`, laid out as a card wants them; matches and places stay float32."""
        self.to(dtype=dtype, memory_format=torch.channels_last)
        self.low = dtype

    def forward(self, first: Any, second: Any) -> Any:
        """The frame in the middle, (N, 3, H, W), 0..1.

        Args:
            first: (N, 3, H, W), 0..1, of at least 113 pixels a side.
            second: the next frame, alike.
        """
        if self.low is not None:
            first, second = (each.to(self.low, memory_format=torch.channels_last) for each in (first, second))
        height, width = first.shape[-2:]
        left, top = -width % DIVISOR, -height % DIVISOR
        around = [left // 2, left - left // 2, top // 2, top - top // 2]
        one, two = (F.pad(each, around, mode="replicate") for each in (first, second))
        mean = torch.cat([one, two], 2).mean((1, 2, 3), keepdim=True)
        one, two = one - mean, two - mean
        here, there = self.feat_encoder(torch.cat([one, two])).chunk(2)
        matches = _Correlation(here, there, MOMENT)
        ones, twos = self.encoder(one), self.encoder(two)
        found = self.decoder4(ones[3], twos[3], torch.full_like(ones[3][:, :1], MOMENT))
        back, ahead, between = found[:, :2], found[:, 2:4], found[:, 4:]
        steps = ((self.update4, 1, None), (self.update3, 2, self.decoder3), (self.update2, 4, self.decoder2))
        for level, (update, down, decoder) in enumerate(steps):
            if decoder is not None:
                at = 3 - level
                found = decoder(between, warped(ones[at], back), warped(twos[at], ahead), back, ahead)
                back, ahead = found[:, :2] + 2 * enlarged(back, 2), found[:, 2:4] + 2 * enlarged(ahead, 2)
                between = found[:, 4:]
            flows = torch.cat([back, ahead], 1)
            seen = flows if down == 1 else enlarged(flows, 1 / down) / down
            features, change = update(between, seen, matches(seen) if self.low is None else matches(seen).to(self.low))
            between, (back, ahead) = between + features, (flows + change).chunk(2, 1)
        last = self.decoder1(between, warped(ones[0], back), warped(twos[0], ahead), back, ahead)
        whole = self._merged(last, back, ahead, one, two, mean)
        return whole[..., around[2] : around[2] + height, around[0] : around[0] + width]

    def _merged(self, found: Any, back: Any, ahead: Any, first: Any, second: Any, mean: Any) -> Any:
        """The frame in between: the mean of what each pair of flows pulls together, and what that lacks."""
        count, _, height, width = found.shape
        changes = found.split([2 * FLOWS, 2 * FLOWS, FLOWS, 3 * FLOWS], 1)
        pulled = []
        for picture, flow, change in ((first, back, changes[0]), (second, ahead, changes[1])):
            fields = change + 2 * enlarged(flow, 2).repeat(1, FLOWS, 1, 1)
            many = picture[:, None].expand(-1, FLOWS, -1, -1, -1).flatten(0, 1)
            pulled.append(warped(many, fields.reshape(-1, 2, height, width)))
        mask = changes[2].sigmoid().reshape(-1, 1, height, width)
        whole = mask * pulled[0] + (1 - mask) * pulled[1]
        whole = whole + mean.repeat_interleave(FLOWS, 0) + changes[3].reshape(-1, 3, height, width)
        whole = whole.reshape(count, FLOWS, 3, height, width)
        return (whole.mean(1) + self.comb_block(whole.flatten(1, 2))).clamp(0, 1)


def built(found: Found) -> Amt:
    """found: the published checkpoint."""
    state = tensors.tensors(found, "state_dict")
    with torch.device("meta"):
        model = Amt()
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
