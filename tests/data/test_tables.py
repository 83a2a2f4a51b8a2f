from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.data.files import Folder
from hoigen.data.run import Run


def test_a_part_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    table = Run(tmp_path).scores("x", "f", ["x"])
    table.write(3, [{"id": "a", "state": "ok", "tries": 1, "seconds": 0.1, "detail": "{}", "x": 1.5}])
    with pytest.raises(ValueError, match="not a number"):
        table.write(3, [{"id": "b", "x": "not a number"}])
    assert [row["x"] for row in table.read(3)] == [1.5]
    assert table.facts_of(3) == {"measure": "x", "fingerprint": "f"}
    assert table.count(3) == 1
    assert table.shards() == [3]
    assert os.listdir(table.folder.uri) == ["00003.parquet"], "nothing half-written is left"


def test_what_outlives_a_power_failure_is_on_the_disk_whole_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is synced, in order: all bytes of the file, then, when it has its name, the folder."""
    synced: list[tuple[bool, int, list[str]]] = []
    really = os.fsync

    def fsync(file: int) -> None:
        facts = os.fstat(file)
        is_folder = stat.S_ISDIR(facts.st_mode)
        there = [name for name in os.listdir(tmp_path) if not name.startswith(".")]
        synced.append((is_folder, 0 if is_folder else facts.st_size, there))
        really(file)

    monkeypatch.setattr(os, "fsync", fsync)
    folder = Folder(str(tmp_path))
    folder.write("a", b"x" * 1000, synced=True)
    assert synced == [(False, 1000, []), (True, 0, ["a"])]
    folder.write("b", b"y")
    assert len(synced) == 2, "others are left to the system"
    assert (folder.read("a"), folder.read("b")) == (b"x" * 1000, b"y")


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a run: it has no run\.yaml"):
        Run(tmp_path).recipe()
    (tmp_path / "run.yaml").write_text("a: 1\n")
    with pytest.raises(UsageError, match="it has no `recipe`"):
        Run(tmp_path).recipe()


def test_making_a_run_touches_nothing(tmp_path: Path) -> None:
    Run(tmp_path / "new").clips.shards()
    assert os.listdir(tmp_path) == []
