"""Interactions of a caption by a language model: the prompt is prompts/triplets.md, the answer is JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from hoigen.categories.rows import Category, categories_of
from hoigen.experts.prompts import render

if TYPE_CHECKING:
    from hoigen.contracts import Expert
    from hoigen.experts.desk import Conversation


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
    """
    answer = await talk.ask("categories", expert, render(prompt, caption=caption), schema=Interactions)
    if not answer.ok or answer.data is None:
        return None
    found = [(each["subject"], each["action"], each["object"]) for each in answer.data["interactions"]]
    views = [each["view"] for each in answer.data["interactions"]]
    view = max(views, key=views.count) if views else None
    return categories_of(talk.clip.id, found, view=view, source="llm")
