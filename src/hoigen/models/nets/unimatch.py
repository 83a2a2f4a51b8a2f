"""UniMatch's optical flow (GMFlow of two scales with six refinements), by the names of its published weights.

A frame pair -> features at an 8th and a 4th of its size -> a transformer between the two -> where each place went, by
likeness everywhere at the coarse scale and within four cells at the fine one -> six small corrections.

Source: Xu et al., Unifying Flow, Stereo and Depth Estimation, arXiv 2211.05783; github.com/autonomousvision/unimatch.
"""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.parts import constant, sine
from hoigen.models.tensors import Found

SPLITS = (2, 8)
"""Windows along either side of the picture at the coarse and at the fine scale, within which the transformer looks."""
NEAR = 4
"""Cells in each direction that are compared at the fine scale, and in each correction."""
ROUNDS = 6
EPSILON = 1e-5
"""Of PyTorch's norms."""
MULTIPLE = 32
"""Of this many pixels both sides have to be."""
Attend = Callable[[Any, Any, Any], Any]


def conv_relu(conv: Any, x: Any) -> Any:
    """A convolution and what is above 0 of it; a card does both in one step."""
    if _low(x) and _fuses(x.dtype, x.device):
        how = conv.stride, conv.padding, conv.dilation, conv.groups
        return torch.cudnn_convolution_relu(x, conv.weight, conv.bias, *how)
    return F.relu(conv(x))


@functools.lru_cache(maxsize=8)
def _fuses(dtype: Any, device: Any) -> bool:
    """Whether this card and these libraries have that step."""
    x, weight = torch.ones(1, 8, 4, 4, dtype=dtype, device=device), torch.ones(8, 8, 1, 1, dtype=dtype, device=device)
    x, weight = (each.contiguous(memory_format=torch.channels_last) for each in (x, weight))
    bias = torch.arange(-12, -4, dtype=dtype, device=device)
    try:
        made = torch.cudnn_convolution_relu(x, weight, bias, (1, 1), (0, 0), (1, 1), 1)
    except (RuntimeError, AttributeError):
        return False
    return bool(torch.allclose(made, F.relu(F.conv2d(x, weight, bias))))


def _low(x: Any) -> bool:
    return bool(x.is_cuda) and x.dtype != torch.float32


def _normed(x: Any) -> Any:
    """Each channel of each picture brought to mean 0 and variance 1."""
    return normed(x) if _low(x) else F.instance_norm(x)


def normed(x: Any) -> Any:
    """As `F.instance_norm`, which turns the layout of a card into another one and back. Sums are float32."""
    return _scaled(x, (2, 3))


def _levelled(norm: Any, x: Any) -> Any:
    return levelled(norm, x) if _low(x) else norm(x)


def levelled(norm: Any, x: Any) -> Any:
    """As a layer's `norm` of tokens; the kernel of PyTorch takes a card longer for so few channels."""
    return torch.addcmul(norm.bias, _scaled(x, (-1,)), norm.weight)


def _scaled(x: Any, axes: tuple[int, ...]) -> Any:
    count = math.prod(x.shape[axis] for axis in axes)
    mean = x.mean(axes, keepdim=True, dtype=torch.float32)
    square = torch.linalg.vector_norm(x, dim=axes, keepdim=True, dtype=torch.float32).square() / count
    scale = ((square - mean.square()).clamp(min=0) + EPSILON).rsqrt()
    return torch.addcmul((-mean * scale).to(x.dtype), x, scale.to(x.dtype))


class _Residual(nn.Module):  # type: ignore[misc]
    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(given, width, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.downsample: Any = None
        if stride != 1 or given != width:
            self.downsample = nn.Sequential(nn.Conv2d(given, width, 1, stride))

    def forward(self, x: Any) -> Any:
        inner = F.relu(_normed(self.conv1(x)))
        inner = F.relu(_normed(self.conv2(inner)))
        return F.relu(inner + (x if self.downsample is None else _normed(self.downsample(x))))


class _Backbone(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.layer1 = nn.Sequential(_Residual(64, 64, 1), _Residual(64, 64, 1))
        self.layer2 = nn.Sequential(_Residual(64, 96, 2), _Residual(96, 96, 1))
        self.layer3 = nn.Sequential(_Residual(96, 128, 1), _Residual(128, 128, 1))
        self.conv2 = nn.Conv2d(128, width, 1)
        self.trident_conv = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Features at an 8th and at a 4th of the picture's size, by one convolution for both."""
        x = F.relu(_normed(self.conv1(x)))
        x = self.conv2(self.layer3(self.layer2(self.layer1(x))))
        return F.conv2d(x, self.trident_conv.weight, stride=2, padding=1), self.trident_conv(x)


class _Layer(nn.Module):  # type: ignore[misc]
    """One look of a frame at itself, or at the other one where it is `crossed`. Tokens are (N, places, channels)."""

    def __init__(self, width: int, inner: int, crossed: bool) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.merge, self.norm1 = nn.Linear(width, width, bias=False), nn.LayerNorm(width)
        self.mlp: Any = None
        if crossed:
            layers = nn.Linear(2 * width, inner, bias=False), nn.GELU(), nn.Linear(inner, width, bias=False)
            self.mlp, self.norm2 = nn.Sequential(*layers), nn.LayerNorm(width)

    def forward(self, own: Any, other: Any, attend: Attend) -> Any:
        seen = _levelled(self.norm1, self.merge(attend(self.q_proj(own), self.k_proj(other), self.v_proj(other))))
        if self.mlp is not None:
            seen = _levelled(self.norm2, self.mlp(torch.cat([own, seen], -1)))
        return own + seen


class _Transformer(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(depth):
            of_itself, of_other = _Layer(width, inner, crossed=False), _Layer(width, inner, crossed=True)
            self.layers.append(nn.ModuleDict({"self_attn": of_itself, "cross_attn_ffn": of_other}))

    def forward(self, first: Any, second: Any, splits: int) -> tuple[Any, Any]:
        """Features of either frame, which have looked at the other.

        Args:
            first, second: (N, channels, height, width).
            splits: windows along either side.
        """
        height, width = first.shape[-2:]
        own = torch.cat([first, second]).flatten(2).transpose(1, 2)
        plain, shifted = (_windows(height, width, splits, move, own.dtype, own.device) for move in (False, True))
        for at, layer in enumerate(self.layers):
            other, attend = torch.cat(own.chunk(2)[::-1]), shifted if at % 2 else plain
            own = layer["cross_attn_ffn"](layer["self_attn"](own, own, attend), other, attend)
        found = own.transpose(1, 2).reshape(len(own), -1, height, width)
        one, other = found.chunk(2)
        return one, other

    def sorted_once(self, first: Any, second: Any, splits: int) -> tuple[Any, Any]:
        """As `forward`. Tokens stand in the order of the windows while a layer is at work: it is changed once a layer,
        and not for each query, key and value."""
        height, width = first.shape[-2:]
        own = torch.cat([first, second]).flatten(2).transpose(1, 2)
        count = len(own)
        windows = [_windows(height, width, splits, moved, own.dtype, own.device) for moved in (False, True)]
        before = -1
        for at, layer in enumerate(self.layers):
            own = _sorted(own, _moves(height, width, splits, before, at % 2, count, own.device))
            before, attend = at % 2, windows[at % 2].of_sorted
            other = torch.cat([own[count // 2 :], own[: count // 2]])
            own = layer["cross_attn_ffn"](layer["self_attn"](own, own, attend), other, attend)
        own = _sorted(own, _moves(height, width, splits, before, -1, count, own.device))
        one, other = own.transpose(1, 2).unflatten(2, (height, width)).chunk(2)
        return one, other


def _sorted(tokens: Any, order: Any) -> Any:
    return tokens.reshape(-1, tokens.shape[-1]).index_select(0, order).reshape(tokens.shape)


@functools.lru_cache(maxsize=64)
def _moves(height: int, width: int, splits: int, before: int, after: int, count: int, device: Any) -> Any:
    """Where each token of `count` pictures is taken from, (count x places,). before, after: their order: -1 row by row,
    0 by window, 1 by window moved by half of one."""
    orders = [_Windows(height, width, splits, bool(moved), torch.float32, "cpu").order() for moved in (0, 1)]
    orders.append(torch.arange(height * width))
    order = orders[before].argsort()[orders[after]]
    return (order + torch.arange(count)[:, None] * len(order)).flatten().to(device)


class _Windows:
    """Attention within windows of a grid; every other layer has them moved by half a window, so that they overlap."""

    def __init__(self, height: int, width: int, splits: int, moved: bool, dtype: Any, device: Any) -> None:
        self.size, self.splits = (height, width), splits
        self.tall, self.wide = height // splits, width // splits
        self.move = (self.tall // 2, self.wide // 2) if moved else (0, 0)
        self.mask = self._mask().to(device, dtype) if moved else None

    def __call__(self, query: Any, key: Any, value: Any) -> Any:
        count = len(query)
        query, key, value = (self._parted(each) for each in (query, key, value))
        mask = None if self.mask is None else self.mask.repeat(count, 1, 1)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        rows = seen.reshape(count, self.splits, self.splits, self.tall, self.wide, -1)
        grid = rows.permute(0, 1, 3, 2, 4, 5).reshape(count, *self.size, -1)
        grid = grid.roll(self.move, (1, 2)) if any(self.move) else grid
        return grid.flatten(1, 2)

    def order(self) -> Any:
        """Which place of the grid stands where, window by window, (places,)."""
        height, width = self.size
        return self._parted(torch.arange(height * width)[None, :, None]).flatten()

    def of_sorted(self, query: Any, key: Any, value: Any) -> Any:
        """As a call, of tokens that stand in that order already."""
        count, places, width = query.shape
        if self.mask is None:
            query, key, value = (each.reshape(-1, 1, self.tall * self.wide, width) for each in (query, key, value))
            return F.scaled_dot_product_attention(query, key, value).reshape(count, places, width)
        # a window takes the place of a head, so that one mask does for all pictures
        query, key, value = (each.reshape(count, self.splits**2, -1, width) for each in (query, key, value))
        mask = self.mask[None].expand(count, -1, -1, -1)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).reshape(count, places, width)

    def _parted(self, x: Any) -> Any:
        grid = x.reshape(len(x), *self.size, -1)
        grid = grid.roll((-self.move[0], -self.move[1]), (1, 2)) if any(self.move) else grid
        rows = grid.reshape(len(x), self.splits, self.tall, self.splits, self.wide, -1)
        return rows.permute(0, 1, 3, 2, 4, 5).reshape(-1, self.tall * self.wide, x.shape[-1])

    def _mask(self) -> Any:
        """(windows, places, places): -100 between places that are neighbours only since the grid was turned."""
        parts = torch.zeros(1, *self.size, 1)
        edges = [
            (slice(0, -side), slice(-side, -move), slice(-move, None))
            for side, move in zip((self.tall, self.wide), self.move, strict=True)
        ]
        for number, (rows, columns) in enumerate((a, b) for a in edges[0] for b in edges[1]):
            parts[:, rows, columns] = number
        unmoved = _Windows(*self.size, self.splits, False, parts.dtype, parts.device)
        part = unmoved._parted(parts.flatten(1, 2))
        return torch.where(part == part.transpose(1, 2), 0.0, -100.0)


@functools.lru_cache(maxsize=32)
def _windows(height: int, width: int, splits: int, moved: bool, dtype: Any, device: Any) -> _Windows:
    return _Windows(height, width, splits, moved, dtype, device)


class _Spread(nn.Module):  # type: ignore[misc]
    """Lets the flow of places that look alike become alike."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)

    def everywhere(self, features: Any, flow: Any) -> Any:
        # The keys are made of the queries, not of the features: so the weights were trained.
        query = self.q_proj(features.flatten(2).transpose(1, 2))
        seen = F.scaled_dot_product_attention(query, self.k_proj(query), flow.flatten(2).transpose(1, 2))
        return seen.transpose(1, 2).reshape(flow.shape)

    def nearby(self, features: Any, flow: Any) -> Any:
        """Within one cell in each direction; cells beyond the picture count, with a flow of 0.

        Args:
            features: (N, channels, height, width).
            flow: (N, 2, height, width).
        """
        count, width, tall, wide = features.shape
        tokens = features.flatten(2).transpose(1, 2)
        query = self.q_proj(tokens)[:, :, None]
        grid = self.k_proj(tokens).transpose(1, 2).reshape(count, width, tall, wide)
        keys = F.unfold(grid, 3, padding=1).reshape(count, width, 9, -1).permute(0, 3, 2, 1)
        values = F.unfold(flow, 3, padding=1).reshape(count, 2, 9, -1).permute(0, 3, 2, 1)
        seen = F.scaled_dot_product_attention(query, keys, values)[:, :, 0]
        return seen.transpose(1, 2).reshape(flow.shape)


class _Motion(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.convc1, self.convc2 = nn.Conv2d((2 * NEAR + 1) ** 2, 256, 1), nn.Conv2d(256, 192, 3, padding=1)
        self.convf1, self.convf2 = nn.Conv2d(2, 128, 7, padding=3), nn.Conv2d(128, 64, 3, padding=1)
        self.conv = nn.Conv2d(256, 126, 3, padding=1)

    def forward(self, flow: Any, alike: Any) -> Any:
        alike = conv_relu(self.convc2, conv_relu(self.convc1, alike))
        moved = conv_relu(self.convf2, conv_relu(self.convf1, flow))
        return torch.cat([conv_relu(self.conv, torch.cat([alike, moved], 1)), flow], 1)


class _Gru(nn.Module):  # type: ignore[misc]
    """A gated unit, along rows and then along columns."""

    def __init__(self) -> None:
        super().__init__()
        for at, (kernel, padding) in enumerate((((1, 5), (0, 2)), ((5, 1), (2, 0))), 1):
            for gate in "zrq":
                setattr(self, f"conv{gate}{at}", nn.Conv2d(384, 128, kernel, padding=padding))

    def forward(self, state: Any, given: Any) -> Any:
        if _low(state):
            return self._on_card(state, given)
        for at in (1, 2):
            z, r, q = (getattr(self, f"conv{gate}{at}") for gate in "zrq")
            both = torch.cat([state, given], 1)
            keep, use = z(both).sigmoid(), r(both).sigmoid()
            state = (1 - keep) * state + keep * q(torch.cat([use * state, given], 1)).tanh()
        return state

    def _on_card(self, state: Any, given: Any) -> Any:
        """As `forward`, in fewer and larger steps."""
        both = torch.cat([state, given], 1)
        own = both[:, : state.shape[1]]
        for at in (1, 2):
            z, r, q = (getattr(self, f"conv{gate}{at}") for gate in "zrq")
            weight, bias = torch.cat([z.weight, r.weight]), torch.cat([z.bias, r.bias])
            if at == 2:
                own.copy_(state)
            keep, use = F.conv2d(both, weight, bias, padding=z.padding).sigmoid_().chunk(2, 1)
            own.copy_(use * state)
            state = torch.lerp(state, q(both).tanh_(), keep)
        return state


class _Refine(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.gru = _Motion(), _Gru()
        first, last = nn.Conv2d(128, 256, 3, padding=1), nn.Conv2d(256, 2, 3, padding=1)
        self.flow_head = nn.Sequential(OrderedDict(conv1=first, relu=nn.ReLU(), conv2=last))
        self.mask = nn.Sequential(nn.Conv2d(128, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 9 * 16, 1))

    def forward(self, state: Any, given: Any, alike: Any, flow: Any) -> tuple[Any, Any]:
        """What the flow is to be corrected by, and the state, of which `mask` makes how it is to be enlarged.

        Args:
            state: of the gated unit, (N, 128, height, width).
            given: features of the frame, alike.
            alike: likeness to the cells around where each place went.
            flow: so far, (N, 2, height, width).
        """
        state = self.gru(state, torch.cat([given, self.encoder(flow, alike)], 1))
        head = self.flow_head
        return head.conv2(conv_relu(head.conv1, state)), state


class UniMatch(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, depth: int) -> None:
        super().__init__()
        self.backbone = _Backbone(width)
        self.transformer = _Transformer(width, inner, depth)
        self.feature_flow_attn = _Spread(width)
        self.refine_proj = nn.Conv2d(128, 256, 1)
        self.refine = _Refine()
        self.low: Any = None

    def forward(self, first: Any, second: Any) -> Any:
        """The flow from one frame to the next, (N, 2, H, W): pixels to the right and down.

        Args:
            first, second: (N, 3, H, W), normalised, sides multiples of 32.
        """
        if self.low is not None:
            return self._on_card(first, second)
        scales = [each.chunk(2) for each in self.backbone(torch.cat([first, second]))]
        (one, other), splits = scales[0], SPLITS[0]
        one, other = self.transformer(placed(one, splits), placed(other, splits), splits)
        flow = self.feature_flow_attn.everywhere(one, matched(one, other))

        (one, other), splits = scales[1], SPLITS[1]
        flow = F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True) * 2
        warped = sampled(other, grid_of(other) + flow)
        near, far = self.transformer(placed(one, splits), placed(warped, splits), splits)
        flow = self.feature_flow_attn.nearby(near, flow + matched_nearby(near, far))
        state, given = self.refine_proj(near).chunk(2, 1)
        for _ in range(ROUNDS):
            change, seen = self.refine(state.tanh(), given.relu(), likeness(one, other, flow), flow)
            flow = flow + change
        return enlarged(flow, self.refine.mask(seen))

    def lower(self, dtype: Any) -> None:
        """Weights as `dtype`, laid out as a card wants them; places and flows stay float32."""
        self.to(dtype=dtype, memory_format=torch.channels_last)
        self.low = dtype

    def _on_card(self, first: Any, second: Any) -> Any:
        """As `forward`, in lower precision: likeness is a table of all places with all places, made once by one product
        of matrices, of which every correction reads what is near; what does not depend on the pictures is made once."""
        pictures = torch.cat([first, second]).to(self.low)
        scales = [each.chunk(2) for each in self.backbone(pictures)]
        (one, other), splits = scales[0], SPLITS[0]
        one, other = self.transformer.sorted_once(placed(one, splits), placed(other, splits), splits)
        spread = self.feature_flow_attn
        query = spread.q_proj(one.flatten(2).transpose(1, 2))
        flow = carried(query.float(), spread.k_proj(query).float(), matched(one.float(), other.float()))

        (one, other), splits = scales[1], SPLITS[1]
        flow = F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True) * 2
        warped = sampled(other.float(), grid_of(flow) + flow).to(self.low)
        near, far = self.transformer.sorted_once(placed(one, splits), placed(warped, splits), splits)
        flow = self._carried_nearby(near, flow + nearest(near, far))
        state, given = (
            each.contiguous(memory_format=torch.channels_last) for each in self.refine_proj(near).chunk(2, 1)
        )
        state, given, seen = state.tanh(), given.relu(), None
        table = Likeness(one, other)
        for _ in range(ROUNDS):
            change, seen = self.refine(state, given, table.around(flow).to(self.low), flow.to(self.low))
            flow = flow + change.float()
        return enlarged(flow, self.refine.mask(seen).float())

    def _carried_nearby(self, features: Any, flow: Any) -> Any:
        """As `_Spread.nearby`, one step of the nine at a time."""
        height, width = flow.shape[-2:]
        tokens = features.flatten(2).transpose(1, 2)
        query, key = (
            project(tokens).transpose(1, 2).unflatten(2, (height, width))
            for project in (self.feature_flow_attn.q_proj, self.feature_flow_attn.k_proj)
        )
        keys, flows = F.pad(key, (1, 1, 1, 1)), F.pad(flow, (1, 1, 1, 1))
        steps = [(slice(y, y + height), slice(x, x + width)) for y in range(3) for x in range(3)]
        alike = torch.stack([(query * keys[:, :, y, x]).sum(1, dtype=torch.float32) for y, x in steps], 1)
        shares = (alike / query.shape[1] ** 0.5).softmax(1)
        return sum(shares[:, at, None] * flows[:, :, y, x] for at, (y, x) in enumerate(steps))


def placed(features: Any, splits: int) -> Any:
    """(N, channels, height, width) `features` with where they are in their window, of `splits` along either side."""
    _, channels, height, width = features.shape
    return features + _places(height // splits, width // splits, channels, splits, features.dtype, features.device)


@functools.lru_cache(maxsize=32)
def _places(height: int, width: int, channels: int, splits: int, dtype: Any, device: Any) -> Any:
    """Sines of each place in its window, (channels, splits x height, splits x width)."""
    return sine(height, width, channels).permute(2, 0, 1).to(device, dtype).repeat(1, splits, splits)


def grid_of(features: Any) -> Any:
    """Column and row of each cell of (N, channels, height, width) `features`: (2, height, width)."""
    return _grid(*features.shape[-2:], features.dtype, features.device)


@functools.lru_cache(maxsize=32)
def _grid(height: int, width: int, dtype: Any, device: Any) -> Any:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns, rows]).to(device, dtype)


def sampled(features: Any, places: Any) -> Any:
    """Features between cells, (N, channels, rows, columns); 0 beyond the picture.

    Args:
        features: (N, channels, height, width).
        places: (N, 2, rows, columns), column and row of each.
    """
    height, width = features.shape[-2:]
    sizes = constant((width - 1, height - 1), features.device, features.dtype)
    return F.grid_sample(features, places.permute(0, 2, 3, 1) * 2 / sizes - 1, align_corners=True)


def matched(one: Any, other: Any) -> Any:
    """Flow, (N, 2, height, width), from `one` frame by likeness to everywhere in the `other`."""
    grid = grid_of(one)
    query, key = (each.flatten(2).transpose(1, 2) for each in (one, other))
    where = F.scaled_dot_product_attention(query, key, grid.flatten(1).T.expand(len(one), -1, -1))
    return where.transpose(1, 2).reshape(len(one), *grid.shape) - grid


def carried(query: Any, key: Any, values: Any) -> Any:
    """(N, channels, height, width) of `values` alike, which go where `query` finds them: both (N, places, channels)."""
    shares = (query @ key.transpose(1, 2)).mul_(query.shape[-1] ** -0.5).softmax(-1)
    return (shares @ values.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(values.shape)


class Likeness:
    """How like every place of one frame is to every place of another, of which what is near is read (`likeness`).

    Args:
        one, other: features of the frames, (N, channels, height, width).
    """

    def __init__(self, one: Any, other: Any) -> None:
        self.size = one.shape[-2:]
        first, second = (each.flatten(2) for each in (one * one.shape[1] ** -0.5, other))
        self.table = first.transpose(1, 2) @ second  # (N, places, places)

    def around(self, flow: Any, near: int = NEAR) -> Any:
        """(N, steps, height, width) float32, as `likeness`: between cells the mixture of those around, which is what
        likeness to mixed features is, since all steps lie alike between cells.

        Args:
            flow: (N, 2, height, width) float32.
            near: cells in each direction.
        """
        (height, width), span = self.size, 2 * near + 2
        places = (_grid(height, width, flow.dtype, flow.device) + flow).flatten(2)
        cells = places.floor()
        share = (places - cells)[..., None]
        reach = torch.arange(-near, near + 2, device=flow.device)
        columns, rows = (each[..., None].long() + reach for each in cells.clamp(-1e6, 1e6).unbind(1))
        inside = ((rows >= 0) & (rows < height))[..., None] & ((columns >= 0) & (columns < width))[..., None, :]
        at = rows.clamp(0, height - 1)[..., None] * width + columns.clamp(0, width - 1)[..., None, :]
        found = self.table.gather(2, at.flatten(2)).float().unflatten(2, (span, span)) * inside
        along, down = share.unbind(1)
        found = torch.lerp(found[:, :, :-1], found[:, :, 1:], down[..., None])
        found = torch.lerp(found[..., :-1], found[..., 1:], along[..., None])
        return found.flatten(2).unflatten(1, (height, width)).permute(0, 3, 1, 2)


def nearest(one: Any, other: Any) -> Any:
    """As `matched_nearby`, by one table."""
    count, _, height, width = one.shape
    none = torch.zeros(count, 2, height, width, device=one.device)
    alike = Likeness(one, other).around(none)
    places = _around(none, none)
    sizes = constant((width, height), one.device)[:, None, None]
    inside = ((places >= 0) & (places < sizes)).all(1)
    shares = alike.flatten(2).transpose(1, 2).masked_fill(~inside, -1e9).softmax(-1)
    where = torch.einsum("nps,ncps->ncp", shares, places)
    return where.reshape(count, 2, height, width) - grid_of(none)


def _around(features: Any, flow: Any) -> Any:
    """(N, 2, places, steps): the cells around where each place went."""
    steps = _steps(features.dtype, features.device)
    return (grid_of(features) + flow).flatten(2)[..., None] + steps[:, None]


@functools.lru_cache(maxsize=8)
def _steps(dtype: Any, device: Any) -> Any:
    """(2, steps): to the right and down, to all cells that are near."""
    reach = torch.arange(-NEAR, NEAR + 1)
    down, along = torch.meshgrid(reach, reach, indexing="ij")
    return torch.stack([along, down]).flatten(1).to(device, dtype)


def _alike(one: Any, other: Any, places: Any) -> Any:
    """(N, places, steps): likeness of each place to the cells around where it went."""
    found = torch.einsum("ncp,ncps->nps", one.flatten(2), sampled(other, places))
    return found / one.shape[1] ** 0.5


def likeness(one: Any, other: Any, flow: Any) -> Any:
    """How like the cells around where each place went are, (N, steps, height, width).

    Args:
        one, other: features of the frames, (N, channels, height, width).
        flow: (N, 2, height, width).
    """
    found = _alike(one, other, _around(one, flow))
    return found.transpose(1, 2).reshape(len(one), -1, *one.shape[-2:])


def matched_nearby(one: Any, other: Any) -> Any:
    """Flow, (N, 2, height, width), from `one` frame to the `other` by likeness within four cells; what lies beyond the
    picture does not count."""
    height, width = one.shape[-2:]
    places = _around(one, torch.zeros(len(one), 2, height, width).to(one))
    sizes = constant((width, height), one.device, one.dtype)[:, None, None]
    inside = ((places >= 0) & (places < sizes)).all(1)
    shares = _alike(one, other, places).float().masked_fill(~inside, -1e9).softmax(-1)
    where = torch.einsum("nps,ncps->ncp", shares, places)
    return where.reshape(len(one), 2, height, width) - grid_of(one)


def enlarged(flow: Any, mask: Any, times: int = 4) -> Any:
    """Flow that is `times` as large: each pixel a mixture, by the mask, of the nine cells around it.

    Args:
        flow: (N, 2, height, width).
        mask: (N, 9 x times x times, height, width), before the softmax.
        times: along either side.
    """
    count, _, height, width = flow.shape
    shares = mask.reshape(count, 1, 9, times, times, height, width).softmax(2)
    cells = F.unfold(times * flow, 3, padding=1).reshape(count, 2, 9, 1, 1, height, width)
    mixed = (shares * cells).sum(2).permute(0, 1, 4, 2, 5, 3)
    return mixed.reshape(count, 2, times * height, times * width)


def built(found: Found) -> UniMatch:
    """found: a published checkpoint; the sizes are read off the weights."""
    state: Mapping[str, Any] = tensors.tensors(found, "model", "state_dict")
    inner = "transformer.layers.0.cross_attn_ffn.mlp.0.weight"
    tensors.need(found, state, "backbone.trident_conv.weight", "refine_proj.weight", inner)
    depth = tensors.count_of(state, "transformer.layers.")
    with torch.device("meta"):
        model = UniMatch(state["backbone.trident_conv.weight"].shape[0], state[inner].shape[0], depth)
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
