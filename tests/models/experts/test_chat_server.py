"""Against a real HTTP server on the loopback; what it answers is made up."""

from __future__ import annotations

import asyncio
import base64
import math
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from fake_chat_server import FakeChatServer, Say, error
from pydantic import BaseModel, Field

from hoigen.core.clip import Frames, Sampling
from hoigen.core.errors import SetupError, UsageError
from hoigen.models.experts.call import Answer, Request, call_key
from hoigen.models.experts.chat import pictures, wire
from hoigen.models.experts.chat.client import LONGEST_RETRY_AFTER, Reply
from hoigen.models.experts.chat_server import ChatServer
from hoigen.recipe.build import build


class Verdict(BaseModel):
    same: bool
    differences: list[str] = Field(default_factory=list, max_length=3)


@pytest.fixture
def server() -> Iterator[FakeChatServer]:
    with FakeChatServer() as made:
        yield made


def client(server: FakeChatServer | None = None, **settings: Any) -> ChatServer:
    quick = {"backoff": 0.01, "timeout": 10.0, "model": "fake"}
    return ChatServer(**{"url": server.url if server else "http://127.0.0.1:9/v1", **quick, **settings})


def ask(made: ChatServer, request: Request | None = None) -> Answer:
    return asyncio.run(made.answer(request or Request(text="What is seen?")))


def frames(count: int = 3) -> Frames:
    images = np.zeros((count, 36, 48, 3), np.uint8)
    for at in range(count):
        images[at, :, :, at % 3] = 200
    return Frames(images, np.arange(count) * 0.5 + 0.25)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


# what goes over the wire


def test_frames_go_as_pictures_each_after_its_time(server: FakeChatServer) -> None:
    shown = frames()
    answer = ask(client(server), Request(text="Describe.", system="Be brief.", media="m", frames=shown))
    assert answer == Answer(
        outcome="answered",
        text="A person lifts a cup.",
        tokens_in=11,
        tokens_out=7,
        seconds=answer.seconds,
        endpoint=server.url,
    )
    [body] = server.chats
    system, user = body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text", "image_url"] * 3 + ["text"]
    assert [part["text"] for part in user["content"] if part["type"] == "text"] == [
        "t=0.25 s",
        "t=0.75 s",
        "t=1.25 s",
        "Describe.",
    ]
    for image, part in zip(shown.images, user["content"][1::2], strict=True):
        head, data = part["image_url"]["url"].split(",")
        assert head == "data:image/jpeg;base64"
        seen = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert seen.shape == image.shape
        assert np.abs(seen.astype(int) - image).max() < 8


def test_the_decoding_parameters_and_extra_keys_are_sent(server: FakeChatServer) -> None:
    ask(client(server, temperature=0.5, seed=None, top_p=0.9, max_tokens=77, extra_body={"min_p": 0.1, "top_k": 5}))
    [body] = server.chats
    assert body["messages"] == [{"role": "user", "content": "What is seen?"}]
    del body["messages"]
    assert body == {"model": "fake", "temperature": 0.5, "top_p": 0.9, "max_tokens": 77, "min_p": 0.1, "top_k": 5}


def test_a_video_is_an_mp4_of_the_frames(server: FakeChatServer) -> None:
    import io

    import av

    shown = frames(5)
    ask(client(server, media="video"), Request(text="Describe.", media="m", frames=shown))
    [video, text] = server.chats[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "Describe."}
    head, data = video["video_url"]["url"].split(",")
    assert head == "data:video/mp4;base64"
    with av.open(io.BytesIO(base64.b64decode(data))) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert float(container.streams.video[0].average_rate) == pytest.approx(2.0)
    assert [image.shape for image in images] == [(36, 48, 3)] * 5
    assert [int(image.mean(axis=(0, 1)).argmax()) for image in images] == [0, 1, 2, 0, 1]


def test_the_same_pixels_give_the_same_bytes_and_odd_sizes_are_taken() -> None:
    odd = Frames(frames().images[:, :35, :47], frames().times)
    assert pictures.jpegs(odd) == pictures.jpegs(odd)
    assert pictures.mp4(odd) == pictures.mp4(odd)
    gray = Frames(odd.images[..., 0], odd.times)
    assert len(pictures.jpegs(gray)) == 3


def test_a_schema_is_sent_strict_and_its_answer_comes_back(server: FakeChatServer) -> None:
    server.then = lambda body: Say(text='{"same": true, "differences": []}')
    answer = ask(client(server), Request(text="Same?", schema=Verdict))
    assert answer.text == '{"same": true, "differences": []}'
    wanted = server.chats[0]["response_format"]
    assert wanted["type"] == "json_schema"
    assert wanted["json_schema"]["name"] == "Verdict"
    assert wanted["json_schema"]["strict"] is True
    schema = wanted["json_schema"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["same", "differences"]
    assert server.chats[0]["messages"][0]["content"] == "Same?", "the server holds the answer to the schema"


def test_the_repair_round_tells_the_first_answer_and_what_was_wrong(server: FakeChatServer) -> None:
    ask(client(server), Request(text="Same?", schema=Verdict, again=("Yes.", "no JSON object in the answer")))
    first, answer, wrong = server.chats[0]["messages"]
    assert (first["content"], answer) == ("Same?", {"role": "assistant", "content": "Yes."})
    assert wrong["role"] == "user"
    assert "no JSON object in the answer" in wrong["content"]
    assert "JSON" in wrong["content"]


# outcomes


@pytest.mark.parametrize(
    ("say", "outcome", "text", "reason"),
    [
        (Say(text="Half a sen", finish="length"), "truncated", "Half a sen", "limit of tokens was reached after 7"),
        (Say(text="<think>so long", finish="length"), "truncated", "", "limit of tokens"),
        (Say(text="", finish="content_filter"), "refused", "", "a filter stopped the answer"),
        (Say(text=None, message={"refusal": "I cannot."}), "refused", "", "the model declined: I cannot."),
        (Say(text=""), "malformed", "", "an empty answer"),
        (Say(text=None, message={"reasoning_content": "Hm."}), "malformed", "", "thoughts without an answer"),
        (Say(text="<think>\nHm.\n</think>\n\nA cup."), "answered", "A cup.", ""),
        (Say(text="Hm.\n</think>\nA cup."), "answered", "A cup.", ""),
        (Say(text="She writes <think> on it."), "answered", "She writes <think> on it.", ""),
        (Say(text=[{"type": "text", "text": "A "}, {"type": "text", "text": "cup."}]), "answered", "A cup.", ""),  # type: ignore[arg-type]
        (Say(body={"id": "1", "choices": []}), "malformed", "", "no choices"),
        (Say(body={"id": "1", "choices": [{"message": None}]}), "malformed", "", "a choice is empty"),
        (error(400, "filtered", code="content_filter"), "refused", "", "HTTP 400: filtered"),
        (error(400, "Your request was flagged by our system"), "refused", "", "flagged"),
        (error(400, "9000 tokens exceed the context"), "failed", "", "HTTP 400: 9000 tokens exceed the context"),
        (error(413, "too large"), "failed", "", "HTTP 413: too large"),
        (Say(status=422, body={"detail": "bad field"}), "failed", "", "bad field"),
    ],
)
def test_what_asking_again_would_repeat_is_asked_once(
    server: FakeChatServer, say: Say, outcome: str, text: str, reason: str
) -> None:
    server.script = [say]
    answer = ask(client(server))
    assert (answer.outcome, answer.text, answer.tries) == (outcome, text, 1)
    assert reason in answer.reason
    assert not answer.unreachable
    assert len(server.chats) == 1


@pytest.mark.parametrize(
    "say",
    [
        error(500, "oops"),
        error(502, "bad gateway"),
        error(408, "slow"),
        error(429, "too many"),
        error(503, "overloaded"),
        Say(does="drop"),
        Say(does="cut"),
        Say(does="hang"),
        Say(body=b'{"id": "1", "choices": [{"mess'),
        Say(body=b"<!DOCTYPE html><title>Sign in</title>"),
        Say(body=b""),
        Say(body={"hello": 1}),
        Say(body={"error": {"message": "upstream", "code": 502}}),
        Say(body={"error": {"message": "upstream", "code": 502}, "choices": []}),
    ],
)
def test_what_servers_do_wrong_is_asked_again(server: FakeChatServer, say: Say) -> None:
    server.script = [say]
    answer = ask(client(server, timeout=0.5))
    assert (answer.outcome, answer.text, answer.tries) == ("answered", "A person lifts a cup.", 2)


@pytest.mark.parametrize(
    ("say", "outcome", "reason"),
    [
        (error(500, "oops"), "failed", "HTTP 500: oops (3 tries)"),
        (Say(does="hang"), "timed_out", "no answer within 0.2 s (3 tries)"),
        (Say(does="drop"), "failed", "the connection broke off"),
        (Say(body=b"<html><title>Sign in</title>"), "failed", "a web page (Sign in) instead of JSON"),
        (Say(body=b'{"id": "1", "cho'), "failed", 'not JSON: \'{"id": "1", "cho\''),
        (Say(body={"hello": 1}), "failed", "not a chat completion: JSON with hello"),
        (error(503, "x" * 5000), "failed", "x" * 200),
    ],
)
def test_a_server_that_stays_broken_is_given_up(server: FakeChatServer, say: Say, outcome: str, reason: str) -> None:
    server.then = lambda body: say
    answer = ask(client(server, tries=3, timeout=0.2))
    assert (answer.outcome, answer.tries, answer.unreachable) == (outcome, 3, False)
    assert reason in answer.reason
    assert server.url in answer.reason
    assert len(answer.reason) < 500


@pytest.mark.parametrize(
    ("status", "more", "said"),
    [
        (401, {"code": "invalid_api_key"}, "HTTP 401: no"),
        (403, {}, "HTTP 403: no"),
        (404, {"code": "model_not_found"}, "HTTP 404: no"),
        (402, {}, "HTTP 402: no"),
        (429, {"code": "insufficient_quota"}, "HTTP 429: no"),
        (400, {"message": "At most 6 image(s) may be provided"}, "HTTP 400: At most 6 image(s) may be provided"),
        (400, {"message": "tiny is not a multimodal model"}, "HTTP 400: tiny is not a multimodal model"),
        (500, {"message": "image input is not supported"}, "HTTP 500: image input is not supported"),
    ],
)
def test_a_wrong_set_up_is_said_at_once(
    server: FakeChatServer, status: int, more: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    server.then = lambda body: error(status, **{"message": "no", **more})
    answer = ask(client(server))
    assert (answer.outcome, answer.unreachable, answer.tries) == ("failed", True, 1)
    assert answer.reason.startswith(f"{server.url}: {said}")
    assert ("MY_KEY" in answer.reason) == (status == 401)


def test_a_port_where_nobody_listens() -> None:
    port = free_port()
    answer = ask(client(url=f"http://127.0.0.1:{port}", tries=3))
    assert (answer.outcome, answer.unreachable, answer.tries) == ("failed", True, 3)
    assert f"http://127.0.0.1:{port}/v1: cannot be reached" in answer.reason


def test_a_host_without_a_name() -> None:
    answer = ask(client(url="http://no-such-host.invalid/v1", tries=1))
    assert (answer.outcome, answer.unreachable) == ("failed", True)


def test_a_server_that_comes_back_is_used_again() -> None:
    port = free_port()
    made = client(url=f"http://127.0.0.1:{port}/v1", tries=20, backoff=0.05)

    async def go() -> Answer:
        asked = asyncio.create_task(made.answer(Request(text="?")))
        while not made.endpoints[0].strikes:
            await asyncio.sleep(0.01)
        with FakeChatServer(port=port):
            return await asked

    answer = asyncio.run(go())
    assert answer.ok
    assert answer.tries > 1


def test_no_frames_is_a_failure_of_the_clip(server: FakeChatServer) -> None:
    answer = ask(client(server), Request(text="?", media="m"))
    assert (answer.outcome, answer.tries, answer.unreachable) == ("failed", 0, False)
    assert "no frames" in answer.reason
    assert not server.got


def test_retry_after_is_waited_for_and_bounded(server: FakeChatServer) -> None:
    server.script = [error(429, "slow down", headers={"retry-after": "1"})]
    began = time.monotonic()
    assert ask(client(server)).tries == 2
    assert time.monotonic() - began > 0.9, "the backoff alone would be 0.01 s"
    made = client(server)
    server.script = [error(429, "slow down", headers={"retry-after": "86400"})]

    async def go() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(made.answer(Request(text="?")), 0.5)

    asyncio.run(go())
    left = made.endpoints[0].rests_until - time.monotonic()
    assert LONGEST_RETRY_AFTER - 10 < left <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize("told", ["inf", "nan", "-3", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
def test_a_wait_that_says_nothing_is_none(server: FakeChatServer, told: str) -> None:
    server.script = [error(429, "slow down", headers={"retry-after": told})]
    made = client(server)
    assert ask(made).tries == 2
    assert made.endpoints[0].rests_until - time.monotonic() < 60


def test_a_byte_order_mark_before_the_json_is_let_be(server: FakeChatServer) -> None:
    server.script = [Say(body=b"\xef\xbb\xbf" + Say(text="A person lifts a cup.").payload("m"))]
    assert ask(client(server)).text == "A person lifts a cup."


# JSON without schemas


def no_schemas(*known: str) -> Any:
    def then(body: dict[str, Any]) -> Say:
        kind = body.get("response_format", {}).get("type", "none")
        if kind in known:
            return Say(text='{"same": true}')
        return error(400, f"response_format type {kind!r} is not supported")

    return then


@pytest.mark.parametrize(("known", "tried"), [("json_object", 2), ("none", 3)])
def test_a_server_without_schemas_is_asked_more_plainly_from_then_on(
    server: FakeChatServer, known: str, tried: int
) -> None:
    server.then = no_schemas(known)
    made = client(server)

    async def go() -> tuple[Answer, Answer]:
        request = Request(text="Same?", schema=Verdict)
        return await made.answer(request), await made.answer(request)

    first, second = asyncio.run(go())
    assert (first.outcome, first.text, first.tries) == ("answered", '{"same": true}', tried)
    assert (second.outcome, second.tries) == ("answered", 1)
    assert '"differences"' in server.chats[-1]["messages"][0]["content"], "the schema is in the prompt instead"


def test_one_schema_that_is_not_taken_spoils_no_others(server: FakeChatServer) -> None:
    class Other(BaseModel):
        name: str

    def then(body: dict[str, Any]) -> Say:
        name = body.get("response_format", {}).get("json_schema", {}).get("name")
        return error(400, "Invalid schema for response_format 'Verdict'") if name == "Verdict" else Say(text="{}")

    server.then = then
    made = client(server)

    async def go() -> None:
        await made.answer(Request(text="Same?", schema=Verdict))
        await made.answer(Request(text="Who?", schema=Other))

    asyncio.run(go())
    kinds = [body["response_format"]["type"] for body in server.chats]
    assert kinds == ["json_schema", "json_object", "json_schema"]


def test_a_400_about_something_else_is_no_reason_to_ask_more_plainly(server: FakeChatServer) -> None:
    server.then = lambda body: error(400, "9000 tokens exceed the context")
    assert ask(client(server), Request(text="Same?", schema=Verdict)).outcome == "failed"
    assert len(server.chats) == 1


# several endpoints, and how many at once


def many(made: ChatServer, count: int) -> list[Answer]:
    async def go() -> list[Answer]:
        return await asyncio.gather(*(made.answer(Request(text=f"{at}?")) for at in range(count)))

    return asyncio.run(go())


def test_slots_are_never_exceeded_and_never_idle_while_work_waits(server: FakeChatServer) -> None:
    """The server answers only while all four slots are full, or when no more is to come."""
    server.then = lambda body: Say(until=lambda: server.in_flight == 4 or len(server.chats) == 60)
    answers = many(client(server, slots=4, tries=1), 60)
    assert [answer.reason for answer in answers if not answer.ok] == []
    assert server.peak == 4


def test_clips_of_several_dependent_calls_keep_all_slots_full(server: FakeChatServer) -> None:
    """Two drafts at once, then a verdict that needs both: the next clip's drafts fill what is free."""
    server.then = lambda body: Say(until=lambda: server.in_flight == 4 or len(server.chats) >= 3 * 30 - 8)
    made = client(server, slots=4, tries=1)

    async def clip(name: int) -> bool:
        drafts = await asyncio.gather(*(made.answer(Request(text=f"{name} draft {at}")) for at in range(2)))
        verdict = await made.answer(Request(text=f"{name} verdict"))
        return verdict.ok and all(draft.ok for draft in drafts)

    async def go() -> list[bool]:
        room = asyncio.Semaphore(8)

        async def one(name: int) -> bool:
            async with room:
                return await clip(name)

        return await asyncio.gather(*(one(name) for name in range(30)))

    assert all(asyncio.run(go()))
    assert server.peak == 4


def test_requests_are_shared_out_evenly() -> None:
    with FakeChatServer() as one, FakeChatServer() as two:
        one.then = two.then = lambda body: Say(latency=0.02)
        answers = many(client(url=(one.url, two.url), slots=3), 36)
        assert all(answer.ok for answer in answers)
        assert one.peak == two.peak == 3
        assert 9 <= len(one.chats) <= 27
        assert {answer.endpoint for answer in answers} == {one.url, two.url}


def test_a_dead_endpoint_costs_nothing_but_tries() -> None:
    with FakeChatServer() as alive:
        dead = f"http://127.0.0.1:{free_port()}/v1"
        made = client(url=(dead, alive.url), slots=2, tries=2)
        answers = many(made, 20)
        assert all(answer.ok and answer.endpoint == alive.url for answer in answers)
        assert len(alive.chats) == 20
        assert made.endpoints[0].strikes >= 1


def test_a_wrong_key_at_one_of_two_endpoints_moves_its_requests() -> None:
    with FakeChatServer() as one, FakeChatServer() as two:
        one.key = "secret"
        answers = many(client(url=(one.url, two.url), slots=2), 8)
        assert all(answer.ok and answer.endpoint == two.url for answer in answers)


def test_an_endpoint_that_dies_in_the_middle_loses_nothing() -> None:
    with FakeChatServer() as two:
        one = FakeChatServer()
        one.__enter__()
        one.then = two.then = lambda body: Say(latency=0.05)
        made = client(url=(one.url, two.url), slots=2)

        async def go() -> list[Answer]:
            work = asyncio.gather(*(made.answer(Request(text=f"{at}?")) for at in range(24)))
            await asyncio.sleep(0.12)
            await asyncio.to_thread(one.__exit__)
            return list(await work)

        answers = asyncio.run(go())
        assert all(answer.ok for answer in answers)
        assert len({body["messages"][0]["content"] for body in one.chats + two.chats}) == 24


def test_all_endpoints_down_is_said_with_all_reasons() -> None:
    dead = tuple(f"http://127.0.0.1:{free_port()}/v1" for _ in range(2))
    answers = many(client(url=dead, tries=2, slots=2), 30)
    assert {(answer.outcome, answer.unreachable) for answer in answers} == {("failed", True)}
    assert all(url in answers[-1].reason for url in dead)


def test_a_burst_of_503_halves_the_slots_once_and_they_grow_back(server: FakeChatServer) -> None:
    made = client(server, slots=8)
    widths = []

    def then(body: dict[str, Any]) -> Say:
        widths.append(made.endpoints[0].open_slots)
        return Say(latency=0.01)

    server.script = [error(503, "overloaded") for _ in range(8)]
    for say in server.script:
        say.latency = 0.05
    server.then = then
    answers = many(made, 80)
    assert all(answer.ok for answer in answers)
    assert widths[0] == 4, "eight that failed together are one burst"
    assert widths == sorted(widths)
    assert made.endpoints[0].open_slots == 8
    assert len(widths) >= 80


def test_cancelled_requests_give_their_slots_back(server: FakeChatServer) -> None:
    server.then = lambda body: Say(latency=0.05)
    made = client(server, slots=2)

    async def go() -> Answer:
        tasks = [asyncio.create_task(made.answer(Request(text=f"{at}?"))) for at in range(9)]
        await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        answers = await asyncio.gather(*(made.answer(Request(text="?")) for _ in range(4)))
        session = await made.servers.session()
        assert set(session.slots.in_flight.values()) == {0}
        assert not session.slots.waiting
        return answers[-1]

    assert asyncio.run(go()).ok


def test_one_expert_works_in_several_loops_and_leaves_no_connection(server: FakeChatServer) -> None:
    made = client(server)
    assert [ask(made).outcome for _ in range(3)] == ["answered"] * 3
    assert len(made.servers.sessions) == 1, "those of loops that ended are let go"
    assert not next(iter(made.servers.sessions.values())).clients, "and their connections were closed with the loop"


def test_one_that_was_closed_can_be_used_again(server: FakeChatServer) -> None:
    made = client(server)

    async def go() -> bool:
        await made.open()
        first = await made.answer(Request(text="?"))
        await made.close()
        await made.close()
        return first.ok and (await made.answer(Request(text="?"))).ok

    assert asyncio.run(go())


# before the first request


def opened(made: ChatServer) -> None:
    asyncio.run(made.open())


def said(made: ChatServer) -> str:
    with pytest.raises(SetupError) as fault:
        opened(made)
    return str(fault.value)


def test_open_passes_where_the_model_is_served(server: FakeChatServer) -> None:
    server.models = ["other", "fake"]
    opened(client(server))
    for listed, wanted in [("fake:latest", "fake"), ("models/fake", "fake"), ("a/fake", "a/fake:nitro")]:
        server.models = [listed]
        opened(client(server, model=wanted))


def test_open_passes_where_models_are_not_listed(server: FakeChatServer) -> None:
    for say in (error(404, "no such path"), Say(body={"object": "list", "data": []}), Say(body=[1])):
        server.models_say = say
        opened(client(server))


def test_open_names_the_nearest_model(server: FakeChatServer) -> None:
    server.models = ["Qwen/Qwen2-VL-7B-Instruct", "llama"]
    told = said(client(server, model="Qwen/Qwen2-VL-7B"))
    assert told.startswith(
        f"{server.url}: model 'Qwen/Qwen2-VL-7B' is not served here; did you mean 'Qwen/Qwen2-VL-7B-I"
    )
    server.models = [f"model-{at}" for at in range(400)]
    assert len(said(client(server, model="model-x"))) < 1000


def test_open_names_the_key(server: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "secret"
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert f"No key is sent to {host}: `--key {host}=VARIABLE`, or a line" in said(client(server))
    monkeypatch.setenv("HOIGEN_KEYS", "127.0.0.1=MY_KEY")
    monkeypatch.delenv("MY_KEY", raising=False)
    assert "environment variable MY_KEY, which is not set" in said(client(server))
    monkeypatch.setenv("MY_KEY", "wrong")
    told = said(client(server))
    assert "HTTP 401: Incorrect API key provided. The key in the environment variable MY_KEY is not taken here" in told
    assert "wrong" not in told
    monkeypatch.setenv("MY_KEY", "secret\n")
    opened(client(server))
    monkeypatch.setenv("MY_KEY", "schlüssel")
    assert "MY_KEY has characters" in said(client(server))


def test_open_says_where_nobody_listens() -> None:
    port = free_port()
    told = said(client(url=f"http://127.0.0.1:{port}"))
    assert f"http://127.0.0.1:{port}/v1: cannot be reached" in told
    assert "Is the server running" in told


def test_open_takes_no_web_page_for_a_server(server: FakeChatServer) -> None:
    server.models_say = Say(body=b"<!doctype html><title>Open WebUI</title>")
    assert "a web page, not an OpenAI-compatible server" in said(client(server))


def test_open_names_the_extra_that_is_missing(server: FakeChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    assert said(client(server)) == "chat_server needs openai: pip install 'hoigen[experts]'"


def test_open_waits_for_a_server_that_is_loading(server: FakeChatServer) -> None:
    made = client(server)
    server.models_say = error(503, "Loading model")
    assert "HTTP 503: Loading model" in said(made)
    assert len(server.got) == made.tries


def test_open_warns_of_some_endpoints(server: FakeChatServer, capsys: pytest.CaptureFixture[str]) -> None:
    dead = f"http://127.0.0.1:{free_port()}/v1"
    made = client(url=(dead, server.url))
    opened(made)
    assert f"warning: {dead}: cannot be reached" in capsys.readouterr().err
    assert ask(made).endpoint == server.url


# settings


def test_settings_come_from_yaml() -> None:
    made = build(
        ChatServer,
        {
            "url": ["http://a:1", "https://b/x/v1/chat/completions"],
            "model": "m",
            "sampling": {"frames": 0},
            "seed": None,
        },
        "expert",
    )
    assert [endpoint.url for endpoint in made.endpoints] == ["http://a:1/v1", "https://b/x/v1"]
    assert made.sampling == Sampling(frames=0, short_side=448)
    assert made.seed is None
    assert build(ChatServer, {"url": "http://a", "model": "m"}, "expert").endpoints[0].url == "http://a/v1"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "localhost:8000"}, "url: http://HOST:PORT/v1"),
        ({"url": []}, "url: at least one"),
        ({"url": ["http://a", "http://a"]}, "given twice"),
        ({"model": ""}, "model: the name"),
        ({"slots": 0}, "slots: more than 0"),
        ({"media": "gif"}, "expert.media: one of frames, video"),
        ({"extra_body": {"messages": []}}, "extra_body: messages cannot be set here"),
        ({"modle": "x"}, "unknown key 'modle'; did you mean 'model'"),
        ({"endpoints": 1}, "unknown key 'endpoints'"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as fault:
        build(ChatServer, {"url": "http://a", "model": "m", **settings}, "expert")
    assert told in str(fault.value)


def test_the_identity_is_what_an_answer_depends_on() -> None:
    request = Request(text="?")
    base = call_key(client().identity, request)
    for same in (
        {"url": "http://b"},
        {"slots": 3},
        {"timeout": 9.0},
        {"price_in": 2.0},
        {"tries": 1},
    ):
        assert call_key(client(**same).identity, request) == base, same
    for other in (
        {"model": "n"},
        {"revision": "abc"},
        {"temperature": 0.1},
        {"seed": 1},
        {"max_tokens": 5},
        {"top_p": 0.5},
        {"media": "video"},
        {"sampling": Sampling(frames=4)},
        {"extra_body": {"top_k": 1}},
        {"json_mode": "prompt"},
    ):
        assert call_key(client(**other).identity, request) != base, other


@pytest.mark.parametrize("user", ["me:hidden@", "hidden@", "me:hid:den@", ":hidden@"])
def test_a_password_in_a_url_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match="url: without a name and a password") as error:
        client(url=f"http://{user}localhost:8000/v1")
    assert "hid" not in str(error.value)


def test_a_body_that_json_does_not_have_is_refused_at_once() -> None:
    import datetime

    with pytest.raises(ValueError, match="extra_body: what JSON has"):
        client(extra_body={"since": datetime.date(2026, 1, 1)})


class Judged(BaseModel):
    reason: str
    interaction: Literal["yes", "no"]


def tokens(*told: tuple[str, dict[str, float]]) -> dict[str, Any]:
    """The log-probabilities of a reply, as OpenAI, vLLM and llama.cpp give them."""
    return {
        "content": [
            {"token": token, "logprob": -0.1, "top_logprobs": [{"token": t, "logprob": p} for t, p in others.items()]}
            for token, others in told
        ]
    }


def test_how_likely_a_value_was_stands_beside_the_answer() -> None:
    said = '{"reason": "the \\"interaction\\" is odd", "interaction": "yes"}'
    head = said.removesuffix('yes"}')
    others = {"yes": math.log(0.6), "no": math.log(0.2), "maybe": math.log(0.1), "y": math.log(0.1)}
    logprobs = tokens((head, {head: 0.0}), ("yes", others), ('"}', {}))
    body = {"choices": [{"message": {"content": said}, "finish_reason": "stop", "logprobs": logprobs}]}
    request = Request(text="Is it?", schema=Judged, likely="interaction")
    with FakeChatServer() as server:
        server.then = lambda asked: Say(body=body)
        answer = ask(client(server), request)
        assert answer.likely == pytest.approx({"yes": 0.7 / 0.9, "no": 0.2 / 0.9})
        assert (server.chats[-1]["logprobs"], server.chats[-1]["top_logprobs"]) == (True, 5)
        server.then = lambda asked: error(400, "logprobs is not supported") if "logprobs" in asked else Say(text=said)
        assert ask(client(server), request).likely == {}
        assert ask(client(server), Request(text="Is it?", schema=Judged)).ok
        assert "logprobs" not in server.chats[-1]


OTHERS = [
    [5],
    "yes",
    {"token": "yes"},
    [{"token": "yes", "logprob": -(10**400)}],
    [{"token": "yes", "logprob": math.nan}],
]


@pytest.mark.parametrize(
    "odd",
    [None, {"content": None}, {"content": [3]}, {"content": [{"token": None}]}, tokens(("x", {}))]
    + [{"content": [{"token": '"interaction": "'}, {"token": "yes", "top_logprobs": each}]} for each in OTHERS],
)
def test_odd_likelihoods_are_none(odd: Any) -> None:
    request = Request(text="Is it?", schema=Judged, likely="interaction")
    assert wire.likelihoods({"choices": [{"logprobs": odd}]}, request) == {}


def test_likelihoods_of_a_long_answer_take_no_time() -> None:
    request = Request(text="Is it?", schema=Judged, likely="interaction")
    told = tokens(
        *[("word ", {"x": 0.0})] * 16_000, ('"interaction"', {}), (" :\n", {}), ('"', {}), ("yes", {"yes": -1.0})
    )
    began = time.process_time()
    assert wire.likelihoods({"choices": [{"logprobs": told}]}, request) == {"yes": 1.0, "no": 0.0}
    assert time.process_time() - began < 1, "4.5 s where each token looks through all before it"


# what servers say of too much


@pytest.mark.parametrize(
    ("said", "most"),
    [
        ("We limit requests to a single image", 1),
        ("Only one image is supported", 1),
        ("Too many images… supports only a single image", 1),
        ("You uploaded 8 images. But one message can have 4 images at most.", 4),
        ("Too many images and documents: 8 + 0 > 5", 5),
        ("too many images. Max is 1.", 1),
        ("number of images (8) exceeds the maximum (4)", 4),
        ("Too many images: got 8, the limit is four", 4),
        ("This model does not support more than two images", 2),
        ("The maximum number of images is 5.", 5),
        ("images exceed the limit of 4", 4),
        ("At most 6 image(s) may be provided in one request.", 6),
        ("multiple images are not supported by this model", 1),
        ("this model does not support multiple images", 1),
        ("At most 0 image(s) may be provided", 0),
        ("the image exceeds 5 MB maximum: 5316852 bytes > 5242880 bytes", None),
        ("images exceed the limit of 20 MB", None),
        ("expected 2 placeholders but only 1 image was found", None),
        ("image dimensions exceed max allowed size for many-image requests: 2000 pixels", None),
        ("This model does not support images", None),
    ],
)
def test_how_many_pictures_a_server_takes_by_its_words(said: str, most: int | None) -> None:
    assert wire.most_pictures(said) == most
    found = wire.read(Reply(500, {"error": {"message": said}}))
    assert isinstance(found, wire.Fault)
    assert (found.action, found.most) == ("fewer", most) or not most


@pytest.mark.parametrize(
    ("status", "said", "more", "action", "share"),
    [
        (
            400,
            "the request exceeds the available context size...",
            {"n_prompt_tokens": 9000, "n_ctx": 4096},
            "fewer",
            0.41,
        ),
        (400, "the request exceeds the available context size", {}, "fewer", 0.5),
        (400, "Error code: 400 - too many tokens, 9000 of 4096", {}, "fewer", 0.41),
        (400, "maximum context length is 4096, you requested 9000 tokens (8000 + 1000)", {}, "fewer", 0.41),
        (400, "Input is too long for requested model.", {}, "fewer", 0.5),
        (400, "Too many images", {}, "fewer", 0.5),
        (400, "messages: unexpected system role", {}, "join", 1.0),
        (500, "image input is not supported", {}, "shut", 1.0),
        (429, "Rate limit: at most 10 images per minute", {}, "slower", 1.0),
    ],
)
def test_what_is_done_about_what_does_not_fit(
    status: int, said: str, more: dict[str, Any], action: str, share: float
) -> None:
    found = wire.read(Reply(status, {"error": {"code": status, "message": said, **more}}))
    assert isinstance(found, wire.Fault)
    assert (found.action, found.share) == (action, pytest.approx(share, abs=0.01))
