"""How the values of a score are spread: bins counted in SQL, so that a million clips cost no memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hoigen.core.score import Number, Rule
from hoigen.data.parquet import quoted
from hoigen.pages.facts import Histogram, Threshold

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step

BINS = 40
REACH = 3.0
"""A threshold this many spans beyond the values is drawn at the edge, so that it does not squeeze them flat."""


def thresholds(rule: Rule | None) -> tuple[Threshold, ...]:
    """The bounds of a rule, lower ones first."""
    if rule is None:
        return ()
    bounds = [("min", rule.min), ("above", rule.above), ("max", rule.max), ("below", rule.below)]
    return tuple(Threshold(kind, float(value)) for kind, value in bounds if value is not None)  # type: ignore[arg-type]


def histograms(con: Any, run: Run, steps: Sequence[Step], clips: int) -> tuple[Histogram, ...]:
    """One for each score of each step; those with a rule first."""
    made = [(one.name in step.rules, _histogram(con, run, step, one, clips)) for step in steps for one in step.numbers]
    return tuple(one for _, one in sorted(made, key=lambda pair: not pair[0]))


def _histogram(con: Any, run: Run, step: Step, number: Number, clips: int) -> Histogram:
    score = number.name
    rule = thresholds(step.rules.get(score))
    column = quoted(score)
    found = con.execute(
        f"select count({column}), min({column}), quantile_cont({column}, [0.005, 0.5, 0.95, 0.995]), max({column}), "
        f"coalesce(bool_and({column} = floor({column})), false) from settled"
    ).fetchone()
    nulls, failed, seen = _without_value(con, run, step, score)
    bare = Histogram(
        score=score,
        measure=step.name,
        about=number.about,
        better=number.better,
        thresholds=rule,
        nulls=nulls,
        failed=failed,
        unseen=max(0, clips - seen),
    )
    count, low, quantiles, high, whole = found
    if not count:
        return bare
    edges = whole_edges(low, quantiles[2], high, rule) if whole else ()
    discrete = bool(edges)
    edges = edges or edges_of(low, quantiles[0], quantiles[3], high, rule)
    kept, here, elsewhere = _counts(con, score, edges)
    return dataclasses.replace(
        bare,
        edges=edges,
        kept=kept,
        here=here,
        elsewhere=elsewhere,
        discrete=discrete,
        below=low < edges[0],
        above=high > edges[-1],
        low=low,
        median=quantiles[1],
        high=high,
    )


def _without_value(con: Any, run: Run, step: Step, score: str) -> tuple[int, int, int]:
    """Clips that were looked at and have no value, those on which the measure failed, and all that it looked at."""
    nulls, failed, seen = con.execute(
        f"select count(*) filter (where state = 'ok' and {quoted(score)} is null), "
        "count(*) filter (where state = 'failed'), count(*) "
        f"from {run.scores(step.name, step.fingerprint, step.emits).relation()}"
    ).fetchone()
    return int(nulls), int(failed), int(seen)


def whole_edges(low: float, near_high: float, high: float, rule: Sequence[Threshold]) -> tuple[float, ...]:
    """A bin for each whole number, a long tail in the last one; none when that would be too many."""
    right = min(high, max(near_high + 2, low + 8))
    near = [bound.value for bound in rule if low - BINS / 2 <= bound.value <= right + BINS / 2]
    first, last = math.floor(min([low, *near])), math.ceil(max([right, *(value + 1 for value in near)]))
    return tuple(index - 0.5 for index in range(first, last + 2)) if last - first <= BINS else ()


def edges_of(
    low: float, near_low: float, near_high: float, high: float, rule: Sequence[Threshold]
) -> tuple[float, ...]:
    """Edges of equal bins. Long tails go into the outer bins; the first threshold lies on an edge."""
    span = near_high - near_low
    left = low if near_low - low <= 0.35 * span else near_low
    right = high if high - near_high <= 0.35 * span else near_high
    if right <= left:
        room = max(abs(left) * 0.05, 1e-6)
        left, right = left - room, right + room
    near = [bound.value for bound in rule if left - REACH * span <= bound.value <= right + REACH * span or span == 0]
    left, right = min([left, *near]), max([right, *near])
    width = (right - left) / (BINS - 1)
    anchor = near[0] if near else left
    first = anchor - math.ceil((anchor - left) / width - 1e-9) * width
    bins = math.ceil((right - first) / width + 1e-9)
    return tuple(first + index * width for index in range(bins + 1))


def _counts(con: Any, score: str, edges: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    bins, width = len(edges) - 1, edges[1] - edges[0]
    column = quoted(score)
    rows = con.execute(
        f"select greatest(0, least($last, floor(({column} - $first) / $width + 1e-9)))::int as bin, "
        "case when state = 'kept' then 0 when state = 'dropped' and rule = $score then 1 else 2 end as kind, count(*) "
        f"from settled where {column} is not null group by all",
        {"last": bins - 1, "first": edges[0], "width": width, "score": score},
    ).fetchall()
    counts = [[0] * bins for _ in range(3)]
    for place, kind, size in rows:
        counts[kind][place] += size
    return tuple(tuple(one) for one in counts)
