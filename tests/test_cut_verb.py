"""hoigen cut on real runs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen import video
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.rules import removals
from render import render, texture
from run_folders import curated


@pytest.fixture
def run(tmp_path: Path, tiny_video: Path) -> Path:
    """A run of two files, both kept."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(tiny_video, folder / f"{name}.mp4")
    decide(tmp_path / "run")
    return tmp_path / "run"


def decide(run: Path, **changes: Any) -> None:
    """The run under other rules."""
    given: dict[str, Any] = {
        "videos": str(run.parent / "videos"),
        "run": run,
        "duplicates": "keep",
        "keep": {"fps": {"min": 20}},
    }
    curated(**given | changes)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".mp4")


def test_kept_clips_become_files_once(run: Path) -> None:
    first = hoigen.cut(run, workers=1, quiet=True)
    made = files(run / "cut")
    assert (first.cut, first.already, first.failed) == (2, 0, {})
    assert video.probe(str(made[0])).duration == pytest.approx(2.0, abs=0.01)
    made[0].unlink()
    stamp = made[1].stat().st_mtime_ns
    again = hoigen.cut(run, workers=1, quiet=True)
    assert (again.cut, again.already) == (1, 1)
    assert files(run / "cut") == made
    assert made[1].stat().st_mtime_ns == stamp


def test_a_list_with_captions_lies_beside_the_files(run: Path, tmp_path: Path) -> None:
    rows = [
        {"path": str(run.parent / "videos" / f"{name}.mp4"), "licence": "CC0", "file_name": name} for name in ("a", "b")
    ]
    rows[0]["text"] = "A square goes to the right."
    (tmp_path / "list.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    whole = tmp_path / "listed"
    curated(videos=str(tmp_path / "list.jsonl"), run=whole, duplicates="keep", keep={"fps": {"min": 20}})
    (tmp_path / "clips").mkdir()
    for _ in range(2):  # a second time, the list is the run's own
        hoigen.cut(whole, out=tmp_path / "clips", workers=1, quiet=True)
    listed = [json.loads(line) for line in (tmp_path / "clips" / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in listed] == [f"{row['id']}.mp4" for row in listed]
    assert {row["file_name"] for row in listed} == {path.name for path in files(tmp_path / "clips")}
    assert [(row["licence"], row["fps"], Path(row["uri"]).name) for row in listed] == [
        ("CC0", 25.0, "a.mp4"), ("CC0", 25.0, "b.mp4"),
    ]  # fmt: skip
    assert list(listed[0])[:2] == ["file_name", "caption"]
    assert [row["caption"] for row in listed] == ["A square goes to the right.", None], "the words of the list"

    hoigen.cut(run, workers=1, quiet=True)
    assert (run / "cut" / "metadata.jsonl").is_file()
    decide(run, keep={"fps": {"min": 60}})
    hoigen.cut(run, workers=1, prune=True, quiet=True)
    assert not (run / "cut" / "metadata.jsonl").exists(), "no file, no list"

    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "metadata.jsonl").write_text("mine")
    with pytest.raises(UsageError, match=r"other files \(metadata\.jsonl\)"):
        hoigen.cut(run, out=tmp_path / "theirs", workers=1, quiet=True)


def test_what_somebody_asked_to_be_taken_out_is_not_cut(run: Path) -> None:
    # another content: copies of what was removed go with it
    (run.parent / "videos" / "b.mp4").unlink()
    render(run.parent / "videos" / "c.mp4", [texture(1, (96, 128 + n))[:, n:] for n in range(24)], fps=24)
    shutil.rmtree(run)
    decide(run)
    hoigen.cut(run, workers=1, quiet=True)
    clips = [row["id"] for row in Run(run).clips.read(0)]
    gone = clips[0]
    asked = run.parent / "asked.csv"
    asked.write_text(f"kind,value\nclip,{gone}\n")
    removals.write(run, removals.asked(asked, Run(run))[0])
    again = hoigen.cut(run, workers=1, quiet=True)
    assert (again.cut, again.already, again.removed) == (0, 1, 1)
    assert again.not_kept == {f"{gone}.mp4": "removed"}
    assert "1 removed: somebody asked for that" in str(again)
    hoigen.cut(run, workers=1, prune=True, quiet=True)
    assert [path.stem for path in files(run / "cut")] == clips[1:]
    new = hoigen.cut(run, out=run.parent / "new", workers=1, quiet=True)
    assert (new.cut, new.removed) == (1, 1)


def test_a_bad_file_costs_one_clip(run: Path) -> None:
    broken = run.parent / "videos" / "a.mp4"
    broken.write_bytes(b"no video at all")
    result = hoigen.cut(run, out=run.parent / "out", workers=1, quiet=True)
    assert result.cut == 1
    assert [str(broken) in reason for reason in result.failed.values()] == [True]
    assert "1 clip cut, 0 were there, 1 failed" in str(result)
    assert len(files(run.parent / "out")) == 1
    assert not list((run.parent / "out").glob(".*.part*"))
    assert main(["cut", str(run), "--out", str(run.parent / "out"), "--quiet"]) == 3, "a file is missing"
    with pytest.raises(UsageError, match="it came as nan"):
        hoigen.cut(run, deadline=float("nan"), quiet=True)


def test_exact_and_copied_files_do_not_mix(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hoigen.cut(run, copy=True, workers=1, quiet=True)
    with pytest.raises(UsageError, match="cut with --copy"):
        hoigen.cut(run, workers=1, quiet=True)
    assert main(["cut", str(run), "--copy", "--quiet"]) == 0
    assert "0 clips cut, 2 were there, 0 failed" in capsys.readouterr().out


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run"):
        hoigen.cut(tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


def cut(run: Path, *options: str) -> int:
    return main(["cut", str(run), "--workers", "1", "--quiet", *options])


FAILS = '''
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("fails")
class Fails:
    """Always."""
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        raise ValueError("said no")
'''


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"keep": {"fps": {"min": 100}}}, "2 files of clips that are not kept now (2 dropped)"),
        ({"duplicates": "drop"}, "1 file of clips that are not kept now (1 duplicate)"),
        ({"measures": ["metadata", "./fails.py"]}, "2 files of clips that are not kept now (2 failed)"),
    ],
)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_files_of_clips_that_are_not_kept_any_more_are_told_and_pruned(
    run: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], told: str, elsewhere: bool
) -> None:
    folder = run.parent / "out" if elsewhere else run / "cut"
    where = ["--out", str(folder)] if elsewhere else []
    assert cut(run, *where) == 0
    made = files(folder)
    (folder / "holiday.mp4").write_bytes(b"somebody's")
    (folder / "notes.txt").write_text("somebody's")
    (run.parent / "fails.py").write_text(FAILS)
    decide(run, beside=run.parent, **changes)
    cut(run, *where)
    shown = capsys.readouterr().out
    assert f"{told} are still there: " in shown
    assert "the same command with --prune deletes them" in shown
    assert "1 file is no clip of this run and was not touched: holiday.mp4" in shown
    assert {*made} < {*files(folder)}
    gone = [path for path in made if path.name in shown.split("are still there: ")[1].splitlines()[0]]
    cut(run, *where, "--prune")
    assert f"{told} were deleted: {gone[0].name}" in capsys.readouterr().out
    assert [*files(folder)] == [path for path in made if path not in gone] + [folder / "holiday.mp4"]
    assert (folder / "notes.txt").exists()
    cut(run, *where, "--prune")
    assert "not kept now" not in capsys.readouterr().out


def test_files_of_clips_that_are_not_decided_yet_are_told_and_left(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(run) == 0
    made = files(run / "cut")
    recipe = yaml.safe_load((run / "run.yaml").read_text())
    recipe["recipe"]["measures"].append("motion")  # as a run that was stopped right after its rules were changed
    (run / "run.yaml").write_text(yaml.safe_dump(recipe))
    cut(run, "--prune")
    assert (
        "2 files of clips that are not decided yet are still there, and --prune leaves them: "
        in capsys.readouterr().out
    )
    assert files(run / "cut") == made


def test_prune_is_refused_where_another_run_has_cut(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run.parent / "shared"
    other = run.parent / "other"
    recipe = yaml.safe_load((run / "run.yaml").read_text())["recipe"]
    decide(run, duplicates="keep")
    curated(**{**recipe, "run": other, "keep": {"fps": {"min": 100}}})
    assert cut(run, "--out", str(folder)) == 0
    made = files(folder)
    assert cut(other, "--out", str(folder)) == 2
    assert f"it holds clips of another run ({run.resolve()})" in capsys.readouterr().err
    assert cut(other, "--out", str(folder), "--prune") == 2
    assert f"holds clips of other runs too ({run.resolve()})" in capsys.readouterr().err
    assert files(folder) == made != []
    assert cut(other, "--out", str(folder), "--copy") == 2
    assert cut(run, "--out", str(folder), "--prune") == 0, "what was refused is not noted"
    for damage in (b"", b"\xff\xfe", b"sideways\n"):
        (folder / ".cut").write_bytes(damage)
        assert cut(run, "--out", str(folder)) == 2
        assert f"{folder / '.cut'}, which notes how the folder was cut, is damaged" in capsys.readouterr().err


def test_a_folder_of_other_files_is_refused_before_anything_is_written(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.parent / "foreign"
    for name in ("holiday.mp4", "notes.txt", "sub/x"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"somebody's")
        assert cut(run, "--out", str(folder)) == 2
        assert (
            f"--out {folder}: it holds other files ({name.partition('/')[0]}); give another folder with --out, or "
            in (capsys.readouterr().err)
        )
        assert [path.name for path in folder.iterdir()] == [name.partition("/")[0]]
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / ".DS_Store").write_bytes(b"of a file manager")
    assert cut(run, "--out", str(folder)) == 0
    made = files(folder)
    (folder / ".cut").unlink()
    assert cut(run, "--out", str(folder)) == 0, "clips of this run alone"
    moved = run.rename(run.parent / "moved")
    assert cut(moved, "--out", str(folder)) == 0, "the run that is noted may be this one"
    assert files(folder) == made
    assert "0 clips cut, 2 were there" in capsys.readouterr().out.splitlines()[-1]


def test_prune_leaves_the_files_of_kept_clips(run: Path) -> None:
    result = hoigen.cut(run, prune=True, workers=1, quiet=True)
    assert (result.cut, result.not_kept, result.others) == (2, {}, [])
    again = hoigen.cut(run, prune=True, workers=1, quiet=True)
    assert (again.already, len(files(run / "cut"))) == (2, 2)


def replace_video(run: Path) -> Path:
    """The run's first video becomes another one, under its name."""
    path = run.parent / "videos" / "a.mp4"
    other = hoigen.cut(run, out=run.parent / "other", copy=True, workers=1, quiet=True).out
    data = files(other)[0].read_bytes() + b"one more byte"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("options", [(), ("--copy",)])
def test_a_video_that_was_replaced_is_not_cut(
    run: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    path = replace_video(run)
    assert cut(run, *options) == 3
    shown = capsys.readouterr().out
    assert "1 clip cut, 0 were there, 1 failed" in shown
    assert f"{path}: the file has changed since it was measured" in shown
    assert len(files(run / "cut")) == 1


def test_a_video_that_was_only_copied_anew_is_cut(run: Path) -> None:
    for path in (run.parent / "videos").iterdir():
        os.utime(path, (1, 1))
    assert hoigen.cut(run, workers=1, quiet=True).cut == 2


def test_a_file_whose_video_was_replaced_later_is_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cut(run) == 0
    made = {path: path.read_bytes() for path in files(run / "cut")}
    replace_video(run)
    capsys.readouterr()
    assert cut(run) == 0
    assert "1 file was there whose video has been replaced since it was measured" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in files(run / "cut")} == made
    for path in (run.parent / "videos").iterdir():
        path.unlink()
    assert cut(run) == 0, "what was cut needs its video no more"
    assert "replaced" not in capsys.readouterr().out


def test_nothing_can_be_cut_when_all_videos_are_gone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run.parent / "videos")
    assert cut(run) == 1
    shown = capsys.readouterr().out
    assert "0 clips cut, 0 were there, 2 failed" in shown
    assert shown.count("no such file: if its video was moved, hoigen relocate tells the run where it is") == 2
