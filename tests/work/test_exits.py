"""How a process that ended, and a task that failed, are spoken of."""

from __future__ import annotations

import pytest

from hoigen.work.supervisor import exit_in_words
from hoigen.work.task import Failure


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "did not end when killed"),
        (0, "exited with 0"),
        (3, "exited with 3"),
        (-9, "was killed by SIGKILL from outside (as the system does when memory runs short)"),
        (-11, "was killed by SIGSEGV"),
        (-15, "was killed by SIGTERM"),
        (-200, "was killed by signal 200"),
    ],
)
def test_an_exit_status_in_words(code: int | None, words: str) -> None:
    assert exit_in_words(code) == words


def test_what_a_failure_is_shown_by() -> None:
    """Its traceback; its reason, where nothing was raised."""
    known = {"kind": "error", "reason": "ValueError: no", "doing": "decode", "tries": 2}
    assert Failure(**known, traceback="Traceback ...").evidence == "Traceback ..."
    assert Failure(**known, traceback="").evidence == "ValueError: no"
