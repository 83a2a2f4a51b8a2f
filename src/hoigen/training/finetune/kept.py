"""Latents and embeddings on disk, computed once: keyed by content (of clip, caption and model), never by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hoigen.data.files import Folder


def key_of(*facts: Any) -> str:
    """32 hex digits of facts of JSON types."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


class Kept:
    """Tensors by their key, in a folder that several trainings may share.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Folder(str(folder))

    def __contains__(self, key: str) -> bool:
        return self.folder.exists(self._name(key))

    def _name(self, key: str) -> str:
        return f"{key[:2]}/{key}.safetensors"

    def add(self, key: str, tensors: Mapping[str, Any]) -> None:
        """Writes tensors, whole or not at all.

        Args:
            key: of `key_of`.
            tensors: by name, on any device.
        """
        from safetensors.torch import save

        self.folder.write(self._name(key), save({name: each.contiguous().cpu() for name, each in tensors.items()}))

    def get(self, key: str) -> dict[str, Any]:
        """The tensors of a `key`, on the CPU. What is damaged is deleted, and an error says so."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        from hoigen.core.errors import SetupError

        try:
            found: dict[str, Any] = load(self.folder.read(self._name(key)))
        except SafetensorError as error:
            self.folder.remove(self._name(key))
            raise SetupError(
                f"{self.folder.path(self._name(key))} was damaged ({error}) and is deleted; "
                "the same command makes it anew"
            ) from None
        return found

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Positions of the keys that are not there, each key once."""
        seen: set[str] = set()
        found = []
        for at, key in enumerate(keys):
            if key not in seen and key not in self:
                found.append(at)
            seen.add(key)
        return found
