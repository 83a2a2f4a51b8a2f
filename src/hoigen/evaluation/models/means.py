"""Means over videos with intervals, and what two models differ by on the same prompts.

Videos come here as they count (`hoigen.evaluation.models.counting`). Of a mean every video counts once, and a prompt is
drawn with all its videos, since they fail together.

Of a difference the mean over a model's videos of a prompt counts, so that another number of samples gives a prompt no
other weight. Its test swaps the two models' means prompt by prompt (`core/stats/paired.py`); p values of a family are
held together by Holm's method: numbers of one measure say much the same, and are one family over all pairs of models.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number
from hoigen.core.stats import alike
from hoigen.core.stats.paired import floor, holm, swap_tests
from hoigen.core.stats.resample import (
    Draws,
    Estimate,
    Floats,
    estimate_of,
    minimum_detectable_effect,
    ratio,
    undefined,
)
from hoigen.evaluation.models.videos import Video

MOST_SWAPS = 400_000
"""Swaps that a test tries at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of one number.

    Args:
        estimate: over videos, each counting once.
        videos: how many have the number.
        of: how many were asked for it: those of prompts that are set aside left out.
        prompts: of how many prompts those that count are.
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
    every = list(videos)
    here = [video for video in every if not set_aside(video, name)]
    sums = sums_by_prompt(here, name)
    lacking = lacking_in(here or every, name)
    count = sum(has(video, name) for video in here)
    if not sums:
        return Mean(estimate=undefined(lacking or "no video"), videos=0, of=len(here), prompts=0, lacking=lacking)
    columns = np.array(list(sums.values()), float)
    estimate = mean_estimate(columns, draws)
    return Mean(estimate=estimate, videos=count, of=len(here), prompts=len(sums), lacking=lacking)


def has(video: Video, name: str) -> bool:
    """Whether a video has a number of its own, rather than counts with the worst."""
    return video.values.get(name) is not None and name not in video.absent


def set_aside(video: Video, name: str) -> bool:
    """Whether prompt and reader leave nothing to measure."""
    return video.values.get(name) is None and video.reasons.get(name, "").startswith((NOT_ASKED, NOT_MEASURABLE))


def lacking_in(videos: Iterable[Video], name: str, most: int = 3) -> str:
    """Why videos lack a number, the most common reasons first: `no hands (2); ...`; "" when none lacks it.

    Args:
        videos: of a model.
        name: of the number.
        most: how many reasons are named.
    """
    lacking = (video for video in videos if not has(video, name))
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
        p_holm: corrected for all tests of its family.
        family: what is looked at together: all pairs of models in numbers that say much the same.
        tests: how many the family has.
        floor: the smallest corrected p that so many prompts and swaps can give.
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
    family: str = ""
    tests: int = 0
    floor: float = 0.0


def differences(
    pairs: Sequence[tuple[Sequence[Video], Sequence[Video], str, str]], draws: Draws, sure: float = 0.05
) -> list[Difference]:
    """Differences of two models each, in one number each, with p values that hold when a family is looked at together.

    Args:
        pairs: (videos of a model, videos of the other one, name of the number, its family).
        draws: resamples of prompts, for intervals. Tests try more swaps where so many tests need them.
        sure: the level that a p can come below after Holm's correction, if there are enough prompts.
    """
    found = [_difference(first, second, name, draws) for first, second, name, _ in pairs]
    tested = [at for at, (_, apart) in enumerate(found) if apart is not None and len(apart) > 1]
    sizes = Counter(pairs[at][3] for at in tested)
    most = max(sizes.values(), default=0)
    tries = replace(draws, draws=min(MOST_SWAPS, max(draws.draws, math.ceil(2 * most / sure))))
    p_values = swap_tests([apart for at in tested if (apart := found[at][1]) is not None], tries)
    made = [each for each, _ in found]
    for family in sizes:
        here = [at for at, index in enumerate(tested) if pairs[index][3] == family]
        for at, together in zip(here, holm([p_values[at] for at in here]), strict=True):
            index = tested[at]
            least = min(1.0, floor(made[index].prompts, tries) * sizes[family])
            made[index] = replace(
                made[index], p=p_values[at], p_holm=together, tests=sizes[family], floor=least, family=family
            )
    return made


def difference(first: Sequence[Video], second: Sequence[Video], name: str, draws: Draws) -> Difference:
    """One number of two models' videos, tested alone.

    Args:
        first: videos of a model.
        second: of the other one.
        name: of the number.
        draws: resamples of prompts, for the interval and the test.
    """
    return differences([(first, second, name, name)], draws)[0]


def _difference(
    first: Sequence[Video], second: Sequence[Video], name: str, draws: Draws
) -> tuple[Difference, Floats | None]:
    """Without its test, and the differences within prompts that the test goes by."""
    models = first[0].model, second[0].model
    one, other = per_prompt(first, name), per_prompt(second, name)
    shared = sorted(one.keys() & other.keys())
    if not shared:
        why = "no prompt of which both have this number" if one and other else f"{models[bool(one)]} has no such number"
        none = Difference(
            first=models[0], second=models[1], name=name, prompts=0, one=None, other=None, estimate=undefined(why)
        )
        return none, None
    values = np.array([[one[prompt], other[prompt]] for prompt in shared])
    apart = values[:, 1] - values[:, 0]
    estimate = mean_estimate(np.stack([apart, np.ones(len(shared))], axis=1), draws)
    made = Difference(
        first=models[0],
        second=models[1],
        name=name,
        prompts=len(shared),
        one=float(values[:, 0].mean()),
        other=float(values[:, 1].mean()),
        estimate=estimate,
        seen_from=None if estimate.draws_sd is None else minimum_detectable_effect(estimate.draws_sd, len(shared)),
    )
    return made, apart


def like_the_best(models: Mapping[str, Sequence[Video]], best: str, number: Number, draws: Draws) -> list[str]:
    """The models that the test does not tell apart from the best one; empty where it does.

    Args:
        models: videos by model.
        best: one of them.
        number: of which one end is better.
        draws: for the test; Holm's correction is over the other models.
    """
    others = [other for other, videos in models.items() if other != best and videos]
    found = differences([(models[best], models[other], number.name, number.name) for other in others], draws)
    sign = 1.0 if number.better == "less" else -1.0

    def worse(each: Difference) -> bool:
        by = each.estimate.value
        return by is not None and sign * by > 0 and each.p_holm is not None and each.p_holm < 0.05

    return [other for other, each in zip(others, found, strict=True) if not worse(each)]
