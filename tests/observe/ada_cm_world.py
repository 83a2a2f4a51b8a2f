"""A tiny ADA-CM whose weights, pictures and memory are drawn from seeds, the same here and in its authors' code."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

LAYOUT = Path(__file__).parent / "data" / "ada_cm.json"
FILE = Path(__file__).parent / "data" / "ada_cm.npz"
WIDTH = 64
"""Of CLIP's features."""
SIZE = (150, 200)
"""(height, width) of the pictures."""
PICTURES = 2
PER_PAIR = 2
"""Remembered pairs of each of the 600."""
GAINS = {
    "query_embed.weight": 20.0,
    "attn.in_proj_weight": 5.0,
    "input_proj.weight": 4.0,
    "bbox_embed": 1.5,
    "class_embed.weight": 8.0,
    "linear1.weight": 2.0,
    "linear2.weight": 6.0,
    "up_proj.weight": 3.0,
    "priors_downproj": 2.0,
}
"""How much larger than usual some weights are, so that boxes and verbs differ."""


def array(name: str, shape: Sequence[int]) -> np.ndarray:
    """The weights of that name."""
    drawn = np.asarray(np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape)), np.float32)
    gain = next((gain for part, gain in GAINS.items() if part in name), 1.0)
    if name.startswith("label_"):
        return (drawn > 1.5).astype(np.float32)
    if name.startswith("logit_scale"):
        return np.float32(3) + drawn
    if name.startswith("adapter_"):
        return drawn * np.float32(0.3)
    if name.endswith("running_var"):
        return np.float32(0.5) + np.abs(drawn)
    if name.endswith("class_embed.bias"):
        drawn[[0, 23, 52]] += (14, -8, -7)  # persons among others, instead of two classes that are nearly everywhere
        return drawn
    if name.endswith("bbox_embed.layers.2.bias"):
        return drawn * np.float32(0.2) - np.float32(1)
    if len(shape) <= 1:
        whole = 1 if name.endswith(("weight", "scale")) else 0
        return np.float32(whole) + drawn * np.float32(0.2)
    return drawn * np.float32(gain / math.sqrt(math.prod(shape[1:])))


def state(layout: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    return {name: array(name, shape) for name, shape in layout.items()}


def pictures() -> list[np.ndarray]:
    """(H, W, 3) uint8: waves with sharp edges in them."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(float)
    made = []
    for at in range(PICTURES):
        waves = [127 + 100 * np.sin(x / (a + 5 * at) + y / b) for a, b in ((9, 17), (14, -11), (-20, 8))]
        picture = np.stack(waves, axis=-1).round().astype(np.uint8)
        picture[30 + 20 * at : 90, 40:120] = (230, 40, 90)
        made.append(picture)
    return made


def objects() -> np.ndarray:
    """(80, WIDTH): in place of CLIP's features of the classes' sentences."""
    return array("objects.embedding", (80, WIDTH)) * 8


def images(pairs: Sequence[tuple[int, int, int]]) -> dict[str, dict[str, Any]]:
    """A memory as its authors file it. pairs: number, verb and object of each of the 600.

    Every second image has two pairs of the same boxes, so that what is true of one is true of the other.
    """
    chance = np.random.default_rng(5)
    made: dict[str, dict[str, Any]] = {}
    for number, verb, thing in pairs:
        for again in range(PER_PAIR):
            also = next((pair for pair in pairs if pair[2] == thing and pair[0] != number), None) if again else None
            rows = [(number, verb, thing), *([also] if also else [])]
            box = chance.uniform(0, 80, 2)
            boxes = np.tile([*box, *(box + 60)], (len(rows), 1)) + chance.uniform(0, 2, (len(rows), 4))
            made[f"{number}_{again}.jpg"] = {
                "boxes_h": boxes,
                "boxes_o": boxes + 5,
                "hois": np.array([row[0] for row in rows]),
                "verbs": np.array([row[1] for row in rows]),
                "objects": np.array([row[2] for row in rows]),
                "huamn_features": chance.standard_normal((len(rows), WIDTH)),
                "object_features": chance.standard_normal((len(rows), WIDTH)),
                "union_features": chance.standard_normal((len(rows), WIDTH)),
            }
    return made


def crops(count: int) -> np.ndarray:
    """(count, WIDTH) in place of CLIP's features of crops."""
    return array(f"crops.{count}", (count, WIDTH)) * 8


def texts() -> np.ndarray:
    """(600, WIDTH) of length 1, in place of CLIP's features of sentences."""
    rows = array("texts.embedding", (600, WIDTH))
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
