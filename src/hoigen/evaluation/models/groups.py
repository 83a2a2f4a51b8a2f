"""Per verb, object, category; in- and out-of-distribution prompts; best and worst interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

from hoigen.core.score import Number
from hoigen.core.stats.resample import Draws
from hoigen.core.words import plural
from hoigen.evaluation.models.grid import Cell, Table, cell_of, reasons
from hoigen.evaluation.models.means import mean_of, per_prompt
from hoigen.evaluation.models.videos import Video

By = Literal["verb", "object", "category", "prompt", "seen"]
UNKNOWN = "(not told)"
Models = Mapping[str, Sequence[Video]]


def table_by(models: Models, by: By, column: Number, draws: Draws) -> Table:
    """One number, groups by models, the best group first; a group without videos of a model is undefined there.

    Args:
        models: videos by model.
        by: what makes a group: a field of `Video`, or `seen` for in- and out-of-distribution prompts.
        column: the number.
        draws: resamples of prompts, for intervals.
    """
    from hoigen.interactions.prompts.seen import groups as seen_groups
    from hoigen.interactions.prompts.suite import Prompt

    every = [video for videos in models.values() for video in videos]
    side: Mapping[str, str] = {}
    notes = []
    if by == "seen":
        counts = {video.prompt: video.seen for video in every}
        side = seen_groups(Prompt(id=name, short="", seen=seen) for name, seen in counts.items())
        outside = {video.prompt for video in every} - side.keys()
        if all(video.seen is None for video in every):
            gives = "hoigen prompts --seen RUN/categories/categories.parquet gives one"
            notes.append(f"no prompt has a count of captions: {gives}")
        elif outside:
            notes.append(f"{plural(len(outside), 'prompt is', 'prompts are')} in neither group")
    grouped: dict[str, dict[str, list[Video]]] = {name: {} for name in models}
    for name, videos in models.items():
        for video in videos:
            group = side.get(video.prompt) if by == "seen" else str(getattr(video, by) or UNKNOWN)
            if group is not None:
                grouped[name].setdefault(group, []).append(video)
    names = dict.fromkeys(group for groups in grouped.values() for group in groups)
    means = {
        group: {name: mean_of(groups.get(group, ()), column.name, draws) for name, groups in grouped.items()}
        for group in names
    }
    # groups with the best mean over models first; those without any number last
    worth = dict.fromkeys(names, float("inf"))
    for group, of_models in means.items():
        values = [mean.estimate.value for mean in of_models.values() if mean.estimate.value is not None]
        if values:
            middle = sum(values) / len(values)
            worth[group] = middle if column.better == "less" else -middle
    order = sorted(names, key=lambda group: (worth[group], group))
    rows: list[list[str | Cell]] = []
    lacking = []
    for group in order:
        cells = {name: cell_of(mean, column) for name, mean in means[group].items()}
        rows.append([group, str(max(mean.prompts for mean in means[group].values())), *cells.values()])
        lacking += [(group, name, cell) for name, cell in cells.items() if cell.estimate.value is None]
    return Table(
        name=f"by_{by}",
        title=f"{column.heading} by {'in- and out-of-distribution prompts' if by == 'seen' else by}",
        header=[by, "prompts", *models],
        rows=rows,
        better=(None, *(column.better for _ in models)),
        notes=[*notes, *reasons(lacking)],
    )


def extremes(models: Models, column: Number, draws: Draws, count: int) -> list[Table]:
    """The best and the worst prompts in one number, by their mean over the models that have it.

    Args:
        models: videos by model.
        column: the number.
        draws: resamples of prompts, for intervals.
        count: how many prompts of each; no prompt is among both.
    """
    each = {name: per_prompt(videos, column.name) for name, videos in models.items()}
    prompts = {prompt for found in each.values() for prompt in found}
    mean = {prompt: fmean(found[prompt] for found in each.values() if prompt in found) for prompt in prompts}
    sign = 1 if column.better == "less" else -1
    order = sorted(prompts, key=lambda prompt: (sign * mean[prompt], prompt))
    ends = [("best", order[:count]), ("worst", order[::-1][: min(count, max(0, len(order) - count))])]
    texts = {video.prompt: video.text for videos in models.values() for video in videos}
    tables = []
    for which, chosen in ends:
        rows: list[list[str | Cell]] = []
        for prompt in chosen:
            own = ([video for video in videos if video.prompt == prompt] for videos in models.values())
            cells = [cell_of(mean_of(videos, column.name, draws), column) for videos in own]
            rows.append([texts.get(prompt) or prompt, *cells])
        title = f"{which.capitalize()} interactions in {column.heading}"
        better = tuple(column.better for _ in models)
        if rows:
            tables.append(Table(name=which, title=title, header=["prompt", *models], rows=rows, better=better))
    return tables
