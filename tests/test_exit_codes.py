"""What a command exits with when everything failed, and when only some did."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import fake_talk
import hoigen
import render
from hoigen.commands.cli import main
from hoigen.core.errors import SetupError
from run_folders import curated

RAISES = '''
from pathlib import Path
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("raises")
class Raises:
    """On every file but those named good."""
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if not Path(clip.uri).stem.startswith("good"):
            raise ValueError("said no")
        return Score(1.0)
'''


@pytest.fixture
def here(tmp_path: Path, tiny_video: Path) -> Path:
    """A folder with a recipe, a folder of broken files, and one of sound ones on which the measure fails."""
    (tmp_path / "raises.py").write_text(RAISES)
    (tmp_path / "recipe.yaml").write_text("shots: none\nmeasures: [metadata, ./raises.py]\nworkers: 1\nreport: false\n")
    for name in ("broken", "sound"):
        (tmp_path / name).mkdir()
    for at in range(3):
        (tmp_path / "broken" / f"{at}.mp4").write_bytes(b"no video %d" % at)
        (tmp_path / "sound" / f"{at}.mp4").write_bytes(tiny_video.read_bytes() + bytes(at))
    return tmp_path


def curate(here: Path, videos: str, *words: str) -> int:
    recipe, run = str(here / "recipe.yaml"), str(here / "run")
    own = ["--trust", str(here / "raises.py")]
    return main(["curate", recipe, "--videos", str(here / videos), "--run", run, "--quiet", *own, *words])


def test_every_video_broken(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for shots in ("none", "adaptive"):
        shutil.rmtree(here / "run", ignore_errors=True)
        assert curate(here, "broken", "--set", f"shots={shots}") == 1
        told = f"every clip failed, the first with: {here}/broken/0.mp4: cannot be read as a video"
        shown = capsys.readouterr().out
        assert told in shown
        assert f"hoigen retry {here}/run tries them again" in shown
    for words in (["retry", "--quiet"], ["funnel"], ["cut", "--quiet"]):
        assert main([words[0], str(here / "run"), *words[1:]]) == 1, words
        assert told in capsys.readouterr().out
    where = ["--set", "captioner=grounded", "--quiet"]
    assert main(["caption", str(here / "run"), *where]) == 1
    assert told in capsys.readouterr().out
    assert main(["table", str(here / "run")]) == 0, "what is there is shown"


def test_every_video_missing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "list.csv").write_text("uri\ngone1.mp4\ngone2.mp4\n")
    assert curate(here, "list.csv") == 1
    assert "gone1.mp4: no such file. hoigen retry" in capsys.readouterr().out


def test_every_measure_failing_on_every_clip(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert curate(here, "sound") == 1
    assert "sound/0.mp4: ValueError: said no" in capsys.readouterr().out
    (here / "raises.py").write_text(RAISES.replace('startswith("good")', 'startswith("")'))
    again = ["retry", str(here / "run"), "--quiet", "--trust", str(here / "raises.py")]
    assert main(again) == 0, "mended, all pass"


def test_some_files_of_those_that_were_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """3 where the others are there, 1 where none is."""
    run, out = here / "run", here / "out"
    rows = "".join(f"sound/{at}.mp4,A cup.\n" for at in range(3))
    (here / "list.csv").write_text(f"uri,prompt\n{rows}")
    curated(videos=here / "list.csv", run=run, **PLAIN)
    cut = ["cut", str(run), "--out", str(out), "--quiet", "--copy"]
    export = ["export", str(run), "--to", "videofolder", "--out", str(here / "data"), "--captions", "list", "--quiet"]
    sound = [(here / "sound" / f"{at}.mp4").read_bytes() for at in range(3)]
    for broken, code in (((0, 1, 2), 1), ((0,), 3), ((), 0)):
        for at, data in enumerate(sound):
            (here / "sound" / f"{at}.mp4").write_bytes(b"broken" if at in broken else data)
        for words in (cut, export):
            assert main(words) == code, (words, broken)
            assert f"{len(broken)} failed" in capsys.readouterr().out
    for at in (0, 1):
        (here / "sound" / f"{at}.mp4").rename(here / f"{at}.mp4")
    moved = ["relocate", str(run), "--root", f"{here / 'sound'}={here}"]
    (here / "0.mp4").rename(here / "away.mp4")
    assert main(moved) == 3
    (here / "away.mp4").rename(here / "0.mp4")
    assert main(moved) == 0


@pytest.mark.parametrize(
    "words",
    [
        "curate lite --videos empty --run out/run",
        "curate lite --videos list.csv --run out/run",
        "demo empty --run out/run",
        "evaluate --videos empty --prompts suite.txt --run out/run",
        "categories out/run --captions gone.jsonl",
        "categories out/run --captions suite.txt",
        "sources behave --index list.csv --fetch out/run",
        "generate --model pika-2 --prompts suite.txt --out out/run --manifest gone.csv",
        "map list.csv --videos empty --out out/list.jsonl",
    ],
)
def test_what_is_refused_leaves_no_empty_folder(
    words: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    (here / "empty").mkdir()
    (here / "suite.txt").write_text("A person holds a cup.\n")
    (here / "list.csv").write_text("nothing\nx\n")
    assert main(words.split()) == 2
    assert capsys.readouterr().err
    assert not (here / "out").exists()


def test_what_was_there_before_a_refusal_stays(here: Path) -> None:
    (here / "empty").mkdir()
    (here / "out").mkdir()
    assert main(["curate", "lite", "--videos", str(here / "empty"), "--run", str(here / "out" / "run")]) == 2
    assert list((here / "out").iterdir()) == []


def test_copies_of_what_failed_are_no_success(here: Path) -> None:
    shutil.copy(here / "sound" / "0.mp4", here / "sound" / "copy.mp4")
    assert curate(here, "sound") == 1
    assert hoigen.funnel(here / "run").counts == {"kept": 0, "dropped": 1, "failed": 3, "pending": 0}


def test_some_failed(here: Path) -> None:
    shutil.copy(here / "sound" / "0.mp4", here / "sound" / "good.mp4")
    assert curate(here, "sound", "--set", "duplicates=keep") == 0


@pytest.mark.parametrize("sets", [["keep.duration.min=100"], ["shots=adaptive", "min_length=50", "max_length=null"]])
def test_what_a_rule_dropped_was_measured(here: Path, sets: list[str]) -> None:
    shutil.copy(here / "broken" / "0.mp4", here / "sound" / "3.mp4")
    assert curate(here, "sound", *(word for one in sets for word in ("--set", one))) == 0
    assert hoigen.funnel(here / "run").counts == {"kept": 0, "dropped": 3, "failed": 1, "pending": 0}


def test_a_shot_that_was_too_short_to_measure_is_no_success(here: Path) -> None:
    frames = [render.texture(seed, (160, 96)) for seed, count in ((1, 50), (2, 12)) for _ in range(count)]
    (here / "cut").mkdir()
    render.render(here / "cut" / "two_shots.mp4", frames, fps=25)
    assert curate(here, "cut", "--set", "shots=adaptive") == 1
    assert hoigen.funnel(here / "run").counts == {"kept": 0, "dropped": 1, "failed": 1, "pending": 0}


def test_a_clip_that_waits_has_not_failed(here: Path) -> None:
    assert curate(here, "sound", "--set", 'measures=["metadata"]') == 0
    (here / "sound" / "3.mp4").write_bytes(b"broken")
    assert curate(here, "sound", "--set", 'measures=["metadata"]', "--set", "keep.duration.min=100") == 0
    recipe = yaml.safe_load((here / "run" / "run.yaml").read_text())
    recipe["recipe"] |= {"measures": ["metadata", "motion"], "keep": {}}  # as a run that was stopped at once
    (here / "run" / "run.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["funnel", str(here / "run")]) == 0
    assert main(["cut", str(here / "run"), "--quiet"]) == 0


@pytest.mark.parametrize(("videos", "code"), [("broken", 1), ("sound", 1), ("mixed", 0)])
def test_evaluate(here: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str], videos: str, code: int) -> None:
    (here / "prompts.txt").write_text("a\nb\n")
    (here / "mixed").mkdir()
    source = here / ("sound" if videos == "mixed" else videos)
    for at, name in enumerate(("a-0", "b-0")):
        shutil.copy(source / f"{at}.mp4", here / "mixed" / f"{name}.mp4")
    if videos == "mixed":  # one that is sound, one that is broken
        (here / "raises.py").write_text(RAISES.replace('startswith("good")', 'startswith("a")'))
    words = ["--videos", "mixed", "--prompts", "prompts.txt", "--run", "run", "--recipe", "evaluation.yaml", "--quiet"]
    (here / "evaluation.yaml").write_text("measures: [metadata, ./raises.py]\nworkers: 1\n")
    paths = [str(here / word) if (here / word).exists() or word == "run" else word for word in words]
    assert main(["evaluate", *paths, "--trust", str(here / "raises.py")]) == code
    assert ("every clip failed, the first with: " in capsys.readouterr().out) == bool(code)


def test_demo_on_broken_videos(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(here / "broken"), "--run", str(here / "run"), "--quiet"]) == 1
    assert "every clip failed, the first with: " in capsys.readouterr().out


NO_SERVER = "captioner={single: {expert: {chat_server: {url: 'http://127.0.0.1:9/v1', model: none}}}}"


def captioned(here: Path, clips: int, breaks: str) -> Path:
    """A run whose clips are kept and whose expert breaks."""
    fake_talk.write(here)
    shutil.copytree(here / "sound", here / "kept")
    spec = fake_talk.spec(here, mind={"breaks": breaks})
    curated(videos=here / "kept", run=here / "run", duplicates="keep", caption=spec)
    return here / "run"


@pytest.mark.parametrize(("breaks", "code"), [("refused", 1), ("timed_out", 1), ("failed", 1), ("", 0)])
def test_every_caption_failing(here: Path, capsys: pytest.CaptureFixture[str], breaks: str, code: int) -> None:
    run = captioned(here, 3, breaks)
    for words in ([], ["--retry"]):
        assert main(["caption", str(run), "--quiet", "--no-report", *words]) == code
        shown = capsys.readouterr().out
        assert (f"every caption failed: mind {breaks}: it {breaks}. hoigen caption {run} --retry" in shown) == bool(
            code
        )
    assert main(["caption", str(run), "--quiet", "--dry-run"]) == 0
    assert main(["categories", str(run)]) == (2 if code else 0), "no captions, nothing to read"


def test_captions_that_wait_for_a_batch_have_not_failed(here: Path) -> None:
    run = captioned(here, 3, "")
    words = ["--quiet", "--no-report", "--set", NO_SERVER, "--batch-out", str(here / "batch.jsonl")]
    assert main(["caption", str(run), *words]) == 0


def test_a_server_that_is_not_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = captioned(here, 3, "")
    assert main(["caption", str(run), "--quiet", "--no-report", "--set", NO_SERVER]) == 1
    printed = capsys.readouterr()
    assert "127.0.0.1:9" in printed.out + printed.err


def test_ctrl_c_exits_with_130_wherever_it_comes(here: Path) -> None:
    """Also inside of exec, which marks Python to die of SIGINT whoever catches it; a dataclass is made by exec."""
    (here / "raises.py").write_text('exec("raise KeyboardInterrupt")\n')
    words = ["curate", here / "recipe.yaml", "--videos", here / "sound", "--run", here / "run"]
    command = [sys.executable, "-m", "hoigen", *words, "--trust", here / "raises.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert "stopped; all finished work is kept" in done.stderr


def listed(here: Path, missing: int, good: int) -> Path:
    there = [here / "sound" / "0.mp4"] * good
    rows = [*(here / f"gone{at}.mp4" for at in range(missing)), *there]
    (here / "list.csv").write_text("uri\n" + "".join(f"{path}\n" for path in rows))
    return here / "list.csv"


PLAIN = {"measures": ["metadata"], "workers": 1, "duplicates": "keep"}


def test_a_list_whose_first_videos_are_missing_is_done_to_its_end(here: Path) -> None:
    found = curated(videos=listed(here, missing=70, good=20), run=here / "run", **PLAIN)
    assert (found.counts["failed"], found.counts["kept"] + found.counts["dropped"]) == (70, 20)


def test_a_list_of_which_nothing_is_there_is_stopped_once_and_for_all(here: Path) -> None:
    videos = listed(here, missing=120, good=0)
    for failed in (50, 51):  # the second time it is known what came before
        with pytest.raises(
            SetupError, match=rf"(?s)reading videos failed alike on {failed} of {failed}.*breaker=false"
        ):
            curated(videos=videos, run=here / "run", **PLAIN)
    found = curated(videos=videos, run=here / "run", breaker=False, **PLAIN)
    assert found.counts["failed"] == 120
    assert found.incomplete, "which is not done well"


def test_a_retry_may_be_done_another_way_and_measures_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curated(videos=here / "broken", run=here / "run", **PLAIN)
    assert main(["retry", str(here / "run"), "--quiet", "--set", "deadline=600", "--set", "breaker=false"]) == 1
    again = yaml.safe_load((here / "run" / "run.yaml").read_text())["recipe"]
    assert (again["deadline"], again["breaker"]) == (600, False)
    assert main(["retry", str(here / "run"), "--set", "keep.fps.min=2"]) == 2
    assert "--set keep.fps.min=2: a retry measures as before" in capsys.readouterr().err


def test_a_file_that_may_not_be_so_large_is_a_plain_error(tmp_path: Path, tiny_video: Path) -> None:
    """A limit of the shell (`ulimit -f`), or of the file system, as 4 GB of FAT."""
    code = (
        "import resource, sys; from hoigen.commands.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)); sys.exit(main(sys.argv[1:]))"
    )
    assert tiny_video.stat().st_size > 2048
    (tmp_path / "suite.txt").write_text("A person holds a cup.\n")
    (tmp_path / "list.csv").write_text(f"video,prompt\n{tiny_video},A person holds a cup.\n")
    words = ["generate", "--model", "pika-2", "--prompts", "suite.txt", "--out", "out", "--manifest", "list.csv"]
    said = subprocess.run(
        [sys.executable, "-B", "-c", code, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2, said.stderr
    assert "File too large" in said.stderr
    assert "Traceback" not in said.stderr
    assert [*(tmp_path / "out" / "pika-2").glob("*.[mj]*")] == [], "nothing half-written"
