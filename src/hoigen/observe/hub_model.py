"""A model of the hub as observers ask it, in this process or in the one that owns the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hoigen.models import load as loading
from hoigen.models import room
from hoigen.models.uses import Network


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the hub.

    Args:
        build: the function of `hoigen.observe.networks` that makes its network.
        name: an id of the hub, or a folder.
        device: auto, cpu or cuda.
        dtype: float32, bfloat16 or float16.
        batch: rows that may go through it at once.
    """

    build: str
    name: str
    device: str
    dtype: str
    batch: int = 8

    @property
    def network(self) -> Network:
        return room.network_of(self, f"hoigen.observe.networks:{self.build}", self.batch)

    @property
    def loaded(self) -> room.Handle:
        return room.handle(self.network)

    def processor(self, kind: Literal["images", "tokenizer"]) -> Any:
        """What prepares pictures or texts for it, made once a process."""
        return room.once(loading.processor, kind, self.loaded.facts["found"])
