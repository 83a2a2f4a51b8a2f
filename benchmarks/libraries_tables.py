"""pandas and DuckDB against `hoigen.data.rows`: tables as spreadsheet programs and people write them.

python benchmarks/libraries_tables.py

A case is passed when the cells come as they were written, as text, or, where a file is at fault, an error is raised.
pandas guesses the separator (`sep=None`), DuckDB all that it can; both read text only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

BASE = ("numpy", "pyyaml", "fsspec", "pyarrow", "duckdb==2.0.1")
GOOD = [{"id": "a", "label": "yes"}, {"id": "b", "label": "no"}]
CASES: dict[str, tuple[bytes, list[dict[str, str]] | None]] = {
    "commas": (b"id,label\na,yes\nb,no\n", GOOD),
    "a byte order mark": (b"\xef\xbb\xbfid,label\na,yes\nb,no\n", GOOD),
    "semicolons": (b"id;label\r\na;yes\r\nb;no\r\n", GOOD),
    "tabs": (b"id\tlabel\na\tyes\nb\tno\n", GOOD),
    "a first line `sep=;`": (b"sep=;\nid;label\na;yes\nb;no\n", GOOD),
    "empty lines": (b"id,label\n\na,yes\n\nb,no\n\n", GOOD),
    "nameless columns at the end": (b"id,label,,\na,yes,,\nb,no,,\n", GOOD),
    "one column": (b"id\na\nb\n", [{"id": "a"}, {"id": "b"}]),
    "one row": (b"id,label\na,yes\n", GOOD[:1]),
    "numbers as they are": (b"id,label\n007,1\n1e3,0\n", [{"id": "007", "label": "1"}, {"id": "1e3", "label": "0"}]),
    "NA, null and None": (b"id,label\nNA,null\nNone,nan\n",
                          [{"id": "NA", "label": "null"}, {"id": "None", "label": "nan"}]),
    "line ends and commas in quotes": (b'id,label\n"a,\nb","say ""yes"""\n', [{"id": "a,\nb", "label": 'say "yes"'}]),
    "commas in a text with semicolons": (b"id;label\na;one, two\nb;four, five\n",
                                         [{"id": "a", "label": "one, two"}, {"id": "b", "label": "four, five"}]),
    "a row with too many cells": (b"id,label\na,yes,what\nb,no\n", None),
    "a row with too few cells": (b"id,label,why\na,yes,x\nb,no\n", None),
    "a column twice": (b"id,label,label\na,yes,no\n", None),
    "not UTF-8": (b"id,label\n\xe9,yes\nb,no\n", None),
    "a quote that never ends": (b'id,label\n"a,yes\nb,no\n', None),
    "no row, no column": (b"", None),
}  # fmt: skip


def by_ours(path: Path) -> list[dict[str, str]]:
    from hoigen.data.rows import rows_of

    return [{name: row.text(name) for name in row.cells} for row in rows_of(path, needed=("id",))]


def by_pandas(path: Path) -> list[dict[str, str]]:
    import pandas as pd

    found = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False)
    return [{str(name): str(value) for name, value in row.items()} for row in found.to_dict("records")]


def by_duckdb(path: Path) -> list[dict[str, str]]:
    import duckdb

    found = duckdb.sql(f"SELECT * FROM read_csv('{path}', all_varchar=true, header=true)")
    names = found.columns
    return [dict(zip(names, map(str, row), strict=True)) for row in found.fetchall()]


def measured() -> None:
    for name, read in (("ours", by_ours), ("pandas", by_pandas), ("DuckDB", by_duckdb)):
        failed: dict[str, Any] = {}
        for case, (content, wanted) in CASES.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "labels.csv")
                path.write_bytes(content)
                try:
                    found = read(path)
                except Exception as error:
                    if wanted is not None:
                        failed[case] = f"{type(error).__name__}: {str(error)[:50]}"
                    continue
            if found != wanted:
                failed[case] = json.dumps(found)[:70]
        print(f"{name}: {len(CASES) - len(failed)} of {len(CASES)} cases passed")
        for case, why in failed.items():
            print(f"    {case:<34} {why}")


def main() -> None:
    if "--inside" in sys.argv:
        measured()
        return
    from machine import headline

    print(headline())
    python = environment("tables", (*BASE, "pandas==3.1.1"))
    size = megabytes(python, ("numpy", "pyyaml", "fsspec", "pyarrow", "duckdb"))
    pandas, duckdb, ours = (start(python, f"import {name}") for name in ("pandas", "duckdb", "hoigen.data.rows"))
    print(f"pandas {version(python, 'pandas')}: {size:.0f} MB, import {pandas:.0f} ms of CPU")
    print(f"DuckDB: in the core already, import {duckdb:.0f} ms")
    print(f"ours: {lines('src/hoigen/data/rows.py')} lines, import {ours:.0f} ms", flush=True)
    subprocess.run([str(python), __file__, "--inside"], check=True, env=with_source())


if __name__ == "__main__":
    main()
