"""Pictures of their own, as SVG files that any browser shows and any document takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hoigen.pages.markup import Html, el

if TYPE_CHECKING:
    from hoigen.core.stats.thresholds import Curve

WIDTH, HEIGHT = 760.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 104.0, 78.0, 52.0
BINS = 48
POINTS = 400
STYLE = """
svg { background: #fff; font: 13px Inter, "Helvetica Neue", "Segoe UI", "Liberation Sans", Arial, sans-serif; }
text { fill: #565d66; } .title { font-size: 20px; font-weight: 700; fill: #15181b; } .strong { fill: #15181b; }
.grid { stroke: #ecece7; } .axis { stroke: #15181b; } .yes { fill: #a9d6cc; } .no { fill: #f3cdb4; }
.any { fill: #d3d7db; } .away { fill: #15181b; opacity: .05; }
.curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.precision { stroke: #0b7a68; } .recall { stroke: #c2571c; } .f1 { stroke: #6a4fb3; stroke-dasharray: 6 3; }
.t-precision { fill: #0b7a68; } .t-recall { fill: #a44208; } .t-f1 { fill: #6a4fb3; }
.threshold { stroke: #15181b; stroke-width: 1.6; } .dot { stroke: #fff; stroke-width: 1.5; }
.d-precision { fill: #0b7a68; } .d-recall { fill: #c2571c; } .d-f1 { fill: #6a4fb3; }
"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a picture of a threshold shows.

    Args:
        title: of the picture.
        about: a line below it.
        values: of the score, one a clip.
        said: what people said of the same clips; None when nobody has labelled them.
        bounds: `min` or `max` -> the threshold.
        curve: precision, recall and F1 by threshold.
        chosen: the place in the curve that is marked.
    """

    title: str
    about: str
    values: Sequence[float]
    said: Sequence[bool] | None
    bounds: Mapping[str, float]
    curve: Curve | None = None
    chosen: int | None = None


@dataclass(frozen=True, slots=True)
class _Plane:
    """Values and shares to x and y."""

    low: float
    high: float

    def x(self, value: float) -> float:
        place = (value - self.low) / (self.high - self.low)
        return LEFT + min(1.0, max(0.0, place)) * (WIDTH - LEFT - RIGHT)

    def y(self, share: float) -> float:
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def threshold_figure(drawn: Drawn) -> str:
    """An SVG document: how the values are spread, the curves in front of it, the thresholds marked."""
    # From the first to the last of all but the outermost half percent; a few outliers do not squeeze the rest.
    ordered = sorted(drawn.values)
    off = len(ordered) // 200
    low = min([ordered[off], *drawn.bounds.values()])
    high = max([ordered[len(ordered) - 1 - off], *drawn.bounds.values()])
    room = (high - low) * 0.02 or abs(low) * 0.1 or 1.0
    plane = _Plane(low - room, high + room)
    away = []  # what the thresholds drop
    for bound, value in drawn.bounds.items():
        left, right = (LEFT, plane.x(value)) if bound == "min" else (plane.x(value), WIDTH - RIGHT)
        wide, tall = f"{right - left:.1f}", f"{plane.y(0) - plane.y(1):.1f}"
        away.append(el("rect", x=f"{left:.1f}", y=f"{plane.y(1):.1f}", width=wide, height=tall, class_="away"))
    raw = (plane.high - plane.low) / 5
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    ticks = []
    for at in range(math.ceil(plane.low / step), math.floor(plane.high / step) + 1):
        tick = round(at * step, 12)
        place = {"x": f"{plane.x(tick):.1f}", "y": f"{plane.y(0) + 20:.1f}"}
        ticks.append(el("text", f"{tick:g}", text_anchor="middle", **place))
    marks = []
    for bound, value in drawn.bounds.items():
        cut = plane.x(value)
        to_the_right = bound == "min" if WIDTH - RIGHT - 90 > cut > LEFT + 90 else cut <= LEFT + 90
        beside = {"x": f"{cut + (6 if to_the_right else -6):.1f}", "text_anchor": "start" if to_the_right else "end"}
        marks.append(
            el("line", x1=f"{cut:.1f}", x2=f"{cut:.1f}", y1=TOP - 12, y2=f"{plane.y(0):.1f}", class_="threshold")
        )
        marks.append(el("text", f"{bound} {value:g}", y=TOP - 4, class_="strong", **beside))
    grid = []  # behind the curves only
    for share in (0.25, 0.5, 0.75, 1.0) if drawn.curve is not None else ():
        y = f"{plane.y(share):.1f}"
        grid.append(el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        grid.append(el("text", f"{share:.0%}", x=LEFT - 8, y=f"{plane.y(share) + 4:.1f}", text_anchor="end"))
    body = [
        el("style", Html(STYLE)),
        el("rect", width=WIDTH, height=HEIGHT, fill="#fff"),
        el("text", drawn.title, x=LEFT, y=32, class_="title"),
        el("text", drawn.about, x=LEFT, y=52),
        grid,
        away,
        _bars(drawn, plane),
        el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=plane.y(0), y2=plane.y(0), class_="axis"),
        ticks,
        _curves(drawn, plane),
        marks,
        _key(drawn),
    ]
    size = {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "width": f"{WIDTH:g}", "height": f"{HEIGHT:g}"}
    says = f"{drawn.title}. {drawn.about}"
    return el("svg", body, xmlns="http://www.w3.org/2000/svg", role="img", aria_label=says, **size) + "\n"


def _bars(drawn: Drawn, plane: _Plane) -> list[Html]:
    kinds = [("any", drawn.values)]
    if drawn.said is not None:
        pairs = list(zip(drawn.values, drawn.said, strict=True))
        kinds = [("yes", [v for v, yes in pairs if yes]), ("no", [v for v, yes in pairs if not yes])]
    counts = {kind: [0] * BINS for kind, _ in kinds}
    for kind, values in kinds:
        for value in values:
            place = int((value - plane.low) / (plane.high - plane.low) * BINS)
            counts[kind][min(BINS - 1, max(0, place))] += 1
    tallest = max(sum(some) for some in zip(*counts.values(), strict=True))
    wide = (WIDTH - LEFT - RIGHT) / BINS
    found = []
    for at in range(BINS):
        below = 0
        for kind, bins in counts.items():
            if bins[at]:
                top, foot = (plane.y(0.9 * part / tallest) for part in (below + bins[at], below))
                corner = {"x": f"{LEFT + at * wide + 0.5:.1f}", "y": f"{top:.1f}"}
                found.append(el("rect", **corner, width=f"{wide - 1:.1f}", height=f"{foot - top:.1f}", class_=kind))
                below += bins[at]
    return found


def _curves(drawn: Drawn, plane: _Plane) -> list[Html]:
    if drawn.curve is None:
        return []
    found = []
    step = max(1, len(drawn.curve.thresholds) // POINTS)
    for name in ("precision", "recall", "f1"):
        shares = getattr(drawn.curve, name)
        points = [
            f"{plane.x(float(t)):.1f},{plane.y(float(s)):.1f}"
            for t, s in zip(drawn.curve.thresholds[::step], shares[::step], strict=True)
        ]
        found.append(el("polyline", points=" ".join(points), class_=f"curve {name}"))
        if drawn.chosen is not None:
            x = plane.x(float(drawn.curve.thresholds[drawn.chosen]))
            y = plane.y(float(shares[drawn.chosen]))
            found.append(el("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.5, class_=f"dot d-{name}"))
    return found


def _key(drawn: Drawn) -> list[Html]:
    """Names beside what they name, at the right."""
    x, y = WIDTH - RIGHT + 14, TOP + 8
    found = []
    if drawn.curve is not None:
        for name, label in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
            value = "" if drawn.chosen is None else f" {float(getattr(drawn.curve, name)[drawn.chosen]):.2f}"
            found.append(el("text", label + value, x=x, y=y, class_=f"t-{name}"))
            y += 20
    kinds = (("yes", "labelled yes"), ("no", "labelled no")) if drawn.said is not None else (("any", "clips"),)
    for kind, label in kinds:
        found.append(el("rect", x=x, y=y - 9, width=10, height=10, class_=kind))
        found.append(el("text", label, x=x + 15, y=y))
        y += 20
    return found
