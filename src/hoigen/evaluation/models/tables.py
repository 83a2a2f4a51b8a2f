"""All tables of a comparison, and the one table that an evaluation ends with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from hoigen.core.score import Number
from hoigen.core.stats.resample import Draws, Estimate
from hoigen.evaluation.models import groups, paper
from hoigen.evaluation.models.columns import chosen, in_order, ranked_by
from hoigen.evaluation.models.counting import Account, by_model
from hoigen.evaluation.models.forms import markdown
from hoigen.evaluation.models.grid import Cell, Table, cell_of, figure, reasons
from hoigen.evaluation.models.means import Difference, differences, like_the_best, mean_of, models_of
from hoigen.evaluation.models.videos import Source, Video

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
        families: number -> what it is tested together with; its own name when not given.
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
    families: Mapping[str, str] = field(default_factory=dict)

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
    models, accounts = by_model(models, {column.name: column for column in (*asked.columns, asked.rank)}.values())
    tables = [main_table(models, asked, accounts)]
    told = {frozenset(pair) for pair in asked.changes}  # one test, whichever way round it is asked for
    wanted = [*dict.fromkeys(asked.changes), *(pair for pair in asked.pairs if frozenset(pair) not in told)]
    tested = differences(
        [
            (models[one], models[other], column.name, asked.families.get(column.name, column.name))
            for one, other in wanted
            for column in asked.columns
        ],
        asked.draws,
    )
    tested = [each if accounts[each.name].ranks else untested(each) for each in tested]
    by_pair: dict[tuple[str, str], list[Difference]] = {}
    for found in tested:
        by_pair.setdefault((found.first, found.second), []).append(found)
    if asked.changes:
        tables.append(change_table(by_pair, asked))
    tables += [pair_table(by_pair[pair], asked.columns) for pair in wanted]
    tables += groups.extremes(models, asked.rank, asked.draws, asked.ends) if asked.ends else []
    tables += [groups.table_by(models, by, asked.rank, asked.draws) for by in asked.by]
    return tables, tested


def untested(found: Difference) -> Difference:
    """A difference in a number that videos lack, and of which nobody can say what those would count with."""
    return replace(found, p=None, p_holm=None)


def main_table(models: Models, asked: Asked, accounts: Mapping[str, Account]) -> Table:
    """Models by measures, with the paper's table 2 below when it is asked for; many models stand in order of the number
    that they are ranked by.

    The best of a column is marked where a test tells it apart from every other model.

    Args:
        models: videos by model, as they count.
        asked: what is to be shown.
        accounts: of the columns.
    """
    # a number that no prompt is measured by says nothing of any model
    nowhere = [column for column in asked.columns if accounts[column.name].aside and not accounts[column.name].left]
    columns = [column for column in asked.columns if column not in nowhere] or list(asked.columns)
    shown = [column for column in asked.shown if column in columns or column in asked.beside]
    if asked.rank in shown and not asked.with_paper:  # the paper's tables have an order of their own
        shown = [asked.rank, *(column for column in shown if column != asked.rank)]
    cells = {
        name: [cell_of(mean_of(videos, column.name, asked.draws), column) for column in shown]
        for name, videos in models.items()
    }
    same_prompts = len({frozenset(video.prompt for video in videos) for videos in models.values()}) == 1
    alike: dict[str, list[str]] = {}
    for at, column in enumerate(shown):
        values = {name: value for name, found in cells.items() if (value := found[at].estimate.value) is not None}
        if len(values) < 2 or not column.better or column not in columns or not accounts[column.name].ranks:
            continue  # of at least two, where one end is good
        first = (max if column.better == "more" else min)(values, key=lambda name: values[name])
        like = like_the_best({name: models[name] for name in values}, first, column, asked.draws)
        if like:
            more = f" and {len(like) - 3} more" if len(like) > 3 else ""
            alike.setdefault(f"{first} and {', '.join(like[:3])}{more}", []).append(column.heading)
        elif same_prompts:
            cells[first][at] = replace(cells[first][at], best=True)
    order = list(models)
    if len(order) > 2 and asked.rank in shown:
        place = shown.index(asked.rank)
        sign = 1.0 if asked.rank.better == "less" else -1.0
        worth = {name: sign * value for name in order if (value := cells[name][place].estimate.value) is not None}
        order.sort(key=lambda name: worth.get(name, math.inf))
    rows: list[list[str | Cell]] = [
        [name, *("–" if column in asked.beside else cell for column, cell in zip(shown, cells[name], strict=True))]
        for name in order
    ]
    notes = [
        f"in brackets 95 % intervals, {asked.draws.draws:,} resamples of prompts with all their videos; shares in %; "
        "(n/m): n of the m videos that were asked have the number, the others count with the worst that it can be",
        *reasons(_named(rows, shown)),
        *(told for column in columns if (told := accounts[column.name].told(column.heading))),
    ]
    for column in nowhere:
        notes.append(f"no column: {accounts[column.name].told(column.heading)}")
    for column in columns:
        lacks = any(video.values.get(column.name) is None for videos in models.values() for video in videos)
        if lacks and not accounts[column.name].ranks:
            notes.append(f"{column.heading} is over the videos that have it, and ranks nothing")
    for who, headings in alike.items():
        notes.append(f"no best in {', '.join(headings)}: the test does not tell {who} apart")
    if not same_prompts:
        notes.append("no best: the models have videos of different prompts")
    if asked.rank in shown and asked.rank.better:
        notes.append(f"ranked by {asked.rank.heading} (docs/which_number.md)")
    if asked.with_paper:
        rows += paper.beside(2, shown)
        notes.append(paper.NOTE)
    if asked.beside:
        notes.append(f"–: not measured in these runs ({', '.join(column.heading for column in asked.beside)})")
    heads = {name: f"{account.left}/{account.prompts} prompts" for name, account in accounts.items() if account.aside}
    return _by_columns("models", "Models", shown, rows, notes, heads)


def _by_columns(
    name: str,
    title: str,
    columns: Sequence[Number],
    rows: Sequence[Sequence[str | Cell]],
    notes: Sequence[str],
    beside: Mapping[str, str] | None = None,
) -> Table:
    """A table of numbers. beside: by number, what stands beside its heading."""
    heads = [
        f"{column.heading} ({beside[column.name]})" if beside and column.name in beside else column.heading
        for column in columns
    ]
    return Table(
        name=name,
        title=title,
        header=["model", *heads],
        rows=rows,
        better=tuple(column.better for column in columns),
        names={head: column.name for head, column in zip(heads, columns, strict=True)},
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
    notes = [
        "bold changes: p < 0.05 after Holm's correction over all pairs in the numbers of one measure; "
        "means over prompts"
    ]
    notes += reasons([each for each in _named(rows, shown) if each[2].estimate.value is None])
    if asked.with_paper:
        rows += [*paper.beside(3, shown), *paper.beside(4, shown)]
        notes.append(paper.NOTE)
    return _by_columns("changes", "Before and after", shown, rows, notes)


def _side(found: Difference, side: str, column: Number) -> Cell:
    value = found.one if side == "one" else found.other
    return Cell(estimate=found.estimate if value is None else Estimate(value=value), percent=column.share)


def pair_table(found: Sequence[Difference], columns: Sequence[Number]) -> Table:
    """Two models, a row for each number: the difference, its test, and what could have been seen.

    Args:
        found: the differences of the two.
        columns: what those numbers are.
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
                _p(each.p_holm) + ("*" if each.floor >= 0.05 and each.p_holm is not None else ""),
                figure(each.seen_from, column.share) if each.seen_from is not None else "unknown",
            ]
        )
        named.append((column.heading, "difference", cell))
    sizes = sorted({each.tests for each in found if each.tests})
    low = "*: so few prompts, or swaps, cannot give less than 0.05 here" if "*" in str(rows) else ""
    return Table(
        name=f"{first} -> {second}",
        title=f"{second} minus {first}, on the same prompts",
        header=["number", "prompts", first, second, "difference", "p", "p, Holm", "detectable"],
        rows=rows,
        names={column.heading: column.name for column in columns},
        notes=[
            "p: two-sided, the two models' means swapped prompt by prompt; Holm: over all pairs of models in the "
            f"numbers of one measure ({' or '.join(map(str, sizes)) or 0} tests); detectable: the smallest true "
            "difference that so many prompts find in 4 of 5 cases at p < 0.05",
            *([low] if low else []),
            *reasons(named),
        ],
    )


def _p(p: float | None) -> str:
    if p is None:
        return "not tested"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def pairs_of(names: Sequence[str], baseline: str | None, *, every: bool = False) -> list[tuple[str, str]]:
    """All pairs of models, unless they are too many, or each model against the baseline.

    Args:
        names: of the models.
        baseline: one of them; None for all pairs.
        every: all pairs, however many.
    """
    if baseline is not None:
        return [(baseline, name) for name in names if name != baseline]
    found = list(combinations(names, 2))
    return found if every or len(found) <= MOST_PAIRS else []


def short_table(source: Source) -> str:
    """Models by measures, means over videos without intervals, as Markdown; "" when there is no video."""
    if not source.videos:
        return ""
    every = chosen(source.numbers)
    models, accounts = by_model(models_of(source.videos), every)
    shown = [column for column in every if accounts[column.name].left or not accounts[column.name].aside] or every
    rank = ranked_by(shown, source.videos)
    shown = sorted(shown, key=lambda column: column != rank)  # the number that ranks stands first
    nothing = Draws(draws=100, seed=0)
    rows: list[list[str | Cell]] = []
    for model, here in models.items():
        row: list[str | Cell] = [model]
        for column in shown:
            mean = mean_of(here, column.name, nothing)
            found = mean.estimate
            plain = found if found.value is None else Estimate(value=found.value)
            row.append(cell_of(replace(mean, estimate=plain), column))
        rows.append(row)
    notes = [f"ranked by {rank.heading} (docs/which_number.md)"] if rank is not None and rank.better else []
    notes += reasons(_named(rows, shown))
    notes += [told for column in every if (told := accounts[column.name].told(column.heading))]
    heads = {name: f"{account.left}/{account.prompts} prompts" for name, account in accounts.items() if account.aside}
    return markdown(_by_columns("means", "Means over videos; shares in %", shown, rows, notes, heads))
