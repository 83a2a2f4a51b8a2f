"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, hosted ones."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any
from urllib.parse import urlsplit

from hoigen.clip import Sampling, Seconds
from hoigen.errors import SetupError
from hoigen.experts import _chat_asking, _chat_body, _chat_open, _chat_replies, pictures
from hoigen.experts._chat_body import JsonMode, Media, Part
from hoigen.experts._chat_http import Session, check_sdk, key_of
from hoigen.experts._endpoints import Endpoint
from hoigen.experts.call import Answer, Request
from hoigen.models.uses import ModelUse
from hoigen.registry import expert
from hoigen.settings import Setting

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
    endpoints: tuple[Endpoint, ...] = field(init=False, repr=False, compare=False)
    sessions: dict[Any, Session] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        urls = (self.url,) if isinstance(self.url, str) else tuple(self.url)
        if not urls:
            raise ValueError("url: at least one")
        if len(set(urls)) < len(urls):
            raise ValueError("url: the same endpoint is given twice")
        if not self.model:
            raise ValueError("model: the name under which it is served; it came as ''")
        taken = sorted(_chat_body.OWN_KEYS & set(self.extra_body))
        if taken:
            raise ValueError(f"extra_body: {', '.join(taken)} cannot be set here")
        try:
            json.dumps(dict(self.extra_body), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"extra_body: what JSON has (a date in quotes is a text): {error}") from None
        made = tuple(Endpoint(whole_url(url), self.slots, self.tries, self.backoff) for url in urls)
        object.__setattr__(self, "endpoints", made)

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

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON of /v1/chat/completions. Raises NoFrames."""
        return self.body_in(self.json_mode, request, self.seen(request))

    def seen(self, request: Request) -> list[Part]:
        """What is shown; encoding it takes some milliseconds a frame."""
        if not request.media:
            return []
        if request.frames is None or not len(request.frames):
            raise pictures.NoFrames("the clip has no frames to show")
        return _chat_body.shown(request.frames, self.media)

    def body_in(self, mode: JsonMode, request: Request, seen: list[Part]) -> dict[str, Any]:
        return _chat_body.whole(request, seen, mode, self.model, self._decoding)

    def answer_of(self, completion: Mapping[str, Any]) -> Answer:
        """The answer that the JSON of a chat completion holds."""
        return _chat_replies.answer_of(completion)

    async def answer(self, request: Request) -> Answer:
        """See `Expert.answer`. A fault of the endpoints themselves has `unreachable` set."""
        try:
            seen = await asyncio.to_thread(self.seen, request) if request.media else []
        except pictures.NoFrames as error:
            return Answer(outcome="failed", reason=str(error), tries=0)
        return await _chat_asking.Asking(self, await self.session(), request, seen).answer()

    async def open(self) -> None:
        """Looks whether the model is served. Raises SetupError when no endpoint serves it, and warns of some."""
        for endpoint in self.endpoints:
            endpoint.afresh()
        session = await self.session()
        looks = [_chat_open.look(session, endpoint, self) for endpoint in self.endpoints]
        faults = await asyncio.gather(*looks)
        told = [fault for fault in faults if fault]
        if len(told) == len(faults):
            await self.close()
            raise SetupError("\n".join(told))
        for fault in told:
            print(f"warning: {fault}", file=sys.stderr)

    async def close(self) -> None:
        session = self.sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.end()

    async def session(self) -> Session:
        """What belongs to the running event loop; that of loops that have ended is let go."""
        loop = asyncio.get_running_loop()
        if loop not in self.sessions:
            for old in [old for old in self.sessions if old.is_closed()]:
                del self.sessions[old]
            check_sdk()
            self.sessions[loop] = Session(self.endpoints, key_of(self.key_env))
            await self.sessions[loop].begin()
        return self.sessions[loop]


def whole_url(url: str) -> str:
    """The base URL of an endpoint: /v1 where no path is given. Raises ValueError when it is no http URL."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url: http://HOST:PORT/v1 or https://...; it came as {url!r}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return parts._replace(path=path or "/v1").geturl()
