"""Where to put a threshold: from how values are spread, or from what people said of clips or frames.

A rule `min` keeps what is at the threshold or above, `max` what is at it or below. `above` is coarse_hoi's theta: it
keeps what is above it, so that a score of 0 is never kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

    Values = Sequence[float] | np.ndarray
    Labels = Sequence[bool] | np.ndarray

Bound = Literal["min", "max"]
Side = Literal["min", "max", "above"]
SWEEP = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Thetas from 0.05 to 0.95 in steps of 0.05."""
SEED = 20240601


def share_above(scores: Sequence[float], theta: float) -> float:
    """Share of frames whose score is above a threshold, 0..1; a score of exactly `theta` is not above it.

    Args:
        scores: of the frames.
        theta: the threshold, in the unit of the scores.
    """
    return sum(score > theta for score in scores) / len(scores)


def sweep(scores: Sequence[float]) -> list[float]:
    """The share of frames above each theta of SWEEP, 0..1. scores: of the frames."""
    return [share_above(scores, theta) for theta in SWEEP]


def area(scores: Sequence[float]) -> float:
    """The share of frames above theta, averaged over all theta from 0 to 1: the mean of their `scores`."""
    return sum(scores) / len(scores)


def tails(values: Sequence[float], share: float, bounds: Sequence[Bound]) -> dict[Bound, float]:
    """The bounds that keep at least a share of the values; with two, each takes half of the rest.

    Args:
        values: of clips, in any order; at least one.
        share: of the clips to keep, between 0 and 1.
        bounds: which sides to bound.

    Returns a threshold for each bound, rounded to the loose side, to a number that a person would write.
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
    """A short number between two values, near their middle: a threshold that a person would write.

    Args:
        outside: the value that does not pass.
        inside: the value that passes; returned itself where no short number lies between.
    """
    middle = outside + (inside - outside) / 2
    low, high = min(outside, inside), max(outside, inside)
    if low.is_integer() and high.is_integer() and high - low <= 1:
        return inside
    for digits in range(1, 17):
        short = float(f"{middle:.{digits}g}")
        if low < short < high:
            return short
    return inside


def auc(values: Values, labels: Labels) -> float:
    """Area under the ROC curve: the share of (yes, no) pairs in which yes has the larger value; ties count half.

    Args:
        values: of each clip or frame.
        labels: yes or no for each, in the same order.

    Returns 0..1; 0.5 tells nothing, 0 is the right order backwards. Raises ValueError when lengths differ, a value is
    not a number, or all are yes or all no.

    Source: Mann and Whitney's U over the number of pairs; Hanley and McNeil, Radiology 143 (1982).
    """
    import numpy as np

    v, y = _checked(values, labels)
    _, inverse, counts = np.unique(v, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    yes, no = int(y.sum()), int((~y).sum())
    if not yes or not no:
        raise ValueError("labels are all alike: the AUC is of pairs of a yes and a no")
    return float((ranks[y].sum() - yes * (yes + 1) / 2) / (yes * no))


def _checked(values: Values, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    v, y = np.asarray(values, float), np.asarray(labels, bool)
    if v.shape != y.shape:
        raise ValueError(f"a label for every value: {len(v)} values and {len(y)} labels came")
    if wrong := v[np.isnan(v)].tolist():
        raise ValueError(f"{len(wrong)} of {len(v)} values are not numbers (nan)")
    return v, y


@dataclass(frozen=True, slots=True)
class Curve:
    """Every threshold that parts the labelled clips, from the loosest to the strictest; arrays are (K,) float64.

    Args:
        side: which rule.
        thresholds: where to cut, in the unit of the values.
        kept: how many clips stay.
        precision: share of yes among those kept, 0..1; NaN where nothing is kept.
        recall: share of all yes that is kept, 0..1.
        f1: their harmonic mean.
        false_positives: share of all no that is kept, 0..1.
    """

    side: Side
    thresholds: np.ndarray
    kept: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    false_positives: np.ndarray

    def point(self, at: int) -> Point:
        """One threshold with what it does. at: its place in the arrays."""
        kept = int(self.kept[at])
        return Point(
            threshold=float(self.thresholds[at]),
            kept=kept,
            precision=float(self.precision[at]) if kept else None,
            recall=float(self.recall[at]),
            f1=float(self.f1[at]),
            false_positives=float(self.false_positives[at]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one threshold does on the labelled clips, as `Curve` has it; precision is None where nothing is kept."""

    threshold: float
    kept: int
    precision: float | None
    recall: float
    f1: float
    false_positives: float


def curve(values: Values, labels: Labels, side: Side, missed: int = 0) -> Curve:
    """Precision, recall, F1 and false positives at every threshold.

    Args:
        values: of each clip or frame; of `above`, 0 or more.
        labels: yes or no for each, in the same order; at least one yes and one no.
        side: `min` or `max`, whose thresholds are short numbers between two values, and which always keep something; or
            `above`, whose thresholds are half-way, from what keeps all above 0 to what keeps nothing.
        missed: clips with yes that have no value, so are never kept.

    Raises ValueError when lengths differ, a value is not a number, or is below 0 where it may not be.
    """
    import numpy as np

    v, y = _checked(values, labels)
    v = -v if side == "max" else v
    order = np.argsort(-v, kind="stable")
    v, y = v[order], y[order]
    last = np.append(v[1:] != v[:-1], True)  # equal values are kept or dropped together
    kept, true = np.arange(1, len(v) + 1)[last][::-1], np.cumsum(y)[last][::-1]
    distinct = v[last][::-1]
    if side == "above":
        kept, true, distinct = np.append(kept, 0), np.append(true, 0), np.append(distinct, distinct[-1])
        if distinct[0] < 0:
            raise ValueError(f"values are 0 or more; {distinct[0]!r} came")
        below = np.append(0.0, distinct[:-1])
        middle = (below + distinct) / 2
        cuts = np.where(middle < distinct, middle, below).tolist()  # two floats may have none between them
        if distinct[0] == 0:  # no threshold of 0 or more keeps these
            kept, true, cuts = kept[1:], true[1:], cuts[1:]
    else:
        loosest = _loose(distinct.tolist(), 0, down=True)  # what keeps all of them, as a person would write it
        cuts = [loosest, *(between(float(a), float(b)) for a, b in itertools.pairwise(distinct))]
    yes = int(y.sum()) + missed
    with np.errstate(invalid="ignore"):
        precision = true / kept
    return Curve(
        side=side,
        thresholds=(-np.asarray(cuts) if side == "max" else np.asarray(cuts)) + 0.0,
        kept=kept,
        precision=precision,
        recall=true / max(1, yes),
        f1=2 * true / (kept + yes),
        false_positives=(kept - true) / max(1, len(y) - int(y.sum())),
    )


def point(values: Values, labels: Labels, side: Side, threshold: float) -> Point:
    """What any threshold does, also one that no curve has.

    Args:
        values: of each clip or frame.
        labels: yes or no for each, in the same order.
        side: whether kept is what is at the threshold or above (`min`), at it or below (`max`), or `above` it.
        threshold: in the unit of the values.
    """
    v, y = _checked(values, labels)
    stays = _stays(v, side, threshold)
    kept, true, yes = int(stays.sum()), int((stays & y).sum()), int(y.sum())
    return Point(
        threshold=threshold,
        kept=kept,
        precision=true / kept if kept else None,
        recall=true / max(1, yes),
        f1=2 * true / max(1, kept + yes),
        false_positives=(kept - true) / max(1, len(y) - yes),
    )


def _stays(values: np.ndarray, side: Side, threshold: float) -> np.ndarray:
    stays: np.ndarray = (
        values >= threshold if side == "min" else values <= threshold if side == "max" else values > threshold
    )
    return stays


def choose(found: Curve, *, precision: float | None = None, most_false: float | None = None) -> int | None:
    """Which point of a curve to take: the best F1, or the loosest that meets what is asked for.

    Args:
        found: of `curve`.
        precision: at least this precision, above 0 and at most 1.
        most_false: at most this share of the no may be kept, 0 or more and below 1.

    Returns its index, of several that are equal the loosest; None when none meets it.
    """
    import numpy as np

    if precision is None and most_false is None:
        return int(np.argmax(found.f1))
    meets = np.ones(len(found.thresholds), bool)
    if precision is not None:
        meets &= found.precision >= precision - 1e-12
    if most_false is not None:
        meets &= found.false_positives <= most_false
    reached = np.flatnonzero(meets)
    return int(reached[0]) if len(reached) else None


@dataclass(frozen=True, slots=True)
class Choice:
    """One point of a curve and how sure one may be of it.

    Args:
        threshold: as of `Point`, and so the next four.
        precision: share of yes among those kept.
        recall: share of all yes that is kept.
        f1: their harmonic mean.
        kept: how many clips stay.
        interval: 95 % interval of the precision.
        unseen: the precision that other clips may be expected to have; None when no resample keeps any.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    kept: int
    interval: tuple[float, float]
    unseen: float | None


def judge(values: Values, labels: Labels, found: Curve, at: int, precision: float | None, missed: int = 0) -> Choice:
    """A point of a curve with how sure one may be of it.

    Args:
        values: those that the curve was made of.
        labels: likewise.
        found: the curve.
        at: which of its points; one that keeps something.
        precision: how the point was chosen, as `choose` has it.
        missed: as the curve was made with.
    """
    from hoigen.core.stats.resample import share_interval

    kept = int(found.kept[at])
    true = round(float(found.precision[at]) * kept)
    import numpy as np

    v, y = np.asarray(values, float), np.asarray(labels, bool)
    rng = np.random.default_rng(SEED)
    right = stayed = 0
    for _ in range(100):
        drawn = rng.integers(0, len(v), len(v))
        left_out = np.ones(len(v), bool)
        left_out[drawn] = False
        if y[drawn].all() or not y[drawn].any():
            continue
        again = curve(v[drawn], y[drawn], found.side, missed)
        place = choose(again, precision=precision)
        if place is None:
            continue
        stays = _stays(v, found.side, again.thresholds[place]) & left_out
        right += int((stays & y).sum())
        stayed += int(stays.sum())
    return Choice(
        threshold=float(found.thresholds[at]),
        precision=float(found.precision[at]),
        recall=float(found.recall[at]),
        f1=float(found.f1[at]),
        kept=kept,
        interval=share_interval(true, kept),
        unseen=right / stayed if stayed else None,
    )
