"""Videos, exports and runs on an object store: a real S3 server of this machine; one before it stalls and resets.

Workers are processes of their own and know the server by environment.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen import video
from hoigen.commands.cli import main
from hoigen.core import uris
from render import pan, render, texture
from s3_server import NAMES, SHOWN, Between, serving

pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def between() -> Iterator[Between]:
    with serving() as found:
        yield found


def filled(bucket: str, files: dict[str, Path]) -> Any:
    store = s3fs.S3FileSystem()
    store.mkdir(bucket)
    for name, path in files.items():
        store.pipe_file(f"{bucket}/{name}", path.read_bytes())
    return store


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return render(tmp_path / "a.mp4", pan(texture(1, (480, 360)), 60, (1, 0), (256, 320)), options={"crf": "4"})


def test_a_stalled_object_costs_one_clip_and_a_lost_connection_none(
    between: Between, clip: Path, tmp_path: Path
) -> None:
    assert clip.stat().st_size > 2 * SHOWN
    filled("wild", {f"in/{name}.mp4": clip for name in ("good", "reset", "stall")})
    how = {"measures": ["metadata", "motion"], "keep": {"fps": {"min": 1}}, "duplicates": "keep", "quiet": True}
    hoigen.curate(videos="s3://wild/in", run=tmp_path / "run", deadline=8, workers=2, report=False, **how)
    rows = {row["uri"].rpartition("/")[2]: row for row in list(hoigen.table(tmp_path / "run"))}
    assert {name: row["state"] for name, row in rows.items()} == {
        "good.mp4": "kept",
        "reset.mp4": "kept",
        "stall.mp4": "failed",
    }
    assert rows["stall.mp4"]["reason"].startswith("made no progress for 8 s")
    assert rows["good.mp4"]["motion"] == rows["reset.mp4"]["motion"]
    assert sum("/reset" in line for line, _ in between.asked if line.startswith("GET")) > 4


def test_an_export_lies_on_the_store_and_is_curated_from_there(between: Between, clip: Path, tmp_path: Path) -> None:
    store = filled("data", {"in/a.mp4": clip})
    how = {"measures": ["metadata"], "keep": {"fps": {"min": 1}}, "report": False, "quiet": True, "shots": "none"}
    (tmp_path / "l.jsonl").write_text('{"uri": "s3://data/in/a.mp4", "caption": "A texture that goes by."}\n')
    hoigen.curate(videos=tmp_path / "l.jsonl", run=tmp_path / "run", **how)
    hoigen.export(tmp_path / "run", to="videofolder", out="s3://data/out", captions="list", quiet=True)
    assert store.exists("data/out/metadata.jsonl")
    hoigen.curate(videos="s3://data/out/metadata.jsonl", run=tmp_path / "again", **how)
    [row] = list(hoigen.table(tmp_path / "again"))
    assert (row["state"], row["prompt"], row["width"]) == ("kept", "A texture that goes by.", 320)


def test_a_header_and_a_digest_fetch_their_own_bytes(between: Between, clip: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"  # the index in front, then data that no header needs
    size = 60 << 20
    content = clip.read_bytes()
    long.write_bytes(content + struct.pack(">I4s", size - len(content), b"free") + bytes(size - len(content) - 8))
    filled("long", {"long.mp4": long})
    between.asked.clear()
    header = video.probe("s3://long/long.mp4")
    read = [last - first + 1 for _, span in between.asked if span for first, last in [span]]
    assert header.frames == 60
    assert sum(read) <= 3 * uris.BLOCK
    between.asked.clear()
    video.content_digest("s3://long/long.mp4")
    read = [last - first + 1 for _, span in between.asked if span for first, last in [span]]
    assert sum(read) <= 17 << 20


WORK = """
import os, sys
from hoigen.commands.cli import main
sys.exit(main(sys.argv[1:]))
"""


def started(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """`hoigen` in a process of its own, on a machine with a disk of its own."""
    place = {"HOIGEN_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", WORK, *words], env=os.environ | place, stderr=subprocess.PIPE)


def test_parts_in_a_store_at_once_and_killed_make_the_dataset_of_one(
    between: Between, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three machines at once; one is killed again and again, and its part goes on elsewhere."""
    content = clip.read_bytes()
    store = filled("many", {})
    for at in range(9):
        store.pipe_file(f"many/in/{at}.mp4", content + struct.pack(">I4s", 8 + at, b"free") + bytes(at))
    run, how = "s3://many/runs/one", {"measures": ["metadata", "motion"], "keep": {"fps": {"min": 1}}}
    recipe = tmp_path / "r.yaml"
    settings = how | {"videos": "s3://many/in", "shots": "none", "shard_size": 2, "workers": 1, "report": False}
    recipe.write_text(yaml.safe_dump(settings | {"run": run}))
    assert started(tmp_path / "p", "curate", str(recipe), "--prepare", "--quiet").wait() == 0
    for after in (2.0, 4.0, 6.0):
        killed = started(tmp_path / "k", "work", run, "--part", "0/3", "--quiet")
        time.sleep(after)
        killed.kill()
        killed.wait()
    left = dict.fromkeys(range(3), 75)
    for _ in range(6):
        at_work = {part: started(tmp_path / f"m{part}", "work", run, "--part", f"{part}/3", "--quiet") for part in left}
        for part, process in at_work.items():
            _, said = process.communicate()
            assert process.returncode in (0, 75), said.decode()
            if process.returncode == 0:
                del left[part]
        if not left:
            break
    assert not left
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "here"))
    hoigen.curate(**settings, run=tmp_path / "plain", quiet=True)
    found = [list(hoigen.table(where)) for where in (run, tmp_path / "plain")]
    assert found[0] == found[1]
    assert len(found[0]) == 9
    between.asked.clear()
    hoigen.funnel(run)
    assert len(between.asked) < 20, "what was read once is not fetched again"
    inside = {name.split("/")[3] for name in store.find("many/runs/one")}
    assert inside == {"clips", "events", "ranks", "run.yaml", "scores", "shards.parquet", "videos.parquet"}


def test_a_bucket_that_is_not_there_is_one_error(
    between: Between, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clip: Path
) -> None:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "here"))
    monkeypatch.chdir(tmp_path)
    assert main(["curate", "lite", "--videos", str(clip), "--run", "s3://none/run", "--quiet"]) == 1
    assert "s3://none/run/locks/part-0 cannot be written: The specified bucket" in capsys.readouterr().err
    for name in NAMES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    nobody = started(tmp_path / "here", "funnel", "s3://none/run")
    assert b"s3://none/run cannot be reached: " in nobody.communicate()[1]
    assert nobody.returncode == 2
