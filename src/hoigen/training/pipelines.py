"""Pipelines of diffusers: loaded from a folder, given LoRA weights, asked for videos."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from hoigen.core.devices import no_room
from hoigen.core.errors import NoRoomError, SetupError, UsageError, nearest
from hoigen.models import hub
from hoigen.models.tensors import digest
from hoigen.training.generators import Generator

LORA_FILE = "pytorch_lora_weights.safetensors"
"""What diffusers' `save_lora_weights` names its file."""
ADAPTER = "hoigen"
NEEDS = "extra [train]: pip install 'hoigen[train]'"
PACKAGES = ("hoigen", "torch", "diffusers", "transformers", "peft", "accelerate", "ftfy")
"""Whose versions a video may depend on; Wan's prompts are cleaned with ftfy where it is installed."""
MOVES = ("num_frames",)
"""The argument that a pipeline has which makes videos."""


@dataclass(frozen=True, slots=True)
class Lora:
    """LoRA weights.

    Args:
        file: a .safetensors file as diffusers writes it.
        scale: how strongly they act; 0 is the base model.
    """

    file: Path
    scale: float = 1.0

    @property
    def facts(self) -> dict[str, Any]:
        """Content and scale, for records."""
        return {"sha256": digest(self.file), "scale": self.scale}


def lora_of(path: Path, scale: float) -> Lora:
    """LoRA weights.

    Args:
        path: their file, or the folder in which it is `pytorch_lora_weights.safetensors` (that of hoigen finetune too).
        scale: how strongly they act.

    Raises UsageError when there are none.
    """
    places = [path] if path.suffix == ".safetensors" else [path / LORA_FILE, path / "lora" / LORA_FILE]
    file = next((each for each in places if each.is_file()), None)
    if file is None:
        raise UsageError(f"--lora {path}: no such file; a .safetensors file, or a folder with {LORA_FILE}")
    return Lora(file, scale)


def versions() -> dict[str, str | None]:
    """The packages that a video may depend on; None for one that is not installed."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def check_installed() -> None:
    """Raises SetupError where what pipelines need is not installed."""
    for name in ("torch", "diffusers", "transformers", "peft", "accelerate"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != name:
                raise
            raise SetupError(f"models that make videos need {NEEDS} ({name} is not installed)") from None


def class_of(folder: Path) -> Any:
    """The class of the pipeline in `folder`. Raises SetupError where this diffusers has none of that name, UsageError
    where it makes no videos of words alone."""
    import diffusers

    name = json.loads((folder / hub.PIPELINE).read_text(encoding="utf-8"))["_class_name"]
    cls = getattr(diffusers, name, None)
    if cls is None:
        raise SetupError(f"{folder}: diffusers {diffusers.__version__} has no {name}; a newer one may")
    takes = inspect.signature(cls.__call__).parameters
    lacking = [each for each in ("prompt", *MOVES, "generator") if each not in takes]
    asks = [each for each in ("image", "video") if each in takes and takes[each].default is inspect.Parameter.empty]
    if lacking or asks:
        why = f"it needs {asks[0]}" if asks else f"it takes no {lacking[0]}"
        raise UsageError(f"{folder}: {name} does not make videos of words alone: {why}")
    return cls


def arguments_of(cls: Any, generator: Generator) -> dict[str, Any]:
    """The arguments of a pipeline's call. Raises UsageError for one that the pipeline has not.

    Args:
        cls: its class.
        generator: the settings.
    """
    takes = inspect.signature(cls.__call__).parameters
    given = {
        "num_frames": generator.frames,
        "height": generator.height,
        "width": generator.width,
        "num_inference_steps": generator.steps,
        "guidance_scale": generator.guidance,
        "negative_prompt": generator.negative or None,
    }
    own = ("prompt", "generator", "output_type", "return_dict", "latents", "num_videos_per_prompt", *given)
    for key in generator.call:
        if key not in takes or key in own:
            raise UsageError(f"call.{key}: no further argument of {cls.__name__}{nearest(key, {*takes} - {*own})}")
    asked = {key: value for key, value in given.items() if value is not None}
    for key in asked:
        if key not in takes:
            raise UsageError(f"{cls.__name__} takes no {key}; leave that setting null")
    return {**asked, **generator.call}


def device_of(asked: str) -> str:
    """The device that `asked` (`auto`, or one of PyTorch's) stands for. Raises SetupError where there is none."""
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=asked)
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SetupError(f"device {asked!r} cannot be used: {first}") from None
    return asked


@contextlib.contextmanager
def memory_told(what: str, advice: str) -> Iterator[None]:
    """Too little memory inside becomes NoRoomError.

    Args:
        what: is under way.
        advice: what takes less.
    """
    try:
        yield
    except Exception as error:
        if not no_room(error):
            raise
        first = str(error).splitlines()[0][:200]
        raise NoRoomError(f"{what}: too little memory ({first}). {advice}") from None


LESS = "Less take: --set offload=model or sequential, tiling=true, batch=1, fewer frames, smaller sides"


def load(
    found: hub.Found, generator: Generator, *, device: str, without: Sequence[str] = (), only_names: bool = False
) -> Any:
    """A pipeline, ready to be asked.

    Args:
        found: its folder.
        generator: dtype, parts, offload, tiling.
        device: of PyTorch.
        without: parts that are not loaded.
        only_names: its networks have their layers and no weights, so that nothing large is read.

    Raises SetupError where its files do not fit, NoRoomError where memory does not suffice.
    """
    import torch
    from diffusers.utils import logging
    from transformers.utils import logging as of_transformers

    logging.disable_progress_bar()
    of_transformers.disable_progress_bar()
    cls = class_of(found.folder)
    parts = hub.pipeline_parts(found.folder)
    for part in generator.parts:
        if part not in parts:
            raise UsageError(f"parts.{part}: {found.name} has no such part{nearest(part, parts)}")
    dtypes = {"default": getattr(torch, generator.dtype)}
    dtypes |= {part: getattr(torch, name) for part, name in generator.parts.items()}
    left = dict.fromkeys(without)
    if only_names:
        left |= _bare(found.folder, parts)
    with memory_told(f"loading {found.name}", LESS):
        try:
            pipe = cls.from_pretrained(found.folder, dtype=dtypes, local_files_only=True, use_safetensors=True, **left)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            if no_room(error):
                raise
            first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise SetupError(f"model {found.name!r} cannot be loaded from {found.folder}: {first}") from None
        pipe.set_progress_bar_config(disable=True)
        for wanted, method in ((generator.tiling, "enable_tiling"), (generator.slicing, "enable_slicing")):
            if wanted and not hasattr(getattr(pipe, "vae", None), method):
                raise UsageError(f"{method.removeprefix('enable_')}: the VAE of {found.name} cannot")
            if wanted:
                getattr(pipe.vae, method)()
    return pipe


def _bare(folder: Path, parts: Mapping[str, str]) -> dict[str, Any]:
    """Networks of diffusers without weights, and nothing for what works on words."""
    import diffusers
    import torch

    found: dict[str, Any] = {}
    for part, name in parts.items():
        cls = getattr(diffusers, name, None)
        if part.startswith(("text_encoder", "tokenizer")):
            found[part] = None
        elif cls is not None and issubclass(cls, diffusers.ModelMixin):
            try:
                with torch.device("meta"):
                    found[part] = cls.from_config(cls.load_config(folder / part, local_files_only=True))
            except (OSError, ValueError, TypeError, KeyError) as error:
                first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
                raise SetupError(f"{folder / part} cannot be read as {name}: {first}") from None
    return found


def place(pipe: Any, generator: Generator, *, device: str) -> None:
    """Brings a pipeline to its device, as a whole or by parts. For the arguments see `load`."""
    with memory_told("bringing the model to the card", LESS):
        if generator.offload == "none":
            pipe.to(device)
        elif device == "cpu":
            raise UsageError("offload: parts move between memory and a card; without a card it is none")
        elif generator.offload == "model":
            pipe.enable_model_cpu_offload(device=device)
        else:
            pipe.enable_sequential_cpu_offload(device=device)


def add_lora(pipe: Any, lora: Lora) -> None:
    """Gives a pipeline LoRA weights. Raises UsageError where they are of another architecture.

    Args:
        pipe: of diffusers.
        lora: the weights.
    """
    if not hasattr(pipe, "load_lora_weights"):
        raise UsageError(f"--lora: {type(pipe).__name__} takes none")
    _check_fits(pipe, lora.file)
    try:
        pipe.load_lora_weights(
            str(lora.file.parent), weight_name=lora.file.name, adapter_name=ADAPTER, use_safetensors=True
        )
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise UsageError(f"--lora {lora.file}: not for {type(pipe).__name__}: {first}") from None
    pipe.set_adapters([ADAPTER], [lora.scale])


def _check_fits(pipe: Any, file: Path) -> None:
    """Raises UsageError where weights of diffusers' own form name layers that the model has not, or of other sizes.

    Other forms (kohya's, ComfyUI's) are left to diffusers, which translates them.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            shapes = {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UsageError(f"--lora {file}: no safetensors file: {error}") from None
    own = {name: shape for name, shape in shapes.items() if name.endswith((".lora_A.weight", ".lora_B.weight"))}
    wrong = []
    for name, shape in own.items():
        part, _, inner = name.partition(".")
        layer, _, half = inner.removesuffix(".weight").rpartition(".lora_")
        model = getattr(pipe, part, None)
        if model is None:
            continue  # diffusers' own names, without the part in front
        try:
            weight = model.get_submodule(layer).weight
        except AttributeError:
            wrong.append(f"{part} has no {layer}")
            continue
        size = (shape[1], weight.shape[1]) if half == "A" else (shape[0], weight.shape[0])
        if size[0] != size[1]:
            wrong.append(f"{name} is of size {size[0]}, and {layer} of {size[1]}")
    if wrong or not shapes:
        why = "; ".join(wrong[:2]) if wrong else "it is empty"
        raise UsageError(f"--lora {file}: weights of another architecture than {type(pipe).__name__}: {why}")


@dataclass(slots=True)
class Asker:
    """Asks a pipeline for videos.

    Args:
        pipe: of diffusers, on its device.
        arguments: of its call.
        no_numbers: videos that came with values that are no numbers, as reasons.
    """

    pipe: Any
    arguments: Mapping[str, Any]
    no_numbers: list[str] = field(default_factory=list)

    def videos(self, words: Sequence[str], seeds: Sequence[int]) -> list[Any]:
        """Frames of each prompt, (frames, height, width, 3) uint8; None for a video that holds no numbers.

        Noise is drawn on the CPU, each video's by its own seed: the same on every card, in every batch.

        Args:
            words: of the prompts.
            seeds: of their noise.
        """
        import numpy as np
        import torch

        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        with memory_told("generating", LESS), torch.inference_mode():
            found = self.pipe(
                prompt=list(words), generator=generators, output_type="np", return_dict=True, **self.arguments
            ).frames
        made = []
        for frames in found:
            images = np.asarray(frames, np.float32)
            if images.ndim != 4 or images.shape[-1] != 3:
                raise SetupError(f"{type(self.pipe).__name__} gave frames of the shape {images.shape}")
            finite = bool(np.isfinite(images).all())
            made.append(np.rint(images.clip(0, 1) * 255).astype(np.uint8) if finite else None)
        return made
