"""Where the tests find things."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("HOIGEN_SHARED", REPO.parent / "shared"))


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """48 labelled web clips, where they are at hand; they never are part of the project."""
    folder = SHARED / "clips"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder
