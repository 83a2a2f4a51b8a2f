"""Per verb, object, category; in- and out-of-distribution prompts; best and worst interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal

from hoigen.core.score import Number
from hoigen.evaluation.models.grid import Cell, Table, cell_of, reasons
from hoigen.evaluation.models.means import Mean, mean_of, per_prompt
from hoigen.evaluation.models.videos import Video
from hoigen.stats.resample import Draws

By = Literal["verb", "object", "category", "prompt", "seen"]
UNKNOWN = "(not told)"
Models = Mapping[str, Sequence[Video]]


def table_by(models: Models, by: By, column: Number, draws: Draws) -> Table:
    """One number, groups by models, the best group first; a group without videos of a model is undefined there."""
    group_of = _grouping(models, by)
    grouped = {name: _split(videos, group_of) for name, videos in models.items()}
    names = dict.fromkeys(group for groups in grouped.values() for group in groups)
    means = {
        group: {name: mean_of(groups.get(group, ()), column.name, draws) for name, groups in grouped.items()}
        for group in names
    }
    order = sorted(names, key=lambda group: (_rank(means[group].values(), column), group))
    rows = [_row(group, means[group], column) for group in order]
    left = _left_out(models, group_of) if by == "seen" else []
    return Table(
        name=f"by_{by}",
        title=f"{column.heading} by {'in- and out-of-distribution prompts' if by == 'seen' else by}",
        header=[by, "prompts", *models],
        rows=rows,
        better=(None, *(column.better for _ in models)),
        notes=[*left, *_notes(rows, list(models))],
    )


def _grouping(models: Models, by: By) -> Callable[[Video], str | None]:
    if by != "seen":
        return lambda video: str(getattr(video, by) or UNKNOWN)
    from hoigen.interactions.prompts.seen import groups
    from hoigen.interactions.prompts.suite import Prompt

    counts = {video.prompt: video.seen for videos in models.values() for video in videos}
    found = groups(Prompt(id=name, short="", seen=seen) for name, seen in counts.items())
    return lambda video: found.get(video.prompt)


def _left_out(models: Models, group_of: Callable[[Video], str | None]) -> list[str]:
    videos = [video for each in models.values() for video in each]
    if all(video.seen is None for video in videos):
        return ["no prompt has a count of captions: hoigen prompts --seen RUN/categories/categories.parquet gives one"]
    outside = {video.prompt for video in videos if group_of(video) is None}
    return [f"{len(outside)} prompts are in neither group"] if outside else []


def _split(videos: Sequence[Video], group_of: Callable[[Video], str | None]) -> dict[str, list[Video]]:
    found: dict[str, list[Video]] = {}
    for video in videos:
        group = group_of(video)
        if group is not None:
            found.setdefault(group, []).append(video)
    return found


def _rank(means: Iterable[Mean], column: Number) -> float:
    """Groups with the best mean over models first; those without any number last."""
    values = [mean.estimate.value for mean in means if mean.estimate.value is not None]
    if not values:
        return float("inf")
    middle = sum(values) / len(values)
    return middle if column.better == "less" else -middle


def _row(group: str, means: Mapping[str, Mean], column: Number) -> list[str | Cell]:
    prompts = max(mean.prompts for mean in means.values())
    return [group, str(prompts), *(cell_of(mean, column) for mean in means.values())]


def _notes(rows: Sequence[Sequence[str | Cell]], models: Sequence[str]) -> list[str]:
    cells = [
        (str(row[0]), name, item)
        for row in rows
        for name, item in zip(models, row[2:], strict=True)
        if isinstance(item, Cell) and item.estimate.value is None
    ]
    return reasons(cells)


def extremes(models: Models, column: Number, draws: Draws, count: int) -> list[Table]:
    """The best and the worst prompts in one number, by their mean over the models that have it."""
    each = {name: per_prompt(videos, column.name) for name, videos in models.items()}
    prompts = {prompt for found in each.values() for prompt in found}
    mean = {prompt: fmean(found[prompt] for found in each.values() if prompt in found) for prompt in prompts}
    sign = 1 if column.better == "less" else -1
    order = sorted(prompts, key=lambda prompt: (sign * mean[prompt], prompt))
    ends = [("best", order[:count]), ("worst", order[::-1][: min(count, max(0, len(order) - count))])]
    return [_extreme(which, chosen, models, column, draws) for which, chosen in ends if chosen]


def _extreme(which: str, prompts: Sequence[str], models: Models, column: Number, draws: Draws) -> Table:
    texts = {video.prompt: video.text for videos in models.values() for video in videos}
    rows: list[list[str | Cell]] = []
    for prompt in prompts:
        means = [mean_of([v for v in videos if v.prompt == prompt], column.name, draws) for videos in models.values()]
        rows.append([texts.get(prompt) or prompt, *(cell_of(mean, column) for mean in means)])
    return Table(
        name=which,
        title=f"{which.capitalize()} interactions in {column.heading}",
        header=["prompt", *models],
        rows=rows,
        better=tuple(column.better for _ in models),
    )
