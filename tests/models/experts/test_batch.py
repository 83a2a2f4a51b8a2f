"""Questions out to a batch, answers back in: through files of the forms that OpenAI and vLLM write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_chat_server import FakeChatServer, Say
from pydantic import BaseModel

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.errors import UsageError
from hoigen.models.experts.batch import BatchFiles, CollectingDesk, read_answers, take
from hoigen.models.experts.call import Answer, Request, call_key
from hoigen.models.experts.calls import Asked, Calls
from hoigen.models.experts.chat_server import ChatServer
from hoigen.models.experts.desk import Conversation, Desk, NotKept
from hoigen.models.experts.open_model import OpenModel
from hoigen.models.experts.prompts import Prompt

Line = dict[str, Any]


class Verdict(BaseModel):
    same: bool


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    made = Calls(tmp_path / "calls")
    yield made
    made.close()


def client(model: str = "fake", **settings: Any) -> ChatServer:
    return ChatServer(url="http://127.0.0.1:9", model=model, **settings)


def lines_of(*paths: Path) -> list[Line]:
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def clip(name: str) -> Clip:
    return Clip(id=name, uri=f"{name}.mp4", end=2.0, width=64, height=48, fps=25.0)


def frames() -> Frames:
    return Frames(np.zeros((2, 16, 16, 3), np.uint8), np.array([0.5, 1.5]))


def asked(name: str = "c") -> Asked:
    return Asked(clip=name, role="first", expert="fake", template="t@1", text="?")


def collect(desk: CollectingDesk, expert: ChatServer, text: str, **more: Any) -> str:
    with pytest.raises(NotKept) as missing:
        asyncio.run(desk.ask(expert, Request(text=text, **more), asked()))
    return str(missing.value)


def openai_line(key: str, text: str | None, finish: str = "stop") -> Line:
    body = Say(text=text, finish=finish).completion("fake")
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": key, "response": response, "error": None}


def written(path: Path, *lines: Line | str) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


# out


def test_a_request_of_a_batch_is_what_the_server_would_get(tmp_path: Path, calls: Calls) -> None:
    files, expert = BatchFiles(tmp_path / "out.jsonl"), client()
    desk = CollectingDesk(calls, files)
    request = Request(text="Describe ‘it’.", media="m", frames=frames(), schema=Verdict)
    for _ in range(2):
        with pytest.raises(NotKept):
            asyncio.run(desk.ask(expert, request, asked()))
    assert len(desk.keys) == 1, "the same question is written once"
    assert list(tmp_path.glob("out*.jsonl")) == [], "files get their names when they are whole"
    [path] = files.close()
    assert path == tmp_path / "out.fake.jsonl"
    [line] = lines_of(path)
    assert line == {
        "custom_id": call_key(expert.identity, request),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": json.loads(json.dumps(expert.body(request))),
    }
    assert line["body"]["response_format"]["type"] == "json_schema"


def test_a_batch_is_split_by_model_by_size_and_by_lines(tmp_path: Path, calls: Calls) -> None:
    files = BatchFiles(tmp_path / "out", most_lines=3, most_bytes=2000)
    desk = CollectingDesk(calls, files)
    for at in range(7):
        with pytest.raises(NotKept):
            asyncio.run(desk.ask(client(), Request(text=f"{at}"), asked()))
    with pytest.raises(NotKept):
        other = Asked(clip="c", role="first", expert="Qwen/Qwen2-VL", template="", text="?")
        asyncio.run(desk.ask(client("Qwen/Qwen2-VL"), Request(text="?"), other))
    for at in range(2):
        collect(desk, client(), str(at) * 1200)
    with pytest.raises(UsageError, match=r"a request to fake takes .* bytes"):
        asyncio.run(desk.ask(client(), Request(text="x" * 5000), asked()))
    paths = files.close()
    found = {path.name: [line["body"]["messages"][0]["content"][:1] for line in lines_of(path)] for path in paths}
    assert found == {
        "out.Qwen-Qwen2-VL.jsonl": ["?"],
        "out.fake.jsonl": ["0", "1", "2"],
        "out.fake.2.jsonl": ["3", "4", "5"],
        "out.fake.3.jsonl": ["6", "0"],
        "out.fake.4.jsonl": ["1"],
    }
    assert all(path.stat().st_size <= 2000 for path in paths)


def test_files_that_are_there_are_not_written_over(tmp_path: Path, calls: Calls) -> None:
    files = BatchFiles(tmp_path / "out.jsonl")
    collect(CollectingDesk(calls, files), client(), "?")
    files.discard()
    assert [path.name for path in tmp_path.glob("out*")] == []
    written(tmp_path / "out.fake.jsonl", {})
    with pytest.raises(UsageError, match=r"out\.fake\.jsonl is there already"):
        BatchFiles(tmp_path / "out.jsonl")


def test_two_processes_do_not_write_over_each_other(tmp_path: Path, calls: Calls) -> None:
    files = BatchFiles(tmp_path / "out.jsonl")
    collect(CollectingDesk(calls, files), client(), "?")
    other = written(tmp_path / "out.fake.jsonl", {"of": "the other"})
    with pytest.raises(UsageError, match="came there meanwhile"):
        files.close()
    assert lines_of(other) == [{"of": "the other"}]
    assert [path.name for path in tmp_path.glob("out*")] == ["out.fake.jsonl"]


def test_an_expert_of_this_process_cannot_be_asked_by_batch(tmp_path: Path, calls: Calls) -> None:
    class Local:
        identity = {"model": "tiny"}  # noqa: RUF012

    desk = CollectingDesk(calls, BatchFiles(tmp_path / "out.jsonl"))
    with pytest.raises(UsageError, match=r"first \(fake\): only chat_server experts"):
        asyncio.run(desk.ask(Local(), Request(text="?"), asked()))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="first: tiny is not served: give its url"):
        asyncio.run(desk.ask(OpenModel(model="tiny", sees=False), Request(text="?"), asked()))
    collect(desk, client(), "?", media="m")
    assert len(desk.keys) == 0, "a clip without frames waits"


# in


@pytest.mark.parametrize(
    ("line", "outcome", "reason"),
    [
        (openai_line("a" * 64, "A cup."), "answered", ""),
        (openai_line("a" * 64, "A", "length"), "truncated", "limit of tokens"),
        (openai_line("a" * 64, "", "content_filter"), "refused", "a filter"),
        (openai_line("a" * 64, ""), "malformed", "an empty answer"),
        (
            {"custom_id": "a" * 64, "response": None, "error": {"code": "batch_expired", "message": "too late"}},
            "failed",
            "too late",
        ),
        (
            {
                "custom_id": "a" * 64,
                "response": {"status_code": 400, "body": {"error": {"message": "bad picture", "code": None}}},
                "error": None,
            },
            "failed",
            "HTTP 400: bad picture",
        ),
        (
            {
                "custom_id": "a" * 64,
                "response": {"status_code": 400, "request_id": "vllm-batch-1", "body": None},
                "error": {"error": {"message": "At most 6 images", "type": "BadRequestError", "code": 400}},
            },
            "failed",
            "HTTP 400: At most 6 images",
        ),
        (
            {
                "custom_id": "a" * 64,
                "response": {"status_code": 400, "request_id": "vllm-batch-1", "body": None},
                "error": {"object": "error", "message": "At most 6 images", "type": "BadRequestError", "code": 400},
            },
            "failed",
            "HTTP 400: At most 6 images",
        ),
        (
            {"custom_id": "a" * 64, "response": None, "error": {"code": "content_filter", "message": "no"}},
            "refused",
            "no",
        ),
    ],
)
def test_each_line_is_an_outcome(tmp_path: Path, line: Line, outcome: str, reason: str) -> None:
    [(key, answer)] = read_answers([written(tmp_path / "in.jsonl", "", line)])
    assert (key, answer.outcome) == ("a" * 64, outcome)
    assert reason in answer.reason
    assert answer.endpoint == "batch in.jsonl"
    if outcome == "answered":
        assert (answer.text, answer.tokens_in, answer.tokens_out) == ("A cup.", 11, 7)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken", "in.jsonl, line 2: not JSON"),
        ("[1]", "in.jsonl, line 2: a batch's answer has a custom_id"),
        ({"custom_id": "request-1", "response": {}}, "'request-1' is none that hoigen wrote"),
        ({"custom_id": "b" * 64, "method": "POST", "body": {}}, "line 2: a request, not an answer"),
        ({"custom_id": "b" * 64}, "neither response nor error"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_kept(tmp_path: Path, calls: Calls, line: Line | str, said: str) -> None:
    calls.await_batch("a" * 64, asked())
    path = written(tmp_path / "in.jsonl", openai_line("a" * 64, "A cup."), line)
    with pytest.raises(UsageError) as fault:
        take(calls, [path])
    assert said in str(fault.value)
    assert calls.get("a" * 64) is None
    with pytest.raises(UsageError, match="cannot read"):
        take(calls, [tmp_path / "no.jsonl"])


def test_answers_are_filed_under_their_question_once(tmp_path: Path, calls: Calls) -> None:
    for key in "ab":
        calls.await_batch(key * 64, asked(key))
    failed = {"custom_id": "b" * 64, "response": None, "error": {"code": "batch_expired", "message": "too late"}}
    path = written(tmp_path / "in.jsonl", openai_line("a" * 64, "A cup."), failed, openai_line("c" * 64, "Whose?"))
    assert take(calls, [path]) == "batch: 1 answered, 1 failed, 1 that answer no question of this run"
    [_, row] = calls.log.of("a" * 64)
    assert (row["clip"], row["role"], row["expert"], row["asked"]) == ("a", "first", "fake", "?")
    first = calls.get("a" * 64)
    assert first is not None
    assert first.text == "A cup."
    again = written(tmp_path / "again.jsonl", openai_line("b" * 64, "A mug."))
    assert (
        take(calls, [path, again])
        == "batch: 1 answered, 1 failed, 1 known already, 1 that answer no question of this run"
    )
    kept = calls.get("b" * 64)
    assert kept is not None
    assert kept.text == "A mug."
    with pytest.raises(UsageError, match="none of its 1 line"):
        take(calls, [written(tmp_path / "strange.jsonl", openai_line("d" * 64, "?"))])


# whole rounds


NAMES = ("one", "two", "three")


class TwoSteps:
    """Two drafts, then a verdict on them."""

    def __init__(self, expert: ChatServer) -> None:
        self.expert = expert

    async def __call__(self, talk: Conversation) -> list[Answer]:
        first = await talk.ask("first", self.expert, Prompt(f"Describe {talk.clip.id}.", "d@1"), sees=True)
        verdict = await talk.ask("judge", self.expert, Prompt(f"Same as {first.text}?", "j@1"), schema=Verdict)
        return [first, verdict]


def test_rounds_of_batches_come_to_what_asking_would(tmp_path: Path, calls: Calls) -> None:
    """Answers come from a server that is asked with the lines of the batch; judges answer in prose first."""

    def then(body: Line) -> Say:
        text = json.dumps(body["messages"])
        if "Describe" in text:
            return Say(text=next(f"draft of {name}" for name in NAMES if name in text))
        return Say(text="Yes." if "could not be used" not in text else '{"same": true}')

    expert = client(sampling=Sampling(frames=2, short_side=16))
    captioner = TwoSteps(expert)
    rounds = []
    for number in range(1, 6):
        files = BatchFiles(tmp_path / f"round{number}.jsonl")
        desk = CollectingDesk(calls, files)
        done = [_talk(captioner, desk, name) for name in NAMES]
        paths = files.close()
        if not paths:
            break
        rounds.append(len(desk.keys))
        take(calls, [_run_batch(then, path, tmp_path / f"answers{number}.jsonl") for path in paths])
    assert rounds == [3, 3, 3], "drafts, verdicts, repairs"
    assert all(found is not None and found[1].data == {"same": True} for found in done)
    with FakeChatServer() as server:
        server.then = then
        live = ChatServer(url=server.url, model="fake", sampling=expert.sampling)
        other = Calls(tmp_path / "other")
        for name, found in zip(NAMES, done, strict=True):
            assert found is not None
            asked_live = _talk(TwoSteps(live), Desk(other), name)
            assert asked_live is not None
            assert [answer.text for answer in asked_live] == [answer.text for answer in found]
        other.close()


def _talk(captioner: TwoSteps, desk: Desk, name: str) -> list[Answer] | None:
    talk = Conversation(clip(name), desk, content=name, frames={captioner.expert.sampling: frames()})
    try:
        return asyncio.run(captioner(talk))
    except NotKept:
        return None


def _run_batch(then: Any, requests: Path, answers: Path) -> Path:
    """What `vllm run-batch` does, with a real server between."""
    import urllib.request

    found = []
    with FakeChatServer() as server:
        server.then = then
        for line in lines_of(requests):
            url = server.url.removesuffix("/v1") + line["url"]
            sent = urllib.request.Request(url, json.dumps(line["body"]).encode(), {"content-type": "application/json"})
            with urllib.request.urlopen(sent) as reply:
                response = {"status_code": reply.status, "request_id": "vllm-batch-1", "body": json.load(reply)}
            found.append({"id": "vllm-1", "custom_id": line["custom_id"], "response": response, "error": None})
    return written(answers, *found)
