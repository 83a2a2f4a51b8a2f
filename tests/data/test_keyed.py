"""The log that many processes append to: whole rows, each once, under kills, merges and other writers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import fsspec
import pytest

from hoigen.data import keyed
from hoigen.data.files import Folder
from hoigen.data.keyed import KeyedLog

COLUMNS: Mapping[str, str] = {"key": "string", "text": "string", "at": "float64"}


def key(n: int) -> str:
    return f"{(n * 0x9E3779B97F4A7C15) % (1 << 64):016x}".ljust(64, "0")


def row(n: int, text: str = "", at: float = 0.0) -> dict[str, object]:
    return {"key": key(n), "text": text or f"row {n}", "at": at or float(n)}


def log(path: Path) -> KeyedLog:
    return KeyedLog(Folder(str(path)), COLUMNS)


def texts(of: KeyedLog, n: int) -> list[str]:
    return [found["text"] for found in of.of(key(n))]


def count(of: KeyedLog) -> int:
    return sum(table.num_rows for table in of.tables(["key"]))


def test_rows_come_back_in_order_of_time_whatever_lies_where(tmp_path: Path) -> None:
    first, second = log(tmp_path), log(tmp_path)
    second.append(row(1, "late", at=9.0))
    first.append(row(1, "early", at=3.0))
    first.close()
    second.append(row(1, "later", at=10.0))
    for reader in (first, second, log(tmp_path)):
        assert texts(reader, 2) == []
        assert texts(reader, 1) == ["early", "late", "later"]
        assert texts(reader, 2) == []
        assert count(reader) == 3


def test_what_another_process_writes_is_found_at_once(tmp_path: Path) -> None:
    reader, writer = log(tmp_path), log(tmp_path)
    for n in range(10):
        assert texts(reader, n) == []
        writer.append(row(n))
        assert texts(reader, n) == [f"row {n}"]
    writer.close()
    assert [texts(reader, n) for n in range(10)] == [[f"row {n}"] for n in range(10)]
    assert count(reader) == 10


def test_keys_of_either_half_and_beginning_are_told_apart(tmp_path: Path) -> None:
    made = log(tmp_path)
    keys = ["f" * 64, "0" * 64, "8" + "0" * 63, "7" + "f" * 63, "f" * 63 + "0", "8" + "0" * 62 + "1"]
    for n, each in enumerate(keys):
        made.append({"key": each, "text": str(n), "at": 1.0})
    made.close()
    again = log(tmp_path)
    assert [[found["text"] for found in again.of(each)] for each in keys] == [[str(n)] for n in range(len(keys))]


def test_many_parts_are_merged_and_every_row_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "PART_ROWS", 4)
    monkeypatch.setattr(keyed, "MERGE_PARTS", 3)
    made, reader = log(tmp_path), log(tmp_path)
    for n in range(200):
        made.append(row(n))
    made.append(row(7, "again", at=1000.0))
    made.close()
    assert len(list(tmp_path.glob("*.parquet"))) < 12, "of 51 parts that were written"
    for one in (made, reader, log(tmp_path)):
        assert count(one) == 201
        assert all(texts(one, n) == [f"row {n}"] for n in range(200) if n != 7)
        assert texts(one, 7) == ["row 7", "again"]


@pytest.mark.parametrize("step", ["merged", "removed"])
def test_a_kill_while_parts_are_merged_neither_loses_nor_doubles(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed, "PART_ROWS", 4)
    monkeypatch.setattr(keyed, "MERGE_PARTS", 3)
    made = log(tmp_path)
    for n in range(11):
        made.append(row(n))

    class Killed(BaseException):
        pass

    left = {"merged": 0, "removed": 1}[step]
    remove = Folder.remove

    def killed(folder: Folder, name: str) -> None:
        nonlocal left
        if name.endswith(".parquet"):
            if not left:
                raise Killed
            left -= 1
        remove(folder, name)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Folder, "remove", killed)
        made.append(row(11))
    assert len(list(tmp_path.glob("*.parquet"))) == 4 - {"merged": 0, "removed": 1}[step]
    again = log(tmp_path)
    assert count(again) == 12
    assert all(texts(again, n) == [f"row {n}"] for n in range(12))
    for n in range(12, 16):
        again.append(row(n))
    assert count(log(tmp_path)) == 16, "and what was stood for is gone"
    assert len(list(tmp_path.glob("*.parquet"))) == 2


def test_a_journal_that_was_left_behind_is_taken_over_and_one_in_use_is_not(tmp_path: Path) -> None:
    alive = log(tmp_path)
    alive.append(row(0))
    script = (
        "import sys, os, signal; from pathlib import Path; sys.path.insert(0, 'tests'); "
        "from hoigen.data.files import Folder; from hoigen.data.keyed import KeyedLog; "
        f"log = KeyedLog(Folder({str(tmp_path)!r}), {dict(COLUMNS)!r}); "
        f"[log.append({{'key': {key(1)!r}, 'text': str(n), 'at': float(n)}}) for n in range(3)]; "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    torn = max(tmp_path.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    with torn.open("ab") as file:
        file.write(b'{"key": "00')
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    again = log(tmp_path)
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    assert texts(again, 1) == ["0", "1", "2"]
    assert texts(again, 0) == ["row 0"]
    alive.append(row(2))
    assert texts(again, 2) == ["row 2"]
    assert count(again) == 5


WRITER = """
import random, sys
from hoigen.data import keyed
from hoigen.data.files import Folder
from hoigen.data.keyed import KeyedLog
keyed.PART_ROWS, keyed.MERGE_PARTS = 20, 3
log = KeyedLog(Folder(sys.argv[1]), {"key": "string", "text": "string", "at": "float64"})
for n in range(int(sys.argv[2]), int(sys.argv[2]) + 100_000):
    key = f"{(n * 0x9E3779B97F4A7C15) % (1 << 64):016x}".ljust(64, "0")
    log.append({"key": key, "text": f"row {n}", "at": float(n)})
    print(n, flush=True)
"""


def test_writers_that_are_killed_lose_nothing_that_they_were_told_is_kept(tmp_path: Path) -> None:
    """Four at once append, make parts and merge; each is killed at a moment of its own, and others go on."""
    dice = random.Random(5)
    acknowledged: list[int] = []
    for turn in range(2):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), str((turn * 4 + n) * 1_000_000)], stdout=subprocess.PIPE
            )
            for n in range(4)
        ]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        for writer in writers:
            time.sleep(0.1 + dice.random() * 0.3)
            os.kill(writer.pid, signal.SIGKILL)
            out, _ = writer.communicate()
            acknowledged += [int(line) for line in out.splitlines()[:-1]]
    found = log(tmp_path)
    assert len(acknowledged) > 400
    assert {n: found_n for n in acknowledged if (found_n := texts(found, n)) != [f"row {n}"]} == {}
    keys = [each for table in found.tables(["key"]) for each in table["key"].to_pylist()]
    assert len(keys) == len(set(keys)) >= len(acknowledged)


def test_rows_that_belong_together_are_there_all_or_none(tmp_path: Path) -> None:
    made = log(tmp_path)

    def write(fail: bool) -> None:
        with made.together():
            for n in range(700):
                made.append(row(n))
            assert texts(made, 3) == []
            if fail:
                raise RuntimeError("the file is broken at its end")

    with pytest.raises(RuntimeError):
        write(fail=True)
    assert count(made) == count(log(tmp_path)) == 0
    assert not list(tmp_path.iterdir())
    write(fail=False)
    assert count(made) == count(log(tmp_path)) == 700
    assert texts(made, 699) == ["row 699"]
    with made.together():
        pass
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def test_what_lies_over_another_log_is_not_written_to_it(tmp_path: Path) -> None:
    base = log(tmp_path)
    base.append(row(1, "base"))
    over = KeyedLog(None, COLUMNS, over=base)
    over.append(row(1, "over", at=0.5))
    over.append(row(2))
    assert texts(over, 1) == ["base", "over"]
    assert (count(over), count(base)) == (3, 1)
    assert texts(base, 2) == []
    with over.together():
        over.append(row(3))
    assert texts(over, 3) == ["row 3"]


def test_a_log_in_an_object_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    store = fsspec.filesystem("memory")
    folder = Folder(f"memory://{tmp_path.name}/calls")
    made = KeyedLog(folder, COLUMNS)
    for n in range(100):
        made.append(row(n))
    assert count(KeyedLog(folder, COLUMNS)) >= 64, "segments come every 64 rows"
    made.close()
    again = KeyedLog(folder, COLUMNS)
    assert count(again) == 100
    assert texts(again, 42) == ["row 42"]
    again.append(row(200))
    again.close()
    assert count(KeyedLog(folder, COLUMNS)) == 101
    store.rm(f"/{tmp_path.name}", recursive=True)


def test_a_writer_killed_between_its_part_and_its_journal_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed, "PART_ROWS", 4)
    monkeypatch.setattr(keyed, "MERGE_PARTS", 3)
    other, killed = log(tmp_path), log(tmp_path)
    for n in range(3):
        killed.append(row(n))
    [journal] = tmp_path.glob("*.jsonl")
    lines = journal.read_bytes()
    killed.close()
    journal.write_bytes(lines)  # as if it had not come to deleting it
    for n in range(3, 59):
        other.append(row(n))  # parts, merged, and merged again
    again = log(tmp_path)
    assert not list(tmp_path.glob("*.jsonl"))
    assert count(again) == 59
    assert all(texts(again, n) == [f"row {n}"] for n in range(59))
