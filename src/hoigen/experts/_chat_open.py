"""Before the first request: is the model served there?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hoigen.clip import Seconds
from hoigen.errors import nearest
from hoigen.experts._chat_http import Reply, Session, about_key
from hoigen.experts._chat_replies import error_in, is_page, short
from hoigen.experts._endpoints import Endpoint

if TYPE_CHECKING:
    from hoigen.experts.chat_server import ChatServer

PATIENCE: Seconds = 30.0
MOST_NAMES = 30
"""Hosted services list hundreds; a message shows those nearest to what was asked for."""


async def look(session: Session, endpoint: Endpoint, expert: ChatServer) -> str:
    """What is wrong with an endpoint, and what to do; "" when it can be used. One with a fault rests."""
    fault = await _fault(session, endpoint, expert)
    if fault:
        fault = f"{endpoint.shown}: {fault}"
        endpoint.shut(fault)
    return fault


async def _fault(session: Session, endpoint: Endpoint, expert: ChatServer) -> str:
    reply = await _models(session, endpoint, expert)
    if reply.trouble:
        return (
            f"{reply.reason}. Is the server running, and is this its url? For a server of one's own: "
            f"vllm serve {expert.model} (http://HOST:8000/v1)"
        )
    said = short(str(error_in(reply.body).get("message") or ""))
    if reply.status in (401, 403):
        return f"HTTP {reply.status}{f': {said}' if said else ''}. {about_key(expert.key_env)}"
    if reply.status >= 500 and reply.status != 501:
        return f"HTTP {reply.status}{f': {said}' if said else ''}. The server is there but does not work, or not yet"
    if reply.status == 200 and is_page(reply.body):
        return "a web page, not an OpenAI-compatible server; its url ends in /v1 as a rule"
    names = names_in(reply.body) if reply.status == 200 else []
    if names and not any(same_model(expert.model, name) for name in names):
        return f"model {expert.model!r} is not served here{nearest(expert.model, _near(expert.model, names))}"
    return ""


async def _models(session: Session, endpoint: Endpoint, expert: ChatServer) -> Reply:
    """The reply to GET /models; a server that is still loading its model gets as many tries as a request."""
    for tried in range(expert.tries):
        if tried:
            await asyncio.sleep(expert.backoff * 2.0 ** (tried - 1))
        reply = await session.send(endpoint.url, "/models", None, min(PATIENCE, expert.timeout))
        if reply.trouble != "broken off" and reply.status not in (500, 502, 503, 504):
            break
    return reply


def names_in(body: Any) -> list[str]:
    """Names of the models that a server lists; [] when it does not say."""
    rows = body.get("data") if isinstance(body, Mapping) else None
    found = [row.get("id") for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return [name for name in found if isinstance(name, str)]


def same_model(wanted: str, listed: str) -> bool:
    """Whether a listed name serves the wanted one: Ollama adds :latest, Google models/, OpenRouter takes :VARIANT."""
    bare = listed.removeprefix("models/")
    return wanted in (listed, bare, bare.removesuffix(":latest")) or wanted.partition(":")[0] == listed


def _near(wanted: str, names: list[str]) -> list[str]:
    import difflib

    if len(names) <= MOST_NAMES:
        return names
    return difflib.get_close_matches(wanted, names, n=MOST_NAMES, cutoff=0.3) or sorted(names)[:MOST_NAMES]
