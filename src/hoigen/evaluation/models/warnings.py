"""What makes numbers of two models not comparable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from hoigen.core.words import plural
from hoigen.evaluation.models.scorecard import not_comparable
from hoigen.evaluation.models.videos import NOT_YET, Source, Video

NAMED = 6
"""So many models are named; of more, some."""
NEAR = 0.02
"""Within 2 % two lengths or frame rates are the same (23.976 and 24)."""


def warnings_of(models: Mapping[str, Sequence[Video]], sources: Sequence[Source]) -> list[str]:
    """Sentences, the graver first.

    Args:
        models: videos by model.
        sources: the runs that they are of.
    """
    told = []
    for name in dict.fromkeys(name for source in sources for name in source.fingerprints):
        prints: dict[str, list[str]] = {}
        for source in sources:
            if name in source.fingerprints:
                prints.setdefault(source.fingerprints[name], []).append(str(source.path))
        if len(prints) > 1:
            groups = " and ".join(" + ".join(paths) for paths in prints.values())
            told.append(f"{name} was measured with other settings or versions in {groups}: its numbers do not compare")
    said: dict[str, dict[tuple[object, ...], list[str]]] = {}
    for source in sources:
        for number in source.numbers:
            if number.declared:
                what = number.better, number.unit, number.share
                said.setdefault(number.name, {}).setdefault(what, []).append(str(source.path))
    for name, ways in said.items():
        if len(ways) > 1:
            where = " and ".join(map(" + ".join, ways.values()))
            what_differs = f"{name} is declared otherwise (direction, unit or share) in {where}"
            told.append(f"{what_differs}: it is shown as the first says")
    if len({source.evaluation["suite"]["digest"] for source in sources if source.evaluation.get("suite")}) > 1:
        told.append("the runs were made with different suites of prompts; tests use the prompts that both have")
    told += not_comparable(sources)
    failed = []
    waiting = {name: sum(NOT_YET in video.reasons.values() for video in videos) for name, videos in models.items()}
    if waiting := {name: count for name, count in waiting.items() if count}:
        each = _some([f"{name}: {count} of {len(models[name])}" for name, count in waiting.items()], ", ")
        failed.append(f"videos are not measured yet ({each}): means are of the others")
    broken = {name: Counter(video.failure for video in videos if video.failure) for name, videos in models.items()}
    for name, failures in list(broken.items())[:NAMED] if sum(map(bool, broken.values())) <= NAMED else ():
        if failures:
            reason, _ = failures.most_common(1)[0]
            failed.append(
                f"{name}: {failures.total()} of {plural(len(models[name]), 'video')} failed, most often: {reason}"
            )
    if sum(map(bool, broken.values())) > NAMED:
        counts = {name: found.total() for name, found in broken.items() if found}
        reason, _ = sum(broken.values(), Counter()).most_common(1)[0]
        each = _some([f"{name} {count}" for name, count in counts.items()], ", ")
        failed.append(
            f"{plural(len(counts), 'model has', 'models have')} videos that failed ({each}), most often: {reason}"
        )
    left = []
    lacking: dict[str, int] = {}
    for source in sources:
        strays = source.evaluation.get("without_prompt") or []
        if strays:
            some = ", ".join(Path(path).name for path in strays[:3])
            left.append(f"{source.path}: {plural(len(strays), 'video')} without a prompt are left out ({some})")
        for whose, facts in (source.evaluation.get("models") or {}).items():
            if facts.get("missing"):
                lacking[whose] = len(facts["missing"])
                some = ", ".join(facts["missing"][:3])
                left.append(f"{whose}: no video for {len(facts['missing'])} prompts of the suite ({some})")
    if len(lacking) > NAMED:
        left = [told for told in left if ": no video for " not in told]
        each = _some([f"{name} {count}" for name, count in lacking.items()], ", ")
        left.append(
            f"{plural(len(lacking), 'model has', 'models have')} no video for some prompts of the suite ({each})"
        )
    return [*told, *_prompts(models), *_pictures(models), *failed, *left]


def _some(told: Sequence[str], between: str) -> str:
    """The first few of many."""
    more = f"{between}and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return between.join(told[:NAMED]) + more


def _span(values: Mapping[str, float]) -> str:
    """Each model's value, or of many models the ends."""
    if len(values) <= NAMED:
        return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    low, high = (end(values, key=lambda name: values[name]) for end in (min, max))
    return f"from {low} {values[low]:.4g} to {high} {values[high]:.4g}"


def _prompts(models: Mapping[str, Sequence[Video]]) -> list[str]:
    has = {name: {video.prompt for video in videos} for name, videos in models.items()}
    every = set.union(*has.values())
    lacking = [f"{name} {len(prompts)}" for name, prompts in has.items() if prompts != every]
    told = []
    if lacking:
        told.append(
            f"not all models have videos of all {plural(len(every), 'prompt')} ({_some(lacking, ', ')}): their "
            f"means are over "
            "different prompts; --common takes those that all have"
        )
    samples = {name: len(videos) / len(has[name]) for name, videos in models.items()}
    if max(samples.values()) > min(samples.values()) * 1.05:
        told.append(f"models differ in videos per prompt: {_span(samples)}")
    return told


def _pictures(models: Mapping[str, Sequence[Video]]) -> list[str]:
    ways: tuple[tuple[str, str, Callable[[Video], float], str], ...] = (
        (
            "frame rate",
            "fps",
            lambda v: v.fps,
            "scores of change from frame to frame rise with it (fine_hoi_8fps does not)",
        ),
        ("length", "s", lambda v: v.seconds, "longer videos have more room to drift and to fail"),
        (
            "resolution",
            "px on the short side",
            lambda v: min(v.width, v.height),
            "detectors and quality scores feel it",
        ),
    )
    told = []
    for what, unit, of, why in ways:
        values = {name: [value for video in videos if (value := of(video)) > 0] for name, videos in models.items()}
        known = {name: median(each) for name, each in values.items() if each}
        if known and max(known.values()) > min(known.values()) * (1 + NEAR):
            told.append(f"models differ in {what} ({_span(known)} {unit}): {why}")
    return told
