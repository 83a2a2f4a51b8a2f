"""What a file says of a clip's video, by the name that it has there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from hoigen.core.clip import Clip

T = TypeVar("T")


def base(uri: str) -> str:
    """The file's name alone."""
    return uri.rsplit("/", 1)[-1]


def of_clip(rows: Mapping[str, Sequence[T]], clip: Clip, what: str) -> Sequence[T] | str:
    """The rows of the clip's video, named by its path, its file's name or the clip's id; else why there are none.

    what: `rows` or `lines`, for people.
    """
    for name in (clip.uri, base(clip.uri), clip.id):
        if name in rows:
            return rows[name]
    alike = [name for name in rows if base(name) == base(clip.uri)]
    if len(alike) == 1:
        return rows[alike[0]]
    many = f": {len(alike)} videos of that name, in several folders" if alike else f" has no {what}"
    return f"{base(clip.uri)}{many}"
