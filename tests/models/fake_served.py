"""Fake models for the process that owns models: they do what they are asked. Light: that process imports this."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from hoigen.core.clip import Sampling
from hoigen.core.devices import DeviceLostError
from hoigen.core.errors import SetupError
from hoigen.core.registry import expert
from hoigen.models.experts.call import Answer, Request
from hoigen.models.uses import ModelUse


@expert("fake_served")
class FakeServed:
    """Answers `fine` with its process; other words break that process. A recipe may name this file.

    folder: where it notes what it does; for hoigen its model. loading: how that breaks. ends_once: the first question
    ends its process, whatever its words.
    """

    folder: str
    loading: str = ""
    ends_once: bool = False
    sampling: Sampling = Sampling(frames=2, short_side=16)
    slots: int = 8

    @property
    def identity(self) -> dict[str, Any]:
        return {"model": "fake-served"}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(self.folder, "hub"),)

    async def open(self) -> None:
        self.note(f"opened by {os.getpid()}")
        if self.loading == "raise":
            raise SetupError("the fake model has no weights")
        if self.loading == "hang":
            time.sleep(600)
        if self.loading == "once" and len(notes(self.folder, "opened")) > 1:
            raise SetupError("its disk is gone")

    async def answer(self, request: Request) -> Answer:
        self.note(f"asked {request.text}")
        await asyncio.sleep(0.3)  # so that questions are under way together
        word, _, mark = ("first ended" if self.ends_once else request.text).partition(" ")
        if word == "exit":
            os._exit(3)
        if word == "lost":
            raise DeviceLostError("CUDA error: device-side assert triggered")
        if word == "hang":
            time.sleep(600)
        if word == "cancel":
            raise asyncio.CancelledError
        if word == "raise":
            raise ValueError("a fault of the expert")
        if word == "first":  # breaks the process the first time alone
            path = Path(self.folder) / mark
            if not path.exists():
                path.touch()
                os._exit(3)
        said = "A person lifts a cup" if request.own else request.text
        return Answer(outcome="answered", text=f"{said} by {os.getpid()}")

    async def close(self) -> None:
        return None

    def note(self, what: str) -> None:
        with (Path(self.folder) / "notes.log").open("a") as log:
            log.write(f"{what}\n")


def notes(folder: Path | str, word: str) -> list[str]:
    """What it has noted that begins with that word."""
    path = Path(folder) / "notes.log"
    return [line for line in path.read_text().splitlines() if line.startswith(word)]


class Unreadable:
    """A question that can be sent and not be read again."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def setup(folder: Path, loading: str = "") -> dict[str, FakeServed]:
    return {"fake": FakeServed(folder=str(folder), loading=loading)}
