"""Clips for the vision-language models of transformers: its processors, with frames already decoded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hoigen.clip import Frames
from hoigen.errors import SetupError, UsageError
from hoigen.experts import _local_chat as chat
from hoigen.experts._local_video import VideoPixels, video_pixels
from hoigen.experts.call import Request
from hoigen.models import load as loading
from hoigen.models.hub import Found

Media = Literal["video", "frames"]
TICKS = 1000
"""Time is told to processors in frames of a video; these are of one that has this many a second."""


def processor_of(found: Found, config: Any, media: Media) -> Any:
    """The model's processor, its image part on Pillow.

    Video processors of transformers need torchvision; for the families in `_local_video` none is needed, and others
    take one from transformers if torchvision is there, else `media: frames`.
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
        if isinstance(part, VideoPixels):
            return VideoPixels
        return kind.check_argument_for_proper_class(self, name, part)

    def named(self: Any) -> str:  # the library's writes every part as JSON
        return str(kind.__name__)

    own = {"check_argument_for_proper_class": check, "__init__": kind.__init__, "__repr__": named}
    return type(kind.__name__, (kind,), own)


def _video_part(found: Found, model_type: str, media: Media) -> Any:
    own = video_pixels(model_type, _video_config(found.folder))
    if own is not None:
        return own
    if media == "frames":
        return VideoPixels("none", {"merge_size": 1, "temporal_patch_size": 1})
    import transformers

    try:
        import torchvision  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        raise SetupError(
            f"model {found.name!r}: videos of {model_type!r} need torchvision (pip install torchvision), "
            "or set media: frames"
        ) from None
    return loading.pretrained(transformers.AutoVideoProcessor, found, "video processor")


def _video_config(folder: Path) -> Mapping[str, Any]:
    """What a checkpoint says of its videos: in its processor's file, a file of their own, or that of images."""
    for name, key in (
        ("processor_config.json", "video_processor"),
        ("video_preprocessor_config.json", ""),
        ("preprocessor_config.json", ""),
    ):
        path = folder / name
        if path.is_file():
            told = json.loads(path.read_text(encoding="utf-8"))
            told = told.get(key) if key else told
            if told:
                return dict(told)
    return {}


class Shown:
    """Requests with their clips, as the model takes them."""

    def __init__(self, processor: Any, media: Media) -> None:
        self.processor, self.media = processor, media

    def __call__(self, requests: Sequence[Request], options: Mapping[str, Any]) -> Mapping[str, Any]:
        texts = [chat.rendered(self.processor, self._turns(request), options) for request in requests]
        clips = [request.frames for request in requests if request.frames is not None]
        made = self.processor(
            text=texts, padding=True, return_tensors="pt", **self._beginning(texts), **self._pixels(clips)
        )
        return {name: value for name, value in made.items() if name != "token_type_ids"}

    def _turns(self, request: Request) -> list[chat.Message]:
        if request.frames is None:
            return chat.messages(request, ())
        count = 1 if self.media == "video" else len(request.frames)
        kind = "video" if self.media == "video" else "image"
        return chat.messages(request, [{"type": kind}] * count)

    def _beginning(self, texts: Sequence[str]) -> dict[str, Any]:
        begin = self.processor.tokenizer.bos_token
        return {"add_special_tokens": False} if begin and texts[0].startswith(begin) else {}

    def _pixels(self, clips: Sequence[Frames]) -> dict[str, Any]:
        from PIL import Image

        if not clips:
            return {}
        if self.media == "frames":
            return {"images": [[Image.fromarray(image) for image in clip.images] for clip in clips]}
        from transformers.video_utils import VideoMetadata

        told = [VideoMetadata(**told_times(clip.times)) for clip in clips]
        return {"videos": [np.asarray(clip.images) for clip in clips], "video_metadata": told}


def told_times(times: np.ndarray) -> dict[str, Any]:
    """When the frames were, in the words of transformers: positions in a video of `TICKS` frames a second."""
    at = [round(float(time) * TICKS) for time in times]
    step = (at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else TICKS
    return {"total_num_frames": max(1, round(step * len(at))), "fps": float(TICKS), "frames_indices": at}
