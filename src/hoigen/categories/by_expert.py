"""The categories of many captions by a language model: as many at once as it takes, every answer kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.categories.asking import ask
from hoigen.categories.rows import Category
from hoigen.clip import Clip
from hoigen.experts.calls import Calls
from hoigen.experts.desk import Conversation, Desk

if TYPE_CHECKING:
    from hoigen.contracts import Expert


def by_expert(captions: Iterable[tuple[str, str]], expert: Expert, calls: Path) -> tuple[list[Category], list[str]]:
    """Rows in order of the captions, and the ids of those for which no usable answer came.

    calls: the SQLite file of answers; what is in it is not asked again. Raises SetupError when the expert cannot be
    reached or loaded.
    """
    return asyncio.run(_all(captions, expert, Desk(Calls(calls))))


async def _all(captions: Iterable[tuple[str, str]], expert: Expert, desk: Desk) -> tuple[list[Category], list[str]]:
    await expert.open()
    turn = asyncio.Semaphore(max(1, expert.slots))
    try:
        answers = await asyncio.gather(*(_one(clip, text, expert, desk, turn) for clip, text in captions))
    finally:
        await expert.close()
    rows = [row for _, found in answers for row in found or ()]
    return rows, [clip for clip, found in answers if found is None]


async def _one(
    clip: str, text: str, expert: Expert, desk: Desk, turn: asyncio.Semaphore
) -> tuple[str, list[Category] | None]:
    """Only the caption is read, so the clip is but its name here."""
    talk = Conversation(Clip(id=clip, uri=clip, end=0.0, width=0, height=0, fps=0.0), desk)
    async with turn:
        return clip, await ask(talk, expert, text)
