"""The bar of a stage, on a terminal and in a log."""

from __future__ import annotations

import contextlib
import io
import sys

import pytest

from hoigen.work.progress import Progress


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_became_of_rows_is_counted_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    with contextlib.closing(Progress("clips", 9, "clip")) as bar:
        bar.count("kept", already=True, by=4)
        bar.count("dropped")
        bar.count("kept", by=2)
        bar.count("failed", by=0)
        bar.count("duplicate", by=2)
    assert bar.counts == {"kept": 6, "dropped": 1, "failed": 0, "duplicate": 2}
    last = log.getvalue().split("\r")[-1]
    assert "9/9" in last
    assert "kept 6, dropped 1" in last
    assert "failed" not in last, "what did not happen is not written"
    assert bar._bar.initial == 4, "the rate is that of this run"


def test_quiet_is_counted_and_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    with contextlib.closing(Progress("clips", 9, "clip", quiet=True)) as bar:
        bar.count("kept", by=9)
    assert bar.counts == {"kept": 9}
    assert log.getvalue() == ""


@pytest.mark.parametrize(("stream", "seconds"), [(Screen, 0.1), (io.StringIO, 10.0)])
def test_a_log_gets_few_lines(monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], seconds: float) -> None:
    monkeypatch.setattr(sys, "stderr", stream())
    with contextlib.closing(Progress("clips", 9, "clip")) as bar:
        assert bar._bar.mininterval == seconds
