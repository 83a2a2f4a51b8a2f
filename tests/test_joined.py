"""What readers of a run count: shards, clips that are found but not cut into shards, and copies by group of shards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from hoigen.core.score import Rule
from hoigen.data import side
from hoigen.data.run import Run, ShardRange
from hoigen.rules import decide, joined
from hoigen.rules.cascade import Known, Step
from hoigen.stages.kept import kept_clips, kept_counts
from run_folders import Given, step, write_recipe, write_run

STEPS = [step("m", m=Rule(min=0.5))]


def given(name: str, value: float | None = 1.0) -> Given:
    return Given(name, {"m": Known("ok", {"m": value})} if value is not None else {})


def clips(shards: int, size: int = 3) -> list[list[Given]]:
    return [[given(f"{shard:03}-{at}", float(at > 0)) for at in range(size)] for shard in range(shards)]


def rows(run: Run, steps: Sequence[Step] = STEPS) -> list[tuple[str, str]]:
    return decide.connect(run, steps).execute("select id, state from decided").fetchall()


def ends(shards: list[list[Given]]) -> list[tuple[str, str]]:
    return [(clip.id, "kept" if clip.known["m"].values["m"] else "dropped") for shard in shards for clip in shard]


def seal(run: Run, sizes: Sequence[int]) -> None:
    begin, ranges = 0, []
    for shard, size in enumerate(sizes):
        ranges.append(ShardRange(shard, begin, begin + size, size, 0))
        begin += size
    run.write_shards(ranges)


def test_a_run_of_before_has_as_many_videos_in_each_shard_as_its_recipe_says(tmp_path: Path) -> None:
    run = write_run(tmp_path, STEPS, clips(3))
    write_recipe(run, {"shard_size": 3})
    assert run.shards() == [ShardRange(at, 3 * at, 3 * at + 3, 3, 0) for at in range(3)]
    assert rows(run) == ends(clips(3))
    run.write_shards(run.shards())
    assert run.shards() == [ShardRange(at, 3 * at, 3 * at + 3, 3, 0) for at in range(3)]
    assert rows(run) == ends(clips(3))


def test_clips_that_are_not_cut_into_shards_yet_are_counted_once(tmp_path: Path) -> None:
    """At each point of a run: finding, while shards are cut for the first time, after it, and with new videos."""
    run = write_run(tmp_path, STEPS, clips(3))
    found = [row | {"video": row["video"]} for shard in range(3) for row in run.clips.read(shard)]
    run.found.write(0, found)
    waiting = [(name, "pending") for name, _ in ends(clips(3))]
    assert run.shards() == []
    assert rows(run) == waiting, "clips/ was cut short: what was found counts"
    shutil.move(tmp_path / "clips", tmp_path / "away")
    assert rows(run) == waiting, "nothing is cut yet"
    shutil.move(tmp_path / "away", tmp_path / "clips")
    seal(run, (3, 3, 3))
    assert rows(run) == ends(clips(3)), "found/ is still there and counts no more"
    more = [row | {"video": 9 + at, "id": f"new-{at}"} for at, row in enumerate(found[:2])]
    run.found.write(1, more)
    assert rows(run) == [*ends(clips(3)), ("new-0", "pending"), ("new-1", "pending")]
    assert decide.funnel(decide.connect(run, STEPS), STEPS).missing == {"m": 2}
    shutil.rmtree(run.found.folder.uri)
    run.clips.write(3, more)
    assert rows(run) == ends(clips(3)), "a shard that was written and is not listed yet is not counted"
    assert kept_counts(run, STEPS) == {0: 2, 1: 2, 2: 2}


@pytest.fixture
def kept_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "KEEP_FROM_PARTS", 1)
    monkeypatch.setattr(joined, "GROUP", 2)
    monkeypatch.setattr("hoigen.stages.kept.GROUP", 2)


def copies(run: Run) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (run.path / "joined").iterdir()}


def test_only_groups_that_have_changed_are_joined_again(tmp_path: Path, kept_always: None) -> None:
    run = write_run(tmp_path, STEPS, clips(7))
    assert rows(run) == ends(clips(7))
    before = copies(run)
    assert len(before) == 4
    run.scores("m", "f0", ["m"]).write(2, [])
    state = dict(ends(clips(7))) | {f"002-{at}": "pending" for at in range(3)}
    assert dict(rows(run)) == state
    after = copies(run)
    assert len(after.keys() - before.keys()) == 1
    assert {name: after[name] for name in before} == before, "the copies of the others were not touched"
    run.clips.write(7, [run.clips.read(0)[0] | {"video": 21, "id": "late"}])
    assert rows(run) == [*state.items(), ("late", "pending")]
    assert len(copies(run).keys() - after.keys()) == 1, "the group that has a further shard now"
    for name in before:
        os.utime(tmp_path / "joined" / name, (0, 0))
    run.scores("m", "f0", ["m"]).write(2, [])
    assert dict(rows(run)) == dict([*state.items(), ("late", "pending")])
    assert sum(name in copies(run) for name in before) == 2, "old copies of groups that have changed are gone"


def test_merging_the_parts_changes_nothing_that_is_read(tmp_path: Path, kept_always: None) -> None:
    run = write_run(tmp_path, STEPS, clips(7))
    before = rows(run)
    assert run.clips.compact(shards=4) == 2
    assert run.scores("m", "f0").compact(shards=4) == 2
    assert rows(run) == before
    run.clips.write(1, run.clips.read(1)[:1])
    assert rows(run) == [row for row in before if row[0] not in ("001-1", "001-2")]


@pytest.mark.parametrize("grouped", [True, False])
def test_kept_clips_come_shard_by_shard_in_the_order_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    if grouped:
        monkeypatch.setattr("hoigen.stages.kept.GROUP", 2)
    run = write_run(tmp_path, STEPS, clips(5))
    expected = [(shard, [f"{shard:03}-1", f"{shard:03}-2"]) for shard in range(5)]
    assert list(kept_clips(run, STEPS)) == expected
    assert list(kept_clips(run, STEPS, lambda shard: shard % 2 == 1)) == [expected[1], expected[3]]
    assert kept_counts(run, STEPS) == dict.fromkeys(range(5), 2)


def test_a_run_whose_tables_lie_in_a_store_is_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    run = write_run(side.place_of("memory://joined/run"), STEPS, clips(3))
    assert rows(run) == ends(clips(3))
    assert list(kept_clips(run, STEPS)) == [(at, [f"{at:03}-1", f"{at:03}-2"]) for at in range(3)]
    run.clips.compact()
    seal(run, (3, 3, 3))
    assert rows(run) == ends(clips(3))
    monkeypatch.setattr(joined, "KEEP_FROM_PARTS", 1)
    assert rows(run) == ends(clips(3))
    assert len(copies(run)) == 1, "copies lie on the disk"
