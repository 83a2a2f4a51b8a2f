"""A number of each frame, and their mean; used by two measures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hoigen.models.room import Batches, Handle
from hoigen.score import Score

if TYPE_CHECKING:
    import numpy as np


class PerFrameStream:
    """One clip under way: holds a batch of prepared frames and the numbers so far.

    scale: what brings the model's numbers to 0..1.
    """

    def __init__(self, model: Handle, prepare: Callable[[np.ndarray], Any], batch: int, scale: float) -> None:
        self.model, self.prepare, self.scale = model, prepare, scale
        self.batches = Batches(model, batch, self._take)
        self.numbers: list[float] = []

    def see(self, image: np.ndarray, time: float) -> None:
        self.batches.add(self.prepare(image))

    def _take(self, number: Any) -> None:
        self.numbers.append(float(number) * self.scale)

    def score(self) -> Score:
        self.batches.flush()
        if not self.numbers:
            return Score(None, {"reason": "no frame to look at"})
        detail = {"frames": [round(each, 5) for each in self.numbers], "weights": list(self.model.ledger)}
        return Score(math.fsum(self.numbers) / len(self.numbers), detail)
