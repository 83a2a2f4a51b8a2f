"""Loading a model of transformers into this process, with errors that say what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hoigen.errors import NoRoomError, SetupError, UsageError
from hoigen.models import hub

DTYPES: Mapping[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
GIB = 1 << 30
ROOM = 1.15
"""Memory wanted per byte of weights: what is generated needs some too."""


def needed(what: str) -> tuple[Any, Any]:
    """torch and transformers. Raises SetupError when the extra is not installed."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise SetupError(f"{what} needs extra [models]: pip install 'hoigen[models]' ({error})") from None
    return torch, transformers


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
    """Raises SetupError when the weights do not fit, before they are read."""
    want, free = weight_bytes(found, dtype) * ROOM, free_bytes(device)
    if free and want > free:
        raise NoRoomError(
            f"model {found.name!r} needs about {want / GIB:.1f} GiB on {device}, where {free / GIB:.1f} GiB are free. "
            "Take a smaller model, dtype: bfloat16, another device, or serve it (expert chat_server)"
        )


def weight_bytes(found: hub.Found, dtype: str) -> int:
    """Memory of the loaded weights, as their files and the type that they become let expect."""
    if found.gguf_file:  # about 4 to 8 bits each on disk, 16 or 32 once loaded
        return (found.folder / found.gguf_file).stat().st_size * (8 if DTYPES.get(dtype, 4) == 4 else 4)
    total = 0
    for name in hub.weight_files(found.folder):
        size = (found.folder / name).stat().st_size
        total += size if dtype == "auto" else size * DTYPES[dtype] // _bytes_each(found.folder / name)
    return total


def _bytes_each(path: Path) -> int:
    """Bytes of a number in a safetensors file: of its first tensor."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        name = next(iter(file.keys()), None)
        kind = "F32" if name is None else str(file.get_slice(name).get_dtype())
    return {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}.get(kind, 1)


def free_bytes(device: str) -> int:
    """Free memory of a device; 0 where it cannot be told."""
    import torch

    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(torch.device(device))
        return int(free)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return free if limit == "max" else min(free, int(limit) - used)
    except (OSError, StopIteration, ValueError):
        return _pages_free()


def _pages_free() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0


def pretrained(loader: Any, found: hub.Found, what: str, **options: Any) -> Any:
    """`loader.from_pretrained` of what is on this machine. Never runs code that comes with a model."""
    if found.gguf_file:
        options["gguf_file"] = found.gguf_file
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
    """The model on its device, for answering only."""
    try:
        return model.to(device).eval().requires_grad_(False)
    except Exception as error:
        if "out of memory" in str(error).lower():
            raise NoRoomError(f"model {name!r} does not fit on {device}: {_short(error)}") from None
        raise


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
