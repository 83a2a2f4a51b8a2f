"""docs/run_folder.md says what the code writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import hoigen
from hoigen.data import annotations
from hoigen.data import run as runs
from hoigen.data.columns import (
    CAPTION_COLUMNS,
    CLIP_COLUMNS,
    OBSERVATION_COLUMNS,
    SCORE_COLUMNS,
    SHARD_COLUMNS,
    Row,
)
from hoigen.data.journal import Journal
from hoigen.data.run import Run
from hoigen.data.sources import Source
from hoigen.data.videolist import write_videos
from hoigen.models.experts.call import Answer
from hoigen.models.experts.calls import Asked, Calls
from hoigen.rules import decide, joined
from hoigen.rules.cascade import Known
from run_folders import Given, step, write_run

PAGE = (Path(__file__).parents[2] / "docs" / "run_folder.md").read_text(encoding="utf-8")


def cells(heading: str) -> list[list[str]]:
    """Rows of the table under a heading, without its head."""
    _, _, rest = PAGE.partition(f"\n## {heading}\n")
    rows = [line.strip("|").split("|") for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def columns(heading: str) -> dict[str, str]:
    return {row[0].strip("`"): row[1] for row in cells(heading) if row[0].startswith("`")}


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("clips, found", CLIP_COLUMNS),
        ("scores", SCORE_COLUMNS),
        ("captions", CAPTION_COLUMNS),
        ("shards.parquet", SHARD_COLUMNS),
    ],
)
def test_columns_of_the_tables(heading: str, expected: dict[str, str]) -> None:
    assert list(columns(heading).items()) == list(expected.items())
    assert all(row[2] for row in cells(heading)), "each has a meaning"


def test_columns_of_the_list_of_videos(tmp_path: Path) -> None:
    write_videos([Source("a.mp4")], tmp_path / "videos.parquet")
    schema = pq.read_schema(tmp_path / "videos.parquet")
    kinds = {"string": "string", "double": "float64"}
    assert list(columns("videos.parquet").items()) == [(each.name, kinds[str(each.type)]) for each in schema]


def test_columns_of_the_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "KEEP_FROM_PARTS", 1)
    steps = [step("a"), step("b", "b", "c")]
    run = write_run(tmp_path, steps, [[Given("x", {"a": Known("ok", {"a": 1.0})})]])
    decide.counts(decide.connect(run, steps))
    [copy] = (tmp_path / "joined").iterdir()
    left_out = re.findall(
        r"`(\w+)`", PAGE.partition("## joined\n")[2].partition("; `shard`")[0].partition("but for")[2]
    )
    told = [name for name in CLIP_COLUMNS if name not in left_out] + ["shard"]
    for at, one in enumerate(steps):
        told += [name.replace("_i", f"_{at}") for name in columns("joined")] + list(one.emits)
    assert pq.read_schema(copy).names == told


def test_columns_of_the_annotations() -> None:
    page = (Path(__file__).parents[2] / "docs" / "annotations.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| \S", page.partition("\n## Columns\n")[2].partition("\n## ")[0], re.M)
    assert tuple(told) == annotations.COLUMNS


def test_columns_of_the_calls(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls")
    calls.put("ab" * 32, Asked(clip="c", role="r", expert="e", template="t@1", text="?"), Answer(outcome="answered"))
    [journal] = (tmp_path / "calls").glob("*.jsonl")
    [line] = journal.read_text(encoding="utf-8").splitlines()
    calls.close()
    [part] = (tmp_path / "calls").glob("*.parquet")
    told = [name for row in cells("calls") for name in re.findall(r"`(\w+)`", row[0])]
    assert ["head", *json.loads(line)] == pq.read_schema(part).names == told


def test_keys_of_the_journals_and_files_of_a_run(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run, of which every row that a journal took and every file that is left is on the page."""
    keys: dict[str, set[str]] = {}
    append = Journal.append

    def noted(journal: Journal, row: Row) -> None:
        if "event" in row:  # docs/cluster.md has those
            return append(journal, row)
        of = "scores, of observations" if "observation" in row else journal.name.partition("-")[0]
        keys.setdefault(of, set()).update(row)
        return append(journal, row)

    monkeypatch.setattr(Journal, "append", noted)
    run = tmp_path / "run"
    how = {"measures": ["metadata", "hoi_lite"], "keep": {}, "shots": "none", "workers": 1, "quiet": True}
    hoigen.curate(videos=tiny_video, run=run, caption={"captioner": "grounded"}, **how)
    hoigen.caption(run, workers=1, quiet=True)
    told = {row[0].replace("`", ""): row[1] for row in cells("journal")}
    assert keys["clips"] == set(re.findall(r"`(\w+)`", told["clips"])) - {"found"}
    assert keys["scores"] == {*SCORE_COLUMNS, *re.findall(r"`(\w+)`", told["scores"])} - {"scores"}
    seen = keys["scores, of observations"]
    own = re.findall(r"`(\w+)`", told["scores, of observations"])
    assert seen == {*OBSERVATION_COLUMNS, *own} - {"observations"}
    assert keys.keys() == {"clips", "scores", "scores, of observations"}
    names = {
        re.split(r"[/*]", name)[0]
        for name in re.findall(r"`([^`]+)`", PAGE.partition("| file |")[2].partition("\n\n")[0])
    }
    here = {path.name for path in run.iterdir()}
    assert {name for name in here if not name.startswith(".lock-")} <= names
    assert {"run.yaml", "videos.parquet", runs.SHARDS_FILE, "clips", "scores", "captions"} <= here
    assert Run(run).shards()[0].clips == 1
