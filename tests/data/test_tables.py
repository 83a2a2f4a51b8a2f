from __future__ import annotations

import os
from pathlib import Path

import pytest

from hoigen.data import tables
from hoigen.data.run import Run
from hoigen.data.tables import Journal
from hoigen.errors import UsageError


def test_a_torn_last_line_is_not_read_and_costs_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j" / "scores-00000.jsonl")
    journal.append({"id": "a"})
    journal.append({"id": "ü\n"})
    journal.close()
    size = journal.path.stat().st_size
    for cut in range(size):
        torn = Journal(tmp_path / f"{cut}.jsonl")
        torn.path.write_bytes(journal.path.read_bytes()[:cut])
        before = list(torn.rows())
        torn.append({"id": "b"})
        torn.close()
        assert [*before, {"id": "b"}] == list(torn.rows())
    assert list(journal.rows()) == [{"id": "a"}, {"id": "ü\n"}]


def test_a_part_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    part = tmp_path / "scores" / "x" / "f" / "00003.parquet"
    schema = tables.schema_of(tables.SCORE_COLUMNS, ["x"])
    rows = [{"id": "a", "state": "ok", "tries": 1, "seconds": 0.1, "detail": "{}", "x": 1.5}]
    tables.write_part(part, rows, schema, {"fingerprint": "f"})
    with pytest.raises(ValueError, match="not a number"):
        tables.write_part(part, [{"id": "b", "x": "not a number"}], schema)
    assert [row["x"] for row in tables.read_part(part)] == [1.5]
    assert tables.part_fingerprint(part) == "f"
    assert tables.part_rows(part) == 1
    assert Run(tmp_path).score_parts("x", "f") == [part], "half-written files are not parts"


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not a run: it has no run\.yaml"):
        Run(tmp_path).recipe()
    (tmp_path / "run.yaml").write_text("a: 1\n")
    with pytest.raises(UsageError, match="it has no `recipe`"):
        Run(tmp_path).recipe()


def test_making_a_run_touches_nothing(tmp_path: Path) -> None:
    Run(tmp_path / "new").clip_parts()
    assert os.listdir(tmp_path) == []
