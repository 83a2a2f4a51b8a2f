"""Cuts as peaks of change against their own surroundings; fades by their black, dissolves by their blend."""

from __future__ import annotations

import itertools
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


@dataclass(slots=True)
class _Blank:
    """A black or white stretch under way. times: of its frames, as long as it is short; before: the picture before it;
    hard: it began with a cut; given: its boundary was."""

    start: Seconds
    times: list[Seconds]
    before: np.ndarray | None
    white: bool
    hard: bool
    given: bool


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

    Where the picture fills but a part of the frame (bars, a smaller picture inside), that part alone is looked at.

    A black stretch (luma and spread below `black`), or a white one (luma above `white`), shorter than `between`
    seconds is one boundary, at its hard side or in its middle; a longer one is a shot of its own. A white one is none
    where the pictures on both sides are the same: that was a flash; nor is a black one of no more than `flash`
    seconds between two bright pictures that are the same: frames were lost there. A dissolve is a stretch of
    `dissolve` seconds whose ends show different things (correlation below `akin`) and lie `apart` spreads from each
    other, whose middle is their mean (but for `blend` of that distance), and is flatter than they are (`dip`), since
    two pictures laid over each other even out; a pan is not.

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
    white: Annotated[float, Setting("luma above this, with a spread below half of `black`, is white, 0..255")] = 230.0
    between: Annotated[
        Seconds,
        Setting("a black or white stretch shorter than this many seconds is one boundary; a longer one is a shot"),
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
INNER = 16
"""The smallest inner picture that is looked at is this part of the frame."""
STILL = 0.05
"""What lies around an inner picture changes by less than this share of the change within, where that is cut."""
MOVES = 0.5
"""A picture inside a still frame changes by more than this from frame to frame, 0..255."""
BRIGHT = 3.0
"""So many times as bright as black is a picture that is not fading."""
AGAIN = 0.5
"""A picture that is an old one again correlates with it by more than this, whatever the light."""


class _Pass:
    """One video under way: a sliding window of small frames around the one that is judged."""

    def __init__(self, settings: Adaptive) -> None:
        self.settings = settings
        self.window: deque[_Seen] = deque()
        self.next = 0
        self.past: deque[_Seen] = deque()
        self.last_cut: Seconds = -1e9
        self.begun = False
        """Whether a picture that is not blank was met."""
        self.blank: _Blank | None = None

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
        if self.blank is not None and not self.blank.given:
            yield from self._give(self.blank.start)

    def _judge(self, middle: int) -> Iterator[Seconds]:
        seen = self.window[middle]
        if self.blank is not None or self._is_black(seen) or self._is_white(seen):
            yield from self._blank(middle)
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
        if middle == 0 or seen.change < self.settings.least / INNER:
            return False
        others = sorted(
            frame.change
            for place, frame in enumerate(self.window)
            if place != middle and (abs(place - middle) <= FEWEST or abs(frame.at - seen.at) <= self.settings.around)
        )
        stands_out = seen.change / max(0.5, others[-3] if len(others) > 2 else 0.0)
        if stands_out < self.settings.ratio:
            return False
        inside, bars = _picture(before.image, seen.image, self.settings.black)
        if not bars and not self._moves(middle, inside):
            return False
        old, new = before.image[inside], seen.image[inside]
        change, contrast = _apart(old, new), float(new.std() + old.std()) / 2
        if change < self.settings.least:
            return False
        same = max(0.0, _alike(old, new))
        return (
            change >= self.settings.of_contrast * contrast
            and same <= self.settings.alike
            and stands_out >= self.settings.ratio * (1 + same)
            and self._lasts(middle, inside)
        )

    def _moves(self, middle: int, inside: tuple[slice, slice]) -> bool:
        """Whether a part of the frame shows something that moves, before and after: what comes up in it is no shot."""
        frames = list(self.window)
        sides = frames[max(0, middle - FEWEST - 1) : middle], frames[middle : middle + FEWEST + 1]
        steps = [[_apart(a.image[inside], b.image[inside]) for a, b in itertools.pairwise(side)] for side in sides]
        return all(sum(each) > MOVES * len(each) for each in steps)

    def _lasts(self, middle: int, inside: tuple[slice, slice]) -> bool:
        """Whether no frame after looks like one before: after a flash the picture is the old one again."""
        frames, at = list(self.window), self.window[middle].at
        old = [
            f for place, f in enumerate(frames[:middle]) if middle - place <= FEWEST or at - f.at <= self.settings.flash
        ]
        new = [f for place, f in enumerate(frames[middle:]) if place <= FEWEST or f.at - at <= self.settings.flash]
        limit = 0.5 * _apart(frames[middle - 1].image[inside], frames[middle].image[inside])
        return not any(
            _apart(a, b) <= limit and _alike(a, b) > AGAIN
            for a, b in itertools.product([f.image[inside] for f in old], [f.image[inside] for f in new])
        )

    def _is_black(self, seen: _Seen) -> bool:
        return seen.luma < self.settings.black and seen.spread < self.settings.black

    def _is_white(self, seen: _Seen) -> bool:
        return seen.luma > self.settings.white and seen.spread < self.settings.black / 2

    def _blank(self, middle: int) -> Iterator[Seconds]:
        """The boundaries of a black or white stretch: its hard side, or its middle; both ends of a long one."""
        seen, blank = self.window[middle], self.blank
        if blank is None:
            self.past.clear()
            before = self.window[middle - 1].image if middle else None
            hard = self._is_cut(middle)
            self.blank = blank = _Blank(seen.at, [seen.at], before, self._is_white(seen), hard, not self.begun)
            if blank.hard and not blank.white:
                yield from self._give(seen.at)
                blank.given = True
            return
        long = seen.at - blank.start > self.settings.between
        if self._is_black(seen) or self._is_white(seen):
            blank.white = blank.white and self._is_white(seen)
            if not long:
                blank.times.append(seen.at)
            if long and not blank.given:
                yield from self._give(blank.start)
                blank.given = True
            return
        if long or not self.begun:
            yield from self._give(seen.at)
        elif not blank.given and not self._is_flash(blank, seen):
            soft = not blank.hard and not self._is_cut(middle)
            halfway = blank.times[len(blank.times) // 2]
            yield from self._give(halfway if soft else blank.start if blank.hard else seen.at)
        self.last_cut = seen.at  # the rest of the fade-in is no further boundary
        self.blank = None
        self.begun = True

    def _is_flash(self, blank: _Blank, seen: _Seen) -> bool:
        """Whether the picture behind a blank stretch is the one before it: a flash, or a few frames that are black."""
        if blank.before is None or _alike(blank.before, seen.image) <= AGAIN:
            return False
        bright = min(float(blank.before.mean()), seen.luma) > BRIGHT * self.settings.black  # no fade out and in again
        return blank.white or (bright and seen.at - blank.start <= self.settings.flash)

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


def _picture(one: np.ndarray, other: np.ndarray, black: float) -> tuple[tuple[slice, slice], bool]:
    """The rows and columns of two frames that hold the picture, since what lies around it makes all pictures alike.

    That is what lies between bars that are black in both, or all that changes, where it fills a rectangle and nothing
    around it moves. The second value is False for the latter.
    """
    import numpy as np

    everything = slice(None), slice(None)
    if one.shape != other.shape:
        return everything, True
    apart = abs(one - other).max(2)
    for lit, still, bars in ((np.maximum(one, other).max(2) > black, 0.2, True), (apart > 6, STILL, False)):
        columns = lit.mean(0) > 0.15
        rows = lit[:, columns].mean(1) > 0.5 if columns.any() else columns
        columns = lit[rows].mean(0) > 0.5 if rows.any() else rows
        if not rows.any() or not columns.any():
            continue
        (top, bottom), (left, right) = np.flatnonzero(rows)[[0, -1]], np.flatnonzero(columns)[[0, -1]]
        inside = slice(top, bottom + 1), slice(left, right + 1)
        around = np.ones(lit.shape, bool)
        around[inside] = False
        filled = INNER * lit[inside].size >= lit.size and lit[inside].mean() > 0.6
        if filled and around.any() and apart[around].mean() < still * apart[inside].mean():
            return inside, bars
    return everything, True


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures, whatever their brightness and contrast; 0 for a flat one."""
    import numpy as np

    if one.shape != other.shape:
        return 0.0
    one, other = one - one.mean((0, 1)), other - other.mean((0, 1))
    return float((one * other).sum() / max(1e-6, np.sqrt((one**2).sum() * (other**2).sum())))
