"""Public sets of people's ratings, as rows of `agree`'s own format. They are told apart by their columns.

datapointai/text-2-video-human-preferences-motion (CC-BY-4.0), and those of Rapidata: prompt, model1, model2, and for
each question weighted_results1_Q and weighted_results2_Q, the shares of people who prefer either.
TIGER-Lab/VideoFeedback (Apache-2.0): id, text prompt, video link, and a whole number for each of five questions.

Source: the data sets' cards on the Hugging Face hub (October 2026). Read on made rows of that layout; the files
themselves were not read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hoigen.core.errors import UsageError, nearest
from hoigen.data.parquet import column_names
from hoigen.data.rows import reading, rows_of

PAIR = re.compile(r"weighted_results1_(.+)")
FEEDBACK = (
    "visual quality",
    "temporal consistency",
    "dynamic degree",
    "text-to-video alignment",
    "factual consistency",
)


def columns_of(path: Path) -> list[str]:
    """The columns of a file, in small letters, without reading it whole; none where it has no rows."""
    if path.suffix.lower() == ".parquet":
        with reading(path):
            return [name.strip().lower() for name in column_names(path)]
    first = next(iter(rows_of(path)), None)
    return [] if first is None else list(first.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Of two models' videos of one prompt, how many of those asked prefer the first, 0..1. place: for errors."""

    prompt: str
    first: str
    second: str
    share: float
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A video that was rated. video: its name; place: for errors."""

    video: str
    rating: float
    place: str


def preferences(path: Path, columns: Sequence[str], question: str | None) -> list[Preference] | None:
    """The votes of a set of preferences; None when the file is none.

    Args:
        path: the file.
        columns: of it.
        question: which of its questions; may be None where there is only one.

    Raises UsageError that names the line, the column and what came.
    """
    if not {"prompt", "model1", "model2"} <= set(columns):
        return None
    asked = {found[1]: found[0] for name in columns if (found := PAIR.fullmatch(name))}
    if not asked:
        return None
    chosen = _question(path, asked, question)
    made = []
    shares = [f"weighted_results{side}_{chosen}" for side in (1, 2)]  # a row may hold whole videos beside them
    for row in rows_of(path, ("prompt", "model1", "model2", *shares)):
        given = []
        for column in shares:
            value = row.number(column)
            if value is None or not 0 <= value <= 1:
                came = "it is empty" if value is None else f"it came as {value:g}"
                raise UsageError(f"{row.place}, column {column}: a share, 0 to 1; {came}")
            given.append(value)
        one, other = given
        if one + other <= 0:
            raise UsageError(f"{row.place}: nobody preferred either: weighted_results of {chosen!r} are both 0")
        made.append(
            Preference(
                prompt=row.need("prompt"),
                first=row.need("model1"),
                second=row.need("model2"),
                share=one / (one + other),
                place=row.place,
            )
        )
    return made


def feedback(path: Path, columns: Sequence[str], question: str | None) -> list[Rated] | None:
    """The ratings of VideoFeedback; None when the file is none. Arguments and errors as those of `preferences`."""
    if not {"id", "text prompt"} <= set(columns):
        return None
    asked = {name: name for name in FEEDBACK if name in columns}
    if not asked:
        return None
    chosen = _question(path, asked, question)
    made = []
    for row in rows_of(path, ("id", chosen)):
        value = row.number(chosen)
        if value is None:
            raise UsageError(f"{row.place}, column {chosen}: a number; it is empty")
        made.append(Rated(video=row.need("id"), rating=value, place=row.place))
    return made


def _question(path: Path, asked: Mapping[str, str], question: str | None) -> str:
    by_name = {name.lower().replace(" ", "_"): name for name in asked}
    if question is None:
        if len(asked) > 1:
            raise UsageError(f"{path}: it has several questions; --ratings-question: one of {', '.join(asked)}")
        return next(iter(asked))
    found = by_name.get(question.lower().replace(" ", "_"))
    if found is None:
        raise UsageError(f"--ratings-question {question}: no such question in {path}{nearest(question, asked)}")
    return found
