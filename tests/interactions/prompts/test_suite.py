"""Files of prompts: what is written is read again, and what is none is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hoigen.core.errors import UsageError
from hoigen.interactions.prompts import choose, export
from hoigen.interactions.prompts.suite import LONGEST_ID, read_suite, slug

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


TEXTS = [
    "A dog, then a cat.",
    "A dog; then a cat.",
    "In a still frame, " + "a very long prompt " * 40,
    "上海外滩，油画",
    "上海外滩, 油画",
]


@pytest.mark.parametrize(
    "shape",
    [
        "\n".join(TEXTS) + "\n",
        "\r\n".join([*TEXTS, "", TEXTS[0]]),
        TEXTS,
        [{"prompt_en": text, "color_en": "red"} for text in TEXTS],
        [{"prompt_en": text, "dimension": ["color"], "auxiliary_info": {"color": "red"}} for text in TEXTS],
        [{"prompt_en": text, "dimension": "Camera_Motion", "auxiliary_info": "zoom_in"} for text in TEXTS],
        [{"prompt_en": text, "image_type": "indoor", "image_name": f"{text[:9]}.jpg"} for text in TEXTS],
        {text: {"caption": text, "dimension": ["Diversity"]} for text in TEXTS},
        [{"summary": text, "storyline": ["One.", "Two."]} for text in TEXTS],
    ],
    ids=["lines", "lines with a blank", "texts", "metadata", "full info", "meta_info", "i2v", "by words", "stories"],
)
def test_each_shape_of_vbenchs_lists(tmp_path: Path, shape: Any) -> None:
    """Its prompts in order, and ids that are one prompt's alone and no longer than a file's name may be."""
    suite = read_suite(write(tmp_path / ("list.txt" if isinstance(shape, str) else "list.json"), shape))
    assert [prompt.short for prompt in suite.prompts] == [text.strip() for text in TEXTS]
    ids = [prompt.id for prompt in suite.prompts]
    assert len(set(ids)) == len(TEXTS)
    assert max(len(name.encode()) for name in ids) <= LONGEST_ID
    assert all(slug(name) == name for name in ids), "a suite that is written with them is read again"


def test_signs_that_end_lines_elsewhere_are_within_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("A cat\u2028sleeps.\x0bOn a mat.\nA dog.\n".encode())
    assert [prompt.short for prompt in read_suite(tmp_path / "list.txt").prompts] == [
        "A cat\u2028sleeps.\x0bOn a mat.",
        "A dog.",
    ]


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
    with pytest.raises(UsageError, match="is UTF-16; save it as UTF-8"):
        read_suite(tmp_path / "b.json")


def test_prompts_from_a_table(tmp_path: Path) -> None:
    """The same prompt with all its keys, from a spreadsheet, from JSON lines and from Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {**GOOD, "verb": "ride", "hoi": 4, "rare": False, "contact": ["hand", "hips"], "people": 2, "category": ""}
    head = "ID;prompt_short;verb;hoi;rare;contact;people;category\n"
    csv = write(tmp_path / "p.csv", f"\ufeff{head}ride_bicycle;{GOOD['prompt_short']};ride;4;no;hand+hips;2;\n")
    lines = write(tmp_path / "p.jsonl", json.dumps(row) + "\n")
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "p.parquet")
    first, *others = (read_suite(path).prompts for path in (csv, lines, tmp_path / "p.parquet"))
    assert first[0].people == 2
    assert first[0].contact == ("hand", "hips")
    assert (first[0].hoi, first[0].rare, first[0].category) == (4, False, None)
    assert all(prompts == first for prompts in others)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,prompt\na,b\n", r"p\.csv, line 2: no column prompt_short; is it 'prompt'\?"),
        ("id,prompt_short,verbs\na,b,c\n", r"line 2: unknown column 'verbs'; did you mean 'verb'"),
        ("id,prompt_short,people\na,b,two\n", r"line 2, column people: a whole number; it came as 'two'"),
        ("id,prompt_short,people\na,b,1.5\n", r"line 2.*people"),
        ("id,prompt_short\na,\n", r"line 2: prompt_short is a text"),
        ("id,prompt_short\nA b,c\n", r"line 2: id is lower-case letters"),
        ("id,prompt_short\na,b\na,c\n", r"2 prompts have the id 'a'"),
    ],
)
def test_a_table_of_prompts_that_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_suite(write(tmp_path / "p.csv", text))
