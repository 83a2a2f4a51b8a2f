"""Files that hold a model's tensors: read without running what they carry, and checked against the model.

Some published checkpoints carry what training left behind (settings, counters, an optimiser) in classes that nobody
here has. Whatever is not part of a tensor becomes an empty thing that takes everything and does nothing.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import pickle
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hoigen.core.errors import SetupError, UsageError

OF_TENSORS = {
    ("collections", "OrderedDict"),
    ("torch", "Size"),
    ("torch", "device"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
}
"""All that is looked up by name, besides storages and kinds of numbers, which are torch's own."""

MOST_TIMES, LEAST_UNPACKED = 20, 64 << 20
"""An archive may unpack to so many times its own bytes, and to so many bytes in any case: weights hardly pack."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model file on this machine.

    Args:
        name: of the file.
        path: where it is.
        sha256: 64 hex digits.
        licence: empty for a file of one's own, of which nothing is known.
    """

    name: str
    path: Path
    sha256: str
    licence: str = ""

    @property
    def ledger(self) -> dict[str, str]:
        """The file, as it stands next to results made with it."""
        return {"name": self.name, "sha256": self.sha256, "licence": self.licence or "not known: a file of one's own"}


def own_file(path: str) -> Path:
    """The file that a setting names by its `path`. Raises UsageError when there is none."""
    try:
        file = Path(path).expanduser()
        if file.is_file():
            return file.resolve()
    except (OSError, RuntimeError) as error:  # a name that is too long, a folder that is shut, the home of nobody
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"checkpoint: {path} cannot be read: {why.rstrip('.')}") from None
    raise UsageError(f"checkpoint: no such file: {path}")


def own(path: str) -> Found:
    """A file of one's own, by its `path`. Raises UsageError when there is none."""
    file = own_file(path)
    return Found(file.name, file, digest(file))


def digest(path: Path) -> str:
    """The sha256 of the file at `path`, 64 hex digits; read once as long as it does not change."""
    return _digest_of(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_of(path: Path, changed: int) -> str:
    """The sha256 of a file as it was changed last."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors(found: Found, *inside: str) -> dict[str, Any]:
    """The tensors of a file by name: of a pickle, of a TorchScript archive (as CLIP is published), of safetensors, of
    numpy's .npz.

    Args:
        found: the file.
        inside: keys under which the tensors may lie within it (`state_dict`, `model`, `params`).

    Raises SetupError for a file that is damaged or holds something else.
    """
    import torch

    # what cannot be imported is not the file's fault
    reader: Callable[[Path], Any] = _arrays if found.path.suffix == ".npz" else _of_torch
    if found.path.suffix == ".safetensors":
        from safetensors.torch import load_file

        reader = load_file
    try:
        read = reader(found.path)
    except Exception as error:  # a damaged pickle raises anything
        why = " ".join(str(error).split())[:200]
        raise SetupError(f"{found.path} cannot be read as tensors: {type(error).__name__}: {why}") from None
    for key in inside:
        if isinstance(read, Mapping) and isinstance(read.get(key), Mapping):
            read = read[key]
    if not isinstance(read, Mapping) or not all(isinstance(each, torch.Tensor) for each in read.values()):
        raise SetupError(f"{found.path} holds no tensors by name")
    return {str(name).removeprefix("module."): tensor for name, tensor in read.items()}


def _of_torch(path: Path) -> Any:
    """What `torch.save` or TorchScript wrote, with `_Nothing` in place of all that is no tensor, number or text."""
    import torch

    with path.open("rb") as file:
        begin = file.read(2)
    if begin == b"PK":  # torch.load hands what looks like TorchScript to torch.jit.load, which runs what it carries
        with zipfile.ZipFile(path) as archive:
            _check_unpacked(path, archive)
            return _of_archive(archive)
    if tarfile.is_tarfile(path):
        raise ValueError("a tar archive, as PyTorch wrote them before 2017; load and save it again with a newer one")

    def load(file: Any, **settings: Any) -> Any:
        return _Unpickler(file, **settings).load()

    reader = SimpleNamespace(Unpickler=_Unpickler, load=load, __name__="pickle")
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=False, pickle_module=reader)


def _check_unpacked(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises ValueError for an archive that unpacks to far more than any that holds weights."""
    there = path.stat().st_size
    came, most = sum(info.file_size for info in archive.infolist()), max(LEAST_UNPACKED, MOST_TIMES * there)
    if came > most:
        raise ValueError(
            f"its {there:,} bytes unpack to {came:,}; an archive may unpack to {MOST_TIMES} times its bytes, or "
            f"{LEAST_UNPACKED >> 20} MiB: {most:,} here"
        )


def _of_archive(archive: zipfile.ZipFile) -> Any:
    """The pickle of an archive with its storages; of TorchScript, the tensors of its modules by name, and none of its
    code."""
    import torch

    files = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in files if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError(f"an archive with {len(pickles)} files data.pkl, where a checkpoint has one")
    top = pickles[0].removesuffix("data.pkl")
    if any(info.compress_type != zipfile.ZIP_STORED for name, info in files.items() if name.startswith(f"{top}data")):
        raise ValueError("its tensors are compressed, as no PyTorch writes them")
    if f"{top}byteorder" in files and archive.read(f"{top}byteorder") != sys.byteorder.encode():
        raise ValueError("its tensors are of a machine of another byte order")
    storages: dict[str, Any] = {}

    def storage(found: Any) -> Any:
        _, kind, key, _, count = found
        if key not in storages:
            content = bytearray(archive.read(f"{top}data/{key}"))
            storages[key] = torch.frombuffer(content, dtype=torch.uint8).untyped_storage() if content else None
        dtype = getattr(kind, "_dtype", None)  # `dtype` warns, that storages with a type will go
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"a storage of numbers of an unknown kind ({kind!r})")
        untyped = torch.UntypedStorage(0) if storages[key] is None else storages[key]
        if count * dtype.itemsize > untyped.nbytes():
            raise ValueError(f"its storage {key} is shorter than it claims")
        return torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype, _internal=True)

    unpickler = _Unpickler(io.BytesIO(archive.read(pickles[0])), encoding="utf-8")
    unpickler.persistent_load = storage  # type: ignore[method-assign]
    read = unpickler.load()
    return dict(_of_module(read, "")) if isinstance(read, _Module) else read


def _of_module(module: _Module, prefix: str) -> Iterator[tuple[str, Any]]:
    """A TorchScript module's tensors and those of the modules in it, by name; a module within itself has no end."""
    import torch

    for name, value in module.state.items():
        if isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, _Module):
            yield from _of_module(value, f"{prefix}{name}.")


class _Module:
    """A module of TorchScript: what it holds, by name. What it could do is in code, which is not read."""

    def __init__(self, *given: Any) -> None:
        self.state: Mapping[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise ValueError("a TorchScript module with a state of its own making, which its code would have to read")
        self.state = state


class _Nothing:
    """Stands where something was that is not known; no call, item or state does anything."""

    def __new__(cls, *given: Any, **named: Any) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None: ...

    def __call__(self, *given: Any, **named: Any) -> _Nothing:
        return self

    __setstate__ = __setitem__ = append = extend = add = __call__


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        import torch

        if (module, name) in OF_TENSORS:
            return super().find_class(module, name)
        if module.partition(".")[0] == "__torch__":
            return _Module
        found = getattr(torch, name, None) if module == "torch" else None
        if isinstance(found, torch.dtype) or (isinstance(found, type) and name.endswith("Storage")):
            return found
        return _Nothing


def _arrays(path: Path) -> dict[str, Any]:
    import numpy as np
    import torch

    with zipfile.ZipFile(path) as archive:
        _check_unpacked(path, archive)
        for info in archive.infolist():
            with archive.open(info) as member:
                version = np.lib.format.read_magic(member)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(member)
            claimed = math.prod(shape) * dtype.itemsize
            if claimed > info.file_size:
                raise ValueError(f"{info.filename} has {info.file_size:,} bytes and claims to be {claimed:,}")
    with np.load(path, allow_pickle=False) as file:
        return {name: torch.from_numpy(each) for name in file.files if (each := file[name]).dtype.kind == "f"}


def filled(module: Any, state: Mapping[str, Any], found: Found) -> Any:
    """A module with these weights in float32, for inference only.

    Args:
        module: a torch module, made on the `meta` device.
        state: its weights by name: none may be missing, be left over, or have another shape.
        found: the file that they are from, for errors.

    Raises SetupError for weights of another model.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    lacking = sorted(set(wanted) - set(state))
    strange = sorted(set(state) - set(wanted))
    other = sorted(name for name in wanted if name in state and tuple(state[name].shape) != wanted[name])
    if lacking or strange or other:
        faults = [
            f"{len(names)} {what} ({', '.join(names[:3])})"
            for what, names in (("lacking", lacking), ("left over", strange), ("of another shape", other))
            if names
        ]
        raise SetupError(f"{found.path} is not a checkpoint of {type(module).__name__}: {'; '.join(faults)}")
    module.load_state_dict({name: state[name].float() for name in wanted}, strict=True, assign=True)
    return module.eval().requires_grad_(False)


def need(found: Found, state: Mapping[str, Any], *names: str) -> None:
    """Raises SetupError when tensors that a model's sizes are read off are not there.

    Args:
        found: the file, for the error.
        state: its tensors by name.
        names: those that are needed.
    """
    lacking = [name for name in names if name not in state]
    if lacking:
        raise SetupError(f"{found.path}: no {', '.join(lacking)} in it: it is a checkpoint of another model")


def count_of(state: Mapping[str, Any], prefix: str) -> int:
    """How many numbered parts (`blocks.0.`, `blocks.1.`) the weights of `state` below `prefix` (`blocks.`) have."""
    at = prefix.count(".")
    return 1 + max((int(name.split(".")[at]) for name in state if name.startswith(prefix)), default=-1)
