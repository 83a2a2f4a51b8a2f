"""Experts asked by a measure, which waits for the answers: its event loop, and the run's kept answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hoigen.core.errors import SetupError
from hoigen.models import room

if TYPE_CHECKING:
    from hoigen.experts.call import Answer, Expert
    from hoigen.experts.desk import Asking, Desk

T = TypeVar("T")


def waiting_of(measure: Any) -> Waiting:
    """What asks the experts of a measure, or of a detector; of this very object and of no other, as long as it
    lives."""
    return room.running(measure, lambda: Waiting(measure.experts))


class Waiting:
    """What a measure needs to ask experts: an event loop and the cache of answers. Made in every process of a run; the
    answers are shared.

    In workers the experts are asked through the process that has opened them (`reach`); elsewhere they are opened here.
    Answers are kept in the `calls` of `run`; without a run they are forgotten with the process.
    """

    def __init__(self, experts: Sequence[Expert]) -> None:
        self.experts = experts
        self.run: Path | None = None
        self._asking: Asking | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._desk: Desk | None = None

    def reach(self, address: str) -> None:
        """The experts are in another process, which answers there."""
        from hoigen.models.client import asking

        self._asking = asking(address)

    def load(self) -> None:
        """Opens the experts, unless another process has. Raises SetupError when one cannot be reached or loaded."""
        self._loop = asyncio.new_event_loop()
        for expert in self.experts if self._asking is None else ():
            self._loop.run_until_complete(expert.open())

    def wait(self, asking: Coroutine[Any, Any, T]) -> T:
        """What the coroutine comes to. Opens the experts when nobody has."""
        if self._loop is None:
            self.load()
        assert self._loop is not None
        return self._loop.run_until_complete(asking)

    @property
    def desk(self) -> Desk:
        """The cache of answers, opened on first use."""
        from hoigen.experts.calls import Calls
        from hoigen.experts.desk import Desk

        if self._desk is None:
            self._desk = Desk(Calls(self.run / "calls" if self.run else None), asking=self._asking)
        return self._desk


def answered(role: str, answer: Answer) -> None:
    """Raises SetupError, with the reason, for all that is no answer: the clip has failed, and is no 0.

    Args:
        role: of the expert, for the reason.
        answer: of the expert.
    """
    if not answer.ok:
        raise SetupError(f"{role} {answer.outcome}: {answer.reason}")
