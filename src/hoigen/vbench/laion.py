"""LAION's first aesthetic predictor: a line through CLIP ViT-L/14's embedding of a picture.

Source: github.com/LAION-AI/aesthetic-predictor.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found
from hoigen.vbench import clip_vit


class Predictor(nn.Module):  # type: ignore[misc]
    def __init__(self, clip: Any, head: Any) -> None:
        super().__init__()
        self.clip, self.head = clip, head

    def forward(self, pictures: Any) -> Any:
        """(N, 3, 224, 224) -> (N,), about 0..10."""
        embedding = self.clip(pictures).float()
        with torch.autocast(embedding.device.type, enabled=False):
            return self.head(F.normalize(embedding, dim=-1)).squeeze(-1)


def built(clip: Found, head: Found) -> Predictor:
    state = tensors.tensors(head, "state_dict")
    tensors.need(head, state, "weight", "bias")
    vision = clip_vit.built(clip)
    with torch.device("meta"):
        line = nn.Linear(vision.proj.shape[1], 1)
    return Predictor(vision, tensors.filled(line, state, head)).eval()  # type: ignore[no-any-return]
