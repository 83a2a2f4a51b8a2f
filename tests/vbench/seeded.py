"""Weights from seeds, the same on every machine: a published layout (name -> shape) becomes tensors by name."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"
GAINS = {"amt": 0.6}
"""How large weights are, against what keeps the spread of their inputs; with 1, AMT would draw nearly all in black and
white, and cutting off would hide what differs."""


def arrays(layout: Mapping[str, Sequence[int]], *, gain: float = 1.0) -> dict[str, np.ndarray]:
    """One array per name, drawn from a generator that the name seeds."""
    return {name: np.asarray(_one(name, tuple(shape), gain)) for name, shape in layout.items()}


def _one(name: str, shape: tuple[int, ...], gain: float) -> np.ndarray:
    drawn = np.asarray(np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape), np.float32)
    if name.endswith("bias"):
        return drawn * np.float32(0.05)
    if len(shape) <= 1:
        return np.float32(1 if name.endswith("weight") else 0) + drawn * np.float32(0.2)
    if "embed" in name or "emb" in name.split(".")[-1]:
        return drawn * np.float32(0.3)
    return drawn * np.float32(gain / math.sqrt(math.prod(shape[1:])))


def layout(model: str, size: str = "tiny") -> dict[str, list[int]]:
    """Names and shapes as the reference implementation has them; `size` is tiny, or full as published."""
    told: Any = json.loads((DATA / "layouts.json").read_text())
    return told[model][size]  # type: ignore[no-any-return]


def tensors(model: str, size: str = "tiny") -> dict[str, Any]:
    import torch

    made = arrays(layout(model, size), gain=GAINS.get(model, 1.0))
    return {name: torch.from_numpy(each) for name, each in made.items()}
