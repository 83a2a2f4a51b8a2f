"""Manifests: CSV, TSV, JSONL, JSON and Parquet with a `uri`, read as a stream."""

from __future__ import annotations

import bz2
import csv
import difflib
import functools
import gzip
import io
import itertools
import json
import lzma
import os
import re
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from hoigen.core import uris
from hoigen.core.errors import UsageError, shown
from hoigen.data.rows import not_text
from hoigen.data.sources.rows import ALIASES, FIELDS, PANDA, Downloads, Row, sources_of
from hoigen.data.sources.source import MANIFEST_SUFFIXES, PACKED_SUFFIXES, UNREADABLE, BadRows, Say, Source, unreadable

At = tuple[str, Row | UsageError]
"""Where a row stands in its list (`line 3`), and the row; or why it cannot be read."""
NAMED = 50
"""So many rows that cannot be read are named; beyond, they are counted."""
CHUNK = 1 << 16
"""Characters of a JSON list that are read at a time."""
SPACE = re.compile(r"\s*")
OTHER_TIMES = re.compile(
    r"(?:clip|video|shot|scene|segment)?[ _-]?(?:start|end|begin|stop|from|to|t0|t1)"
    r"(?:[ _-]?(?:frames?|ms|msec|time|sec|s|seconds|stamp|timestamp|idx|index|milliseconds)){0,2}",
    re.IGNORECASE,
)
"""Columns that may be meant to say where a clip begins or ends."""
MOST_TIMES, LEAST_UNPACKED = 100, 64 << 20
"""A packed list may come to so many times its own bytes, and to so many bytes in any case. Of this project's own: zeros
come to a thousand times theirs and more."""
UNPACK: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


class NoPlaces(UsageError):
    """No column of a list says where its videos are."""


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


def read(
    path: str, bad_rows: BadRows = "stop", names: Mapping[str, str] | None = None, say: Say | None = None
) -> Iterator[Source]:
    """Rows of a manifest. Paths in it are relative to its own folder.

    Args:
        path: path or address of the list; its suffix says what it is.
        bad_rows: as of `read_sources`.
        names: a column of the list -> what it is read as (`clip_path` -> `uri`), where the list has other names.
        say: called with columns that look like times and are not read as such.

    Raises UsageError with the lines or rows and the keys; a list that is not there, at once.
    """
    if "://" not in path and not Path(path).expanduser().exists():
        raise UsageError(f"no such manifest: {path}")
    kind = kind_of(path)
    if kind == ".parquet":
        rows = _parquet(path)
    else:
        by_lines, whole = kind in (".jsonl", ".ndjson"), kind == ".json"
        tabs = "\t" if kind == ".tsv" else ","
        rows = _jsonl(path) if by_lines else _json(path) if whole else _csv(path, tabs, names or {})
    if names:
        rows = (
            (at, row if isinstance(row, UsageError) else {names.get(key, key): value for key, value in row.items()})
            for at, row in rows
        )
    return _sources(rows, path, bad_rows, say)


def _sources(rows: Iterator[At], path: str, bad_rows: BadRows, say: Say | None) -> Iterator[Source]:
    """The Sources of a list's rows. Rows that cannot be read: see `read_sources`."""
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
    bad: list[str] = []
    count = 0
    for at, row in rows:
        count += 1
        try:
            if isinstance(row, UsageError):
                raise row
            if say is not None:
                if other := [name for name in row if OTHER_TIMES.fullmatch(name) and name.lower() not in FIELDS]:
                    say(f"{path}: {', '.join(other)}: kept, and not read as times; seconds in `start` and `end` are")
                say = None
            yield from list(sources_of(row, f"{path}, {at}", located, downloads))
        except UsageError as error:
            if bad_rows == "fail":
                place = path if remote else str(Path(path).expanduser().absolute())
                yield Source(f"{place}, {at}", meta={UNREADABLE: str(error)})
            else:
                bad.append(str(error) if len(bad) < NAMED else "")
    if bad:
        told = [error.removeprefix(f"{path}, ") for error in bad[:NAMED]]
        told += [f"and {len(bad) - NAMED:,} more"] if len(bad) > NAMED else []
        head = [] if len(bad) == 1 else [f"{path}: {len(bad):,} of {count:,} rows cannot be read:"]
        remedy = ["With --set bad_rows=fail they are failed rows beside the others"] if len(bad) < count else []
        raise UsageError("\n  ".join([*head, *(told if head else bad), *remedy]))
    if not count:
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
            yield io.BufferedReader(_Unpacked(path, file, stack.enter_context(unpack(file)))) if unpack else file
    except (OSError, EOFError, ImportError, zlib.error, lzma.LZMAError) as error:
        raise unreadable(path, error) from None


class _Unpacked(io.RawIOBase):
    """What comes of a packed file, as long as it is in proportion to what was read of it."""

    def __init__(self, path: str, packed: IO[bytes], file: IO[bytes]) -> None:
        self.path, self.packed, self.file, self.came = path, packed, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        found = self.file.read(len(into))
        into[: len(found)] = found
        self.came += len(found)
        taken = self.packed.tell()
        if self.came > max(LEAST_UNPACKED, MOST_TIMES * taken):
            raise UsageError(
                f"{self.path}: more than {self.came >> 20} MiB came of {taken:,} bytes; a packed list may come to "
                f"{MOST_TIMES} times its bytes, or {LEAST_UNPACKED >> 20} MiB. If you want to read it, unpack it"
            )
        return len(found)


def _text(path: str, *, lines: bool = True) -> Iterator[str]:
    """Lines with their own ends, as text, or pieces of CHUNK characters. A line that is not UTF-8 is named."""
    with _opened(path) as file:
        try:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            yield from text if lines else iter(functools.partial(text.read, CHUNK), "")
        except UnicodeDecodeError:
            with _opened(path) as again:
                raise UsageError(not_text(path, again)) from None


def _csv(path: str, delimiter: str, names: Mapping[str, str]) -> Iterator[At]:
    csv.field_size_limit((1 << 31) - 1)  # cells of Panda-70M are long lists
    reader = csv.reader(_text(path), delimiter=delimiter, strict=True)
    at = 1
    try:
        columns = [name.strip() for name in next(reader, [])]
        if lacking := [name for name in names if name not in columns]:
            raise UsageError(f"{path}: no column {lacking[0]!r}. Columns here: {', '.join(columns)}")
        columns = [names.get(name, name) for name in columns]
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
            raise NoPlaces(
                f"{path}: no column says where the videos are: one of {', '.join(ALIASES['uri'])} is needed{hint} "
                f"Columns here: {', '.join(columns)}"
            )
        while True:
            at = reader.line_num + 1  # where the row starts: a quoted cell may run over several lines
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield f"line {at}", UsageError(f"{path}, line {at}: not valid CSV: {error}")
                continue
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(columns):
                quotes = "; a cell that holds a comma stands in quotes" if len(cells) > len(columns) else ""
                said = f"{path}, line {at}: {len(cells)} cells; the header has {len(columns)} columns{quotes}"
                yield f"line {at}", UsageError(said)
            else:
                yield f"line {at}", dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path}, line {at}: not valid CSV: {error}") from None


def _check_twice(columns: Iterable[str], path: str) -> None:
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise UsageError(f"{path}: two columns are named {twice[0]!r}; a name stands for one")


def _jsonl(path: str) -> Iterator[At]:
    for number, line in enumerate(_text(path), start=1):
        if line.strip():
            at = f"line {number}"
            try:
                yield at, _row(json.loads(line, object_pairs_hook=_object), f"{path}, {at}")
            except (ValueError, RecursionError) as error:
                yield at, UsageError(f"{path}, {at}: not valid JSON: {error}")


def _row(found: Any, place: str) -> Row | UsageError:
    if isinstance(found, dict):
        return found
    return UsageError(f'{place}: a row is an object ({{"uri": "a.mp4"}}); it came as {shown(found)}')


def _json(path: str) -> Iterator[At]:
    """Entries of a list of objects or of paths, of which few are held at a time. Objects a line (JSON lines under
    another name) are read as such."""
    needed = f'{path}: a list of objects is needed, [{{"uri": "a.mp4"}}, ...]'
    pieces = _text(path, lines=False)
    text = next((piece for piece in pieces if piece.strip()), "").lstrip()
    if text.startswith("{"):
        line = next(line for line in _text(path) if line.strip())
        if not line.rstrip().endswith("}"):
            raise UsageError(f"{needed}; it came as one object")
        yield from _jsonl(path)
        return
    if not text.startswith("["):
        raise UsageError(f"{needed}; it begins with {shown(text[:40])}")
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    at, number, comma = 1, 0, False
    while True:
        at = SPACE.match(text, at).end()  # type: ignore[union-attr]
        sign = text[at : at + 1]
        if sign == "]" and not comma:
            break
        if sign and number and not comma:
            if sign != ",":
                raise UsageError(f"{path}, entry {number}: not valid JSON: a comma or ] is needed behind it")
            at, comma = at + 1, True
            continue
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:  # it may go on in the file
            grown = "".join(itertools.islice(pieces, 1 + (len(text) - at) // CHUNK))  # twice as much each time
            if not grown or isinstance(error, RecursionError):
                raise UsageError(f"{path}, entry {number + 1}: not valid JSON: {error}") from None
            text, at = text[at:] + grown, 0
            continue
        number, comma = number + 1, False
        place = f"entry {number}"
        yield place, {"uri": found} if isinstance(found, str) else _row(found, f"{path}, {place}")
    if rest := (text[at + 1 :] + "".join(itertools.islice(pieces, 1))).strip():
        raise UsageError(f"{path}: not valid JSON: behind the list comes {shown(rest[:40])}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"key {twice!r} is given twice")
    return made


def _parquet(path: str) -> Iterator[At]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(path) as opened, tempfile.TemporaryFile() as spool:
        file = opened
        if not opened.seekable():
            shutil.copyfileobj(opened, spool)
            file = spool
        try:
            with pq.ParquetFile(file) as table:
                _check_twice(table.schema_arrow.names, path)
                number = 0
                for batch in table.iter_batches(batch_size=4096, columns=_without_contents(table, path)):
                    for at, field in enumerate(batch.schema):
                        if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
                            # Python knows no nanoseconds; a date goes to meta as text anyway
                            batch = batch.set_column(at, field.name, batch.column(at).cast(pa.string()))
                    for row in batch.to_pylist():
                        number += 1
                        yield f"row {number}", row
        except (pa.ArrowException, ValueError, OverflowError) as error:  # a text that is not UTF-8, a date of no year
            raise unreadable(path, error) from None


def _without_contents(table: Any, path: str) -> list[str] | None:
    """Columns to be read of a Parquet list: of a video as `datasets` writes it (`{bytes, path}`), the path alone.

    None is all. Raises UsageError where the table holds the files themselves: a run is of files to go back to.
    """
    leaves = [table.schema.column(at).path for at in range(len(table.schema.names))]
    contents = [leaf for leaf in leaves if leaf.endswith(".bytes") and f"{leaf.removesuffix('bytes')}path" in leaves]
    contents = [leaf for leaf in contents if leaf.split(".")[0].lower() in ALIASES["uri"] and leaf.count(".") == 1]
    for leaf in contents:
        groups = (table.metadata.row_group(at) for at in range(table.metadata.num_row_groups))
        if any(
            group.column(leaves.index(leaf)).total_uncompressed_size > 64 * group.num_rows + 1024 for group in groups
        ):
            raise UsageError(
                f"{path}: its column {leaf.split('.')[0]!r} holds the files themselves, and hoigen reads files: write "
                'them out first (docs/videos.md, "Lists of others", has the lines)'
            )
    return [leaf for leaf in leaves if leaf not in contents] if contents else None
