"""Frames spread over a clip by their number, when nobody knows yet how many will come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SLACK = 2
"""The header may be off by so many frames."""


def middles(count: int, wanted: int) -> list[int]:
    """The numbers of the frames in the middle of `wanted` stretches of `count` frames; when there are fewer frames than
    that, each of them, and the last one over and over."""
    stretches = min(wanted, count)
    edges = [at * count // stretches for at in range(stretches + 1)]
    found = [(edges[at] + edges[at + 1] - 1) // 2 for at in range(stretches)]
    return found + found[-1:] * (wanted - len(found))


class Spread:
    """Keeps what may be wanted in the end: the frames that a clip of about the expected length needs, and every n-th
    frame, with n doubled whenever more than `most` are kept."""

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
