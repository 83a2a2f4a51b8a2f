"""hoigen table: what goes in is what comes out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import hoigen
from hoigen.commands.table import command
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.rules.cascade import Known, build_steps
from run_folders import Given, write_recipe, write_run

RECIPE = {"measures": ["motion"], "keep": {"motion": {"max": 1.0}}}
FIRST = ["id", "uri", "start", "end", "state", "rule", "reason", "motion"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    clips = [
        Given("a", {"motion": Known("ok", {"motion": 0.1})}, uri='/v/it\'s "a", b.mp4'),
        Given("b", {"motion": Known("ok", {"motion": 3.0})}, uri="/v/Größe\n2.mp4"),
        Given("c", {"motion": Known("failed", {}, "decode: bad, very bad")}),
        Given("d"),
        Given("e", state="dropped", rule="duplicate", reason="same content as /v/a"),
    ]
    run = write_run(tmp_path / "run", build_steps(**RECIPE), [clips[:3], clips[3:]])
    write_recipe(run, RECIPE)
    return run


def rows_of(path: Path, format: str) -> list[dict[str, object]]:
    if format == "parquet":
        return pq.read_table(path).to_pylist()
    if format == "jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]


def test_in_python_rows_come_back(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = hoigen.table(run.path)
    assert capsys.readouterr() == ("", ""), "nothing is printed"
    assert len(clips) == 5
    assert clips.columns[: len(FIRST)] == tuple(FIRST)
    rows = list(clips)
    assert [row["id"] for row in rows] == ["a", "b", "c", "d", "e"]
    assert clips.arrow().to_pylist() == rows
    assert clips.pandas()["motion"].tolist()[:2] == [0.1, 3.0]
    assert sum(batch.num_rows for batch in clips.batches(rows=2)) == 5
    assert [row["id"] for row in hoigen.table(run.path, state="dropped")] == ["b", "e"]
    hoigen.table(run.path, out=tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").to_pylist() == rows
    assert str(clips).splitlines()[0] == f"5 clips, {len(clips.columns)} columns"
    page = clips._repr_html_()
    assert "<td>3</td>" in page
    assert "it&#x27;s &quot;a&quot;, b.mp4" in page
    funnel = hoigen.funnel(run.path)._repr_html_()
    assert "<tr><th>motion</th><td>3</td><td>1</td><td>1</td><td>1</td>" in funnel
    assert "width:20.0%" in funnel, "one of five is left"


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_every_clip_is_a_row(run: Run, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / f"it's a table.{format}"
    command(run.path, out=out)
    assert "5 of 5 clips" in capsys.readouterr().err
    rows = rows_of(out, format)
    assert list(rows[0])[: len(FIRST)] == FIRST
    assert [(row["id"], row["state"], row["rule"]) for row in rows] == [
        ("a", "kept", None),
        ("b", "dropped", "motion"),
        ("c", "failed", "motion"),
        ("d", "pending", None),
        ("e", "dropped", "duplicate"),
    ]
    assert rows[0]["uri"] == '/v/it\'s "a", b.mp4'
    assert rows[1]["uri"] == "/v/Größe\n2.mp4"
    assert rows[1]["reason"] == "motion 3 > max 1"
    assert rows[2]["reason"] == "decode: bad, very bad"
    assert float(str(rows[0]["motion"])) == 0.1
    assert rows[3]["motion"] is None
    assert not list(tmp_path.glob(".*")), "nothing half-written"


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_why_a_number_is_undefined(tmp_path: Path, format: str) -> None:
    """For each number that was looked for; numbers are numbers, also below 0, and reasons have a column of theirs."""
    recipe = {"measures": ["motion", "metadata"], "keep": {}}
    steps = build_steps(recipe["measures"], {})
    names = {step.name: step.emits for step in steps}
    some = dict.fromkeys(names["motion"])
    given = [
        Given("a", {"motion": Known("ok", {**some, "motion": -0.5}, "moved, too much")}),
        Given("b", {"motion": Known("ok", some)}),
        Given("c"),
    ]
    run = write_run(tmp_path / "run", steps, [given])
    write_recipe(run, recipe)
    command(run.path, out=tmp_path / f"t.{format}")
    rows = rows_of(tmp_path / f"t.{format}", format)
    others = ", ".join(name for name in names["motion"] if name != "motion")
    assert rows[0]["undefined"] == f"{others}: moved, too much"
    assert rows[1]["undefined"] == f"{', '.join(names['motion'])}: motion gives no such number for this clip"
    assert rows[2]["undefined"] is None
    assert float(str(rows[0]["motion"])) == -0.5


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_the_screen_shows_the_same(run: Run, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    command(run.path, format=format)  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    command(run.path, format=format, out=tmp_path / "table")  # type: ignore[arg-type]
    on_screen = tmp_path / "screen"
    on_screen.write_text(io.StringIO(shown, newline="").getvalue(), encoding="utf-8", newline="")
    assert rows_of(on_screen, format) == rows_of(tmp_path / "table", format)


def test_only_one_state(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(run.path, out=tmp_path / "kept.jsonl", state="kept")
    assert "1 of 5 clips" in capsys.readouterr().err
    assert [row["id"] for row in rows_of(tmp_path / "kept.jsonl", "jsonl")] == ["a"]


def test_what_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --out"):
        command(run.path, format="parquet")
    with pytest.raises(UsageError, match="no such folder"):
        command(run.path, out=tmp_path / "none" / "table.csv")
    with pytest.raises(UsageError, match="is a folder"):
        command(run.path, out=tmp_path)
