"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, hosted ones.

Tries are counted here and nowhere else: the SDK's own retries would multiply with these, keep a slot while they wait,
and stay with an endpoint that is down.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any

from hoigen.core import keys
from hoigen.core.clip import Sampling, Seconds
from hoigen.core.errors import SetupError, nearest
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.models import room
from hoigen.models.experts.call import Answer, Request
from hoigen.models.experts.chat import wire
from hoigen.models.experts.chat.client import LONGEST_REST, AllDown, Endpoint, Reply, Session, whole_url
from hoigen.models.experts.chat.wire import JSON_MODES, Fault, JsonMode, Media, Part
from hoigen.models.uses import ModelUse

NO_FRAMES = "the clip has no frames to show"
FORM = 1
"""Raised when the same request is put differently (messages, pictures), so that old answers no longer count."""

ALL_SCHEMAS = "*"
LOOK: Seconds = 30.0
"""A server has as long to say which models it serves."""
MOST_NAMES = 30
"""Hosted services list hundreds; a message shows those nearest to what was asked for."""


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
        if not self.urls:
            raise ValueError("url: at least one")
        if len(set(self.urls)) < len(self.urls):
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
        for url in self.urls:
            whole_url(url)

    @staticmethod
    def check_moved(settings: Mapping[str, Any], where: str) -> None:
        """Raises UsageError for a recipe that says which key is sent, with what to say instead."""
        if "key_env" in settings:
            url = settings.get("url") or ()
            urls = (url,) if isinstance(url, str) else tuple(each for each in url if isinstance(each, str))
            keys.refuse_in_recipe(settings["key_env"], urls, where)

    @property
    def urls(self) -> tuple[str, ...]:
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
            **self.decoding,
        }

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """The model that the server has: nothing of it is fetched, but its licence counts."""
        return (ModelUse(self.model, "served", revision=self.revision),)

    @property
    def decoding(self) -> dict[str, Any]:
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
        how = replace(self)  # what runs for `self` and held it would never be let go
        return room.running(self, lambda: Servers(how))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Each server and what was learned of it."""
        return self.servers.endpoints

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON of /v1/chat/completions. Raises ValueError where the clip has no frames."""
        return wire.body_of(request, self.seen(request), self.json_mode, self.model, self.decoding)

    def seen(self, request: Request) -> list[Part]:
        """What is shown; encoding it takes some milliseconds a frame. Raises ValueError where a clip has no frames."""
        if request.lacks_frames:
            raise ValueError(NO_FRAMES)
        return wire.shown(request.frames, self.media) if request.media and request.frames is not None else []

    async def answer(self, request: Request) -> Answer:
        """See `Expert.answer`. A fault of the endpoints themselves has `unreachable` set."""
        if request.lacks_frames:
            return Answer(outcome="failed", reason=NO_FRAMES, tries=0)
        seen = await asyncio.to_thread(self.seen, request) if request.media else []
        servers = self.servers
        return await _Asking(servers.how, await servers.session(), request, seen).answer()

    async def open(self) -> None:
        """Looks whether the model is served. Raises SetupError when no endpoint serves it, and warns of some."""
        await self.servers.open()

    async def close(self) -> None:
        """Closes the connections of the running event loop."""
        await self.servers.close()


class Servers:
    """The endpoints of one expert, what was learned of them, and its connections.

    Args:
        how: the settings by which requests are sent.
    """

    def __init__(self, how: ChatServer) -> None:
        self.how = how
        self.endpoints = tuple(Endpoint(whole_url(url), how.slots, how.tries, how.backoff) for url in how.urls)
        self.sessions: dict[asyncio.AbstractEventLoop, Session] = {}

    async def session(self) -> Session:
        """What belongs to the running event loop; that of loops that have ended is let go."""
        loop = asyncio.get_running_loop()
        if loop not in self.sessions:
            for old in [old for old in self.sessions if old.is_closed()]:
                del self.sessions[old]
            try:
                import openai  # noqa: F401
                import pydantic  # noqa: F401
            except ImportError as error:
                raise SetupError(f"chat_server needs {error.name}: pip install 'hoigen[experts]'") from None
            self.sessions[loop] = Session(self.endpoints)
            await self.sessions[loop].begin()
        return self.sessions[loop]

    async def open(self) -> None:
        """Looks whether the model is served. Raises SetupError when no endpoint serves it, and warns of some."""
        for endpoint in self.endpoints:
            endpoint.afresh()
        session = await self.session()
        found = await asyncio.gather(*(_fault(session, endpoint, self.how) for endpoint in self.endpoints))
        faults: list[str] = []
        for endpoint, fault in zip(self.endpoints, found, strict=True):
            if fault:
                faults.append(f"{endpoint.shown}: {fault}")
                endpoint.shut(faults[-1])
        if len(faults) == len(found):
            await self.close()
            raise SetupError("\n".join(faults))
        for fault in faults:
            print(f"warning: {fault}", file=sys.stderr)

    async def close(self) -> None:
        """Closes the connections of the running event loop."""
        session = self.sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.end()


class _Asking:
    """One request on its way. sent: how often it went out. failed: those among them that count against `tries`."""

    def __init__(self, how: ChatServer, session: Session, request: Request, seen: Sequence[Part]) -> None:
        self.how, self.session, self.request, self.seen = how, session, request, seen
        self.sent = self.failed = self.not_reached = 0
        self.seconds: Seconds = 0.0
        self.thinned = False
        shape = json.dumps(request.json_schema, sort_keys=True)
        self.schema = hashlib.sha256(shape.encode()).hexdigest()[:16]

    async def answer(self) -> Answer:
        """The loop over tries: each at the endpoint that is least busy by then."""
        tries, slots = self.how.tries, self.session.slots
        last: Endpoint | None = None
        while True:
            try:
                last = await slots.take(last, first=self.sent > 0)
            except AllDown as down:
                return self._without(Fault("shut", str(down)), None)
            try:
                found = await self._try(last)
            finally:
                slots.give(last)
            if isinstance(found, Answer):
                return replace(found, tries=self.sent, seconds=self.seconds, endpoint=last.shown)
            if found.action == "stop" or self.failed >= tries or self.not_reached >= tries * len(slots.endpoints):
                return self._without(found, last)
            if found.action in ("again", "slower") and found.wait is None:
                longest = min(self.how.backoff * 2.0 ** (self.failed - 1), LONGEST_REST)
                # Spread, so that requests which failed together do not come back together.
                await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    async def _try(self, endpoint: Endpoint) -> Answer | Fault:
        fallen = max(endpoint.modes.get(ALL_SCHEMAS, 0), endpoint.modes.get(self.schema, 0))
        mode = JSON_MODES[max(fallen, JSON_MODES.index(self.how.json_mode))]
        frames = len(self.seen) // 2 if self.how.media == "frames" else 0
        seen = wire.thinned(self.seen, endpoint.most) if frames else self.seen
        decoding = self.how.decoding | dict(self.request.decoding)
        joined = endpoint.joins and bool(self.request.system)
        told = endpoint.tells and bool(self.request.likely)
        body = wire.body_of(self.request, seen, mode, self.how.model, decoding, joined=joined, told=told)
        self.sent += 1
        began = time.monotonic()
        reply = await self.session.send(endpoint.url, "/chat/completions", body, self.how.timeout)
        self.seconds = time.monotonic() - began
        found = wire.read(reply, asked_for_json="response_format" in body)
        if not reply.trouble:
            endpoint.strikes = 0
        if isinstance(found, Answer):
            endpoint.went_well()
            fewer = f"shown {len(seen) // 2} of {frames} frames" if len(seen) < len(self.seen) else ""
            likely = wire.likelihoods(reply.body, self.request) if told else {}
            text = self.session.masked(endpoint.url, found.text)  # once more: it was put together out of parts
            return replace(found, text=text, mended=fewer, likely=likely)
        # What is learned, before the slot is given back: the next request meets what this one met.
        reason = f"{endpoint.shown}: {found.reason}"
        if found.action == "elsewhere":
            self.not_reached += 1
            endpoint.not_reached(began, reason)
        elif found.action == "shut":
            hint = f". {keys.about(endpoint.url)}" if found.reason.startswith("HTTP 401") else ""
            endpoint.shut(reason + hint)
        elif found.action == "plainer":
            which = self.schema if found.one_schema else ALL_SCHEMAS
            endpoint.modes[which] = max(endpoint.modes.get(which, 0), JSON_MODES.index(mode) + 1)
        elif found.action == "untold":
            if not told:
                return replace(found, action="stop")
            endpoint.tells = False
        elif found.action == "join":
            if joined or not self.request.system:
                return replace(found, action="stop")
            if not endpoint.joins:
                print(f"{reason}. The system prompt goes in front of the question from now on", file=sys.stderr)
            endpoint.joins = True
        elif found.action == "fewer":
            most = min(found.most or int(found.share * len(seen) / 2), len(seen) // 2 - 1)
            if self.thinned or not frames or most < 1:
                if found.most:  # so it is with every clip
                    endpoint.shut(reason)
                return replace(found, action="shut" if found.most else "stop")
            self.thinned = True
            if endpoint.most is None or most < endpoint.most:
                print(f"{reason}. It is shown {most} of {frames} frames from now on", file=sys.stderr)
                endpoint.most = most
        elif found.action in ("again", "slower"):
            self.failed += 1
            if found.action == "slower" or found.wait is not None:
                endpoint.slow_down(began, found.wait)
        return found

    def _without(self, fault: Fault, endpoint: Endpoint | None) -> Answer:
        """The outcome of a request that was given up."""
        reason = fault.reason if endpoint is None else f"{endpoint.shown}: {fault.reason}"
        if self.failed > 1:
            reason = f"{reason} ({self.sent} tries)"
        return Answer(
            outcome=fault.outcome,
            reason=reason,
            tries=self.sent,
            seconds=self.seconds,
            endpoint=endpoint.shown if endpoint is not None else "",
            unreachable=fault.action in ("shut", "elsewhere"),
        )


async def _fault(session: Session, endpoint: Endpoint, how: ChatServer) -> str:
    """Before the first request: what is wrong with an endpoint, and what to do; "" when it can be used."""
    reply = Reply()
    for tried in range(how.tries):  # a server that is still loading its model gets as many as a request
        if tried:
            await asyncio.sleep(how.backoff * 2.0 ** (tried - 1))
        reply = await session.send(endpoint.url, "/models", None, min(LOOK, how.timeout))
        if reply.trouble != "broken off" and reply.status not in (500, 502, 503, 504):
            break
    if reply.trouble:
        return (
            f"{reply.reason}. Is the server running, and is this its url? For a server of one's own: "
            f"vllm serve {how.model} (http://HOST:8000/v1)"
        )
    message = wire.short(str(wire.error_in(reply.body).get("message") or ""))
    said = f"HTTP {reply.status}{f': {message}' if message else ''}"
    if reply.status in (401, 403):
        return f"{said}. {keys.about(endpoint.url)}"
    if reply.status >= 500 and reply.status != 501:
        return f"{said}. The server is there but does not work, or not yet"
    if reply.status == 200 and wire.is_page(reply.body):
        return "a web page, not an OpenAI-compatible server; its url ends in /v1 as a rule"
    listed = reply.body.get("data") if reply.status == 200 and isinstance(reply.body, Mapping) else None
    rows = [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []
    names = [name for row in rows if isinstance(name := row.get("id"), str)]
    same = {how.model, f"models/{how.model}", f"{how.model}:latest", f"models/{how.model}:latest"}
    # Ollama adds :latest, Google models/; OpenRouter takes MODEL:VARIANT.
    if not names or not (same | {how.model.partition(":")[0]}).isdisjoint(names):
        mine = next((row for row in rows if row.get("id") in same), rows[0] if len(rows) == 1 else {})
        meta = mine.get("meta")  # vLLM and SGLang say it of the model, llama.cpp of a slot
        room = mine.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, Mapping) else None)
        longest = how.decoding.get("max_tokens")
        if isinstance(room, int) and isinstance(longest, int) and longest >= room:
            return (
                f"the server takes {room} tokens, question and answer together, and max_tokens is {longest}: it leaves "
                "nothing for the question. Lower max_tokens, or start the server with a longer context (vLLM: "
                "--max-model-len; llama.cpp: -c, which its --parallel slots share)"
            )
        return ""
    if len(names) > MOST_NAMES:
        alike = difflib.get_close_matches(how.model, names, n=MOST_NAMES, cutoff=0.3)
        names = alike or sorted(names)[:MOST_NAMES]
    return f"model {how.model!r} is not served here{nearest(how.model, names)}"
