"""What a source of videos is: facts, and a reader of its folders or of its list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core.clip import Seconds
from hoigen.data.sources.source import BadRows, Source


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happens from when to when.

    Args:
        start: second of the video where it begins.
        end: where it ends.
        action: what is done, in the source's own words.
    """

    start: Seconds
    end: Seconds
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A video of a source, or a folder of frames that is one; or why there is neither.

    Args:
        id: its name in the source.
        video: the file.
        frames: instead, the pictures with the second of each, in order.
        fps: frames per second of pictures.
        stretches: of several actions in it, one clip each, as the annotation has them: times that are none are told
            apart later; no stretches mean one clip, the whole.
        span: seconds that the clock of `stretches` gives the whole video; None where that is not said. Where the file
            is of another length, they are stretched to it.
        meta: what else is known of each of its clips: `object` is what is handled, `action` what is done to it.
        why: why it cannot be had.
    """

    id: str
    video: Path | None = None
    frames: Sequence[tuple[Path, Seconds]] = ()
    fps: float = 0.0
    stretches: Sequence[Stretch] = ()
    span: Seconds | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


Recordings = Callable[[Sequence[Path], float | None], Iterator[Recording]]
"""Called with the folders that one has, and frames per second where the user says them; gives each recording once."""
Rows = Callable[[str, BadRows], Iterator[Source]]
"""Called with the path of a list, and what becomes of rows that cannot be read (`hoigen.data.sources.read_sources`);
gives its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A source of videos. Its licence stands in the ledger (`release/rights.py`) under `name`, and nowhere else.

    Args:
        name: as the paper has it.
        place: in the paper's order.
        what: what it holds, in a few words.
        where: the address of its page.
        how: how its files are lawfully had.
        index: how what one has becomes a manifest.
        layout: by what its layout is known: repository, file, commit; and what of it is not verified.
        recordings: the reader of its folders.
        frames: whether what it reads there may be frames, whose rate the user may say.
        rows: or that of its list, whose rows are looked for among files that one has.
        expected: the ids that a file of the source lists (`release.txt`), of those that one might have.
    """

    name: str
    place: int
    what: str
    where: str
    how: str
    index: str
    layout: str
    recordings: Recordings | None = None
    frames: bool = False
    rows: Rows | None = None
    expected: Callable[[Path], Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if (self.recordings is None) == (self.rows is None):
            raise ValueError(f"{self.name}: one reader, `recordings` or `rows`")


def ids_of(path: Path) -> list[str]:
    """Ids of a text file, one a line, be it with the stroke of a folder; `#` starts a comment. Raises UsageError for
    what is no text.

    Args:
        path: of the file.
    """
    from hoigen.core.errors import UsageError
    from hoigen.data.rows import not_text

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        with path.open("rb") as file:
            raise UsageError(not_text(str(path), file)) from None
    names = (line.strip().strip("/") for line in lines if not line.lstrip().startswith("#"))
    return [name for name in names if name]
