"""Means over videos with intervals, and what two models differ by on the same prompts.

Of a mean every video counts once, and a prompt is drawn with all its videos, since they fail together.

Of a difference the mean over a model's videos of a prompt counts, so that another number of samples gives a prompt no
other weight. Its test swaps the two models' means prompt by prompt (see hoigen.stats.paired); p values of one call are
held together by Holm's method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hoigen.evaluation.models.videos import Video
from hoigen.stats import alike
from hoigen.stats.paired import holm, swap_test
from hoigen.stats.resample import (
    Draws,
    Estimate,
    Floats,
    estimate_of,
    minimum_detectable_effect,
    ratio,
    undefined,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of one number.

    Args:
        estimate: over videos, each counting once.
        videos: how many have the number.
        of: how many there are.
        prompts: of how many prompts those that have it are.
        lacking: why the others have none, with how many.
    """

    estimate: Estimate
    videos: int
    of: int
    prompts: int
    lacking: str = ""


def mean_of(videos: Iterable[Video], name: str, draws: Draws) -> Mean:
    """The mean of one number over videos of one model. No video, or none that has it: undefined, with the reason.

    Args:
        videos: of the model.
        name: of the number.
        draws: resamples of prompts, for intervals.
    """
    here = list(videos)
    sums = sums_by_prompt(here, name)
    lacking = lacking_in(here, name)
    count = int(sum(total[1] for total in sums.values()))
    if not sums:
        return Mean(estimate=undefined(lacking or "no video"), videos=0, of=len(here), prompts=0, lacking=lacking)
    columns = np.array(list(sums.values()), float)
    estimate = mean_estimate(columns, draws)
    return Mean(estimate=estimate, videos=count, of=len(here), prompts=len(sums), lacking=lacking)


def lacking_in(videos: Iterable[Video], name: str, most: int = 3) -> str:
    """Why videos lack a number, the most common reasons first: `no hands (2); ...`; "" when none lacks it.

    Args:
        videos: of a model.
        name: of the number.
        most: how many reasons are named.
    """
    lacking = (video for video in videos if video.values.get(name) is None)
    reasons = alike.counted(video.reasons.get(name) or f"{name} was not measured" for video in lacking)
    told = "; ".join(f"{reason} ({many})" for reason, many in reasons[:most])
    return told + (f"; {len(reasons) - most} other reasons" if len(reasons) > most else "")


def sums_by_prompt(videos: Iterable[Video], name: str) -> dict[str, tuple[float, int]]:
    """Prompt -> (sum, how many videos have the number); prompts where none has it are not there."""
    found: dict[str, tuple[float, int]] = {}
    for video in videos:
        value = video.values.get(name)
        if value is not None:
            total, count = found.get(video.prompt, (0.0, 0))
            found[video.prompt] = total + value, count + 1
    return dict(sorted(found.items()))


def mean_estimate(columns: Floats, draws: Draws) -> Estimate:
    """The ratio of two sums over prompts, with its interval.

    Args:
        columns: (prompts, 2): what is summed, and what it is divided by.
        draws: resamples of prompts.
    """
    totals = draws.totals(columns) if len(columns) > 1 else columns
    return estimate_of(columns, totals, lambda t: ratio(t[..., 0], t[..., 1]), "no video", unit="prompts")


def per_prompt(videos: Iterable[Video], name: str) -> dict[str, float]:
    """Prompt -> mean over its videos that have the number."""
    return {prompt: total / count for prompt, (total, count) in sums_by_prompt(videos, name).items()}


def models_of(videos: Sequence[Video]) -> dict[str, list[Video]]:
    """Videos by model, in the order in which models come."""
    found: dict[str, list[Video]] = {}
    for video in videos:
        found.setdefault(video.model, []).append(video)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`second` less `first` in one number, over the prompts that both have.

    Args:
        first: a model.
        second: the other one.
        name: of the number.
        prompts: how many both have.
        one: the first's mean on those prompts.
        other: the second's.
        estimate: of the difference.
        seen_from: the minimum detectable effect: the smallest true difference that so many prompts find in 4 of 5 cases
            (5 % level, two-sided); None where there is no interval.
        p: two-sided; None with the reason in the estimate.
        p_holm: corrected for all tests of the call.
    """

    first: str
    second: str
    name: str
    prompts: int
    one: float | None
    other: float | None
    estimate: Estimate
    seen_from: float | None = None
    p: float | None = None
    p_holm: float | None = None


def difference(first: Sequence[Video], second: Sequence[Video], name: str, draws: Draws) -> Difference:
    """One number of two models' videos.

    Args:
        first: videos of a model.
        second: of the other one.
        name: of the number.
        draws: resamples of prompts, for the interval and the test.
    """
    models = first[0].model, second[0].model
    one, other = per_prompt(first, name), per_prompt(second, name)
    shared = sorted(one.keys() & other.keys())
    if not shared:
        why = "no prompt of which both have this number" if one and other else f"{models[bool(one)]} has no such number"
        return Difference(
            first=models[0], second=models[1], name=name, prompts=0, one=None, other=None, estimate=undefined(why)
        )
    pairs = np.array([[one[prompt], other[prompt]] for prompt in shared])
    ones = np.ones(len(shared))
    estimate = mean_estimate(np.stack([pairs[:, 1] - pairs[:, 0], ones], axis=1), draws)
    sides = [np.stack([pairs[:, side], ones], axis=1) for side in (0, 1)]
    p = swap_test(sides[0], sides[1], draws) if len(shared) > 1 else None
    return Difference(
        first=models[0],
        second=models[1],
        name=name,
        prompts=len(shared),
        one=float(pairs[:, 0].mean()),
        other=float(pairs[:, 1].mean()),
        estimate=estimate,
        seen_from=None if estimate.draws_sd is None else minimum_detectable_effect(estimate.draws_sd, len(shared)),
        p=p,
    )


def with_holm(differences: Iterable[Difference]) -> list[Difference]:
    """The same, with p values that count when all are looked at together."""
    found = list(differences)
    tested = [at for at, each in enumerate(found) if each.p is not None]
    together = holm([found[at].p or 0.0 for at in tested])
    for at, p in zip(tested, together, strict=True):
        found[at] = replace(found[at], p_holm=p)
    return found
