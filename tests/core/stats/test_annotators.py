"""Agreement against published examples and definitions, people who are told of, and the day on which all is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from test_intervals import KRIPPENDORFF, units

from hoigen.core.stats.agreement import agreement
from hoigen.core.stats.annotators import Answer, finish, people
from hoigen.core.stats.resample import Draws, wilson

FEW = Draws(draws=300)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)

FLEISS = ("0 0 0 0 14", "0 2 6 4 2", "0 0 3 5 6", "0 3 9 2 0", "2 2 8 1 1", "7 7 0 0 0", "3 2 6 3 0", "2 5 3 2 2")
FLEISS += ("6 5 2 1 0", "0 2 2 3 7")
"""Ten subjects, fourteen raters, five categories: the worked example of https://en.wikipedia.org/wiki/Fleiss%27_kappa."""


def test_fleiss_worked_example() -> None:
    subjects = []
    for at, line in enumerate(FLEISS):
        said = [str(kind) for kind, times in enumerate(map(int, line.split())) for _ in range(times)]
        subjects.append((f"c{at}", {f"rater {n}": value for n, value in enumerate(said)}))
    found = agreement(subjects, FEW)
    assert found.fleiss.value == pytest.approx(0.20993070442195522)  # statsmodels' fleiss_kappa; 0.210 as published
    assert found.raw.value == pytest.approx(0.378, abs=5e-4)
    assert found.fleiss.low is not None
    assert found.fleiss.low < 0.21 < found.fleiss.high  # type: ignore[operator]


def test_fleiss_wants_equally_many_ratings() -> None:
    uneven = [("a", {"X": "1", "Y": "1"}), ("b", {"X": "1", "Y": "2", "Z": "2"}), ("c", {"X": "1"})]
    found = agreement(uneven, FEW)
    assert found.fleiss.value is None
    assert "2 to 3" in found.fleiss.reason
    even = agreement([uneven[0], ("b", {"X": "1", "Y": "2"}), uneven[2]], FEW)
    assert even.fleiss.value == pytest.approx((0.5 - (9 + 1) / 16) / (1 - 10 / 16)), "one that was rated once is out"


def test_gwets_own_example() -> None:
    """125 pairs, 118 both yes. Source: Gwet, "Kappa statistic is not satisfactory for assessing the extent of
    agreement between raters" (2002): kappa -0.0234 and AC1 0.9408 of the same table."""
    table = {("yes", "yes"): 118, ("yes", "no"): 5, ("no", "yes"): 2}
    pairs = [{"A": one, "B": two} for (one, two), times in table.items() for _ in range(times)]
    found = agreement([(f"c{at}", pair) for at, pair in enumerate(pairs)], FEW)
    assert found.kappa.value == pytest.approx(-0.0234, abs=5e-5)
    assert found.ac1.value == pytest.approx(0.9408, abs=5e-5)


def test_cohens_kappa_of_a_published_table() -> None:
    """20, 5, 10, 15 give 0.4: the worked example of https://en.wikipedia.org/wiki/Cohen%27s_kappa."""
    table = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    pairs = [{"A": one, "B": two} for (one, two), times in table.items() for _ in range(times)]
    found = agreement([(f"c{at}", pair) for at, pair in enumerate(pairs)], FEW)
    assert found.kappa.value == pytest.approx(0.4)
    assert found.fleiss.value == pytest.approx((0.7 - (55**2 + 45**2) / 10_000) / (1 - (55**2 + 45**2) / 10_000))


def test_ordinal_alpha_of_krippendorffs_own_example() -> None:
    found = agreement(units(KRIPPENDORFF), FEW, level="ordinal")
    assert found.alpha.value == pytest.approx(0.815, abs=5e-4), "as published, part E"
    assert found.ac1.value == pytest.approx(0.77544, abs=1e-5), "the others are as they were"


def test_ordinal_alpha_by_its_definition() -> None:
    """Every pair of ratings counted one by one, the distance summed over the ratings between."""
    rng = np.random.default_rng(3)
    for _ in range(10):
        said = [{name: str(rng.integers(1, 6)) for name in "ABC" if rng.random() < 0.8} for _ in range(25)]
        both = [list(map(int, ratings.values())) for ratings in said if len(ratings) > 1]
        every = [value for ratings in both for value in ratings]
        times = {kind: every.count(kind) for kind in set(every)}

        def apart(one: int, two: int, times: dict[int, int] = times) -> float:
            low, high = min(one, two), max(one, two)
            between = sum(count for kind, count in times.items() if low <= kind <= high)
            return float(between - (times[one] + times[two]) / 2) ** 2

        seen = sum(
            apart(a, b) / (len(each) - 1)
            for each in both
            for i, a in enumerate(each)
            for j, b in enumerate(each)
            if i != j
        )
        chance = sum(apart(a, b) for i, a in enumerate(every) for j, b in enumerate(every) if i != j) / (len(every) - 1)
        rated = [(f"c{at}", ratings) for at, ratings in enumerate(said)]
        found = agreement(rated, FEW, order=("1", "2", "3", "4", "5"), level="ordinal")
        assert found.alpha.value == pytest.approx(1 - seen / chance)


def test_the_order_of_ordinal_values_is_the_one_given() -> None:
    rated = [("a", {"X": "bad", "Y": "fair"}), ("b", {"X": "good", "Y": "fair"}), ("c", {"X": "bad", "Y": "bad"})]
    rated += [("d", {"X": "good", "Y": "good"})]
    right = agreement(rated, FEW, order=("bad", "fair", "good"), level="ordinal").alpha.value
    by_name = agreement(rated, FEW, order=("fair", "bad", "good"), level="ordinal").alpha.value
    assert right is not None
    assert by_name is not None
    assert right > by_name


def test_many_clips_of_few_kinds_have_the_same_intervals_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(3000) < 0.73
    said = [truth ^ (rng.random(3000) < 0.05) for _ in range(2)]
    pairs = [(f"c{at}", {"A": str(a), "B": str(b)}) for at, (a, b) in enumerate(zip(*said, strict=True))]
    quick = agreement(pairs, Draws(draws=2000))
    columns = rng.integers(0, 2, (3000, 2)).astype(float)
    kinds, single = Draws(draws=4000).totals_of_kinds(columns), Draws(draws=4000).totals(columns)
    assert kinds.mean(0) == pytest.approx(single.mean(0), rel=0.002)
    assert kinds.std(0) == pytest.approx(single.std(0), rel=0.05)
    assert quick.alpha.draws_sd is not None
    packed = agreement(pairs[:1999], Draws(draws=2000))
    assert quick.alpha.draws_sd == pytest.approx(packed.alpha.draws_sd * np.sqrt(1999 / 3000), rel=0.15)


def team(seed: int = 0, clips: int = 600, spam: bool = True) -> list[Answer]:
    """Three who look (errors of 3 %), and one who always keeps; 73 % of the clips are good, half of the gold ones;
    each clip has two."""
    rng = np.random.default_rng(seed)
    names = ["ann", "ben", "cem", "zoe" if spam else "dan"]
    found = []
    for at in range(clips):
        gold = at % 12 == 0
        good = rng.random() < (0.5 if gold else 0.73)
        for who in rng.choice(names, 4 if gold else 2, replace=False):
            kept = True if who == "zoe" else good ^ (rng.random() < 0.03)
            value, right = ("keep" if kept else "drop"), ("keep" if good else "drop") if gold else None
            found.append(Answer(unit=f"c{at}", who=str(who), value=value, seconds=2.0, right=right))
    return found


def test_one_who_always_keeps_is_caught_though_raw_agreement_looks_fine() -> None:
    for seed in range(5):
        told = {person.who: person for person in people(team(seed), draws=FEW)}
        zoe = told.pop("zoe")
        assert zoe.raw.value is not None
        assert zoe.raw.value > 0.6, "raw agreement does not show it"
        said = "; ".join(zoe.alerts)
        assert "gold questions" in said
        assert "alpha with the others" in said
        assert "said keep to all" in said
        assert zoe.shares == {"keep": 1.0}
        for person in told.values():
            assert person.alerts == ()
            assert person.gold_right.value is not None
            assert person.gold_right.value > 0.85
            low, high = wilson(int(person.gold_right.top or 0), person.gold)
            assert (person.gold_right.low, person.gold_right.high) == (low, high)


def test_an_honest_colleague_does_not_look_bad_beside_one_whom_gold_tells_of() -> None:
    answers = [answer for answer in team(3) if answer.who in ("ann", "zoe")]
    told = {person.who: person for person in people(answers, draws=FEW)}
    assert "gold questions" in told["zoe"].alerts[0]
    assert told["ann"].alerts == ()
    assert told["ann"].alpha.value is None, "there is nobody else to agree with"


def test_nobody_is_told_of_in_an_honest_team_and_gold_is_no_part_of_agreement() -> None:
    answers = team(7, spam=False)
    assert all(person.alerts == () for person in people(answers, draws=FEW))
    [one] = [person for person in people(answers, draws=FEW) if person.who == "ann"]
    mine = [answer for answer in answers if answer.who == "ann"]
    assert one.answers == len(mine)
    assert one.gold == sum(answer.right is not None for answer in mine) == 50
    shared = {a.unit for a in answers if a.right is None and a.who != "ann"} & {a.unit for a in mine}
    assert one.shared == len(shared)


def test_who_answers_before_looking_is_told_of_and_missing_times_are_no_fault() -> None:
    fast = [Answer(unit=f"c{at}", who="ann", value="keep" if at % 3 else "drop", seconds=0.2) for at in range(40)]
    [ann] = people(fast)
    assert ann.alerts == ("100% of the answers came within 0.7 s",)
    assert (ann.median, ann.gold_right.value, ann.alpha.value) == (0.2, None, None)
    [ben] = people([Answer(unit=f"c{at}", who="ben", value="keep") for at in range(40)])
    assert (ben.median, ben.slowest, ben.quick, ben.alerts) == (None, None, None, ())
    assert people([]) == []


def test_wilsons_interval_as_published() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    for yes, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert wilson(yes, of) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_the_day_on_which_all_is_done() -> None:
    day = timedelta(days=1)
    steady = [NOW - timedelta(minutes=10 * at) for at in range(1000)]
    found = finish(steady, 288, NOW)
    assert found.pace == pytest.approx(144)
    assert found.at == NOW + 2 * day
    just_begun = [NOW - timedelta(seconds=at) for at in range(10)]
    assert finish(just_begun, 100, NOW).pace == pytest.approx(240), "ten in the first seconds are ten of that hour"
    assert finish([NOW - 3 * day], 5, NOW).at is None
    assert "24 h" in finish([NOW - 3 * day], 5, NOW).reason
    assert finish(steady, 0, NOW).reason == "all is done"
