"""An answer in words is a description, or it is said why it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hoigen.models.experts import languages
from hoigen.models.experts.answers import declines, placeholders, without_thoughts, words_of
from hoigen.models.experts.prompts import render

ANSWERS = Path(__file__).parents[3] / "benchmarks" / "answers"
WORKED = [json.loads(line) for line in (ANSWERS / "worked.jsonl").read_text(encoding="utf-8").splitlines()]
DESCRIBE = render("describe")
KNOWN = {
    "The video player shows nothing because the file is unsupported.",
    "A man takes the lid off the jar and then slowl",
}
"""What is taken for a description, and is none."""


def found(text: str, language: str = "en") -> Any:
    return words_of(
        text.replace("@SYSTEM", DESCRIBE.system).replace("@USER", DESCRIBE.text), own=DESCRIBE.own, language=language
    )


@pytest.mark.parametrize("kind", sorted({row["kind"] for row in WORKED}))
def test_every_answer_of_the_working_set_is_judged_rightly(kind: str) -> None:
    for row in (row for row in WORKED if row["kind"] == kind and row["answer"] not in KNOWN):
        words = found(row["answer"])
        if row["right"] == "none":
            assert words.outcome != "answered", row["answer"]
            assert words.reason
            assert words.text == ""
        else:
            assert words.outcome == "answered", (row["answer"], words.reason)
        if row["right"] not in ("none", "kept"):
            assert words.text == row["right"]


def test_what_is_known_to_be_missed_is_still_missed() -> None:
    """So that the list above stays true."""
    assert [text for text in sorted(KNOWN) if found(text).outcome != "answered"] == []


def test_held_out_answers_are_judged_as_the_page_says() -> None:
    rows = [json.loads(line) for line in (ANSWERS / "heldout.jsonl").read_text(encoding="utf-8").splitlines()]
    ends = [(row["good"], words_of(row["answer"], own=row["prompt"])) for row in rows]
    kept = [words.outcome == "answered" for good, words in ends if good]
    as_it_stands = [
        words.outcome == "answered" and len(words.text) >= 0.97 * len(" ".join(row["answer"].split()))
        for row, (good, words) in zip(rows, ends, strict=True)
        if not good
    ]
    assert sum(kept) / len(kept) >= 0.98
    assert sum(as_it_stands) / len(as_it_stands) <= 0.05


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Lo siento, no puedo describir este clip.", "refused"),
        ("很抱歉，我不能描述这段视频，请换一段。", "refused"),
        ("This clip shows something. I'm sorry, I can't help with it.", "refused"),
        ("A woman stands at the stove and lifts the", "truncated"),
        ("The person lifts the pan. " * 30, "malformed"),
        ("Une femme soulève une poêle noire de la cuisinière.", "malformed"),
    ],
)
def test_the_outcome_says_what_kind_of_answer_it_is(text: str, outcome: str) -> None:
    assert found(text).outcome == outcome


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("A woman lifts a pan from the stove", "does not end in a sentence"),
        ("Hands knead dough.", "few words"),
        ("The video shows a man who plays the guitar on a bench.", "speaks of the video"),
        ("We see a man lift a barbell and drop it on the mat again.", "speaks of its writer"),
        ("A woman lifts a pan from the stove.\n\nLet me know!", "a note behind the description was taken off"),
    ],
)
def test_what_is_doubtful_is_kept_and_says_why(text: str, doubt: str) -> None:
    words = found(text)
    assert words.outcome == "answered"
    assert doubt in words.doubts


def test_the_language_asked_for_is_that_of_the_prompt_or_the_one_that_is_named() -> None:
    german = "Eine Frau hebt mit der rechten Hand eine schwarze Pfanne vom Herd und stellt sie auf ein Brett."
    assert found(german, "").reason.startswith("language de, where en was asked for")
    assert found(german, "de").text == german
    own = "Beschreibe das Video in einem Absatz. Sage, wer was womit macht, und wo."
    assert words_of(german, own=own).text == german
    assert words_of("A woman lifts a pan from the stove.", own=own).reason.startswith("language en")
    assert found("女性が右手で黒いフライパンをコンロから持ち上げる。", "ja").outcome == "answered"
    assert languages.other_than("A woman 正在把锅放到炉子上 and turns.", "en").startswith("Cjk letters")


def test_long_answers_take_no_longer_than_their_length() -> None:
    """No pattern is worse than linear: this ends at once, or never."""
    for text in (
        "a" * 40_000,
        "a pan, " * 8000,
        "[" * 20_000,
        "Q: " * 6000,
        "<think></think>" * 1300,
        "'" * 20_000,
        "(a " * 9000,
        "\n" * 20_000 + "x",
    ):
        assert found(text).outcome != "answered"


def test_points_that_cannot_be_seen_are_an_answer() -> None:
    for text in ("1. cannot be seen", "1. The cup is red.\n2. cannot be seen", "I cannot see the colour of the cup."):
        assert declines(text) == ""
    for text in ("I'm sorry, I can't help with that.", "I cannot see the video.", "No images were provided."):
        assert declines(text) != ""


@pytest.mark.parametrize(
    ("name", "answer", "told"),
    [
        (
            "judge",
            {"triplets": [{"subject": "who", "action": "verb, as the caption has it", "object": "what"}]},
            "subject",
        ),
        ("judge", {"reason": "one short sentence", "interaction": "yes"}, "reason"),
        ("frame_any", {"seen": "a boat", "object": "that object; none when there is none"}, "object"),
        (
            "triplets",
            {"interactions": [{"subject": "...", "action": "...", "object": "...", "view": "..."}]},
            "subject",
        ),
        ("judge", {"triplets": [], "reason": "A ship is at sea.", "interaction": "no", "conspicuous": "no"}, ""),
        ("richer", {"reason": "More details.", "richer": "first"}, ""),
    ],
)
def test_the_example_of_the_prompt_is_no_answer(name: str, answer: Any, told: str) -> None:
    given = {"caption": "c"} if name in ("judge", "triplets") else {}
    given |= {"first": "a", "second": "b", "evidence": ""} if name == "richer" else {}
    assert placeholders(render(name, **given).text, answer).partition(":")[0] == told


def test_thoughts_go_and_thoughts_without_an_end_are_no_answer() -> None:
    assert without_thoughts("◁think▷x◁/think▷A man.") == "A man."
    assert without_thoughts("<think>x") == ""
    assert without_thoughts("x</think>A man.") == "A man."


@pytest.mark.parametrize(
    "sentence",
    [
        "He wears goggles for safety and cuts a board.",
        "The black box is empty and nothing is seen inside.",
        "No label is attached to the empty black container in the input tray.",
        "She holds a mug with text below the logo.",
        "A screen shows two text boxes.",
        "He types one text on his phone.",
        "She looks through the frames and takes a pair of glasses.",
        "The content is removed from the box.",
        "It is not possible to complete the puzzle, since a piece is lost.",
        "He shreds a redacted document.",
    ],
)
def test_words_of_refusals_that_tell_of_things(sentence: str) -> None:
    scene = f"A man in a blue coat works at a wooden bench. {sentence}"
    assert words_of(scene, own="Describe the video in one paragraph.").text == scene


@pytest.mark.parametrize(
    "sentence",
    [
        "For safety reasons, more is not described.",
        "The content was removed.",
        "I was unable to complete the request.",
        "Both texts say so.",
        "Across the frames he turns.",
    ],
)
def test_the_same_words_where_they_refuse_or_tell_of_the_task(sentence: str) -> None:
    found = words_of(f"A man in a blue coat works at a wooden bench. {sentence}", own="Describe the video.")
    assert found.text == "", found
