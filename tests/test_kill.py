"""kill -9 at random moments: the table is that of an undisturbed run, and nothing finished is done twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hoigen.data.journal import Journal
from hoigen.data.run import Run

MEASURE = '''
import os, time
from hoigen import Clip, Frames, Sampling, Score, measure

def note(line):
    fd = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (line + "\\n").encode())
    os.close(fd)

@measure({name!r})
class Counted:
    """A number made of the clip's id; slow enough to be killed in the middle."""
    sampling: Sampling = Sampling(frames={frames}, short_side=16)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        note(f"{{clip.id}} {name}")
        time.sleep({sleep})
        if int(clip.id, 16) % 17 == 0:
            raise ValueError("an unlucky id")
        return Score(int(clip.id, 16) % 100 + frames.images.size * 0.0)
'''
RECIPE = """
shots: none
measures: [./quick.py, ./slow.py]
keep: {quick: {min: 10}, slow: {max: 90}}
shard_size: 64
workers: 2
report: false
"""


def prepare(folder: Path, video: Path, clips: int) -> list[str]:
    """A manifest of many stretches of one video, a recipe, and the command that runs them into `folder`/run."""
    folder.mkdir()
    log = str(folder / "calls.log")
    (folder / "quick.py").write_text(MEASURE.format(name="quick", frames=0, sleep=0.0005, log=log))
    (folder / "slow.py").write_text(MEASURE.format(name="slow", frames=1, sleep=0.01, log=log))
    (folder / "recipe.yaml").write_text(RECIPE)
    lines = [f"{video},{i * 0.004:.3f},{i * 0.004 + 0.2:.3f}" for i in range(clips)]
    (folder / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    verb = ["curate", str(folder / "recipe.yaml"), "--videos", str(folder / "list.csv"), "--run", str(folder / "run")]
    trusted = [word for name in ("quick", "slow") for word in ("--trust", str(folder / f"{name}.py"))]
    return [sys.executable, "-m", "hoigen", *verb, *trusted]


def recorded(run: Run) -> set[tuple[str, str]]:
    """(clip, measure) pairs that are on disk."""
    found: set[tuple[str, str]] = set()
    for name in run.folder.child("journal").names():
        if name.startswith("scores-"):
            found |= {(row["id"], row["measure"]) for row in Journal(run.folder.child("journal"), name).rows()}
    for folder in (run.path / "scores").glob("*/*"):
        table = run.scores(folder.parent.name, folder.name)
        found |= {(row["id"], folder.parent.name) for shard in table.shards() for row in table.read(shard, ["id"])}
    return found


def calls(folder: Path) -> list[tuple[str, str]]:
    log = folder / "calls.log"
    if not log.exists():
        return []
    return [(line.split()[0], Path(line.split()[1]).stem) for line in log.read_text().splitlines()]


def table(folder: Path) -> str:
    command = [sys.executable, "-m", "hoigen", "table", str(folder / "run"), "--format", "csv"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("clips", "most"), [(100, 6), pytest.param(400, 50, marks=pytest.mark.slow)])
def test_kill_at_random_moments(tmp_path: Path, tiny_video: Path, clips: int, most: int) -> None:
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    subprocess.run(prepare(calm, tiny_video, clips), check=True, capture_output=True)
    command, run = prepare(wild, tiny_video, clips), Run(wild / "run")
    chance = random.Random(7)
    kills = 0
    while kills < most:
        done, before = recorded(run), len(calls(wild))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 2.0))
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        settle(wild)
        again = [call for call in calls(wild)[before:] if call in done]
        assert again == [], "what is on disk is not done again"
        if ended:
            break
    done = recorded(run)
    before = len(calls(wild))
    subprocess.run(command, check=True, capture_output=True)
    assert [call for call in calls(wild)[before:] if call in done] == []
    assert table(wild) == table(calm)
    assert not list((run.path / "journal").iterdir())
    assert json.dumps(sorted(recorded(run))) == json.dumps(sorted(recorded(Run(calm / "run"))))


def settle(folder: Path) -> None:
    """Waits until the killed run's workers are gone too: they end with their parent."""
    size = -1
    while size != len(calls(folder)):
        size = len(calls(folder))
        time.sleep(0.1)
