"""What is kept of a clip while its frames pass by: a number of each, likeness to others, or frames spread over it."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hoigen.core.score import Score
from hoigen.models.arena import Rows
from hoigen.models.room import Handle, Later, Look

if TYPE_CHECKING:
    import numpy as np

SLACK = 2
"""The header may be off by so many frames."""


class _Asking:
    """Frames of a clip on their way to a network, several in a question; the answers come in order.

    Args:
        model: the network.
        look: how it is asked.
    """

    def __init__(self, model: Handle, look: Look) -> None:
        self.model, self.look = model, look
        self.waiting: list[np.ndarray] = []
        self.asked: list[Later] = []

    def add(self, image: np.ndarray) -> None:
        """image: (H, W, 3) uint8."""
        if self.waiting and image.shape != self.waiting[0].shape:
            self.ask()
        self.waiting.append(image)
        if len(self.waiting) >= self.model.together(image.nbytes):
            self.ask()

    def ask(self) -> None:
        if self.waiting:
            self.asked.append(self.model.submit(Rows(tuple(self.waiting)), method=self.look))
            self.waiting = []

    def answers(self) -> list[Any]:
        """What the network said of each frame, as one tensor for each question."""
        self.ask()
        return [each.result() for each in self.asked]


class ConsistencyStream:
    """How like the first frame and the one before each frame of a clip is, in the eyes of a network.

    Args:
        model: the network; gives a feature of each picture.
        look: how it is asked of uint8 RGB frames.
    """

    def __init__(self, model: Handle, look: Look) -> None:
        self.model = model
        self.asking = _Asking(model, look)

    def see(self, image: np.ndarray, time: float) -> None:
        self.asking.add(image)

    def score(self) -> Score:
        import torch
        import torch.nn.functional as F

        said = self.asking.answers()
        features = F.normalize(torch.cat(said), dim=-1) if said else torch.empty(0, 1)
        if len(features) < 2:
            return Score(None, {"reason": "one frame only" if len(features) else "no frame to look at"})
        middle = F.normalize(features.float().mean(dim=0), dim=-1).cpu()
        to_last, to_first = (
            F.cosine_similarity(others, features[1:]).clamp(min=0).tolist()
            for others in (features[:-1], features[:1].expand(len(features) - 1, -1))
        )
        likeness = [(last + first) / 2 for last, first in zip(to_last, to_first, strict=True)]
        detail = {
            "to_last": [round(each, 5) for each in to_last],
            "to_first": [round(each, 5) for each in to_first],
            "pairs": len(likeness),
            "embedding": base64.b64encode(
                (middle * (127 / middle.abs().max())).round().to(torch.int8).numpy()
            ).decode(),
            "weights": list(self.model.ledger),
        }
        return Score(math.fsum(likeness) / len(likeness), detail)


class PerFrameStream:
    """A number of each frame of a clip, and their mean.

    Args:
        model: the network; gives a number of each picture.
        look: how it is asked of uint8 RGB frames.
        scale: brings the network's numbers to 0..1.
    """

    def __init__(self, model: Handle, look: Look, scale: float) -> None:
        self.model, self.scale = model, scale
        self.asking = _Asking(model, look)

    def see(self, image: np.ndarray, time: float) -> None:
        self.asking.add(image)

    def score(self) -> Score:
        numbers = [float(number) * self.scale for answer in self.asking.answers() for number in answer]
        if not numbers:
            return Score(None, {"reason": "no frame to look at"})
        detail = {"frames": [round(each, 5) for each in numbers], "weights": list(self.model.ledger)}
        return Score(math.fsum(numbers) / len(numbers), detail)


def middles(count: int, wanted: int) -> list[int]:
    """The numbers of the frames in the middle of `wanted` stretches of `count` frames; when there are fewer frames than
    that, each of them, and the last one again and again."""
    stretches = min(wanted, count)
    edges = [at * count // stretches for at in range(stretches + 1)]
    found = [(edges[at] + edges[at + 1] - 1) // 2 for at in range(stretches)]
    return found + found[-1:] * (wanted - len(found))


class Spread:
    """Frames spread over a clip by their number, when nobody knows yet how many will come.

    Kept are the frames that a clip of about the expected length needs, and every n-th frame, with n doubled whenever
    more than `most` are kept.

    Args:
        wanted: frames to be chosen in the end.
        expected: frames that the clip has, by its header.
        most: frames kept without knowing whether they are needed.
    """

    def __init__(self, wanted: int, expected: int, most: int = 96) -> None:
        self.wanted, self.most = wanted, most
        counts = range(max(1, expected - SLACK), max(1, expected + SLACK) + 1)
        self.likely = {at for count in counts for at in middles(count, wanted)}
        self.step = 1
        self.count = 0
        self.kept: dict[int, Any] = {}

    def offer(self, make: Callable[[], Any]) -> None:
        """The next frame; `make` is called when it is to be kept."""
        at, self.count = self.count, self.count + 1
        if at % self.step and at not in self.likely:
            return
        self.kept[at] = make()
        if len(self.kept) > self.most + len(self.likely):
            self.step *= 2
            self.kept = {at: each for at, each in self.kept.items() if at in self.likely or at % self.step == 0}

    def chosen(self) -> list[int]:
        """The numbers of the frames taken: those of `middles`, or the nearest ones that were kept."""
        return [min(self.kept, key=lambda kept: abs(kept - at)) for at in middles(self.count, self.wanted)]
