"""Frames as the models of VBench see them. None of them smooths before it scales down (`antialias=False`).

`clip_smoothed` alone is not VBench's: it is how CLIP's authors scale pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hoigen.models.nets.pixels import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD

SIDE = 224
LARGE = 512


class _Latest:
    """Caches the result for the latest frame, since several measures look at it in turn."""

    def __init__(self, work: Callable[[np.ndarray], Any]) -> None:
        self.work = work
        self.kept: tuple[np.ndarray | None, Any] = (None, None)

    def __call__(self, image: np.ndarray) -> Any:
        of, made = self.kept  # both at once: another thread may be at another frame
        if image is not of:
            made = self.work(image)
            self.kept = image, made
        return made


floats = _Latest(lambda image: torch.from_numpy(image).permute(2, 0, 1).float()[None].contiguous())
"""(H, W, 3) uint8 -> (1, 3, H, W) float32, 0..255."""


def shorter_to(frames: Any, side: int, mode: str) -> Any:
    """Scaled so that the short side has `side` pixels; the long one is cut to a whole number.

    Args:
        frames: (N, 3, H, W) float32.
        side: pixels.
        mode: torch's: bilinear or bicubic.
    """
    height, width = frames.shape[-2:]
    size = _size(height, width, side)
    return frames if size == (height, width) else scaled(frames, size, mode)


def scaled(frames: Any, size: tuple[int, int], mode: str) -> Any:
    """(N, 3, *size) of `frames`, not smoothed on the way down, as VBench's tensors are scaled."""
    return F.interpolate(frames, size, mode=mode, align_corners=False, antialias=False)


def _size(height: int, width: int, side: int) -> tuple[int, int]:
    other = int(side * max(height, width) / min(height, width))
    return (side, other) if height <= width else (other, side)


def middle(frames: Any, side: int) -> Any:
    """The square of `side` pixels in the middle of (N, 3, H, W) `frames`; halves are rounded to even, as torchvision
    does."""
    height, width = frames.shape[-2:]
    top, left = round((height - side) / 2), round((width - side) / 2)
    return frames[..., top : top + side, left : left + side]


def normalised(frames: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    """Zero mean and unit spread over the pictures that the model was trained on.

    Args:
        frames: (N, 3, H, W), 0..255.
        mean, std: of red, green and blue in 0..1.
    """
    shift, spread = (torch.tensor(each, device=frames.device).view(3, 1, 1) for each in (mean, std))
    return (frames / 255 - shift) / spread


dino = _Latest(lambda image: normalised(shorter_to(floats(image), SIDE, "bilinear"), IMAGENET_MEAN, IMAGENET_STD))
"""(1, 3, 224, W) or (1, 3, H, 224): the short side at 224, nothing cut off."""
clip = _Latest(lambda image: normalised(middle(shorter_to(floats(image), SIDE, "bicubic"), SIDE), CLIP_MEAN, CLIP_STD))
"""(1, 3, 224, 224): the middle of the picture; overshoot of bicubic scaling stays."""


def clip_rounded(image: np.ndarray) -> np.ndarray:
    """(3, 224, 224) uint8 of an `image`: as `clip` before normalising, for ViCLIP, which is given whole grey levels."""
    small = middle(shorter_to(floats(image), SIDE, "bicubic"), SIDE)
    rounded: np.ndarray = small.clamp(0, 255).round().to(torch.uint8)[0].numpy()
    return rounded


def clip_smoothed(image: np.ndarray) -> Any:
    """(1, 3, 224, 224) of an `image`: as `clip`, but smoothed on the way down and in whole grey levels."""
    from PIL import Image

    height, width = _size(image.shape[0], image.shape[1], SIDE)
    small = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    return normalised(middle(floats(small), SIDE), CLIP_MEAN, CLIP_STD)


def musiq(image: np.ndarray, resize: str) -> Any:
    """(1, 3, H, W), 0..1: large frames brought down to 512 pixels in one of VBench's ways.

    Args:
        image: (H, W, 3) uint8 RGB.
        resize: `longer`: the long side; `shorter`: the short side; `shorter_centercrop`: the short side, and the square
            in the middle; `none`: as it is.
    """
    frames = floats(image)
    height, width = frames.shape[-2:]
    side = max(height, width) if resize == "longer" else min(height, width)
    if resize != "none" and side > LARGE:
        factor = LARGE / side
        frames = scaled(frames, (int(factor * height), int(factor * width)), "bilinear")
        if resize == "shorter_centercrop":
            frames = middle(frames, LARGE)
    return frames / 255
