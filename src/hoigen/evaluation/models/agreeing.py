"""Each number of a run against what people said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.core.score import Number
from hoigen.evaluation.models.grid import Cell, Table, reasons
from hoigen.evaluation.models.ratings import Told, Vote
from hoigen.evaluation.models.videos import Video
from hoigen.stats import ranks
from hoigen.stats.resample import Draws, Estimate, Floats, undefined

VOTES_ONLY = "votes put two videos in order, not all of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One number against people. videos: that have it and were rated (or voted on). pairs: that people put in order.

    Of a number of which less is better the sign is turned, so that more is always better agreement.
    """

    name: str
    videos: int
    pairs: int
    spearman: Estimate
    kendall: Estimate
    accuracy: Estimate


def agreement(videos: Sequence[Video], told: Told, column: Number, draws: Draws) -> Agreement:
    """Spearman, Kendall and pairwise accuracy of one number; undefined, with the reason, where videos lack it."""
    if told.votes:
        return _of_votes(told.votes, column, draws)
    sign = -1.0 if column.better == "less" else 1.0
    both = [
        (video.prompt, sign * value, told.ratings[video.uri])
        for video in videos
        if video.uri in told.ratings and (value := video.values.get(column.name)) is not None
    ]
    if not both:
        return _nothing(column, "no rated video has this number")
    clusters = np.unique([prompt for prompt, _, _ in both], return_inverse=True)[1].astype(np.int64)
    x, y = (np.array([each[at] for each in both], float) for at in (1, 2))
    right, pairs = ranks.pairs_within(x, y, clusters)
    return Agreement(
        name=column.name,
        videos=len(both),
        pairs=int(pairs.sum()),
        spearman=ranks.spearman(x, y, clusters, draws),
        kendall=ranks.kendall(x, y, clusters, draws),
        accuracy=ranks.accuracy(right, pairs, draws),
    )


def _of_votes(votes: Sequence[Vote], column: Number, draws: Draws) -> Agreement:
    sign = -1.0 if column.better == "less" else 1.0
    sums: dict[str, Floats] = {}
    seen: set[str] = set()
    for vote in votes:
        one, other = vote.first.values.get(column.name), vote.second.values.get(column.name)
        if one is None or other is None or vote.value == 0:
            continue
        seen |= {vote.first.uri, vote.second.uri}
        right = (1 + vote.value * sign * float(np.sign(one - other))) / 2
        sums[vote.first.prompt] = sums.get(vote.first.prompt, np.zeros(2)) + np.array([right, 1.0])
    if not sums:
        return _nothing(column, "no vote for one of two videos that both have this number")
    columns = np.stack([sums[prompt] for prompt in sorted(sums)])
    return Agreement(
        name=column.name,
        videos=len(seen),
        pairs=int(columns[:, 1].sum()),
        spearman=undefined(VOTES_ONLY),
        kendall=undefined(VOTES_ONLY),
        accuracy=ranks.accuracy(columns[:, 0], columns[:, 1], draws),
    )


def _nothing(column: Number, reason: str) -> Agreement:
    none = undefined(reason)
    return Agreement(name=column.name, videos=0, pairs=0, spearman=none, kendall=none, accuracy=none)


def table_of(found: Sequence[Agreement], columns: Sequence[Number], draws: Draws, notes: Sequence[str]) -> Table:
    """A row for each number, the best agreement first."""
    labels = {column.name: column.heading + (", sign turned" if column.better == "less" else "") for column in columns}
    order = sorted(found, key=_worst_first, reverse=True)
    rows: list[list[str | Cell]] = []
    named = []
    for each in order:
        cells = [Cell(estimate=estimate, percent=at == 2) for at, estimate in enumerate(_numbers(each))]
        rows.append([labels[each.name], str(each.videos), str(each.pairs), *cells])
        names = ("Spearman", "Kendall", "accuracy")
        named += [(labels[each.name], name, cell) for name, cell in zip(names, cells, strict=True)]
    told = (
        f"in brackets 95 % intervals, {draws.draws:,} resamples of prompts with all their videos; pairwise accuracy: "
        "over pairs of videos of one prompt that people put in order, 50 % is chance, a tie of the number counts half"
    )
    return Table(
        name="agreement",
        title="Agreement with people",
        header=["number", "videos", "pairs", "Spearman", "Kendall tau-b", "pairwise accuracy, %"],
        rows=rows,
        names={column.heading: column.name for column in columns},
        notes=[told, *notes, *reasons(named)],
    )


def _worst_first(found: Agreement) -> tuple[float, float]:
    """By Spearman's rho where there is one (votes have none), else by pairs in the right order."""
    rho, right = found.spearman.value, found.accuracy.value
    return -2.0 if rho is None else rho, -1.0 if right is None else right


def _numbers(found: Agreement) -> tuple[Estimate, Estimate, Estimate]:
    return found.spearman, found.kendall, found.accuracy
