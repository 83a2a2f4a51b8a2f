"""CLIP's vision transformer with ADA-CM's adapters: each block is told first which things were found, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets.clip import ClipVit
from hoigen.models.tensors import Found

HEADS = 2


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


class AdaptedVit(ClipVit):
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


def built(state: Mapping[str, Any], found: Found) -> AdaptedVit:
    """The transformer of a checkpoint; its sizes are read off the weights."""
    tensors.need(found, state, "conv1.weight", "positional_embedding", "proj")
    width, _, patch, _ = state["conv1.weight"].shape
    depth = tensors.count_of(state, "transformer.resblocks.")
    with torch.device("meta"):
        model = AdaptedVit(width, depth, patch, state["positional_embedding"].shape[0], state["proj"].shape[1])
        for at, block in enumerate(model.transformer.resblocks):
            prefix = f"transformer.resblocks.{at}.adaptermlp."
            if f"{prefix}down_proj.weight" in state:
                inner = state[f"{prefix}down_proj.weight"].shape[0]
                block.adaptermlp = _Adapter(width, inner, tensors.count_of(state, f"{prefix}mhsa_layers."))
    return tensors.filled(model, state, found)  # type: ignore[no-any-return]
