"""Experts that answer what they are told to, and note what they were asked; the desk between is the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from hoigen.core.clip import Clip, Sampling
from hoigen.core.score import Caption
from hoigen.models.experts.call import Answer, Request
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.stages.captioners import _parts

Reply = str | Mapping[str, Any] | Answer | Callable[[Request], Any]


class Scripted:
    """replies: by template, or "" for any. A mapping is sent as JSON, an Answer as it is; a function is given the
    request."""

    slots = 4
    scripted = True
    sampling = Sampling(frames=0)

    def __init__(self, model: str, replies: Mapping[str, Reply] | None = None, **more: Reply) -> None:
        self.model = model
        self.replies = {**(replies or {}), **more}
        self.asked: list[Request] = []

    @property
    def identity(self) -> dict[str, Any]:
        return {"model": self.model}

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        await asyncio.sleep(0)
        name = request.template.split("@")[0]
        reply = self.replies[name] if name in self.replies else self.replies[""]
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Answer):
            return reply
        return Answer(outcome="answered", text=reply if isinstance(reply, str) else json.dumps(reply))


def broken(outcome: str) -> Answer:
    """An answer that is none, though it has words."""
    return Answer(outcome=outcome, text="A person holds a cup that", reason=f"it {outcome}")  # type: ignore[arg-type]


def clip(name: str = "clip") -> Clip:
    return Clip(id=name, uri=f"fake://{name}", end=4, width=640, height=360, fps=25)


def clip_with_order(*order: str) -> Clip:
    """A clip whose name shows the drafts to the decision expert in this order."""
    return next(clip(f"c{at}") for at in range(99) if _parts.order_of(f"c{at}") == order)


def talk_about(about: Clip, *, facts: Mapping[str, Any] | None = None, desk: Desk | None = None) -> Conversation:
    return Conversation(about, desk or Desk(Calls()), facts=facts or {})


def captioned(captioner: Any, talk: Conversation) -> Caption:
    caption: Caption = asyncio.run(captioner(talk))
    return caption


SAME = {"same_object": True, "same_interaction": True, "same_scene": True, "disagreements": []}


def differ(*points: tuple[str, str, str], part: str = "object") -> dict[str, Any]:
    named = [{"aspect": a, "first": first, "second": second} for a, first, second in points]
    return {**SAME, f"same_{part}": False, "disagreements": named}


def richer(which: str) -> dict[str, str]:
    return {"richer": which, "reason": "it says more"}
