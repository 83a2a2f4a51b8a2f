"""Rows of a CSV, TSV, JSONL or Parquet file with named columns; what is wrong is named by file, row and column."""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hoigen.errors import UsageError
from hoigen.sources import shown

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
TYPO = 0.8
"""How alike an unknown column and a known one must be for the unknown one to be taken for a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: cells by column, and where it stands (`claims.csv, line 3`)."""

    place: str
    cells: Mapping[str, Any]

    def text(self, column: str) -> str:
        """The cell as text; "" where there is none. Raises UsageError when it is no plain value."""
        value = self.cells.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value).strip()
        raise UsageError(f"{self.place}, column {column}: a text; it came as {shown(value)}")

    def need(self, column: str) -> str:
        """The cell as text. Raises UsageError when it is empty."""
        found = self.text(column)
        if not found:
            raise UsageError(f"{self.place}, column {column}: it is empty")
        return found

    def one_of(self, column: str, allowed: Sequence[str]) -> str:
        """The cell as one of some words; capitals, spaces and hyphens do not matter. "" where there is none."""
        came = self.text(column)
        found = "_".join(came.casefold().replace("-", " ").replace("_", " ").split())
        if found and found not in allowed:
            raise UsageError(f"{self.place}, column {column}: one of {', '.join(allowed)}; it came as {came!r}")
        return found


def rows_of(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a file. Columns beside those named are left alone, unless one looks like a name misspelt.

    Raises UsageError that names the file, the line or row, the column, what came and what is allowed.
    """
    readers = {".parquet": _parquet, ".jsonl": _jsonl, ".ndjson": _jsonl}
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: a file that ends in one of {', '.join(SUFFIXES)}")
    good: set[frozenset[str]] = set()
    try:
        for place, cells in readers.get(suffix, _csv)(path):
            named = {str(name).strip().lower(): value for name, value in cells.items()}
            columns = frozenset(named)
            if columns not in good:
                _check_columns(columns, place, needed, optional)
                good.add(columns)
            yield Row(place, named)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _check_columns(columns: Iterable[str], place: str, needed: Sequence[str], optional: Sequence[str]) -> None:
    here = sorted(columns)
    for name in needed:
        if name not in here:
            near = difflib.get_close_matches(name, here, n=1, cutoff=0.6)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise UsageError(f"{place}: no column {name}{hint} Columns here: {', '.join(here) or 'none'}")
    absent = [name for name in optional if name not in here]
    for name in here:
        near = difflib.get_close_matches(name, absent, n=1, cutoff=TYPO)
        if near and name not in needed and name not in optional:
            raise UsageError(f"{place}: unknown column {name!r}; did you mean {near[0]!r}? Else give it another name")


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        sign = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in first and "," not in first else ","
        reader = csv.reader(file, delimiter=sign, strict=True)
        try:
            columns = next(reader, [])
            if not any(columns):
                raise UsageError(f"{path} is empty; its first line names the columns")
            _check_twice([name.strip().lower() for name in columns], str(path))
            at = reader.line_num + 1
            for cells in reader:
                place, at = f"{path}, line {at}", reader.line_num + 1
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(columns):
                    raise UsageError(f"{place}: {len(cells)} cells; the header has {len(columns)} columns")
                yield place, dict(zip(columns, cells, strict=True))
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num}: not valid CSV: {error}") from None


def _check_twice(columns: Iterable[str], place: str) -> None:
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise UsageError(f"{place}: two columns are named {twice[0]!r}")


def _jsonl(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            place = f"{path}, line {number}"
            try:
                row = json.loads(line, object_pairs_hook=partial(_object, place=place))
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{place}: not valid JSON: {error}") from None
            if not isinstance(row, dict):
                raise UsageError(f"{place}: a row is an object; it came as {shown(row)}")
            yield place, row


def _object(pairs: list[tuple[str, Any]], place: str) -> dict[str, Any]:
    _check_twice([name.strip().lower() for name, _ in pairs], place)
    return dict(pairs)


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            _check_twice([name.strip().lower() for name in table.schema_arrow.names], str(path))
            number = 0
            for batch in table.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except pa.ArrowException as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error}") from None
