"""Theta from labelled frames, against sums done by hand and a plain count of pairs."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.hoi.thresholds import SWEEP, area, auc, calibrate, share_above, sweep


def test_shares() -> None:
    scores = [0.0, 0.2, 0.5, 0.9]
    assert share_above(scores, 0.2) == 0.5
    found = sweep(scores)
    assert found == sorted(found, reverse=True)
    assert found[SWEEP.index(0.5)] == 0.25
    fine = np.mean([share_above(scores, theta) for theta in np.linspace(0, 1, 100_001)])
    assert area(scores) == pytest.approx(fine, abs=1e-4)


def test_best_split() -> None:
    scores, labels = [0.1, 0.2, 0.3, 0.6, 0.7, 0.9], [False, False, True, False, True, True]
    best = calibrate(scores, labels)
    assert best.theta == pytest.approx(0.25)
    assert (best.precision, best.recall, best.f1) == (0.75, 1.0, pytest.approx(6 / 7))
    assert best.auc == pytest.approx(8 / 9)
    strict = calibrate(scores, labels, most_false=0.0)
    assert strict.theta == pytest.approx(0.65)
    assert strict.false_positives == 0
    assert strict.recall == pytest.approx(2 / 3)


def test_auc_is_the_share_of_ordered_pairs() -> None:
    chance = np.random.default_rng(0)
    for _ in range(20):
        scores = list(chance.integers(0, 5, 30) / 4)
        labels = [True, False, *(chance.random(28) < 0.4)]
        yes = [s for s, label in zip(scores, labels, strict=True) if label]
        no = [s for s, label in zip(scores, labels, strict=True) if not label]
        by_pairs = np.mean([(a > b) + 0.5 * (a == b) for a in yes for b in no])
        assert auc(scores, labels) == pytest.approx(by_pairs)


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [([0.1], [True, False], "a label"), ([0.1, 2], [True, False], "0 to 1"), ([0.1, 0.2], [True, True], "all alike")],
)
def test_what_cannot_be_calibrated(scores: list[float], labels: list[bool], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        calibrate(scores, labels)
