"""CLIP, both halves: some frames and a text -> how well they go together, frame by frame.

Source: Radford et al., arXiv 2103.00020; names of the weights as openai/CLIP publishes them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from hoigen.models import tensors
from hoigen.models.tensors import Found
from hoigen.vbench import clip_vit
from hoigen.vbench.viclip import Text

FRAMES = 8


class ClipBoth(nn.Module):  # type: ignore[misc]
    def __init__(self, vision: Any, text: Any) -> None:
        super().__init__()
        self.vision, self.text = vision, text

    @property
    def facts(self) -> dict[str, int]:
        """What a measure has to know of it."""
        return {"frames": self.frames, "length": self.length}

    @property
    def frames(self) -> int:
        return FRAMES

    @property
    def length(self) -> int:
        """Tokens of a text, its start and end among them."""
        return int(self.text.positional_embedding.shape[0])

    def forward(self, frames: Any, numbers: Any) -> Any:
        """(N, T, 3, 224, 224) and (N, length) -> the mean cosine of the frames with the text, (N,)."""
        pictures = self.vision(frames.flatten(0, 1)).float().unflatten(0, frames.shape[:2])
        text = self.text(numbers).float()
        return (F.normalize(pictures, dim=-1) * F.normalize(text, dim=-1)[:, None]).sum(-1).mean(-1)


def built(found: Found) -> ClipBoth:
    """The model of a published CLIP; its size is read off the weights."""
    state = tensors.tensors(found, "state_dict")
    tensors.need(found, state, "positional_embedding", "token_embedding.weight", "text_projection")
    length, width = state["positional_embedding"].shape
    depth, known = tensors.count_of(state, "transformer.resblocks."), state["token_embedding.weight"].shape[0]
    with torch.device("meta"):
        text = Text(width, depth, length, known, state["text_projection"].shape[1])
    halves = ("transformer.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection")
    own = {name: each for name, each in state.items() if name.startswith(halves)}
    return ClipBoth(clip_vit.built(found), tensors.filled(text, own, found)).eval()  # type: ignore[no-any-return]
