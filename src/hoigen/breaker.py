"""Stops a run whose set-up is wrong, instead of failing a million rows alike."""

from __future__ import annotations

import traceback
from collections import Counter

from hoigen.errors import SetupError


def signature(measure: str, error: BaseException) -> str:
    """What failures must share to be alike: measure, exception type and place; not the message."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{measure}: {type(error).__name__} at {place}"


class Breaker:
    """Counts outcomes. Broken files are no fault of the set-up, unless not a single file of many can be read.

    after: outcomes that must have been seen; share: of them, failed alike; blind: broken files in a row at the
    very start that stop the run.
    """

    def __init__(self, after: int = 20, share: float = 0.8, blind: int = 50) -> None:
        self.after, self.share, self.blind = after, share, blind
        self.seen = 0
        self.alike: Counter[str] = Counter()

    def saw_ok(self) -> None:
        self.seen += 1

    def saw_failure(self, signature: str, traceback: str, data_fault: bool) -> None:
        """Raises SetupError with the traceback when this is one too many."""
        self.seen += 1
        self.alike[signature] += 1
        count = self.alike[signature]
        if data_fault:
            stop = count == self.seen >= self.blind
        else:
            stop = self.seen >= self.after and count >= self.share * self.seen
        if stop:
            raise SetupError(
                f"stopped: {count} of {self.seen} failed alike, so it is the set-up that is wrong.\n{traceback}".rstrip()
            )
