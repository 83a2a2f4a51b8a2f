"""Clips for the vision-language models of transformers: its processors, with frames already decoded, and the pixels
that a model's vision tower takes, without torchvision.

The video processors of transformers 5 all need torchvision; its image processors have a form on Pillow. What a video
processor does for the models here is short, so it is done here, with Pillow and numpy, whether or not torchvision is
installed: an answer does not depend on what else a machine has. Resizing is Pillow's, antialiased, on 8 bits; that of
torchvision rounds at another place, so single pixels differ by a few levels of 255.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hoigen.core.clip import Frames
from hoigen.core.errors import SetupError, UsageError
from hoigen.models import load as loading
from hoigen.models.experts.call import Request
from hoigen.models.experts.local.engine import Prepare, messages, rendered
from hoigen.models.hub import Found
from hoigen.models.nets.pixels import CLIP_MEAN, CLIP_STD, centre, normalised, short_side, to_size

Media = Literal["video", "frames"]
TICKS = 1000
"""Frames a second of the video in which processors are told where the frames are."""


def shown(processor: Any, media: Media) -> Prepare:
    """What makes requests with their clips into what the model takes: token ids, padded on the left, and pixels.

    Args:
        processor: of the model (`processor_of`).
        media: how clips are shown.
    """

    def prepare(requests: Sequence[Request], options: Mapping[str, Any]) -> Mapping[str, Any]:
        kind = "video" if media == "video" else "image"
        texts: list[str] = []
        for request in requests:
            count = 0 if request.frames is None else 1 if kind == "video" else len(request.frames)
            texts.append(rendered(processor, messages(request, [{"type": kind}] * count), options))
        begin = processor.tokenizer.bos_token
        how = {"add_special_tokens": False} if begin and texts[0].startswith(begin) else {}
        clips = [request.frames for request in requests if request.frames is not None]
        made = processor(text=texts, padding=True, return_tensors="pt", **how, **_pixels(clips, media))
        return {name: value for name, value in made.items() if name != "token_type_ids"}

    return prepare


def _pixels(clips: Sequence[Frames], media: Media) -> dict[str, Any]:
    from PIL import Image

    if not clips:
        return {}
    if media == "frames":
        return {"images": [[Image.fromarray(image) for image in clip.images] for clip in clips]}
    from transformers.video_utils import VideoMetadata

    metadata = []
    for clip in clips:  # when its frames were, as positions in a video of `TICKS` frames a second
        at = [round(float(time) * TICKS) for time in clip.times]
        step = (at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else TICKS
        count = max(1, round(step * len(at)))
        metadata.append(VideoMetadata(total_num_frames=count, fps=float(TICKS), frames_indices=at))
    return {"videos": [np.asarray(clip.images) for clip in clips], "video_metadata": metadata}


def processor_of(found: Found, config: Any, media: Media) -> Any:
    """The model's processor, its image part on Pillow.

    Video processors of transformers need torchvision; for the families in `FAMILIES` none is needed, and others take
    one from transformers if torchvision is there, else `media: frames`.

    Args:
        found: the model's files.
        config: its configuration, of transformers.
        media: how clips are shown.

    Raises UsageError when it takes no videos and `media` is `video`, SetupError when it cannot be shown pictures here.
    """
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    kind = PROCESSOR_MAPPING.get(type(config), None)
    if kind is None:
        raise SetupError(f"model {found.name!r}: no model that is shown pictures (model_type {config.model_type!r})")
    parts = {
        "image_processor": lambda: loading.pretrained(
            transformers.AutoImageProcessor, found, "image processor", backend="pil"
        ),
        "tokenizer": lambda: loading.pretrained(transformers.AutoTokenizer, found, "tokenizer"),
        "video_processor": lambda: _video_part(found, config.model_type, media),
    }
    names = kind.get_attributes()
    if media == "video" and "video_processor" not in names:
        raise UsageError(f"media: {found.name} takes no videos; set media: frames")
    if unknown := [name for name in names if name not in parts]:
        raise SetupError(f"model {found.name!r}: its processor wants {', '.join(unknown)}, which hoigen does not give")
    settings, _ = kind.get_processor_dict(str(found.folder), local_files_only=True)
    made = _bridged(kind).from_args_and_dict([parts[name]() for name in names], settings)
    if not (made.chat_template or made.tokenizer.chat_template):
        raise SetupError(f"model {found.name!r} has no chat template; take its instruction-tuned sibling")
    if not made.chat_template:
        made.chat_template = made.tokenizer.chat_template
    return made


def _bridged(kind: Any) -> Any:
    """The processor class, content with a video part that is not of transformers."""

    def check(self: Any, name: str, part: Any) -> Any:
        if isinstance(part, _VideoPixels):
            return _VideoPixels
        return kind.check_argument_for_proper_class(self, name, part)

    def named(self: Any) -> str:  # the library's writes every part as JSON
        return str(kind.__name__)

    own = {"check_argument_for_proper_class": check, "__init__": kind.__init__, "__repr__": named}
    return type(kind.__name__, (kind,), own)


def _video_part(found: Found, model_type: str, media: Media) -> Any:
    """The processor's part for videos. What a checkpoint says of them is in its processor's file, a file of their own,
    or that of images."""
    given: Mapping[str, Any] = {}
    for name, key in (
        ("processor_config.json", "video_processor"),
        ("video_preprocessor_config.json", ""),
        ("preprocessor_config.json", ""),
    ):
        path = found.folder / name
        if path.is_file() and not given:
            read = json.loads(path.read_text(encoding="utf-8"))
            given = (read.get(key) if key else read) or {}
    own = video_pixels(model_type, given)
    if own is not None:
        return own
    if media == "frames":
        return _VideoPixels("none", {"merge_size": 1, "temporal_patch_size": 1})
    import transformers

    try:
        import torchvision  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        raise SetupError(
            f"model {found.name!r}: videos of {model_type!r} need torchvision (pip install torchvision), "
            "or set media: frames"
        ) from None
    return loading.pretrained(transformers.AutoVideoProcessor, found, "video processor")


# pixels, without torchvision

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

    Args:
        count: frames of the video.
        height: of a frame, pixels.
        width: of a frame, pixels.
        factor: pixels on a side of what is merged into one token.
        bounds: least and most pixels, of a frame, or of all frames when `temporal` is given.
        temporal: frames in a patch, for the families whose bounds are for all frames; else None.

    Raises ValueError for a picture more than 200 times as long as it is wide.
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
    """A video as rows, one a patch of `temporal` frames, in the order in which the tower merges them.

    Args:
        pixels: (T, 3, H, W) float32. A last frame without a partner is repeated.
        patch: pixels on a side of a patch.
        merge: patches on a side of what is merged into one token.
        temporal: frames in a patch.

    Returns the rows (N, 3 * temporal * patch * patch) and the grid (time, height, width).
    """
    if lacking := -len(pixels) % temporal:
        pixels = np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)])
    count, channels, height, width = pixels.shape
    grid = [count // temporal, height // patch, width // patch]
    blocks = pixels.reshape(grid[0], temporal, channels, grid[1] // merge, merge, patch, grid[2] // merge, merge, patch)
    order = (0, 3, 6, 4, 7, 2, 1, 5, 8)
    return blocks.transpose(order).reshape(math.prod(grid), channels * temporal * patch * patch), grid


@dataclass(frozen=True)
class _VideoPixels:
    """Stands in for the video processor of a family, inside the processor class of transformers.

    Args:
        layout: `patches`, `patches of a volume` or `pictures` (`FAMILIES`).
        config: what the processor class reads off a video processor; each key is an attribute as well.
    """

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
        facts = {"video_metadata": make_batched_metadata(clips, video_metadata)}
        if self.layout == "pictures":
            return {"pixel_values_videos": torch.from_numpy(np.stack(list(map(self._picture, clips)))), **facts}
        made = [self._patches(clip) for clip in clips]
        rows = np.concatenate([rows for rows, _ in made])
        grids = torch.tensor([grid for _, grid in made])
        return {"pixel_values_videos": torch.from_numpy(rows), "video_grid_thw": grids, **facts}

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


def video_pixels(model_type: str, given: Mapping[str, Any]) -> _VideoPixels | None:
    """The stand-in for a family; None for a family not known here.

    Args:
        model_type: as transformers names it.
        given: what the checkpoint's configuration says of videos; the rest is the family's default.
    """
    if model_type not in FAMILIES:
        return None
    layout, defaults = FAMILIES[model_type]
    config = dict(defaults) | {key: value for key, value in given.items() if value is not None}
    if "min_pixels" in given and "max_pixels" in given:  # how older checkpoints write it
        config["size"] = {"shortest_edge": given["min_pixels"], "longest_edge": given["max_pixels"]}
    return _VideoPixels(layout, config)
