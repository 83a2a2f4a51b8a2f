"""The numbers alone, against sums done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hoigen.measures.fine.score import (
    Track,
    bridged,
    choose,
    fine_score,
    gaps,
    heights,
    held,
    nearest_of,
    reaches,
    steadiness,
)

NAN = math.nan


def track(reach: list[float], fps: float = 8, diagonal: float = 0.1) -> Track:
    values = np.array(reach, float)
    return Track(times=np.arange(len(values)) / fps, reach=values, diagonal=values * diagonal)


def test_by_hand() -> None:
    score = fine_score(track([0.0, 0.5, 2.0, 1.0, 0.2]))
    assert list(score.gap) == [0, 0.5, 1, 1, 0.2]
    assert score.native == pytest.approx(1 - (0.5 + 0.5 + 0 + 0.8) / 4)
    assert score.at_fps == score.native
    assert list(score.contact) == [True, True, False, False, True]
    assert (score.contact_rate, score.flips) == (0.6, pytest.approx(2 / 0.5))
    assert score.longest == pytest.approx(2 / 8)
    assert score.mean_gap == pytest.approx(0.54)
    assert score.whole == pytest.approx((score.native or 0) * 0.6)


def test_variants_by_hand() -> None:
    seen = track([0.0, 0.5, 2.0, 1.0, 0.2])
    assert list(gaps(seen, "binary")) == [0, 0, 1, 1, 0]
    assert gaps(seen, "diagonal") == pytest.approx([0, 0.05, 0.2, 0.1, 0.02])
    assert fine_score(seen, "binary").native == 0.5
    assert fine_score(seen, "diagonal").contact_rate == 0.6, "contact is within range, whatever the variant"


@given(st.lists(st.one_of(st.just(NAN), st.floats(0, 5)), min_size=1, max_size=60), st.sampled_from([5, 8, 24, 30]))
def test_always_between_0_and_1(reach: list[float], fps: float) -> None:
    for variant in ("gap", "binary", "diagonal"):
        score = fine_score(track(reach, fps), variant)  # type: ignore[arg-type]
        for number in (score.native, score.at_fps, score.contact_rate, score.presence, score.mean_gap, score.whole):
            assert number is None or 0 <= number <= 1
        assert (score.native is None) == bool(score.reason)
        assert ((score.gap >= 0) & (score.gap <= 1)).all()


def test_bridges() -> None:
    times = np.arange(8) / 8
    filled = bridged(times, np.array([NAN, 0.0, NAN, 1.0, NAN, NAN, NAN, 1.0]), 0.25)
    assert filled[:4] == pytest.approx([0, 0, 0.5, 1])
    assert np.isnan(filled[4:7]).all(), "half a second is too long"
    assert filled[7] == 1
    tail = bridged(times, np.array([0.3, *[NAN] * 7]), 0.25)
    assert tail[:3] == pytest.approx([0.3] * 3)
    assert np.isnan(tail[3:]).all()


def test_heights() -> None:
    times = np.arange(5) / 2
    none = np.full(5, NAN)
    limbs = np.array([100, NAN, 104, 500, 100.0])
    assert list(heights(times, limbs, none, none)) == [100, 102, 302, 104, 300]
    assert list(heights(times, none, np.full(5, 90.0), np.full(5, 8.0))) == [90] * 5
    assert list(heights(times, none, none, np.array([NAN, 8, NAN, NAN, NAN]))) == [24] * 5
    assert np.isnan(heights(times, none, none, none)).all()


def test_one_range_a_video() -> None:
    """A body 10 px away touches at the same place whether or not its hand landmarks are seen in this frame."""
    height = np.full(4, 100.0)
    body, hand = np.array([10, 15, 12, NAN]), np.array([0, 5, NAN, 2.5])
    assert reaches(body, hand, height) == pytest.approx([0, 1, 0.4, 0.5])
    assert reaches(body, np.array([NAN, NAN, NAN, 2.5]), height) == pytest.approx([10 / 15, 1, 0.8, 0.5])
    assert reaches(body, np.full(4, NAN), height, 3.0)[:3] == pytest.approx([10 / 45, 1 / 3, 12 / 45])


def test_nothing_is_averaged_at_another_rate() -> None:
    values = np.array([0, 1, 0, 1, 0, 1.0])
    times = np.arange(6) / 24
    assert list(held(times, values, 8)) == [0, 1]
    assert list(held(times, values, 24)) == list(values)
    assert steadiness(held(times, values, 24)) == 0


def test_who_is_followed() -> None:
    far, near, rare = track([9.0] * 10), track([0.5] * 10), track([0.0] + [NAN] * 9)
    assert choose([far, near, rare]) == [1, 2, 0]
    assert choose([rare, far]) == [0, 1]
    both = nearest_of([track([0.2, 3, NAN]), track([5, 0.1, NAN])])
    assert both.reach[:2] == pytest.approx([0.2, 0.1])
    assert math.isnan(both.reach[2])


def test_tracks_are_checked() -> None:
    with pytest.raises(ValueError, match="one length"):
        Track(times=np.arange(3.0), reach=np.zeros(2), diagonal=np.zeros(3))
    with pytest.raises(ValueError, match="only grow"):
        Track(times=np.zeros(2), reach=np.zeros(2), diagonal=np.zeros(2))


def test_the_longest_contact_goes_by_the_frames_own_times() -> None:
    uneven = Track(
        times=np.array([0.0, 0.1, 0.2, 1.2, 1.3, 1.4]), reach=np.array([0, 2, 0.5, 0.5, 2, 0]), diagonal=np.zeros(6)
    )
    assert fine_score(uneven).longest == pytest.approx(1.1), "from 0.2, over a second without a frame, to 1.3"
    assert fine_score(track([2, 0, 0, 2, 0])).longest == pytest.approx(2 / 8)
