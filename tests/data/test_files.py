"""A folder of files: what a lock leaves."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest

from hoigen.data.files import Folder


def test_a_lock_leaves_no_folder_where_nothing_was_done_and_takes_nothing_that_was(tmp_path: Path) -> None:
    """What is locked may be a file of data."""

    def broken(inside: str, **files: str) -> None:
        with pytest.raises(RuntimeError), Folder(str(tmp_path / "a" / "b")).lock("held") as held:
            held.write(inside)
            held.flush()
            for name, text in files.items():
                (tmp_path / "a" / "b" / name).write_text(text)
            raise RuntimeError

    broken("")
    assert not (tmp_path / "a").exists()
    broken("said")
    assert (tmp_path / "a" / "b" / "held").read_text() == "said"
    broken("")
    assert (tmp_path / "a" / "b" / "held").exists(), "the folder was there"
    shutil.rmtree(tmp_path / "a")
    broken("", other="said")
    assert (tmp_path / "a" / "b" / "other").read_text() == "said"
    shutil.rmtree(tmp_path / "a")
    forgotten = Folder(str(tmp_path / "a" / "b")).lock("held")
    forgotten.__enter__().write("said")
    del forgotten  # a process that ends without closing it
    gc.collect()
    assert (tmp_path / "a" / "b").is_dir()
