"""AMT-S: two frames -> the frame between them.

Source: Li et al., AMT: All-Pairs Multi-Field Transforms for Efficient Frame Interpolation, CVPR 2023, arXiv 2304.09790,
which builds on RAFT (arXiv 2003.12039) and IFRNet (arXiv 2205.14620); names of the weights as MCG-NKU/AMT publishes
them. Written from the papers and the layout of the weights; sizes are fixed, as there is one small model.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found
from hoigen.vbench.amt_parts import (
    Bottlenecks,
    Correlation,
    Pyramid,
    Residual,
    Update,
    conv_prelu,
    enlarged,
    warped,
)

CHANNELS = (20, 32, 44, 56)
"""Of the features at a half, a quarter, an eighth and a sixteenth of the picture's size."""
SIDE = 20
FLOWS = 3
"""Flow fields per direction, each with a mask and a correction."""
DIVISOR = 16


class Start(nn.Module):  # type: ignore[misc]
    """First guess of the two flows and of the features between, at an eighth."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.convblock = nn.Sequential(
            conv_prelu(wide + 1, wide), Residual(wide, SIDE), nn.ConvTranspose2d(wide, out + 4, 4, 2, 1)
        )

    def forward(self, first: Any, second: Any, time: float) -> tuple[Any, Any, Any]:
        moment = torch.full_like(first[:, :1], time)
        found = self.convblock(torch.cat([first, second, moment], 1))
        return found[:, :2], found[:, 2:4], found[:, 4:]


class Refine(nn.Module):  # type: ignore[misc]
    """The flows and features at twice the size. `extra`: channels that are given besides features and flows."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        wide = 3 * channels
        self.convblock = nn.Sequential(
            conv_prelu(wide + 4, wide), Residual(wide, SIDE), nn.ConvTranspose2d(wide, out, 4, 2, 1)
        )

    def forward(self, between: Any, first: Any, second: Any, back: Any, ahead: Any) -> Any:
        pulled = warped(first, back), warped(second, ahead)
        return self.convblock(torch.cat([between, *pulled, back, ahead], 1))


class Amt(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = CHANNELS
        self.feat_encoder = Bottlenecks(84)
        self.encoder = Pyramid(CHANNELS)
        self.decoder4 = Start(sixteenth, eighth)
        self.decoder3 = Refine(eighth, quarter + 4)
        self.decoder2 = Refine(quarter, half + 4)
        self.decoder1 = Refine(half, 8 * FLOWS)
        self.update4 = Update(eighth, 1)
        self.update3 = Update(quarter, 2)
        self.update2 = Update(half, 4)
        self.comb_block = nn.Sequential(
            nn.Conv2d(3 * FLOWS, 6 * FLOWS, 3, 1, 1), nn.PReLU(6 * FLOWS), nn.Conv2d(6 * FLOWS, 3, 3, 1, 1)
        )

    def forward(self, first: Any, second: Any) -> Any:
        """(N, 3, H, W), 0..1, of at least 113 pixels a side -> the frame in the middle, (N, 3, H, W), 0..1."""
        height, width = first.shape[-2:]
        left, top = -width % DIVISOR, -height % DIVISOR
        around = [left // 2, left - left // 2, top // 2, top - top // 2]
        one, two = (F.pad(each, around, mode="replicate") for each in (first, second))
        found = self._between(one, two, 0.5)
        return found[..., around[2] : around[2] + height, around[0] : around[0] + width]

    def _between(self, first: Any, second: Any, time: float) -> Any:
        mean = torch.cat([first, second], 2).mean((1, 2, 3), keepdim=True)
        first, second = first - mean, second - mean
        one, two = self.feat_encoder(torch.cat([first, second])).chunk(2)
        matches = Correlation(one, two, time)
        ones, twos = self.encoder(first), self.encoder(second)
        back, ahead, between = self.decoder4(ones[3], twos[3], time)
        steps = ((self.update4, 1, None), (self.update3, 2, self.decoder3), (self.update2, 4, self.decoder2))
        for level, (update, down, decoder) in enumerate(steps):
            if decoder is not None:
                at = 3 - level
                found = decoder(between, ones[at], twos[at], back, ahead)
                back, ahead = found[:, :2] + 2 * enlarged(back, 2), found[:, 2:4] + 2 * enlarged(ahead, 2)
                between = found[:, 4:]
            flows = torch.cat([back, ahead], 1)
            seen = flows if down == 1 else enlarged(flows, 1 / down) / down
            features, change = update(between, seen, matches(seen))
            between, (back, ahead) = between + features, (flows + change).chunk(2, 1)
        return self._merged(self.decoder1(between, ones[0], twos[0], back, ahead), back, ahead, first, second, mean)

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
    state = tensors.tensors(found, "state_dict")
    with torch.device("meta"):
        model = Amt()
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
