"""The main job end to end, with faults: every clip that goes in comes out, whatever breaks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hoigen
from hoigen.core.errors import SetupError, UsageError
from hoigen.data.run import Run
from hoigen.rules.decide import connect
from hoigen.rules.runfile import steps_of

BOOM = '''
import ctypes, os, time
from pathlib import Path
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("boom")
class Boom:
    """Breaks as the file's name says."""
    sampling: Sampling = Sampling(frames=1, short_side=16)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        with open({log!r}, "a") as log:
            log.write(Path(clip.uri).stem + "\\n")
        fault = Path(clip.uri).stem
        if fault == "raise":
            raise ValueError("said no")
        if fault == "exit":
            os._exit(3)
        if fault == "segfault":
            ctypes.string_at(0)
        if fault == "hang":
            time.sleep(1000)
        if fault == "memory":
            hold = []
            while True:
                hold.append(bytearray(os.urandom(1 << 20)) * 32)
        if fault == "undefined":
            return Score(None, {{"reason": "nothing to see"}})
        return Score(1.0)
'''


def decided(run: Path) -> dict[str, tuple[str, str | None, str | None]]:
    """State, rule and reason by file stem."""
    _, steps = steps_of(Run(run))
    rows = connect(Run(run), steps).execute("select uri, state, rule, reason from decided").fetchall()
    assert len({uri for uri, *_ in rows}) == len(rows)
    return {Path(uri).stem: (state, rule, reason) for uri, state, rule, reason in rows}


@pytest.fixture
def faults(tmp_path: Path, tiny_video: Path) -> Path:
    """A folder of videos named after what breaks on them, and the measure that breaks."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "raise", "exit", "segfault", "hang", "memory", "undefined", "z"):
        shutil.copy(tiny_video, folder / f"{name}.mp4")
    (tmp_path / "boom.py").write_text(BOOM.format(log=str(tmp_path / "calls.log")))
    return tmp_path


def curate(faults: Path, **changes: object) -> Path:
    run = faults / "run"
    recipe: dict[str, object] = {
        "videos": faults / "videos",
        "run": run,
        "shots": "none",
        "duplicates": "keep",
        "measures": ["metadata", "./boom.py"],
        "keep": {"boom": {"min": 0}},
        "workers": 2,
        "deadline": 8.0,  # taking all memory takes seconds on a busy machine
        "memory_mb": 512,
        "report": False,
        "beside": faults,
        "quiet": True,
    }
    hoigen.curate(**(recipe | changes))
    return run


def test_each_fault_costs_one_clip(faults: Path) -> None:
    found = decided(curate(faults))
    assert {name: state for name, (state, _, _) in found.items()} == {
        "a": "kept",
        "z": "kept",
        "undefined": "dropped",
        "raise": "failed",
        "exit": "failed",
        "segfault": "failed",
        "hang": "failed",
        "memory": "failed",
    }
    assert found["undefined"][2] == "boom has no value: nothing to see"
    assert found["raise"][1:] == ("boom", "ValueError: said no")
    assert "while at boom, 2 tries" in str(found["segfault"][2])
    assert "SIGSEGV" in str(found["segfault"][2])
    assert "8 s" in str(found["hang"][2])
    assert "512 MB" in str(found["memory"][2]) or "MemoryError" in str(found["memory"][2])
    calls = (faults / "calls.log").read_text().split()
    assert {name: calls.count(name) for name in set(calls)} == {
        "a": 1,
        "z": 1,
        "undefined": 1,
        "raise": 2,
        "exit": 2,
        "segfault": 2,
        "hang": 2,
        "memory": 2,
    }


def test_a_rerun_repeats_nothing_and_retry_repeats_what_failed(faults: Path) -> None:
    for name in ("exit", "segfault", "hang", "memory"):
        (faults / "videos" / f"{name}.mp4").unlink()
    run = curate(faults)
    before = (faults / "calls.log").read_text()
    curate(faults)
    assert (faults / "calls.log").read_text() == before
    hoigen.retry(run, quiet=True)
    assert (faults / "calls.log").read_text().split()[len(before.split()) :] == ["raise", "raise"]
    assert decided(run)["raise"][0] == "failed"


def test_new_rules_compute_only_what_is_newly_needed(faults: Path) -> None:
    for name in ("exit", "segfault", "hang", "memory", "raise"):
        (faults / "videos" / f"{name}.mp4").unlink()
    run = curate(faults, keep={"duration": {"min": 100}})
    assert not (faults / "calls.log").exists(), "the header has dropped them all"
    assert {state for state, _, _ in decided(run).values()} == {"dropped"}
    curate(faults, keep={"duration": {"min": 1}, "boom": {"min": 0}})
    calls = (faults / "calls.log").read_text()
    assert sorted(calls.split()) == ["a", "undefined", "z"]
    curate(faults, keep={"boom": {"min": 2}})
    assert (faults / "calls.log").read_text() == calls
    assert decided(run)["a"][2] == "boom 1 < min 2"


def test_the_same_content_under_two_names_is_one_clip(faults: Path) -> None:
    run = curate(faults, duplicates="drop", measures=["metadata"], keep={})
    found = decided(run)
    assert found["a"][0] == "kept"
    assert {found[name][:2] for name in found if name != "a"} == {("dropped", "duplicate")}
    assert str(found["z"][2]).endswith("a.mp4")


def test_videos_that_come_later_are_added(faults: Path, tiny_video: Path) -> None:
    run = curate(faults, measures=["metadata"], keep={})
    shutil.copy(tiny_video, faults / "videos" / "0_first_by_name.mp4")
    curate(faults, measures=["metadata"], keep={})
    assert len(decided(run)) == 9


def test_a_measure_that_cannot_load_stops_the_run_with_its_reason(faults: Path) -> None:
    (faults / "boom.py").write_text(
        (faults / "boom.py").read_text() + "\n    def load(self): raise OSError('no model')\n"
    )
    with pytest.raises(SetupError, match="no model"):
        curate(faults)


def test_most_clips_failing_alike_stop_the_run(faults: Path, tiny_video: Path) -> None:
    for at in range(60):
        shutil.copy(tiny_video, faults / "videos" / f"many{at}.mp4")
    source = (faults / "boom.py").read_text().replace('fault == "raise"', "True")
    (faults / "boom.py").write_text(source)
    with pytest.raises(SetupError, match="said no"):
        curate(faults)
    assert len((faults / "calls.log").read_text().split()) < 100


def test_bad_arguments_write_nothing(faults: Path) -> None:
    for changes in (
        {"videos": faults / "none"},
        {"measures": ["motoin"]},
        {"keep": {"boon": {"min": 1}}},
        {"duplicates": "maybe"},
        {"workers": 0},
        {"max_length": 1.0},
        {"shots": "adaptiv"},
    ):
        with pytest.raises(UsageError):
            curate(faults, **changes)
        assert not list((faults / "run").glob("*.*")) if (faults / "run").exists() else True


def test_ctrl_c_stops_and_says_how_to_go_on(faults: Path) -> None:
    (faults / "recipe.yaml").write_text("shots: none\nduplicates: keep\nmeasures: [./boom.py]\nreport: false\n")
    for name in ("raise", "exit", "segfault", "memory"):
        (faults / "videos" / f"{name}.mp4").unlink()
    command = [
        sys.executable,
        "-m",
        "hoigen",
        "curate",
        str(faults / "recipe.yaml"),
        "--videos",
        str(faults / "videos"),
        "--trust",
        str(faults / "boom.py"),
    ]
    process = subprocess.Popen([*command, "--run", str(faults / "run")], stderr=subprocess.PIPE, text=True)
    while not (faults / "calls.log").exists() or "hang" not in (faults / "calls.log").read_text():
        time.sleep(0.05)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "all finished work is kept. Go on with: hoigen curate" in said


def test_two_processes_do_not_share_a_folder(faults: Path) -> None:
    from hoigen.work.ranks import Rank, held

    with held(Run(faults / "run"), Rank()), pytest.raises(UsageError, match="in use"):
        curate(faults)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nosuch://a/b.mp4", "list.csv, line 3: uri: .*nosuch:// is not opened"),
        ("az://a/b.mp4", "az:// needs a further"),
    ],
)
def test_a_scheme_that_nothing_can_open_stops_before_anything_is_written(tmp_path: Path, uri: str, said: str) -> None:
    (tmp_path / "list.csv").write_text(f"uri\n/a.mp4\n{uri}\n")
    with pytest.raises(UsageError, match=said) as error:
        hoigen.curate(videos=tmp_path / "list.csv", run=tmp_path / "run", measures=["metadata"])
    assert uri in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_video_that_was_moved_is_no_copy_of_itself(
    tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(tiny_video, folder / "a.mp4")
    for name in ("a.mp4", "c.mp4"):
        (folder / "a.mp4").rename(folder / name)
        funnel = hoigen.curate(
            videos=folder, run=tmp_path / "run", measures=["metadata"], shots="none", report=False, quiet=True
        )
    run = Run(tmp_path / "run")
    rows = connect(run, steps_of(run)[1]).execute("select uri, state from decided").fetchall()
    assert (str(folder / "c.mp4"), "kept") in rows
    said = capsys.readouterr().err
    assert "1 video has changed or is gone since it was measured" in said
    told = f"1 video of {run.path} is no longer in the list, and stays in the run"
    assert said.count(told) == str(funnel).count(told) == 1


def test_a_video_whose_name_is_not_utf8_is_read(tmp_path: Path, tiny_video: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(tiny_video, os.path.join(os.fsencode(folder), b"a\xff 1.mp4"))
    for _ in range(2):
        funnel = hoigen.curate(
            videos=folder, run=tmp_path / "run", measures=["metadata"], shots="none", report=False, quiet=True
        )
        assert funnel.counts == {"kept": 1, "dropped": 0, "failed": 0, "pending": 0}
