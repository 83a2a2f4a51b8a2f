"""What a list says of its videos comes out of table and show again, beside size and digest."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

import hoigen
from hoigen.commands.cli import main
from run_folders import curated

ROWS = [
    {
        "uri": "a.mp4",
        "licence": "CC-BY-4.0",
        "split": "train",
        "matching_score": 0.25,
        "Fps": "thirty",
        "a/b~c": [1, 2],
    },
    {"uri": "gone.mp4", "split": "val", "matching_score": 3, "note": 'says "hi", twice'},
]


@pytest.fixture
def run(tmp_path: Path, tiny_video: Path) -> Path:
    (tmp_path / "a.mp4").write_bytes(tiny_video.read_bytes())
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    curated(videos=tmp_path / "list.jsonl", run=tmp_path / "run")
    return tmp_path / "run"


def test_columns_of_the_list_stand_in_the_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(run)]) == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["licence"], first["split"], float(first["matching_score"])) == ("CC-BY-4.0", "train", 0.25)
    assert first["list_Fps"] == "thirty", "fps is a score"
    assert json.loads(first["a/b~c"]) == [1, 2]
    assert (int(first["width"]), int(first["height"]), len(first["digest"])) == (64, 48, 32)
    assert (second["width"], second["digest"], second["licence"]) == ("", "", "")
    assert (second["split"], float(second["matching_score"]), second["note"]) == ("val", 3.0, 'says "hi", twice')


def test_numbers_stay_numbers_in_parquet(run: Path) -> None:
    out = run.parent / "t.parquet"
    assert main(["table", str(run), "--out", str(out)]) == 0
    query = f"select typeof(matching_score), typeof(split), typeof(width) from '{out}' limit 1"
    assert duckdb.connect().sql(query).fetchall() == [("DOUBLE", "VARCHAR", "INTEGER")]


def test_show_has_them_too(run: Path) -> None:
    said = str(hoigen.show(run, "a.mp4"))
    assert "size 64x48, digest " in said
    assert "licence CC-BY-4.0" in said
    assert "split train, matching_score 0.25" in said
