"""Shards under way: which are ours, how many of their tasks are out, when one is finished."""

from __future__ import annotations

from dataclasses import dataclass

from hoigen import errors
from hoigen.data.run import Run
from hoigen.data.tables import Journal
from hoigen.work.task import Failure

NOT_THE_VIDEOS = (
    "That is an error of hoigen or of a library that does not fit it, not of the videos. `hoigen doctor` looks at the "
    "libraries; when it is mended, `hoigen retry RUN` tries the videos again that have failed for it."
)


@dataclass(slots=True)
class Shard:
    """A shard under way: how many of its tasks are out, and whether all were handed out."""

    journal: Journal
    out: int = 0
    complete: bool = False


class Book:
    """Counts the tasks of shards; calls `finish(shard)` once, when the last row of a shard is in."""

    def __init__(self, run: Run, stage: str) -> None:
        self.run = run
        self.stage = stage
        self.shards: dict[int, Shard] = {}

    def open(self, shard: int) -> Shard:
        return self.shards.setdefault(shard, Shard(self.run.journal(self.stage, shard)))

    def finish(self, shard: int) -> None:
        raise NotImplementedError

    def handed_out(self, shard: int) -> None:
        self.shards[shard].complete = True
        self._finish_if_done(shard)

    def returned(self, shard: int) -> None:
        self.shards[shard].out -= 1
        self._finish_if_done(shard)

    def _finish_if_done(self, shard: int) -> None:
        state = self.shards[shard]
        if state.complete and state.out == 0:
            self.finish(shard)
            state.journal.remove()
            del self.shards[shard]

    def close(self) -> None:
        for state in self.shards.values():
            state.journal.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which shards are this process's: those whose number leaves `rank` when divided by `ranks`."""

    size: int = 256
    rank: int = 0
    ranks: int = 1

    def mine(self, shard: int) -> bool:
        return shard % self.ranks == self.rank


def told(failure: Failure) -> str:
    """A failure of a worker in one line."""
    whose = "an error of hoigen or of a library, not of the video: " if is_program_fault(failure) else ""
    return f"{whose}{failure.reason} (while at {failure.doing or 'work'}, {failure.tries} tries)"


def is_program_fault(failure: Failure) -> bool:
    """Whether a handler raised what no file is ever at fault for (`errors.PROGRAM_FAULTS`)."""
    return failure.kind == "error" and errors.is_program_fault(failure.reason)


def evidence(failure: Failure) -> str:
    """What is shown of a failure when a run stops for it: where it happened and, where it is not the data, that."""
    trace = failure.traceback or failure.reason
    return f"{trace.rstrip()}\n{NOT_THE_VIDEOS}" if is_program_fault(failure) else trace
