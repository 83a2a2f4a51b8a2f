"""hoigen agree: do the numbers put videos in the order in which people put them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import Seed, check_draws, write_out
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.evaluation.models.forms import Format

if TYPE_CHECKING:
    from hoigen.evaluation.models.grid import Table
    from hoigen.evaluation.models.people import Opinion
    from hoigen.evaluation.models.ratings import Agreement


@dataclass(frozen=True, slots=True)
class Agreed:
    """Each number against people, over videos; and the models as people rank them."""

    numbers: Sequence[Agreement]
    table: Table
    opinion: Opinion
    more: Sequence[Table] = ()
    format: Format = "markdown"

    def __str__(self) -> str:
        from hoigen.evaluation.models.forms import written

        return written([self.table, *self.more], (), self.format)


def agree(
    run: Annotated[Path, Setting("the folder of a run of hoigen evaluate, or a result file of VBench")],
    ratings: Annotated[
        Path,
        Setting(
            "CSV, TSV, JSONL, JSON or Parquet: video and rating, or first, second and winner (first, second, tie); "
            "maybe rater. docs/agree.md tells how videos are named, and which public sets are read as they are. Or the "
            "folder of a run with annotations"
        ),
    ],
    *,
    ratings_question: Annotated[
        str | None,
        Setting("of annotations or a public set, whose answers are the ratings; not needed where there is only one"),
    ] = None,
    measures: Annotated[
        list[str] | None,
        Setting(
            "a number to hold against people; may be given more than once. All of the run of which one end is better"
            " when not given"
        ),
    ] = None,
    format: Annotated[Format, Setting("markdown, csv, latex or html")] = "markdown",
    out: Annotated[Path | None, Setting("a file to write instead of the screen")] = None,
    draws: Annotated[int, Setting("resamples of prompts for intervals")] = 2_000,
    seed: Seed = 0,
) -> Agreed:
    """Measures how well each number agrees with people, over videos and over models, and how well people agree.

    Over videos Spearman, Kendall's tau-b and pairwise accuracy; over models rank correlation, and win rates and
    Bradley-Terry strengths of what people said.

    Returns the agreement. Raises UsageError that names the file, the line and the column at fault.
    """
    from hoigen.core.stats.resample import Draws
    from hoigen.evaluation.models import columns as known
    from hoigen.evaluation.models.counting import counted
    from hoigen.evaluation.models.people import opinion, tables_of
    from hoigen.evaluation.models.ratings import agreement, read_told, table_of
    from hoigen.evaluation.models.read import read_source

    check_draws(draws, seed)
    source = read_source(Path(run))
    chosen = known.chosen(source.numbers, measures or [number.name for number in known.judged(source.numbers)])
    told = read_told(Path(ratings), source.videos, ratings_question)
    how = Draws(draws=draws, seed=seed)
    videos = counted(source.videos, chosen)
    found = [agreement(videos.videos, told, column, how) for column in chosen]
    notes = [f"{plural(told.rows, 'row')}" + (f" of {plural(told.raters, 'rater')}" if told.raters else "")]
    notes += [left for column in chosen if (left := videos.accounts[column.name].told(column.heading))]
    for column in chosen:
        if many := videos.accounts[column.name].failed:
            notes.append(
                f"{column.heading}: {plural(many, 'video')} in which it was looked for and is not there rank lowest"
            )
    if told.strays:
        some = ", ".join(told.strays[:3])
        notes.append(f"{plural(len(told.strays), 'video')} of {ratings} are not in the run and are left out ({some})")
    said = opinion(videos.videos, told, chosen, how)
    more = tables_of(said, chosen, how) if len({video.model for video in source.videos}) > 1 else []
    result = Agreed(found, table_of(found, chosen, how, notes), said, more, format)
    if out is None:
        return result
    write_out(Path(out), f"{result}\n")
    return replace(result, format="markdown")
