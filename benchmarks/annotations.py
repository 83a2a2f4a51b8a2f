"""How annotations of a run are kept: a Parquet file a call (as hoigen does), an SQLite file, or one file of JSON lines.

python benchmarks/annotations.py [ROWS]

Each row is appended by itself and flushed to the disk, as a review app does; then all are read. `two at once`: two
processes append half of them each.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from machine import headline

from hoigen.data.annotations import COLUMNS, Annotation, Annotations


def rows(count: int, who: str = "ann") -> list[Annotation]:
    return [
        Annotation(clip=f"{who}{at:016x}", question="good", value="yes" if at % 3 else "no", who=who, tool="benchmark")
        for at in range(count)
    ]


def parquet(folder: Path, new: list[Annotation]) -> None:
    table = Annotations(folder)
    for row in new:
        table.append([row])


def sqlite(folder: Path, new: list[Annotation]) -> None:
    con = sqlite3.connect(folder / "annotations.sqlite", timeout=60, isolation_level=None)
    con.execute("pragma synchronous = full")
    con.execute(f"create table if not exists said ({', '.join(COLUMNS)})".replace("when", '"when"'))
    for row in new:
        values = [row.clip, row.question, row.value, row.who, str(time.time()), row.tool, row.note]
        con.execute("insert into said values (?, ?, ?, ?, ?, ?, ?)", values)
    con.close()


def lines(folder: Path, new: list[Annotation]) -> None:
    file = os.open(folder / "annotations.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for row in new:
        facts = {name: str(getattr(row, name) or "") for name in COLUMNS}
        os.write(file, json.dumps(facts).encode() + b"\n")
        os.fsync(file)
    os.close(file)


def read_parquet(folder: Path) -> int:
    return len(Annotations(folder).history())


def read_sqlite(folder: Path) -> int:
    return len(sqlite3.connect(folder / "annotations.sqlite").execute("select * from said").fetchall())


def read_lines(folder: Path) -> int:
    with (folder / "annotations.jsonl").open(encoding="utf-8") as file:
        return len([json.loads(line) for line in file])


WAYS: dict[str, tuple[Callable[[Path, list[Annotation]], None], Callable[[Path], int]]] = {
    "parquet": (parquet, read_parquet),
    "sqlite": (sqlite, read_sqlite),
    "lines": (lines, read_lines),
}


def main(count: int) -> None:
    print(headline())
    print(f"{'':8} {'append, ms a row':>17} {'two at once':>12} {'read, ms':>9} {'files':>6} {'KB':>6}")
    for name, (write, read) in WAYS.items():
        with tempfile.TemporaryDirectory(dir=".") as place:
            folder = Path(place)
            start = time.perf_counter()
            write(folder, rows(count))
            alone = (time.perf_counter() - start) * 1000 / count
            start = time.perf_counter()
            found = read(folder)
            took = (time.perf_counter() - start) * 1000
            assert found == count, (name, found)
            files = [path for path in folder.rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files) / 1000
            start = time.perf_counter()
            command = [sys.executable, __file__, "--write", name, place, str(count // 2)]
            both = [subprocess.Popen([*command, who]) for who in ("bob", "eve")]
            assert not any(each.wait() for each in both)
            together = (time.perf_counter() - start) * 1000 / count
            assert read(folder) == 2 * (count // 2) + count, name
        print(f"{name:8} {alone:17.2f} {together:12.2f} {took:9.0f} {len(files):6} {size:6.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        WAYS[sys.argv[2]][0](Path(sys.argv[3]), rows(int(sys.argv[4]), sys.argv[5]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
