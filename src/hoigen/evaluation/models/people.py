"""What people say of models: win rates and strengths, how well people agree among themselves, and which number ranks
models as they do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.core.score import Number
from hoigen.core.stats import ranks
from hoigen.core.stats.resample import Draws, Estimate, Floats, undefined
from hoigen.core.stats.tournament import Standing, ranks_alike, standings, strengths
from hoigen.evaluation.models.grid import Cell, Table, reasons
from hoigen.evaluation.models.ratings import Told
from hoigen.evaluation.models.videos import Video


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Whether one number ranks models as people do.

    Args:
        name: of the number.
        rho: Spearman's over models, -1..1.
        right: share of pairs of models in people's order, 0..1; chance is 0.5.
    """

    name: str
    rho: Estimate
    right: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What people say of models. models: the strongest first; among: how often two people put a pair of videos in the
    same order, 0..1; ranked: by number."""

    models: Sequence[Standing]
    among: Estimate
    ranked: Sequence[Ranked]


def opinion(videos: Sequence[Video], told: Told, columns: Sequence[Number], draws: Draws) -> Opinion:
    """What people say of the models of a run.

    Args:
        videos: of the run, as they count.
        told: what people said of them.
        columns: the numbers that are held against it.
        draws: resamples of prompts.
    """
    models = sorted({video.model for video in videos})
    prompts = sorted({video.prompt for video in videos})
    place = {name: at for at, name in enumerate(models)}, {name: at for at, name in enumerate(prompts)}
    wins = np.zeros((len(prompts), len(models), len(models)))
    for first, second, share in _games(videos, told):
        at, one, other = place[1][first.prompt], place[0][first.model], place[0][second.model]
        wins[at, one, other] += share
        wins[at, other, one] += 1 - share
    said = wins.sum((1, 2)) > 0
    wins = wins[said]
    if not len(wins):
        return Opinion(models=[], among=undefined("no two models of one prompt were judged"), ranked=[])
    judged = wins.sum((0, 1)) + wins.sum((0, 2)) > 0  # models of which anybody said anything
    people = strengths(wins[:, judged][:, :, judged], draws)
    ranked = []
    for column in columns:
        sign = -1.0 if column.better == "less" else 1.0
        number = np.zeros((len(prompts), len(models), 2))
        for video in videos:
            value = video.values.get(column.name)
            if value is not None:
                number[place[1][video.prompt], place[0][video.model]] += (sign * value, 1.0)
        rho, right = ranks_alike(number[said][:, judged], people, draws)
        ranked.append(Ranked(name=column.name, rho=rho, right=right))
    return Opinion(models=standings(models, wins, draws), among=_among(videos, told, draws), ranked=ranked)


def _games(videos: Sequence[Video], told: Told) -> Iterator[tuple[Video, Video, float]]:
    """(first, second, how many prefer the first) of two models' videos of one prompt: of votes, and of ratings by what
    each person, or all together where none is named, rates higher."""
    for vote in told.votes:
        if vote.first.model != vote.second.model:
            yield vote.first, vote.second, vote.share
    each = told.each or {uri: {"": value} for uri, value in told.ratings.items()}
    for one, other in _pairs(videos, told.ratings):
        if one.model == other.model:
            continue
        for who in each[one.uri].keys() & each[other.uri].keys():
            first, second = each[one.uri][who], each[other.uri][who]
            yield one, other, 0.5 + ((first > second) - (first < second)) / 2


def _pairs(videos: Sequence[Video], rated: Mapping[str, float]) -> Iterator[tuple[Video, Video]]:
    """Rated videos of one prompt, two by two."""
    by_prompt: dict[str, list[Video]] = {}
    for video in videos:
        if video.uri in rated:
            by_prompt.setdefault(video.prompt, []).append(video)
    for here in by_prompt.values():
        yield from itertools.combinations(here, 2)


def _among(videos: Sequence[Video], told: Told, draws: Draws) -> Estimate:
    """How often two people who both put a pair of videos in order agree: what no number can be asked to exceed by much.

    Of votes without names the chance that two of those asked agree, from the share of each pair; ties are left out.
    """
    said: dict[tuple[str, str], dict[str, int]] = {}
    prompt: dict[tuple[str, str], str] = {}
    shares: list[tuple[str, float]] = []
    for vote in told.votes:
        pair = (vote.first.uri, vote.second.uri)
        key, sign = (pair, 1) if pair <= pair[::-1] else (pair[::-1], -1)
        prompt[key] = vote.first.prompt
        if vote.rater and vote.value:
            said.setdefault(key, {})[vote.rater] = sign * vote.value
        elif not vote.rater and vote.share != 0.5:
            shares.append((vote.first.prompt, vote.share))
    for one, other in _pairs(videos, told.ratings):
        for who in told.each.get(one.uri, {}).keys() & told.each.get(other.uri, {}).keys() - {""}:
            first, second = told.each[one.uri][who], told.each[other.uri][who]
            if first != second:
                said.setdefault((one.uri, other.uri), {})[who] = 1 if first > second else -1
                prompt[one.uri, other.uri] = one.prompt
    sums: dict[str, Floats] = {}
    for key, by_rater in said.items():
        values = list(by_rater.values())
        many = len(values) * (len(values) - 1) / 2
        if many:
            up = sum(value > 0 for value in values)
            alike = (up * (up - 1) + (len(values) - up) * (len(values) - up - 1)) / 2
            sums[prompt[key]] = sums.get(prompt[key], np.zeros(2)) + np.array([alike, many])
    if not sums and any(0 < share < 1 for _, share in shares):
        for name, share in shares:
            sums[name] = sums.get(name, np.zeros(2)) + np.array([share**2 + (1 - share) ** 2, 1.0])
    if not sums:
        return undefined("no pair of videos was put in order by two people")
    rows = np.stack([sums[name] for name in sorted(sums)])
    return ranks.accuracy(rows[:, 0], rows[:, 1], draws)


def tables_of(found: Opinion, columns: Sequence[Number], draws: Draws) -> list[Table]:
    """Models as people rank them, and which number ranks them alike, the best first; none where nothing was said.

    Args:
        found: what people say.
        columns: the numbers.
        draws: the resamples behind the intervals.
    """
    if not found.models:
        return []
    rows: list[list[str | Cell]] = [
        [each.model, f"{each.games:g}", Cell(estimate=each.rate), Cell(estimate=each.strength, percent=False)]
        for each in found.models
    ]
    among = found.among
    told = "people among themselves: two who put a pair of videos in order agree in "
    if among.value is None:
        notes = [f"how well people agree among themselves is not known: {among.reason}"]
    else:
        ends = "" if among.low is None or among.high is None else f" [{100 * among.low:.1f}, {100 * among.high:.1f}]"
        notes = [f"{told}{100 * among.value:.1f} %{ends} of the cases; a number's pairwise accuracy reads beside it"]
    notes.insert(
        0,
        "strength: Bradley and Terry's, 400 points are odds of ten to one, their mean is 0; in brackets 95 % "
        f"intervals, {draws.draws:,} resamples of prompts with all their votes",
    )
    people = Table(
        name="people",
        title="Models as people rank them",
        header=["model", "votes", "win rate, %", "strength"],
        rows=rows,
        better=(None, "more", "more"),
        notes=notes,
    )
    if found.ranked and all(each.rho.value is None for each in found.ranked):
        why = "; ".join(dict.fromkeys(each.rho.reason for each in found.ranked))
        notes.append(f"which number ranks models as people do is not known: {why}")
        return [people]
    labels = {column.name: column.heading + (", sign turned" if column.better == "less" else "") for column in columns}
    order = sorted(found.ranked, key=lambda each: -(each.rho.value if each.rho.value is not None else -2.0))
    lines: list[list[str | Cell]] = []
    named = []
    for each in order:
        cells = [Cell(estimate=each.rho, percent=False), Cell(estimate=each.right)]
        lines.append([labels[each.name], *cells])
        named += [(labels[each.name], name, cell) for name, cell in zip(("Spearman", "pairs"), cells, strict=True)]
    numbers = Table(
        name="models ranked",
        title="Which number ranks models as people do",
        header=["number", "Spearman over models", "pairs of models in people's order, %"],
        rows=lines,
        better=("more", "more"),
        names={labels[column.name]: column.name for column in columns},
        notes=[
            f"over {len(found.models)} models: of few models an interval is wide, whatever the number",
            *reasons(named),
        ],
    )
    return [people, numbers]
