"""The desk: one question is sent once, answers are held to their schema, and what is kept is given again."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_chat_server import FakeChatServer, Say, error
from pydantic import BaseModel

from hoigen.core.clip import Clip
from hoigen.models.experts.call import Answer, Request, call_key
from hoigen.models.experts.calls import Asked, Calls
from hoigen.models.experts.chat_server import ChatServer
from hoigen.models.experts.desk import Conversation, Desk, NotKept, json_in
from hoigen.models.experts.prompts import Prompt


class Verdict(BaseModel):
    same: bool


ASKED = Asked(clip="c", role="judge", expert="fake", template="t@1", text="Same?")
CLIP = Clip(id="c", uri="a.mp4", end=2.0, width=64, height=48, fps=25.0)
QUESTION = Prompt("Same?", "judge@12345678")


@pytest.fixture
def server() -> Iterator[FakeChatServer]:
    with FakeChatServer() as made:
        yield made


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    made = Calls(tmp_path / "calls")
    yield made
    made.close()


def client(server: FakeChatServer, **settings: Any) -> ChatServer:
    return ChatServer(url=server.url, model="fake", backoff=0.01, timeout=10.0, **settings)


def judge(server: FakeChatServer, calls: Calls) -> tuple[Answer, list[dict[str, Any]]]:
    talk = Conversation(CLIP, Desk(calls), content="digest")
    return asyncio.run(talk.ask("judge", client(server), QUESTION, schema=Verdict)), talk.trace


@pytest.mark.parametrize(
    "text",
    [
        '{"same": true}',
        'Sure!\n```json\n{"same": true}\n```\nAnything else?',
        'In {brief}: {"same": true} {"same": false}',
    ],
)
def test_json_is_found_among_words(server: FakeChatServer, calls: Calls, text: str) -> None:
    server.script = [Say(text=text)]
    answer, trace = judge(server, calls)
    assert (answer.outcome, answer.data, len(trace)) == ("answered", {"same": True}, 1)


def test_prose_is_mended_in_one_repair_round(server: FakeChatServer, calls: Calls) -> None:
    server.script = [Say(text="Yes, they are the same."), Say(text='{"same": true}')]
    answer, trace = judge(server, calls)
    assert (answer.outcome, answer.data) == ("answered", {"same": True})
    assert [(call["role"], call["outcome"]) for call in trace] == [
        ("judge", "malformed"),
        ("judge, repair", "answered"),
    ]
    assert server.chats[1]["messages"][1]["content"] == "Yes, they are the same."


def test_prose_twice_is_malformed_and_not_asked_a_third_time(server: FakeChatServer, calls: Calls) -> None:
    server.then = lambda body: Say(text='{"same": "perhaps"}')
    for _ in range(2):
        answer, trace = judge(server, calls)
        assert answer.outcome == "malformed"
        assert answer.reason.startswith("same: Input should be a valid boolean")
    assert len(server.chats) == 2
    assert [call["kept"] for call in trace] == [True, True]


def test_a_failure_is_asked_again_by_the_next_run_and_a_refusal_is_not(server: FakeChatServer, calls: Calls) -> None:
    server.script = [error(400, "too many pictures"), Say(text='{"same": false}')]
    assert judge(server, calls)[0].outcome == "failed"
    assert judge(server, calls)[0].data == {"same": False}
    request = Request(text="May I?")
    server.script = [Say(text="", finish="content_filter")]
    for _ in range(2):
        asyncio.run(Desk(calls).ask(client(server), request, ASKED))
    assert len(server.chats) == 3


def test_the_same_question_at_once_is_sent_once(server: FakeChatServer, calls: Calls) -> None:
    server.then = lambda body: Say(latency=0.05)
    desk, made = Desk(calls), client(server)

    async def go() -> list[tuple[str, Answer, bool]]:
        return await asyncio.gather(*(desk.ask(made, Request(text="?"), ASKED) for _ in range(5)))

    found = asyncio.run(go())
    assert len({key for key, _, _ in found}) == 1
    assert [kept for _, _, kept in found] == [False, True, True, True, True]
    assert len(server.chats) == 1


def test_one_who_stops_asking_stops_nobody_else(server: FakeChatServer, calls: Calls) -> None:
    released = threading.Event()
    server.then = lambda body: Say(until=released.is_set)
    desk, made = Desk(calls), client(server)

    async def go() -> list[Any]:
        tasks = [asyncio.create_task(desk.ask(made, Request(text="?"), ASKED)) for _ in range(3)]
        while not (server.chats or tasks[0].done()):  # the first has asked, the others wait for its answer
            await asyncio.sleep(0.001)
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        released.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(go())
    assert isinstance(first, asyncio.CancelledError)
    assert [other[1].outcome for other in others] == ["answered", "answered"]
    assert not desk.under_way


def test_a_desk_that_may_not_ask_gives_what_is_kept(server: FakeChatServer, calls: Calls) -> None:
    made, request = client(server), Request(text="?")
    quiet = Desk(calls, may_ask=False)
    with pytest.raises(NotKept):
        asyncio.run(quiet.ask(made, request, ASKED))
    asyncio.run(Desk(calls).ask(made, request, ASKED))
    assert asyncio.run(quiet.ask(made, request, ASKED))[1].text == "A person lifts a cup."
    assert len(server.chats) == 1


def test_a_raw_answer_that_is_kept_is_held_to_its_schema(server: FakeChatServer, calls: Calls) -> None:
    made, good, bad = client(server), Request(text="a", schema=Verdict), Request(text="b", schema=Verdict)
    for request, text in ((good, '{"same": true}'), (bad, "Yes.")):
        calls.put(call_key(made.identity, request), ASKED, Answer(outcome="answered", text=text))
    desk = Desk(calls, may_ask=False)
    assert asyncio.run(desk.ask(made, good, ASKED))[1].data == {"same": True}
    assert asyncio.run(desk.ask(made, bad, ASKED))[1].outcome == "malformed"
    kept = [calls.get(call_key(made.identity, request)) for request in (good, bad)]
    assert [answer.outcome for answer in kept if answer is not None] == ["answered", "malformed"]
    assert calls.totals() == [("fake", "answered", 1, 0, 0), ("fake", "malformed", 1, 0, 0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no braces",
        '{"items": [{"same": true}, {"sa',
        '{"items": [{"same": true},, ]}',
        '{same: {"same": true}}',
    ],
)
def test_a_part_of_a_broken_object_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_in(text)


def test_json_in_takes_braces_in_strings() -> None:
    assert json_in('x {"a": "}{"} y') == {"a": "}{"}
    assert json_in(json.dumps({"a": {"b": [1, {"c": 2}]}})) == {"a": {"b": [1, {"c": 2}]}}


def test_halves_of_characters_become_question_marks(server: FakeChatServer, calls: Calls) -> None:
    server.script = [Say(text='{"same": true, "why": "\\ud83d"}'), Say(text="half \ud83d of one")]
    talk = Conversation(CLIP, Desk(calls), content="digest")

    class Told(BaseModel):
        same: bool
        why: str

    first = asyncio.run(talk.ask("judge", client(server), QUESTION, schema=Told))
    assert first.data == {"same": True, "why": "?"}
    second = asyncio.run(talk.ask("judge", client(server), Prompt("Again?", "judge@12345678")))
    assert second.text == "half ? of one"


def test_all_that_an_answer_depends_on_is_in_its_key() -> None:
    """An answer is given again for the same question alone: a prompt that was edited is asked anew."""
    request = Request(text="Same?", system="You compare.", media="m", schema=Verdict, again=("no", "no JSON"))
    changed = [
        replace(request, text="Same or not?"),
        replace(request, system="You compare videos."),
        replace(request, system=""),
        replace(request, media="n"),
        replace(request, schema=None),
        replace(request, again=None),
        replace(request, again=("no", "no object")),
    ]
    identity = {"model": "fake", "temperature": 0.0}
    keys = {call_key(identity, each) for each in (request, *changed)}
    keys |= {call_key({**identity, "temperature": 0.5}, request), call_key({**identity, "model": "other"}, request)}
    assert len(keys) == len(changed) + 3
    assert call_key(dict(reversed(identity.items())), replace(request, template="judge@2")) == call_key(
        identity, request
    )
