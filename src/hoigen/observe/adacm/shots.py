"""ADA-CM without training: whole crops, compared with remembered ones and with sentences.

The memory is a file of features that the authors publish: of every image of HICO-DET's training set, the boxes and the
CLIP features of persons, objects and both. Of each of the 600 pairs some are kept.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hoigen.core.errors import SetupError
from hoigen.interactions import hico
from hoigen.observe.geometry import over

FEATURES = ("huamn_features", "object_features", "union_features")
"""As the file spells them."""
KEYS = ("boxes_h", "boxes_o", "objects", "hois", *FEATURES)
ONE = 0.5
"""Intersection over union from which two boxes are one, so that what is true of the one pair is true of the other."""
WEIGHT = 0.5
"""Of either memory, beside the texts' 1."""
NUMPYS, MAKERS = ("multiarray", "numeric"), ("_reconstruct", "scalar", "_frombuffer")
"""Where numpy, old and new, keeps what makes its arrays."""


class _Unpickler(pickle.Unpickler):
    """Arrays and numbers of numpy, and nothing else that would have to be looked up by name."""

    def find_class(self, module: str, name: str) -> Any:
        package, _, part = module.rpartition(".")
        if package in ("numpy.core", "numpy._core") and part in NUMPYS and name in MAKERS:
            return super().find_class(f"{'numpy._core' if hasattr(np, '_core') else 'numpy.core'}.{part}", name)
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


@dataclass(frozen=True, slots=True)
class Memory:
    """Features of length 1 and what they show. persons, objects, both: (N, channels); labels: (N, 600) of 0 and 1."""

    persons: np.ndarray
    objects: np.ndarray
    both: np.ndarray
    labels: np.ndarray

    def logits(self, person: np.ndarray, thing: np.ndarray, both: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """(pairs, 600): the mean likeness to what is remembered of each, and to its sentence. All of length 1."""
        count = np.maximum(self.labels.sum(0), 1)
        single = (person @ self.persons.T + thing @ self.objects.T) @ self.labels / count / 2
        union = both @ self.both.T @ self.labels / count
        found: np.ndarray = (WEIGHT * single + WEIGHT * union + both @ texts.T) / (2 * WEIGHT + 1)
        return found


def chances(logits: np.ndarray, things: list[str], temperature: float) -> np.ndarray:
    """(pairs, 600): 1 shared among the pairs of HICO-DET that the thing can be part of, 0 for all others."""
    shared = np.array([[pair.object == thing for pair in hico.pairs()] for thing in things])
    powers = np.where(shared, logits / temperature, -np.inf)
    found = np.exp(powers - powers.max(-1, keepdims=True))
    whole: np.ndarray = found / found.sum(-1, keepdims=True)
    return whole


def memory_of(path: Path, shots: int) -> Memory:
    """The memory of a published file, with up to `shots` of each pair, drawn the same way every time."""
    try:
        with path.open("rb") as file:
            images = _Unpickler(file).load()
    except (OSError, pickle.UnpicklingError, EOFError, ValueError, AttributeError) as error:
        raise SetupError(f"memory: {path} cannot be read: {error}") from None
    if not isinstance(images, Mapping) or not images:
        raise SetupError(f"memory: {path} holds no images by their file's name")
    for name, image in images.items():
        lacking = [key for key in KEYS if not isinstance(image, Mapping) or key not in image]
        if lacking:
            raise SetupError(f"memory: {path}: {name} has no {lacking[0]}")
        lengths = {len(image[key]) for key in ("boxes_h", "boxes_o", *FEATURES)} | {np.atleast_1d(image["hois"]).size}
        if len(lengths) > 1:
            raise SetupError(f"memory: {path}: {name} has lists of different lengths")
    rows: list[list[tuple[str, int]]] = [[] for _ in hico.pairs()]
    labels: dict[str, np.ndarray] = {}
    for name in images:
        labels[name] = shown(images[name])
        for at, pair in enumerate(np.atleast_1d(images[name]["hois"])):
            rows[int(pair)].append((name, at))
    chance = np.random.default_rng(0)
    drawn: list[tuple[str, int]] = []
    for row in rows:
        drawn += row if len(row) <= shots else [row[at] for at in chance.permutation(len(row))[:shots]]
    if not drawn:
        raise SetupError(f"{path}: there is no pair in it")
    raw = [np.stack([images[name][key][at] for name, at in drawn]).astype(np.float32) for key in FEATURES]
    persons, objects, both = (rows / np.linalg.norm(rows, axis=-1, keepdims=True) for rows in raw)
    return Memory(persons, objects, both, np.stack([labels[name][at] for name, at in drawn]))


def shown(image: Mapping[str, Any]) -> np.ndarray:
    """(pairs of the image, 600) float32: what is annotated of each, and of pairs whose boxes are the same ones."""
    hois, objects = np.atleast_1d(image["hois"]).astype(int), np.atleast_1d(image["objects"])
    found = np.zeros((len(hois), len(hico.pairs())), np.float32)
    found[np.arange(len(hois)), hois] = 1
    for one in range(len(hois)):
        same = [
            other
            for other in range(len(hois))
            if objects[one] == objects[other]
            and over(tuple(image["boxes_h"][one]), tuple(image["boxes_h"][other])) > ONE
            and over(tuple(image["boxes_o"][one]), tuple(image["boxes_o"][other])) > ONE
        ]
        found[one] = found[same].sum(0)
    return np.minimum(found, 1)
