"""What `curate --dry-run` says is what a run then does, and nothing is done."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.commands import curate
from run_folders import curated


@pytest.fixture
def folder(tmp_path: Path, tiny_video: Path) -> Path:
    """Three videos of which the last two have another digest each, and one that is none."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(tiny_video, videos / f"{name}.mp4")
        with (videos / f"{name}.mp4").open("ab") as file:
            file.write(name.encode())
    (videos / "d.mp4").write_bytes(b"no video")
    return videos


def plan(folder: Path, **how: Any) -> Any:
    plain = {"measures": ["metadata"], "shots": "none"}
    return curate.plan(hoigen.Recipe(videos=str(folder), run=str(folder.parent / "run"), **{**plain, **how}), None)


def counts(told: Any) -> tuple[int, int, int, int, int]:
    return told.unread, told.clips, told.decoded, told.read, told.row


def test_before_a_run_nothing_is_known_but_how_many_videos_there_are(folder: Path) -> None:
    told = plan(folder)
    assert counts(told) == (4, 0, 0, 0, 0)
    assert str(told).splitlines() == [
        "0 clips: 0 with nothing to do; of 0 frames are to be decoded",
        "4 videos have not been read yet: all of their clips are to be measured",
        "nothing was done (--dry-run)",
    ]
    assert [entry.name for entry in folder.parent.iterdir()] == ["videos"]


def test_what_is_missing_is_counted_by_what_it_takes(folder: Path) -> None:
    run = folder.parent / "run"
    curated(videos=folder, run=run)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    done = plan(folder)
    assert counts(done) == (0, 4, 0, 0, 0)
    assert str(done).splitlines()[0] == "4 clips: 4 with nothing to do; of 0 frames are to be decoded"
    motion = plan(folder, measures=["metadata", "motion"])
    assert counts(motion) == (0, 4, 3, 0, 0), "of the file that is no video nothing is"
    shutil.copy(folder / "a.mp4", folder / "e.mp4")
    assert counts(plan(folder)) == (1, 4, 0, 0, 0), "a new one has clips that nobody knows"
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before

    shutil.rmtree(run / "scores")
    without = plan(folder)
    assert counts(without) == (1, 4, 0, 0, 3)
    assert "of 3 scores are measured without frames" in str(without)
    assert counts(plan(folder, measures=["metadata", "motion"])) == (1, 4, 3, 0, 0), "a clip counts once"


def test_a_clip_that_a_rule_drops_costs_nothing_further(folder: Path) -> None:
    curated(videos=folder, run=folder.parent / "run", keep={"fps": {"min": 100}})
    how = {"measures": ["metadata", "motion"], "keep": {"fps": {"min": 100}}}
    assert counts(plan(folder, **how)) == (0, 4, 0, 0, 0)
    assert counts(plan(folder, **how, score_all=True)) == (0, 4, 3, 0, 0)
    assert counts(plan(folder, **{**how, "keep": {"fps": {"min": 20}}})) == (0, 4, 3, 0, 0)


def test_what_an_observer_saw_is_read_and_what_it_did_not_is_looked_at(folder: Path) -> None:
    run = folder.parent / "run"
    curated(videos=folder, run=run, measures=["hoi_lite"])
    assert counts(plan(folder, measures=["hoi_lite"])) == (0, 4, 0, 0, 0)
    shutil.rmtree(run / "scores")
    seen = plan(folder, measures=["hoi_lite"])
    assert counts(seen) == (0, 4, 0, 3, 0)
    assert [(each.fresh, each.other_words, each.known) for each in seen.looks.values()] == [(0, 0, 3)]
    shutil.rmtree(run / "observations")
    unseen = plan(folder, measures=["hoi_lite"])
    assert counts(unseen) == (0, 4, 3, 0, 0)
    assert [(each.fresh, each.other_words, each.known) for each in unseen.looks.values()] == [(3, 0, 0)]
    assert "observer lite, for hoi_lite: 3 clips to look at; 0 looked at before" in str(unseen)
