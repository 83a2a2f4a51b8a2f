"""MUSIQ's weights as google-research publishes them (Flax, Apache-2.0), under the names of the conversion to PyTorch.

The conversion changes no number: kernels are turned, heads put side by side, names changed. So the same score comes out
of a file that everybody may use for everything.

Source: github.com/google-research/google-research, folder musiq: names and shapes of what its model declares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PREFIX = "opt/target/"
"""Where the weights lie in the file, beside the state of the training."""
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
)


def is_original(state: Mapping[str, Any]) -> bool:
    return any(name.startswith(PREFIX) for name in state)


def renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The weights alone, by the names and in the shapes of the conversion."""
    weights = {name.removeprefix(PREFIX): each for name, each in state.items() if name.startswith(PREFIX)}
    return {_name(name): _turned(name, each).contiguous() for name, each in weights.items()}


def _name(name: str) -> str:
    for before, after in NAMES:
        name = re.sub(before, after, name)
    return name.replace("/", ".")


def _turned(name: str, each: Any) -> Any:
    if name.endswith("kernel"):
        return _kernel(name, each)
    if name.endswith(("/bias", "/scale")):
        return each.flatten()
    return each[0] if name.endswith("scale_embedding") else each


def _kernel(name: str, each: Any) -> Any:
    """(height, width, in, out) of convolutions, (in, heads, each) and (heads, each, out) of attention, (in, out)."""
    if each.dim() == 4:
        return each.permute(3, 2, 0, 1)
    if each.dim() == 3:
        heads_last = not name.endswith("out/kernel")
        return (each.flatten(1) if heads_last else each.flatten(0, 1)).T
    return each.T
