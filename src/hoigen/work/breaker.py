"""Stops a run whose set-up is wrong, instead of failing a million rows alike."""

from __future__ import annotations

import traceback
from collections import Counter

from hoigen.core.errors import SetupError


def signature(error: BaseException) -> str:
    """What failures must share to be alike: type and place of an `error`; not its message, which names the file."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} at {place}"


class Breaker:
    """Counts outcomes by what was done (a measure's name). Broken files are no fault of the set-up, unless not a
    single one of many can be read.

    Args:
        after: outcomes that must have been seen before a run is stopped.
        share: of them, the share that failed alike, 0..1.
        blind: broken files without a single good one that stop the run (a wrong mount).

    on: False only counts: the user's `breaker: false`.
    """

    def __init__(self, after: int = 20, share: float = 0.8, blind: int = 50) -> None:
        self.after, self.share, self.blind = after, share, blind
        self.on = True
        self.seen: Counter[str] = Counter()
        self.alike: Counter[tuple[str, str]] = Counter()

    def saw_ok(self, what: str) -> None:
        """Counts one success of `what` was done."""
        self.seen[what] += 1

    def saw_before(self, what: str, signature: str = "") -> None:
        """Counts an outcome of an earlier process, which stops nothing by itself. signature: of a failure."""
        self.seen[what] += 1
        if signature:
            self.alike[what, signature] += 1

    def saw_failure(self, what: str, signature: str, traceback: str, *, data_fault: bool) -> None:
        """Counts one failure.

        Args:
            what: was done: a measure's name.
            signature: what failures must share to be alike.
            traceback: shown when the run stops.
            data_fault: whether a broken file is at fault.

        Raises SetupError with the traceback when it is one too many.
        """
        self.seen[what] += 1
        self.alike[what, signature] += 1
        count, seen = self.alike[what, signature], self.seen[what]
        if data_fault:
            stop = count == seen >= self.blind
        else:
            stop = seen >= self.after and count >= self.share * seen
        if stop and self.on:
            words = (
                f"stopped: {what} failed alike on {count} of {seen}, so it is the set-up that is wrong. Once it is "
                "mended, hoigen retry RUN tries them again; breaker: false (--set breaker=false) goes on as it is."
            )
            raise SetupError(f"{words}\n{traceback}".rstrip())
