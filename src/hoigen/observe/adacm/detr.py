"""DETR with a ResNet-50, by the names of the weights as its authors publish them, whatever version of a library.

Source: Carion et al., End-to-End Object Detection with Transformers, arXiv 2005.12872; the weights that ADA-CM and UPT
have trained on HICO-DET keep its layout.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.parts import sine
from hoigen.models.tensors import Found

LAYERS = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Width, blocks and stride of ResNet-50's four parts."""
HEADS = 8


class _Norm(nn.Module):  # type: ignore[misc]
    """Batch normalisation with the numbers that it was trained with."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.zeros(width))

    def forward(self, x: Any) -> Any:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


class _Bottleneck(nn.Module):  # type: ignore[misc]
    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(given, width, 1, bias=False), _Norm(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False), _Norm(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), _Norm(4 * width)
        self.downsample: Any = None
        if stride != 1 or given != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(given, 4 * width, 1, stride, bias=False), _Norm(4 * width))

    def forward(self, x: Any) -> Any:
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(inner)))))
        return F.relu(inner + (x if self.downsample is None else self.downsample(x)))


class _Body(nn.Module):  # type: ignore[misc]
    """ResNet-50 without its classifier: a 32nd of the picture's size, 2048 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), _Norm(64)
        given = 64
        for at, (width, count, stride) in enumerate(LAYERS, 1):
            blocks = [_Bottleneck(given if not n else 4 * width, width, 1 if n else stride) for n in range(count)]
            setattr(self, f"layer{at}", nn.Sequential(*blocks))
            given = 4 * width

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class _Layer(nn.Module):  # type: ignore[misc]
    """Of the encoder; and of the decoder where `crossed`."""

    def __init__(self, width: int, inner: int, crossed: bool) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        if crossed:
            self.multihead_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
            self.norm3 = nn.LayerNorm(width)

    def encoded(self, x: Any, places: Any) -> Any:
        x = self.norm1(x + self.self_attn(x + places, x + places, x, need_weights=False)[0])
        return self.norm2(x + self.linear2(F.relu(self.linear1(x))))

    def decoded(self, x: Any, queries: Any, memory: Any, places: Any) -> Any:
        x = self.norm1(x + self.self_attn(x + queries, x + queries, x, need_weights=False)[0])
        x = self.norm2(x + self.multihead_attn(x + queries, memory + places, memory, need_weights=False)[0])
        return self.norm3(x + self.linear2(F.relu(self.linear1(x))))


class Mlp(nn.Module):  # type: ignore[misc]
    """Linear layers with ReLU between them. sizes: of the input, and of each layer's output."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(sizes)])

    def forward(self, x: Any) -> Any:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class _Detr(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, depths: tuple[int, int], queries: int, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.ModuleDict({"body": _Body()}))
        self.input_proj = nn.Conv2d(2048, width, 1)
        layers = [
            nn.ModuleList([_Layer(width, inner, crossed) for _ in range(depth)])
            for depth, crossed in zip(depths, (False, True), strict=True)
        ]
        self.transformer = nn.ModuleDict(
            {
                "encoder": nn.ModuleDict({"layers": layers[0]}),
                "decoder": nn.ModuleDict({"layers": layers[1], "norm": nn.LayerNorm(width)}),
            }
        )
        self.query_embed = nn.Embedding(queries, width)
        self.class_embed = nn.Linear(width, classes)
        self.bbox_embed = Mlp(width, width, width, 4)

    def forward(self, pictures: Any) -> tuple[Any, Any]:
        """(N, 3, H, W), normalised -> chances (N, queries, classes), the last of which is nothing, and boxes
        (N, queries, 4) as corners x0, y0, x1, y1 in 0..1."""
        features = self.input_proj(self.backbone[0]["body"](pictures))
        height, width = features.shape[-2:]
        places = sine(height, width, features.shape[1]).flatten(0, 1).to(features)
        encoder, decoder = self.transformer["encoder"], self.transformer["decoder"]
        x = features.flatten(2).transpose(1, 2)
        for layer in encoder["layers"]:
            x = layer.encoded(x, places)
        queries = self.query_embed.weight.expand(len(x), -1, -1)
        found = torch.zeros_like(queries)
        for layer in decoder["layers"]:
            found = layer.decoded(found, queries, x, places)
        found = decoder["norm"](found)
        middle, size = self.bbox_embed(found).sigmoid().split(2, -1)
        return self.class_embed(found).softmax(-1), torch.cat([middle - size / 2, middle + size / 2], -1)


def built(state: Mapping[str, Any], found: Found) -> _Detr:
    """The detector of a checkpoint; its sizes are read off the weights. Raises SetupError naming what does not fit."""
    inner = "transformer.encoder.layers.0.linear1.weight"
    tensors.need(found, state, "input_proj.weight", "query_embed.weight", "class_embed.weight", inner)
    encoder, decoder = (tensors.count_of(state, f"transformer.{half}.layers.") for half in ("encoder", "decoder"))
    width, queries, classes = (
        state[f"{name}.weight"].shape[0] for name in ("input_proj", "query_embed", "class_embed")
    )
    with torch.device("meta"):
        model = _Detr(width, state[inner].shape[0], (encoder, decoder), queries, classes)
    own = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    return tensors.filled(model, own, found)  # type: ignore[no-any-return]
