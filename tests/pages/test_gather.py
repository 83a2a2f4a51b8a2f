"""From scores to facts: bins, thresholds, the choice of clips, boxes, pictures."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hoigen.core.clip import Clip, Sampling
from hoigen.core.registry import meaning, measure
from hoigen.core.score import Number, Rule
from hoigen.data.run import Run
from hoigen.pages import choose
from hoigen.pages.facts import Box, Threshold, thresholds
from hoigen.pages.histogram import edges_of, histograms, whole_edges
from hoigen.pages.thumbs import LIMIT, Evidence, Wanted, encode, evidence_of, take
from hoigen.rules.cascade import Step


class Speed:
    """How fast it goes, in pixels a second; 0 is still."""

    sampling = Sampling(frames=1)
    emits = ("speed", "turns")


NUMBERS = (Number(name="speed", about="The number itself."), Number(name="turns"))
SPEED = Step("speed", Speed(), NUMBERS, {"speed": Rule(min=2, max=8)}, "f00d")


@pytest.fixture
def decided() -> Iterator[Any]:
    """Clips c000..c099 with speeds 0.0, 0.1 ... 9.9; every fifth has no speed and failed."""
    import duckdb

    con = duckdb.connect()
    con.execute(
        """
        create table settled as
        select format('c{:03d}', i) as id, 'v' || (i % 7) as uri, i::double as "start", i + 1.0 as "end",
            case when i % 5 = 0 then 'failed' when i < 20 or i > 80 then 'dropped' else 'kept' end as state,
            case when i % 5 = 0 then 'speed' when i < 20 or i > 80 then 'speed' end as rule,
            case when i % 5 = 0 then 'broken' when i < 20 or i > 80 then 'too much' end as reason,
            case when i % 5 > 0 then i / 10.0 end::double as speed, (i % 3)::double as turns, i as video, 0 as n
        from range(100) as t(i)
        """
    )
    con.execute("create table removed (id varchar)")  # as `decide.connect` makes it
    yield con
    con.close()


def test_bins_count_every_value_once_and_agree_with_the_decision(decided: Any, tmp_path: Path) -> None:
    speed, turns = histograms(decided, Run(tmp_path), [SPEED], 100)
    assert (speed.score, speed.about) == ("speed", "The number itself.")
    assert speed.count == 80
    assert (sum(speed.kept), sum(speed.here), sum(speed.elsewhere)) == (48, 32, 0)
    assert speed.thresholds == (Threshold("min", 2.0), Threshold("max", 8.0))
    assert (speed.low, speed.high) == (0.1, 9.9)
    for low, high, kept in zip(speed.edges, speed.edges[1:], speed.kept, strict=False):
        if kept:
            assert high > 2.0 - 1e-6
            assert low <= 8.0
    assert any(edge == pytest.approx(2.0) for edge in speed.edges)
    assert turns.discrete
    assert turns.edges == (-0.5, 0.5, 1.5, 2.5)
    assert sum(turns.here) == 0
    assert turns.count == 100


def test_nothing_to_count(decided: Any, tmp_path: Path) -> None:
    decided.execute("update settled set speed = null")
    speed = next(one for one in histograms(decided, Run(tmp_path), [SPEED], 100) if one.score == "speed")
    assert speed.count == 0
    assert speed.unseen == 100


@pytest.mark.parametrize(
    ("low", "near_low", "near_high", "high", "rule"),
    [
        (360, 360, 360, 360, (Threshold("min", 720.0),)),
        (0, 0, 0, 0, ()),
        (0.1, 0.2, 0.9, 55.0, (Threshold("max", 1.0),)),
        (-5.5, -1, 1, 1.2, (Threshold("min", 0.0), Threshold("max", 0.5))),
    ],
)
def test_edges_rise_and_hold_values_and_thresholds(
    low: float, near_low: float, near_high: float, high: float, rule: tuple[Threshold, ...]
) -> None:
    edges = edges_of(low, near_low, near_high, high, rule)
    assert list(edges) == sorted(set(edges))
    assert edges[0] <= near_low + 1e-9
    assert edges[-1] >= near_high - 1e-9
    for bound in rule:
        assert edges[0] - 1e-9 <= bound.value <= edges[-1] + 1e-9


def test_a_far_threshold_does_not_squeeze_the_values() -> None:
    assert edges_of(0, 0, 1, 1, (Threshold("max", 1000.0),))[-1] < 1.1


def test_whole_numbers_have_a_bin_each() -> None:
    assert whole_edges(0, 3, 3, (Threshold("max", 1.0),)) == (-0.5, 0.5, 1.5, 2.5, 3.5)
    assert len(whole_edges(0, 4, 900, (Threshold("max", 1.0),))) == 10
    assert whole_edges(240, 2160, 2160, ()) == ()


def test_what_a_number_says_is_its_own_or_what_the_docstring_begins_with() -> None:
    @measure("fast", numbers=(Number(name="fast"), Number(name="turns", about="How often it turns.")))
    class Fast:
        """how fast it goes,
        in pixels a second; 0 is still.

        turns: not this.
        """

    assert meaning(Fast) == "How fast it goes, in pixels a second; 0 is still."
    assert [number.about for number in Fast.numbers] == [meaning(Fast), "How often it turns."]


def test_all_bounds_are_drawn() -> None:
    drawn = thresholds(Rule(max=1, above=0))
    assert [str(bound) for bound in drawn] == ["> 0", "≤ 1"]


def test_the_choice_is_spread_and_repeats(decided: Any) -> None:
    assert choose.ranks(3, 12) == [0, 1, 2]
    assert choose.ranks(100, 4) == [12, 37, 62, 87]
    kept = choose.spread_rows(decided, "state = 'kept'", "video, n", 48, 6, {})
    assert len({row["uri"] for row in kept}) >= 5
    assert kept == choose.spread_rows(decided, "state = 'kept'", "video, n", 48, 6, {})
    assert choose.spread_rows(decided, "state = 'kept'", "video, n", 48, 0, {}) == []


def test_dropped_clips_go_from_near_to_far(decided: Any) -> None:
    rows = choose.dropped_rows(decided, "speed", thresholds(SPEED.rules["speed"]), 32, 8)
    far = [max(2 - row["speed"], row["speed"] - 8, 0) for row in rows]
    assert len(rows) == 8
    assert far == sorted(far)
    assert far[0] < 0.3
    assert far[-1] > 1.5


def test_a_tile_tells_each_score(decided: Any) -> None:
    row = choose.dropped_rows(decided, "speed", thresholds(SPEED.rules["speed"]), 32, 1)[0]
    tile = choose.tile(row, [SPEED], {row["id"]: {"width": 64, "height": 48, "source": "", "prompt": None}}, {}, {})
    assert [(line.name, line.verdict) for line in tile.scores] == [("speed", "broken"), ("turns", "none")]
    assert (tile.reason, tile.decided, tile.missing) == ("too much", "speed", "not decoded")


def test_boxes_are_found_and_bounded() -> None:
    sampling = Sampling(frames=4)
    hand = {"box": [-0.1, 0.2, 0.5, 1.4], "kind": "hand", "label": "hand"}
    found = evidence_of({"time": 1.5, "boxes": [hand, {"box": [0.5, 0.5, 0.5, 0.5]}, "nonsense"]}, sampling)
    assert found == Evidence(1.5, (Box(left=0, top=0.2, right=0.5, bottom=1, kind="hand", label="hand"),), sampling)
    region = {"corners": [[0.1, 0.1], [0.4, 0.2], [0.4, 0.3], [0.1, 0.2]], "score": 0.9}
    frames = {"frames": [{"time": 0.5, "regions": []}, {"time": 2.5, "regions": [region]}]}
    text = evidence_of(frames, sampling)
    assert text is not None
    assert (text.time, text.boxes[0].kind, text.boxes[0].bottom) == (2.5, "text", 0.3)


def test_the_boxes_of_the_documents_are_understood() -> None:
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    [told] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    found = evidence_of(json.loads(told), Sampling())
    assert found is not None
    assert (found.time, found.boxes[0].kind) == (1.75, "hand")


@pytest.mark.parametrize(
    "detail",
    [{}, {"boxes": 3, "time": 1}, {"boxes": [], "time": 1}, {"boxes": [{"box": "abcd"}], "time": 0}, {"frames": 1}],
)
def test_other_details_have_no_boxes(detail: dict[str, Any]) -> None:
    assert evidence_of(detail, Sampling()) is None


def test_pictures_of_good_and_broken_clips(tiny_video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(tiny_video.read_bytes()[:700])
    good = Clip(id="good", uri=str(tiny_video), end=2.0, width=64, height=48, fps=25)
    seen = Evidence(1.75, (Box(left=0, top=0, right=1, bottom=1),), Sampling(frames=4, gray=True))
    taken = take(
        [
            Wanted(good),
            Wanted(dataclasses.replace(good, id="seen"), seen),
            Wanted(dataclasses.replace(good, id="broken", uri=str(broken))),
            Wanted(dataclasses.replace(good, id="gone", uri=str(tmp_path / "gone.mp4"))),
        ]
    )
    assert [len(one[0]) for one in taken.values()].count(3) == 2
    assert [picture.time for picture in taken["good"][0]] == pytest.approx([0.33, 1.0, 1.66], abs=0.06)
    assert [bool(picture.boxes) for picture in taken["seen"][0]] == [False, False, True]
    assert taken["seen"][0][2].time == pytest.approx(1.75, abs=0.05)
    for name in ("broken", "gone"):
        assert taken[name][0] == ()
        assert taken[name][1]


def test_pictures_are_small_whatever_they_show() -> None:
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 255, (400, 3000, 3), np.uint8)
    for image in (noise, noise[:, :50], noise[:3, :3]):
        assert 50 < len(encode(image)) < LIMIT * 4 / 3 + 40


def test_no_pictures_wanted() -> None:
    assert take([]) == {}
