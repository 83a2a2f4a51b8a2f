"""Manifests: CSV, TSV, JSONL and Parquet with a `uri`, read as a stream."""

from __future__ import annotations

import bz2
import csv
import difflib
import gzip
import io
import json
import lzma
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from hoigen.core import uris
from hoigen.core.errors import UsageError, shown
from hoigen.data.rows import not_text
from hoigen.data.sources.rows import ALIASES, PANDA, Downloads, Row, sources_of
from hoigen.data.sources.source import MANIFEST_SUFFIXES, PACKED_SUFFIXES, Source, unreadable

UNPACK: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def kind_of(path: str) -> str:
    """The suffix that says what a list is (`.csv`), that of a packed one (`list.csv.gz`) too; "" when it is no list.

    Args:
        path: path or address.
    """
    name = PurePosixPath(path.partition("?")[0])
    if name.suffix.lower() in PACKED_SUFFIXES:
        name = name.with_suffix("")
    suffix = name.suffix.lower()
    return suffix if suffix in MANIFEST_SUFFIXES else ""


def read(path: str) -> Iterator[Source]:
    """Rows of a manifest. Paths in it are relative to its own folder.

    Args:
        path: path or address of the list; its suffix says what it is.

    Raises UsageError with the line or row and the key; a list that is not there, at once.
    """
    if "://" not in path and not Path(path).expanduser().exists():
        raise UsageError(f"no such manifest: {path}")
    kind = kind_of(path)
    if kind == ".parquet":
        rows = _parquet(path)
    else:
        rows = _jsonl(path) if kind in (".jsonl", ".ndjson") else _csv(path, "\t" if kind == ".tsv" else ",")
    return _sources(rows, path)


def _sources(rows: Iterator[tuple[str, Row]], path: str) -> Iterator[Source]:
    """The Sources of a list's rows, each of which comes with where it stands in the list (`line 3`)."""
    remote = "://" in path
    folder = path.rpartition("/")[0] if remote else str(Path(path).expanduser().absolute().parent)

    def located(uri: str) -> str:
        if "://" in uri:
            return uri
        if remote:
            return f"{folder}/{uri}"
        if uri.startswith(("~", ".")) or "/." in uri or "//" in uri:
            return str(Path(folder, Path(uri).expanduser()))  # ./ and // go, so that one file has one name
        return os.path.join(folder, uri)

    downloads = Downloads(path)
    empty = True
    for at, row in rows:
        empty = False
        yield from sources_of(row, f"{path}, {at}", located, downloads)
    if empty:
        raise UsageError(f"{path} holds no rows")


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of the file, here or on a store, unpacked; whatever cannot be read is the user's error."""
    try:
        with ExitStack() as stack:
            # a file of this machine is opened as such, whatever signs its name holds; others by their scheme alone
            remote = bool(uris.scheme_of(path))
            file = stack.enter_context(uris.open_remote(path) if remote else Path(path).expanduser().open("rb"))
            unpack = UNPACK.get(PurePosixPath(path.partition("?")[0]).suffix.lower())
            yield stack.enter_context(unpack(file)) if unpack else file
    except (OSError, EOFError, ImportError, zlib.error, lzma.LZMAError) as error:
        raise unreadable(path, error) from None


def _lines(path: str) -> Iterator[str]:
    """Lines with their own ends, as text. A line that is not UTF-8 is named."""
    with _opened(path) as file:
        try:
            yield from io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        except UnicodeDecodeError:
            with _opened(path) as again:
                raise UsageError(not_text(path, again)) from None


def _csv(path: str, delimiter: str) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit((1 << 31) - 1)  # cells of Panda-70M are long lists
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    at = 1
    try:
        columns = [name.strip() for name in next(reader, [])]
        if not any(columns):
            raise UsageError(f"{path} is empty; its first line names the columns, `uri` among them")
        _check_twice(columns, path)
        if not {name.lower() for name in columns} & {*ALIASES["uri"], *(name.lower() for name in PANDA)}:
            if len(columns) == 1 and (sign := next((s for s in ";\t|," if s in columns[0]), None)):
                raise UsageError(f"{path}: one column, {columns[0]!r}; cells are separated by {sign!r} there, it seems")
            hint = "."
            for name in columns:
                if close := difflib.get_close_matches(name.lower(), ALIASES["uri"], n=1, cutoff=0.6):
                    hint = f"; did you mean {close[0]!r} with {name!r}?"
                    break
            raise UsageError(
                f"{path}: no column says where the videos are: one of {', '.join(ALIASES['uri'])} is needed{hint} "
                f"Columns here: {', '.join(columns)}"
            )
        while True:
            at = reader.line_num + 1  # where the row starts: a quoted cell may run over several lines
            cells = next(reader, None)
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(columns):
                raise UsageError(f"{path}, line {at}: {len(cells)} cells; the header has {len(columns)} columns")
            yield f"line {at}", dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path}, line {at}: not valid CSV: {error}") from None


def _check_twice(columns: Iterable[str], path: str) -> None:
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise UsageError(f"{path}: two columns are named {twice[0]!r}; a name stands for one")


def _jsonl(path: str) -> Iterator[tuple[str, Row]]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        at = f"line {number}"
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, {at}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise UsageError(f'{path}, {at}: a row is an object ({{"uri": "a.mp4"}}); it came as {shown(row)}')
        yield at, row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"key {twice!r} is given twice")
    return made


def _parquet(path: str) -> Iterator[tuple[str, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(path) as file:
        try:
            with pq.ParquetFile(file) as table:
                _check_twice(table.schema_arrow.names, path)
                number = 0
                for batch in table.iter_batches(batch_size=4096):
                    for at, field in enumerate(batch.schema):
                        if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
                            # Python knows no nanoseconds; a date goes to meta as text anyway
                            batch = batch.set_column(at, field.name, batch.column(at).cast(pa.string()))
                    for row in batch.to_pylist():
                        number += 1
                        yield f"row {number}", row
        except (pa.ArrowException, ValueError, OverflowError) as error:  # a text that is not UTF-8, a date of no year
            raise unreadable(path, error) from None
