"""Reading a model into memory: device, room, transformers' loaders, with errors that say what to do.

What is loaded is kept by `hoigen.models.room`. A model of the hub is named `owner/name`, `owner/name@revision`, or by a
folder.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.core.errors import NoRoomError, SetupError, UsageError
from hoigen.models import cards, hub, uses
from hoigen.models.nets.pixels import IMAGENET_MEAN, IMAGENET_STD

DTYPES: Mapping[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
GIB = 1 << 30
ROOM = 1.15
"""Memory wanted per byte of weights: what is generated needs some too."""


def needed(what: str, *modules: str) -> tuple[Any, ...]:
    """The `modules`, or torch and transformers. Raises SetupError that names `what` needs them when the extra is not
    installed."""
    try:
        return tuple(importlib.import_module(name) for name in modules or ("torch", "transformers"))
    except ImportError as error:
        raise SetupError(f"{what} needs extra [models]: pip install 'hoigen[models]' ({error})") from None


def device_of(device: str) -> str:
    """The device to use: the graphics card where there is one. Raises UsageError for one that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device)
    except RuntimeError:
        raise UsageError(f"device: auto, cpu, cuda or cuda:1; it came as {device!r}") from None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind.type == "cuda" and (kind.index or 0) >= count:
        raise UsageError(f"device: {device} is not there; this machine has {count} CUDA devices for torch")
    return device


def dtype_of(name: str) -> Any:
    import torch

    return "auto" if name == "auto" else getattr(torch, name)


def check_memory(found: hub.Found, dtype: str, device: str) -> None:
    """Raises NoRoomError when weights do not fit, before they are read.

    Args:
        found: the model.
        dtype: float32, bfloat16, float16, or auto for that of the files.
        device: cpu, cuda, cuda:1.
    """
    want, free = weight_bytes(found, dtype) * ROOM, free_bytes(device)
    if free and want > free:
        raise NoRoomError(
            f"model {found.name!r} needs about {want / GIB:.1f} GiB on {device}, where {free / GIB:.1f} GiB are free. "
            "Take a smaller model, dtype: bfloat16, another device, or serve it (expert chat_server)"
        )


def weight_bytes(found: hub.Found, dtype: str) -> int:
    """Bytes of memory that the weights of a model (`found`) take once loaded as `dtype`, estimated from its files."""
    if found.gguf_file:  # about 4 to 8 bits each on disk, 16 or 32 once loaded
        return (found.folder / found.gguf_file).stat().st_size * (8 if DTYPES.get(dtype, 4) == 4 else 4)
    total = 0
    for path in (found.folder / name for name in hub.weight_files(found.folder)):
        size = path.stat().st_size
        if dtype != "auto":
            from safetensors import safe_open

            with safe_open(str(path), framework="pt") as file:
                first = next(iter(file.keys()), None)
                kind = "F32" if first is None else str(file.get_slice(first).get_dtype())
            size = size * DTYPES[dtype] // {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}.get(kind, 1)
        total += size
    return total


def free_bytes(device: str) -> int:
    """Free memory of a `device`, in bytes; 0 where it is not known."""
    import torch

    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(torch.device(device))
        return int(free)
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return free if limit == "max" else min(free, int(limit) - used)
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def pretrained(loader: Any, found: hub.Found, what: str, **options: Any) -> Any:
    """`loader.from_pretrained` of what is on this machine. Never runs code that comes with a model.

    Args:
        loader: a class of transformers.
        found: where its files are.
        what: is loaded (model, tokenizer), for errors.
        options: further arguments of `from_pretrained`.

    Raises NoRoomError where memory does not suffice, SetupError for what does not load.
    """
    if found.gguf_file:
        options["gguf_file"] = found.gguf_file
    elif what == "model":
        options["use_safetensors"] = True  # where it finds no `model.safetensors`, it would take pickles
    try:
        return loader.from_pretrained(str(found.folder), local_files_only=True, trust_remote_code=False, **options)
    except MemoryError:
        raise NoRoomError(f"model {found.name!r}: its {what} does not fit into memory") from None
    except Exception as error:
        if "out of memory" in str(error).lower():
            raise NoRoomError(f"model {found.name!r}: its {what} does not fit into memory: {_short(error)}") from None
        why = f"{type(error).__name__}: {_short(error)}"
        raise SetupError(f"model {found.name!r}: its {what} does not load from {found.folder}: {why}") from error


def settle(model: Any, device: str, name: str) -> Any:
    """The model on its device, for inference only.

    Args:
        model: a torch module.
        device: cpu, cuda, cuda:1.
        name: of the model, for errors.

    Raises NoRoomError where memory does not suffice.
    """
    try:
        return model.to(device).eval().requires_grad_(False)
    except Exception as error:
        if "out of memory" in str(error).lower():
            raise NoRoomError(f"model {name!r} does not fit on {device}: {_short(error)}") from None
        raise


def resolve(name: str) -> hub.Found:
    """A model of the hub as settings name it, on this machine. Raises SetupError or UsageError."""
    use = uses.of_hub(name)
    return hub.resolve(use.id, use.revision)


def identity(name: str) -> dict[str, str]:
    """What pins the content of a model of the hub by its `name`, never the place where it lies."""
    use = uses.of_hub(name)
    return hub.identity(use.id, use.revision)


def ledger(found: hub.Found) -> dict[str, str]:
    """Name, revision and licence of a model (`found`), as they stand next to every score."""
    known = cards.find(found.name)
    return {"name": found.name, "revision": found.revision, "licence": known.licence if known else "not known"}


def of_kind(found: hub.Found, kinds: Mapping[str, str], what: str) -> Any:
    """A model of transformers in float32, on the CPU.

    Args:
        found: where its files are.
        kinds: type of the configuration -> class of transformers.
        what: what it is for, for errors.

    Raises SetupError for a model of another type.
    """
    torch, transformers = needed(what)
    own = model_type(found)
    if own not in kinds:
        raise SetupError(f"{what}: {found.name} is a model of type {own!r}; it can be {', '.join(sorted(kinds))}")
    return pretrained(getattr(transformers, kinds[own]), found, "model", dtype=torch.float32)


def model_type(found: hub.Found) -> str:
    return str(_json(found.folder / "config.json").get("model_type", ""))


def mean_and_std(
    found: hub.Found, without: tuple[Sequence[float], Sequence[float]] | None = None
) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation with which pictures are normalised for a model, by its preprocessor's file.

    Args:
        found: where its files are.
        without: those where no file says; ImageNet's when not given, with which SAM 2 and ViTPose were trained.
    """
    for name in ("preprocessor_config.json", "processor_config.json"):
        given = _json(found.folder / name)
        given = given.get("image_processor", given)
        if "image_mean" in given and "image_std" in given:
            return given["image_mean"], given["image_std"]
    return without or (IMAGENET_MEAN, IMAGENET_STD)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
    return given if isinstance(given, dict) else {}


def processor(kind: str, found: hub.Found) -> Any:
    """A tokenizer (`kind` tokenizer) or an image processor of transformers for a model (`found`); of the latter the one
    that needs no torchvision."""
    _, transformers = needed("the detector's processor")
    if kind == "tokenizer":
        return pretrained(transformers.AutoTokenizer, found, "tokenizer")
    return pretrained(transformers.AutoImageProcessor, found, "image processor", backend="pil")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
