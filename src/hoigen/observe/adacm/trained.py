"""ADA-CM with trained weights: adapted features of a whole frame, read against its memory and its texts.

CLIP's vision transformer has adapters: each block is told first which things were found, and where.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from hoigen.core.errors import SetupError
from hoigen.models import tensors
from hoigen.models.nets.clip import ClipVit
from hoigen.models.tensors import Found as File
from hoigen.observe.adacm import sentences
from hoigen.observe.adacm.detr import Mlp
from hoigen.observe.detections import Box
from hoigen.observe.frame import Detection
from hoigen.observe.geometry import around

HEADS = 2
BINS = 7
PARTS: Mapping[str, tuple[str, ...]] = {
    "cbe": ("score", "box", "object"),
    "cb": ("score", "box"),
    "ce": ("score", "object"),
    "be": ("box", "object"),
    "c": ("score",),
    "b": ("box",),
    "e": ("object",),
}
"""What the adapters may be told of each thing; which of these, the width of their first layer says."""


class _Look(nn.Module):  # type: ignore[misc]
    """Tokens look at what is known of the things. norm1 is in the published files, and is not used."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, tokens: Any, known: Any) -> Any:
        tokens = self.norm2(tokens + self.multihead_attn(tokens, known, known, need_weights=False)[0])
        return self.norm3(tokens + self.linear2(F.relu(self.linear1(tokens))))


class _Adapter(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int, inner: int, looks: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(width))
        self.down_proj, self.up_proj = nn.Linear(width, inner), nn.Linear(inner, width)
        self.mhsa_layers = nn.ModuleList([_Look(inner) for _ in range(looks)])

    def forward(self, tokens: Any, known: Any) -> Any:
        inner = F.relu(self.down_proj(tokens))
        for look in self.mhsa_layers:
            inner = look(inner, known)
        return self.up_proj(inner) * self.scale


class _AdaptedVit(ClipVit):
    """The transformer; blocks without an adapter in the checkpoint have none here."""

    def grid(self, pictures: Any, known: Any) -> Any:
        """(N, 3, side, side) and (N, things, channels) -> (N, out, cells, cells): the embedding of each patch."""
        patches = self.conv1(pictures)
        count, _, rows, columns = patches.shape
        first = self.class_embedding.expand(count, 1, -1)
        tokens = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1) + self.positional_embedding
        tokens = self.ln_pre(tokens)
        for block in self.transformer.resblocks:
            if hasattr(block, "adaptermlp"):
                tokens = tokens + block.adaptermlp(tokens, known)
            tokens = block(tokens, causal=False)
        told = self.ln_post(tokens[:, 1:]) @ self.proj
        return told.transpose(1, 2).reshape(count, -1, rows, columns)

    @property
    def side(self) -> int:
        """Pixels of the pictures that it takes, which are square."""
        cells = round((len(self.positional_embedding) - 1) ** 0.5)
        return int(cells * self.conv1.weight.shape[-1])


def adapted_vit(state: Mapping[str, Any], found: File) -> _AdaptedVit:
    """The transformer of a checkpoint; its sizes are read off the weights."""
    tensors.need(found, state, "conv1.weight", "positional_embedding", "proj")
    width, _, patch, _ = state["conv1.weight"].shape
    depth = tensors.count_of(state, "transformer.resblocks.")
    with torch.device("meta"):
        model = _AdaptedVit(width, depth, patch, state["positional_embedding"].shape[0], state["proj"].shape[1])
        for at, block in enumerate(model.transformer.resblocks):
            prefix = f"transformer.resblocks.{at}.adaptermlp."
            if f"{prefix}down_proj.weight" in state:
                inner = state[f"{prefix}down_proj.weight"].shape[0]
                block.adaptermlp = _Adapter(width, inner, tensors.count_of(state, f"{prefix}mhsa_layers."))
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]


def region_means(grid: Any, boxes: Sequence[Box]) -> Any:
    """Mean of a grid of features over boxes, as aligned RoIAlign of 7 x 7 bins and a mean over the bins give it.

    RoIAlign's samples lie at even steps in a box, and what a sample takes from the grid is a product of its row's share
    and its column's. So the mean over all bins is one weighted sum: the rows' weights times the columns'.

    Args:
        grid: (channels, rows, columns).
        boxes: in 0..1 of it.

    Returns (boxes, channels).

    Source: He et al., Mask R-CNN, arXiv 1703.06870; `torchvision.ops.roi_align` with aligned=True and
    sampling_ratio=-1.
    """
    _, rows, columns = grid.shape
    down = np.stack([_shares(box[1] * rows - 0.5, box[3] * rows - 0.5, rows) for box in boxes])
    along = np.stack([_shares(box[0] * columns - 0.5, box[2] * columns - 0.5, columns) for box in boxes])
    weights = [torch.from_numpy(each).to(grid) for each in (down, along)]
    return torch.einsum("nh,nw,chw->nc", *weights, grid)


def _shares(low: float, high: float, size: int) -> Any:
    """(size,) float32: how much each cell counts in the mean over low..high, in cells; what lies beyond counts as 0."""
    found = np.zeros(size, np.float32)
    count = BINS * math.ceil((high - low) / BINS)
    if count <= 0:
        return found
    at = low + (np.arange(count) + 0.5) * (high - low) / count
    at = np.clip(at[(at >= -1) & (at <= size)], 0, size - 1)
    cell = np.minimum(at.astype(int), size - 1)
    np.add.at(found, cell, 1 - (at - cell))
    np.add.at(found, np.minimum(cell + 1, size - 1), at - cell)
    return found / np.float32(count)


class _Head(nn.Module):  # type: ignore[misc]
    """What interactions are read with. Weights as the checkpoint names them.

    Logits of a pair are the sum of up to three parts, each times a number that was trained: likeness to remembered
    persons and objects (HO), to remembered pairs (U), and to the sentences of the classes (T).
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__()
        self.parts = [part for part, name in (("HO", "adapter_HO_weight"), ("U", "adapter_U_weight")) if name in state]
        for name, value in state.items():
            if not name.startswith("priors_downproj."):
                self.register_buffer(name, value.float())
        names = (name for name in ("adapter_union_weight", "label_HO", "label_U") if hasattr(self, name))
        name = next(names)
        self.classes = int(getattr(self, name).shape[0 if name == "adapter_union_weight" else 1])

    def forward(self, person: Any, thing: Any, both: Any) -> Any:
        """Features of length 1, (pairs, channels) each -> (pairs, classes) logits."""
        logits = torch.zeros(len(both), self.classes, device=both.device)
        for part in self.parts:
            seen = torch.cat([person, thing], -1) if part == "HO" else both
            alike = seen @ getattr(self, f"adapter_{part}_weight").T + getattr(self, f"adapter_{part}_bias")
            label = getattr(self, f"label_{part}")
            told = (alike @ label) / label.sum(0).clamp(min=1)
            logits = logits + told / (2 if part == "HO" else 1) * getattr(self, f"logit_scale_{part}")
        if hasattr(self, "adapter_union_weight"):
            logits = logits + both @ self.adapter_union_weight.T * self.logit_scale_text
        return logits


class Trained(nn.Module):  # type: ignore[misc]
    """objects: (80, channels) CLIP's features of the classes' sentences, in COCO's order.

    What is known of the things goes through some layers of its own to the adapters, where there are any.
    """

    def __init__(self, visual: _AdaptedVit, state: Mapping[str, Any], objects: Any, found: File) -> None:
        super().__init__()
        self.visual, self.head = visual, _Head(state)
        self.register_buffer("objects", objects.float())
        self.facts = {"side": visual.side}
        self.narrow: Mlp | None = None
        self.told: tuple[str, ...] = ()
        prefix = "priors_downproj.layers."
        own = {name: value for name, value in state.items() if name.startswith(prefix)}
        if not own:  # there are no adapters
            return
        count, given = tensors.count_of(own, prefix), int(own[f"{prefix}0.weight"].shape[1])
        wide = {"score": 1, "box": 4, "object": int(visual.proj.shape[1])}
        told = next((parts for parts in PARTS.values() if sum(wide[part] for part in parts) == given), None)
        if told is None:
            raise SetupError(f"{found.path}: {prefix}0.weight takes {given} numbers of a thing; it is not known which")
        self.told = told
        self.narrow = Mlp(given, *(int(own[f"{prefix}{at}.weight"].shape[0]) for at in range(count)))
        weights = {name.removeprefix("priors_downproj."): value.float() for name, value in own.items()}
        self.narrow.load_state_dict(weights)

    def forward(self, picture: Any, found: Sequence[Detection], pairs: Sequence[tuple[int, int]]) -> Any:
        """(pairs, classes) logits of one picture (3, side, side).

        found: the things that count, boxes in 0..1; pairs: numbers of a person and of a thing among them.
        """
        known = None
        if self.narrow is not None:  # (1, things, channels): what the adapters are told
            names = {name: at for at, name in enumerate(sentences.coco())}
            facts = {
                "score": torch.tensor([[each.score] for each in found]),
                "box": torch.tensor([each.box for each in found]),
                "object": self.objects[[names[each.label] for each in found]].cpu(),
            }
            known = self.narrow(torch.cat([facts[part] for part in self.told], -1).to(self.objects.device)[None])
        grid = self.visual.grid(picture[None], known)[0]
        single = region_means(grid, [each.box for each in found])
        single = single / single.norm(dim=-1, keepdim=True)
        both = region_means(grid, [around(found[one].box, found[other].box) for one, other in pairs])
        both = both / both.norm(dim=-1, keepdim=True)
        persons, things = (list(each) for each in zip(*pairs, strict=True))
        return self.head(single[persons], single[things], both)

    def of_pictures(self, asked: Sequence[tuple[Any, Any, Any]]) -> list[Any]:
        """(pairs, classes) logits of each picture (3, side, side), with the things that count in it (N, 6: number of
        the class in COCO's order, score, box in 0..1) and pairs of their numbers (P, 2)."""
        names = sentences.coco()
        rows = []
        for picture, things, pairs in asked:
            found = [
                Detection(label=names[int(label)], score=score, box=(box[0], box[1], box[2], box[3]))
                for label, score, *box in things.tolist()
            ]
            rows.append(self(picture, found, [(one, other) for one, other in pairs.tolist()]))
        return rows
