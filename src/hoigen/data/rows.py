"""The reader of tables that people bring: labels, ratings, claims, captions, prompts.

CSV and TSV as spreadsheet programs write them (a byte order mark, `;` or tabs between cells, a comma in numbers where
`;` is between cells, line ends inside quotes, a first line `sep=;`, nameless columns at the end), JSONL, JSON (a list
of objects) and Parquet. What is wrong is named by file, line, column, what came and what is allowed. Lists of videos
have a reader of their own (sources/manifests.py): they may be packed and lie on a store.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError, nearest, shown

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
YES_NO = {
    "yes": True, "keep": True, "true": True, "1": True, "no": False, "drop": False, "false": False, "0": False,
}  # fmt: skip
YES_OR_NO = "yes or no, keep or drop, true or false, 1 or 0"
TYPO = 0.8
"""How alike an unknown column and a known one must be for the unknown one to be taken for a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Args:
        place: where it stands (`claims.csv, line 3`).
        cells: its values by column, whose names are in small letters.
        comma: whether numbers may be written `0,5`.
    """

    place: str
    cells: Mapping[str, Any]
    comma: bool = False

    def text(self, column: str) -> str:
        """The cell in `column` as text; "" where there is none. Raises UsageError when it is no plain value."""
        value = self.cells.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer():  # whole numbers with gaps are floats in Parquet
            return str(int(value))
        if isinstance(value, str | int | float):
            return str(value).strip()
        raise UsageError(f"{self.place}, column {column}: a text; it came as {shown(value)}")

    def need(self, column: str) -> str:
        """The cell in `column` as text. Raises UsageError when it is empty."""
        if not (found := self.text(column)):
            raise UsageError(f"{self.place}, column {column}: it is empty")
        return found

    def one_of(self, column: str, allowed: Sequence[str]) -> str:
        """The cell as one of some words; "" where there is none. Capitals, spaces and hyphens do not matter.

        Args:
            column: its name.
            allowed: the words, in small letters, with `_` for a space.

        Raises UsageError when it is another word.
        """
        came = self.text(column)
        found = "_".join(came.casefold().replace("-", " ").replace("_", " ").split())
        if found and found not in allowed:
            close = difflib.get_close_matches(found, allowed, n=1, cutoff=0.6)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            words = ", ".join(allowed)
            raise UsageError(f"{self.place}, column {column}: one of {words}; it came as {came!r}{hint}")
        return found

    def yes_no(self, column: str) -> bool:
        """The cell in `column` as yes or no. Raises UsageError when it is empty or says anything else."""
        came = self.text(column)
        if came.casefold() not in YES_NO:
            raise UsageError(f"{self.place}, column {column}: {YES_OR_NO}; it came as {came!r}")
        return YES_NO[came.casefold()]

    def number(self, column: str, what: str = "a number", least: float = -math.inf) -> float | None:
        """The cell as a finite number; None where there is none.

        Args:
            column: its name.
            what: what is allowed, for the error.
            least: the least that is allowed.

        Raises UsageError when it is anything else.
        """
        came = self.text(column)
        if not came:
            return None
        try:
            value = float(came.replace(",", ".") if self.comma else came)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= least):
            raise UsageError(f"{self.place}, column {column}: {what}; it came as {came!r}")
        return value


def rows_of(
    path: Path,
    needed: Sequence[str] = (),
    optional: Sequence[str] = (),
    *,
    one_of: Sequence[Sequence[str]] = (),
    others: bool = True,
) -> Iterator[Row]:
    """The rows of a file, one after the other; empty lines are passed over.

    Args:
        path: a file that ends in one of SUFFIXES.
        needed: columns that must be there; capitals and spaces around names do not matter.
        optional: columns that may be there.
        one_of: groups of columns of which one each must be there.
        others: whether columns beside these are left alone (but for one that looks like a name misspelt), or refused.

    Raises UsageError that names the file, the line or row, the column, what came and what is allowed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: a file that ends in one of {', '.join(SUFFIXES)}")
    known = {*needed, *optional, *(name for group in one_of for name in group)}
    check = partial(_check_columns, needed=needed, optional=optional, one_of=one_of, others=others)
    with reading(path):
        if suffix == ".parquet":
            yield from _parquet(path, known, check)
            return
        good: set[frozenset[str]] = set()
        for row in _csv(path) if suffix in (".csv", ".tsv") else _objects(path, lines=suffix != ".json"):
            columns = frozenset(row.cells)
            if columns not in good:
                check(columns, row.place)
                good.add(columns)
            yield row


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever keeps the file `path` from being read as UTF-8 text is the user's error, with the line."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        with path.open("rb") as file:
            raise UsageError(not_text(path, file)) from None


def not_text(name: str | Path, lines: Iterable[bytes]) -> str:
    """Which line of a file is not UTF-8: a decoder reads in blocks and cannot say.

    Args:
        name: of the file.
        lines: its lines, from the first on.
    """
    for number, line in enumerate(lines, start=1):
        if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            return f"{name} is UTF-16; save it as UTF-8"
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            bad = line[error.start : error.start + 1]
            return f"{name}, line {number}: not UTF-8 text (byte {bad!r} at {error.start + 1}); save it as UTF-8"
    return f"{name} is not UTF-8 text"


def read_text(path: Path) -> str:
    """The text of the file `path`, which is UTF-8. Raises UsageError that names the file and the line."""
    with reading(path):
        return path.read_text(encoding="utf-8-sig")


def read_json(path: Path, hint: str = "") -> Any:
    """What a JSON file holds; a key that is given twice is an error. Raises UsageError that names the file.

    Args:
        path: the file.
        hint: what to say behind what is wrong.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=partial(_object, place=str(path)))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}{hint}") from None


def _check_columns(
    columns: Iterable[str],
    place: str,
    *,
    needed: Sequence[str],
    optional: Sequence[str],
    one_of: Sequence[Sequence[str]],
    others: bool,
) -> None:
    here = sorted(columns)
    columns_here = f"Columns here: {', '.join(here) or 'none'}"
    for name in needed:
        if name not in here:
            near = difflib.get_close_matches(name, here, n=1, cutoff=0.6)
            hint = f"; is it {near[0]!r}?" if near else "."
            raise UsageError(f"{place}: no column {name}{hint} {columns_here}")
    for group in one_of:
        if not set(group) & set(here):
            near = [name for wanted in group for name in difflib.get_close_matches(wanted, here, n=1, cutoff=TYPO)]
            hint = f"; is it {near[0]!r}?" if near else "."
            raise UsageError(f"{place}: one of the columns {', '.join(group)} is needed{hint} {columns_here}")
    known = {*needed, *optional, *(name for group in one_of for name in group)}
    absent = [name for name in optional if name not in here]
    for name in here:
        if name in known:
            continue
        if not others:
            raise UsageError(f"{place}: unknown column {name!r}{nearest(name, known)}")
        if near := difflib.get_close_matches(name, absent, n=1, cutoff=TYPO):
            raise UsageError(f"{place}: unknown column {name!r}; did you mean {near[0]!r}? Else give it another name")


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit((1 << 31) - 1)  # a cell may hold a long text
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        skipped = first.strip().lower().startswith("sep=") and len(first.strip()) == 5
        if skipped:
            sign = first.strip()[4]
        else:
            file.seek(0)
            signs = [sign for sign in ",;\t" if sign in first]
            sign = "\t" if path.suffix.lower() == ".tsv" else signs[0] if signs else ","
        reader = csv.reader(file, delimiter=sign, strict=True)
        above = int(skipped)
        try:
            columns = [name.strip().lower() for name in next(reader, [])]
            if not any(columns):
                raise UsageError(f"{path} is empty; its first line names the columns")
            _check_twice(columns, str(path))
            at = reader.line_num + 1
            for cells in reader:
                place, at = f"{path}, line {at + above}", reader.line_num + 1  # where it starts: a cell may hold lines
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(columns):
                    raise UsageError(f"{place}: {len(cells)} cells; the header has {len(columns)} columns")
                named = {name: cell for name, cell in zip(columns, cells, strict=True) if name}
                yield Row(place, named, comma=sign == ";")
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num + above}: not valid CSV: {error}") from None


def _check_twice(columns: Iterable[str], place: str) -> None:
    twice = [name for name, count in Counter(columns).items() if count > 1 and name]
    if twice:
        raise UsageError(f"{place}: two columns are named {twice[0]!r}")


def _objects(path: Path, *, lines: bool) -> Iterator[Row]:
    """Rows of JSON objects: one a line, or all in a list."""
    if lines:
        found = _lines(path)
    else:
        listed = read_json(path)
        if not isinstance(listed, list):
            raise UsageError(f"{path}: a list of objects, one a row; it came as {shown(listed)}")
        found = ((f"{path}, [{at}]", row) for at, row in enumerate(listed))
    for place, row in found:
        if not isinstance(row, dict):
            raise UsageError(f"{place}: a row is an object; it came as {shown(row)}")
        _check_twice([name.strip().lower() for name in row], place)
        yield Row(place, {name.strip().lower(): value for name, value in row.items()})


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                place = f"{path}, line {number}"
                try:
                    yield place, json.loads(line, object_pairs_hook=partial(_object, place=place))
                except (ValueError, RecursionError) as error:
                    raise UsageError(f"{place}: not valid JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]], place: str) -> dict[str, Any]:
    _check_twice([name for name, _ in pairs], place)
    return dict(pairs)


def _parquet(path: Path, known: set[str], check: Any) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            names = {name: name.strip().lower() for name in table.schema_arrow.names}
            _check_twice(names.values(), str(path))
            check(names.values(), str(path))
            wanted = [name for name, plain in names.items() if plain in known]  # others may hold pictures
            number = 0
            for batch in table.iter_batches(batch_size=4096, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield Row(f"{path}, row {number}", {names[name]: value for name, value in row.items()})
    except pa.ArrowException as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error}") from None
