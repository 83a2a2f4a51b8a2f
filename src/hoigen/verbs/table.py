"""hoigen table: one row per clip."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from hoigen.errors import UsageError


def table(
    run: Path,
    *,
    format: Literal["csv", "jsonl", "parquet"] = "csv",
    out: Path | None = None,
    state: Literal["kept", "dropped", "failed", "pending"] | None = None,
) -> None:
    """Writes one row per clip: id, uri, start, end, state, rule, reason, and a column per score.

    What went in is what comes out: every clip of the input is a row, however it ended.

    Args:
        run: the folder of the run.
        format: csv, jsonl or parquet.
        out: the file to write; csv and jsonl go to the screen when not given.
        state: only clips that ended so.
    """
    from hoigen import decide
    from hoigen.runfile import steps_of
    from hoigen.store import Run

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if out is None and format == "parquet":
        raise UsageError("--format parquet needs --out FILE")
    con = decide.connect(folder, steps)
    where = f"where state = '{state}'" if state else ""
    query = f"select * exclude (digest, video, n) from decided {where} order by video, n"
    if out is not None:
        _copy(con, query, format, out)
        total = con.execute("select count(*) from walked").fetchone()
        print(f"{out}: {_rows(con, where)} of {total[0] if total else 0} clips", file=sys.stderr)
    else:
        _print(con, query, format)


def _rows(con: object, where: str) -> int:
    import duckdb

    assert isinstance(con, duckdb.DuckDBPyConnection)
    [count] = con.execute(f"select count(*) from walked {where}").fetchone() or [0]
    return int(count)


def _copy(con: object, query: str, format: str, out: Path) -> None:
    """By DuckDB, to a temporary name first: whole or not at all."""
    import duckdb

    assert isinstance(con, duckdb.DuckDBPyConnection)
    options = {"csv": "format csv, header true", "jsonl": "format json", "parquet": "format parquet"}[format]
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: no such folder {out.parent}")
    part = out.with_name(f".{out.name}.part")
    con.execute("set preserve_insertion_order = true")
    con.execute(f"copy ({query}) to '{str(part).replace(chr(39), chr(39) * 2)}' ({options})")
    part.replace(out)


def _print(con: object, query: str, format: str) -> None:
    import csv
    import json

    import duckdb

    assert isinstance(con, duckdb.DuckDBPyConnection)
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or []]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if format == "csv":
        writer.writerow(names)
    while rows := cursor.fetchmany(1000):
        for row in rows:
            if format == "csv":
                writer.writerow(["" if value is None else value for value in row])
            else:
                print(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False))
