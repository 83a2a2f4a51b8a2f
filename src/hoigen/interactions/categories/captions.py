"""Captions from a file of one's own: a table with a clip's id and its text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.data.rows import rows_of

ID_KEYS = ("id", "clip", "clip_id", "file", "video", "path")
TEXT_KEYS = ("caption", "text", "prompt")


def captions_in(path: Path) -> Iterator[tuple[str, str]]:
    """(id, caption) of each row that has a caption; rows without one are passed over, as clips without a caption are.

    Args:
        path: CSV, TSV, JSONL, JSON or Parquet. The id is in the first of the columns id, clip, clip_id, file, video,
            path that there is; the caption in caption, text or prompt.

    Raises UsageError that names the file, the line, and the columns.
    """
    for row in rows_of(path, one_of=(ID_KEYS, TEXT_KEYS)):
        id_key, text_key = (next(key for key in keys if key in row.cells) for keys in (ID_KEYS, TEXT_KEYS))
        text = row.cells[text_key]
        if not (isinstance(text, str) and text.strip()):
            continue
        clip = row.text(id_key)
        if not clip:
            raise UsageError(f"{row.place}, column {id_key}: a caption without the id of its clip: {text[:60]!r}")
        yield clip, text
