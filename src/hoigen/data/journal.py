"""Journals of shards under way: what is finished survives a kill at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hoigen.data.columns import Row
from hoigen.data.files import Folder

FLUSH_ROWS = 64
FLUSH_SECONDS = 5.0


class Journal:
    """An append-only list of JSON lines of a shard under way. A torn last line (a kill in the middle of a write) is not
    read.

    On a disk a row is in the file at once. A store cannot append: there rows gather and are written as numbered
    segments, every few rows or seconds, so that a kill costs those of the last seconds.

    Args:
        folder: where it lies.
        name: of the file; of a store's segments, what they begin with.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self.folder, self.name = folder, name
        self._fd: int | None = None
        self._gathered: list[bytes] = []
        self._flushed = time.monotonic()

    def rows(self) -> Iterator[Row]:
        """All rows that are whole, in the order in which they came."""
        contents = []
        for name in [self.name] if self.folder.is_local else self._segments():
            with contextlib.suppress(FileNotFoundError):
                contents.append(self.folder.read(name))
        for content in [*contents, b"".join(self._gathered)]:
            for line in content.split(b"\n"):
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    yield row

    def append(self, row: Row) -> None:
        """Adds a `row`. Raises ValueError for what is no JSON."""
        data = json.dumps(row, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        if self.folder.is_local:
            if self._fd is None:
                path = Path(self.folder.path(self.name))
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                if os.fstat(self._fd).st_size:
                    os.write(self._fd, b"\n")  # closes a line that a kill has torn
            os.write(self._fd, data)
            return
        self._gathered.append(data)
        if len(self._gathered) >= FLUSH_ROWS or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self._flush()

    def _segments(self) -> list[str]:
        return [name for name in self.folder.names() if name.startswith(f"{self.name}.")]

    def _flush(self) -> None:
        if self._gathered:
            last = max((int(name.rpartition(".")[2]) for name in self._segments()), default=-1)
            self.folder.write(f"{self.name}.{last + 1:06d}", b"".join(self._gathered))
        self._gathered, self._flushed = [], time.monotonic()

    def close(self) -> None:
        """Nothing is lost after it; `append` opens it again."""
        self._flush()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def remove(self) -> None:
        """Deletes it."""
        self._gathered = []
        self.close()
        for name in [self.name] if self.folder.is_local else self._segments():
            self.folder.remove(name)
