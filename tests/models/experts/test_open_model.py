"""The same model here or served: what it becomes, and what it does with a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_chat_server import FakeChatServer

from hoigen.core.errors import UsageError
from hoigen.models.experts.call import Request
from hoigen.models.experts.chat_server import ChatServer
from hoigen.models.experts.local_llm import LocalLlm
from hoigen.models.experts.local_vlm import LocalVlm
from hoigen.recipe.build import make


def made(**settings: Any) -> Any:
    return make("expert", {"open_model": settings}, "caption.captioner.single.expert")


def test_where_it_runs_goes_by_url_and_eyes() -> None:
    assert isinstance(made(model="a/b").expert, LocalVlm)
    assert isinstance(made(model="a/b", sees=False).expert, LocalLlm)
    assert isinstance(made(model="a/b", url="http://x/v1").expert, ChatServer)
    assert not made(model="a/b", sees=False).sampling.needs_frames
    assert made(model="a/b", media="frames").expert.media == "frames"


def test_what_a_server_can_be_told_besides_goes_to_the_server() -> None:
    served = {"top_p": 0.9, "extra_body": {"mm_processor_kwargs": {"fps": 2}}, "json_mode": "prompt", "tries": 2}
    expert = made(model="a/b", url="http://x/v1", media="video", served=served).expert
    assert (expert.media, expert.top_p, expert.json_mode, expert.tries) == ("video", 0.9, "prompt", 2)
    assert expert.decoding["mm_processor_kwargs"] == {"fps": 2}
    assert made(model="a/b", url="http://x/v1").expert.media == "frames"
    for settings, told in (
        ({"url": "http://x/v1", "served": {"slots": 3}}, "served: slots is a setting of open_model itself"),
        ({"url": "http://x/v1", "served": {"trys": 3}}, "unknown key 'trys'; did you mean 'tries'"),
        ({"served": {"tries": 3}}, "served: for a model that is served"),
    ):
        with pytest.raises(UsageError) as error:
            made(model="a/b", **settings)
        assert told in str(error.value)


def test_an_address_is_no_part_of_its_identity() -> None:
    one, other = made(model="a/b", url="http://x/v1"), made(model="a/b", url=["http://y/v1", "http://z/v1"])
    assert dict(one.identity) == dict(other.identity)
    assert dict(one.identity) != dict(made(model="a/c", url="http://x/v1").identity)


def test_it_answers_from_a_server() -> None:
    async def ask() -> Any:
        expert = made(model="fake", url=server.url, sees=False)
        await expert.open()
        try:
            return await expert.answer(Request(text="what?"))
        finally:
            await expert.close()

    with FakeChatServer() as server:
        answer = asyncio.run(ask())
    assert answer.ok
    assert answer.text


def test_a_model_that_is_not_served_cannot_be_asked_by_batch() -> None:
    with pytest.raises(ValueError, match="give its url"):
        made(model="a/b").body(Request(text="what?"))
    with pytest.raises(UsageError, match=r"open_model: unknown key 'modle'; did you mean 'model'"):
        made(modle="a/b")
