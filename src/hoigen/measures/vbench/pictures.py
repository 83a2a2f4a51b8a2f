"""Frames as the models of VBench see them. None of them smooths before it scales down (`antialias=False`).

`smoothed` alone is not VBench's: it is how CLIP's authors scale pictures. All but that one work where the frames are: a
`Look` is sent to the network with uint8 frames, and prepares them there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hoigen.models.nets.parts import constant
from hoigen.models.nets.pixels import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD

SIDE = 224
LARGE = 512


def floats(frames: Any) -> Any:
    """(N, 3, H, W) float32, 0..255, where the frames are. frames: (N, H, W, 3) uint8, or one of them, (H, W, 3)."""
    tensor = torch.as_tensor(frames)
    tensor = tensor[None] if tensor.dim() == 3 else tensor
    return tensor.permute(0, 3, 1, 2).float().contiguous()


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
    shift, spread = (constant(tuple(each), frames.device).view(3, 1, 1) for each in (mean, std))
    return (frames / 255 - shift) / spread


def dino(frames: Any) -> Any:
    """(N, 3, 224, W) or (N, 3, H, 224) of uint8 `frames`: the short side at 224, nothing cut off."""
    return normalised(shorter_to(floats(frames), SIDE, "bilinear"), IMAGENET_MEAN, IMAGENET_STD)


def clip(frames: Any) -> Any:
    """(N, 3, 224, 224) of uint8 `frames`: the middle of the picture; overshoot of bicubic scaling stays."""
    return normalised(middle(shorter_to(floats(frames), SIDE, "bicubic"), SIDE), CLIP_MEAN, CLIP_STD)


def clip_rounded(frames: Any) -> Any:
    """(N, 3, 224, 224) of uint8 `frames`: as `clip`, in whole grey levels, for ViCLIP, which is given such."""
    small = middle(shorter_to(floats(frames), SIDE, "bicubic"), SIDE)
    return normalised(small.clamp(0, 255).round(), CLIP_MEAN, CLIP_STD)


def smoothed(image: np.ndarray) -> np.ndarray:
    """(224, 224, 3) uint8 of an `image`: the middle of the picture, smoothed on the way down, in whole grey levels."""
    from PIL import Image

    height, width = _size(image.shape[0], image.shape[1], SIDE)
    small = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    top, left = round((height - SIDE) / 2), round((width - SIDE) / 2)  # as `middle`
    return small[top : top + SIDE, left : left + SIDE]


def clip_smoothed(frames: Any) -> Any:
    """(N, 3, 224, 224) of uint8 `frames`, smoothed on the way down, in whole grey levels."""
    height, width = frames.shape[1:3]
    small = resampled(frames, _size(height, width, SIDE))
    return normalised(middle(floats(small), SIDE), CLIP_MEAN, CLIP_STD)


BITS = 22
"""Of Pillow's weights behind the point."""


def resampled(frames: Any, size: tuple[int, int]) -> Any:
    """(N, *size, 3) uint8 of (N, H, W, 3) uint8 `frames`: bicubic, smoothed on the way down, pixel by pixel what Pillow
    makes (`Image.resize` with BICUBIC), wherever the frames are. size: height and width.

    Source: Pillow's Resample.c: weights are whole numbers of 22 bits, rows come first, and sums are rounded after both.
    """
    height, width = frames.shape[1:3]
    planes = frames.permute(0, 3, 1, 2)
    if width != size[1]:
        planes = _weighed(planes, *_weights(width, size[1], frames.device))
    if height != size[0]:
        planes = _weighed(planes.transpose(2, 3), *_weights(height, size[0], frames.device)).transpose(2, 3)
    return planes.permute(0, 2, 3, 1)


@functools.lru_cache(maxsize=64)
def _weights(length: int, wanted: int, device: Any) -> tuple[Any, Any]:
    """How much each of `length` pixels counts for each of those that are `wanted`, (length, wanted): whole numbers, in
    two halves of 11 bits, which are exact in half precision."""
    scale = length / wanted
    smooth = max(scale, 1.0)
    weights = np.zeros((length, wanted), np.int64)
    for at in range(wanted):
        middle = (at + 0.5) * scale
        low, high = max(0, int(middle - 2 * smooth + 0.5)), min(length, int(middle + 2 * smooth + 0.5))
        away = np.abs((np.arange(low, high) - middle + 0.5) / smooth)
        near, far = ((1.5 * away - 2.5) * away * away + 1, ((away - 5) * away + 8) * away * -0.5 + 2)
        shares = np.where(away < 1, near, np.where(away < 2, far, 0.0))
        weights[low:high, at] = np.trunc(shares / shares.sum() * (1 << BITS) + np.copysign(0.5, shares))
    upper = weights >> BITS // 2
    kind = torch.float16 if device.type == "cuda" else torch.float32
    halves = (upper, weights - (upper << BITS // 2))
    return tuple(torch.from_numpy(each).to(device, kind) for each in halves)


def _weighed(planes: Any, upper: Any, lower: Any) -> Any:
    """(N, 3, rows, wanted) uint8: sums of (N, 3, rows, length) uint8 by the weights. They are exact: a product of a
    pixel and half a weight has 19 bits, and float32, in which a card adds up, has room for 32 of these."""
    flat = planes.reshape(-1, planes.shape[-1])
    whole: Any = 0
    for half, shift in ((upper, BITS // 2), (lower, 0)):
        if len(half) / half.shape[1] > 7:  # too many pixels of one: sums of 29 bits and more
            product = flat.double() @ half.double()
        elif flat.is_cuda:
            product = torch.mm(flat.half(), half, out_dtype=torch.float32)
        else:
            product = flat.float() @ half
        whole = whole + (product.to(torch.int32) << shift)
    return ((whole + (1 << BITS - 1)) >> BITS).clamp(0, 255).to(torch.uint8).unflatten(0, planes.shape[:-1])


def musiq(frames: Any, resize: str) -> Any:
    """(N, 3, H, W), 0..1: large frames brought down to 512 pixels in one of VBench's ways.

    Args:
        frames: (N, H, W, 3) uint8 RGB, or one of them.
        resize: `longer`: the long side; `shorter`: the short side; `shorter_centercrop`: the short side, and the square
            in the middle; `none`: as it is.
    """
    frames = floats(frames)
    height, width = frames.shape[-2:]
    side = max(height, width) if resize == "longer" else min(height, width)
    if resize != "none" and side > LARGE:
        factor = LARGE / side
        frames = scaled(frames, (int(factor * height), int(factor * width)), "bilinear")
        if resize == "shorter_centercrop":
            frames = middle(frames, LARGE)
    return frames / 255


def clip_small(image: np.ndarray) -> np.ndarray:
    """(224, 224, 3) uint8 of an `image`: what `clip_rounded` sees, which leaves it as it is."""
    small = middle(shorter_to(floats(image), SIDE, "bicubic"), SIDE)
    rounded: np.ndarray = small.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()
    return rounded


@dataclass(frozen=True, slots=True)
class Look:
    """Asks a network of frames, which are prepared where the network is (`room.Look`).

    Args:
        how: a function of this module: dino, clip, clip_smoothed, musiq.
        resize: of `musiq`.
    """

    how: str
    resize: str = ""

    def kind(self, frames: tuple[int, ...]) -> Any:
        """CLIP sees squares, whatever the shape of the `frames`."""
        return self.how if self.how.startswith("clip") else frames[1:]

    def prepare(self, frames: Any) -> tuple[Any]:
        """What the network takes of (N, H, W, 3) uint8 `frames`."""
        prepared = globals()[self.how]
        return (prepared(frames, self.resize) if self.resize else prepared(frames),)

    def __call__(self, model: Any, pictures: Any) -> Any:
        return model(pictures)


@dataclass(frozen=True, slots=True)
class LookAtClip:
    """Asks a network of frames of a clip and the tokens of its prompt (`room.Look`)."""

    def kind(self, frames: tuple[int, ...], numbers: tuple[int, ...]) -> Any:
        return frames[1], numbers[1:]

    def prepare(self, frames: Any, numbers: Any) -> tuple[Any, Any]:
        """What the network takes of (N, T, H, W, 3) uint8 `frames` and (N, length) `numbers`."""
        return clip_rounded(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]), numbers

    def __call__(self, model: Any, pictures: Any, numbers: Any) -> Any:
        return model(pictures, numbers)


@dataclass(frozen=True, slots=True)
class LookBetween:
    """Asks what a network makes of the frames around one, and how far that is from it (`room.Look`)."""

    def kind(self, frames: tuple[int, ...]) -> Any:
        return frames[1:]

    def prepare(self, frames: Any) -> tuple[Any, Any, Any]:
        """What the network takes, and the frame in the middle, of (N, 3, H, W, 3) uint8 `frames`."""
        first, last = (frames[:, at].permute(0, 3, 1, 2) / 255 for at in (0, 2))
        return first, frames[:, 1], last

    def __call__(self, model: Any, first: Any, middle: Any, last: Any) -> Any:
        """The sum of absolute differences in grey levels, (N,) int64; fractions are cut off, as VBench does."""
        made = (model(first, last).float().permute(0, 2, 3, 1) * 255).clamp(0, 255).to(torch.uint8)
        return (made.int() - middle.int()).abs().sum((1, 2, 3))
