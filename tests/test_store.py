"""A run whose tables lie in an object store: only `data/` knows where tables lie."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
import yaml

import hoigen
from hoigen.data import run as runs
from hoigen.data.files import Folder

SRC = Path(hoigen.__file__).parent
ROOMS = ("stages", "commands", "work", "pages", "evaluation", "models/experts")
FILES = re.compile(
    r"(?:ParquetFile|read_table|write_table|read_schema|read_metadata|read_parquet)\("
    r"(?!\s*run\.videos_file|self\.run\.videos_file)"
)
"""Reading or writing Parquet, but for the list of videos."""
PATHS = re.compile(
    r"""(?:path\b|folder)\s*/\s*f?["'](?:clips|found|scores|captions|journal|shards\.parquet)|\.glob\(f?"\[0"""
)
"""Ways to a table past `Run`."""


def test_only_data_touches_the_files_of_tables() -> None:
    files = [*(path for room in ROOMS for path in (SRC / room).rglob("*.py")), SRC / "rules" / "decide.py"]
    found = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        ways = [hit[0] for pattern in (FILES, PATHS) for hit in pattern.finditer(text)]
        if ways:
            found[str(path.relative_to(SRC))] = ways
    assert found == {}


def test_a_run_in_a_store_from_its_videos_to_its_table(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands as they are, every table and journal of theirs in fsspec's memory."""
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    videos = tmp_path / "videos"
    videos.mkdir()
    for at in range(5):
        (videos / f"{at}.mp4").write_bytes(tiny_video.read_bytes() + bytes(at % 4))
    (videos / "broken.mp4").write_text("no video")
    how = {"videos": videos, "measures": ["metadata", "motion"], "shots": "none", "shard_size": 2}
    how |= {"keep": {"fps": {"min": 1}}, "workers": 1, "report": False, "quiet": True}
    plain = hoigen.curate(**how, run=tmp_path / "plain")
    hoigen.table(tmp_path / "plain", out=tmp_path / "plain.parquet")

    store = Folder("memory://store/run")
    monkeypatch.setattr(runs, "Run", functools.partial(runs.Run, tables=store))
    there = hoigen.curate(**how, run=tmp_path / "run")
    assert there == plain
    assert hoigen.funnel(tmp_path / "run") == plain
    assert hoigen.curate(**how, run=tmp_path / "run") == plain, "nothing is left to do"
    hoigen.table(tmp_path / "run", out=tmp_path / "there.parquet")
    assert pq.read_table(tmp_path / "there.parquet").equals(pq.read_table(tmp_path / "plain.parquet"))
    hoigen.report(tmp_path / "run", shown=1)
    [kept, *_] = [row for row in pq.read_table(tmp_path / "there.parquet").to_pylist() if row["state"] == "kept"]
    assert f"clip {kept['id']}" in str(hoigen.show(tmp_path / "run", kept["id"]))

    recipe = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert recipe["recipe"]["shard_size"] == 2
    assert [path for path in (tmp_path / "run").rglob("*.parquet") if path.name != "videos.parquet"] == []
    inside = {path.split("/run/")[1].split("/")[0] for path in fsspec.filesystem("memory").find("/store/run")}
    assert inside == {"clips", "scores", "shards.parquet"}, "journals and what was found are gone"
