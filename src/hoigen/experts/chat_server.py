"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, hosted ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from hoigen.core.clip import Sampling, Seconds
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.experts.call import Answer, Request
from hoigen.experts.chat import pictures, wire
from hoigen.experts.chat.client import Endpoint, whole_url
from hoigen.experts.chat.server import Sending, Servers
from hoigen.experts.chat.wire import JsonMode, Media, Part
from hoigen.models import room
from hoigen.models.uses import ModelUse

FORM = 1
"""Raised when the same request is put differently (messages, pictures), so that old answers no longer count."""


@expert("chat_server")
class ChatServer:
    """A model behind an OpenAI-compatible endpoint. Needs extra [experts]."""

    url: Annotated[
        str | tuple[str, ...],
        Setting(
            "where it is served, ending in /v1 as a rule (added when there is no path); a list names several servers "
            "of the same model, and each request goes to the least busy one that can be reached"
        ),
    ]
    model: Annotated[str, Setting("the name under which it is served")]
    revision: Annotated[str, Setting("of its weights, when known; answers are kept per revision")] = ""
    key_env: Annotated[str, Setting('the environment variable that holds the API key; "" sends none')] = (
        "OPENAI_API_KEY"
    )
    sampling: Annotated[Sampling, Setting("the frames it is shown; frames 0 for a model that only reads")] = Sampling(
        frames=8, short_side=448
    )
    media: Annotated[
        Media,
        Setting(
            "`frames` shows JPEG pictures, each after its time, which every server takes; `video` one mp4 of them "
            "(vLLM, SGLang)"
        ),
    ] = "frames"
    temperature: Annotated[float | None, Setting("0 for the likeliest answer; null leaves it to the server")] = 0.0
    seed: Annotated[int | None, Setting("of sampling; null leaves it to the server")] = 0
    max_tokens: Annotated[int | None, Setting("of one answer, thoughts included; null leaves it to the server")] = 1024
    top_p: Annotated[float | None, Setting("of nucleus sampling; null leaves it to the server")] = None
    json_mode: Annotated[
        JsonMode,
        Setting(
            "`schema` has the server hold the answer to the schema, `object` asks it for any JSON and the prompt "
            "for the schema, `prompt` asks by the prompt alone. An endpoint that refuses a mode is asked in the "
            "next"
        ),
    ] = "schema"
    extra_body: Annotated[
        Mapping[str, Any],
        Setting("more keys of the request body, as the server wants them, such as {max_completion_tokens: 2000}"),
    ] = field(default_factory=dict, hash=False)
    slots: Annotated[int, Setting("requests under way at once, per endpoint", above=0)] = 8
    timeout: Annotated[Seconds, Setting("seconds until an answer that has not come is given up", above=0)] = 180.0
    tries: Annotated[int, Setting("how often a request is sent when servers fail", above=0)] = 5
    backoff: Annotated[
        Seconds,
        Setting(
            "seconds to wait before the second try; doubled each time, up to 60. A server's own Retry-After goes "
            "before, up to 120"
        ),
    ] = 1.0
    price_in: Annotated[
        float, Setting("what a million tokens of questions cost, in any currency, for `--dry-run` and the report")
    ] = 0.0
    price_out: Annotated[float, Setting("what a million tokens of answers cost")] = 0.0

    def __post_init__(self) -> None:
        if not self._urls:
            raise ValueError("url: at least one")
        if len(set(self._urls)) < len(self._urls):
            raise ValueError("url: the same endpoint is given twice")
        if not self.model:
            raise ValueError("model: the name under which it is served; it came as ''")
        taken = sorted(wire.OWN_KEYS & set(self.extra_body))
        if taken:
            raise ValueError(f"extra_body: {', '.join(taken)} cannot be set here")
        try:
            json.dumps(dict(self.extra_body), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"extra_body: what JSON has (a date in quotes is a text): {error}") from None
        for url in self._urls:
            whole_url(url)

    @property
    def _urls(self) -> tuple[str, ...]:
        return (self.url,) if isinstance(self.url, str) else tuple(self.url)

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "kind": "chat_server",
            "form": FORM,
            "model": self.model,
            "revision": self.revision,
            "sampling": repr(self.sampling),
            "media": self.media,
            "json": self.json_mode,
            **self._decoding,
        }

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """The model that the server has: nothing of it is fetched, but its licence counts."""
        return (ModelUse(self.model, "served", revision=self.revision),)

    @property
    def _decoding(self) -> dict[str, Any]:
        own = {
            "temperature": self.temperature,
            "seed": self.seed,
            "max_tokens": self.max_tokens,
            "top_p": self.top_p,
        }
        return own | dict(self.extra_body)

    @property
    def servers(self) -> Servers:
        """What runs for these settings, made on first use: endpoints and connections."""
        how = Sending(
            model=self.model,
            decoding=self._decoding,
            json_mode=self.json_mode,
            key_env=self.key_env,
            slots=self.slots,
            timeout=self.timeout,
            tries=self.tries,
            backoff=self.backoff,
        )
        return room.running(self, lambda: Servers(self._urls, how))  # which holds no `self`: it would never be let go

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Each server and what was learned of it."""
        return self.servers.endpoints

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON of /v1/chat/completions. Raises NoFrames."""
        return wire.body_of(request, self.seen(request), self.json_mode, self.model, self._decoding)

    def seen(self, request: Request) -> list[Part]:
        """What is shown; encoding it takes some milliseconds a frame. Raises NoFrames."""
        if not request.media:
            return []
        if request.frames is None or not len(request.frames):
            raise pictures.NoFrames("the clip has no frames to show")
        return wire.shown(request.frames, self.media)

    async def answer(self, request: Request) -> Answer:
        """See `Expert.answer`. A fault of the endpoints themselves has `unreachable` set."""
        try:
            seen = await asyncio.to_thread(self.seen, request) if request.media else []
        except pictures.NoFrames as error:
            return Answer(outcome="failed", reason=str(error), tries=0)
        return await self.servers.answer(request, seen)

    async def open(self) -> None:
        """Looks whether the model is served. Raises SetupError when no endpoint serves it, and warns of some."""
        await self.servers.open()

    async def close(self) -> None:
        """Closes the connections of the running event loop."""
        await self.servers.close()
