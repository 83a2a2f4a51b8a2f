"""hoigen cut on real runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hoigen
from hoigen import video
from hoigen.cli import main
from hoigen.errors import UsageError


@pytest.fixture
def run(tmp_path: Path, tiny_video: Path) -> Path:
    """A run of two files, both kept."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(tiny_video, folder / f"{name}.mp4")
    hoigen.curate(
        videos=str(folder),
        run=tmp_path / "run",
        shots="none",
        duplicates="keep",
        measures=["metadata"],
        keep={"fps": {"min": 20}},
        report=False,
        workers=1,
        quiet=True,
    )
    return tmp_path / "run"


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


def test_a_bad_file_costs_one_clip(run: Path) -> None:
    broken = run.parent / "videos" / "a.mp4"
    broken.write_bytes(b"no video at all")
    result = hoigen.cut(run, out=run.parent / "out", workers=1, quiet=True)
    assert result.cut == 1
    assert [str(broken) in reason for reason in result.failed.values()] == [True]
    assert "1 clips cut, 0 were there, 1 failed" in str(result)
    assert len(files(run.parent / "out")) == 1
    assert not list((run.parent / "out").glob(".*.part*"))
    assert main(["cut", str(run), "--out", str(run.parent / "out"), "--quiet"]) == 1, "a file is missing"
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
