"""One row of the input, and what the readers of folders and lists share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3g2", "3gp", "apng", "asf", "avi", "divx", "dv", "f4v", "flv", "gif", "ivf", "m2ts", "m2v", "m4v", "mj2"),
        *("mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "nut", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob"),
        *("webm", "wmv", "y4m", "h264", "264", "h265", "265", "hevc", "mjpeg", "mjpg"),
    )
)
PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".exr", ".dpx", ".webp", ".avif", ".heic"}
)
MANIFEST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
ALLOWED = (
    "a folder, a glob, a video, - for a list on stdin, or a manifest (.csv, .tsv, .jsonl, .json, .parquet) with a"
    " column `uri`"
)

BadRows = Literal["stop", "fail"]
"""What rows of a list that cannot be read do: all are named at once and nothing runs, or each is a failed row."""
UNREADABLE = "unreadable_row"
"""The key of a Source's `meta` under which the reason stands why its row could not be read."""
Say = Callable[[str], None]
"""Called with a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Source:
    """One row of the input. No `start` and no `end` mean the whole video, whose shots may then be found.

    Args:
        uri: path or address of the video.
        start: seconds where the clip begins.
        end: seconds where it ends.
        caption: what the list says of it.
        source: the data set it is from.
        licence: what it may be used for.
        meta: column -> value of what else the list says.
    """

    uri: str
    start: Seconds | None = None
    end: Seconds | None = None
    caption: str | None = None
    source: str | None = None
    licence: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


def absolute(uri: str) -> str:
    """A path as seen from any folder; addresses (with `://`) stay as they are.

    Args:
        uri: path or address of a video.
    """
    return uri if "://" in uri else str(Path(uri).expanduser().absolute())


def unreadable(path: str, error: Exception) -> UsageError:
    """What to raise for a list or folder that cannot be read: the user's error.

    Args:
        path: of the list or folder.
        error: what reading it raised.
    """
    return UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error or type(error).__name__}")
