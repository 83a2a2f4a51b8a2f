"""What pins a model of this machine: its content, at both ends of its files and in their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hoigen.models import hub

LARGE = 5 << 20
"""Bytes: more than what is read at both ends together."""


@pytest.mark.parametrize("at", [0, hub.END // 2, LARGE - hub.END // 2, LARGE - 1])
def test_a_byte_at_either_end_of_a_large_file_is_another_model(tmp_path: Path, at: int) -> None:
    """Two fine-tunings have the same header and the same size; what differs may lie in the last tensor alone."""
    (tmp_path / "config.json").write_text("{}")
    weights = tmp_path / "model.safetensors"
    content = bytearray(os.urandom(1 << 16) * (LARGE >> 16))
    weights.write_bytes(content)
    before = hub.identity(str(tmp_path))
    assert hub.identity(str(tmp_path)) == before
    content[at] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(1, 1))
    assert hub.identity(str(tmp_path)) != before


def test_size_and_name_of_every_file_count(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    found = {hub.identity(str(tmp_path))["revision"]}
    (tmp_path / "more.json").write_text("{}")
    found.add(hub.identity(str(tmp_path))["revision"])
    (tmp_path / "more.json").rename(tmp_path / "other.json")
    found.add(hub.identity(str(tmp_path))["revision"])
    assert len(found) == 3
