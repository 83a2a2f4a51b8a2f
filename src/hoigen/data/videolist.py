"""videos.parquet: the input list of a run, which only ever grows at its end.

Columns: uri, start, end, caption, source, licence, meta (JSON text).
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hoigen.core.clip import Seconds
from hoigen.core.errors import Locked, RanksOpen, UsageError
from hoigen.core.words import plural
from hoigen.data.files import Folder
from hoigen.data.parquet import named
from hoigen.data.sources.source import Source

COLUMNS = ("uri", "start", "end", "caption", "source", "licence", "meta")
BATCH = 10_000
PATIENCE: Seconds = 60.0
"""How long another process may take to add its rows."""


def write_videos(sources: Iterable[Source], path: Path, *, batch: int = BATCH) -> int:
    """Streams rows to a Parquet file, whole or not at all.

    Args:
        sources: the rows, in order.
        path: the file; its folder is made.
        batch: rows that are held and written at a time.

    Returns how many there were.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.float64() if name in ("start", "end") else pa.string()) for name in COLUMNS])
    count = 0
    left = iter(sources)
    with Folder(str(path.parent)).writing(path.name) as file, pq.ParquetWriter(file, schema) as writer:
        while some := list(itertools.islice(left, batch)):
            rows = []
            for source in some:
                texts = {name: _utf8(getattr(source, name)) for name in ("caption", "source", "licence")}
                try:
                    meta = json.dumps(source.meta or {}, ensure_ascii=False, allow_nan=False)
                except (TypeError, ValueError):
                    meta = json.dumps(_plain(source.meta), ensure_ascii=False, allow_nan=False)
                where = {"uri": _uri_text(source.uri), "start": source.start, "end": source.end}
                rows.append({**where, **texts, "meta": _utf8(meta)})
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Waits for others who write the list. Raises RanksOpen when one takes longer than a minute."""
    until = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(Folder(str(path.parent)).lock(".lock-videos"))
                break
            except Locked:
                if time.monotonic() > until:
                    raise RanksOpen([], f"{path} is being written; start the same command again") from None
                time.sleep(0.02)
        yield


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Writes the list anew, whole or not at all, in the same order.

    Args:
        path: the file.
        change: makes a row of what is written there out of the row that was.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        _locked(path),
        named(path),
        pq.ParquetFile(path) as before,
        Folder(str(path.parent)).writing(path.name) as file,
        pq.ParquetWriter(file, before.schema_arrow) as writer,
    ):
        for batch in before.iter_batches(batch_size=BATCH):
            changed = [change(row) for row in batch.to_pylist()]
            writer.write_table(pa.Table.from_pylist(changed, schema=before.schema_arrow))


def uris_of(path: Path) -> Iterator[str]:
    """The videos of the list at `path`, in order; one that has several rows comes as often."""
    import pyarrow.parquet as pq

    with named(path), pq.ParquetFile(path) as videos:
        for batch in videos.iter_batches(batch_size=BATCH, columns=["uri"]):
            yield from batch.column(0).to_pylist()


def spread(path: Path, count: int) -> list[str]:
    """Places of some videos of the list, spread evenly over it, the first and the last among them.

    Args:
        path: the file.
        count: how many, about.
    """
    import pyarrow.parquet as pq

    found: list[str] = []
    before = 0
    with named(path), pq.ParquetFile(path) as videos:
        listed = videos.metadata.num_rows
        wanted = sorted({at * listed // count for at in range(count)} | {listed - 1})
        for group in range(videos.num_row_groups):
            rows = videos.metadata.row_group(group).num_rows
            if here := [at - before for at in wanted if before <= at < before + rows]:
                uris = videos.read_row_group(group, ["uri"])["uri"]
                found += [uris[at].as_py() for at in here]
            before += rows
    return found


def _uri_text(uri: str) -> str:
    """A path whose name is not UTF-8 as a file:// URI with its bytes written as %FF, so that it can be opened."""
    try:
        uri.encode("utf-8")
    except UnicodeEncodeError:
        if "://" not in uri:
            return f"file://{quote(os.fsencode(uri))}"
    return _utf8(uri) or ""


def _utf8(text: str | None) -> str | None:
    r"""Parquet holds UTF-8 only; what is none is written as \ud8ff, where an error would stop everything else."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    """A value as JSON can hold it. NaN and infinity, which JSON has not, become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"  # a table of rows is no place for pictures
    return value if isinstance(value, str | int | bool | None) else str(value)


def write_or_extend(path: Path, sources: Iterable[Source], gone: Callable[[int], object] = lambda count: None) -> int:
    """Writes the list, or adds what is new to it; how many rows were added.

    Rows that are there already stay where they are, since shards are cut by position. A row that is no longer
    in `sources` stays too: what was measured is not forgotten. Several processes may do so at once.

    Args:
        path: the file.
        sources: the rows, in order.
        gone: called with how many rows are there that are not in `sources`, when there are some.

    Raises UsageError when there is none, or when one's scheme (s3://) is unknown or needs a package that is not
    installed; nothing is written then. RanksOpen when another process takes longer than a minute to add its rows.
    """
    known = _keys(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        left = Counter(known)
        count = write_videos(_unknown(_of_known_schemes(sources), left), part)
        if missing := left.total():
            gone(missing)
        if not count:
            if not known:
                raise UsageError("no videos were found: the folder, glob or list is empty")
            return 0
        with _locked(path):  # not before: reading the sources may have taken long
            if not path.exists():
                part.replace(path)
                return count
            fresh = list(_unknown(_read(part), _keys(path) - known))  # what others have added meanwhile is there
            if fresh:
                write_videos(itertools.chain(_read(path), fresh), path)
        return len(fresh)
    finally:
        part.unlink(missing_ok=True)


def said_of_gone(run: Path, count: int) -> str:
    """What is told of videos of a run that its list has no longer.

    Args:
        run: its folder.
        count: of them.
    """
    are, stay, them = ("is", "stays", "it") if count == 1 else ("are", "stay", "them")
    return (
        f"{plural(count, 'video')} of {run} {are} no longer in the list, and {stay} in the run with what was measured; "
        f"to leave {them} out, give the list a run of its own (another --run)"
    )


def _keys(path: Path) -> Counter[int]:
    return Counter(_key(s.uri, s.start, s.end) for s in _read(path)) if path.exists() else Counter()


def _of_known_schemes(sources: Iterable[Source]) -> Iterator[Source]:
    """A scheme that nothing here can open is wrong input, not as many broken videos."""
    from hoigen.core.uris import check_scheme

    seen: set[str] = set()
    for source in sources:
        scheme, mark, _ = source.uri.partition("://")
        if mark and (scheme not in seen or "::" in source.uri):
            check_scheme(source.uri)
            seen.add(scheme)
        yield source


def _key(uri: str, start: float | None, end: float | None) -> int:
    """64 bits of a digest: a list of millions is compared without being held."""
    text = f"{_uri_text(uri)}\0{start}\0{end}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def _unknown(sources: Iterable[Source], known: Counter[int]) -> Iterator[Source]:
    for source in sources:
        key = _key(source.uri, source.start, source.end)
        if known[key] > 0:
            known[key] -= 1
        else:
            yield source


def _read(path: Path) -> Iterator[Source]:
    import pyarrow.parquet as pq

    with named(path), pq.ParquetFile(path) as videos:
        for batch in videos.iter_batches(batch_size=4096):
            for row in batch.to_pylist():
                yield Source(**{**row, "meta": json.loads(row["meta"] or "{}")})
