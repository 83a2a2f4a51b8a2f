"""Files of prompts: what is written is read again, and what is none is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hoigen.errors import UsageError
from hoigen.promptsuite import choose, export
from hoigen.promptsuite.suite import read_suite

GOOD = {"id": "ride_bicycle", "prompt_short": "A person is riding a bicycle."}


def write(path: Path, thing: Any) -> Path:
    path.write_text(thing if isinstance(thing, str) else json.dumps(thing))
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    suite = choose.suite("all")
    path = write(tmp_path / "suite.json", export.text_of(suite, "json", long=False))
    assert read_suite(path) == suite


def test_vbenchs_list_and_plain_text_are_read(tmp_path: Path) -> None:
    suite = choose.suite("hico")
    vbench = read_suite(write(tmp_path / "v.json", export.text_of(suite, "vbench", long=False)))
    text = read_suite(write(tmp_path / "t.txt", export.text_of(suite, "txt", long=False)))
    assert [p.short for p in vbench.prompts] == [p.short for p in text.prompts] == [p.short for p in suite.prompts]
    assert text.prompts[2].id == "a_person_is_loading_boxes_into_an_airplane"
    assert text.prompts[2].verb is None


def test_vbenchs_list_has_its_keys() -> None:
    [first, *_] = json.loads(export.text_of(choose.suite("hico"), "vbench", long=False))
    assert first["prompt_en"] == "A person is boarding an airplane."
    assert len(first["dimension"]) == 7


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ({"videos": []}, "the keys videos"),
        ({"prompts": []}, "holds no prompt"),
        ([], "holds no prompt"),
        ([{"prompt": "x"}], "[0]: an object with `prompt_en`"),
        ({"prompts": ["x"]}, "prompts[0]: a prompt is an object"),
        ({"prompts": [{"id": "a"}]}, "prompts[0]: prompt_short is a text; it came as None"),
        ({"prompts": [GOOD | {"id": "A b"}]}, "lower-case letters"),
        ({"prompts": [GOOD | {"verbs": "ride"}]}, "did you mean 'verb'"),
        ({"prompts": [GOOD | {"people": 0}]}, "people is 1 or more; it came as 0"),
        ({"prompts": [GOOD | {"people": "two"}]}, "people"),
        ({"prompts": [GOOD, GOOD]}, "2 prompts have the id 'ride_bicycle'"),
    ],
)
def test_another_shape_is_named(tmp_path: Path, content: Any, words: str) -> None:
    path = write(tmp_path / "suite.json", content)
    with pytest.raises(UsageError, match=r"suite\.json") as error:
        read_suite(path)
    assert words in str(error.value)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.json"):
        read_suite(tmp_path / "none.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_suite(tmp_path / "b.json")
