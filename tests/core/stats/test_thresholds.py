"""Thresholds, AUC and the choice of a threshold, against counting by hand."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoigen.core.stats.resample import share_interval
from hoigen.core.stats.thresholds import (
    SWEEP,
    Side,
    area,
    auc,
    between,
    choose,
    curve,
    judge,
    point,
    share_above,
    sweep,
    tails,
)

values_and_labels = st.lists(
    st.tuples(st.integers(-4, 4).map(float) | st.floats(-1, 1), st.booleans()), min_size=2, max_size=30
).filter(lambda pairs: len({yes for _, yes in pairs}) == 2)


@settings(max_examples=200, deadline=None)
@given(values_and_labels, st.sampled_from(["min", "max"]), st.integers(0, 2))
def test_each_point_of_a_curve_is_what_the_rule_would_do(
    pairs: list[tuple[float, bool]], bound: str, missed: int
) -> None:
    found = curve([v for v, _ in pairs], [y for _, y in pairs], bound, missed)  # type: ignore[arg-type]
    all_yes = sum(y for _, y in pairs) + missed
    assert len(found.thresholds) == len({v for v, _ in pairs})
    for at, threshold in enumerate(found.thresholds):
        stays = [y for v, y in pairs if (v >= threshold if bound == "min" else v <= threshold)]
        assert found.kept[at] == len(stays)
        assert found.precision[at] == pytest.approx(sum(stays) / len(stays))
        assert found.recall[at] == pytest.approx(sum(stays) / all_yes)
        wrong = len(stays) - sum(stays) + all_yes - sum(stays)
        assert found.f1[at] == pytest.approx(2 * sum(stays) / (2 * sum(stays) + wrong))
        assert found.false_positives[at] == pytest.approx((len(stays) - sum(stays)) / sum(not y for _, y in pairs))


@settings(max_examples=100, deadline=None)
@given(values_and_labels)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[float, bool]]) -> None:
    yes, no = [v for v, y in pairs if y], [v for v, y in pairs if not y]
    won = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
    assert auc([v for v, _ in pairs], [y for _, y in pairs]) == pytest.approx(won / len(yes) / len(no))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6) | st.integers(0, 5).map(float), min_size=1, max_size=60),
    st.floats(0.05, 0.99),
    st.sampled_from([["min"], ["max"], ["min", "max"]]),
)
def test_percentiles_keep_at_least_the_share(values: list[float], share: float, sides: list[str]) -> None:
    bounds = tails(values, share, sides)  # type: ignore[arg-type]
    assert list(bounds) == sides
    low, high = bounds.get("min", -math.inf), bounds.get("max", math.inf)
    assert sum(low <= value <= high for value in values) >= share * len(values) - 1e-6


def test_both_tails_lose_alike_and_the_numbers_are_short() -> None:
    rng = random.Random(1)
    values = [rng.gauss(0, 1) for _ in range(10_000)]
    bounds = tails(values, 0.9, ["min", "max"])
    assert bounds["min"] == pytest.approx(-1.645, abs=0.06)
    assert bounds["max"] == pytest.approx(1.645, abs=0.06)
    assert all(len(f"{abs(bound)!r}") <= 4 for bound in bounds.values())


def test_a_threshold_lies_between_the_values_that_it_tells_apart() -> None:
    assert between(0.1, 0.9) == 0.5
    assert between(0.123, 0.131) == 0.13
    assert between(0.1231, 0.1239) == 0.1235
    assert between(1.0, 2.0) == 2.0, "whole numbers stay whole"
    near = math.nextafter(0.3, 1)
    assert between(0.3, near) == near


def test_best_f1_and_the_loosest_that_reaches_a_precision() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    said = [False, False, True, False, True, True, True, True]
    found = curve(values, said, "min")
    best = choose(found)
    assert best is not None
    assert found.thresholds[best] == pytest.approx(0.25)
    sure = choose(found, precision=1.0)
    assert sure is not None
    assert found.thresholds[sure] == pytest.approx(0.45)
    assert found.kept[sure] == 4
    loose = choose(found, precision=0.8)
    assert loose is not None
    assert found.kept[loose] == 6
    assert choose(curve(values, [not yes for yes in said], "min"), precision=0.9) is None


def test_a_clean_sheet_of_few_clips_is_not_certain() -> None:
    low, high = share_interval(8, 8)
    assert low < 0.7
    assert high == 1.0
    low, high = share_interval(900, 1000)
    assert (low, high) == pytest.approx((0.88, 0.917), abs=0.01)


def test_the_precision_of_pure_noise_is_not_believed() -> None:
    """A threshold picked for its precision looks better on its own clips than on others."""
    rng = random.Random(5)
    values, said = [rng.random() for _ in range(60)], [rng.random() < 0.5 for _ in range(60)]
    found = curve(values, said, "min")
    at = choose(found, precision=0.65)
    assert at is not None
    chosen = judge(values, said, found, at, 0.65)
    assert chosen.precision >= 0.65
    assert chosen.unseen is not None
    assert chosen.unseen < chosen.precision - 0.05


thetas = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1), st.booleans()), min_size=2, max_size=25
).filter(lambda pairs: len({yes for _, yes in pairs}) == 2)


@settings(max_examples=300, deadline=None)
@given(thetas, st.floats(0, 0.99))
def test_theta_is_the_best_of_all_that_there_are(pairs: list[tuple[float, bool]], most_false: float) -> None:
    """Every theta is tried by hand: each score, and 0; what is above it counts."""
    scores, said = [s for s, _ in pairs], [y for _, y in pairs]

    def counted(theta: float) -> tuple[float, float]:
        above = [y for s, y in pairs if s > theta]
        no = len(said) - sum(said)
        return 2 * sum(above) / (len(above) + sum(said)), (len(above) - sum(above)) / no

    found = curve(scores, said, "above")
    for at, theta in enumerate(found.thresholds):
        assert (found.f1[at], found.false_positives[at]) == pytest.approx(counted(theta)), "rounding moves no frame"
        assert found.kept[at] == sum(score > theta for score in scores)
        assert point(scores, said, "above", float(theta)) == found.point(at)
    assert len({*found.kept.tolist()}) == len(found.kept) == len({0.0, *scores})
    every = [counted(theta) for theta in {0.0, *scores}]
    best = choose(found)
    assert best is not None
    assert found.f1[best] == pytest.approx(max(f1 for f1, _ in every))
    strict = choose(found, most_false=most_false)
    assert strict is not None, "the last keeps nothing"
    assert found.kept[strict] == max(sum(s > t for s in scores) for t in {0.0, *scores} if counted(t)[1] <= most_false)


def test_theta_by_hand() -> None:
    scores, said = [0.1, 0.2, 0.3, 0.6, 0.7, 0.9], [False, False, True, False, True, True]
    found = curve(scores, said, "above")
    best = found.point(choose(found) or 0)
    assert best.threshold == pytest.approx(0.25)
    assert (best.precision, best.recall, best.f1) == (0.75, 1.0, pytest.approx(6 / 7))
    strict = found.point(choose(found, most_false=0.0) or 0)
    assert strict.threshold == pytest.approx(0.65)
    assert (strict.false_positives, strict.recall) == (0, pytest.approx(2 / 3))
    assert found.point(len(found.kept) - 1).precision is None
    with pytest.raises(ValueError, match="0 or more"):
        curve([-0.1, 0.2], [True, False], "above")


def test_shares_above_theta() -> None:
    scores = [0.0, 0.2, 0.5, 0.9]
    assert share_above(scores, 0.2) == 0.5
    found = sweep(scores)
    assert found == sorted(found, reverse=True)
    assert found[SWEEP.index(0.5)] == 0.25
    fine = sum(share_above(scores, theta / 20_000) for theta in range(20_001)) / 20_001
    assert area(scores) == pytest.approx(fine, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "said", "told"),
    [
        ([0.1], [True, False], "1 values and 2 labels"),
        ([0.1, math.nan], [True, False], "1 of 2 values are not numbers"),
        ([0.1, 0.2], [True, True], "all alike"),
        ([], [], "all alike"),
    ],
)
def test_an_auc_that_there_is_not(values: list[float], said: list[bool], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        auc(values, said)


@pytest.mark.parametrize("side", ["min", "max", "above"])
def test_all_values_the_same_tell_nothing_apart(side: Side) -> None:
    found = curve([0.5, 0.5, 0.5], [True, False, True], side)
    assert auc([0.5, 0.5, 0.5], [True, False, True]) == 0.5
    assert found.kept.tolist() == ([3, 0] if side == "above" else [3])
    assert found.point(0).precision == pytest.approx(2 / 3)


def test_two_clips_and_two_million() -> None:
    assert auc([1.0, 2.0], [False, True]) == 1.0
    rng = np.random.default_rng(0)
    said = rng.random(2_000_000) < 0.3
    values = rng.normal(said * 1.0, 1.0)
    assert auc(values, said) == pytest.approx(0.7602, abs=0.002), "the normal distribution function at 1 / sqrt(2)"


def test_infinite_values_have_an_order_too() -> None:
    assert auc([-math.inf, 0.0, math.inf], [False, False, True]) == 1.0
