"""Cuts as peaks of change against their own surroundings; fades by their black, dissolves by their blend."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.clip import Seconds
from hoigen.shots import Frame

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class _Seen:
    image: np.ndarray
    at: Seconds
    change: float
    luma: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """Hard cuts, fades through black and dissolves, from small frames.

    A hard cut is a change (mean absolute difference to the frame before, 0..255) that is `ratio` times that of its
    neighbours, at least `least` and `of_contrast` of the picture's own spread, and that lasts: after a flash the
    picture is the old one again. A fade is a black stretch (luma and spread below `black`); its boundary lies in the
    middle of the black. A dissolve is a stretch of `dissolve` seconds whose ends lie `apart` spreads from each other,
    whose middle is their mean (but for `blend` of that distance), and is flatter than they are (`dip`), since two
    pictures laid over each other even out; a pan is not.

    Source: the ratio to neighbours is PySceneDetect's AdaptiveDetector; the blend test is the linear model of
    dissolves in Hanjalic, "Shot-boundary detection: unraveled and resolved?", 2002.
    """

    ratio: float = 3.0
    least: float = 4.0
    of_contrast: float = 0.35
    window: int = 3
    black: float = 12.0
    dissolve: Seconds = 0.6
    blend: float = 0.4
    apart: float = 0.6
    dip: float = 0.9
    short_side: int = 36

    def boundaries(self, frames: Iterable[Frame]) -> Iterator[Seconds]:
        return _Pass(self).run(frames)


class _Pass:
    """One video under way: a sliding window of small frames around the one that is judged."""

    def __init__(self, settings: Adaptive) -> None:
        self.settings = settings
        self.window: deque[_Seen] = deque()
        self.past: deque[_Seen] = deque()
        self.last_cut: Seconds = -1e9
        self.black_from: Seconds | None = None

    def run(self, frames: Iterable[Frame]) -> Iterator[Seconds]:
        import numpy as np

        before: np.ndarray | None = None
        width = 2 * self.settings.window + 1
        for image, at in frames:
            small = image.astype(np.float32)
            change = float(np.abs(small - before).mean()) if before is not None and before.shape == small.shape else 0.0
            before = small
            self.window.append(_Seen(small, at, change, float(small.mean()), float(small.std())))
            yield from self._fade(self.window[-1])
            if len(self.window) > width:
                self.window.popleft()
            if len(self.window) == width:
                yield from self._judge(self.settings.window)
        for middle in range(self.settings.window + 1, len(self.window)):  # the last frames have fewer behind them
            yield from self._judge(middle)

    def _judge(self, middle: int) -> Iterator[Seconds]:
        seen = self.window[middle]
        self.past.append(seen)
        while self.past and seen.at - self.past[0].at > self.settings.dissolve:
            self.past.popleft()
        if self._is_cut(middle) and self._new(seen.at):
            self.last_cut = seen.at
            self.past.clear()
            self.past.append(seen)
            yield seen.at
        elif (at := self._dissolved()) is not None and self._new(at):
            self.last_cut = at
            self.past.clear()
            yield at

    def _new(self, at: Seconds) -> bool:
        return at > self.last_cut + 0.2

    def _is_cut(self, middle: int) -> bool:
        window, seen = self.window, self.window[middle]
        if middle == 0 or self._is_black(seen) or self._is_black(window[middle - 1]):
            return False
        contrast = (seen.spread + window[middle - 1].spread) / 2
        if seen.change < max(self.settings.least, self.settings.of_contrast * contrast):
            return False
        others = [frame.change for at, frame in enumerate(window) if at != middle]
        calm = sorted(others)[: max(1, len(others) - 1)]  # one neighbour may be a flash or the other end of one
        if seen.change < self.settings.ratio * max(0.5, sum(calm) / len(calm)):
            return False
        return self._lasts(middle)

    def _lasts(self, middle: int) -> bool:
        """Whether no frame after looks like one before: after a flash the picture is the old one again."""
        import numpy as np

        frames = list(self.window)
        limit = 0.5 * frames[middle].change
        return all(
            float(np.abs(new.image - old.image).mean()) > limit for old in frames[:middle] for new in frames[middle:]
        )

    def _is_black(self, seen: _Seen) -> bool:
        return seen.luma < self.settings.black and seen.spread < self.settings.black

    def _fade(self, seen: _Seen) -> Iterator[Seconds]:
        """The middle of a black stretch, once the picture is back."""
        if self._is_black(seen):
            if self.black_from is None:
                self.black_from = seen.at
            self.past.clear()
            return
        if self.black_from is not None:
            middle = (self.black_from + seen.at) / 2
            if self.black_from > 0 and self._new(middle):
                self.last_cut = seen.at  # the rest of the fade-in is no further boundary
                yield middle
            self.black_from = None

    def _dissolved(self) -> Seconds | None:
        """The middle of the stretch when it is a blend of its two ends."""
        import numpy as np

        past = self.past
        if len(past) < 7 or past[-1].at - past[0].at < 0.8 * self.settings.dissolve:
            return None
        first, last, middle = past[0], past[-1], past[len(past) // 2]
        if min(first.spread, last.spread) < 0.4 * max(first.spread, last.spread):
            return None  # a fade, whose black will tell
        distance = float(np.abs(last.image - first.image).mean())
        ends = ((first.spread**2 + last.spread**2) / 2) ** 0.5
        if distance < max(self.settings.least, self.settings.apart * ends) or middle.spread > self.settings.dip * ends:
            return None
        weight = (middle.at - first.at) / (last.at - first.at)
        mixed = (1 - weight) * first.image + weight * last.image
        miss = float(np.abs(middle.image - mixed).mean())
        steady = max(frame.change for frame in list(past)[1:]) < 0.35 * distance
        return middle.at if steady and miss < self.settings.blend * distance else None
