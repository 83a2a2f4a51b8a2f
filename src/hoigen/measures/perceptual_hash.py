"""What a clip looks like over time, in 64 bits a look: near-duplicates are found by it."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from hoigen.core.clip import Clip, Sampling, check_sees
from hoigen.core.registry import measure
from hoigen.core.score import Number, Score

if TYPE_CHECKING:
    import numpy as np

SIDE = 32
"""Pixels of the square that is transformed."""
FLAT = 4.0
"""A picture whose luma spreads less (standard deviation, grey levels) is black, white or one colour: no look."""
BARS = 0.25
"""At most this share of a side is taken for a black bar."""
DARK = 24.0
"""Luma up to which a row or column is a black bar, if all of it is."""


@measure(
    "perceptual_hash",
    numbers=(
        Number(
            name="looks",
            label="Looks",
            place=61,
            about="Sampled pictures that are not of one colour, each of which has a perceptual hash.",
        ),
        Number(
            name="hash_change",
            label="Hash Change",
            share=True,
            place=62,
            about="Mean share of the 64 bits that differ between neighbouring looks; 0 is a still picture.",
        ),
    ),
)
class PerceptualHash:
    """What a clip looks like over time: 64 bits for each sampled picture that is not of one colour.

    A bit is the sign of one of the 64 lowest frequencies of the picture (a cosine transform of 32 x 32 pixels of luma,
    black bars cut off). Compression, scaling, brightness, contrast and a logo leave most signs as they are, cutting the
    borders off changes some, and a mirrored picture changes exactly the signs of the odd horizontal frequencies, so
    that it is found too. `hoigen duplicates` compares the clips of a run by it; by itself it drops nothing.

    detail: `hashes`, 16 hex digits a look, one after the other; `at`, the places of the looks among the sampled
    pictures, where any was left out.

    Source: the DCT hash of pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010)
    with signs in place of a median, as mirroring is exact then.
    """

    sampling: Sampling = Sampling(fps=4.0, short_side=90, max_frames=256, gray=True)

    def __post_init__(self) -> None:
        check_sees(self.sampling)
        if not self.sampling.gray:
            raise ValueError("sampling: gray is true: luma is hashed")

    def begin(self, clip: Clip) -> _Stream:
        return _Stream()


class _Stream:
    """One clip under way."""

    def __init__(self) -> None:
        self.hashes: list[int] = []
        self.at: list[int] = []
        self.seen = 0

    def see(self, image: np.ndarray, time: float) -> None:
        found = hash_of(image)
        if found is not None:
            self.hashes.append(found)
            self.at.append(self.seen)
        self.seen += 1

    def score(self) -> Score:
        parts: dict[str, float | None] = {"looks": float(len(self.hashes)), "hash_change": None}
        detail: dict[str, object] = {"hashes": "".join(f"{each:016x}" for each in self.hashes)}
        if len(self.hashes) < self.seen:
            detail["at"] = self.at
        if len(self.hashes) < 2:
            detail["undefined"] = {"hash_change": "fewer than two pictures that are not of one colour"}
        else:
            bits = [(a ^ b).bit_count() for a, b in zip(self.hashes, self.hashes[1:], strict=False)]
            parts["hash_change"] = math.fsum(bits) / len(bits) / 64
        return Score(None, detail, parts)


def hash_of(image: np.ndarray) -> int | None:
    """The 64 bits of a picture; None for one of one colour.

    Args:
        image: luma, (H, W) uint8.
    """
    import cv2
    import numpy as np

    shown = within_bars(image)
    small = cv2.resize(shown, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(small.std()) < FLAT:
        return None
    down, across = zip(*_frequencies(), strict=True)
    signs = cv2.dct(small)[list(down), list(across)] > 0
    return int.from_bytes(np.packbits(signs).tobytes(), "big")


@functools.cache
def _frequencies() -> tuple[tuple[int, int], ...]:
    """The 64 lowest (vertical, horizontal) frequencies without the mean, the lowest first."""
    every = ((down, across) for down in range(11) for across in range(11) if down + across)
    return tuple(sorted(every, key=lambda one: (one[0] ** 2 + one[1] ** 2, one[1]))[:64])


def mirror_mask() -> int:
    """The bits that a mirrored picture changes: those of odd horizontal frequencies."""
    import numpy as np

    odd = np.array([across % 2 == 1 for _, across in _frequencies()])
    return int.from_bytes(np.packbits(odd).tobytes(), "big")


def within_bars(image: np.ndarray) -> np.ndarray:
    """The picture without black bars at its sides.

    Args:
        image: luma, (H, W) uint8.
    """
    rows, columns = image.max(axis=1) > DARK, image.max(axis=0) > DARK
    top, bottom = _ends(rows)
    left, right = _ends(columns)
    return image[top:bottom, left:right]


def _ends(lit: np.ndarray) -> tuple[int, int]:
    """Where what is not black begins and ends; bars on one side only, or too wide ones, are part of the picture."""
    size = len(lit)
    at = lit.nonzero()[0]
    if not len(at):
        return 0, size
    before, after = int(at[0]), size - 1 - int(at[-1])
    if max(before, after) > BARS * size or min(before, after) < 2 or abs(before - after) > 0.05 * size:
        return 0, size
    return before, size - after
