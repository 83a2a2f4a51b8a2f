"""What lies in a folder of `hoigen cut`, and the note in it that says how it was cut and out of which runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from hoigen.core.errors import UsageError
from hoigen.data.files import write_text

NOTE = ".cut"
SUFFIXES = (".mp4", ".mkv")
"""Of the files, which are named after clips."""
Kind = Literal["exact", "copy", "blurred", "blurred, recall"]
KINDS: Mapping[Kind, str] = {
    "exact": "without --copy",
    "copy": "with --copy",
    "blurred": "with --blur-faces --faces precision",
    "blurred, recall": "with --blur-faces",
}
"""How a folder may be cut, which is the first line of its note, and how the command was then given."""
By = Literal["recall", "precision"]
"""What is asked of a find that is taken for a face: little, so that few faces are missed, or more, so that little else
is hidden."""
BLURRED: Mapping[By, Kind] = {"precision": "blurred", "recall": "blurred, recall"}
FACES: Mapping[Kind, By] = {kind: by for by, kind in BLURRED.items()}
"""The kinds whose faces are hidden, and by what they are found."""


def read(folder: Path) -> tuple[Kind, list[str]] | None:
    """How a folder was cut, of KINDS, and out of which runs; None where there is no note.

    Raises UsageError for a note that is damaged.
    """
    note = folder / NOTE
    if not os.path.lexists(note):
        return None
    try:
        kind, *runs = note.read_text(encoding="utf-8").splitlines() or ["empty"]
    except (OSError, ValueError) as error:
        kind, runs = getattr(error, "strerror", None) or "not UTF-8 text", []
    known = next((each for each in KINDS if each == kind), None)
    if known is None:
        raise UsageError(
            f"{note}, which notes how the folder was cut, is damaged ({kind[:60] or 'empty'}): give another folder, or "
            "delete that file when you know how its clips were cut"
        )
    return known, runs


def write(folder: Path, kind: Kind, runs: Sequence[str]) -> None:
    """Writes the note, whole or not at all.

    Args:
        folder: of the files.
        kind: how it is cut.
        runs: out of which runs, as whole paths.
    """
    write_text(folder / NOTE, "\n".join([kind, *runs]) + "\n")
