"""What strangers write is bounded (aliases, digits, depth), and does nothing on a screen or in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen.commands.cli import main
from hoigen.core import plain_yaml, uris
from hoigen.core.errors import UsageError
from hoigen.core.harmless import cell, cell_sql, plain
from hoigen.data.run import Run
from hoigen.models.experts.chat import wire
from hoigen.models.experts.chat.client import Reply
from hoigen.models.experts.desk import json_in
from hoigen.recipe.yaml import load_recipe

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 9)}]\n" for n in range(1, 12))
BAD_YAML = {
    "aliases": BOMB,
    "aliases in keys": "recipe: {videos: x}\n" + BOMB.replace("[x, x]", "{k: v}"),
    "an alias of itself": "a: &a [1, *a]",
    "an alias of itself in a mapping": "a: &a {b: *a}",
    "digits": f"deadline: {'9' * 5000}",
    "a date of no month": "videos: 2024-99-99",
    "a time of no zone": "videos: 2024-01-01T00:00:00+99:99",
    "no base 64": 'videos: !!binary "a"',
    "no number": "deadline: !!int twelve",
    "no real number": "deadline: !!float twelve",
    "an object": "videos: !!python/object/apply:os.system [true]",
    "a tag of nobody": "videos: !mine {a: 1}",
    "a key that is a list": "? [1, 2]\n: 3",
    "two documents": "a: 1\n---\na: 2",
    "a zero byte": "a: \0",
    "merged with a number": "<<: 3\nvideos: x",
    "depth": "[" * 3000,
    "depth in braces": "{a: " * 3000,
}


@pytest.mark.parametrize(
    "text", ["workers: 0x" + "f" * 4000, "min_length: 1" + ":59" * 3000, "shots: -0x" + "f" * 4000]
)
def test_a_number_that_cannot_be_written_out_is_one_clear_error(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.yaml").write_text(f"videos: x\nmeasures: [metadata]\n{text}")
    assert main(["validate", str(tmp_path / "r.yaml")]) == 2
    said = capsys.readouterr().err
    assert re.search(r"it came as a number of \d+ digits", said), said[:300]
    assert text.partition(":")[0] in said


@pytest.mark.parametrize("kind", BAD_YAML)
def test_a_recipe_is_bounded(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(BAD_YAML[kind])
    with pytest.raises(UsageError, match=r"r\.yaml"):
        load_recipe(recipe)
    for verb in ("curate", "validate"):
        assert main([verb, str(recipe)]) == 2
        assert "r.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("kind", BAD_YAML)
def test_the_run_yaml_of_somebody_else_is_bounded(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.yaml").write_text(BAD_YAML[kind])
    for verb in ("funnel", "table", "report", "suggest", "cut", "caption", "retry"):
        assert main([verb, str(tmp_path)]) == 2
        assert "run.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["libraries", "fingerprints", "observations", "measured", "models", "recipe"])
@pytest.mark.parametrize("odd", [3, "text", [1], {"a": 1}, 1.5, True])
def test_each_key_of_run_yaml_is_of_its_kind(key: str, odd: Any, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({"recipe": {"videos": "x"}, key: odd}))
    if isinstance(odd, list if key == "models" else dict):
        assert Run(tmp_path).facts()[key] == odd
    else:
        with pytest.raises(UsageError, match=key):
            Run(tmp_path).facts()


def test_aliases_that_save_writing_are_fine() -> None:
    text = "a: &a {min: 1}\nb: *a\nc: [*a, *a]\n"
    assert plain_yaml.loaded(text)["c"] == [{"min": 1}, {"min": 1}]
    many = "x: &x {sampling: {frames: 8}}\n" + "".join(f"k{n}: *x\n" for n in range(500))
    assert len(plain_yaml.loaded(many)) == 501


NUMBERS = ("1" * 30, "-" + "9" * 400, "9" * 5000, "1e999", "-1e400", "NaN", "Infinity", "-Infinity")


@pytest.mark.parametrize("number", NUMBERS)
def test_an_answer_has_numbers_that_can_be_kept(number: str) -> None:
    with pytest.raises(ValueError, match=r"digits|no number"):
        json_in(f'Here: {{"count": {number}, "other": [1, 2.5e3]}}')
    assert json_in('{"count": 9007199254740991, "x": -2.5e3}') == {"count": 9007199254740991, "x": -2500.0}


@pytest.mark.parametrize("text", ['{"a":' * 20_000, "{" * 50_000, "{a}" * 20_000, '{"a": ' + "[" * 20_000 + "}"])
def test_an_answer_that_is_deep_or_broken(text: str) -> None:
    with pytest.raises(ValueError, match=r"not valid JSON|too deeply"):
        json_in(text)


@pytest.mark.parametrize("count", [10**30, -5, 1.5, "7", None, True, [1], 1 << 62])
def test_a_server_counts_its_tokens_itself(count: Any) -> None:
    body = {"choices": [{"message": {"content": "A cup."}}], "usage": {"prompt_tokens": count, "completion_tokens": 3}}
    answer = wire.read(Reply(200, body))
    assert (answer.tokens_in, answer.tokens_out) == (0, 3)  # type: ignore[union-attr]


ODD: dict[str, Any] = {
    "deadline": [10**30, -(10**30), 1 << 60],
    "workers": [10**30, 10**400],
    "shard_size": [10**19],
    "videos": ["x" * 5000, "a\0b", "*" * 5000, "~nobody/x", ["a\0b"], 10**30],
    "keep": [{"duration": {"min": 10**400}}, {"duration": {"max": 10**30}}],
    "min_length": [10**400],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in ODD.items() for value in values])
def test_odd_values_of_a_recipe_are_one_clear_error(
    key: str, value: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"videos": str(tmp_path), "run": str(tmp_path / "run"), "measures": ["metadata"], "report": False}
    (tmp_path / "r.yaml").write_text(json.dumps(given | {key: value}))
    for verb in (["validate"], ["curate", "--dry-run"])[key == "videos" :]:
        assert main([verb[0], str(tmp_path / "r.yaml"), *verb[1:]]) == 2
        told = capsys.readouterr().err
        assert key in told or "no videos" in told or "no file matches" in told or "no such" in told
        assert "Traceback" not in told


HOSTILE = ("\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "a\rb", "\x08\x08", "\u202egnp.exe", "\u2066x", "\x7f", "\x00")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_does_nothing(text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown = plain(f"hoigen {text}: é 漢字\n\tend")
    assert not set(shown) & set("\x00\x07\x08\x0b\x0d\x1b\x7f\x9b\u202e\u2066")
    assert shown.startswith("hoigen ")
    assert shown.endswith(": é 漢字\n\tend")
    if "\x00" not in text:
        assert main(["funnel", str(tmp_path / f"no{text}")]) == 2
        assert not set(capsys.readouterr().err) & set("\x07\x08\x0d\x1b\x7f\x9b\u202e\u2066")


CELLS = (
    *("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "＝1", "＋1", "-", "=", "--x"),
    *("", "a", "-1", "+2.5", "-1e-3", "1", "a=b", "x@y", "/a/b.mp4", "é", "'=1", "1-2", " a", "-inf"),
)


@pytest.mark.parametrize("text", CELLS)
def test_a_spreadsheet_runs_no_cell(text: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    [[in_sql]] = duckdb.execute(f"select {cell_sql('x')} from (select ?::varchar as x)", [text]).fetchall()
    assert in_sql == cell(text)
    number = text in ("-1", "+2.5", "-1e-3", "-inf")
    runs = text.lstrip()[:1] in tuple("=+-@＝＋") if text.strip() else False
    assert cell(text) == (f"'{text}" if runs and not number else text)


def test_the_table_of_a_run(tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b[31m=cmd.mp4"
    shutil.copy(tiny_video, tmp_path / name)
    (tmp_path / "l.csv").write_text(f"uri,source\n{name},=HYPERLINK(1)\n")
    how: dict[str, Any] = {"measures": ["metadata"], "shots": "none", "report": False, "quiet": True, "workers": 1}
    hoigen.curate(videos=tmp_path / "l.csv", run=tmp_path / "run", **how)
    assert main(["table", str(tmp_path / "run"), "--out", str(tmp_path / "t.csv")]) == 0
    capsys.readouterr()
    assert main(["table", str(tmp_path / "run")]) == 0
    for text in ((tmp_path / "t.csv").read_text(), capsys.readouterr().out):
        [row] = csv.DictReader(io.StringIO(text))
        assert row["source"] == "'=HYPERLINK(1)"
        assert float(row["start"]) == 0
    assert main(["table", str(tmp_path / "run"), "--format", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == "=HYPERLINK(1)"


@pytest.mark.parametrize("uri", ["http://h/" + "a" * 20_000, "http://" + "::" * 20_000, "x" * 20_000 + "://h"])
def test_an_address_has_an_end(uri: str) -> None:
    assert uris.fault(uri)
