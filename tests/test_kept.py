"""Which clips are kept, and what captioners are told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.rules.cascade import Known, Step
from hoigen.stages.kept import GROUP, KeptClip, facts_of, kept_clips, kept_counts
from run_folders import Given, step, write_run

STEPS = [step("size", "size", "rate", size=Rule(min=2)), step("motion", fingerprint="f1", motion=Rule(max=9))]


def given(name: str, size: float, motion: float | None = 1.0, **more: str) -> Given:
    known = {"size": Known("ok", {"size": size, "rate": 25.0}), "motion": Known("ok", {"motion": motion})}
    return Given(name, known, **more)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    shards = [
        [given("c", 3.0, digest="d" * 16), given("a", 1.0), given("b", 2.0)],
        [given("x", 1.0)],
        [given("y", 5.0), Given("z", state="failed", reason="no video")],
    ]
    return write_run(tmp_path, STEPS, shards)


def test_kept_clips_by_shard_in_the_order_of_the_input(run: Run) -> None:
    assert kept_counts(run, STEPS) == {0: 2, 2: 1}
    assert list(kept_clips(run, STEPS)) == [(0, ["c", "b"]), (2, ["y"])]
    assert list(kept_clips(run, STEPS, lambda shard: shard > 0)) == [(2, ["y"])]


def test_groups_of_shards_are_walked_to_their_ends(tmp_path: Path) -> None:
    last = 2 * GROUP
    run = write_run(
        tmp_path,
        STEPS,
        [[given(f"{shard}", 3.0)] if shard % GROUP in (0, GROUP - 1) else [] for shard in range(last + 1)],
    )
    expected = [0, GROUP - 1, GROUP, last - 1, last]
    assert list(kept_clips(run, STEPS)) == [(shard, [str(shard)]) for shard in expected]


def test_what_measures_said_goes_with_a_clip(run: Run) -> None:
    scores = run.scores("motion", "f1", ["motion"])
    scores.write(0, [row | {"detail": '{"of": 7}'} if row["id"] == "b" else row for row in scores.read(0)])
    first, second = KeptClip.read(run, STEPS, 0, ["b", "c"])
    assert (first.clip.id, first.content, second.clip.id, second.content) == ("b", "", "c", "d" * 16)
    assert second.clip.meta["digest"] == "d" * 16
    assert first.facts == {
        "size": {"value": 2.0, "values": {"size": 2.0, "rate": 25.0}, "detail": {}},
        "motion": {"value": 1.0, "values": {"motion": 1.0}, "detail": {"of": 7}},
    }
    assert set(facts_of(run, STEPS, 0, {"b"})) == {"b"}
    assert list(KeptClip.read(run, STEPS, 0, [])) == []


def test_scores_of_other_settings_are_not_told(run: Run) -> None:
    other: list[Step] = [step("motion", fingerprint="f2")]
    [clip] = KeptClip.read(run, other, 2, ["y"])
    assert clip.facts == {}
