"""A tiny real network that notes when it is loaded and called, and breaks its process where a file says so.

Numbers 1, 2, ... stand in the first pixel of what it is shown. `kill.txt` beside its weights: at which number the
process ends, each time; `kill_once.txt`: at which it ends the first time; `hang.txt`, `slow_load.txt`, `slow.txt`:
seconds of a load, or of each call.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from hoigen.models import batcher, uses
from hoigen.models.tensors import Found

BUILD = f"{__name__}:built"


class Named(NamedTuple):
    sums: Any


class FakeNetwork(nn.Module):  # type: ignore[misc]
    def __init__(self, folder: Path) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.folder = folder
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)
        )
        self.facts = {"channels": 4}

    def forward(self, pictures: Any) -> Any:
        """(N, 3, H, W) -> (N, 4)."""
        numbers = [round(float(each)) for each in pictures[:, 0, 0, 0]]
        self.note(f"called {len(numbers)} {sorted(set(numbers))}")
        if set(numbers) & set(self.told("kill")):
            os.kill(os.getpid(), signal.SIGKILL)
        once = self.folder / "killed.txt"
        if set(numbers) & set(self.told("kill_once")) and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if set(numbers) & set(self.told("hang")):
            time.sleep(600)
        if set(numbers) & set(self.told("raise")):
            raise ValueError(f"no such number: {numbers}")
        time.sleep(sum(self.told("slow")))
        return self.layers(pictures)

    def pair(self, pictures: Any) -> tuple[Any, Any]:
        return pictures.sum((1, 2, 3)), self.layers(pictures)

    def ragged(self, items: Sequence[tuple[Any, Any]]) -> list[Any]:
        self.note(f"ragged {len(items)}")
        return [picture.sum() * factors for picture, factors in items]

    def one_row(self, pictures: Any) -> Any:
        return pictures[:1]

    def named(self, pictures: Any) -> Named:
        return Named(pictures.sum((1, 2, 3)))

    def leave(self, pictures: Any) -> Any:
        raise SystemExit(4)

    def told(self, what: str) -> list[float]:
        path = self.folder / f"{what}.txt"
        return [float(word) for word in path.read_text().split()] if path.exists() else []

    def note(self, what: str) -> None:
        with (self.folder / "notes.log").open("a") as log:
            log.write(f"{what} by {os.getpid()}\n")


def built(found: Found) -> FakeNetwork:
    made = FakeNetwork(found.path.parent)
    made.note("loaded")
    time.sleep(sum(made.told("slow_load")))
    return made


def short() -> FakeNetwork:
    raise MemoryError("no memory")


def empty() -> FakeNetwork:
    raise KeyError


def network(folder: Path, batch: int = 8, **how: Any) -> uses.Network:
    (folder / "weights.pt").touch()
    files = (("fake", str(folder / "weights.pt")),)
    return uses.Network(build=BUILD, files=files, device="cpu", batch=batch, **how)


def setup(*networks: uses.Network) -> dict[str, batcher.NetworkService]:
    return {each.name: batcher.NetworkService(each, "fake") for each in networks}


def notes(folder: Path, word: str) -> list[str]:
    path = folder / "notes.log"
    return [line for line in path.read_text().splitlines() if line.startswith(word)] if path.exists() else []
