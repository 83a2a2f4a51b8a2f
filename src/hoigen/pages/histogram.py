"""How each score is spread over the clips, and where its thresholds cut: counted, and drawn as small multiples."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hoigen.core.score import Number
from hoigen.core.words import plural
from hoigen.data.parquet import quoted
from hoigen.pages.facts import Histogram, Threshold, bounds, thresholds
from hoigen.pages.markup import Html, el
from hoigen.pages.words import anchor, arrow, count, number
from hoigen.rules.cascade import measured

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step

BINS = 40
REACH = 3.0
"""A threshold this many spans beyond the values is drawn at the edge, so that it does not squeeze them flat."""
WIDTH, HEIGHT = 400.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 8.0, 8.0, 34.0, 24.0
WIDEST = 36.0
"""Of a bar for one whole number."""

# counted in SQL, so that a million clips cost no memory


def histograms(con: Any, run: Run, steps: Sequence[Step], clips: int) -> tuple[Histogram, ...]:
    """One for each score of each step; those with a rule first.

    Args:
        con: a connection of `decide.connect` with the clips as `settled`.
        run: the run.
        steps: its measures.
        clips: how many there are.
    """
    made = [
        (one.name in step.rules, _histogram(con, run, step, one, clips))
        for step in measured(steps)
        for one in step.numbers
    ]
    return tuple(one for _, one in sorted(made, key=lambda pair: not pair[0]))


def _histogram(con: Any, run: Run, step: Step, score: Number, clips: int) -> Histogram:
    rule, column = thresholds(step.rules.get(score.name)), quoted(score.name)
    size, low, quantiles, high, whole = con.execute(
        f"select count({column}), min({column}), quantile_cont({column}, [0.005, 0.5, 0.95, 0.995]), max({column}), "
        f"coalesce(bool_and({column} = floor({column})), false) from settled"
    ).fetchone()
    nulls, failed, seen = con.execute(
        f"select count(*) filter (where state = 'ok' and {column} is null), "
        "count(*) filter (where state = 'failed'), count(*) "
        f"from {run.scores(step.name, step.fingerprint, step.emits).layout().relation()}"
    ).fetchone()
    bare = Histogram(
        score=score.name,
        measure=step.name,
        about=score.about,
        better=score.better,
        thresholds=rule,
        nulls=int(nulls),
        failed=int(failed),
        unseen=max(0, clips - int(seen)),
    )
    if not size:
        return bare
    edges = whole_edges(low, quantiles[2], high, rule) if whole else ()
    discrete = bool(edges)
    edges = edges or edges_of(low, quantiles[0], quantiles[3], high, rule)
    bins, width = len(edges) - 1, edges[1] - edges[0]
    rows = con.execute(
        f"select greatest(0, least($last, floor(({column} - $first) / $width + 1e-9)))::int as bin, "
        "case when state = 'kept' then 0 when state = 'dropped' and rule = $score then 1 else 2 end as kind, count(*) "
        f"from settled where {column} is not null group by all",
        {"last": bins - 1, "first": edges[0], "width": width, "score": score.name},
    ).fetchall()
    counts = [[0] * bins for _ in range(3)]
    for place, kind, clips_in in rows:
        counts[kind][place] += clips_in
    kept, here, elsewhere = tuple(tuple(one) for one in counts)
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


def whole_edges(low: float, near_high: float, high: float, rule: Sequence[Threshold]) -> tuple[float, ...]:
    """Edges of a bin for each whole number, a long tail in the last one; none when that would be too many.

    Args:
        low: the lowest value.
        near_high: what 95 % of the values do not exceed.
        high: the highest value.
        rule: thresholds that should be in sight.
    """
    right = min(high, max(near_high + 2, low + 8))
    near = [bound.value for bound in rule if low - BINS / 2 <= bound.value <= right + BINS / 2]
    first, last = math.floor(min([low, *near])), math.ceil(max([right, *(value + 1 for value in near)]))
    return tuple(index - 0.5 for index in range(first, last + 2)) if last - first <= BINS else ()


def edges_of(
    low: float, near_low: float, near_high: float, high: float, rule: Sequence[Threshold]
) -> tuple[float, ...]:
    """Edges of equal bins. Long tails go into the outer bins; the first threshold lies on an edge.

    Args:
        low: the lowest value.
        near_low: what 99.5 % of the values reach.
        near_high: what 99.5 % of the values do not exceed.
        high: the highest value.
        rule: thresholds that should be in sight.
    """
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


# drawn


def histogram(facts: Histogram) -> Html:
    """One card: title, what the number means, the picture, and what the picture cannot show."""
    title = el(
        "h3",
        facts.score,
        arrow(facts.better),
        el("small", bounds(facts.thresholds), class_="bound") if facts.thresholds else None,
    )
    about = el("p", facts.about, class_="about")
    body = _drawing(facts) if facts.count else el("p", "No clip has a value.", class_="empty")
    words = []
    if facts.count and facts.low is not None and facts.high is not None and facts.median is not None:
        spread = f": {number(facts.low)} to {number(facts.high)}, median {number(facts.median)}"
        if facts.low == facts.high:
            spread = f", {'all ' if facts.count > 1 else ''}{number(facts.low)}"
        words.append(f"{plural(facts.count, 'value')}{spread}")
    if facts.nulls:
        words.append(f"{count(facts.nulls)} without a value")
    if facts.failed:
        words.append(f"{count(facts.failed)} failed")
    if facts.unseen:
        words.append(f"{count(facts.unseen)} not measured: decided before")
    foot = el("p", " · ".join(words), class_="foot")
    return el("article", title, about, body, foot, class_="card", id=anchor("score", facts.score))


def _drawing(facts: Histogram) -> Html:
    scale = _Scale(facts)
    tallest = max(a + b + c for a, b, c in zip(facts.kept, facts.here, facts.elsewhere, strict=True))
    says = f"Histogram of {facts.score}: {sum(facts.kept)} kept, {sum(facts.here)} dropped by this rule, "
    says += f"{sum(facts.elsewhere)} others. {bounds(facts.thresholds) or 'No threshold'}."
    shades, lines = [], []  # the sides that the rule drops, and where it cuts
    for threshold in facts.thresholds:
        at = scale.cut(threshold)
        leans_left = at > WIDTH * 0.62 or (not threshold.lower and at > WIDTH * 0.4)
        beside = {"x": f"{at + (-5 if leans_left else 5):.2f}", "text_anchor": "end" if leans_left else "start"}
        label = f"{threshold.kind} {number(threshold.value)}"
        if threshold.value > scale.high:  # beyond what is drawn
            label = f"{label} →"
        elif threshold.value < scale.low:
            label = f"← {label}"
        lines.append(el("line", x1=f"{at:.2f}", x2=f"{at:.2f}", y1=TOP - 16, y2=HEIGHT - BOTTOM, class_="threshold"))
        lines.append(el("text", label, y=TOP - 8, class_="threshold-label", **beside))
        x, wide = (LEFT, at - LEFT) if threshold.lower else (at, WIDTH - RIGHT - at)
        tall = HEIGHT - BOTTOM - TOP
        shades.append(el("rect", x=f"{x:.2f}", y=TOP, width=f"{wide:.2f}", height=tall, class_="shade"))
    raw = (scale.high - scale.low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    step = max(1.0, round(step)) if scale.discrete else step
    first = math.ceil(scale.low / step - 1e-9)
    values = [round(index * step, 12) for index in range(first, first + 7) if index * step <= scale.high + step * 1e-9]
    ticks = []
    for value in values:
        place = scale(value)
        side = "start" if place < LEFT + 14 else "end" if place > WIDTH - RIGHT - 14 else "middle"
        more = " +" if facts.above and value >= facts.edges[-1 if not facts.discrete else -2] else ""
        ticks.append(el("text", number(value) + more, x=f"{place:.2f}", y=HEIGHT - 8, class_="tick", text_anchor=side))
    if facts.above and (not values or scale(values[-1]) < WIDTH - RIGHT - 64):
        ticks.append(el("text", "and more", x=WIDTH - RIGHT, y=HEIGHT - 8, class_="tick", text_anchor="end"))
    return el(
        "svg",
        shades,
        [_bar(facts, index, tallest, scale) for index in range(len(facts.kept))],
        el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM, class_="axis"),
        ticks,
        lines,
        el("text", f"tallest bar: {count(tallest)}", x=WIDTH - RIGHT, y=11, class_="peak", text_anchor="end"),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_label=says,
        class_="histogram",
    )


class _Scale:
    """Values to x."""

    def __init__(self, facts: Histogram) -> None:
        self.low, self.high = facts.edges[0], facts.edges[-1]
        self.discrete = facts.discrete

    def __call__(self, value: float) -> float:
        place = (value - self.low) / (self.high - self.low)
        return LEFT + min(1.0, max(0.0, place)) * (WIDTH - LEFT - RIGHT)

    def cut(self, threshold: Threshold) -> float:
        """Where a threshold cuts: between two bins when values are whole numbers."""
        side = {"min": -0.5, "above": 0.5, "max": 0.5, "below": -0.5}[threshold.kind] if self.discrete else 0.0
        return self(threshold.value + side)


def _bar(facts: Histogram, index: int, tallest: int, scale: _Scale) -> Html | None:
    """One bin: kept at the bottom, then dropped here, then the others."""
    parts = (("kept", facts.kept[index]), ("here", facts.here[index]), ("elsewhere", facts.elsewhere[index]))
    total = sum(size for _, size in parts)
    if not total:
        return None
    left, right = scale(facts.edges[index]), scale(facts.edges[index + 1])
    if facts.discrete and right - left > WIDEST:
        left, right = (left + right - WIDEST) / 2, (left + right + WIDEST) / 2
    gap = min(1.0, (right - left) * 0.15)
    y, shapes = HEIGHT - BOTTOM, []
    for kind, size in parts:
        tall = size / tallest * (HEIGHT - TOP - BOTTOM)
        if size:
            tall = max(tall, 0.8)
            y -= tall
            x, wide = f"{left + gap / 2:.2f}", f"{right - left - gap:.2f}"
            shapes.append(el("rect", x=x, y=f"{y:.2f}", width=wide, height=f"{tall:.2f}", class_=kind))
    low, high = facts.edges[index], facts.edges[index + 1]
    last = index == len(facts.kept) - 1
    if facts.discrete:
        values = f"{number((low + high) / 2)}{' and more' if facts.above and last else ''}"
    elif index == 0 and facts.below:
        values = f"under {number(high)}"
    elif last and facts.above:
        values = f"{number(low)} and more"
    else:
        values = f"{number(low)} to {number(high)}"
    named = {"kept": "kept", "here": "dropped by this rule", "elsewhere": "dropped elsewhere, failed or not decided"}
    told = ", ".join(f"{count(size)} {named[kind]}" for kind, size in parts if size)
    return el("g", el("title", f"{values}: {told}"), shapes, class_="bin")
