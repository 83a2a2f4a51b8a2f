"""What docs/caption_eval.md shows is run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from fake_judge import FakeJudge

from hoigen.commands.cli import main
from hoigen.core import registry
from hoigen.models.experts.call import Answer, Request
from hoigen.recipe import build

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "caption_eval.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, which is the working folder."""
    for name, text in re.findall(r"`(\w+\.csv)`:\n\n```csv\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_of_the_page(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"claims.csv", "captions.csv", "facts.csv"}
    [command] = re.findall(r"```sh\n(hoigen .*?)\n```", PAGE)
    assert main(shlex.split(command)[1:]) == 0
    found = json.loads((folder / "result.json").read_text())
    rates = {
        one["name"]: {name: number["value"] for name, number in one["numbers"].items()} for one in found["captioners"]
    }
    hallucination = {name: numbers["hallucination"] for name, numbers in rates.items()}
    assert hallucination == pytest.approx({"pllava": 1 / 4, "qwen": 3 / 4, "mixture": 1 / 4})
    assert {name: numbers["recall"] for name, numbers in rates.items()} == pytest.approx(
        {"pllava": 1, "qwen": 1 / 3, "mixture": 1}
    )
    mixing = {name: number["value"] for name, number in found["mixing"]["numbers"].items()}
    assert (mixing["same_claim"], mixing["kept_shared"], mixing["kept_single"]) == pytest.approx((1 / 3, 1, 0))
    assert found["decision"]["precision"]["value"] == 1


class _Reads(FakeJudge):
    """Says of every claim that it is true, and takes each sentence for a claim."""

    async def answer(self, request: Request) -> Answer:
        said = {"claims": [{"claim": "A claim.", "kind": "object", "verb": "", "object": ""}]}
        if request.template.startswith("check_claim@"):
            return Answer(outcome="answered", text='{"reason": "", "verdict": "true"}')
        return Answer(outcome="answered", text=json.dumps(said))


def test_the_code_of_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    real = build.make
    made = []

    def make(kind: registry.Kind, spec: object, where: str) -> _Reads:
        made.append(real(kind, spec, where))  # what the page names can be built; no server is there to ask
        return _Reads(model="some/other-model")

    monkeypatch.setattr(build, "make", make)
    exec(compile(code, "caption_eval.md", "exec"), {})
    assert made[0].identity["model"] == "some/other-model"
    assert len((folder / "to_check.jsonl").read_text().splitlines()) == 9
    rows = [json.loads(line) for line in (folder / "judge.jsonl").read_text().splitlines()]
    assert {(row["annotator"], row["verdict"]) for row in rows} == {("judge:some/other-model", "true")}
    assert {row["clip"] for row in rows} == {"c1", "c2"}
    [command] = re.findall(r"`(hoigen caption-eval claims\.csv --judge [^`]+)`", PAGE)
    assert main(shlex.split(command)[1:]) == 0


def test_every_option_and_column_is_on_the_page() -> None:
    for word in ("clip", "captioner", "claim", "verdict", "kind", "annotator", "key", "verb", "object", "models"):
        assert f"`{word}`" in PAGE
    for option in ("--captions", "--facts", "--judge", "--mixture", "--baseline", "--out"):
        assert option in PAGE
