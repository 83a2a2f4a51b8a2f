"""Whether a process is still there."""

from __future__ import annotations

import subprocess

from hoigen.core import alive


def test_a_process_is_told_from_the_next_of_its_number() -> None:
    here = alive.mark()
    where, number, began = here.split()
    assert alive.ended(here) is False
    assert alive.ended(f"{here} and what follows") is False
    assert alive.ended(f"{where} {number} {int(began) - 1}") is True, "another one that had the number before"
    assert alive.ended(f"{where} {number} ?") is False
    assert alive.ended(f"elsewhere {number} {began}") is None
    for no_mark in ("", "None", where, f"{where} x y"):
        assert alive.ended(no_mark) is None


def test_a_process_that_has_ended() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert alive.ended(f"{alive.machine()} {gone.pid} 1") is True
