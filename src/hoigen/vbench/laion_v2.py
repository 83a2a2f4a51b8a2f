"""LAION's second aesthetic predictor: five linear layers, nothing between them, on CLIP ViT-L/14's embedding.

Source: github.com/christophschuhmann/improved-aesthetic-predictor.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found
from hoigen.vbench import clip_vit
from hoigen.vbench.laion import Predictor


class Head(nn.Module):  # type: ignore[misc]
    """steps: inputs and outputs of each layer, None where there was one for training alone."""

    def __init__(self, steps: list[tuple[int, int] | None]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(*step) if step else nn.Identity() for step in steps))

    def forward(self, embedding: Any) -> Any:
        return self.layers(embedding)


def built(clip: Found, head: Found) -> Predictor:
    state = tensors.tensors(head, "state_dict")
    tensors.need(head, state, "layers.0.weight")
    sizes = {int(name.split(".")[1]): each.shape for name, each in state.items() if name.endswith(".weight")}
    steps = [(sizes[at][1], sizes[at][0]) if at in sizes else None for at in range(max(sizes) + 1)]
    with torch.device("meta"):
        made = Head(steps)
    return Predictor(clip_vit.built(clip), tensors.filled(made, state, head)).eval()  # type: ignore[no-any-return]
