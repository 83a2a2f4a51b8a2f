"""How like the first frame and the one before each frame is, in the eyes of a model; used by two measures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hoigen.models.room import Batches, Handle
from hoigen.score import Score

if TYPE_CHECKING:
    import numpy as np


class ConsistencyStream:
    """One clip under way: holds a batch of prepared frames and two features."""

    def __init__(self, model: Handle, prepare: Callable[[np.ndarray], Any], batch: int) -> None:
        self.model, self.prepare = model, prepare
        self.batches = Batches(model, batch, self._take)
        self.first: Any = None
        self.last: Any = None
        self.to_last: list[float] = []
        self.to_first: list[float] = []

    def see(self, image: np.ndarray, time: float) -> None:
        self.batches.add(self.prepare(image))

    def _take(self, feature: Any) -> None:
        import torch.nn.functional as F

        feature = F.normalize(feature, dim=-1)
        if self.first is None:
            self.first = feature
        else:
            self.to_last.append(_likeness(self.last, feature))
            self.to_first.append(_likeness(self.first, feature))
        self.last = feature

    def score(self) -> Score:
        self.batches.flush()
        if not self.to_last:
            return Score(None, {"reason": "one frame only" if self.first is not None else "no frame to look at"})
        likeness = [(last + first) / 2 for last, first in zip(self.to_last, self.to_first, strict=True)]
        detail = {
            "to_last": [round(each, 5) for each in self.to_last],
            "to_first": [round(each, 5) for each in self.to_first],
            "pairs": len(likeness),
            "weights": list(self.model.ledger),
        }
        return Score(math.fsum(likeness) / len(likeness), detail)


def _likeness(one: Any, other: Any) -> float:
    """The cosine of two features, nothing below 0."""
    import torch.nn.functional as F

    return max(0.0, float(F.cosine_similarity(one, other)))
