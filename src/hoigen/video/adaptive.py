"""Cuts as peaks of change against their own surroundings; fades by their black, dissolves by their blend."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hoigen.core.clip import Seconds
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    import numpy as np

    from hoigen.video.shots import Frame


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

    A hard cut is a change (mean absolute difference to the frame before, 0..255) that is at least `least`, and
    `of_contrast` of the picture's own spread (black bars left out), and

    - stands out: it is `ratio` times the third largest change within `around` seconds, and more than that the more
      the new picture resembles the old one. The third largest, since cartoons and stuttering recordings repeat
      frames (most changes are none), and a flash or another cut may be near;
    - shows something else: the two pictures' correlation is below `alike`, so that a light that is switched on, a
      change of exposure or night falling in a time-lapse is none;
    - lasts: within `flash` seconds no picture after it is an old one again.

    A black stretch (luma and spread below `black`) shorter than `between` seconds is one boundary, at its hard side or
    in its middle; a longer one is a shot of its own. A dissolve is a stretch of `dissolve` seconds whose ends show
    different things (correlation below `akin`) and lie `apart` spreads from each other, whose middle is their mean (but
    for `blend` of that distance), and is flatter than they are (`dip`), since two pictures laid over each other even
    out; a pan is not.

    Source: the ratio to neighbours is PySceneDetect's AdaptiveDetector; the blend test is the linear model of
    dissolves in Hanjalic, "Shot-boundary detection: unraveled and resolved?", 2002.
    """

    ratio: Annotated[float, Setting("a cut is this many times the third largest change around it")] = 1.4
    least: Annotated[
        float, Setting("a cut changes the picture by at least this, as the mean absolute difference, 0..255")
    ] = 4.0
    of_contrast: Annotated[float, Setting("and by this share of the picture's own spread")] = 0.4
    around: Annotated[Seconds, Setting("seconds on either side that a change is compared with")] = 0.35
    alike: Annotated[float, Setting("two pictures whose correlation is above this show the same")] = 0.8
    flash: Annotated[Seconds, Setting("seconds within which no picture after a cut is an old one again")] = 0.3
    black: Annotated[float, Setting("luma and spread below this are black, 0..255")] = 12.0
    between: Annotated[
        Seconds, Setting("a black stretch shorter than this many seconds is one boundary; a longer one is a shot")
    ] = 1.0
    dissolve: Annotated[Seconds, Setting("seconds that a dissolve takes")] = 0.6
    blend: Annotated[
        float, Setting("how far a dissolve's middle may lie from the mean of its ends, as a share of their distance")
    ] = 0.4
    akin: Annotated[float, Setting("correlation of a dissolve's ends, at most")] = 0.5
    apart: Annotated[float, Setting("distance of a dissolve's ends, in spreads, at least")] = 0.6
    dip: Annotated[float, Setting("spread in a dissolve's middle, as a share of that of its ends, at most")] = 0.9
    short_side: Annotated[int, Setting("pixels of the frames that are looked at")] = 36

    def boundaries(self, frames: Iterable[Frame]) -> Iterator[Seconds]:
        """Times of the first frames of new shots, in seconds, ascending.

        Args:
            frames: (H, W, 3) uint8 RGB, each with its time in seconds.
        """
        return _Pass(self).run(frames)


FEWEST = 3
"""Frames on either side of a cut that are looked at, however far apart they are."""
APART: Seconds = 0.2
"""Boundaries are at least so far from each other."""


class _Pass:
    """One video under way: a sliding window of small frames around the one that is judged."""

    def __init__(self, settings: Adaptive) -> None:
        self.settings = settings
        self.window: deque[_Seen] = deque()
        self.next = 0
        self.past: deque[_Seen] = deque()
        self.last_cut: Seconds = -1e9
        self.begun = False
        """Whether a picture that is not black was met."""
        self.dark_from: Seconds | None = None
        self.dark_given = False

    def run(self, frames: Iterable[Frame]) -> Iterator[Seconds]:
        before: np.ndarray | None = None
        window, around = self.window, self.settings.around
        for image, at in frames:
            small = image.astype("float32")
            change = _apart(before, small) if before is not None and before.shape == small.shape else 0.0
            before = small
            window.append(_Seen(small, at, change, float(small.mean()), float(small.std())))
            while len(window) - self.next > FEWEST and at - window[self.next].at >= around:
                yield from self._judge(self.next)
                self.next += 1
            while self.next > FEWEST and window[self.next - 1].at - window[0].at > around:
                window.popleft()
                self.next -= 1
        for middle in range(self.next, len(window)):  # the last frames have fewer behind them
            yield from self._judge(middle)
        if self.dark_from is not None and not self.dark_given:
            yield from self._give(self.dark_from)

    def _judge(self, middle: int) -> Iterator[Seconds]:
        seen = self.window[middle]
        if self._is_black(seen) or self.dark_from is not None:
            yield from self._black(middle)
            return
        self.begun = True
        self.past.append(seen)
        while self.past and seen.at - self.past[0].at > self.settings.dissolve:
            self.past.popleft()
        if self._is_cut(middle):
            yield from self._give(seen.at)
            self.past.append(seen)
        elif (at := self._dissolved()) is not None:
            yield from self._give(at)

    def _give(self, at: Seconds) -> Iterator[Seconds]:
        if at > self.last_cut + APART:
            self.last_cut = at
            self.past.clear()
            yield at

    def _is_cut(self, middle: int) -> bool:
        seen, before = self.window[middle], self.window[middle - 1]
        if middle == 0 or seen.change < self.settings.least:
            return False
        others = sorted(
            frame.change
            for place, frame in enumerate(self.window)
            if place != middle and (abs(place - middle) <= FEWEST or abs(frame.at - seen.at) <= self.settings.around)
        )
        stands_out = seen.change / max(0.5, others[-3] if len(others) > 2 else 0.0)
        if stands_out < self.settings.ratio:
            return False
        old, new = _without_bars(before.image, seen.image, self.settings.black)
        change, contrast = _apart(old, new), float(new.std() + old.std()) / 2
        same = max(0.0, _alike(old, new))
        return (
            change >= self.settings.of_contrast * contrast
            and same <= self.settings.alike
            and stands_out >= self.settings.ratio * (1 + same)
            and self._lasts(middle)
        )

    def _lasts(self, middle: int) -> bool:
        """Whether no frame after looks like one before: after a flash the picture is the old one again."""
        frames, at = list(self.window), self.window[middle].at
        limit, flash = 0.5 * frames[middle].change, self.settings.flash
        old = [f.image for place, f in enumerate(frames[:middle]) if middle - place <= FEWEST or at - f.at <= flash]
        new = [f.image for place, f in enumerate(frames[middle:]) if place <= FEWEST or f.at - at <= flash]
        return all(_apart(one, other) > limit for one in old for other in new)

    def _is_black(self, seen: _Seen) -> bool:
        return seen.luma < self.settings.black and seen.spread < self.settings.black

    def _black(self, middle: int) -> Iterator[Seconds]:
        """The boundaries of a black stretch: at its hard side, or in its middle; at both ends of a long one."""
        seen = self.window[middle]
        if self._is_black(seen):
            self.past.clear()
            if self.dark_from is None:
                self.dark_from = seen.at
                self.dark_given = not self.begun
                if self._is_cut(middle):
                    yield from self._give(seen.at)
                    self.dark_given = True
            elif not self.dark_given and seen.at - self.dark_from > self.settings.between:
                yield from self._give(self.dark_from)
                self.dark_given = True
        elif self.dark_from is not None:
            if seen.at - self.dark_from > self.settings.between or not self.begun:
                yield from self._give(seen.at)
            elif not self.dark_given:
                yield from self._give(seen.at if self._is_cut(middle) else (self.dark_from + seen.at) / 2)
            self.last_cut = seen.at  # the rest of the fade-in is no further boundary
            self.dark_from = None
            self.begun = True

    def _dissolved(self) -> Seconds | None:
        """The middle of the stretch when it is a blend of its two ends."""
        past = self.past
        if len(past) < 7 or past[-1].at - past[0].at < 0.8 * self.settings.dissolve:
            return None
        first, last, middle = past[0], past[-1], past[len(past) // 2]
        if min(first.spread, last.spread) < 0.4 * max(first.spread, last.spread):
            return None  # a fade: its black is the boundary
        if not first.image.shape == middle.image.shape == last.image.shape:
            return None
        distance = _apart(first.image, last.image)
        ends = ((first.spread**2 + last.spread**2) / 2) ** 0.5
        if distance < max(self.settings.least, self.settings.apart * ends) or middle.spread > self.settings.dip * ends:
            return None
        weight = (middle.at - first.at) / (last.at - first.at)
        mixed = (1 - weight) * first.image + weight * last.image
        steady = max(frame.change for frame in list(past)[1:]) < 0.35 * distance
        if not steady or _apart(middle.image, mixed) >= self.settings.blend * distance:
            return None
        return middle.at if _alike(first.image, last.image) < self.settings.akin else None


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference; endless for pictures of different shape."""
    return float(abs(one - other).mean()) if one.shape == other.shape else float("inf")


def _without_bars(one: np.ndarray, other: np.ndarray, black: float) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures without the rows and columns that are mostly black in both: bars make all pictures alike."""
    import numpy as np

    if one.shape != other.shape:
        return one, other
    bright = np.maximum(one, other).max(2)
    rows, columns = np.median(bright, 1) > black, np.median(bright, 0) > black
    if not rows.any() or not columns.any():
        return one, other
    return one[rows][:, columns], other[rows][:, columns]


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures, whatever their brightness and contrast; 0 for a flat one."""
    import numpy as np

    if one.shape != other.shape:
        return 0.0
    one, other = one - one.mean((0, 1)), other - other.mean((0, 1))
    return float((one * other).sum() / max(1e-6, np.sqrt((one**2).sum() * (other**2).sum())))
