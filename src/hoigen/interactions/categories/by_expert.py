"""Categories of captions by a language model: asked experts/templates/triplets.md, it answers JSON, which is kept."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from hoigen.core.clip import Clip
from hoigen.core.errors import SetupError
from hoigen.data.files import Folder
from hoigen.interactions.categories.rows import Category, categories_of
from hoigen.interactions.categories.table import Tally
from hoigen.models import uses
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.models.experts.prompts import render

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert


CHUNK = 1024
"""Captions that are under way at a time."""


class Interaction(BaseModel):
    """One interaction, as the model has it."""

    subject: str = Field(min_length=1)
    action: str = Field(min_length=1)
    object: str = Field(min_length=1)
    view: Literal["close-up", "one person", "several people"]


class Interactions(BaseModel):
    """All interactions of a caption; an empty list says that there is none."""

    interactions: list[Interaction]


async def ask(talk: Conversation, expert: Expert, caption: str, *, prompt: str = "triplets") -> list[Category] | None:
    """The categories of a caption by an expert, named as those by rules are; None when it gave no usable answer.

    Why it gave none is in the trace of the conversation, as with every call.

    Args:
        talk: the conversation about the clip of the caption.
        expert: who is asked.
        caption: its text.
        prompt: the template's name among hoigen's prompts.
    """
    answer = await talk.ask("categories", expert, render(prompt, caption=caption), schema=Interactions)
    if not answer.ok or answer.data is None:
        return None
    found = [(each["subject"], each["action"], each["object"]) for each in answer.data["interactions"]]
    views = [each["view"] for each in answer.data["interactions"]]
    view = max(views, key=views.count) if views else None
    return categories_of(talk.clip.id, found, view=view, source="llm")


def by_expert(
    captions: Iterable[tuple[str, str]], expert: Expert, calls: Folder, tally: Tally, retry: bool = False
) -> Iterator[Category]:
    """Rows in order of the captions, as many of which are asked about at once as the expert takes.

    Args:
        captions: (clip id, caption) of each.
        expert: the language model.
        calls: the folder of answers; what is in it is not asked again.
        tally: counts those that no usable answer came for, by the reason.
        retry: asks again what was asked before and not answered.

    Raises SetupError when the expert cannot be reached or loaded, and when not one caption got an answer.
    """
    kept = Calls(calls)
    if retry:
        kept.forget_unanswered("categories")
    desk = Desk(kept)
    uses.prepare([expert])
    with asyncio.Runner() as runner:
        runner.run(expert.open())
        try:
            stream = iter(captions)
            while chunk := list(itertools.islice(stream, CHUNK)):
                for found in runner.run(_asked(chunk, expert, desk)):
                    if isinstance(found, str):
                        tally.unread[found] += 1
                    else:
                        yield from found
            if tally.captions and tally.unread.total() == tally.captions:
                why, _ = tally.unread.most_common(1)[0]
                raise SetupError(f"--expert: none of {tally.captions} captions got a usable answer: {why}")
        finally:
            runner.run(expert.close())


async def _asked(captions: Sequence[tuple[str, str]], expert: Expert, desk: Desk) -> list[list[Category] | str]:
    """The categories of each, or why there are none. Only the caption is read, so a clip is but its name here."""
    turn = asyncio.Semaphore(max(1, expert.slots))

    async def one(clip: str, text: str) -> list[Category] | str:
        talk = Conversation(Clip(id=clip, uri=clip, end=0.0, width=0, height=0, fps=0.0), desk)
        async with turn:
            found = await ask(talk, expert, text)
        last = talk.trace[-1]
        return found if found is not None else f"{last['outcome']}: {last['reason']}"

    return await asyncio.gather(*(one(clip, text) for clip, text in captions))
