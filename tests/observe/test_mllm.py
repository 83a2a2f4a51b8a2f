"""An MLLM asked about each frame: over a real HTTP server whose answer depends on the picture that it gets."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_chat_server import Body, FakeChatServer, Say

import hoigen
from hoigen.commands.prompts import prompts
from hoigen.core.clip import Clip, Frames
from hoigen.core.errors import SetupError, UsageError
from hoigen.core.score import Score
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.models.fingerprint import fingerprint
from hoigen.observe import mllm
from hoigen.observe.detections import Pair
from looking import score_of

HALF = [0.25, 0.75, 1.25, 1.75]


@pytest.fixture
def server() -> Iterator[FakeChatServer]:
    with FakeChatServer() as made:
        made.then = by_colour
        yield made


def by_colour(body: Body) -> Say:
    """Red pictures show what is asked, green ones another act, dark ones nobody. Sees one picture at a time."""
    parts = body["messages"][-1]["content"]
    [url] = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    data = np.frombuffer(base64.b64decode(url.split(",", 1)[1]), np.uint8)
    blue, green, red = cv2.imdecode(data, cv2.IMREAD_COLOR).mean((0, 1))
    if max(red, green, blue) < 60:
        said = {"seen": "Nothing.", "action": "none", "object": "none", "any": "no", "together": "no", "asked": "no"}
    elif red > green:
        said = {"seen": "Riding.", "action": "ride", "object": "Bicycle", "any": "yes", "together": "yes"}
        said["asked"] = "probably"
    else:
        said = {"seen": "Eats.", "action": "eat", "object": "apple", "any": "yes", "together": "hardly", "asked": "no"}
    if '"asked"' not in parts[-1]["text"]:
        said.pop("asked")
    return Say(text=json.dumps(said))


def spec(server: FakeChatServer, **settings: Any) -> dict[str, Any]:
    chat = {"url": server.url, "model": "fake", "backoff": 0.01, "tries": 1}
    return {"mllm": {"expert": {"chat_server": chat}, **settings}}


def clip(**meta: str) -> Clip:
    return Clip(id="0", uri="/v.mp4", end=2.0, width=64, height=48, fps=10, meta={"digest": "d", **meta})


def frames(*colours: str) -> Frames:
    shades = {"red": (220, 20, 20), "green": (20, 220, 20), "dark": (5, 5, 5)}
    images = np.stack([np.full((48, 64, 3), shades[name], np.uint8) for name in colours])
    return Frames(images, np.array(HALF[: len(colours)]))


def asked(measure: CoarseHoi, clip: Clip, frames: Frames) -> Score:
    return score_of(measure, clip, frames.images, frames.times)


def test_the_question_names_verb_and_object() -> None:
    find = mllm.Mllm()
    assert find.question(clip()) == ""
    assert find.question(clip(verb="Ride", object="Bicycle")) == "verb: ride, object: bicycle"
    assert find.question(clip(object="ride")) != find.question(clip(verb="ride"))


def test_each_frame_is_judged_by_itself(server: FakeChatServer) -> None:
    measure = CoarseHoi(observer=spec(server))
    score = asked(measure, clip(verb="ride", object="bicycle"), frames("red", "green", "dark", "red"))
    assert (score.value, score.parts) == (0.5, {"coarse_any": 0.75, "coarse_pair": 0.5})
    assert [row["coarse_hoi"] for row in score.detail["frames"]] == [0.7, 0.0, 0.0, 0.7]
    assert [row["coarse_any"] for row in score.detail["frames"]] == [1.0, 1.0, 0.0, 1.0]
    assert [row["coarse_pair"] for row in score.detail["frames"]] == [1.0, 0.3, 0.0, 1.0]
    assert "A person is riding a bicycle." in server.chats[0]["messages"][-1]["content"][-1]["text"]
    assert score.detail["frames"][0]["pairs"][0]["person"] is None


def test_a_clip_of_which_nothing_was_asked(server: FakeChatServer) -> None:
    score = asked(CoarseHoi(observer=spec(server)), clip(), frames("red", "green", "dark", "dark"))
    assert (score.value, score.parts) == (None, {"coarse_any": 0.5, "coarse_pair": None})
    assert score.detail["reason"].startswith("not asked: ")
    assert score.detail["frames"][1]["pairs"][0]["verbs"] == {"eat": 1.0}


def test_verbs_and_objects_beyond_hico(server: FakeChatServer) -> None:
    measure = CoarseHoi(observer=spec(server))
    assert asked(measure, clip(verb="tune", object="violin"), frames("red")).value == 1.0
    assert asked(measure, clip(verb="juggle"), frames("red", "dark")).value == 0.5
    assert asked(measure, clip(object="oud"), frames("green", "red")).parts["coarse_pair"] == 0.5


def said(**words: str) -> dict[str, str]:
    return {"seen": "", "action": "ride", "object": "bicycle", "any": "yes", "together": "yes", "asked": "no", **words}


def found(pairs: list[Pair], verb: str | None, thing: str | None) -> list[float]:
    from hoigen.measures.coarse_hoi import questions

    knows = mllm.Mllm().about.knows
    assert knows is not None
    rules = questions(knows, verb, thing)
    return [max(rule(pair) for pair in pairs) for rule in rules.values() if not isinstance(rule, str)]


@pytest.mark.parametrize(
    ("words", "verb", "thing", "numbers"),
    [
        (said(), "ride", "bicycle", [0.0, 1.0, 1.0]),
        (said(asked="hardly"), "ride", None, [0.3, 1.0]),
        (said(asked="hardly"), None, "bicycle", [1.0, 1.0]),
        (said(together="hardly"), "wash", "bicycle", [0.0, 1.0, 0.3]),
        (said(object="horse", together="no"), "ride", "bicycle", [0.0, 1.0, 0.0]),
        (said(action="None", object="nothing", any="no", together="no"), "ride", "bicycle", [0.0, 0.0, 0.0]),
        (said(action="", object="", asked="yes"), "hold", "cup", [1.0, 1.0, 1.0]),
    ],
)
def test_contradictions_are_settled_by_what_was_said_outright(
    words: dict[str, str], verb: str | None, thing: str | None, numbers: list[float]
) -> None:
    """In the order coarse_hoi, coarse_any, coarse_pair: the first where a verb is asked, the last where a thing is."""
    assert found(mllm.pairs_of(words, verb, thing), verb, thing) == numbers


def test_an_answer_that_does_not_fit_is_sent_back_once_and_then_the_clip_has_failed(server: FakeChatServer) -> None:
    find = CoarseHoi(observer=spec(server))
    server.script = [Say(text="Surely."), by_colour_of("red")]
    assert asked(find, clip(verb="ride", object="bicycle"), frames("red")).value == 1.0
    assert len(server.chats) == 2
    server.then = lambda body: Say(text='{"seen": "x"}')
    with pytest.raises(SetupError, match=r"the frame at 0\.25 s: detector malformed: action: Field required"):
        asked(find, clip(verb="ride", object="bicycle", digest="e"), frames("red"))


def by_colour_of(name: str) -> Say:
    pixels = cv2.imencode(".png", frames(name).images[0][..., ::-1])[1]
    url = "data:image/png;base64," + base64.b64encode(pixels.tobytes()).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": '"asked"'}]
    return by_colour({"messages": [{"content": parts}]})


def test_frames_are_asked_at_once_as_far_as_the_expert_has_slots(server: FakeChatServer) -> None:
    together = threading.Event()

    def both(body: Body) -> Say:
        if server.in_flight >= 2:
            together.set()
        answer = by_colour(body)
        answer.until = together.is_set
        return answer

    server.then = both
    asked(CoarseHoi(observer=spec(server)), clip(), frames("red", "green", "dark", "red"))
    assert server.peak >= 2


def test_a_run_asks_once_and_another_prompt_is_another_detector(
    server: FakeChatServer, tmp_path: Path, tiny_video: Path
) -> None:
    (tmp_path / "mine.md").write_text('Answer "asked": $sentence $object')
    prompts(tmp_path / "suite.json")
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "ride_bicycle-0.mp4").write_bytes(tiny_video.read_bytes())

    def run(name: str, **settings: Any) -> None:
        recipe = tmp_path / f"{name}.yaml"
        recipe.write_text(
            json.dumps({"measures": [{"coarse_hoi": {"observer": spec(server, **settings), "frames": 3}}]})
        )
        hoigen.evaluate(
            videos=[folder],
            prompts=tmp_path / "suite.json",
            run=tmp_path / name,
            recipe=recipe,
            report=False,
            quiet=True,
        )

    run("run")
    assert len(server.chats) == 3
    assert (tmp_path / "run" / "calls").exists()
    for part in (tmp_path / "run" / "scores").rglob("*.parquet"):
        part.unlink()
    run("run")
    assert len(server.chats) == 3, "the answers were kept"
    run("other", asked_prompt=str(tmp_path / "mine.md"))
    assert len(server.chats) == 6
    one, other = (
        CoarseHoi(observer=spec(server, **more)) for more in ({}, {"asked_prompt": str(tmp_path / "mine.md")})
    )
    assert fingerprint(one.looking.observer) != fingerprint(other.looking.observer)


def test_what_is_wrong_is_told(server: FakeChatServer) -> None:
    with pytest.raises(UsageError, match=r"observer\.mllm\.expert: unknown expert 'no_such'"):
        CoarseHoi(observer={"mllm": {"expert": "no_such"}})
    with pytest.raises(UsageError, match="prompt 'frame_askd'"):
        fingerprint(CoarseHoi(observer=spec(server, asked_prompt="frame_askd")).looking.observer)
    gone = {"chat_server": {"url": "http://127.0.0.1:9/v1", "model": "fake"}}
    with pytest.raises(SetupError, match=r"127\.0\.0\.1:9"):
        CoarseHoi(observer={"mllm": {"expert": gone}}).looking.observer.load()
