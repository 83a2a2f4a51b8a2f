"""What pages tell of a whole review: made anew for who asks where that is quick, and else kept, with its time.

Of a million clips such a number takes a second or more: people are shown the last one at once, and the next one is made
meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass
from typing import Generic, TypeVar

QUICK = 0.3
"""Seconds: what takes less is made anew each time."""
RESTS, OLDEST = 10, 60.0
"""What takes longer is made again when it is so many times as old as it takes, or so many seconds, and asked for."""
PATIENCE = 0.8
"""Seconds that a page waits for one that is being made."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """A value; when it was begun (seconds since 1970), and how long it took."""

    value: T
    at: float
    seconds: float


class Summary(Generic[T]):
    """One such value. Its methods may be called by any thread.

    Args:
        make: makes it.
        patience: seconds that are waited for one that is being made.
    """

    def __init__(self, make: Callable[[], T], patience: float = PATIENCE) -> None:
        self._make, self._patience = make, patience
        self._lock = threading.Lock()
        self._last: Made[T] | None = None
        self._under_way: Future[Made[T]] | None = None
        self._begun = 0.0

    def look(self) -> Made[T] | None:
        """The value, as new as it can be had soon; None where the first one is still being made. Raises what making it
        raises."""
        last = self._last
        old = last is None or last.seconds < QUICK or time.time() - last.at > min(RESTS * last.seconds, OLDEST)
        return self._waited() if old else last

    def renew(self) -> Made[T] | None:
        """As `look`, of a value that is begun now: something has changed that it is to show."""
        with self._lock:
            running = self._under_way
        if running is not None:  # it may have read what was before
            try:
                running.result(self._patience)
            except LateError:
                return self._last
        return self._waited()

    def _waited(self) -> Made[T] | None:
        try:
            return self._started().result(self._patience)
        except LateError:
            return self._last

    def _started(self) -> Future[Made[T]]:
        with self._lock:
            if self._under_way is None:
                self._under_way = Future()
                threading.Thread(target=self._work, args=(self._under_way,), name="summary", daemon=True).start()
            return self._under_way

    def _work(self, future: Future[Made[T]]) -> None:
        at, began = time.time(), time.perf_counter()
        try:
            made = Made(self._make(), at, time.perf_counter() - began)
        except BaseException as error:
            with self._lock:
                self._under_way = None
            future.set_exception(error)
            return
        with self._lock:
            self._last, self._under_way = made, None
        future.set_result(made)
