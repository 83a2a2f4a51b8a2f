"""The categories of many captions by a language model: as many at once as it takes, every answer kept."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.categories.asking import ask
from hoigen.categories.rows import Category
from hoigen.categories.table import Tally
from hoigen.clip import Clip
from hoigen.errors import SetupError
from hoigen.experts.calls import Calls
from hoigen.experts.desk import Conversation, Desk
from hoigen.models import uses

if TYPE_CHECKING:
    from hoigen.contracts import Expert


CHUNK = 1024
"""Captions that are under way at a time."""


def by_expert(
    captions: Iterable[tuple[str, str]], expert: Expert, calls: Path, tally: Tally, retry: bool = False
) -> Iterator[Category]:
    """Rows in order of the captions; those that no usable answer came for are counted in the tally.

    calls: the SQLite file of answers; what is in it is not asked again, but for what was not answered where `retry`.
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
                for found in runner.run(_all(chunk, expert, desk)):
                    if isinstance(found, str):
                        tally.unread[found] += 1
                    else:
                        yield from found
            if tally.captions and tally.unread.total() == tally.captions:
                why, _ = tally.unread.most_common(1)[0]
                raise SetupError(f"--expert: none of {tally.captions} captions got a usable answer: {why}")
        finally:
            runner.run(expert.close())


async def _all(captions: Sequence[tuple[str, str]], expert: Expert, desk: Desk) -> list[list[Category] | str]:
    turn = asyncio.Semaphore(max(1, expert.slots))
    return await asyncio.gather(*(_one(clip, text, expert, desk, turn) for clip, text in captions))


async def _one(clip: str, text: str, expert: Expert, desk: Desk, turn: asyncio.Semaphore) -> list[Category] | str:
    """The categories, or why there are none. Only the caption is read, so the clip is but its name here."""
    talk = Conversation(Clip(id=clip, uri=clip, end=0.0, width=0, height=0, fps=0.0), desk)
    async with turn:
        found = await ask(talk, expert, text)
    last = talk.trace[-1]
    return found if found is not None else f"{last['outcome']}: {last['reason']}"
