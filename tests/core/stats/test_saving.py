"""Bands that are kept unseen: the promise holds however often it is looked at, and whatever people get wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hoigen.core.stats.saving import Saving, band_of, evidence, false_keeps, saving


def drawn(rng: np.random.Generator, truth: np.ndarray, scores: np.ndarray, keeps_bad: float, **how: float) -> Saving:
    """People look in the order of the ranks, 20 clips at a time, until nothing more is wanted."""
    bands, ranks = band_of(scores), rng.random(len(truth))
    order = np.argsort(ranks)
    says = truth | (rng.random(len(truth)) < keeps_bad)
    said = np.full(len(truth), -1, np.int8)
    while (now := saving(bands, ranks, said, **how)).wanted is not None:  # type: ignore[arg-type]
        more = order[(bands[order] <= now.wanted) & (said[order] < 0)][:20]
        said[more] = says[more]
    return now


def test_what_is_a_little_worse_than_promised_is_kept_unseen_in_at_most_the_error_of_all_runs() -> None:
    """The worst case, 200 times: every band is just below the promise, and people keep 8 % of the bad clips."""
    broken = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.permutation(np.arange(3000) >= 165)  # 94.5 % of them
        found = drawn(rng, truth, rng.random(3000), 0.08, false_keep=0.08, promise=0.95)
        broken += found.sure > 0
    assert broken <= 18, "5 % of 200 are 10; 18 is the 99th percentile"


def test_without_the_correction_for_people_who_keep_bad_clips_the_promise_would_be_broken() -> None:
    told = {0.0: 0, 0.8: 0}
    for seed in range(30):
        for assumed in told:
            rng = np.random.default_rng(seed)
            truth = rng.permutation(np.arange(3000) >= 210)  # 93 %, and people keep most of the bad
            told[assumed] += drawn(rng, truth, rng.random(3000), 0.8, false_keep=assumed, promise=0.95).sure > 0
    assert told[0.0] > 15
    assert told[0.8] <= 4


def test_good_bands_are_kept_unseen_from_the_best_down_to_the_first_that_is_not_sure() -> None:
    rng = np.random.default_rng(5)
    scores = np.linspace(1, 0, 10_000)
    good = np.repeat([1.0, 1.0, 0.99, 0.5, 1.0], 2000)
    found = drawn(rng, rng.random(10_000) < good, scores, 0.05, false_keep=0.05, promise=0.97)
    states = [band.state for band in found.bands]
    assert states[:6] == ["sure"] * 6
    assert "sure" not in states[found.sure :], "what lies below a band that is not sure is not asked"
    assert states[found.sure] == "unsure"
    assert set(states[found.sure + 1 :]) == {"all"}
    assert all(band.why for band in found.bands)
    one = found.bands[0]
    assert f"{one.above.seen:,} were drawn" in one.why
    assert one.above.seen < 0.25 * one.above.clips
    last = found.bands[found.sure - 1]
    assert last.together.low is not None
    assert last.together.low < last.together.value <= last.together.high  # type: ignore[operator]


def test_verdicts_that_came_for_another_reason_do_not_speak_for_a_band() -> None:
    """All good clips were looked at, and no bad one: that is no sample."""
    rng = np.random.default_rng(2)
    truth = rng.random(4000) < 0.9
    ranks = rng.random(4000)
    said = np.where(truth, 1, -1).astype(np.int8)
    found = saving(np.zeros(4000, np.int64), ranks, said, false_keep=0.0)
    assert found.bands[0].above.seen == int((ranks < ranks[~truth].min()).sum())
    assert found.bands[0].state == "open"
    assert found.wanted == 0


def test_a_band_that_has_not_caught_up_waits() -> None:
    """Of the second band nothing was drawn yet, so nothing is said of the two together."""
    bands = np.repeat([0, 1], 5000)
    ranks = np.random.default_rng(0).random(10_000)
    said = np.full(10_000, -1, np.int8)
    said[(bands == 0) & (ranks < 0.4)] = 1
    found = saving(bands, ranks, said, false_keep=0.02)
    assert [band.state for band in found.bands] == ["sure", "open"]
    assert found.bands[1].above.seen < 5
    assert found.wanted == 1


def test_unknown_gold_promises_nothing_and_all_seen_is_no_question() -> None:
    bands, ranks = np.zeros(500, np.int64), np.arange(500) / 500
    assert false_keeps(0, 0) is None
    unknown = saving(bands, ranks, np.where(ranks < 0.9, 1, -1).astype(np.int8), false_keep=None)
    assert (unknown.sure, unknown.bands[0].state) == (0, "open")
    assert "gold" in unknown.bands[0].why
    done = saving(bands, ranks, np.arange(500).astype(np.int8) % 2, false_keep=0.0)
    assert (done.sure, done.wanted, done.bands[0].state) == (1, None, "all"), (
        "where nothing is left, nothing is promised"
    )
    assert saving(bands[:0], ranks[:0], np.zeros(0, np.int8), false_keep=0.0).bands == ()


def test_how_often_people_keep_bad_clips_is_the_least_favourable_that_gold_allows() -> None:
    assert false_keeps(0, 100) == pytest.approx(0.0514, abs=1e-3), "Wilson at 98 %: 5.41 / 105.41"
    assert false_keeps(50, 50) == 1.0
    assert (false_keeps(5, 100) or 0) > 0.05


def test_evidence_is_an_average_over_bets_each_of_which_is_fair() -> None:
    """At the share that is doubted, the e-value is 1 on average over all that may be drawn."""
    for least, seen in ((0.9, 12), (0.5, 8), (0.99, 30)):
        ways = [math.comb(seen, good) * least**good * (1 - least) ** (seen - good) for good in range(seen + 1)]
        mean = sum(way * math.exp(evidence(good, seen, least)) for good, way in enumerate(ways))
        assert mean == pytest.approx(1)
        worse = 0.9 * least
        ways = [math.comb(seen, good) * worse**good * (1 - worse) ** (seen - good) for good in range(seen + 1)]
        assert sum(way * math.exp(evidence(good, seen, least)) for good, way in enumerate(ways)) < 1
    assert evidence(1000, 1000, 1.0) == -math.inf


def test_the_interval_of_a_clean_sheet_is_the_closed_form() -> None:
    bands, ranks = np.zeros(1000, np.int64), np.arange(1000) / 1000
    said = np.where(ranks < 0.2, 1, -1).astype(np.int8)
    precision = saving(bands, ranks, said, false_keep=0.0).bands[0].precision
    assert precision.low == pytest.approx((1 / (20 * 201)) ** (1 / 200))
    assert (precision.value, precision.high) == (1.0, 1.0)


def test_bands_go_by_the_score_alone_and_equal_scores_stay_together() -> None:
    scores = np.arange(100.0)
    assert np.bincount(band_of(scores)).tolist() == [10] * 10
    assert band_of(scores)[99] == 0
    assert band_of(scores, "less")[0] == 0
    tied = band_of([0.5] * 60 + [0.1] * 40)
    assert tied.tolist() == [0] * 60 + [1] * 40
    assert band_of([]).tolist() == []
    with pytest.raises(ValueError, match="finite"):
        band_of([1.0, math.nan])


@pytest.mark.parametrize("how", [{"promise": 1.0}, {"promise": 0}, {"error": 0.01}, {"false_keep": 1.2}])
def test_shares_that_are_none_are_refused(how: dict[str, float]) -> None:
    given = {"false_keep": 0.0, **how}
    with pytest.raises(ValueError, match=r"promise|false_keep"):
        saving(np.zeros(3, np.int64), np.arange(3.0), np.zeros(3, np.int8), **given)  # type: ignore[arg-type]
