"""Where hoigen keeps what it has fetched on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder of fetched files: $HOIGEN_HOME, else $XDG_CACHE_HOME/hoigen, else ~/.cache/hoigen."""
    if own := os.environ.get("HOIGEN_HOME"):
        return Path(own).expanduser()
    return cache() / "hoigen"


def cache() -> Path:
    """The folder in which programs keep what can be had again: $XDG_CACHE_HOME, else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser()
