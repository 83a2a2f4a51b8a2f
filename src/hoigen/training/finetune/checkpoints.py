"""Checkpoints of a training: each a folder that is there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hoigen.core.errors import SetupError

STATE, LOSSES = "state.pt", "losses.json"


class Checkpoints:
    """The checkpoints of a training.

    Args:
        folder: where they lie, one folder each.
        keep: how many of the last ones stay.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self.keep = folder, keep

    def steps(self) -> list[int]:
        """Of which steps there are checkpoints, in order."""
        found = [each.name.removeprefix("step-") for each in self.folder.glob("step-*") if each.is_dir()]
        return sorted(int(each) for each in found if each.isdigit())

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of a `step`."""
        return self.folder / f"step-{step:08d}"

    def add(self, step: int, state: Mapping[str, Any], losses: list[list[float]]) -> None:
        """Writes a checkpoint; then older ones than are kept go.

        Args:
            step: how many were done.
            state: tensors and plain values.
            losses: a row for each step.
        """
        import torch

        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".step-*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        part = self.folder / f".step-{step:08d}"
        part.mkdir()
        try:
            with (part / STATE).open("wb") as file:
                torch.save(dict(state), file)
                file.flush()
                os.fsync(file.fileno())
            (part / LOSSES).write_text(json.dumps(losses), encoding="utf-8")
            if self.path(step).exists():
                shutil.rmtree(self.path(step))
            part.replace(self.path(step))
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)

    def last(self) -> tuple[int, dict[str, Any], list[list[float]]] | None:
        """The newest checkpoint: its step, state and losses; None where there is none.

        Raises SetupError for one that cannot be read.
        """
        import pickle

        import torch

        found = self.steps()
        if not found:
            return None
        place = self.path(found[-1])
        try:
            state = torch.load(place / STATE, map_location="cpu", weights_only=True)
            losses = json.loads((place / LOSSES).read_text(encoding="utf-8"))
        except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise SetupError(
                f"{place} cannot be read ({first}); delete it, and the same command goes on from the one before"
            ) from None
        return found[-1], state, losses
