"""All tables of a comparison, and the one table that an evaluation ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from hoigen.core.score import Number
from hoigen.evaluation.models import groups, paper
from hoigen.evaluation.models.columns import chosen, in_order
from hoigen.evaluation.models.forms import markdown
from hoigen.evaluation.models.grid import Cell, Table, cell_of, figure, reasons
from hoigen.evaluation.models.means import Difference, difference, lacking_in, mean_of, models_of, with_holm
from hoigen.evaluation.models.videos import Source, Video
from hoigen.stats.resample import Draws, Estimate, undefined

Models = Mapping[str, Sequence[Video]]
MOST_PAIRS = 15
"""Beyond so many pairs of models a baseline makes more sense than all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a comparison is to show.

    Args:
        columns: numbers of these runs, which are tested.
        beside: numbers that the paper alone has.
        pairs: of models to be tested.
        changes: pairs of models, (before, after).
        rank: the number that groups and extremes are about.
        by: the groups.
        ends: how many best and worst prompts.
        with_paper: the paper's own rows are shown.
        draws: resamples of prompts, for intervals and tests.
    """

    columns: Sequence[Number]
    beside: Sequence[Number]
    pairs: Sequence[tuple[str, str]]
    changes: Sequence[tuple[str, str]]
    rank: Number
    by: Sequence[groups.By]
    ends: int
    with_paper: bool
    draws: Draws

    @property
    def shown(self) -> list[Number]:
        """All columns of the tables, in the order of their places."""
        return in_order((*self.columns, *self.beside))


def all_tables(models: Models, asked: Asked) -> tuple[list[Table], list[Difference]]:
    """The tables in order, and the differences behind them.

    Args:
        models: videos by model.
        asked: what is to be shown.
    """
    tables = [main_table(models, asked)]
    told = {frozenset(pair) for pair in asked.changes}  # one test, whichever way round it is asked for
    wanted = [*dict.fromkeys(asked.changes), *(pair for pair in asked.pairs if frozenset(pair) not in told)]
    tested = with_holm(
        difference(models[one], models[other], column.name, asked.draws)
        for one, other in wanted
        for column in asked.columns
    )
    by_pair: dict[tuple[str, str], list[Difference]] = {}
    for found in tested:
        by_pair.setdefault((found.first, found.second), []).append(found)
    if asked.changes:
        tables.append(change_table(by_pair, asked))
    tests = sum(found.p is not None for found in tested)
    tables += [pair_table(by_pair[pair], asked.columns, tests) for pair in wanted]
    tables += groups.extremes(models, asked.rank, asked.draws, asked.ends) if asked.ends else []
    tables += [groups.table_by(models, by, asked.rank, asked.draws) for by in asked.by]
    return tables, tested


def main_table(models: Models, asked: Asked) -> Table:
    """Models by measures, with the paper's table 2 below when it is asked for."""
    shown = asked.shown
    cells = {
        name: [cell_of(mean_of(videos, column.name, asked.draws), column) for column in shown]
        for name, videos in models.items()
    }
    for at, column in enumerate(shown):
        values = [value for found in cells.values() if (value := found[at].estimate.value) is not None]
        best = None  # of at least two, where one end is good
        if len(values) > 1 and column.better:
            best = max(values) if column.better == "more" else min(values)
        for found in cells.values():
            found[at] = replace(found[at], best=best is not None and found[at].estimate.value == best)
    rows: list[list[str | Cell]] = [
        [name, *("–" if column in asked.beside else cell for column, cell in zip(shown, row, strict=True))]
        for name, row in cells.items()
    ]
    notes = [
        f"in brackets 95 % intervals, {asked.draws.draws:,} resamples of prompts with all their videos; shares in %; "
        "(n/m): n of m videos have the number",
        *reasons(_named(rows, shown)),
    ]
    if asked.with_paper:
        rows += paper.beside(2, shown)
        notes.append(paper.NOTE)
    if asked.beside:
        notes.append(f"–: not measured in these runs ({', '.join(column.heading for column in asked.beside)})")
    return _by_columns("models", "Models", shown, rows, notes)


def _by_columns(
    name: str, title: str, columns: Sequence[Number], rows: Sequence[Sequence[str | Cell]], notes: Sequence[str]
) -> Table:
    return Table(
        name=name,
        title=title,
        header=["model", *(column.heading for column in columns)],
        rows=rows,
        better=tuple(column.better for column in columns),
        names={column.heading: column.name for column in columns},
        notes=notes,
    )


def _named(rows: Sequence[Sequence[str | Cell]], columns: Sequence[Number]) -> list[tuple[str, str, Cell]]:
    """(row, column, cell) of all cells."""
    return [
        (str(row[0]), column.heading, item)
        for row in rows
        for column, item in zip(columns, row[1:], strict=True)
        if isinstance(item, Cell)
    ]


def change_table(by_pair: Mapping[tuple[str, str], Sequence[Difference]], asked: Asked) -> Table:
    """Before and after, as in the paper's tables 3 and 4: both means on the prompts that both have, and the change."""
    rows: list[list[str | Cell]] = []
    shown = asked.shown
    for pair in asked.changes:
        found = {each.name: each for each in by_pair[pair]}
        here = [found.get(column.name) for column in shown]
        for name, side in zip(pair, ("one", "other"), strict=True):
            sides = [_side(each, side, column) if each else "–" for each, column in zip(here, shown, strict=True)]
            rows.append([name, *sides])
        changes: list[str | Cell] = ["–"] * len(shown)
        for at, each in enumerate(here):
            if each is not None:
                sure = each.p_holm is not None and each.p_holm < 0.05
                changes[at] = Cell(estimate=each.estimate, percent=shown[at].share, signed=True, best=sure)
        rows.append([f"change of {pair[1]}", *changes])
    notes = ["bold changes: p < 0.05 after Holm's correction over all tests of this call; means over prompts"]
    notes += reasons([each for each in _named(rows, shown) if each[2].estimate.value is None])
    if asked.with_paper:
        rows += [*paper.beside(3, shown), *paper.beside(4, shown)]
        notes.append(paper.NOTE)
    return _by_columns("changes", "Before and after", shown, rows, notes)


def _side(found: Difference, side: str, column: Number) -> Cell:
    value = found.one if side == "one" else found.other
    return Cell(estimate=found.estimate if value is None else Estimate(value=value), percent=column.share)


def pair_table(found: Sequence[Difference], columns: Sequence[Number], tests: int) -> Table:
    """Two models, a row for each number: the difference, its test, and what could have been seen.

    Args:
        found: the differences of the two.
        columns: what those numbers are.
        tests: how many p values were corrected together.
    """
    first, second = found[0].first, found[0].second
    rows: list[list[str | Cell]] = []
    named = []
    by_name = {column.name: column for column in columns}
    for each in found:
        column = by_name[each.name]
        cell = Cell(estimate=each.estimate, percent=column.share, signed=True)
        rows.append(
            [
                column.heading,
                str(each.prompts),
                *(_side(each, side, column) for side in ("one", "other")),
                cell,
                _p(each.p),
                _p(each.p_holm),
                figure(each.seen_from, column.share) if each.seen_from is not None else "unknown",
            ]
        )
        named.append((column.heading, "difference", cell))
    return Table(
        name=f"{first} -> {second}",
        title=f"{second} minus {first}, on the same prompts",
        header=["number", "prompts", first, second, "difference", "p", "p, Holm", "detectable"],
        rows=rows,
        names={column.heading: column.name for column in columns},
        notes=[
            f"p: two-sided, the two models' means swapped prompt by prompt; Holm: over {tests} tests; detectable: "
            "the smallest true difference that so many prompts find in 4 of 5 cases at p < 0.05",
            *reasons(named),
        ],
    )


def _p(p: float | None) -> str:
    if p is None:
        return "not tested"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def pairs_of(names: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    """All pairs of models, unless they are too many, or each model against the baseline.

    Args:
        names: of the models.
        baseline: one of them; None for all pairs.
    """
    if baseline is not None:
        return [(baseline, name) for name in names if name != baseline]
    found = list(combinations(names, 2))
    return found if len(found) <= MOST_PAIRS else []


def short_table(source: Source) -> str:
    """Models by measures, means over videos without intervals, as Markdown; "" when there is no video."""
    if not source.videos:
        return ""
    shown = chosen(source.numbers)
    rows: list[list[str | Cell]] = []
    for model, here in models_of(source.videos).items():
        row: list[str | Cell] = [model]
        for column in shown:
            have = [value for video in here if (value := video.values.get(column.name)) is not None]
            lacking = lacking_in(here, column.name)
            mean = Estimate(value=sum(have) / len(have)) if have else undefined(lacking)
            row.append(Cell(estimate=mean, percent=column.share, videos=len(have), of=len(here), lacking=lacking))
        rows.append(row)
    return markdown(_by_columns("means", "Means over videos; shares in %", shown, rows, reasons(_named(rows, shown))))
