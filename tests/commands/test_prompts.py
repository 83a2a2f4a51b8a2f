"""hoigen prompts, with long prompts by a fake expert behind the real desk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from hoigen.commands.prompts import prompts
from hoigen.core.errors import UsageError
from hoigen.core.trusted import grant
from hoigen.interactions.prompts.seen import groups
from hoigen.interactions.prompts.suite import read_suite

FAKE = Path(__file__).parents[1] / "interactions" / "prompts" / "fake_writer.py"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "extend.yaml"
    settings = {"log": str(tmp_path / "asked.log")}
    grant(FAKE)
    path.write_text(yaml.safe_dump({"extend": {"expert": {str(FAKE): settings}}}))
    return path


def read(path: Path) -> dict[str, Any]:
    return {item["id"]: item for item in json.loads(path.read_text())["prompts"]}


def test_the_same_call_writes_the_same_file(tmp_path: Path) -> None:
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    assert "306 prompts, 76 verbs, 75 objects" in str(prompts(one))
    prompts(other)
    assert one.read_bytes() == other.read_bytes()
    ride = read(one)["ride_bicycle"]
    assert ride["prompt_short"] == "A person is riding a bicycle."
    assert ride["prompt_long"] is None
    assert (ride["category"], ride["contact"], ride["people"]) == ("transport", ["hips", "hand"], 1)


def test_formats(tmp_path: Path) -> None:
    prompts(tmp_path / "p.txt", format="txt", pack="extended")
    assert len((tmp_path / "p.txt").read_text().splitlines()) == 60
    prompts(tmp_path / "v.json", format="vbench")
    assert len(json.loads((tmp_path / "v.json").read_text())) == 306


def test_long_prompts_keep_the_meaning_or_are_left_out_and_counted(tmp_path: Path, recipe: Path) -> None:
    out = tmp_path / "suite.json"
    result = prompts(out, extend=recipe)
    found = read(out)
    assert found["ride_bicycle"]["prompt_long"].startswith("A person is riding a bicycle. slowly")
    assert found["ride_bicycle"]["extension"]["model"] == "fake_writer"
    for name, outcome in {
        "ride_horse": "meaning changed",
        "fly_kite": "too long",
        "hold_umbrella": "not answered",
        "hold_surfboard": "not checked",
    }.items():
        assert found[name]["prompt_long"] is None
        assert found[name]["extension"]["outcome"] == outcome
        assert found[name]["prompt_short"]
    assert sum(result.long.values()) == 306
    assert result.long["extended"] == sum(item["prompt_long"] is not None for item in found.values())
    assert "meaning changed" in str(result)
    assert read_suite(out).prompts[0].long


def test_answers_are_kept(tmp_path: Path, recipe: Path) -> None:
    prompts(tmp_path / "suite.json", extend=recipe, pack="extended")
    log = tmp_path / "asked.log"
    asked, written = log.read_text(), (tmp_path / "suite.json").read_bytes()
    prompts(tmp_path / "suite.json", extend=recipe, pack="extended")
    assert log.read_text() == asked
    assert (tmp_path / "suite.json").read_bytes() == written


def test_long_prompts_are_exported_where_there_are_any(tmp_path: Path, recipe: Path) -> None:
    prompts(tmp_path / "p.txt", format="txt", long=True, extend=recipe)
    lines = (tmp_path / "p.txt").read_text().splitlines()
    assert sum("slowly" in line for line in lines) > 200
    assert "A person is holding an umbrella." in lines


def test_seen_counts_captions_and_groups_follow(tmp_path: Path) -> None:
    rows = [("c1", "ride", "bicycle"), ("c1", "ride", "bicycle"), ("c2", "ride", "bicycle"), ("c3", "hold", None)]
    rows += [("c4", "hold", "cup")]
    names = ("id", "hico_verb", "hico_object")
    pq.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]), tmp_path / "c.parquet")
    prompts(tmp_path / "suite.json", seen=tmp_path / "c.parquet")
    suite = read_suite(tmp_path / "suite.json")
    seen = {p.id: p.seen for p in suite.prompts}
    assert (seen["ride_bicycle"], seen["hold_cup"], seen["fly_kite"]) == (2, 1, 0)
    found = groups(suite.prompts)
    assert [name for name, group in found.items() if group == "in distribution"] == ["ride_bicycle", "hold_cup"]
    assert sum(group == "out of distribution" for group in found.values()) == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pack": "hico307"}, "--pack: one of hico"),
        ({"format": "yaml"}, "--format: one of json"),
        ({"format": "txt"}, "ends in .txt"),
        ({"extend": Path("nowhere.yaml")}, "no such recipe"),
        ({"set": ["extend.expert=nobody"]}, "unknown expert 'nobody'"),
        ({"set": ["extent.expert=fake_world"]}, "`extend` with `expert`"),
        ({"retry": True}, "--extend"),
        ({"seen": Path(__file__)}, "cannot be read as a table of categories"),
        ({"seen": Path("nowhere.parquet")}, "nowhere.parquet: no such file"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(tmp_path: Path, options: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        prompts(tmp_path / "suite.json", **options)
    assert words in str(error.value)
    assert not (tmp_path / "suite.json").exists()
