"""Frames -> boxes of persons and things by DETR, and the small square pictures that CLIP looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hoigen.models.nets.pixels import IMAGENET_MEAN, IMAGENET_STD
from hoigen.observe.adacm import sentences
from hoigen.observe.frame import Detection

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SHORT, LONG = 800, 1333
"""Pixels: the sides that DETR's pictures are brought to."""
FAINT = 1e-6
"""A box that is less sure than this is nothing, however few there are."""


def enlarged(image: np.ndarray) -> Image:
    """The picture as large as this DETR was trained on: 800 pixels on the short side, at most 1333 on the long one.

    By cubic interpolation: ADA-CM's own, where DETR's authors took linear.
    """
    from PIL import Image

    picture = Image.fromarray(image)
    return picture.resize(size_for(*picture.size), Image.Resampling.BICUBIC)


def size_for(width: int, height: int) -> tuple[int, int]:
    """(width, height), rounded as DETR's authors do."""
    small, large = min(width, height), max(width, height)
    short = round(LONG * small / large) if large / small * SHORT > LONG else SHORT
    if small == short:
        return width, height
    return (short, int(short * height / width)) if width < height else (int(short * width / height), short)


def tensors(pictures: Sequence[Image]) -> Any:
    """(N, 3, H, W) float32, normalised with ImageNet's mean and deviation, for DETR and for trained CLIP alike."""
    import numpy as np
    import torch

    values = np.stack([np.asarray(picture) for picture in pictures]).astype(np.float32) / 255
    values = (values - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()


def found(detr: Any, pictures: Any) -> list[list[Detection]]:
    """All boxes of each picture, in 0..1 of it, with the likeliest class; most of them with scores near 0."""
    import torch

    with torch.inference_mode():
        chances, boxes = (each.float().cpu() for each in detr(pictures))
    names = sentences.coco()
    scores, labels = chances[..., : len(names)].max(-1)
    return [
        [
            Detection(label=names[int(label)], score=float(score), box=(box[0], box[1], box[2], box[3]))
            for score, label, box in zip(scores[at], labels[at], boxes[at].tolist(), strict=True)
            if score > FAINT
        ]
        for at in range(len(chances))
    ]
