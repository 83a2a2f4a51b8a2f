"""Which Python `make smoke` takes; the run itself is CI's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("smoke.sh")
TOOLS = ("bash", "dirname", "find", "sort")


def smoke(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """With nothing on PATH but what the script needs to look for a Python."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in TOOLS:
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name) or name)
    env = {"PATH": str(tools), "HOME": str(folder), **variables}
    return subprocess.run([tools / "bash", SCRIPT], env=env, capture_output=True, text=True, check=False)


def broken(path: Path) -> None:
    """Like a shim of pyenv for a version that is not switched on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 127\n")
    path.chmod(0o755)


def test_without_a_newer_python_it_says_that_it_is_skipped_and_why(tmp_path: Path) -> None:
    done = smoke(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("smoke: SKIPPED: no working Python 3.14, 3.13 or 3.12 on PATH or in ")
    assert str(tmp_path / ".pyenv" / "versions") in done.stdout


def test_a_python_that_does_not_start_is_none(tmp_path: Path) -> None:
    broken(tmp_path / "tools" / "python3.14")
    broken(tmp_path / "elsewhere" / "versions" / "3.13.9" / "bin" / "python")
    done = smoke(tmp_path, PYENV_ROOT=str(tmp_path / "elsewhere"))
    assert (done.returncode, "SKIPPED" in done.stdout) == (0, True), done.stderr


def test_one_that_was_asked_for_must_work(tmp_path: Path) -> None:
    broken(tmp_path / "python3.13")
    for named in (str(tmp_path / "python3.13"), str(tmp_path / "none"), os.devnull):
        done = smoke(tmp_path, SMOKE_PYTHON=named)
        assert done.returncode == 1
        assert f"SMOKE_PYTHON={named}: no Python 3.11 or newer with venv" in done.stderr
