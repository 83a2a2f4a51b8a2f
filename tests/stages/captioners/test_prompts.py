"""The prompts ask for what the paper says they ask for."""

from __future__ import annotations

import re

import pytest

from hoigen.models.experts.answers import words_of
from hoigen.models.experts.prompts import FOLDER, render
from hoigen.stages.captioners import _schemas

TIMED = (
    "A woman in a blue apron stands at a wooden kitchen table and holds nothing at first. A white ceramic cup, a steel "
    "kettle and a round plate lie before her. From 0.0 to 1.5 seconds, her right hand reaches for the cup and lifts it "
    "by its handle. From 1.5 to 4.0 seconds, her left hand tilts the kettle and pours water into the cup, which fills "
    "to the rim. From 4.0 to 5.5 seconds, she sets the kettle down at the left and carries the cup to her mouth. The "
    "cup, empty before, is full and steams. She stands behind the table, the plate to her right. The kitchen is lit by "
    "daylight from a window at the left. A medium shot from the height of her chest; the camera stands still."
)

VALUES = {
    "describe": (),
    "timed": (),
    "same": ("first", "second", "evidence"),
    "claims": ("description", "other", "evidence"),
    "richer": ("first", "second", "evidence"),
    "third": ("points",),
    "rewrite": ("first", "second", "points", "third", "evidence"),
    "rewrite_majority": ("first", "second", "points", "third", "evidence"),
    "evidence": ("detected",),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_put_in_is_there_as_it_was(name: str) -> None:
    values = {key: f"<b>$5 {key}</b>" for key in VALUES[name]}
    prompt = render(name, **values)
    for value in values.values():
        assert prompt.text.count(value) == 1
    assert re.fullmatch(rf"{name}@[0-9a-f]{{8}}", prompt.template)
    assert not re.search(r"\$[a-z]", re.sub(r"<b>.*?</b>", "", prompt.text)), "no placeholder is left"


@pytest.mark.parametrize("name", [name for name in VALUES if name != "evidence"])
def test_each_has_a_system_prompt(name: str) -> None:
    assert render(name, **dict.fromkeys(VALUES[name], "x")).system.startswith("You ")


@pytest.mark.parametrize(
    "wanted",
    [
        "attributes", "Human movement", "order of time", "State changes of objects", "Scene", "Camera",
        "one paragraph", "about 150 words", "Write only what is visible",
    ],
)  # fmt: skip
def test_describe_is_the_structured_prompt_of_the_paper(wanted: str) -> None:
    assert wanted in render("describe").text


@pytest.mark.parametrize(
    "wanted", ["Subject:", "Objects:", "event by event", "State changes", "Space:", "Scene:", "Camera:", "in English"]
)
def test_timed_has_its_points_the_seconds_of_events_and_a_language(wanted: str) -> None:
    assert wanted in render("timed").text
    assert "English" in render("timed").system
    assert "seconds from when to when" in render("timed").text


def test_what_timed_asks_for_is_a_description() -> None:
    """With seconds and all; the same in German, or as a list of fields, is none."""
    own = render("timed").own
    said = words_of(TIMED, own=own, language="en")
    assert (said.outcome, said.text, said.doubts) == ("answered", TIMED, ())
    german = "Von 0,0 bis 1,5 Sekunden hebt eine Frau in blauer Schürze mit der Hand eine weiße Tasse vom Tisch."
    assert words_of(german, own=own, language="en").outcome == "malformed"
    fields = "Subject: a woman in an apron.\nObjects: a white cup.\nMotion: From 0.0 to 1.5 seconds, she lifts it."
    assert words_of(fields, own=own, language="en").outcome == "malformed"


@pytest.mark.parametrize("name", ["rewrite", "rewrite_majority"])
def test_rewriting_asks_for_the_same_length_and_form(name: str) -> None:
    text = render(name, **dict.fromkeys(VALUES[name], "x")).text
    assert "one paragraph of about 150 words" in text
    assert "what the third observer says" in text or "at least two of the three" in text


@pytest.mark.parametrize(
    ("name", "schema"), [("same", _schemas.Same), ("richer", _schemas.Richer), ("claims", _schemas.Claims)]
)
def test_prompts_name_every_field_of_the_answer(name: str, schema: type) -> None:
    text = render(name, **dict.fromkeys(VALUES[name], "x")).text
    described = schema.model_json_schema()  # type: ignore[attr-defined]
    parts = [described, *described.get("$defs", {}).values()]
    for part in parts:
        assert part["additionalProperties"] is False
        assert sorted(part["required"]) == sorted(part["properties"])
        for field in part["properties"]:
            assert f'"{field}":' in text
    for word in re.findall(r"'(supported|contradicted|unmentioned|first|second)'", str(described)):
        assert f'"{word}"' in text


@pytest.mark.parametrize("schema", [_schemas.Same, _schemas.Richer, _schemas.Claims])
@pytest.mark.parametrize("worst", [True, False])
def test_supposed_answers_are_answers(schema: type, worst: bool) -> None:
    made = schema.supposed(worst)  # type: ignore[attr-defined]
    assert schema.model_validate_json(made.model_dump_json()) == made  # type: ignore[attr-defined]


def test_an_answer_with_more_fields_than_asked_for_is_taken() -> None:
    assert _schemas.Richer.model_validate({"richer": "first", "reason": "", "confidence": 0.9}).richer == "first"


def test_judging_and_picking_ask_for_what_the_paper_names() -> None:
    same = render("same", **dict.fromkeys(VALUES["same"], "x")).text
    assert all(f"- {part}: " in same for part in ("object", "interaction", "scene"))
    richer = render("richer", **dict.fromkeys(VALUES["richer"], "x")).text
    assert all(part in richer for part in ("interactions", "actions", "scene"))
    assert {path.stem for path in FOLDER.glob("*.md")} >= set(VALUES)
