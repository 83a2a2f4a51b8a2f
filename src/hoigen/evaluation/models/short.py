"""The one table that an evaluation ends with."""

from __future__ import annotations

from collections.abc import Sequence

from hoigen.core.score import Number
from hoigen.evaluation.models import columns as known
from hoigen.evaluation.models.forms import markdown
from hoigen.evaluation.models.grid import Cell, Table, reasons
from hoigen.evaluation.models.means import lacking_in, models_of
from hoigen.evaluation.models.videos import Source, Video
from hoigen.stats.resample import Estimate, undefined


def short_table(source: Source) -> str:
    """Models by measures, means over videos without intervals, as Markdown; "" when there is no video."""
    if not source.videos:
        return ""
    shown = known.chosen(source.numbers)
    rows: list[list[str | Cell]] = []
    for model, here in models_of(source.videos).items():
        rows.append([model, *(_cell(here, column) for column in shown)])
    cells = [
        (str(row[0]), column.heading, item)
        for row in rows
        for column, item in zip(shown, row[1:], strict=True)
        if isinstance(item, Cell)
    ]
    table = Table(
        name="means",
        title="Means over videos; shares in %",
        header=["model", *(column.heading for column in shown)],
        rows=rows,
        better=tuple(column.better for column in shown),
        names={column.heading: column.name for column in shown},
        notes=reasons(cells),
    )
    return markdown(table)


def _cell(videos: Sequence[Video], column: Number) -> Cell:
    have = [value for video in videos if (value := video.values.get(column.name)) is not None]
    lacking = lacking_in(videos, column.name)
    estimate = Estimate(value=sum(have) / len(have)) if have else undefined(lacking)
    return Cell(estimate=estimate, percent=column.share, videos=len(have), of=len(videos), lacking=lacking)
