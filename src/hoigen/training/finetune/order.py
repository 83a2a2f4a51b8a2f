"""In which order clips are shown: a function of seed and step alone, so that a training that goes on needs no state."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence

import numpy as np


class Order:
    """Which clips make a step.

    Each epoch shows every clip once, in groups of one shape; the last group of a shape is filled up from its start.

    Args:
        shapes: of each clip.
        group: clips of a step, over all processes.
        seed: of the order.
    """

    def __init__(self, shapes: Sequence[Hashable], group: int, seed: int) -> None:
        self.group, self.seed = group, seed
        self.buckets: dict[Hashable, list[int]] = {}
        for at, shape in enumerate(shapes):
            self.buckets.setdefault(shape, []).append(at)
        self.groups = sum(-(-len(each) // group) for each in self.buckets.values())
        """In an epoch."""

    def clips(self, step: int) -> list[int]:
        """The clips of a `step`, from 0: `group` of them, all of one shape."""
        epoch, at = divmod(step, self.groups)
        return self._epoch(epoch)[at]

    @functools.lru_cache(maxsize=2)  # noqa: B019  (lives as long as the training)
    def _epoch(self, epoch: int) -> list[list[int]]:
        chance = np.random.default_rng([self.seed, epoch])
        made = []
        for members in self.buckets.values():
            mixed = [members[at] for at in chance.permutation(len(members))]
            for start in range(0, len(mixed), self.group):
                part = mixed[start : start + self.group]
                while len(part) < self.group:
                    part = [*part, *mixed[: self.group - len(part)]]
                made.append(part)
        return [made[at] for at in chance.permutation(len(made))]
