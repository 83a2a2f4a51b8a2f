"""hoigen beside py-data-juicer: three filters (length, size, motion) over the same clips, in one run.

    python3 -m venv DJ && DJ/bin/pip install torch==2.13.0 py-data-juicer==1.6.1 imageio-ffmpeg
    DJ/bin/pip install aiohttp av==13.1.0 opencv-contrib-python-headless      # without them it does not start
    python benchmarks/race_data_juicer.py DJ [FOLDER] [--rounds 3] [--made FOLDER]

FOLDER: clips of one's own beside the rendered ones (12 moving clips of 6 s at 720p30, one each that stands still, is
too small, too short and of 15 frames a second). The rules are the same: at least a second, at least 720 pixels (240 for
FOLDER), motion. Motion is not the same number: data-juicer has Farneback's flow at 2 frames a second of the whole clip,
scaled to 320 pixels here, which is kind to it; hoigen's `motion` has DIS flow of neighbouring frames at eight moments.
data-juicer has two processes, PyAV for headers, and its cache, as it comes; hoigen two workers. Both start as programs,
start-up included.

Told are wall time and CPU seconds of everything that was started: this process takes up what they leave behind
(PR_SET_CHILD_SUBREAPER), since workers that nobody waits for are in no `time`. Then: the same command again, another
threshold, and what becomes of a list that also names an empty file, one of noise, and a pipe that nobody writes to.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from machine import headline

HOIGEN = Path(sys.executable).with_name("hoigen")
PR_SET_CHILD_SUBREAPER = 36
ENOUGH = 180.0
"""Seconds after which a program that hangs on the pipe is ended."""
SIZE = "1280x720"
MOVING = {
    "testsrc": f"testsrc2=s={SIZE}:r=30",
    "mandelbrot": f"mandelbrot=s={SIZE}:r=30",
    "gradients": f"gradients=s={SIZE}:r=30:speed=0.05",
    "cells": f"cellauto=s={SIZE}:r=30:rule=110",
}


@dataclass(frozen=True, slots=True)
class Took:
    """What a program took. wall, cpu: seconds; code: its exit status, None where it was ended."""

    wall: float
    cpu: float
    code: int | None


@dataclass(frozen=True, slots=True)
class Set:
    """Clips that are raced over. side: pixels that they have to have."""

    name: str
    clips: Sequence[Path]
    side: int


CASES = {"": (0.002, 0.25), ": the same command again": (0.002, 0.25), ": another threshold": (0.004, 0.5)}
"""What is done, in this order -> hoigen's least motion and data-juicer's."""


def encoded(source: str, seconds: float, path: Path, *more: str) -> None:
    words = ["-v", "error", "-f", "lavfi", "-i", source, "-t", str(seconds), *more]
    subprocess.run(
        ["ffmpeg", "-y", *words, "-c:v", "libx264", "-g", "250", "-pix_fmt", "yuv420p", "-b:v", "8M", str(path)],
        check=True,
    )


def rendered(folder: Path) -> None:
    """The clips that every run has."""
    folder.mkdir()
    for name, source in MOVING.items():
        for at in range(3):
            shift = ("-vf", f"hue=h={40 * at},eq=contrast={1 + at / 10}")
            encoded(source, 6, folder / f"{name}{at}.mp4", *shift)
    encoded(f"color=c=gray:s={SIZE}:r=30", 6, folder / "still.mp4")
    encoded("testsrc2=s=640x360:r=30", 6, folder / "small.mp4")
    encoded(f"testsrc2=s={SIZE}:r=30", 0.5, folder / "short.mp4")
    encoded(f"testsrc2=s={SIZE}:r=15", 6, folder / "slow.mp4")


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def took(words: Sequence[str], folder: Path, env: Mapping[str, str], enough: float | None = None) -> Took:
    """Runs a program, and waits for all that it leaves behind."""
    before, begun = spent(), time.perf_counter()
    with (folder / "said.txt").open("wb") as said:
        program = subprocess.Popen(words, cwd=folder, env=dict(env), stdout=said, stderr=said, start_new_session=True)
        try:
            code: int | None = program.wait(enough)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
    wall = time.perf_counter() - begun
    until = time.monotonic() + 20.0
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            break
    return Took(wall, spent() - before, code)


def listed(clips: Sequence[Path], folder: Path) -> None:
    """The list as data-juicer has it, which hoigen takes as it is."""
    (folder / "clips.jsonl").write_text("".join(json.dumps({"videos": [str(c)], "text": ""}) + "\n" for c in clips))


def ours(clips: Sequence[Path], folder: Path, side: int, motion: float, env: Mapping[str, str]) -> Took:
    """hoigen with a run of its own in the folder."""
    recipe = {
        "shots": "none", "duplicates": "keep", "score_all": False, "measures": ["metadata", "motion"],
        "keep": {"duration": {"min": 1}, "short_side": {"min": side}, "motion": {"min": motion}},
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    listed(clips, folder)
    run = ["--videos", str(folder / "clips.jsonl"), "--run", str(folder / "run"), "--quiet", "--set", "workers=2"]
    return took(
        [str(HOIGEN), "curate", str(folder / "recipe.yaml"), *run, "--set", "report=false"], folder, env, ENOUGH
    )


def theirs(
    venv: Path,
    clips: Sequence[Path],
    folder: Path,
    side: int,
    motion: float,
    env: Mapping[str, str],
    enough: float | None = 900.0,
) -> Took:
    """data-juicer, which writes into the folder."""
    listed(clips, folder)
    wide = 1280 if side == 720 else side
    settings = {
        "project_name": "race", "dataset_path": str(folder / "clips.jsonl"), "np": 2,
        "export_path": str(folder / "out" / "kept.jsonl"), "keep_stats_in_res_ds": True,
        "process": [
            {"video_duration_filter": {"min_duration": 1, "max_duration": 100000, "video_backend": "av"}},
            {"video_resolution_filter": {"min_width": wide, "min_height": side}},
            {"video_motion_score_filter": {"min_score": motion, "sampling_fps": 2, "size": 320}},
        ],
    }  # fmt: skip
    (folder / "race.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    own = {
        "PATH": f"{venv / 'bin'}{os.pathsep}{env['PATH']}",
        "DATA_JUICER_CACHE_HOME": str(folder / "cache"),
        "HF_HOME": str(folder / "cache" / "hf"),
    }
    command = [str(venv / "bin" / "dj-process"), "--config", str(folder / "race.yaml")]
    return took(command, folder, {**env, **own}, enough)


def ends(folder: Path) -> str:
    """How hoigen's clips ended."""
    command = [str(HOIGEN), "table", str(folder / "run"), "--format", "csv"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    states = [row["state"] for row in csv.DictReader(said.stdout.splitlines())]
    return ", ".join(f"{states.count(state)} {state}" for state in ("kept", "dropped", "failed", "pending"))


def kept_of(folder: Path) -> str:
    """What data-juicer has written."""
    file = folder / "out" / "kept.jsonl"
    return f"{len(file.read_text().splitlines()) if file.exists() else 'no file:'} kept"


def line(name: str, both: Sequence[tuple[Took, Took]], notes: str = "") -> None:
    """One row of the table: of all rounds the middle one, and the range of the ratios."""
    us, them = ([pair[at] for pair in both] for at in (0, 1))

    def told(runs: Sequence[Took]) -> str:
        wall, cpu = (statistics.median(each) for each in ([r.wall for r in runs], [r.cpu for r in runs]))
        codes = {run.code for run in runs}
        over = "ended after " if None in codes else ""
        return f"{over}{wall:.1f} s, {cpu:.1f} s" + (
            "" if codes <= {0, None} else f", exit {max(c or 0 for c in codes)}"
        )

    ratios = sorted(pair[1].cpu / pair[0].cpu for pair in both)
    often = f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    print(f"| {name} | {told(us)} | {told(them)} | {often} | {notes} |", flush=True)


def race(venv: Path, sets: Sequence[Set], made: Sequence[Path], rounds: int, env: Mapping[str, str]) -> None:
    """All cases over all sets of clips, told as they come; between the first and the second, what is damaged."""
    with tempfile.TemporaryDirectory() as place:
        for case, motion in CASES.items():
            for at, each in enumerate(sets):
                pairs = []
                for turn in range(rounds):
                    here = [Path(place) / f"{who}-{at}-{turn}" for who in ("us", "them")]
                    for folder in here:
                        folder.mkdir(exist_ok=True)
                    us = ours(each.clips, here[0], each.side, motion[0], env)
                    pairs.append((us, theirs(venv, each.clips, here[1], each.side, motion[1], env)))
                told = f"{ends(here[0])}; {kept_of(here[1])}"
                line(f"{each.name}, {len(each.clips)} clips{case}", pairs, told)
            if not case:
                damaged(venv, made, env)


def damaged(venv: Path, clips: Sequence[Path], env: Mapping[str, str]) -> None:
    """What becomes of files that are no videos."""
    with tempfile.TemporaryDirectory() as place:
        bad = Path(place) / "bad"
        bad.mkdir()
        (bad / "empty.mp4").touch()
        (bad / "noise.mp4").write_bytes(os.urandom(1 << 20))
        for what, more in (("an empty file and one of noise", []), ("and a pipe that nobody writes to", ["pipe.mp4"])):
            for each in more:
                os.mkfifo(bad / each)
            files = [*clips[:4], *sorted(bad.iterdir())]
            here = [Path(place) / f"{who}{len(more)}" for who in ("us", "them")]
            for folder in here:
                folder.mkdir()
            pair = ours(files, here[0], 720, 0.002, env), theirs(venv, files, here[1], 720, 0.25, env, ENOUGH)
            line(f"4 clips, {what}", [pair], f"{ends(here[0])}; {kept_of(here[1])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--made", type=Path, help="where rendered clips are, or are put, for the next call")
    chosen = parser.parse_args()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    venv = chosen.peer.absolute()
    env = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    print(headline())
    peer = subprocess.run([str(venv / "bin" / "pip"), "show", "py-data-juicer"], capture_output=True, text=True)
    print(next((row for row in peer.stdout.splitlines() if row.startswith("Version")), "no py-data-juicer"), "\n")
    print("| | hoigen: wall, CPU | data-juicer: wall, CPU | CPU, as often | clips |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        made = chosen.made or Path(name) / "clips"
        if not made.exists():
            rendered(made)
        sets = [Set("rendered, 720p", sorted(made.absolute().iterdir()), 720)]
        if chosen.folder:
            sets.append(Set(chosen.folder.name, sorted(chosen.folder.absolute().glob("*.mp4")), 240))
        race(venv, sets, sets[0].clips, chosen.rounds, env)


if __name__ == "__main__":
    main()
