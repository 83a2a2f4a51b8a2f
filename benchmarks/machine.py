"""What a figure was measured on: every benchmark prints this first."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from importlib import metadata
from pathlib import Path


def headline() -> str:
    """Date, machine, versions and command, in a few lines."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    there = {each.name: each.version for each in metadata.distributions()}  # a lent card has not all of them
    versions = ", ".join(f"{name} {there.get(name, 'none')}" for name in ("hoigen", "av", "numpy", "duckdb"))
    return (
        f"date     {datetime.datetime.now(datetime.UTC):%Y-%m-%d}\n"
        f"machine  {model}, {os.cpu_count()} cores, Python {platform.python_version()}\n"
        f"versions {versions}\n"
        f"command  python {' '.join(sys.argv)}\n"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
