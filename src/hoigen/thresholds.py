"""Where to put a threshold: from how values are spread, or from what people said of clips."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    Values = Sequence[float] | np.ndarray
    Said = Sequence[bool] | np.ndarray

Bound = Literal["min", "max"]
RESAMPLES = 1000
SEED = 20240601


@dataclass(frozen=True, slots=True)
class Curve:
    """Every threshold that tells the labelled clips apart, from the loosest to the strictest.

    thresholds: (K,) where to cut; kept: clips that stay. precision: share of yes among those kept.
    recall: share of all yes that is kept. f1: their harmonic mean.
    """

    bound: Bound
    thresholds: np.ndarray
    kept: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True, slots=True)
class Choice:
    """One point of a curve. `interval` is of the precision, 95 %; `unseen` is what other clips may expect of it."""

    threshold: float
    precision: float
    recall: float
    f1: float
    kept: int
    interval: tuple[float, float]
    unseen: float | None


def tails(values: Sequence[float], share: float, bounds: Sequence[Bound]) -> dict[Bound, float]:
    """The bounds that keep at least `share` of the values; with two, each takes half of the rest.

    Rounded to the loose side, to a number that a person would write.
    """
    ordered = sorted(values)
    cut = int((1 - share) * len(ordered) / len(bounds) + 1e-9)
    found: dict[Bound, float] = {}
    if "min" in bounds:
        found["min"] = _loose(ordered, cut, down=True)
    if "max" in bounds:
        found["max"] = _loose(ordered, len(ordered) - 1 - cut, down=False)
    return found


def _loose(ordered: Sequence[float], at: int, *, down: bool) -> float:
    """`ordered[at]` rounded outwards to about a hundredth of the spread, so that it stays inside."""
    value, last = ordered[at], len(ordered) - 1
    spread = ordered[last - last // 20] - ordered[last // 20] or ordered[last] - ordered[0]
    if spread <= 0:
        return value
    digits = 2 - math.floor(math.log10(spread))
    step = 10.0**-digits
    short = round((math.floor if down else math.ceil)(value / step) * step, digits)
    if (short > value) if down else (short < value):
        return value
    return short + 0.0


def between(outside: float, inside: float) -> float:
    """A short number that lets `inside` through and not `outside`, near their middle; `inside` itself if none is."""
    middle = outside + (inside - outside) / 2
    low, high = min(outside, inside), max(outside, inside)
    if low.is_integer() and high.is_integer() and high - low <= 1:
        return inside
    for digits in range(1, 17):
        short = float(f"{middle:.{digits}g}")
        if low < short < high:
            return short
    return inside


def auc(values: Sequence[float], said: Sequence[bool]) -> float:
    """Share of (yes, no) pairs in which yes has the larger value; ties count half. 0.5 tells nothing."""
    import numpy as np

    v, y = np.asarray(values, float), np.asarray(said, bool)
    _, inverse, counts = np.unique(v, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    yes, no = int(y.sum()), int((~y).sum())
    return float((ranks[y].sum() - yes * (yes + 1) / 2) / (yes * no))


def curve(values: Values, said: Said, bound: Bound, missed: int = 0) -> Curve:
    """Precision, recall and F1 at every threshold. `missed`: clips with yes that have no value, so are never kept."""
    import numpy as np

    v, y = np.asarray(values, float), np.asarray(said, bool)
    v = v if bound == "min" else -v
    order = np.argsort(-v, kind="stable")
    v, y = v[order], y[order]
    last = np.append(v[1:] != v[:-1], True)  # equal values are kept or dropped together
    kept, true = np.arange(1, len(v) + 1)[last][::-1], np.cumsum(y)[last][::-1]
    distinct = v[last][::-1]
    cuts = [float(distinct[0]), *(between(float(a), float(b)) for a, b in itertools.pairwise(distinct))]
    precision, recall = true / kept, true / max(1, int(y.sum()) + missed)
    f1 = 2 * true / (kept + int(y.sum()) + missed)
    signed = np.asarray(cuts) if bound == "min" else -np.asarray(cuts)
    return Curve(bound, signed + 0.0, kept, precision, recall, f1)


def choose(found: Curve, precision: float | None) -> int | None:
    """The index of the best F1, or of the loosest threshold that reaches a precision; None when none does."""
    import numpy as np

    if precision is None:
        return int(np.argmax(found.f1))
    reached = np.flatnonzero(found.precision >= precision - 1e-12)
    return int(reached[0]) if len(reached) else None


def judge(
    values: Sequence[float], said: Sequence[bool], found: Curve, at: int, precision: float | None, missed: int = 0
) -> Choice:
    """A point of the curve with how sure one may be of it."""
    kept = int(found.kept[at])
    true = round(float(found.precision[at]) * kept)
    return Choice(
        threshold=float(found.thresholds[at]),
        precision=float(found.precision[at]),
        recall=float(found.recall[at]),
        f1=float(found.f1[at]),
        kept=kept,
        interval=interval(true, kept),
        unseen=_unseen(values, said, found.bound, precision, missed),
    )


def interval(true: int, kept: int) -> tuple[float, float]:
    """95 % interval of a precision: bootstrap, widened to Wilson's, since resampling cannot doubt a clean sheet."""
    import numpy as np

    share = true / kept
    drawn = np.random.default_rng(SEED).binomial(kept, share, RESAMPLES) / kept
    low, high = (float(q) for q in np.quantile(drawn, (0.025, 0.975)))
    z = 1.959964
    centre = (share + z * z / (2 * kept)) / (1 + z * z / kept)
    half = z * math.sqrt(share * (1 - share) / kept + z * z / (4 * kept * kept)) / (1 + z * z / kept)
    return max(0.0, min(low, centre - half)), min(1.0, max(high, centre + half))


def _unseen(
    values: Sequence[float], said: Sequence[bool], bound: Bound, precision: float | None, missed: int
) -> float | None:
    """Precision on clips that had no say: the threshold is chosen anew on resamples and tried on those left out."""
    import numpy as np

    v, y = np.asarray(values, float), np.asarray(said, bool)
    rng = np.random.default_rng(SEED)
    true = kept = 0
    for _ in range(100):
        drawn = rng.integers(0, len(v), len(v))
        left_out = np.ones(len(v), bool)
        left_out[drawn] = False
        if y[drawn].all() or not y[drawn].any():
            continue
        again = curve(v[drawn], y[drawn], bound, missed)
        at = choose(again, precision)
        if at is None:
            continue
        stays = v >= again.thresholds[at] if bound == "min" else v <= again.thresholds[at]
        true += int((stays & left_out & y).sum())
        kept += int((stays & left_out).sum())
    return true / kept if kept else None
