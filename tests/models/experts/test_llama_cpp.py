"""A real server of llama.cpp with a real small model: its list of models, its JSON, its limits and its errors."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

xllamacpp = pytest.importorskip("xllamacpp", reason="xllamacpp, a server of llama.cpp, is not installed")

from pydantic import BaseModel  # noqa: E402

from hoigen.core.clip import Clip, Frames, Sampling  # noqa: E402
from hoigen.core.errors import SetupError  # noqa: E402
from hoigen.models import hub  # noqa: E402
from hoigen.models.experts.call import Answer, Request  # noqa: E402
from hoigen.models.experts.calls import Calls  # noqa: E402
from hoigen.models.experts.chat_server import ChatServer  # noqa: E402
from hoigen.models.experts.desk import Conversation, Desk  # noqa: E402
from hoigen.models.experts.prompts import Prompt  # noqa: E402

CONTEXT = 512
READS = Sampling(frames=0)


class Colour(BaseModel):
    seen: Literal["cup", "pan"]
    colour: Literal["red", "blue"]


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    """Where SmolLM2-135M is served, and under which name."""
    found = hub.resolve("smollm2")
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(found.folder) / found.gguf_file)
    params.n_ctx, params.n_parallel = 2 * CONTEXT, 2
    params.hostnames, params.port = ["127.0.0.1"], 0
    server = xllamacpp.Server(params)
    yield {"url": f"{server.listening_address}/v1", "model": params.model.path, "sampling": READS}
    del server


def asked(expert: ChatServer, request: Request) -> Answer:
    async def run() -> Answer:
        await expert.open()
        try:
            return await expert.answer(request)
        finally:
            await expert.close()

    return asyncio.run(run())


def test_words_come_whole_and_what_is_too_long_is_truncated(served: dict[str, Any]) -> None:
    expert = ChatServer(**served, max_tokens=20)
    answer = asked(expert, Request(text="What is the capital of France? Answer in one word."))
    assert answer.ok, answer.reason
    assert "Paris" in answer.text
    assert 0 < answer.tokens_out < 20 < answer.tokens_in
    cut = asked(dataclasses.replace(expert, max_tokens=2), Request(text="Count to ten in words."))
    assert (cut.outcome, cut.tokens_out) == ("truncated", 2)


def test_json_is_held_to_its_schema_by_the_server(served: dict[str, Any]) -> None:
    expert = ChatServer(**served, max_tokens=60)
    clip = Clip(id="c", uri="c", end=1, width=16, height=16, fps=1)
    talk = Conversation(clip, Desk(Calls()))

    async def run() -> Answer:
        await expert.open()
        try:
            return await talk.ask("judge", expert, Prompt("A man lifts a red cup. What is seen?", "t@1"), schema=Colour)
        finally:
            await expert.close()

    answer = asyncio.run(run())
    assert answer.ok, answer.reason
    assert list(Colour.model_validate(answer.data).model_dump()) == ["seen", "colour"]
    assert [call["role"] for call in talk.trace] == ["judge"], "no repair round was needed"


def test_a_question_that_is_too_long_fails_with_the_servers_words(served: dict[str, Any]) -> None:
    answer = asked(ChatServer(**served, max_tokens=20, tries=2), Request(text="word " * 2000))
    assert (answer.outcome, answer.tries, answer.unreachable) == ("failed", 1, False)
    assert f"exceeds the available context size ({CONTEXT} tokens)" in answer.reason


def test_pictures_for_a_model_that_reads_are_the_endpoints_fault(served: dict[str, Any]) -> None:
    sampling = Sampling(frames=2, short_side=32)
    expert = ChatServer(**served | {"sampling": sampling}, max_tokens=20, tries=2)
    frames = Frames(np.zeros((2, 32, 32, 3), np.uint8), np.arange(2) / 2)
    answer = asked(expert, Request(text="What is seen?", media="m", frames=frames))
    assert (answer.outcome, answer.unreachable) == ("failed", True)
    assert "image input is not supported" in answer.reason


def test_an_answer_that_leaves_no_room_for_the_question_is_told_before(served: dict[str, Any]) -> None:
    with pytest.raises(
        SetupError, match=f"takes {CONTEXT} tokens, question and answer together, and max_tokens is 600"
    ):
        asked(ChatServer(**served, max_tokens=600), Request(text="Why?"))


def test_a_model_that_is_not_served_is_told_with_what_is(served: dict[str, Any]) -> None:
    # llama.cpp answers whatever name it is asked by; hoigen looks at its list before
    with pytest.raises(SetupError, match="'other' is not served here"):
        asked(ChatServer(**served | {"model": "other"}), Request(text="Why?"))
