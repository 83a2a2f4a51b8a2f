"""What a library costs: an environment of its own for it, its megabytes, its start-up, how many lines ours has.

For the scripts libraries_*.py beside this file. Each makes its environments in the folder HOIGEN_LIBRARIES
(default: hoigen-libraries in the temporary folder) with pip, and uses them again when they are there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("HOIGEN_LIBRARIES", Path(tempfile.gettempdir()) / "hoigen-libraries"))
STARTS = 7


def environment(name: str, packages: Sequence[str], python: str = sys.executable) -> Path:
    """The interpreter of an environment that has `packages` and sees nothing else.

    Args:
        name: the folder's name below FOLDER.
        packages: what pip installs, with versions.
        python: the interpreter that makes it.
    """
    folder = FOLDER / name
    found = folder / "bin" / "python"
    if not (folder / "done").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(found), "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "done").touch()
    return found


def megabytes(python: Path, without: Sequence[str] = ()) -> float:
    """What the packages of an environment take on the disk, pip and those in `without` left out."""
    code = (
        "import sys\nfrom importlib import metadata\nfrom pathlib import Path\n"
        "left = set(sys.argv[1:]) | {'pip', 'setuptools'}\n"
        "files = [f for d in metadata.distributions() if d.name.lower() not in left for f in d.files or ()]\n"
        "paths = {Path(str(f.locate())) for f in files}\n"
        "print(sum(p.stat().st_size for p in paths if p.is_file() and p.suffix != '.pyc') / 1e6)\n"
    )
    return float(subprocess.run([str(python), "-c", code, *without], check=True, capture_output=True, text=True).stdout)


def version(python: Path, package: str) -> str:
    code = f"from importlib import metadata; print(metadata.version({package!r}))"
    return subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def start(python: Path | str, code: str) -> float:
    """CPU milliseconds of an interpreter that runs `code` beyond one that runs nothing: the least of several runs."""
    return max(0.0, _least(str(python), code) - _least(str(python), "pass"))


def _least(python: str, code: str) -> float:
    times = []
    for _ in range(STARTS):
        before = os.times()
        subprocess.run([python, "-c", code], check=True, capture_output=True, env=with_source())
        after = os.times()
        times.append(
            after.children_user + after.children_system - before.children_user - before.children_system,
        )
    return 1000 * min(times)


def with_source() -> dict[str, str]:
    """The environment variables with which an interpreter finds hoigen and these scripts."""
    paths = (str(ROOT / "src"), str(ROOT / "benchmarks"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def lines(*files: str) -> int:
    """Lines of files of this project, blank ones left out."""
    texts = ((ROOT / file).read_text(encoding="utf-8").splitlines() for file in files)
    return sum(bool(line.strip()) for text in texts for line in text)
