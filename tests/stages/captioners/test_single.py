"""One expert, and what counts as its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_scripted import Scripted, broken, captioned, clip, talk_about

from hoigen.core.errors import UsageError
from hoigen.models.experts.answers import paragraph, words_of
from hoigen.models.experts.prompts import render
from hoigen.recipe.build import make
from hoigen.stages.captioners.single import Single

WORDS = "A woman opens a jar with her left hand."


def test_the_words_of_the_expert_are_the_caption() -> None:
    expert = Scripted("eyes", {"": WORDS})
    talk = talk_about(clip())
    caption = captioned(Single(expert=expert), talk)
    assert (caption.text, caption.path) == (WORDS, "single")
    [request] = expert.asked
    assert request.text == render("describe").text
    assert request.system == render("describe").system
    assert request.media, "it sees the clip"
    assert [call["role"] for call in talk.trace] == ["expert"]


@pytest.mark.parametrize("outcome", ["truncated", "refused", "malformed", "timed_out", "failed"])
def test_what_is_no_answer_is_no_caption(outcome: str) -> None:
    caption = captioned(Single(expert=Scripted("eyes", {"": broken(outcome)})), talk_about(clip()))
    assert (caption.text, caption.reason) == (None, f"expert {outcome}: it {outcome}")


@pytest.mark.parametrize(
    "text",
    [
        WORDS,
        f"  {WORDS}\n",
        f'"{WORDS}"',
        f"“{WORDS}”",
        f"Here is the description of the clip:\n\n{WORDS}",
        f"Sure! Here's a detailed description: {WORDS}",
        f"**Caption:** {WORDS}",
        f"Description: {WORDS}",
        "A woman opens\n\na  jar with her left hand.",
        "A woman **opens** a jar with her left hand.",
    ],
)
def test_a_caption_is_one_paragraph_of_its_own_words(text: str) -> None:
    assert paragraph(text) == WORDS


@pytest.mark.parametrize(
    "text",
    [
        'A sign says "open" and a man reads "closed"',
        '"Open" is on the sign that a man paints "closed".',
        "Here and there a man picks up leaves: red ones, then yellow ones.",
        "Surely lit from the left, a hand turns a key.",
    ],
)
def test_words_that_belong_to_a_caption_stay(text: str) -> None:
    found = words_of(text, own=render("describe").own)
    assert (found.text, found.outcome) == (text, "answered")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "I’m sorry, but I cannot view videos.",
        "I cannot see the video.",
        "I'm unable to identify people.",
        "Sorry, no frames were given.",
        "As an AI language model, I do not see pictures.",
        "Unfortunately, I cannot help.",
        "Here is the description: I'm sorry, I can't.",
        "...",
        "Sorry but there is nothing to describe.",
        "I don't see any images.",
        "Unfortunately, no images were provided.",
        "As a language model, I cannot watch this.",
        "I'm afraid that I can't tell.",
        "I must decline.",
        "None",
        "N/A",
        "Error: internal server error",
        '{"caption": "A man."}',
        "I am not able to view the clip.",
    ],
)
def test_an_excuse_is_no_caption(text: str) -> None:
    caption = captioned(Single(expert=Scripted("eyes", {"": text})), talk_about(clip()))
    assert caption.text is None
    assert caption.reason.startswith(("expert refused: ", "expert malformed: "))


def test_recipes_build_it_and_errors_name_the_key(tmp_path: Path) -> None:
    made = make("captioner", {"single": {"expert": {"fake_world": {"model": "m"}}}}, "caption.captioner")
    assert made.experts["expert"].identity["model"] == "m"
    cases: list[tuple[Any, str]] = [
        ({}, "caption.captioner.single: expert must be given"),
        ({"expert": {"fake_world": {"modl": "m"}}}, "single: expert.fake_world: unknown key 'modl'"),
        ({"expert": {"fake_world": {"error": "much"}}}, "single: expert.fake_world.error: a number; it came as 'much'"),
        ({"expert": "fake_world", "describe": "gone"}, "single: describe: prompt 'gone': cannot read"),
        ({"exprt": "fake_world"}, "caption.captioner.single: unknown key 'exprt'; did you mean 'expert'"),
    ]
    for spec, told in cases:
        with pytest.raises(UsageError) as error:
            make("captioner", {"single": spec}, "caption.captioner")
        assert told in str(error.value)


def test_settings_change_with_the_prompt(tmp_path: Path) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("Say what hands do.")
    expert = Scripted("eyes", {"": WORDS})
    assert Single(expert=expert, describe=str(mine)).settings != Single(expert=expert).settings
    mine_asked = captioned(Single(expert=expert, describe=str(mine)), talk_about(clip()))
    assert mine_asked.text == WORDS
    assert expert.asked[-1].text == "Say what hands do."


def test_a_model_that_sees_nothing_describes_nothing() -> None:
    blind = {"local_llm": {"model": "smollm2"}}
    with pytest.raises(UsageError, match=r"single: expert: it is to look at clips, and smollm2 is shown no frames"):
        make("captioner", {"single": {"expert": blind}}, "caption.captioner")
    served = {"open_model": {"model": "m", "sees": False}}
    roles = {"first": {"fake_world": {"model": "a"}}, "second": served, "third": {"fake_world": {"model": "c"}}}
    with pytest.raises(UsageError, match="mixture: second: it is to look at clips"):
        make("captioner", {"mixture": {**roles, "decision": blind}}, "caption.captioner")
