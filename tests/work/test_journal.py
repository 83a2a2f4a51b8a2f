"""The journal of a shard under way: what a stage has finished is a line on the disk at once."""

from __future__ import annotations

import os
from pathlib import Path

from hoigen.data.files import Folder
from hoigen.data.journal import Journal


def test_a_torn_last_line_is_not_read_and_costs_no_other(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "j"))
    journal = Journal(folder, "scores-00000.jsonl")
    journal.append({"id": "a"})
    journal.append({"id": "ü\n"})
    journal.close()
    whole = folder.read("scores-00000.jsonl")
    for cut in range(len(whole)):
        folder.write(f"{cut}.jsonl", whole[:cut])
        torn = Journal(folder, f"{cut}.jsonl")
        before = list(torn.rows())
        torn.append({"id": "b"})
        torn.close()
        assert [*before, {"id": "b"}] == list(torn.rows())
    assert list(journal.rows()) == [{"id": "a"}, {"id": "ü\n"}]


def test_a_journal_that_is_removed_lets_its_file_go(tmp_path: Path) -> None:
    journal = Journal(Folder(str(tmp_path)), "scores-00000.jsonl")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(3):
        journal.append({"id": number})
        assert list(journal.rows()) == [{"id": number}]
        journal.remove()
        assert os.listdir(tmp_path) == []
        assert list(journal.rows()) == []
    assert len(os.listdir("/proc/self/fd")) == before
