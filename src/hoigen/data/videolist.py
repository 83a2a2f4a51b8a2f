"""videos.parquet: the input list of a run, which only ever grows at its end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.clip import Seconds
from hoigen.data.files import Folder
from hoigen.data.tables import named
from hoigen.errors import Locked, RanksOpen, UsageError

if TYPE_CHECKING:
    from hoigen.data.sources import Source


PATIENCE: Seconds = 60.0
"""How long another process may take to add its rows."""


def write_or_extend(path: Path, sources: Iterable[Source]) -> int:
    """Writes the list, or adds what is new to it; how many rows were added.

    Rows that are there already stay where they are, since shards are cut by position. A row that is no longer
    in `sources` stays too: what was measured is not forgotten. Several processes may do so at once.

    Raises UsageError when there is none, or when one's scheme (s3://) is unknown or needs a package that is not
    installed; nothing is written then.
    """
    from hoigen.data.sources import write_videos

    known = _keys(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        count = write_videos(_unknown(_of_known_schemes(sources), Counter(known)), part)
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
                write_videos(_both(path, fresh), path)
        return len(fresh)
    finally:
        part.unlink(missing_ok=True)


def _keys(path: Path) -> Counter[int]:
    return Counter(_key(s.uri, s.start, s.end) for s in _read(path)) if path.exists() else Counter()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Waits for others, who take a moment. Raises RanksOpen when one takes longer than a minute."""
    until = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(Folder(str(path.parent)).lock(".lock-videos"))
                break
            except Locked:
                if time.monotonic() > until:
                    raise RanksOpen([], f"{path} is being written; start the same command again") from None
                time.sleep(0.02)
        yield


def _of_known_schemes(sources: Iterable[Source]) -> Iterator[Source]:
    """A scheme that nothing here can open is wrong input, not as many broken videos."""
    from hoigen.video import check_scheme

    seen: set[str] = set()
    for source in sources:
        scheme, mark, _ = source.uri.partition("://")
        if mark and (scheme not in seen or "::" in source.uri):
            check_scheme(source.uri)
            seen.add(scheme)
        yield source


def _key(uri: str, start: float | None, end: float | None) -> int:
    """64 bits of a digest: a list of millions is compared without being held."""
    from hoigen.data.sources.parquet import uri_text

    text = f"{uri_text(uri)}\0{start}\0{end}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def _unknown(sources: Iterable[Source], known: Counter[int]) -> Iterator[Source]:
    for source in sources:
        key = _key(source.uri, source.start, source.end)
        if known[key] > 0:
            known[key] -= 1
        else:
            yield source


def _read(path: Path) -> Iterator[Source]:
    import json

    import pyarrow.parquet as pq

    from hoigen.data.sources import Source

    with named(path), pq.ParquetFile(path) as videos:
        for batch in videos.iter_batches(batch_size=4096):
            for row in batch.to_pylist():
                yield Source(**{**row, "meta": json.loads(row["meta"] or "{}")})


def _both(path: Path, fresh: list[Source]) -> Iterator[Source]:
    yield from _read(path)
    yield from fresh
