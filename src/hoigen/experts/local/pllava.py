"""PLLaVA as a local expert: recognised by its configuration, loaded, asked in its own words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hoigen.core.clip import Sampling
from hoigen.core.errors import SetupError, UsageError
from hoigen.experts.call import Request
from hoigen.experts.local.engine import Dtype, Engine, context_of, messages, only_stops, warn
from hoigen.models import hub
from hoigen.models import load as loading

YI = 64000
"""Words of the language model that PLLaVA 34B is on; Vicuna, of the 7B and 13B, has 32,000."""


class _Wants(Protocol):
    """The settings of the expert that PLLaVA looks at."""

    @property
    def dtype(self) -> Dtype: ...
    @property
    def media(self) -> str: ...
    @property
    def sampling(self) -> Sampling: ...
    @property
    def lora_alpha(self) -> float: ...


def is_one(found: hub.Found) -> bool:
    """Its published configuration goes by the type `llava`; the architecture tells it from LLaVA."""
    config = _json(found, "config.json")
    named = [str(name).lower() for name in [config.get("model_type"), *(config.get("architectures") or [])]]
    return any(name.startswith("pllava") for name in named) or "pooling_shape" in config


def _json(found: hub.Found, name: str) -> dict[str, Any]:
    path = found.folder / name
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def load(found: hub.Found, wants: _Wants, device: str) -> Engine:
    """The model, ready to be asked.

    Args:
        found: its files.
        wants: the expert's settings.
        device: where it goes, `cpu` or `cuda`.

    Raises UsageError for settings that do not fit it, SetupError for files that are no PLLaVA as published.
    """
    import transformers

    from hoigen.models.nets import pllava

    if wants.media != "video":
        raise UsageError("media: PLLaVA sees a video; set media: video")
    if wants.sampling.frames != pllava.FRAMES:
        warn(f"{found.name}: trained with {pllava.FRAMES} frames, sampling.frames is {wants.sampling.frames}")
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
        dtype = None if wants.dtype == "auto" else loading.dtype_of(wants.dtype)
        weights = pllava.weights_of(tensors, wants.lora_alpha)
        made = pllava.assembled(config, weights, dtype)
    except ValueError as error:
        raise SetupError(f"model {found.name!r} is not a PLLaVA as published: {error}") from error
    made = loading.settle(made, device, found.name)
    stops = only_stops(made, tokenizer)
    return Engine(
        model=made,
        tokenizer=tokenizer,
        prepare=Prompts(tokenizer, config, _json(found, "preprocessor_config.json")),
        device=device,
        stops=stops,
        context=context_of(made),
    )


class Prompts:
    """Requests as padded token ids, the video token as often as a video has tokens, and the frames' pixels.

    Args:
        tokenizer: of the model.
        config: `PllavaConfig`.
        preprocessor: what preprocessor_config.json says.
    """

    def __init__(self, tokenizer: Any, config: Any, preprocessor: Mapping[str, Any]) -> None:
        self.tokenizer, self.config, self.preprocessor = tokenizer, config, preprocessor

    def __call__(self, requests: Sequence[Request], options: Mapping[str, Any]) -> Mapping[str, Any]:
        """What `model.generate` takes. options: of a chat template, which PLLaVA has not."""
        import numpy as np
        import torch

        from hoigen.models.nets import pllava

        rows = [self._ids(request) for request in requests]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.config.pad_token)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for at, row in enumerate(rows):
            ids[at, width - len(row) :] = torch.tensor(row)
            mask[at, width - len(row) :] = 1
        made = {"input_ids": ids, "attention_mask": mask}
        clips = [request.frames.images for request in requests if request.frames is not None]
        if clips:
            shown = [pllava.pixels(images, self.preprocessor, self.config.frames) for images in clips]
            made["pixel_values"] = torch.from_numpy(np.concatenate(shown))
        return made

    def _ids(self, request: Request) -> list[int]:
        from hoigen.models.nets.pllava import MODEL, USER, conversation

        image, video = self.config.image_token, request.frames is not None
        turns = [turn for turn in messages(request) if turn["role"] != "system"]
        said = [(MODEL if turn["role"] == "assistant" else USER, str(turn["content"])) for turn in turns]
        ids: list[int] = self.tokenizer(conversation(request.system, said, video=video))["input_ids"]
        found = ids.count(image)
        if found != int(video):
            raise ValueError(f"the prompt has {found} video tokens (id {image}); {int(video)} wanted")
        return [copy for token in ids for copy in [token] * (self.config.tokens if token == image else 1)]
