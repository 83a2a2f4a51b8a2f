"""Rank statistics against SciPy's, resamples included; golden values in ranks_scipy.json."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoigen.core.stats import ranks
from hoigen.core.stats.resample import Draws

CASES = json.loads(Path(__file__).with_name("ranks_scipy.json").read_text())["cases"]


def parts(case: dict[str, Any]) -> tuple[Any, Any, Any]:
    return np.array(case["x"]), np.array(case["y"]), np.array(case["clusters"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['x'])} videos")
def test_values_are_scipys(case: dict[str, Any]) -> None:
    x, y, clusters = parts(case)
    draws = Draws(draws=200)
    assert ranks.spearman(x, y, clusters, draws).value == pytest.approx(case["spearman"], abs=1e-12)
    assert ranks.kendall(x, y, clusters, draws).value == pytest.approx(case["kendall"], abs=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['x'])} videos")
def test_a_resample_is_worth_what_scipy_says_of_the_videos_drawn(case: dict[str, Any]) -> None:
    x, y, clusters = parts(case)
    weights = np.array([case["weights"]], float)
    assert ranks._spearman(x, y, clusters, weights)[0] == pytest.approx(case["spearman_weighted"], abs=1e-12)
    forms = ranks._forms(x, y, clusters)
    assert ranks._tau(forms, weights)[0] == pytest.approx(case["kendall_weighted"], abs=1e-12)


def test_intervals_hold_what_they_say() -> None:
    """Of 200 samples whose true Spearman is 0, about 95 % of the intervals hold it."""
    chance = np.random.default_rng(1)
    held = 0
    clusters = np.repeat(np.arange(40), 2)
    for _ in range(200):
        x, y = chance.normal(size=80) + np.repeat(chance.normal(size=40), 2), chance.normal(size=80)
        found = ranks.spearman(x, y, clusters, Draws(draws=400))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert 180 <= held <= 199


def test_videos_of_a_prompt_are_drawn_together() -> None:
    """Copies of one prompt's video tell nothing new: the interval must not shrink with them."""
    chance = np.random.default_rng(2)
    x = chance.normal(size=40)
    y = x + chance.normal(size=40)
    one = ranks.spearman(x, y, np.arange(40), Draws(draws=2000))
    many = ranks.spearman(np.repeat(x, 5), np.repeat(y, 5), np.repeat(np.arange(40), 5), Draws(draws=2000))
    assert one.low is not None
    assert many.low is not None
    assert many.low == pytest.approx(one.low, abs=0.02)


def test_pairwise_accuracy_against_counting() -> None:
    chance = np.random.default_rng(3)
    x, y = chance.integers(0, 4, 30).astype(float), chance.integers(0, 3, 30).astype(float)
    clusters = np.sort(chance.integers(0, 6, 30))
    right = pairs = 0.0
    for i, j in combinations(range(30), 2):
        if clusters[i] == clusters[j] and y[i] != y[j]:
            pairs += 1
            right += 0.5 if x[i] == x[j] else (x[i] > x[j]) == (y[i] > y[j])
    found = ranks.pairs_within(x, y, clusters)
    assert (found[0].sum(), found[1].sum()) == (right, pairs)
    assert ranks.accuracy(*found, Draws(draws=200)).value == pytest.approx(right / pairs)


def test_what_has_no_order_is_undefined_and_never_nan() -> None:
    same, rising = np.ones(6), np.arange(6.0)
    clusters = np.array([0, 0, 1, 1, 2, 2])
    draws = Draws(draws=200)
    for found in (ranks.spearman(same, rising, clusters, draws), ranks.kendall(same, rising, clusters, draws)):
        assert found.value is None
        assert found.reason == ranks.CONSTANT
    assert ranks.spearman(rising[:2], rising[:2], clusters[:2], draws).reason == ranks.TOO_FEW
    assert ranks.accuracy(*ranks.pairs_within(rising, same, clusters), draws).reason == ranks.NO_PAIR
