"""Requests that write, done by one thread: those that came while it was busy are one transaction.

A thread for each would wait for the others' transactions, and be woken by each. Nobody is answered before what they
said is committed. PostgreSQL commits what several connections want by itself, so that its requests go another way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.core.errors import HoigenError
from hoigen.review.database import Database

if TYPE_CHECKING:
    from starlette.responses import Response

MOST = 100
"""Requests of one transaction."""
_Work = Callable[[], "Response"]
_Fault = Callable[[HoigenError], "Response"]


@dataclass(slots=True, eq=False)
class _Job:
    """A request. work: does it; may be called twice, the first time in vain. fault: what is said of a commit that
    failed."""

    work: _Work
    fault: _Fault
    future: asyncio.Future[Response]
    response: Response | None = None
    error: BaseException | None = None


class Clerk:
    """Does requests of one event loop, one after the other.

    Args:
        db: the database that they write to.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self._thread = ThreadPoolExecutor(1, "clerk")
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []
        self._busy = False

    async def done(self, work: _Work, fault: _Fault) -> Response:
        """What comes of a request, once it is committed.

        Args:
            work: does it, by `Database.do`.
            fault: makes an answer of an error of the commit.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, fault, loop.create_future())
        with self._lock:
            self._waiting.append(job)
            idle, self._busy = not self._busy, True
        if idle:
            self._thread.submit(self._all, loop)
        return await job.future

    def _all(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._lock:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                self._busy = bool(batch)
            if not batch:
                return
            self._together(batch)
            loop.call_soon_threadsafe(_told, batch)

    def _together(self, batch: Sequence[_Job]) -> None:
        if len(batch) > 1:
            try:
                with self.db.together():
                    for job in batch:
                        job.response = job.work()
                return
            except HoigenError as error:  # the commit: nothing of it is saved
                for job in batch:
                    job.response = job.fault(error)
                return
            except Exception:  # one of them: each once more, alone
                pass
        for job in batch:
            try:
                job.response = job.work()
            except Exception as error:
                job.error = error


def _told(batch: Sequence[_Job]) -> None:
    for job in batch:
        if job.future.done():  # whoever asked is gone
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            assert job.response is not None
            job.future.set_result(job.response)
