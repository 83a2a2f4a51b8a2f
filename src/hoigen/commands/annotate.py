"""hoigen annotate: what people said of clips, from a file into the run."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.data.annotations import Annotation
    from hoigen.data.rows import Row

TOOL = "hoigen annotate"
KEYS = ("id", "clip", "uri", "file", "video")
VALUES = ("label", "rating", "value")


@dataclass(frozen=True, slots=True)
class Annotated:
    """What was added to a run. rows: of the file. added: annotations that say something new. known: those that the run
    had already. unknown: names in the file that are no clip of the run."""

    run: Path
    rows: int
    added: int
    known: int
    unknown: list[str]

    def __str__(self) -> str:
        told = f"{self.run}: {plural(self.added, 'annotation')} added from {plural(self.rows, 'row')}"
        told += f", {plural(self.known, 'was', 'were')} there already" if self.known else ""
        if self.unknown:
            told += (
                f"\nnote: {plural(len(self.unknown), 'name is', 'names are')} no clip that this run measures, such as "
            )
            told += ", ".join(self.unknown[:3])
        return told


def annotate(
    run: RunFolder,
    file: typing.Annotated[
        Path,
        Setting(
            "a table (CSV, TSV, JSONL, JSON, Parquet) with a column id (a clip), or uri or file (all clips of a "
            "video), and a column label (yes or no), rating (a number) or value (any word); maybe question, who, "
            "when and note"
        ),
    ],
    *,
    question: typing.Annotated[
        str | None, Setting("what was asked, in a word (good); else the column question says it")
    ] = None,
    who: typing.Annotated[str | None, Setting("who said it; else the column who says it")] = None,
) -> Annotated:
    """Puts what people said of clips into the run, where suggest, calibrate and agree find it.

    Returns how much was added. Raises UsageError that names the file, the line, the column, what came and what is
    allowed; nothing is added then.
    """
    from hoigen.data.annotations import Annotations
    from hoigen.data.rows import rows_of
    from hoigen.data.run import Run
    from hoigen.rules import decide
    from hoigen.rules.labels import clips_named
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    rows = list(rows_of(Path(file), (), ("question", "who", "when", "tool", "note"), one_of=(KEYS, VALUES)))
    if not rows:
        raise UsageError(f"{file} holds no rows")
    key = next(key for key in KEYS if key in rows[0].cells)
    names = list(dict.fromkeys(row.need(key) for row in rows))
    clips: dict[str, list[str]] = {}
    with decide.connect(folder, steps) as con:
        for name, clip, *_ in clips_named(con, Path(file), "id" if key == "clip" else key, names):
            clips.setdefault(name, []).append(clip)
    made = [each for row in rows for each in _made(row, clips.get(row.need(key), []), question, who)]
    first: dict[tuple[object, ...], tuple[str, Annotation]] = {}
    for place, each in made:  # a person says one thing of a clip, unless the times tell which came first
        before, other = first.setdefault((each.clip, each.question, each.who, each.when), (place, each))
        if other.value != each.value:
            said = f"{each.who} says both {other.value!r} and {each.value!r} of clip {each.clip}"
            raise UsageError(f"{place}: {said} (see {before})")
    table = Annotations(folder)
    new = table.only_new(each for _, each in made)
    table.append(new)
    return Annotated(
        folder.path, len(rows), len(new), len(made) - len(new), [name for name in names if name not in clips]
    )


def _made(row: Row, clips: list[str], question: str | None, who: str | None) -> list[tuple[str, Annotation]]:
    """The annotations of one row, each with its place."""
    from hoigen.data.annotations import Annotation

    if "label" in row.cells:
        value = "yes" if row.yes_no("label") else "no"
    elif "rating" in row.cells:
        row.number("rating")
        value = row.need("rating").replace(",", ".") if row.comma else row.need("rating")
    else:
        value = row.need("value")
    asked, person = row.text("question") or question, row.text("who") or who
    if not asked:
        raise UsageError(f"{row.place}: what was asked? Give --question, or a column question")
    if not person:
        raise UsageError(f"{row.place}: who said it? Give --who, or a column who")
    at = row.cells.get("when")
    came = "" if isinstance(at, datetime) else row.text("when")
    try:
        when = at if isinstance(at, datetime) else datetime.fromisoformat(came) if came else None
    except ValueError:
        told = "a time such as 2026-11-26T15:02:00+00:00, in UTC where it names no zone"
        raise UsageError(f"{row.place}, column when: {told}; it came as {came!r}") from None
    if when is not None and when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    facts = {"question": asked, "value": value, "who": person, "note": row.text("note")}
    return [(row.place, Annotation(clip=clip, tool=row.text("tool") or TOOL, when=when, **facts)) for clip in clips]
