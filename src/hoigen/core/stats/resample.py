"""Bootstrap intervals: a clip (or a prompt) is drawn with all that is its own, since claims of one clip err together.

Intervals are BCa: those of plain percentiles miss small rates too often (measured: docs/caption_eval.md).

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 14.3.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Totals of columns, (..., columns) -> values (...); NaN where it is not defined for those totals."""
Unit = Literal["clips", "prompts"]

CELLS = 4_000_000
"""Drawn clips held at once; more are done in turns."""
SINGLY = 2000
"""Clips up to which each is drawn by itself."""
LOST = 0.01
"""The share of draws that may leave a number undefined before it gets no interval."""
TAILS = (0.025, 0.975)
LEAST = 8
"""Clips below which no interval is given: it would look surer than anything is."""
SAME = "the same in every resample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval, or the reason why there is none.

    Args:
        value: the number, never NaN; None when it is undefined.
        reason: why it is undefined.
        low: lower end of its 95 % interval; None when there is none.
        high: upper end.
        unsure: why there is no interval.
        top: of a ratio, what was divided.
        bottom: by what.
        draws_sd: standard deviation over resamples (the bootstrap's standard error), in the unit of the value.
    """

    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    unsure: str = ""
    top: float | None = None
    bottom: float | None = None
    draws_sd: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "top", "bottom", "draws_sd"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"a number is finite or None; {name} came as {number!r}")
        if self.value is None and not self.reason:
            raise ValueError("a number without a value says why")

    @property
    def defined(self) -> bool:
        return self.value is not None


def undefined(reason: str) -> Estimate:
    """An Estimate without a value. reason: why there is none, as a sentence."""
    return Estimate(value=None, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """How clips are drawn: with replacement, as many as there are. The same clips give the same draws.

    Args:
        draws: how many resamples.
        seed: of NumPy's default generator.
    """

    draws: int = 10_000
    seed: int = 0

    def totals(self, columns: Floats) -> Floats:
        """Sums over the clips of each resample.

        Args:
            columns: (clips, columns), what is summed of each clip.

        Returns (draws, columns).
        """
        if self.draws * len(columns) <= CELLS:
            return np.asarray(_drawn_once(self, len(columns)) @ columns)
        return np.concatenate([times @ columns for times in self.drawn(len(columns))])

    def drawn(self, clips: int) -> Iterator[Floats]:
        """How often each clip is drawn, (some draws, clips), in turns.

        Args:
            clips: how many there are.
        """
        rng = np.random.default_rng(self.seed)
        for size in self._turns(clips):
            drawn = rng.integers(0, clips, (size, clips)) + clips * np.arange(size)[:, None]
            yield np.bincount(drawn.ravel(), minlength=size * clips).reshape(size, clips).astype(float)

    def totals_of_kinds(self, columns: Floats) -> Floats:
        """`totals`, quick where few rows differ (verdicts of a million clips): how often each kind of row is drawn is
        drawn, which has the same distribution. Fewer rows than SINGLY, or as many kinds, are drawn one by one.

        Args:
            columns: as of `totals`.

        Returns (draws, columns).
        """
        if len(columns) < SINGLY:
            return self.totals(columns)
        kinds, times = np.unique(columns, axis=0, return_counts=True)
        if len(kinds) * 4 > len(columns):
            return self.totals(columns)
        rng = np.random.default_rng(self.seed)
        drawn = rng.multinomial(len(columns), times / len(columns), self.draws)
        found: Floats = drawn.astype(float) @ kinds
        return found

    def swaps(self, clips: int) -> Iterator[Floats]:
        """Signs (-1, 1), (some draws, clips): all 2^clips ways when those are no more than the draws, else as many by
        chance.

        Args:
            clips: how many there are.
        """
        if clips < 63 and 2**clips <= self.draws:
            ways = np.arange(2**clips)[:, None] >> np.arange(clips)
            yield np.where(ways & 1, -1.0, 1.0)
            return
        rng = np.random.default_rng(self.seed)
        for size in self._turns(clips):
            yield np.where(rng.integers(0, 2, (size, clips)) == 1, -1.0, 1.0)

    def _turns(self, clips: int) -> Iterator[int]:
        """How many draws are made at once, so that memory stays bounded for any number of clips."""
        most = max(1, CELLS // clips)
        for done in range(0, self.draws, most):
            yield min(most, self.draws - done)


@functools.lru_cache(maxsize=2)
def _drawn_once(draws: Draws, clips: int) -> Floats:
    """`Draws.drawn` in one piece, kept: tables ask for the same draws in every cell."""
    return np.concatenate(list(draws.drawn(clips)))


def ratio(top: Any, bottom: Any) -> Floats:
    """`top` divided by `bottom`, element-wise; NaN where the bottom is 0, but for rounding."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    bottom = np.where(bottom > 1e-9, bottom, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)


def estimate_of(
    columns: Floats,
    totals: Floats,
    statistic: Statistic,
    reason: str,
    *,
    unit: Unit = "clips",
    top: float | None = None,
    bottom: float | None = None,
) -> Estimate:
    """The statistic of all clips, with its 95 % interval over the resamples.

    Args:
        columns: (clips, columns), what is summed of each clip.
        totals: (draws, columns), of `Draws.totals(columns)`.
        statistic: what is made of sums; it takes those of all draws at once.
        reason: why, should the number be undefined.
        unit: what is drawn, for the words that say why there is no interval.
        top: what the Estimate says was divided, where it is a ratio.
        bottom: by what.

    Returns an Estimate without an interval, and with the reason, for fewer than 8 clips, when all clips are alike, and
    when more than 1 % of the resamples leave it undefined.
    """
    value = float(statistic(columns.sum(axis=0)))
    if np.isnan(value):
        return undefined(reason)
    plain = Estimate(value=value, top=top, bottom=bottom)
    if len(columns) == 1:
        return replace(plain, unsure=f"one {unit[:-1]} only: nothing to resample")
    if len(columns) < LEAST:
        return replace(plain, unsure=f"only {len(columns)} {unit}: too few to resample")
    drawn = statistic(totals)
    kept = drawn[~np.isnan(drawn)]
    lost = 1 - len(kept) / len(drawn)
    if lost > LOST:
        return replace(plain, unsure=f"undefined in {100 * lost:.0f} % of the resamples: too few {unit} have it")
    if np.ptp(kept) < 1e-12:
        return replace(plain, unsure=_same(columns, statistic, unit))
    low, high = (float(q) for q in np.quantile(kept, _tails(columns, kept, value, statistic)))
    return replace(plain, low=low, high=high, draws_sd=float(kept.std(ddof=1)))


def _same(columns: Floats, statistic: Statistic, unit: Unit) -> str:
    """Why there is no interval where all clips are alike: by chance none that differs may be among them."""
    each = statistic(columns)
    each = each[~np.isnan(each)]
    if not len(each) or np.ptp(each) > 1e-12:
        return SAME
    most = 100 - 100 * TAILS[0] ** (1 / len(each))
    return f"the same on all {len(each):,} {unit} that have it; on up to {most:.1f} % it may differ"


def _tails(columns: Floats, kept: Floats, value: float, statistic: Statistic) -> list[float]:
    """Which quantiles of the draws end a 95 % interval: BCa, corrected for bias and for a spread that grows with the
    value, as that of a small rate does."""
    without_each = statistic(columns.sum(axis=0) - columns)
    pulls = without_each[~np.isnan(without_each)]
    pulls = pulls.mean() - pulls
    spread = float((pulls**2).sum()) ** 1.5
    skew = float((pulls**3).sum()) / (6 * spread) if spread > 0 else 0.0
    below = float(((kept < value - 1e-12).sum() + (kept <= value + 1e-12).sum()) / (2 * len(kept)))
    normal = NormalDist()
    bias = normal.inv_cdf(min(max(below, 1 / len(kept)), 1 - 1 / len(kept)))
    tails = []
    for tail in TAILS:
        at = bias + normal.inv_cdf(tail)
        left = 1 - skew * at
        tails.append(normal.cdf(bias + at / left) if left > 0 else tail)
    return tails


def share_interval(yes: int, of: int, *, draws: int = 1000, seed: int = 20240601) -> tuple[float, float]:
    """95 % interval of a share of independent clips: bootstrap, widened to Wilson's, since resampling cannot doubt a
    clean sheet.

    Args:
        yes: how many have it.
        of: of how many, 1 or more.
        draws: resamples.
        seed: of NumPy's default generator.

    Returns its ends, 0..1.

    Source: Wilson, Journal of the American Statistical Association 22 (1927).
    """
    drawn = np.random.default_rng(seed).binomial(of, yes / of, draws) / of
    low, high = (float(q) for q in np.quantile(drawn, TAILS))
    least, most = wilson(yes, of)
    return min(low, least), max(high, most)


def wilson(yes: int, of: int, tail: float = TAILS[0]) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Args:
        yes: how many have it.
        of: of how many, 1 or more.
        tail: how often the share is beyond either end; 0.025 gives 95 %.

    Returns its ends, 0..1.

    Source: Wilson, Journal of the American Statistical Association 22 (1927).
    """
    share, z = yes / of, NormalDist().inv_cdf(1 - tail)
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, centre - half), min(1.0, centre + half)


def minimum_detectable_effect(draws_sd: float, clips: int) -> float:
    """The smallest true difference that is found, at 5 % and two-sided, in 80 % of studies with so many clips.

    By Student's t, since of few clips the spread is not well known; checked by simulation for normal differences: 0.77
    to 0.80 of the studies find it from 8 clips on.

    Args:
        draws_sd: standard deviation of the difference over resamples.
        clips: how many were drawn, 2 or more.

    Returns a difference in the unit of draws_sd.
    """
    standard_error = draws_sd * math.sqrt(clips / (clips - 1))  # resamples of few clips spread less than clips do
    return standard_error * (_student(0.975, clips - 1) + _student(0.8, clips - 1))


def _student(share: float, freedom: int) -> float:
    """Quantile of Student's t by Cornish and Fisher's expansion; within 0.001 from 7 degrees of freedom on.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.5.
    """
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
