"""Bootstrap over clips: a clip is drawn with all that was said of it, since claims of one clip err together.

Intervals are BCa: those of plain percentiles miss small rates too often (measured: docs/caption_eval.md).

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 14.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hoigen.claims.numbers import Number, undefined

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Totals of columns, (..., columns) -> values (...); NaN where it is not defined for those totals."""

CELLS = 4_000_000
"""Drawn clips held at once; more are done in turns."""
LOST = 0.01
"""The share of draws that may leave a number undefined before it gets no interval."""
TAILS = (0.025, 0.975)
LEAST = 8
"""Clips below which no interval is told: it would look surer than anything is."""
ONE_CLIP = "one clip only: nothing to resample"
ALIKE = "the same in every resample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """How clips are drawn: with replacement, as many as there are. The same clips give the same draws."""

    draws: int = 10_000
    seed: int = 0

    def totals(self, columns: Floats) -> Floats:
        """(clips, columns) -> (draws, columns): sums over the clips of each draw."""
        return np.concatenate([counts @ columns for counts in self._counts(len(columns))])

    def _counts(self, clips: int) -> Iterator[Floats]:
        """How often each clip was drawn: (some draws, clips)."""
        rng = np.random.default_rng(self.seed)
        left, most = self.draws, max(1, CELLS // clips)
        while left:
            size = min(left, most)
            drawn = rng.integers(0, clips, (size, clips)) + clips * np.arange(size)[:, None]
            yield np.bincount(drawn.ravel(), minlength=size * clips).reshape(size, clips).astype(float)
            left -= size

    def swaps(self, clips: int) -> Iterator[Floats]:
        """Signs for the clips: all 2^clips ways when those are no more than the draws, else as many by chance."""
        if clips < 63 and 2**clips <= self.draws:
            ways = np.arange(2**clips)[:, None] >> np.arange(clips)
            yield np.where(ways & 1, -1.0, 1.0)
            return
        rng = np.random.default_rng(self.seed)
        left, most = self.draws, max(1, CELLS // clips)
        while left:
            size = min(left, most)
            yield np.where(rng.integers(0, 2, (size, clips)) == 1, -1.0, 1.0)
            left -= size


def seen_from(draws_sd: float, clips: int) -> float:
    """The smallest true difference that is found, at 5 % and two-sided, in 80 % of studies with so many clips.

    draws_sd: of the difference over resamples. By Student's t, since of few clips the spread is not well known; checked
    by simulation for normal differences: 0.77 to 0.80 of the studies find it from 8 clips on.
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


def ratio(top: Any, bottom: Any) -> Floats:
    """Element-wise; NaN where the bottom is 0, but for rounding."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    bottom = np.where(bottom > 1e-9, bottom, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)


def number_of(columns: Floats, totals: Floats, statistic: Statistic, reason: str, **more: Any) -> Number:
    """The statistic of all clips, with its interval over the draws. reason: why, should it be undefined."""
    value = float(statistic(columns.sum(axis=0)))
    if np.isnan(value):
        return undefined(reason)
    if len(columns) == 1:
        return Number(value=value, unsure=ONE_CLIP, **more)
    if len(columns) < LEAST:
        return Number(value=value, unsure=f"only {len(columns)} clips: too few to resample", **more)
    drawn = statistic(totals)
    kept = drawn[~np.isnan(drawn)]
    lost = 1 - len(kept) / len(drawn)
    if lost > LOST:
        return Number(
            value=value, unsure=f"undefined in {100 * lost:.0f} % of the resamples: too few clips have it", **more
        )
    if np.ptp(kept) < 1e-12:
        return Number(value=value, unsure=_alike(columns, statistic), **more)
    low, high = (float(q) for q in np.quantile(kept, _tails(columns, kept, value, statistic)))
    return Number(value=value, low=low, high=high, draws_sd=float(kept.std(ddof=1)), **more)


def _alike(columns: Floats, statistic: Statistic) -> str:
    """Why there is no interval where all clips are alike: by chance none that differs may be among them."""
    each = statistic(columns)
    each = each[~np.isnan(each)]
    if not len(each) or np.ptp(each) > 1e-12:
        return ALIKE
    most = 100 - 100 * TAILS[0] ** (1 / len(each))
    return f"the same on all {len(each):,} clips that have it; on up to {most:.1f} % it may differ"


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
