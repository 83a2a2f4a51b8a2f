"""Strengths of models from votes, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from hoigen.core.stats.resample import Draws
from hoigen.core.stats.tournament import ELO, bradley_terry, ranks_alike, standings, strengths

DRAWS = Draws(draws=500, seed=0)
TRUE = np.array([150.0, 40.0, 0.0, -190.0])


def votes(many: int, seed: int = 0, prompts: int = 40) -> np.ndarray:
    """(prompts, 4, 4) of voters who go by Bradley and Terry's law with the true strengths."""
    chance = np.random.default_rng(seed)
    wins = np.zeros((prompts, 4, 4))
    for one in range(4):
        for other in range(one + 1, 4):
            p = 1 / (1 + np.exp(-(TRUE[one] - TRUE[other]) / ELO))
            won = chance.binomial(many, p, prompts)
            wins[:, one, other], wins[:, other, one] = won, many - won
    return wins


def test_true_strengths_are_found() -> None:
    assert bradley_terry(votes(500).sum(0)) == pytest.approx(TRUE, abs=5)
    expected = np.zeros((4, 4))
    for one in range(4):
        for other in range(4):
            if one != other:
                expected[one, other] = 1e6 / (1 + np.exp(-(TRUE[one] - TRUE[other]) / ELO))
    assert bradley_terry(expected) == pytest.approx(TRUE, abs=0.01)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(60):
        found = standings(["a", "b", "c", "d"], votes(6, seed), DRAWS)
        first = next(each for each in found if each.model == "a").strength
        assert first.low is not None
        assert first.high is not None
        held += first.low <= TRUE[0] <= first.high
    assert held >= 52, "95 % of 60, less what chance and 40 prompts take"


def test_who_won_all_keeps_a_finite_strength_and_who_stood_against_the_strong_is_not_weak() -> None:
    wins = np.zeros((10, 3, 3))
    wins[:, 0, 1] = 1  # a beats b always; b beats c always; a and c never met
    wins[:, 1, 2] = 1
    found = standings(["a", "b", "c"], wins, DRAWS)
    assert [each.model for each in found] == ["a", "b", "c"]
    assert all(each.strength.value is not None and abs(each.strength.value) < 3000 for each in found)
    assert [each.rate.value for each in found] == [1.0, 0.5, 0.0]
    alone = standings(["a", "b", "x"], np.pad(wins[:, :2, :2], ((0, 0), (0, 1), (0, 1))), DRAWS)
    assert next(each for each in alone if each.model == "x").rate.reason == "no vote on it"


def test_models_in_the_same_order_and_in_the_other_one() -> None:
    people = strengths(votes(30), DRAWS)
    number = np.stack([np.tile(TRUE, (40, 1)), np.ones((40, 4))], axis=2)
    rho, right = ranks_alike(number, people, DRAWS)
    assert (rho.value, right.value) == (1, 1)
    rho, right = ranks_alike(number * [-1.0, 1.0], people, DRAWS)
    assert (rho.value, right.value) == (-1, 0)
    swapped = number.copy()
    swapped[:, [1, 2], 0] = number[:, [2, 1], 0]
    rho, right = ranks_alike(swapped, people, DRAWS)
    assert rho.value == pytest.approx(0.8), "1 - 6 * 2 / (4 * 15), Spearman's formula"
    assert right.value == pytest.approx(5 / 6)
    assert rho.low is not None
    two = strengths(votes(30)[:, :2, :2], DRAWS)
    assert ranks_alike(number[:, :2], two, DRAWS)[0].reason.startswith("2 models")
    assert ranks_alike(number * [0.0, 1.0], people, DRAWS)[0].value is None
    nobody = number.copy()
    nobody[:, 3] = 0
    assert "has no such number" in ranks_alike(nobody, people, DRAWS)[0].reason
    few = ranks_alike(number[:4], strengths(votes(30)[:4], DRAWS), DRAWS)[0]
    assert few.low is None
    assert "too few" in few.unsure
