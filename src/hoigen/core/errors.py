"""What can go wrong.

HoigenError                 everything below; the command line prints it without a traceback
├── UsageError              bad recipe, manifest, path or option: exit code 2, nothing written
├── Locked                  another process holds the folder (a UsageError)
├── SetupError              the run cannot work as set up (a model that does not load, most rows
│                           failing alike): the run stops, exit code 1, what is done stays done
├── WeightsError            a model file is missing or is not the file it should be (a SetupError)
├── NoRoomError             a model does not fit into memory, of the card or of the machine (a SetupError)
├── ModelsGoneError         the process that owns the models cannot be kept alive (a SetupError)
 ├── RanksOpen               other ranks of the run have not finished a stage yet: exit code 75, and the same command
 │                           goes on
 ├── AnswerError             what a model that another process owns has raised: costs one clip
├── GaveUpError             tried as often as it may be: costs one clip, and trying again would repeat it
└── VideoError              one video cannot be read: costs one clip, never the run
"""

from __future__ import annotations

import builtins
import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from hoigen.core.words import spans


class HoigenError(Exception):
    """Root of all errors raised on purpose."""


class UsageError(HoigenError):
    """The caller asked for something that cannot be: says where, what came, what is possible."""


class Locked(UsageError):
    """Another process works in the folder."""


class SetupError(HoigenError):
    """The run cannot work as it is set up."""


class WeightsError(SetupError):
    """A model file is missing, or its digest is not the pinned one."""


class NoRoomError(SetupError):
    """A model does not fit into the memory that is free."""


class ModelsGoneError(SetupError):
    """The process that owns the models ended, and cannot be started again: no clip's fault."""


class AnswerError(HoigenError, RuntimeError):
    """What was raised by a model that another process owns, as type and message: of that process's state, and of its
    card, it says nothing here."""


class RanksOpen(HoigenError):
    """This process has done its part of a stage, and others that share the run have not; or one of them is at what is
    done once for all. The same command goes on.

    ranks: the numbers of the ranks that are waited for; empty when it is another process's step that is.
    """

    def __init__(self, ranks: Sequence[int], said: str = "") -> None:
        self.ranks = tuple(ranks)
        parts = "part" if len(self.ranks) == 1 else "parts"
        super().__init__(said or f"waiting for {parts} {spans(self.ranks)}; start the same command again")


class GaveUpError(HoigenError):
    """Something was tried as often as it may be; who gets this does not try again."""


class VideoError(HoigenError):
    """This video cannot be read as asked."""


PROGRAM_FAULTS: tuple[type[Exception], ...] = (TypeError, AttributeError, NameError, ImportError, AssertionError)
"""What a wrong call, a missing name and a missing package raise: never the fault of a video or of another file that is
read. Whoever takes all other exceptions for a broken file lets these pass."""


def is_program_fault(reason: str) -> bool:
    """Whether a reason as it stands in a table (`TypeError: ...`) is of an error that no file is ever at fault for."""
    raised = getattr(builtins, reason.partition(":")[0], None)
    return isinstance(raised, type) and issubclass(raised, PROGRAM_FAULTS)


def shown(value: Any, limit: int = 80) -> str:
    """What came, for an error: short, on one line.

    Args:
        value: what came.
        limit: characters at most.
    """
    text = repr(value) if not isinstance(value, bytes | bytearray) else f"{len(value)} bytes"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence: `; did you mean X?` when something known is close to `word`, then all that is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"{hint} Known: {', '.join(names)}." if names else hint
