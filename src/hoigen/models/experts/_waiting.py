"""Experts asked by a measure, which waits for the answers, and the run's kept answers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hoigen.core.errors import SetupError
from hoigen.models import room
from hoigen.models.client import background
from hoigen.work.worker import elsewhere

if TYPE_CHECKING:
    from hoigen.models.experts.call import Answer, Expert
    from hoigen.models.experts.desk import Asking, Desk

T = TypeVar("T")


def waiting_of(measure: Any) -> Waiting:
    """What asks the experts of a measure, or of a detector; of this very object and of no other, as long as it
    lives."""
    return room.running(measure, lambda: Waiting(measure.experts))


class Waiting:
    """What a measure needs to ask experts: the cache of answers, and the way to them. Made in every process of a run;
    the answers are shared.

    In workers the experts are asked through the process that has opened them (`reach`), and while a clip waits for its
    answers the worker goes on with others; elsewhere they are opened here. Questions are asked in a thread, beside
    everything else. Answers are kept in the `calls` of `run`; without a run they are forgotten with the process.
    """

    def __init__(self, experts: Sequence[Expert]) -> None:
        self.experts = experts
        self.run: Path | None = None
        self._asking: Asking | None = None
        self._loaded = False
        self._desk: Desk | None = None
        self._lock = threading.Lock()

    def reach(self, address: str) -> None:
        """The experts are in another process, which answers there."""
        from hoigen.models.client import asking

        self._asking = asking(address)

    def load(self) -> None:
        """Opens the experts, unless another process has. Raises SetupError when one cannot be reached or loaded."""
        self._loaded = True
        for expert in self.experts if self._asking is None else ():
            _run(expert.open())

    def wait(self, asking: Coroutine[Any, Any, T]) -> T:
        """What the coroutine comes to. Opens the experts when nobody has.

        It runs in a thread, and the measure may be called for other clips meanwhile: what belongs to one clip is not to
        lie in the measure.
        """
        if not self._loaded:
            self.load()
        # Experts of this process have no deadline but the worker's.
        with elsewhere() if self._asking is not None else contextlib.nullcontext():
            return _run(asking)

    @property
    def desk(self) -> Desk:
        """The cache of answers, opened on first use."""
        from hoigen.data.run import Run
        from hoigen.models.experts.calls import Calls
        from hoigen.models.experts.desk import Desk

        with self._lock:
            if self._desk is None:
                self._desk = Desk(Calls(Run(Path(self.run)).calls if self.run else None), asking=self._asking)
            return self._desk


def _run(work: Coroutine[Any, Any, T]) -> T:
    async def done() -> T:
        try:
            return await work
        except SystemExit as error:  # would end the thread, and all would wait for ever
            raise SetupError(f"an expert ended its process: {error}") from error

    coming = asyncio.run_coroutine_threadsafe(done(), background())
    try:
        return coming.result()
    finally:
        coming.cancel()


def answered(role: str, answer: Answer) -> None:
    """Raises SetupError, with the reason, for all that is no answer: the clip has failed, and is no 0.

    Args:
        role: of the expert, for the reason.
        answer: of the expert.
    """
    if not answer.ok:
        raise SetupError(f"{role} {answer.outcome}: {answer.reason}")
