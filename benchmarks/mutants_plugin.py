"""What `benchmarks/mutants.py` has pytest do: `-p mutants_plugin`.

Every finished test is a line of the file MUTANTS_TESTS (its id, outcome, seconds); where coverage runs, what this
process executes is noted under the id of the test. Processes that a test starts note it themselves, by
PYTEST_CURRENT_TEST.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict

import pytest

_seconds: dict[str, float] = defaultdict(float)
_outcomes: dict[str, str] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid: str) -> None:
    if "COVERAGE_PROCESS_START" in os.environ:
        import coverage

        running = coverage.Coverage.current()
        assert running is not None, "coverage does not start by COVERAGE_PROCESS_START"
        running.switch_context(nodeid)


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        _note(*({"test": item.nodeid} for item in session.items))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Setup and teardown belong to a test: what fails in them fails it."""
    _seconds[report.nodeid] += report.duration
    if report.outcome != "passed" or report.nodeid not in _outcomes:
        _outcomes[report.nodeid] = report.outcome
    if report.when == "teardown":
        line = {
            "test": report.nodeid,
            "outcome": _outcomes[report.nodeid],
            "seconds": round(_seconds[report.nodeid], 3),
        }
        _note(line)


def _note(*lines: dict[str, object]) -> None:
    with open(os.environ["MUTANTS_TESTS"], "a", encoding="utf-8") as tests:
        tests.writelines(json.dumps(line) + "\n" for line in lines)
