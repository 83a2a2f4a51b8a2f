"""A run whose videos, or which itself, lie elsewhere: nothing is measured again, and nothing else is taken for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from render import pan, render, texture
from run_folders import curated


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of three videos below `old`, one of them in a folder of its own."""
    (tmp_path / "old" / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a", "b", "deep/c")):
        render(tmp_path / "old" / f"{name}.mp4", pan(texture(seed, (120, 90)), 30, (1, 0), (96, 72)))
    curated(videos=tmp_path / "old", run=tmp_path / "run")
    return tmp_path / "run"


def uris(run: Path) -> list[str]:
    rows = Run(run).clips.read(0, ["uri", "id"])
    return [row["uri"] for row in rows]


def ids(run: Path) -> list[str]:
    return [row["id"] for row in Run(run).clips.read(0, ["id"])]


def goes_on_without_measuring(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Curated again, nothing is new, nothing has changed, and files can be cut."""
    before = {path: path.stat().st_mtime_ns for path in (run / "scores").rglob("*.parquet")}
    capsys.readouterr()
    assert main(["curate", str(run / "run.yaml"), "--quiet", "--set", "workers=1"]) == 0
    told = capsys.readouterr()
    assert "3 clips: 3 kept" in told.out
    assert "have changed" not in told.err
    assert {path: path.stat().st_mtime_ns for path in (run / "scores").rglob("*.parquet")} == before
    cut = hoigen.cut(run, workers=1, quiet=True)
    assert (cut.cut, cut.failed) == (3, {})


def test_videos_below_another_folder(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = ids(run)
    shutil.copytree(tmp_path / "old", tmp_path / "new", copy_function=shutil.copy)  # with times of their own
    shutil.rmtree(tmp_path / "old")
    assert main(["relocate", str(run), "--root", f"{tmp_path / 'old'}={tmp_path / 'new'}"]) == 0
    assert "3 videos have moved, 0 stay" in capsys.readouterr().out
    assert uris(run) == [f"{tmp_path}/new/{name}.mp4" for name in ("a", "b", "deep/c")]
    assert ids(run) == before
    goes_on_without_measuring(run, capsys)
    again = hoigen.relocate(run, root=[f"{tmp_path / 'old'}={tmp_path / 'new'}"])
    assert (again.moved, again.there, again.incomplete) == (0, 3, False)


def test_videos_of_other_names_are_found_by_their_content(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "else").mkdir()
    for at, path in enumerate(sorted((tmp_path / "old").rglob("*.mp4"))):
        path.rename(tmp_path / "else" / f"{9 - at}.mp4")
    found = hoigen.relocate(run, videos=[str(tmp_path / "else")])
    assert (found.moved, found.incomplete) == (3, False)
    goes_on_without_measuring(run, capsys)


def test_what_is_not_there_or_is_another_stays_and_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    shutil.copytree(tmp_path / "old", new)
    (new / "a.mp4").write_bytes((new / "b.mp4").read_bytes())
    (new / "deep" / "c.mp4").unlink()
    shutil.rmtree(tmp_path / "old")
    assert main(["relocate", str(run), "--root", f"{tmp_path / 'old'}={new}"]) == 3
    told = capsys.readouterr().out
    assert "1 video has moved, 0 stay" in told
    assert f"1 were not found and are left as they were: {tmp_path}/old/deep/c.mp4" in told
    assert f"1 hold other content than was measured and are left as they were: {tmp_path}/old/a.mp4" in told
    assert uris(run) == [f"{tmp_path}/old/a.mp4", f"{new}/b.mp4", f"{tmp_path}/old/deep/c.mp4"]


def test_stopped_between_the_clips_and_the_list_it_goes_on(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "else").mkdir()
    for path in (tmp_path / "old").rglob("*.mp4"):
        path.rename(tmp_path / "else" / f"x{path.name}")
    with monkeypatch.context() as patch:
        patch.setattr("hoigen.data.videolist.rewrite", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            hoigen.relocate(run, videos=[str(tmp_path / "else")])
    assert not hoigen.relocate(run, videos=[str(tmp_path / "else")]).incomplete
    goes_on_without_measuring(run, capsys)


def test_a_run_that_was_moved_itself_goes_on_where_it_is(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "elsewhere" / "r[1]"
    moved.parent.mkdir()
    run.rename(moved)
    goes_on_without_measuring(moved, capsys)
    assert not run.exists(), "nothing is made where it was"


@pytest.mark.parametrize("root", ["old", "=new", "old="])
def test_a_root_that_is_no_pair(run: Path, root: str) -> None:
    with pytest.raises(UsageError, match="OLD=NEW, two folders or addresses"):
        hoigen.relocate(run, root=[root])


def test_one_of_the_two_ways_must_be_named(run: Path) -> None:
    with pytest.raises(UsageError, match="--root OLD=NEW or --videos FOLDER"):
        hoigen.relocate(run)
    with pytest.raises(UsageError, match="is not a run"):
        hoigen.relocate(run.parent / "old", root=["a=b"])


def test_a_name_that_only_begins_alike_is_not_below(run: Path, tmp_path: Path) -> None:
    found = hoigen.relocate(run, root=[f"{tmp_path / 'ol'}={tmp_path / 'new'}"])
    assert (found.moved, found.there) == (0, 3)
    assert os.path.commonpath(uris(run)) == str(tmp_path / "old")


def test_a_row_that_failed_goes_with_the_others_of_its_video(run: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "a.mp4", tmp_path / "else"
    (tmp_path / "list.csv").write_text(f"uri,start,end\n{old},90,95\n{old},0,1\n{tmp_path}/old/b.mp4,0,1\n")
    curated(videos=tmp_path / "list.csv", run=tmp_path / "listed")
    new.mkdir()
    old.rename(new / "z.mp4")
    assert not hoigen.relocate(tmp_path / "listed", videos=[str(new)]).incomplete
    assert uris(tmp_path / "listed")[:2] == [str(new / "z.mp4")] * 2

    (new / "z.mp4").rename(old)  # and with the same name, but another content, it is no video of the run's
    curated(videos=tmp_path / "list.csv", run=tmp_path / "again")
    (new / "a.mp4").write_bytes((tmp_path / "old" / "b.mp4").read_bytes())
    old.unlink()
    found = hoigen.relocate(tmp_path / "again", root=[f"{tmp_path / 'old'}={new}"])
    assert list(found.other) == [str(old)]


def test_each_of_two_videos_of_one_content_has_a_place_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    render(tmp_path / "old" / "a.mp4", pan(texture(1, (120, 90)), 30, (1, 0), (96, 72)))
    shutil.copy(tmp_path / "old" / "a.mp4", tmp_path / "old" / "b.mp4")
    curated(videos=tmp_path / "old", run=tmp_path / "run", duplicates="keep")
    (tmp_path / "old").rename(tmp_path / "new")
    hoigen.relocate(tmp_path / "run", videos=[str(tmp_path / "new")])
    assert sorted(uris(tmp_path / "run")) == [f"{tmp_path}/new/a.mp4", f"{tmp_path}/new/b.mp4"]


def test_a_duplicate_names_the_first_where_it_lies_now(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    render(tmp_path / "old" / "a.mp4", pan(texture(1, (120, 90)), 30, (1, 0), (96, 72)))
    shutil.copy(tmp_path / "old" / "a.mp4", tmp_path / "old" / "b.mp4")
    curated(videos=tmp_path / "old", run=tmp_path / "run")
    (tmp_path / "old").rename(tmp_path / "new")
    hoigen.relocate(tmp_path / "run", root=[f"{tmp_path / 'old'}={tmp_path / 'new'}"])
    [reason] = [row["reason"] for row in Run(tmp_path / "run").clips.read(0) if row["reason"]]
    assert reason == f"same content as {tmp_path}/new/a.mp4"


@pytest.mark.parametrize("slash", ["", "/"])
def test_from_a_disk_to_a_store_and_back(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slash: str
) -> None:
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    store = MemoryFileSystem()
    for path in (tmp_path / "old").rglob("*.mp4"):
        store.pipe_file(f"/moved/videos/{path.relative_to(tmp_path / 'old')}", path.read_bytes())
    (tmp_path / "old").rename(tmp_path / "away")
    found = hoigen.relocate(run, root=[f"{tmp_path / 'old'}{slash}=memory://moved/videos{slash}"])
    assert (found.moved, found.incomplete) == (3, False)
    assert uris(run) == [f"memory://moved/videos/{name}.mp4" for name in ("a", "b", "deep/c")]
    found = hoigen.relocate(run, root=[f"memory://moved/videos{slash}={tmp_path / 'away'}{slash}"])
    assert (found.moved, found.incomplete) == (3, False)


def test_a_home_that_the_shell_does_not_write_out(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "old").rename(tmp_path / "home" / "new")
    assert not hoigen.relocate(run, root=[f"{tmp_path / 'old'}=~/new"]).incomplete
