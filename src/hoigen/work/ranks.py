"""Several processes on one run: which shards are whose, and where they meet without waiting for one another.

Each process has a rank, 0 to ranks - 1, and does the shards whose number leaves it when divided by ranks. At the end of
a stage it leaves a marker, a small file in `ranks/`; where markers of others are missing it ends with RanksOpen (exit
code 75), and the same command goes on. What comes after all ranks (sealing the clips, the report) is done once, by
whichever comes first, under a lock.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.core.clip import Seconds
from hoigen.core.errors import HoigenError, Locked, RanksOpen, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hoigen.data.files import Folder
    from hoigen.data.run import Run

LAST_STEP = ".lock-last"
LOCKS = "locks"
"""Where in a store, instead of locks of files, lie those of `hoigen.data.lease`."""
DIVISION = ".lock-ranks"
PATIENCE: Seconds = 1.0
"""How long processes of another number of ranks may still be there: they may be looking at the file too."""
BUSY = "another process is at a step that is done once for all parts; start the same command again"


@dataclass(frozen=True, slots=True)
class Rank:
    """One process's place among those that share a run: part `number`/`of`, numbers from 0."""

    number: int = 0
    of: int = 1

    def mine(self, shard: int) -> bool:
        """Whether a shard is this process's: that of rank `shard % of`."""
        return shard % self.of == self.number


class Barrier:
    """The end of one stage for all ranks. With a single rank there is nobody to meet, and no file is written.

    Args:
        folder: the run's folder; markers lie in its `ranks/`.
        rank: this process.
        stage: the stage's name.
        digest: of all that the stage's result depends on (input, settings). With another one, other markers count.
    """

    def __init__(self, folder: Folder, rank: Rank, stage: str, digest: str) -> None:
        self.folder, self.rank, self.stage, self.digest = folder, rank, stage, digest
        self.markers = folder.child("ranks")

    def _marker(self, what: int | str) -> str:
        return f"{self.stage}-{self.digest}-{what}-of-{self.rank.of}"

    def reopen(self, ranks: Iterable[int] | None = None) -> None:
        """Something is to be done in the stage after all, by this rank or by those of `ranks`."""
        if self.rank.of > 1:
            self.markers.remove(self._marker("all"))
            for number in [self.rank.number] if ranks is None else ranks:
                self.markers.remove(self._marker(number))

    def arrive(self) -> None:
        """This rank has done its part of the stage."""
        if self.rank.of > 1 and not self.markers.exists(self._marker(self.rank.number)):
            self.markers.write(self._marker(self.rank.number), b"")

    def missing(self) -> list[int]:
        """The ranks that have not arrived, in order."""
        if self.rank.of == 1:
            return []
        there = set(self.markers.names())
        return [number for number in range(self.rank.of) if self._marker(number) not in there]

    def check(self) -> None:
        """Raises RanksOpen when others have not arrived."""
        if missing := self.missing():
            raise RanksOpen(missing)

    @property
    def passed(self) -> bool:
        """Whether another rank has done what comes after this stage."""
        return self.rank.of > 1 and self.markers.exists(self._marker("all"))

    @contextlib.contextmanager
    def last_step(self) -> Iterator[None]:
        """What comes once all ranks have arrived: only one process at a time is in here, others get RanksOpen."""
        with contextlib.ExitStack() as stack:
            if self.folder.is_local or self.rank.of > 1:
                try:
                    if self.folder.is_local:
                        stack.enter_context(self.folder.lock(LAST_STEP))
                    else:
                        from hoigen.data.lease import Lease

                        stack.enter_context(Lease(self.folder.child(LOCKS), "last").held())
                except Locked:
                    raise RanksOpen([], BUSY) from None
            yield
        if self.rank.of > 1:
            self.markers.write(self._marker("all"), b"")
            # markers of this stage that count no more go: of other input, settings or numbers of ranks
            of_stage = re.compile(rf"{re.escape(self.stage)}-[0-9a-f]+-(\d+|all)-of-\d+")
            current = {self._marker(what) for what in ("all", *range(self.rank.of))}
            for name in self.markers.names():
                if of_stage.fullmatch(name) and name not in current:
                    self.markers.remove(name)


@contextlib.contextmanager
def one_division(folder: Path, rank: Rank) -> Iterator[None]:
    """Held by all processes at work in a folder, which must share it out among as many ranks.

    Args:
        folder: of the run, on a disk.
        rank: this process.

    Raises UsageError when others are at work that share it among another number.
    """
    import fcntl

    until = time.monotonic() + PATIENCE
    with (folder / DIVISION).open("a+") as file:
        while True:
            fcntl.flock(file, fcntl.LOCK_SH)
            file.seek(0)
            others = file.read()
            if others == str(rank.of):
                break
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.truncate(0)
                file.write(str(rank.of))
                file.flush()
                continue
            if time.monotonic() > until:
                raise UsageError(
                    f"{folder} is in use by hoigen processes that share it among {others} parts; this one came with "
                    f"part {rank.number}/{rank.of}. Wait for them to end, or use the same number"
                )
            time.sleep(0.02)  # ranks that start at once look at the file at once
        yield


@contextlib.contextmanager
def held(run: Run, rank: Rank) -> Iterator[None]:
    """Holds the run's folder for this rank: two processes of one rank would write the same shards, and so would ranks
    of two divisions (1 of 2 and 1 of 5).

    Raises UsageError where `run` is held by another process, or cannot be a folder; where only this part of several is
    held, RanksOpen: its process may be about to end, or be gone without the disk having seen it."""
    from hoigen.data.files import Folder, nothing_left

    lock = f".lock-{rank.number}"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(nothing_left(run.path, lambda file: file.name in (lock, DIVISION)))
            run.check_folder()
            run.check_links()
            run.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"run: {run.path} cannot be made a folder: {error.strerror}") from None
        try:
            stack.enter_context(Folder(str(run.path)).lock(lock))
        except Locked:
            raise _in_use(rank, f"{run.path} is in use by another hoigen process") from None
        stack.enter_context(one_division(run.path, rank))
        if not run.folder.is_local:
            stack.enter_context(_held_in_store(run.folder.child(LOCKS), rank))
        yield


def _in_use(rank: Rank, said: str) -> HoigenError:
    if rank.of == 1:
        return UsageError(said)
    part = f"part {rank.number}/{rank.of}"
    return RanksOpen([], f"{part}: {said}; start the same command again when that has ended")


@contextlib.contextmanager
def _held_in_store(folder: Folder, rank: Rank) -> Iterator[None]:
    """As `held`, for the processes of other machines.

    Args:
        folder: of the locks, in a store.
        rank: this process.
    """
    from hoigen.data.lease import Lease

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(Lease(folder, f"part-{rank.number}", {"of": rank.of}).held())
        except Locked as error:
            raise _in_use(rank, str(error)) from None
        for name in folder.names():
            other = Lease(folder, name)
            found = other.read() if name.startswith("part-") else None
            if found is not None and found.get("of") != rank.of and not other.dead():
                raise UsageError(
                    f"{folder.uri} is in use by hoigen processes that share the run among {found.get('of')} parts "
                    f"(process {found.get('pid')} of {found.get('host')}); this one came with part "
                    f"{rank.number}/{rank.of}. Wait for them to end, or use the same number"
                )
        yield
