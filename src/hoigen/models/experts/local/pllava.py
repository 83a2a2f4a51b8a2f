"""PLLaVA as a local expert: recognised by its configuration, loaded, asked in its own words."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hoigen.core.errors import SetupError, UsageError
from hoigen.models import hub
from hoigen.models import load as loading
from hoigen.models.experts.call import Request
from hoigen.models.experts.local.engine import Dtype, Engine, messages

YI = 64000
"""Words of the language model that PLLaVA 34B is on; Vicuna, of the 7B and 13B, has 32,000."""


def is_one(found: hub.Found) -> bool:
    """Its published configuration goes by the type `llava`; the architecture tells it from LLaVA."""
    config = _json(found, "config.json")
    named = [str(name).lower() for name in [config.get("model_type"), *(config.get("architectures") or [])]]
    return any(name.startswith("pllava") for name in named) or "pooling_shape" in config


def _json(found: hub.Found, name: str) -> dict[str, Any]:
    path = found.folder / name
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def load(found: hub.Found, device: str, dtype: Dtype, *, media: str, frames: int, lora_alpha: float) -> Engine:
    """The model, ready to be asked.

    Args:
        found: its files.
        device: where it goes, `cpu` or `cuda`.
        dtype: of the weights.
        media: how clips are shown; it takes `video` alone.
        frames: how many of a clip it will be shown.
        lora_alpha: how much its adapters count.

    Raises UsageError for settings that do not fit it, SetupError for files that are no PLLaVA as published.
    """
    import transformers

    from hoigen.models.nets import pllava

    if media != "video":
        raise UsageError("media: PLLaVA sees a video; set media: video")
    if frames != pllava.FRAMES:
        warning = f"{found.name}: trained with {pllava.FRAMES} frames, sampling.frames is {frames}"
        print(warning, file=sys.stderr)
    tokenizer = loading.pretrained(transformers.AutoTokenizer, found, "tokenizer")
    try:
        config = pllava.PllavaConfig.of(_json(found, "config.json"))
    except (ValueError, TypeError) as error:  # settings that are no settings of a layer raise TypeError
        raise SetupError(f"model {found.name!r} is not a PLLaVA as published: {error}") from error
    try:
        if config.text.vocab_size >= YI:
            raise ValueError(
                "the 34B one, on Yi, is asked in another form, which hoigen does not have; 7B and 13B work"
            )
        tensors = pllava.read(found.folder, hub.weight_files(found.folder))
        weights = pllava.weights_of(tensors, lora_alpha)
        made = pllava.assembled(config, weights, None if dtype == "auto" else loading.dtype_of(dtype))
    except ValueError as error:
        raise SetupError(f"model {found.name!r} is not a PLLaVA as published: {error}") from error
    made = loading.settle(made, device, found.name)
    preprocessor = _json(found, "preprocessor_config.json")

    def prepare(requests: Sequence[Request], _: Mapping[str, Any]) -> Mapping[str, Any]:
        return prompts(requests, tokenizer, config, preprocessor)

    return Engine.of(made, tokenizer, prepare, device)


def prompts(
    requests: Sequence[Request], tokenizer: Any, config: Any, preprocessor: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Requests as padded token ids, the video token as often as a video has tokens, and the frames' pixels.

    Args:
        requests: one batch.
        tokenizer: of the model.
        config: `PllavaConfig`.
        preprocessor: what preprocessor_config.json says.
    """
    import numpy as np
    import torch

    from hoigen.models.nets import pllava

    rows: list[list[int]] = []
    image = config.image_token
    for request in requests:
        video = request.frames is not None
        turns = [turn for turn in messages(request) if turn["role"] != "system"]
        said = [(pllava.MODEL if turn["role"] == "assistant" else pllava.USER, str(turn["content"])) for turn in turns]
        ids: list[int] = tokenizer(pllava.conversation(request.system, said, video=video))["input_ids"]
        if ids.count(image) != int(video):
            raise ValueError(f"the prompt has {ids.count(image)} video tokens (id {image}); {int(video)} wanted")
        rows.append([copy for token in ids for copy in [token] * (config.tokens if token == image else 1)])
    width = max(map(len, rows))
    padded = torch.full((len(rows), width), config.pad_token)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for at, row in enumerate(rows):
        padded[at, width - len(row) :] = torch.tensor(row)
        mask[at, width - len(row) :] = 1
    made = {"input_ids": padded, "attention_mask": mask}
    clips = [request.frames.images for request in requests if request.frames is not None]
    if clips:
        shown = [pllava.pixels(images, preprocessor, config.frames) for images in clips]
        made["pixel_values"] = torch.from_numpy(np.concatenate(shown))
    return made
