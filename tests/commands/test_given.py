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
from hoigen.commands.curate import command
from hoigen.core.errors import RanksOpen
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


def test_names_that_are_taken_empty_or_do_something(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(tiny_video.read_bytes())
    given = {"": "index", "n": 5, "video": "abc", "list_width": 1, "width": 2, "Digest": "d", "id": 1234567890123456789}
    given |= {
        "\x1b]0;t\x07": "escape",
        "=HYPERLINK(1)": "formula",
        "big": 12345678901234567890,
        "half": 0.5,
        "whole": 3,
    }
    (tmp_path / "list.jsonl").write_text(json.dumps({"uri": "a.mp4", **given}))
    curated(videos=tmp_path / "list.jsonl", run=tmp_path / "run")
    hoigen.table(tmp_path / "run", out=tmp_path / "t.parquet")
    [row] = duckdb.connect().sql(f"select * from '{tmp_path / 't.parquet'}'").to_arrow_table().to_pylist()
    assert (row["list_n"], row["list_video"], row["list_"], row["list_Digest"]) == (5, "abc", "index", "d")
    assert {row["list_width"], row["list_list_width"]} == {1, 2}
    assert (row["width"], row["list_id"], row["whole"], row["half"]) == (64, 1234567890123456789, 3, 0.5)
    assert row["big"] == "12345678901234567890"
    assert (row[r"\x1b]0;t\x07"], row["'=HYPERLINK(1)"]) == ("escape", "formula")


def test_a_video_that_was_not_looked_at_has_what_the_list_says(tmp_path: Path, tiny_video: Path) -> None:
    rows = [{"uri": f"{at}.mp4", "licence": "CC0", "split": "train"} for at in range(4)]
    for row in rows:
        (tmp_path / row["uri"]).write_bytes(tiny_video.read_bytes())
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "recipe.yaml").write_text("shots: none\nmeasures: [metadata]\nshard_size: 1\n")
    command(
        str(tmp_path / "recipe.yaml"), videos=[str(tmp_path / "list.jsonl")], run=str(tmp_path / "run"), prepare=True
    )
    with pytest.raises(RanksOpen):
        hoigen.work_part(tmp_path / "run", part="0/2", quiet=True)
    hoigen.table(tmp_path / "run", out=tmp_path / "t.parquet")
    found = duckdb.connect().sql(f"select licence, split, reason from '{tmp_path / 't.parquet'}'").fetchall()
    assert [row[:2] for row in found] == [("CC0", "train")] * 4
    assert sum("not been looked at" in row[2] for row in found) == 2
