"""Theta: the share of frames above each threshold, and a threshold from labelled frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SWEEP = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""0.05 to 0.95 in steps of 0.05."""


def share_above(scores: Sequence[float], theta: float) -> float:
    """Share of frames above theta, 0..1. A score of exactly theta is not above it."""
    return sum(score > theta for score in scores) / len(scores)


def sweep(scores: Sequence[float]) -> list[float]:
    """The share of frames above each threshold of SWEEP."""
    return [share_above(scores, theta) for theta in SWEEP]


def area(scores: Sequence[float]) -> float:
    """The share of frames above theta, averaged over all theta from 0 to 1; the same as the mean score."""
    return sum(scores) / len(scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A theta and how well it splits labelled frames.

    auc: share of (yes, no) pairs in the right order, ties count half. precision is None where nothing is above theta.
    """

    theta: float
    precision: float | None
    recall: float
    false_positives: float
    f1: float
    auc: float
    frames: int


def calibrate(scores: Sequence[float], labels: Sequence[bool], most_false: float | None = None) -> Calibration:
    """The theta with the best F1, or, with `most_false`, the lowest one with at most that share of false alarms.

    Raises ValueError when lengths differ, a score is no number from 0 to 1, or labels are all alike.
    """
    found = rows(scores, labels)
    if most_false is None:
        return max(found, key=lambda row: (row.f1, -row.theta))
    return min((row for row in found if row.false_positives <= most_false), key=lambda row: row.theta)


def rows(scores: Sequence[float], labels: Sequence[bool]) -> list[Calibration]:
    """Every theta that tells the frames apart, from the lowest to the highest. Raises ValueError as `calibrate`."""
    if len(scores) != len(labels):
        raise ValueError(f"a label for every score: {len(scores)} scores and {len(labels)} labels came")
    if wrong := [score for score in scores if not (math.isfinite(score) and 0 <= score <= 1)]:
        raise ValueError(f"scores are from 0 to 1; {wrong[0]!r} came")
    if len(set(map(bool, labels))) < 2:
        raise ValueError("labels are all alike: theta needs frames with an interaction and frames without")
    levels = sorted({0.0, *scores})
    return [at_theta(scores, labels, _between(levels, at)) for at in range(len(levels))]


def _between(levels: Sequence[float], at: int) -> float:
    """A threshold above level `at` and below the next, so that rounding moves no frame."""
    return (levels[at] + levels[at + 1]) / 2 if at + 1 < len(levels) else levels[at]


def at_theta(scores: Sequence[float], labels: Sequence[bool], theta: float) -> Calibration:
    """What one theta does."""
    above = [score > theta for score in scores]
    hits = sum(a and b for a, b in zip(above, labels, strict=True))
    yes, said = sum(map(bool, labels)), sum(above)
    return Calibration(
        theta=theta,
        precision=hits / said if said else None,
        recall=hits / yes,
        false_positives=(said - hits) / (len(labels) - yes),
        f1=2 * hits / (said + yes),
        auc=auc(scores, labels),
        frames=len(scores),
    )


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Share of (yes, no) pairs in the right order; ties count half."""
    order = sorted(range(len(scores)), key=lambda at: scores[at])
    ranks = [0.0] * len(scores)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and scores[order[last + 1]] == scores[order[first]]:
            last += 1
        for at in order[first : last + 1]:
            ranks[at] = (first + last) / 2 + 1
        first = last + 1
    yes = sum(map(bool, labels))
    total = sum(rank for rank, label in zip(ranks, labels, strict=True) if label)
    return (total - yes * (yes + 1) / 2) / (yes * (len(labels) - yes))
