"""The end of the tests says what was left out, and what brings it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skips

TESTS = Path(__file__).resolve().parent
SAMPLE = """
import os
import pytest

@pytest.mark.parametrize("n", range(3))
def test_browser(n):
    pytest.skip("no /usr/bin/chromium (apt-get install chromium)")

def test_clips(shared_clips):
    raise AssertionError("there are no clips there")

def test_other():
    pytest.skip("the moon is down")

def test_passes():
    pass
"""
WITHOUT_TORCH = """
import pytest
torch = pytest.importorskip("torch_that_is_not_there", reason="extra [models] is not installed")

def test_model():
    pass
"""


def ended(folder: Path, *more: str) -> list[str]:
    """The lines after the last heading, of tests that run in a process of their own with the project's conftest.py."""
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    command += ["-o", f"pythonpath={TESTS}", "-o", "addopts=", "-c", "/dev/null", *more]
    without = {name: value for name, value in os.environ.items() if name != "HOIGEN_SHARED"}
    done = subprocess.run(command, cwd=folder, env=without, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()


def test_each_kind_is_one_line_with_its_command_at_the_very_end(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "test_a_model.py").write_text(WITHOUT_TORCH)
    lines = ended(tmp_path)
    at = next(n for n, line in enumerate(lines) if "left out, and what brings it" in line)
    assert lines[at + 1].startswith("3 tests need Chromium: apt-get install -y chromium")
    assert set(lines[at + 2 : -1]) == {
        "1 test needs ../shared (HOIGEN_SHARED): no command: clips and texts that are not published, which only the "
        "project's own CI has",
        "1 test was skipped: the moon is down",
        "1 whole file needs PyTorch and transformers: make test (not pytest alone)",
    }
    assert re.search(r"1 passed, 6 skipped", lines[-1])


def test_nothing_skipped_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text("def test_passes():\n    pass\n")
    assert not any("what brings it" in line for line in ended(tmp_path))


SLOW = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("n", range(2))
def test_long(n):
    pass

def test_short():
    pass
"""


@pytest.mark.parametrize("processes", [(), ("-n", "2", "--dist", "loadfile")])
def test_slow_ones_that_are_left_out_are_counted_with_their_command(tmp_path: Path, processes: tuple[str, ...]) -> None:
    (tmp_path / "test_sample.py").write_text(SLOW)
    marked = ("-o", "markers=slow: long")
    lines = ended(tmp_path, *marked, "-m", "not slow", *processes)
    assert lines[-2] == "2 tests were left out, being slow: make test-slow"
    assert "1 passed" in lines[-1]
    assert not any("make test-slow" in line for line in ended(tmp_path, *marked, "-k", "short"))


REASONS = re.compile(
    r"""pytest\.skip\(f?"(?P<skip>[^"]+)"|skipif\(.*reason="(?P<reason>[^"]+)"\)"""
    r"""|importorskip\("(?P<module>[^"]+)"(, reason="(?P<told>[^"]+)")?\)"""
)


def reasons() -> list[str]:
    """What the tests are skipped with, as their source has it."""
    found = []
    for path in sorted(TESTS.rglob("*.py")):
        if path.name in ("test_skips.py", "skips.py"):
            continue
        for match in REASONS.finditer(path.read_text(encoding="utf-8")):
            text = (
                match["skip"]
                or match["reason"]
                or match["told"]
                or f"could not import '{match['module']}': No module named ..."
            )
            values = {
                "{folder}": "/shared/clips",
                "{text}": "/shared/hoigen1m_paper.txt",
                "{CHROMIUM}": "/usr/bin/chromium",
            }
            for name, value in values.items():
                text = text.replace(name, value)
            found.append(text)
    return found


def test_every_reason_of_the_tests_has_its_command() -> None:
    assert len(reasons()) > 20
    unknown = {r for r in reasons() if not any(re.search(need.reason, r) for need in skips.NEEDS)}
    assert unknown == set()


@pytest.mark.parametrize("need", skips.NEEDS)
def test_no_kind_stands_there_for_nothing(need: skips.Need) -> None:
    assert any(re.search(need.reason, reason) for reason in reasons())
