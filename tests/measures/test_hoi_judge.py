"""A judge of whole videos: over a real HTTP server, with answers that are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fake_chat_server import Body, FakeChatServer, Say

from hoigen.core.clip import Clip, Frames
from hoigen.core.errors import SetupError
from hoigen.core.score import NOT_ASKED, Score
from hoigen.interactions.prompts import choose
from hoigen.measures.hoi_judge import LETTERS, HoiJudge, choices, touched_share
from hoigen.rules.cascade import build_steps

GOOD: dict[str, Any] = {
    "seen": "A man rides a bicycle.", "people": [{"who": "the man", "where": "middle", "acts": []}], "present": "yes",
    "touched": "yes", "touch_from": 0.5, "touch_to": 1.5, "before": "upright", "after": "upright", "changed": "no",
    "most_hands": 2, "same": "yes", "vanishes": "no", "floats": "no", "passes_through": "no",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[FakeChatServer]:
    with FakeChatServer() as made:
        yield made


def judge(server: FakeChatServer, **settings: Any) -> HoiJudge:
    chat = {"url": server.url, "model": "fake", "backoff": 0.01, "tries": 1}
    measure = HoiJudge(judge={"chat_server": chat}, frames=4, **settings)
    measure.load()
    return measure


def answers(server: FakeChatServer, verb: str = "ride", acts: tuple[str, ...] = ("ride",), **changed: Any) -> None:
    """The judge says that the one person does these acts."""
    letters = {each: letter for letter, each in choices(verb, "bicycle").items()}
    people = [{"who": "the man", "where": "middle", "acts": [letters[act] for act in acts]}]

    def say(_: Body) -> Say:
        return Say(text=json.dumps({**GOOD, "people": people, **changed}))

    server.then = say


def clip(**meta: Any) -> Clip:
    return Clip(id="0", uri="/v.mp4", end=2.0, width=64, height=48, fps=10, meta={"digest": "d", **meta})


FRAMES = Frames(np.full((4, 48, 64, 3), 90, np.uint8), np.array([0.25, 0.75, 1.25, 1.75]))


def score(measure: HoiJudge, **meta: Any) -> Score:
    return measure(clip(**({"verb": "ride", "object": "bicycle"} | meta)), FRAMES)


def test_the_asked_act_among_near_misses(server: FakeChatServer) -> None:
    answers(server, acts=("ride", "hold") if "hold" in choices("ride", "bicycle").values() else ("ride",))
    found = score(judge(server))
    assert found.value == 1
    assert found.parts == {"judge_touch": 0.5, "judge_same": 1.0, "judge_flaws": 0.0}
    body = server.chats[0]["messages"][-1]["content"]
    assert sum(part["type"] == "image_url" for part in body) == 4, "the whole video, not a frame"
    text = body[-1]["text"]
    assert "A person is riding a bicycle." in text
    assert "at these seconds: 0.2, 0.8, 1.2, 1.8" in text
    assert found.detail["judge"]["is"]["model"] == "fake", "the judge is named with its answer"
    assert found.detail["judge"]["prompt"].startswith("watched@")


def test_another_act_is_not_what_was_asked(server: FakeChatServer) -> None:
    near = next(each for each in choices("ride", "bicycle").values() if each != "ride")
    answers(server, acts=(near,))
    assert score(judge(server)).value == 0
    answers(server, acts=())
    assert score(judge(server, short_side=128)).value == 0


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"vanishes": "yes"}, "vanishes"),
        ({"floats": "yes"}, "floats"),
        ({"passes_through": "yes"}, "passes_through"),
        ({"same": "no"}, "another_one"),
        ({"most_hands": 3}, "hands"),
    ],
)
def test_what_cannot_be_is_a_flaw(server: FakeChatServer, changed: dict[str, Any], flaw: str) -> None:
    answers(server, **changed)
    found = score(judge(server))
    assert found.parts["judge_flaws"] == 1
    assert found.detail["flaws"] == [flaw]


def test_a_thing_that_is_not_there_is_not_the_same(server: FakeChatServer) -> None:
    answers(server, present="no", same="yes", touched="no", touch_from=None, touch_to=None, acts=())
    assert score(judge(server)).parts == {"judge_touch": 0.0, "judge_same": 0.0, "judge_flaws": 0.0}


def test_nothing_asked_asks_nobody(server: FakeChatServer) -> None:
    measure = judge(server)
    found = measure(clip(object="boat"), FRAMES)
    assert found.detail["reason"].startswith(NOT_ASKED)
    assert server.chats == []
    answers(server, "fly", ())
    server.then = lambda _: Say(text=json.dumps(GOOD))
    kite = measure(clip(verb="fly", object="kite"), FRAMES)
    assert kite.parts["judge_touch"] is None
    assert kite.detail["undefined"]["judge_touch"].startswith(NOT_ASKED)


def test_an_answer_that_does_not_fit_is_a_failure_and_no_zero(server: FakeChatServer) -> None:
    server.then = lambda _: Say(text=json.dumps({**GOOD, "touched": "perhaps"}))
    with pytest.raises(SetupError, match="judge malformed: touched"):
        score(judge(server))


def test_choices_are_the_same_for_every_model_and_hold_the_asked_one_anywhere() -> None:
    first = [next(iter(choices(prompt.verb or "", prompt.object).items())) for prompt in choose.suite("hico").prompts]
    prompts = choose.suite("hico").prompts
    for prompt in prompts:
        offered = choices(prompt.verb or "", prompt.object)
        assert len(offered) == len(set(offered.values())) == len(LETTERS)
        assert prompt.verb in offered.values()
        assert offered == choices(prompt.verb or "", prompt.object)
    asked_first = sum(verb == prompt.verb for (_, verb), prompt in zip(first, prompts, strict=True))
    assert 15 < asked_first < 65, "about an eighth of 306: the place says nothing"
    assert "play" in choices("play", "violin").values()


def test_touch_lies_within_the_video() -> None:
    said = {"touched": "yes", "touch_from": 1.0, "touch_to": 9.0}
    assert touched_share(said, 2.0) == 0.5
    assert touched_share({**said, "touch_from": 3.0}, 2.0) == 0
    assert touched_share({**said, "touch_to": 0.5}, 2.0) == 0


def test_another_judge_is_another_fingerprint() -> None:
    def print_of(model: str, **more: Any) -> str:
        chat = {"chat_server": {"url": "http://localhost:1/v1", "model": model}}
        return build_steps([{"hoi_judge": {"judge": chat, **more}}], {})[0].fingerprint

    assert print_of("one") == print_of("one")
    assert print_of("one") != print_of("two")
    assert print_of("one") != print_of("one", frames=8)
