"""Clips that a network sees alike: one vector of each, all held against all.

Exact, and so bound in number: time grows with the square. Vectors say what is shown, not which pixels: copies that
pictures' bits cannot tell (large logos, strong crops) lie near each other, and so do two takes of one scene.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from hoigen.dataset.near import Pairs

if TYPE_CHECKING:
    import numpy as np

MOST = 200_000
"""Clips that are compared at most: 4 * 10^10 pairs."""
BLOCK = 2_048
"""Clips that are held against all that follow at a time; some 2 GB for MOST."""


def vectors_of(texts: list[str]) -> np.ndarray:
    """What the details of measures say, as vectors of length one.

    Args:
        texts: of each clip, its vector as int8 in base64.

    Returns (n, d) float32. Raises ValueError for texts that are no such vectors, or of several lengths.
    """
    import numpy as np

    try:
        rows = [np.frombuffer(base64.b64decode(text, validate=True), np.int8) for text in texts]
    except binascii.Error as error:
        raise ValueError(f"embedding: int8 in base64: {error}") from None
    if len({len(row) for row in rows}) > 1:
        raise ValueError("embedding: vectors of one length")
    found: np.ndarray = np.stack(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return found


def pairs_of(vectors: np.ndarray, least: float) -> Pairs:
    """Pairs of clips whose vectors have a cosine of `least` or more: of each clip the one with the first that leads a
    group and is like it, as `near.groups` counts them. All pairs would be the square of a group: of 50,000 clips of one
    scene, a thousand million.

    Args:
        vectors: (n, d) float32, of length one; the clip to be kept first.
        least: 0..1.
    """
    import numpy as np

    first, second, alike = [], [], []
    taken = np.zeros(len(vectors), bool)
    for at in range(0, len(vectors), BLOCK):
        own = at + np.flatnonzero(~taken[at : at + BLOCK])
        for clip, cosines in zip(own.tolist(), vectors[own] @ vectors[at:].T, strict=True):
            if taken[clip]:
                continue
            other = at + np.flatnonzero(cosines >= least)
            other = other[(other > clip) & ~taken[other]]
            taken[other] = True
            first.append(np.full(len(other), clip))
            second.append(other)
            alike.append(cosines[other - at])
    return Pairs(
        np.concatenate([np.zeros(0, np.int64), *first]).astype(np.int32),
        np.concatenate([np.zeros(0, np.int64), *second]).astype(np.int32),
        np.concatenate([np.zeros(0, np.float32), *alike]).clip(0, 1).astype(np.float32),
        np.zeros(sum(map(len, first)), bool),
    )
