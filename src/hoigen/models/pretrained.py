"""Models of the hub for reading scenes: named `owner/name` or `owner/name@revision`, or by a folder; loaded once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.errors import SetupError
from hoigen.models import cards, hub
from hoigen.models.load import check_memory, device_of, needed, pretrained, settle
from hoigen.models.pixels import IMAGENET_MEAN, IMAGENET_STD

DTYPES = ("float32", "bfloat16", "float16")

_loaded: dict[tuple[str, ...], Loaded] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model of this process. found: where its files are; dtype: what its sums are done in, weights stay float32."""

    model: Any
    found: hub.Found
    device: str
    dtype: str

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The model's own output for inputs on any device; floats of another type than float32 inside."""
        return self.run(self.model, *inputs, **named)

    def run(self, what: Any, *inputs: Any, **named: Any) -> Any:
        """A call of the model, or of a part of it, without gradients and in the asked precision."""
        import torch

        inputs = tuple(_there(each, self.device) for each in inputs)
        named = {name: _there(each, self.device) for name, each in named.items()}
        kind = torch.device(self.device).type
        with torch.inference_mode(), torch.autocast(kind, getattr(torch, self.dtype), enabled=self.dtype != "float32"):
            return what(*inputs, **named)


def _there(value: Any, device: str) -> Any:
    return value.to(device) if hasattr(value, "to") else value


def split(name: str) -> tuple[str, str]:
    """`owner/name@revision` as name and revision; a folder that is there keeps its @."""
    if Path(name).expanduser().exists() or "@" not in name:
        return name, ""
    model, _, revision = name.rpartition("@")
    return model, revision


def identity(name: str) -> dict[str, str]:
    """What pins a model's content, never the place where it lies."""
    return hub.identity(*split(name))


def ledger(loaded: Loaded) -> dict[str, str]:
    """Name, revision and licence, as they stand beside every score."""
    known = cards.find(loaded.found.name)
    return {
        "name": loaded.found.name,
        "revision": loaded.found.revision,
        "licence": known.licence if known else "not known",
    }


def load(name: str, device: str, dtype: str, kinds: Mapping[str, str], what: str) -> Loaded:
    """The model, loaded once a process and setting. kinds: type of the configuration -> class of transformers.

    Raises SetupError for a model of another type.
    """
    _, transformers = needed(what)
    device = device_of(device)
    key = (name, device, dtype, what)
    if key not in _loaded:
        found = hub.resolve(*split(name))
        own = model_type(found)
        if own not in kinds:
            raise SetupError(f"{what}: {name} is a model of type {own!r}; it can be {', '.join(sorted(kinds))}")
        check_memory(found, "float32", device)
        import torch

        model = pretrained(getattr(transformers, kinds[own]), found, "model", dtype=torch.float32)
        _loaded[key] = Loaded(settle(model, device, found.name), found, device, dtype)
    return _loaded[key]


def model_type(found: hub.Found) -> str:
    return str(_json(found.folder / "config.json").get("model_type", ""))


def mean_and_std(found: hub.Found) -> tuple[Sequence[float], Sequence[float]]:
    """What a checkpoint's pictures are normalised with, by its preprocessor's file; ImageNet's without one,
    with which SAM 2 and ViTPose were trained."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        given = _json(found.folder / name)
        given = given.get("image_processor", given)
        if "image_mean" in given and "image_std" in given:
            return given["image_mean"], given["image_std"]
    return IMAGENET_MEAN, IMAGENET_STD


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
    return given if isinstance(given, dict) else {}


def processor(kind: str, found: hub.Found) -> Any:
    """A tokenizer or an image processor of transformers; of the latter the one that needs no torchvision."""
    _, transformers = needed("the detector's processor")
    if kind == "tokenizer":
        return pretrained(transformers.AutoTokenizer, found, "tokenizer")
    return pretrained(transformers.AutoImageProcessor, found, "image processor", backend="pil")
