"""LAION's two aesthetic predictors, on CLIP ViT-L/14's embedding of a picture: V1 is one linear layer, V2 five of them
with nothing between.

Source: github.com/LAION-AI/aesthetic-predictor; github.com/christophschuhmann/improved-aesthetic-predictor.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.nets import clip as clips
from hoigen.models.tensors import Found


class Predictor(nn.Module):  # type: ignore[misc]
    def __init__(self, clip: Any, head: Any) -> None:
        super().__init__()
        self.clip, self.head = clip, head

    def lower(self, dtype: Any) -> None:
        """CLIP's weights as `dtype`; the head stays as it is."""
        self.clip.lower(dtype)

    def forward(self, pictures: Any) -> Any:
        """pictures: (N, 3, 224, 224), normalised. Returns (N,), about 0..10; higher is nicer."""
        embedding = self.clip(pictures).float()
        with torch.autocast(embedding.device.type, enabled=False):
            return self.head(F.normalize(embedding, dim=-1)).squeeze(-1)


def built_v1(clip: Found, head: Found) -> Predictor:
    """V1. clip: the file of CLIP ViT-L/14; head: that of the linear layer."""
    state = tensors.tensors(head, "state_dict")
    tensors.need(head, state, "weight", "bias")
    vision = clips.vision(clip)
    with torch.device("meta"):
        line = nn.Linear(vision.proj.shape[1], 1)
    return Predictor(vision, tensors.filled(line, state, head)).eval()  # type: ignore[no-any-return]


class Head(nn.Module):  # type: ignore[misc]
    """V2's layers.

    Args:
        steps: inputs and outputs of each layer, None where there was one for training alone.
    """

    def __init__(self, steps: list[tuple[int, int] | None]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(*step) if step else nn.Identity() for step in steps))

    def forward(self, embedding: Any) -> Any:
        return self.layers(embedding)


def built_v2(clip: Found, head: Found) -> Predictor:
    """V2. clip: the file of CLIP ViT-L/14; head: that of the five layers."""
    state = tensors.tensors(head, "state_dict")
    tensors.need(head, state, "layers.0.weight")
    sizes = {int(name.split(".")[1]): each.shape for name, each in state.items() if name.endswith(".weight")}
    steps = [(sizes[at][1], sizes[at][0]) if at in sizes else None for at in range(max(sizes) + 1)]
    with torch.device("meta"):
        made = Head(steps)
    return Predictor(clips.vision(clip), tensors.filled(made, state, head)).eval()  # type: ignore[no-any-return]
