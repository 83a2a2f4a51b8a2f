"""Tensors out of a pickle that holds more than tensors, without running any of its code.

Some published checkpoints carry what training left behind (settings, counters, an optimiser) in classes that nobody
here has. Whatever is not part of a tensor becomes an empty thing that takes everything and does nothing.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

OF_TENSORS = {
    ("collections", "OrderedDict"),
    ("torch", "Size"),
    ("torch", "device"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
}
"""All that is looked up by name, besides storages and kinds of numbers, which are torch's own."""


class Nothing:
    """Stands where something was that is not known; no call, item or state does anything."""

    def __new__(cls, *given: Any, **named: Any) -> Nothing:
        return super().__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None: ...

    def __call__(self, *given: Any, **named: Any) -> Nothing:
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, name: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...

    def add(self, item: Any) -> None: ...


class Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        import torch

        if (module, name) in OF_TENSORS:
            return super().find_class(module, name)
        found = getattr(torch, name, None) if module == "torch" else None
        if isinstance(found, torch.dtype) or (isinstance(found, type) and name.endswith("Storage")):
            return found
        return Nothing


def tensors_of(path: Path) -> Any:
    """What a checkpoint of `torch.save` holds, with `Nothing` in place of all that is no tensor, number or text."""
    import torch

    def load(file: Any, **settings: Any) -> Any:
        return Unpickler(file, **settings).load()

    reader = SimpleNamespace(Unpickler=Unpickler, load=load, __name__="pickle")
    return torch.load(str(path), map_location="cpu", weights_only=False, pickle_module=reader)
