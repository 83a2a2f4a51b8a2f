"""What was asked is the total: every command's count, of a run in which clips have ended in every way."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.data.run import Run
from hoigen.pages.gather import gather
from render import pan, render, texture
from run_folders import in_this_process

RECIPE = """\
shots: none
measures: [metadata, technical_quality]
keep: {duration: {min: 1.4}, contrast: {min: 0}}
workers: 1
shard_size: 2
report: false
"""
"""Blocks of two videos: 0, 2, 4 are rank 0's, 1, 3, 5 those of rank 1."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of twelve listed videos: kept, dropped, failed, a duplicate, and one that was replaced since; half of them are
    the other rank's, which never ran."""
    for seed, (name, frames) in enumerate({"kept": 36, "short": 24, "other": 36}.items()):
        render(tmp_path / f"{name}.mp4", pan(texture(seed, (200, 120)), frames, (1, 0), (128, 72)), fps=24)
    (tmp_path / "twin.mp4").write_bytes((tmp_path / "kept.mp4").read_bytes())
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    theirs = [f"theirs{at}" for at in range(6)]
    mine = ["kept", "short", "broken", "gone", "twin", "other"]
    names = [*mine[:2], *theirs[:2], *mine[2:4], *theirs[2:4], *mine[4:], *theirs[4:]]
    for name in theirs:
        (tmp_path / f"{name}.mp4").write_bytes((tmp_path / "short.mp4").read_bytes())
    (tmp_path / "list.csv").write_text("uri\n" + "".join(f"{tmp_path / name}.mp4\n" for name in names))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "run"


def curate(run: Path, rank: int) -> int:
    with in_this_process():
        if not run.exists():
            where = ["--videos", str(run.parent / "list.csv"), "--run", str(run), "--quiet", "--prepare"]
            assert main(["curate", str(run.parent / "recipe.yaml"), *where]) == 0
        return main(["work", str(run), "--part", f"{rank}/2", "--quiet"])


def totals(run: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, int]]:
    """Clips by state, as each command and page counts them."""
    found = hoigen.funnel(run)
    counted = {"funnel": dict(found.counts)}
    capsys.readouterr()
    for form in ("csv", "jsonl"):
        assert main(["table", str(run), "--format", form]) == 0
        said = capsys.readouterr().out
        rows = list(csv.DictReader(io.StringIO(said))) if form == "csv" else list(map(json.loads, said.splitlines()))
        counted[form] = {state: sum(row["state"] == state for row in rows) for state in found.counts}
        assert sum(counted[form].values()) == len(rows)
        assert all(row["reason"] for row in rows if row["state"] != "kept"), "each says why"
    assert main(["table", str(run), "--out", str(run.parent / "t.parquet")]) == 0
    assert f"t.parquet: {found.clips} of {found.clips} clips" in capsys.readouterr().err
    counted["by state"] = {}
    for state in found.counts:
        main(["table", str(run), "--state", state, "--format", "jsonl"])
        counted["by state"][state] = len(capsys.readouterr().out.splitlines())
    facts = gather(Run(run))
    counted["page"] = {state: getattr(facts, state) for state in found.counts}
    assert facts.clips == found.clips
    assert facts.unseen == found.unseen
    what_if = hoigen.funnel(run, set=["keep.duration.min=0.5"])
    counted["before a change"] = dict(what_if.before.counts)
    assert what_if.after.clips == found.clips
    return counted


def test_every_count_adds_up_to_what_was_asked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert curate(run, 0) == 75
    early = totals(run, capsys)
    assert all(each == {"kept": 0, "dropped": 0, "failed": 2, "pending": 10} for each in early.values()), early
    assert "6 videos have not been looked at yet. Run hoigen curate again" in str(hoigen.funnel(run))
    assert "not been looked at yet" in str(hoigen.show(run, "theirs3"))
    assert hoigen.report(run).read_text().count("6 videos not looked at yet") == 1

    assert curate(run, 1) == 75
    for _ in range(10):
        if curate(run, 0) != 75 and curate(run, 1) != 75:
            break
    else:
        pytest.fail("ranks wait for each other for ever")
    done = totals(run, capsys)
    # the other rank's six are copies of one that is too short; `twin` is one of `kept`
    want = {"kept": 2, "dropped": 8, "failed": 2, "pending": 0}
    assert all(each == want for each in done.values()), done

    replaced = run.parent / "other.mp4"
    os.utime(replaced, (0, 0))
    assert curate(run, 0) == 0
    assert "1 video has changed" in capsys.readouterr().err
    assert all(each == want for each in totals(run, capsys).values()), "one that was replaced stays in every count"
    cut = hoigen.cut(run, quiet=True)
    assert cut.cut + cut.already + len(cut.failed) + cut.pending == 2, "of the kept ones, the replaced one among them"
