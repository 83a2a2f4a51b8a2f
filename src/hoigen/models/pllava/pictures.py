"""A clip's frames as PLLaVA's vision tower takes them: 16 squares of 336 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hoigen.models.frame_pixels import CLIP_MEAN, CLIP_STD, centre, normalised, short_side, to_size
from hoigen.models.pllava.model import FRAMES

LONGEST = 640
"""Larger videos are first brought down towards this length of their long side."""


def spread(images: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """`count` frames over the whole clip: some twice when there are fewer, some left out when there are more.

    The authors' code repeats the frames of a short clip and then cuts its end off; with 16 frames both are the same.
    """
    at = ((np.arange(count) + 0.5) * len(images) / count).astype(int)
    return np.asarray(images[at])


def pixels(images: np.ndarray, told: Mapping[str, Any], count: int = FRAMES) -> np.ndarray:
    """(T, H, W, 3) uint8 -> (16, 3, 336, 336) float32. told: the checkpoint's preprocessor_config.json."""
    side = int((told.get("size") or {}).get("shortest_edge", 336))
    crop = told.get("crop_size") or {"height": side, "width": side}
    images = first_resize(spread(images, count), side)
    images = to_size(images, *short_side(images.shape[1], images.shape[2], side))
    images = centre(images, crop["height"], crop["width"])
    return normalised(images, told.get("image_mean", CLIP_MEAN), told.get("image_std", CLIP_STD))


def first_resize(images: np.ndarray, side: int) -> np.ndarray:
    """The authors' own step before CLIP's: the long side towards 640 pixels, the short one never under CLIP's."""
    height, width = images.shape[1:3]
    short, long = min(height, width), max(height, width)
    rate = long / short
    goal = max(side, min(short, int(min(LONGEST, long) / rate)))
    images = to_size(images, *short_side(height, width, goal))
    kept = int(goal * rate)
    at = (max(images.shape[1:3]) - kept) // 2 // 2
    return images[:, at : at + kept] if height > width else images[:, :, at : at + kept]
