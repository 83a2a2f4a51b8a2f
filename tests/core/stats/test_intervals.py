"""Intervals, tests and agreement against scipy, statsmodels, scikit-learn, krippendorff and irrCAC, and against
published values."""

from __future__ import annotations

from itertools import product

import interval_coverage
import numpy as np
import pytest

from hoigen.core.stats.agreement import agreement
from hoigen.core.stats.paired import holm, mcnemar, swap_test
from hoigen.core.stats.resample import Draws, Estimate, estimate_of, minimum_detectable_effect, ratio, share_interval

FEW = Draws(draws=500)
FALSE = np.array([0, 1, 0, 2, 0, 0, 3, 1, 0, 0, 1, 0, 0, 4, 0, 1, 0, 2, 0, 0, 1, 0, 0, 1, 0, 0, 2, 0, 1, 0.0])
ALL = np.array([5, 8, 6, 9, 7, 5, 11, 8, 6, 7, 9, 5, 6, 12, 8, 7, 5, 10, 6, 7, 8, 5, 6, 9, 7, 6, 10, 5, 8, 6.0])
FALSE_2 = np.array([0, 1, 1, 2, 1, 0, 4, 2, 0, 1, 1, 0, 2, 4, 1, 1, 0, 3, 0, 1, 2, 0, 0, 1, 1, 0, 2, 1, 1, 0.0])
ALL_2 = np.array([6, 8, 7, 9, 8, 5, 12, 8, 6, 8, 9, 6, 6, 13, 8, 7, 6, 10, 6, 8, 8, 5, 7, 9, 8, 6, 10, 6, 8, 7.0])
ONE, TWO = np.stack([FALSE, ALL], axis=1), np.stack([FALSE_2, ALL_2], axis=1)

KRIPPENDORFF = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}
"""Four observers, twelve units. Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), part C."""
THREE = (
    "f.t fff c.f ttt ttt ftt fff ttt .tt tct ..t tct tf. ttf fff c.t ff. ttf ctc ftt "
    "ttt tt. ttt ttt fc. .t. ttt f.f .cc t.t ttt .ft ct. ttf ttt ..t tft fff tct ttt"
)
"""Three annotators, 40 claims: true, false, cannot tell, not rated."""

SCIPY_RATE = (0.0921658986, 0.05527638, 0.14170040, 0.02156812)
SCIPY_DIFFERENCE = (0.0513123623, 0.02786687, 0.08199133, 0.01359343)
"""Value, BCa interval and standard error of H and of its difference: scipy 1.12, 200,000 resamples."""


def units(columns: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    rows = zip(*(text.split() for text in columns.values()), strict=True)
    return [
        (f"clip {at}", {name: said for name, said in zip(columns, row, strict=True) if said != "."})
        for at, row in enumerate(rows)
    ]


def of_three() -> list[tuple[str, dict[str, str]]]:
    return units({name: " ".join(claim[at] for claim in THREE.split()) for at, name in enumerate("XYZ")})


def test_krippendorffs_own_example() -> None:
    found = agreement(units(KRIPPENDORFF), FEW)
    assert found.alpha.value == pytest.approx(0.743421, abs=1e-6)
    assert found.ac1.value == pytest.approx(0.77544, abs=1e-5), "irrCAC, and Gwet's handbook"
    assert found.raw.value == pytest.approx(0.81818, abs=1e-5)
    assert (found.units, found.kappa.value) == (11, None)
    assert "4" in found.kappa.reason


def test_three_annotators_with_gaps() -> None:
    found = agreement(of_three(), FEW)
    assert found.alpha.value == pytest.approx(0.36010865, abs=1e-8), "krippendorff 0.9.0"
    assert found.ac1.value == pytest.approx(0.49676, abs=1e-5), "irrCAC 0.4.4"
    assert found.raw.value == pytest.approx(0.63063, abs=1e-5)


def test_two_of_the_three() -> None:
    both = [(clip, ratings) for clip, ratings in of_three() if {"X", "Y"} <= ratings.keys()]
    found = agreement(both, FEW, ("X", "Y"))
    assert found.units == 29
    assert found.kappa.value == pytest.approx(1 / 3, abs=1e-9), "scikit-learn 1.9.1"
    assert found.ac1.value == pytest.approx(0.53544, abs=1e-5)
    assert found.raw.value == pytest.approx(19 / 29)
    assert sum(sum(row.values()) for row in found.confusion.values()) == 29


def test_an_annotator_who_always_says_true_gets_a_high_ac1_and_no_kappa() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(400) < 0.8
    spam = [(f"c{at}", {"honest": "true" if ok else "false", "spam": "true"}) for at, ok in enumerate(said)]
    found = agreement(spam, FEW)
    assert found.ac1.value is not None
    assert found.ac1.value > 0.6
    assert found.kappa.value == pytest.approx(0, abs=1e-12)
    assert found.alpha.value is not None
    assert found.alpha.value < 0


def test_agreement_that_is_undefined_says_why() -> None:
    same = [(f"c{at}", {"A": "true", "B": "true"}) for at in range(5)]
    found = agreement(same, FEW)
    assert found.raw.value == 1
    for number in (found.kappa, found.ac1, found.alpha):
        assert number.value is None
        assert "same verdict" in number.reason
    alone = agreement([("c", {"A": "true"}), ("d", {"B": "true"})], FEW)
    assert (alone.units, alone.raw.value) == (0, None)
    assert "by two" in alone.alpha.reason


def test_claims_of_one_clip_are_drawn_together() -> None:
    """The same ratings as one clip each or as few clips of many: the fewer clips, the less is known."""
    apart = [(f"c{at}", ratings) for at, (_, ratings) in enumerate(of_three())]
    packed = [(f"c{at // 8}", ratings) for at, (_, ratings) in enumerate(sorted(of_three(), key=str))]
    wide, narrow = (agreement(found, FEW).alpha for found in (packed, apart))
    assert wide.value == pytest.approx(agreement(of_three(), FEW).alpha.value)
    assert narrow.low is not None
    assert narrow.low < narrow.value < narrow.high  # type: ignore[operator]


@pytest.mark.parametrize(
    ("only", "exact", "mid"),
    [
        ((1, 7), 0.0703125, 0.0390625),  # the example of Fagerland 2013: 0.070 and 0.039
        ((5, 5), 1.0, 0.876953125),
        ((12, 3), 0.03515625, 0.02127075195),
        ((0, 4), 0.125, 0.0625),
        ((30, 50), 0.03299261842, 0.02565435797),  # statsmodels 0.15, scipy's binomial
    ],
)
def test_mcnemar(only: tuple[int, int], exact: float, mid: float) -> None:
    first = [True] * only[0] + [False] * only[1] + [True, False]
    second = [False] * only[0] + [True] * only[1] + [True, False]
    found = mcnemar(first, second)
    assert (found.first_only, found.second_only) == only
    assert found.exact == pytest.approx(exact)
    assert found.mid_p == pytest.approx(mid)


def test_mcnemar_of_captioners_that_never_differ_and_of_many_clips() -> None:
    assert mcnemar([True, False], [True, False]).exact == 1.0
    many = mcnemar([True] * 2000 + [False] * 1800, [False] * 2000 + [True] * 1800)
    assert many.exact == pytest.approx(0.00125, rel=0.05)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.5]), "statsmodels 0.15"
    assert holm([]) == []


def test_swap_test_is_what_trying_every_swap_says() -> None:
    one, two = ONE[:10], TWO[:10]

    def apart(signs: tuple[bool, ...]) -> float:
        a = sum((two if swap else one)[at] for at, swap in enumerate(signs))
        b = sum((one if swap else two)[at] for at, swap in enumerate(signs))
        return abs(a[0] / a[1] - b[0] / b[1])

    ways = list(product((False, True), repeat=10))
    seen = apart(ways[0])
    expected = sum(apart(signs) >= seen - 1e-12 for signs in ways) / len(ways)
    assert swap_test(one, two, Draws()) == pytest.approx(expected)
    assert 0 < expected < 1


def test_swap_test_by_chance_is_scipys_permutation_test() -> None:
    assert swap_test(ONE, np.roll(TWO, 4, axis=0), Draws(draws=40_000)) == pytest.approx(0.10281, abs=0.007)


def test_swap_test_holds_its_level() -> None:
    rng = np.random.default_rng(5)
    rejected = 0
    for study in range(300):
        claims = rng.poisson(8, (40, 2)) + 1
        hard = rng.beta(1, 4, 40)[:, None]
        false = rng.binomial(claims, hard)
        sides = [np.stack([false[:, at], claims[:, at]], axis=1).astype(float) for at in (0, 1)]
        p = swap_test(sides[0], sides[1], Draws(draws=400, seed=study))
        rejected += p is not None and p <= 0.05
    assert 0.015 <= rejected / 300 <= 0.09


def close(found: Estimate, value: float, low: float, high: float, sd: float) -> None:
    assert found.value == pytest.approx(value, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (high - low))
    assert found.draws_sd == pytest.approx(sd, rel=0.03)


def test_intervals_are_scipys() -> None:
    draws = Draws(draws=20_000, seed=4)
    close(estimate_of(ONE, draws.totals(ONE), interval_coverage.hallucination, ""), *SCIPY_RATE)
    both = np.concatenate([ONE, TWO], axis=1)
    close(estimate_of(both, draws.totals(both), interval_coverage.difference, ""), *SCIPY_DIFFERENCE)


def test_draws_are_fixed_by_their_seed_and_made_in_turns_alike() -> None:
    first, again, other = (Draws(draws=300, seed=seed).totals(ONE) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.mean(axis=0) == pytest.approx(ONE.sum(axis=0), rel=0.05)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    assert 0.92 <= interval_coverage.coverage(interval_coverage.hallucination, 80, 0.2, 400) <= 0.98
    assert 0.92 <= interval_coverage.coverage(interval_coverage.difference, 80, 0.2, 400) <= 0.98


def test_no_interval_where_resampling_cannot_show_one() -> None:
    never = np.stack([np.zeros(20), ALL[:20]], axis=1)
    found = estimate_of(never, FEW.totals(never), interval_coverage.hallucination, "")
    assert (found.value, found.low) == (0.0, None)
    assert "all 20 clips" in found.unsure
    assert "16.8 %" in found.unsure, "scipy: binomtest(0, 20).proportion_ci(0.95, 'exact').high"
    alone = estimate_of(ONE[:1], FEW.totals(ONE[:1]), interval_coverage.hallucination, "")
    assert (alone.value, alone.low, alone.unsure) == (0.0, None, "one clip only: nothing to resample")
    rare = np.zeros((20, 2))
    rare[0] = 1, 2
    found = estimate_of(rare, FEW.totals(rare), interval_coverage.hallucination, "")
    assert found.low is None
    assert "too few clips" in found.unsure
    none = estimate_of(np.zeros((4, 2)), FEW.totals(np.zeros((4, 2))), interval_coverage.hallucination, "no claims")
    assert (none.value, none.reason) == (None, "no claims")


def test_a_number_is_never_nan() -> None:
    with pytest.raises(ValueError, match="finite"):
        Estimate(value=float("nan"))
    with pytest.raises(ValueError, match="says why"):
        Estimate(value=None)
    assert np.isnan(ratio(1, 0))


@pytest.mark.parametrize("clips", [8, 15, 60])
def test_a_difference_as_large_as_is_told_is_found_in_four_of_five_studies(clips: int) -> None:
    """Normal differences of that size, and the swap test that tables show: 0.80 but for chance (0.02 either way)."""
    chance, draws = np.random.default_rng(clips), Draws(draws=1000)
    size = minimum_detectable_effect(float(np.sqrt((clips - 1) / clips) / np.sqrt(clips)), clips)
    one = np.ones(clips)
    found = 0
    for _ in range(300):
        values = chance.normal(size, 1.0, clips)
        p = swap_test(np.stack([np.zeros(clips), one], axis=1), np.stack([values, one], axis=1), draws)
        found += p is not None and p < 0.05
    assert 0.73 <= found / 300 <= 0.87


def test_share_intervals_are_as_wide_as_wilsons() -> None:
    """Wilson's by its definition: the shares that a normal test at 5 % does not reject."""
    for yes, of in ((0, 1), (1, 1), (0, 8), (8, 8), (3, 7), (900, 1000), (1, 100_000)):
        low, high = share_interval(yes, of)
        grid = np.linspace(0, 1, 200_001)[1:-1]
        held = grid[np.abs(yes / of - grid) <= 1.959964 * np.sqrt(grid * (1 - grid) / of)]
        assert 0 <= low <= held.min() + 1e-5
        assert 1 >= high >= held.max() - 1e-5


def test_agreement_by_its_definitions() -> None:
    """Pairs of ratings counted one by one, of any number of annotators, with gaps."""
    rng = np.random.default_rng(8)
    for _ in range(20):
        said = [{name: str(rng.choice(list("tfc"))) for name in "ABC" if rng.random() < 0.8} for _ in range(30)]
        found = agreement([(f"c{at}", ratings) for at, ratings in enumerate(said)], Draws(draws=100))
        both = [list(ratings.values()) for ratings in said if len(ratings) > 1]
        same = [np.mean([a == b for i, a in enumerate(r) for j, b in enumerate(r) if i != j]) for r in both]
        assert found.raw.value == pytest.approx(np.mean(same))
        every = [word for ratings in both for word in ratings]
        apart = np.mean([a != b for i, a in enumerate(every) for j, b in enumerate(every) if i != j])
        weighted = np.average([1 - share for share in same], weights=[len(r) for r in both])
        assert found.alpha.value == pytest.approx(1 - weighted / apart)
        rated = [list(ratings.values()) for ratings in said if ratings]
        shares = [np.mean([np.mean([word == kind for word in r]) for r in rated]) for kind in "tfc"]
        chance = sum(share * (1 - share) for share in shares) / 2
        assert found.ac1.value == pytest.approx((np.mean(same) - chance) / (1 - chance))


def test_the_confusion_names_values_in_the_order_asked_for() -> None:
    units = [("c1", {"A": "no", "B": "yes"}), ("c2", {"A": "maybe", "B": "yes"})]
    assert list(agreement(units, FEW).confusion) == ["maybe", "no", "yes"]
    assert list(agreement(units, FEW, order=("yes", "no")).confusion) == ["yes", "no", "maybe"]


def test_one_clip_two_clips_and_a_million() -> None:
    one, two = ONE[:1], ONE[:2]
    assert (
        estimate_of(two, FEW.totals(two), interval_coverage.hallucination, "").unsure
        == "only 2 clips: too few to resample"
    )
    assert estimate_of(one, one, interval_coverage.hallucination, "", unit="prompts").unsure == (
        "one prompt only: nothing to resample"
    )
    assert swap_test(one, TWO[:1], Draws()) == 1.0, "to swap one clip changes the sign alone"
    many = np.tile(ONE, (34_000, 1))
    found = estimate_of(many, Draws(draws=20).totals(many), interval_coverage.hallucination, "")
    assert found.value == pytest.approx(SCIPY_RATE[0], abs=1e-9)
    assert found.low is not None
    assert found.low < SCIPY_RATE[0]
    assert found.draws_sd == pytest.approx(SCIPY_RATE[3] / np.sqrt(34_000), rel=0.5)


def test_holm_by_its_definition() -> None:
    """A p counts as the least level at which the step-down procedure rejects it."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        p = list(rng.choice([0.001, 0.01, 0.02, 0.04, 0.3, 1.0], rng.integers(1, 7)))
        ordered = sorted(p)
        stepped = [max(min(1.0, (len(p) - rank) * ordered[rank]) for rank in range(at + 1)) for at in range(len(p))]
        assert sorted(holm(p)) == pytest.approx(stepped)
        assert all(corrected >= own for corrected, own in zip(holm(p), p, strict=True))


def test_more_draws_than_fit_at_once_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    from hoigen.core.stats import resample

    whole = Draws(draws=100).totals(ONE)
    monkeypatch.setattr(resample, "CELLS", 7 * len(ONE))
    assert np.array_equal(Draws(draws=100).totals(ONE), whole)
    assert sum(len(signs) for signs in Draws(draws=100).swaps(len(ONE))) == 100
