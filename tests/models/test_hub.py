"""What pins a model of this machine: its content, at both ends of its files and in their names."""

from __future__ import annotations

import os
import sys
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


def test_of_a_repository_that_is_not_here_its_name_is_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for library in (True, False):
        if not library:
            monkeypatch.setitem(sys.modules, "huggingface_hub.constants", None)
        assert hub.identity("nobody/nothing") == {"model": "nobody/nothing", "revision": "main"}
        assert hub.identity("nobody/nothing", "v1", "a.gguf") == {
            "model": "nobody/nothing",
            "revision": "v1",
            "gguf_file": "a.gguf",
        }
        assert hub.at_hand("nobody/nothing") is None


def test_what_is_found_in_a_folder_is_one_file_of_it_where_that_is_named(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(name.encode())
    one, other = (hub.identity(str(tmp_path), gguf_file=name) for name in ("a.gguf", "b.gguf"))
    assert (one["gguf_file"], other["gguf_file"]) == ("a.gguf", "b.gguf")
    assert one["revision"] != other["revision"]
