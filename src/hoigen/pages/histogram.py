"""Small multiples: how each score is spread over the clips, and where its thresholds cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hoigen.pages.facts import Histogram, Threshold
from hoigen.pages.funnel import bounds
from hoigen.pages.markup import Html, el
from hoigen.pages.words import anchor, arrow, count, many, number

WIDTH, HEIGHT = 400.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 8.0, 8.0, 34.0, 24.0

WIDEST = 36.0  # of a bar for one whole number


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
    return el("article", title, about, body, _foot(facts), class_="card", id=anchor("score", facts.score))


def _foot(facts: Histogram) -> Html:
    words = []
    if facts.count and facts.low is not None and facts.high is not None and facts.median is not None:
        spread = f": {number(facts.low)} to {number(facts.high)}, median {number(facts.median)}"
        if facts.low == facts.high:
            spread = f", {'all ' if facts.count > 1 else ''}{number(facts.low)}"
        words.append(f"{many(facts.count, 'value')}{spread}")
    if facts.nulls:
        words.append(f"{count(facts.nulls)} without a value")
    if facts.failed:
        words.append(f"{count(facts.failed)} failed")
    if facts.unseen:
        words.append(f"{count(facts.unseen)} not measured: decided before")
    return el("p", " · ".join(words), class_="foot")


def _drawing(facts: Histogram) -> Html:
    scale = _Scale(facts)
    tallest = max(a + b + c for a, b, c in zip(facts.kept, facts.here, facts.elsewhere, strict=True))
    says = f"Histogram of {facts.score}: {sum(facts.kept)} kept, {sum(facts.here)} dropped by this rule, "
    says += f"{sum(facts.elsewhere)} others. {bounds(facts.thresholds) or 'No threshold'}."
    return el(
        "svg",
        _shades(facts, scale),
        [_bar(facts, index, tallest, scale) for index in range(len(facts.kept))],
        el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM, class_="axis"),
        _ticks(facts, scale),
        _lines(facts.thresholds, scale),
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
    told = ", ".join(f"{count(size)} {_KINDS[kind]}" for kind, size in parts if size)
    return el("g", el("title", f"{_range(facts, index)}: {told}"), shapes, class_="bin")


_KINDS = {"kept": "kept", "here": "dropped by this rule", "elsewhere": "dropped elsewhere or failed"}


def _range(facts: Histogram, index: int) -> str:
    low, high = facts.edges[index], facts.edges[index + 1]
    if facts.discrete:
        return f"{number((low + high) / 2)}{' and more' if facts.above and index == len(facts.kept) - 1 else ''}"
    if index == 0 and facts.below:
        return f"under {number(high)}"
    if index == len(facts.kept) - 1 and facts.above:
        return f"{number(low)} and more"
    return f"{number(low)} to {number(high)}"


def _shades(facts: Histogram, scale: _Scale) -> list[Html]:
    """The sides that the rule drops."""
    found = []
    for threshold in facts.thresholds:
        at = scale.cut(threshold)
        x, wide = (LEFT, at - LEFT) if threshold.lower else (at, WIDTH - RIGHT - at)
        tall = HEIGHT - BOTTOM - TOP
        found.append(el("rect", x=f"{x:.2f}", y=TOP, width=f"{wide:.2f}", height=tall, class_="shade"))
    return found


def _lines(thresholds: Sequence[Threshold], scale: _Scale) -> list[Html]:
    found = []
    for threshold in thresholds:
        at = scale.cut(threshold)
        leans_left = at > WIDTH * 0.62 or (threshold.lower is False and at > WIDTH * 0.4)
        found.append(el("line", x1=f"{at:.2f}", x2=f"{at:.2f}", y1=TOP - 16, y2=HEIGHT - BOTTOM, class_="threshold"))
        found.append(
            el(
                "text",
                _threshold_label(threshold, scale),
                x=f"{at + (-5 if leans_left else 5):.2f}",
                y=TOP - 8,
                class_="threshold-label",
                text_anchor="end" if leans_left else "start",
            )
        )
    return found


def _threshold_label(threshold: Threshold, scale: _Scale) -> str:
    """The bound; with an arrow when it lies beyond what is drawn."""
    label = f"{threshold.kind} {number(threshold.value)}"
    if threshold.value > scale.high:
        return f"{label} →"
    return f"← {label}" if threshold.value < scale.low else label


def _ticks(facts: Histogram, scale: _Scale) -> list[Html]:
    places = _tick_places(scale)
    found = [
        el("text", _tick_label(value, facts), x=f"{scale(value):.2f}", y=HEIGHT - 8, class_="tick", text_anchor=side)
        for value, side in places
    ]
    if facts.above and (not places or scale(places[-1][0]) < WIDTH - RIGHT - 64):
        found.append(el("text", "and more", x=WIDTH - RIGHT, y=HEIGHT - 8, class_="tick", text_anchor="end"))
    return found


def _tick_label(value: float, facts: Histogram) -> str:
    if facts.above and value >= facts.edges[-1 if not facts.discrete else -2]:
        return f"{number(value)} +"
    return number(value)


def _tick_places(scale: _Scale) -> list[tuple[float, str]]:
    """Round values, four or five of them, each with the side it is anchored on."""
    span = scale.high - scale.low
    raw = span / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    step = max(1.0, round(step)) if scale.discrete else step
    first = math.ceil(scale.low / step - 1e-9)
    values = [round(index * step, 12) for index in range(first, first + 7) if index * step <= scale.high + step * 1e-9]
    return [(value, _side(scale(value))) for value in values]


def _side(x: float) -> str:
    if x < LEFT + 14:
        return "start"
    return "end" if x > WIDTH - RIGHT - 14 else "middle"
