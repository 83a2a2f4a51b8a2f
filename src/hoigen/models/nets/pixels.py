"""Frames resized, cropped and normalised with Pillow and numpy, as vision towers want them; and what they are
normalised with: mean and deviation of red, green and blue in 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def to_size(frames: np.ndarray, height: int, width: int, resample: int = 3) -> np.ndarray:
    """Frames resized.

    Args:
        frames: (T, H, W, 3) uint8.
        height, width: of the result.
        resample: Pillow's number; 3 is bicubic.
    """
    import numpy as np
    from PIL import Image

    if frames.shape[1:3] == (height, width):
        return frames
    how = Image.Resampling(resample)
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height), how)) for frame in frames])


def normalised(frames: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """(T, 3, H, W) float32: brought to 0..1, then less the mean, over the deviation.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
        mean, std: of red, green and blue in 0..1.
    """
    import numpy as np

    centred = frames.astype(np.float32) / np.float32(255) - np.array(mean, np.float32)
    return np.ascontiguousarray((centred / np.array(std, np.float32)).transpose(0, 3, 1, 2))


def centre(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle, `height` x `width` pixels, of (T, H, W, 3) `frames`, which are at least that large."""
    top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
    return frames[:, top : top + height, left : left + width]


def short_side(height: int, width: int, to: int) -> tuple[int, int]:
    """`height` and `width` with the shorter one made `to` pixels, the longer in proportion, rounded down."""
    if height <= width:
        return to, int(to * width / height)
    return int(to * height / width), to
