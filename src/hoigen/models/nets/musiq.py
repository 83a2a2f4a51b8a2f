"""MUSIQ: how good a picture looks, from patches of it at three scales.

Two files of weights are read: the conversion to PyTorch, and google-research's own (Flax, Apache-2.0). The conversion
changes no number: kernels are turned, heads put side by side, names changed. So the same score comes out of a file that
everybody may use for everything.

Source: Ke et al., MUSIQ: Multi-scale Image Quality Transformer, ICCV 2021, arXiv 2108.05997; names of the weights as
chaofengc/IQA-PyTorch publishes its conversion of google-research/musiq; names and shapes of the original as folder
musiq of github.com/google-research/google-research declares them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.parts import Mlp
from hoigen.models.tensors import Found

PATCH = 32
GRID = 10
"""Rows and columns of the grid of positions, whatever the picture's shape."""
SIDES = (224, 384)
"""The picture is also seen with its long side at these lengths."""
HEADS = 6

PREFIX = "opt/target/"
"""Where the weights lie in the original file, next to the state of the training."""
NAMES = (
    (r"^Transformer/encoderblock_(\d+)/", r"transformer_encoder.transformer.encoderblock_\1."),
    (r"^Transformer/", "transformer_encoder."),
    (r"LayerNorm_0/", "norm1."),
    (r"LayerNorm_2/", "norm2."),
    (r"MultiHeadDotProductAttention_1/", "attention."),
    (r"MlpBlock_3/Dense_0/", "mlp.fc1."),
    (r"MlpBlock_3/Dense_1/", "mlp.fc2."),
    (r"block1/unit1/", "block1."),
    (r"pos_embedding$", "position_emb"),
    (r"scale_embedding$", "scale_emb"),
    (r"(?<=[/.])(kernel|scale)$", "weight"),
    (r"/", "."),
)
"""Patterns of the original's names, and what stands there in the conversion; in this order."""


def same(inputs: Any, kernel: int, stride: int) -> Any:
    """TensorFlow's padding SAME: zeros around, more of them behind than before, so that no edge is left out.

    Args:
        inputs: (N, channels, H, W).
        kernel: side of the window that comes after.
        stride: its steps.
    """
    padding: list[int] = []
    for length in reversed(inputs.shape[-2:]):
        total = max(0, (math.ceil(length / stride) - 1) * stride + kernel - length)
        padding += [total // 2, total - total // 2]
    return F.pad(inputs, padding)


class _StdConv(nn.Conv2d):  # type: ignore[misc]
    """A convolution whose filters are brought to zero mean and unit spread first."""

    def forward(self, inputs: Any) -> Any:
        spread, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        padded = same(inputs, self.kernel_size[0], self.stride[0])
        return F.conv2d(padded, (self.weight - mean) / (spread + 1e-5), stride=self.stride)


class _Bottleneck(nn.Module):  # type: ignore[misc]
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1 = _StdConv(inner, inner, 1, bias=False)
        self.gn1 = nn.GroupNorm(32, inner, eps=1e-4)
        self.conv2 = _StdConv(inner, inner, 3, bias=False)
        self.gn2 = nn.GroupNorm(32, inner, eps=1e-4)
        self.conv3 = _StdConv(inner, outer, 1, bias=False)
        self.gn3 = nn.GroupNorm(32, outer, eps=1e-4)
        self.conv_proj = _StdConv(inner, outer, 1, bias=False)
        self.gn_proj = nn.GroupNorm(32, outer, eps=1e-4)

    def forward(self, inputs: Any) -> Any:
        found = F.relu(self.gn1(self.conv1(inputs)))
        found = F.relu(self.gn2(self.conv2(found)))
        return F.relu(self.gn3(self.conv3(found)) + self.gn_proj(self.conv_proj(inputs)))


class _Attention(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Any) -> Any:
        count, length, width = tokens.shape
        query, key, value = (
            layer(tokens).view(count, length, HEADS, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.out(seen.transpose(1, 2).reshape(count, length, width))


class _Block(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = _Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, inner)

    def forward(self, tokens: Any) -> Any:
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class _Encoder(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, depth: int) -> None:
        super().__init__()
        self.posembed_input = nn.ParameterDict({"position_emb": torch.zeros(1, GRID * GRID, width)})
        self.scaleembed_input = nn.ParameterDict({"scale_emb": torch.zeros(1 + len(SIDES), width)})
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder_norm = nn.LayerNorm(width, eps=1e-6)
        self.transformer = nn.ModuleDict({f"encoderblock_{at}": _Block(width, inner) for at in range(depth)})

    def forward(self, tokens: Any, places: Any, scales: Any) -> Any:
        tokens = tokens + self.posembed_input["position_emb"][0, places] + self.scaleembed_input["scale_emb"][scales]
        tokens = torch.cat([self.cls.expand(len(tokens), -1, -1), tokens], dim=1)
        for block in self.transformer.values():
            tokens = block(tokens)
        return self.encoder_norm(tokens)[:, 0]


class Musiq(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, depth: int, stem: int = 64) -> None:
        super().__init__()
        self.conv_root = _StdConv(3, stem, 7, 2, bias=False)
        self.gn_root = nn.GroupNorm(32, stem, eps=1e-6)
        self.block1 = _Bottleneck(stem, 4 * stem)
        self.embedding = nn.Linear(4 * stem * (PATCH // 4) ** 2, width)
        self.transformer_encoder = _Encoder(width, inner, depth)
        self.head = nn.Linear(width, 1)

    def forward(self, pictures: Any) -> Any:
        """pictures: (N, 3, H, W), 0..1. Returns (N,), about 0..100; higher is better."""
        count = len(pictures)
        pieces = [pieces_at((pictures - 0.5) * 2, at, side) for at, side in enumerate((*SIDES, None))]
        patches, places, scales = (torch.cat(each, dim=-1) for each in zip(*pieces, strict=True))
        flat = patches.transpose(1, 2).reshape(-1, 3, PATCH, PATCH)
        seen = F.relu(self.gn_root(self.conv_root(flat)))
        seen = self.block1(F.max_pool2d(same(seen, 3, 2), 3, 2))
        tokens = self.embedding(seen.permute(0, 2, 3, 1).reshape(count, len(places), -1))
        return self.head(self.transformer_encoder(tokens, places, scales)).squeeze(-1)


def pieces_at(pictures: Any, scale: int, side: int | None) -> tuple[Any, Any, Any]:
    """Patches of one scale: (N, 3 x 32 x 32, L), their places (L,) and their scale (L,).

    Other implementations fill a scale up with empty patches and give no attention to them; they change no number, so
    there are none here.

    Args:
        pictures: (N, 3, H, W), -1..1.
        scale: number of the scale, from 0.
        side: pixels that the long side is brought to; None leaves the picture as it is.
    """
    height, width = pictures.shape[-2:]
    if side is not None:
        ratio = side / max(height, width)
        height, width = round(height * ratio), round(width * ratio)
        pictures = F.interpolate(pictures, (height, width), mode="bicubic", align_corners=False)
    padded = same(pictures, PATCH, PATCH)
    patches = padded.unflatten(3, (-1, PATCH)).unflatten(2, (-1, PATCH)).permute(0, 1, 3, 5, 2, 4)
    patches = patches.reshape(len(pictures), -1, patches.shape[-2] * patches.shape[-1])
    places = _places(math.ceil(height / PATCH), math.ceil(width / PATCH), pictures.device)
    return patches, places, torch.full_like(places, scale)


@functools.lru_cache(maxsize=64)
def _places(rows: int, columns: int, device: Any) -> Any:
    """The cell of each patch in the grid of positions, row by row."""
    down, across = (
        F.interpolate(torch.arange(GRID, dtype=torch.float32)[None, None], count, mode="nearest")[0, 0].long()
        for count in (rows, columns)
    )
    return (down[:, None] * GRID + across).flatten().to(device)


def built(found: Found) -> Musiq:
    """found: a checkpoint, the conversion or the original; the sizes are read off the weights."""
    state = tensors.tensors(found, "params", "state_dict")
    if any(name.startswith(PREFIX) for name in state):
        state = _converted(state)
    first = "transformer_encoder.transformer.encoderblock_0.mlp.fc1.weight"
    tensors.need(found, state, first, "embedding.weight", "conv_root.weight")
    inner, width = state[first].shape
    depth = 1 + max(int(name.split("encoderblock_")[1].split(".")[0]) for name in state if "encoderblock_" in name)
    with torch.device("meta"):
        model = Musiq(width, inner, depth, state["conv_root.weight"].shape[0])
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]


def _converted(state: Mapping[str, Any]) -> dict[str, Any]:
    """The weights of the original file, by the names and in the shapes of the conversion.

    Kernels come as (height, width, in, out) of convolutions, (in, heads, each) and (heads, each, out) of attention,
    (in, out) of linear layers.
    """
    converted = {}
    for name, tensor in state.items():
        if not name.startswith(PREFIX):
            continue
        new = name.removeprefix(PREFIX)
        for before, after in NAMES:
            new = re.sub(before, after, new)
        if name.endswith(("/bias", "/scale")):
            tensor = tensor.flatten()
        elif name.endswith("scale_embedding"):
            tensor = tensor[0]
        elif name.endswith("kernel") and tensor.dim() == 4:
            tensor = tensor.permute(3, 2, 0, 1)
        elif name.endswith("kernel"):
            if tensor.dim() == 3:
                tensor = tensor.flatten(0, 1) if name.endswith("out/kernel") else tensor.flatten(1)
            tensor = tensor.T
        converted[new] = tensor.contiguous()
    return converted
