"""Whether two generated videos are the same: kernels may sum in another order, which moves a pixel by a step or two."""

from __future__ import annotations

import io

import av
import numpy as np

SAME = 1.0
"""Steps of 0..255 by which pixels of the same video are apart on the mean, at most."""
OTHER = 3.0
"""By which those of different ones are apart at least; tiny models' videos differ by 10 and more."""


def pictures(data: bytes) -> np.ndarray:
    """(frames, height, width, 3), int, of a file's bytes."""
    with av.open(io.BytesIO(data)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(int)


def apart(one: bytes, other: bytes) -> float:
    """The mean difference of two files' pixels."""
    return float(np.abs(pictures(one) - pictures(other)).mean())
