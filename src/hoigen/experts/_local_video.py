"""Video frames as the pixels that a model's vision tower takes, without torchvision.

The video processors of transformers 5 all need torchvision; its image processors have a form on Pillow. What a video
processor does for the models here is short, so it is done here, with Pillow and numpy, whether or not torchvision is
installed: an answer does not depend on what else a machine has. Resizing is Pillow's, antialiased, on 8 bits; that of
torchvision rounds at another place, so single pixels differ by a few levels of 255.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hoigen.models.nets.pixels import CLIP_MEAN, CLIP_STD, centre, normalised, short_side, to_size

HALF = (0.5, 0.5, 0.5)
QWEN2_VL: Mapping[str, Any] = {
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
    "size": {"shortest_edge": 128 * 28 * 28, "longest_edge": 28 * 28 * 768},
}
QWEN3_VL: Mapping[str, Any] = {
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": HALF,
    "image_std": HALF,
    "size": {"shortest_edge": 128 * 32 * 32, "longest_edge": 32 * 32 * 768},
}
ONEVISION: Mapping[str, Any] = {
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
    "size": {"height": 384, "width": 384},
    "do_center_crop": False,
}
NEXT_VIDEO: Mapping[str, Any] = {
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
    "size": {"shortest_edge": 224},
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
}
"""What holds where a checkpoint's configuration is silent. Source: the video processors of transformers 5.23."""

FAMILIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "qwen2_vl": ("patches", QWEN2_VL),
    "qwen2_5_vl": ("patches", QWEN2_VL),
    "qwen3_vl": ("patches of a volume", QWEN3_VL),
    "qwen3_vl_moe": ("patches of a volume", QWEN3_VL),
    "llava_onevision": ("pictures", ONEVISION),
    "llava_next_video": ("pictures", NEXT_VIDEO),
}
"""Model type -> how its videos are laid out, and its defaults. "of a volume": the bounds on pixels are for all frames
together, else for each."""


def whole_patches(
    count: int, height: int, width: int, factor: int, bounds: tuple[int, int], temporal: int | None
) -> tuple[int, int]:
    """The height and width nearest to the given ones that whole patches fill, within bounds on the pixels.

    bounds: least and most pixels, of a frame, or of all `count` frames when `temporal` (frames in a patch) is given.
    """
    if temporal is not None and min(height, width) < factor:
        grow = max(factor / height, factor / width)
        height, width = int(height * grow), int(width * grow)
    if max(height, width) > 200 * min(height, width):
        raise ValueError(f"a picture of {width} x {height} pixels is too narrow for this model")
    exact, rounded = (1, 1) if temporal is None else (count, round(count / temporal) * temporal)
    high, wide = round(height / factor) * factor, round(width / factor) * factor
    least, most = bounds
    if rounded * high * wide > most:
        shrink = math.sqrt(exact * height * width / most)
        high = max(factor, math.floor(height / shrink / factor) * factor)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
    elif rounded * high * wide < least:
        grow = math.sqrt(least / (exact * height * width))
        high, wide = math.ceil(height * grow / factor) * factor, math.ceil(width * grow / factor) * factor
    return high, wide


def patches(pixels: np.ndarray, patch: int, merge: int, temporal: int) -> tuple[np.ndarray, list[int]]:
    """(T, 3, H, W) as rows, one a patch of `temporal` frames, in the order in which the tower merges them.

    Returns the rows and the grid (time, height, width). A last frame without a partner is repeated.
    """
    if lacking := -len(pixels) % temporal:
        pixels = np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)])
    count, channels, height, width = pixels.shape
    grid = [count // temporal, height // patch, width // patch]
    blocks = pixels.reshape(grid[0], temporal, channels, grid[1] // merge, merge, patch, grid[2] // merge, merge, patch)
    order = (0, 3, 6, 4, 7, 2, 1, 5, 8)
    return blocks.transpose(order).reshape(math.prod(grid), channels * temporal * patch * patch), grid


@dataclass(frozen=True)
class VideoPixels:
    """Stands in for the video processor of a family, inside the processor class of transformers."""

    layout: str
    config: Mapping[str, Any]

    model_input_names = ("pixel_values_videos",)
    valid_kwargs = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.config:
            raise AttributeError(name)
        return self.config[name]

    def __call__(self, videos: Any, video_metadata: Any = None, **_: Any) -> dict[str, Any]:
        import torch
        from transformers.video_utils import make_batched_metadata, make_batched_videos

        clips = [np.asarray(video) for video in make_batched_videos(videos)]
        told = {"video_metadata": make_batched_metadata(clips, video_metadata)}
        if self.layout == "pictures":
            pixels = np.stack([self._picture(clip) for clip in clips])
            return {"pixel_values_videos": torch.from_numpy(pixels), **told}
        made = [self._patches(clip) for clip in clips]
        rows = np.concatenate([rows for rows, _ in made])
        grids = torch.tensor([grid for _, grid in made])
        return {"pixel_values_videos": torch.from_numpy(rows), "video_grid_thw": grids, **told}

    def _patches(self, clip: np.ndarray) -> tuple[np.ndarray, list[int]]:
        has = self.config
        patch, merge, temporal = has["patch_size"], has["merge_size"], has["temporal_patch_size"]
        bounds = has["size"]["shortest_edge"], has["size"]["longest_edge"]
        volume = temporal if self.layout.endswith("volume") else None
        if len(clip) < temporal:
            clip = np.concatenate([clip, np.repeat(clip[-1:], temporal - len(clip), axis=0)])
        high, wide = clip.shape[1:3]
        height, width = whole_patches(len(clip), high, wide, patch * merge, bounds, volume)
        pixels = normalised(to_size(clip, height, width), has["image_mean"], has["image_std"])
        return patches(pixels, patch, merge, temporal)

    def _picture(self, clip: np.ndarray) -> np.ndarray:
        has, size = self.config, self.config["size"]
        high, wide = clip.shape[1:3]
        if "shortest_edge" in size:
            high, wide = short_side(high, wide, size["shortest_edge"])
        else:
            high, wide = size["height"], size["width"]
        clip = to_size(clip, high, wide, has.get("resample", 3))
        if has.get("do_center_crop"):
            clip = centre(clip, has["crop_size"]["height"], has["crop_size"]["width"])
        return normalised(clip, has["image_mean"], has["image_std"])


def video_pixels(model_type: str, given: Mapping[str, Any]) -> VideoPixels | None:
    """The stand-in for a family, with what its checkpoint's configuration says; None for a family not known here."""
    if model_type not in FAMILIES:
        return None
    layout, defaults = FAMILIES[model_type]
    config = dict(defaults) | {key: value for key, value in given.items() if value is not None}
    if "min_pixels" in given and "max_pixels" in given:  # how older checkpoints write it
        config["size"] = {"shortest_edge": given["min_pixels"], "longest_edge": given["max_pixels"]}
    return VideoPixels(layout, config)
