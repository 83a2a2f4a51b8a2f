"""Which videos of an evaluation get a strip, and what is told of numbers that are not there."""

from __future__ import annotations

import itertools

from hoigen.core.registry import own_numbers
from hoigen.evaluation.models.videos import Video
from hoigen.pages.evalgather import GROUPS, lacking_of, picked, rank_of
from hoigen.pages.evalpage import lacking_section

COLUMNS = [own_numbers()[name] for name in ("hoi_lite", "technical_quality", "text_boxes", "motion")]


def video(at: int, **values: float | None) -> Video:
    reasons = {name: ("dark", "blurred")[at % 2] for name, value in values.items() if value is None}
    return Video(model="a", prompt=f"p{at}", uri=f"/{at}.mp4", values=values, reasons=reasons)


def test_the_worst_of_every_number_is_shown_and_the_rest_is_spread() -> None:
    groups = [
        (video(at, hoi_lite=at / 100, technical_quality=1 - at / 100, text_boxes=float(at == 50), motion=0.1),)
        for at in range(100)
    ]
    found = [int(group[0].prompt[1:]) for group in picked(groups, COLUMNS, 12)]
    assert len(found) == len(set(found)) == 12
    assert {0, 1, 98, 99, 50} <= set(found), "the lowest hoi_lite, the lowest quality, the most text boxes"
    spread = sorted(found[6:])
    gaps = [other - one for one, other in itertools.pairwise(spread)]
    assert max(gaps) < 25
    assert picked(groups, COLUMNS, 0) == []
    assert picked(groups[:5], COLUMNS, 12) == groups[:5]


def test_of_pairs_the_greatest_loss_is_the_worst() -> None:
    pairs = [(video(at, hoi_lite=0.5), video(at, hoi_lite=0.5 + at / 100)) for at in range(-20, 20)]
    assert picked(pairs, COLUMNS[:1], 2)[0] == pairs[0]
    assert rank_of(pairs, COLUMNS) == COLUMNS[0]


def test_videos_without_any_number_are_shown_too() -> None:
    groups = [(video(at, hoi_lite=None),) for at in range(9)]
    assert len(picked(groups, COLUMNS, 4)) == 4
    assert rank_of([], []) is None


def test_undefined_numbers_are_counted_by_reason() -> None:
    videos = [video(at, hoi_lite=None, technical_quality=None, text_boxes=1.0, motion=0.0) for at in range(5)]
    failed = Video(model="a", prompt="q", uri="/q.mp4", failure="broken", reasons=dict.fromkeys(("hoi_lite",), "x"))
    found = lacking_of([*videos, failed], COLUMNS)
    assert [(group.where, group.count, group.reason) for group in found] == [
        ("hoi_lite, Technical Quality", 3, "dark"),
        ("hoi_lite, Technical Quality", 2, "blurred"),
    ]
    page = str(lacking_section(found, 6))
    assert "3 of 6" in page
    assert "blurred" in page
    assert lacking_section([], 6) is None


def test_reasons_that_differ_in_a_name_are_one() -> None:
    videos = [
        Video(
            model="a", prompt=verb, uri="/x", reasons={"hoi_lite": f"the detector knows no '{verb}', seen {at} times"}
        )
        for at, verb in enumerate(("hold", "ride", "hold"))
    ]
    [alike] = lacking_of(videos, COLUMNS[:1])
    assert (alike.count, alike.reason) == (3, "the detector knows no …, seen … times")
    [single] = lacking_of(videos[:1], COLUMNS[:1])
    assert single.reason == "the detector knows no 'hold', seen 0 times"


def test_a_reason_of_its_own_for_every_video_stays_a_short_table() -> None:
    videos = [
        Video(model="a", prompt=f"p{at}", uri="/x", values={"hoi_lite": None}, reasons={"hoi_lite": "<b>" + "x" * at})
        for at in range(300)
    ]
    found = lacking_of(videos, COLUMNS[:1])
    assert len(found) == GROUPS + 1
    assert found[-1].reason.startswith("other reasons")
    assert found[-1].count == 300 - GROUPS
    assert "<b>" not in str(lacking_section(found, 300))
