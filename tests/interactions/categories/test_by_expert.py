"""Categories by a language model: the same names, every answer kept, none invented."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from fake_talk import EXPERT
from hoigen.commands.categories import categories
from hoigen.core.errors import SetupError, UsageError
from hoigen.interactions.categories.by_expert import Interactions
from hoigen.models.experts.prompts import render

ANSWER = {
    "interactions": [
        {"subject": "the chef", "action": "is slicing", "object": "red tomatoes", "view": "close-up"},
        {"subject": "hand", "action": "slices", "object": "tomato", "view": "close-up"},
        {"subject": "man", "action": "picks up", "object": "his mobile phone", "view": "close-up"},
    ]
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "fake_expert.py").write_text(EXPERT)
    (tmp_path / "captions.csv").write_text("id,caption\na,Something happens.\nb,Something else.\n")
    return tmp_path


def expert(folder: Path, **settings: object) -> str:
    facts = {"log": str(folder / "asked.log"), "sampling": {"frames": 0}, **settings}
    return yaml.safe_dump({str(folder / "fake_expert.py"): facts})


def asked(folder: Path) -> int:
    return len((folder / "asked.log").read_text().splitlines())


def test_answers_are_named_as_rules_name_them(files: Path) -> None:
    found = categories(
        files / "run", captions=files / "captions.csv", expert=expert(files, says=f"Sure:\n{json.dumps(ANSWER)}")
    )
    rows = pq.read_table(files / "run" / "categories" / "categories.parquet").to_pylist()
    assert [(r["id"], r["subject"], r["action"], r["object"], r["hico_verb"], r["hico_object"]) for r in rows[:2]] == [
        ("a", "person", "slice", "tomato", "cut", None),
        ("a", "man", "pick up", "cell phone", "pick_up", "cell_phone"),
    ]
    assert {(r["source"], r["interaction"]) for r in rows} == {("llm", "close-up")}
    assert (found.captions, found.rows, found.unread) == (2, 4, {})


def test_nothing_is_asked_twice(files: Path) -> None:
    spec = expert(files, says=json.dumps(ANSWER))
    categories(files / "run", captions=files / "captions.csv", expert=spec)
    first = asked(files)
    categories(files / "run", captions=files / "captions.csv", expert=spec)
    assert asked(files) == first == 2


def test_an_answer_in_prose_is_no_category(files: Path) -> None:
    spec = expert(files, says=json.dumps(ANSWER))
    path = categories(files / "run", captions=files / "captions.csv", expert=spec).path
    assert path is not None
    before = path.read_bytes()
    prose = expert(files, says="A man, a plan.", model="prose")
    with pytest.raises(SetupError, match="none of 2 captions got a usable answer: malformed: no JSON object"):
        categories(files / "run", captions=files / "captions.csv", expert=prose)
    assert path.read_bytes() == before, "what was there stays"
    first = asked(files)
    with pytest.raises(SetupError, match="none of 2"):
        categories(files / "run", captions=files / "captions.csv", expert=prose)
    assert asked(files) == first, "what was answered in prose is not asked again"
    with pytest.raises(SetupError, match="none of 2"):
        categories(files / "run", captions=files / "captions.csv", expert=prose, retry=True)
    assert asked(files) > first


@pytest.mark.parametrize("name", [None, ""])
def test_a_caption_without_its_clip_is_told(tmp_path: Path, name: str | None) -> None:
    rows = [{"id": "a", "caption": "A man waves."}, {"id": name, "caption": "A cup."}]
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(
        UsageError, match=r"c\.jsonl, line 2, column id: a caption without the id of its clip: 'A cup\.'"
    ):
        categories(tmp_path / "run", captions=tmp_path / "c.jsonl")


def test_a_kind_that_is_none_is_refused() -> None:
    from pydantic import ValidationError

    bad = {"interactions": [{**ANSWER["interactions"][0], "view": "wide"}]}
    with pytest.raises(ValidationError, match="view"):
        Interactions.model_validate(bad)
    assert Interactions.model_validate({"interactions": []}).interactions == []


def test_the_prompt_carries_the_caption() -> None:
    prompt = render("triplets", caption="A man costs $5 & rides <fast>.")
    assert "A man costs $5 & rides <fast>." in prompt.text
    assert prompt.system
    assert prompt.template.startswith("triplets@")
