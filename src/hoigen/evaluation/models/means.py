"""Means over videos with intervals: a prompt is drawn with all its videos, since they fail together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.evaluation.models.videos import Video
from hoigen.stats import alike
from hoigen.stats.resample import Draws, Estimate, Floats, estimate_of, ratio, undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """estimate: the mean over videos, each counting once. videos: that have the number. of: all there are.

    lacking: why the others have none, with how many.
    """

    estimate: Estimate
    videos: int
    of: int
    prompts: int
    lacking: str = ""


def mean_of(videos: Iterable[Video], name: str, draws: Draws) -> Mean:
    """The mean of one number over videos of one model. No video, or none that has it: undefined, with the reason."""
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
    """Why videos lack a number, the most common reasons first: `no hands (2); ...`; "" when none lacks it."""
    reasons = alike.counted(_reason(video, name) for video in videos if video.values.get(name) is None)
    told = "; ".join(f"{reason} ({many})" for reason, many in reasons[:most])
    return told + (f"; {len(reasons) - most} other reasons" if len(reasons) > most else "")


def _reason(video: Video, name: str) -> str:
    return video.reasons.get(name) or f"{name} was not measured"


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
    """Ratio of sums, (prompts, 2) -> estimate with its interval."""
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
