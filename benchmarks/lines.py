"""Line charts as SVG, in the look of hoigen's own figures: names stand beside the lines they name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hoigen.pages.markup import Html, el

WIDTH, HEIGHT = 780.0, 420.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 216.0, 78.0, 56.0
APART = 17.0
STYLE = """
svg { background: #fff; font: 13px Inter, "Helvetica Neue", "Segoe UI", "Liberation Sans", Arial, sans-serif; }
text { fill: #565d66; } .title { font-size: 20px; font-weight: 700; fill: #15181b; }
.grid { stroke: #ecece7; } .axis { stroke: #15181b; } .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.to { fill: none; stroke-width: 1; opacity: .5; }
"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a line is drawn. dash: an SVG dash array, "" for none."""

    colour: str
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """x: places; lines: name -> values at these places, from 0 up. percent: how x and y are written."""

    title: str
    about: str
    x_name: str
    y_name: str
    x: Sequence[float]
    lines: Mapping[str, Sequence[float]]
    looks: Mapping[str, Look]
    percent_x: bool = True
    percent_y: bool = True


@dataclass(frozen=True, slots=True)
class _Plane:
    low: float
    high: float
    top: float

    def x(self, value: float) -> float:
        return LEFT + (value - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


def draw(chart: Chart) -> str:
    """An SVG document."""
    most = max(max(values) for values in chart.lines.values())
    step = _step(most * 1.04)
    plane = _Plane(chart.x[0], chart.x[-1], step * math.ceil(most * 1.04 / step))
    foot = {"y": f"{HEIGHT - 14:.1f}", "text_anchor": "middle"}
    body = [
        el("style", Html(STYLE)),
        el("rect", width=WIDTH, height=HEIGHT, fill="#fff"),
        el("text", chart.title, x=16, y=32, class_="title"),
        el("text", f"{chart.y_name}. {chart.about}", x=16, y=54),
        _grid(plane, step, chart.percent_y),
        _ticks(plane, chart),
        el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=plane.y(0), y2=plane.y(0), class_="axis"),
        el("text", chart.x_name, x=(LEFT + WIDTH - RIGHT) / 2, **foot),
        _lines(plane, chart),
    ]
    size = {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "width": f"{WIDTH:g}", "height": f"{HEIGHT:g}"}
    says = f"{chart.title}. {chart.about}"
    return el("svg", body, xmlns="http://www.w3.org/2000/svg", role="img", aria_label=says, **size) + "\n"


def _step(most: float) -> float:
    """Between gridlines: 1, 2 or 5 times a power of ten, four to eight of them."""
    unit = 10.0 ** math.floor(math.log10(most / 4))
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor * 8 >= most)


def _written(value: float, percent: bool) -> str:
    return f"{value * 100:.3g} %" if percent else f"{value:g}"


def _last(value: float, percent: bool) -> str:
    return f"{value * 100:.1f} %" if percent else f"{value:.2f}"


def _grid(plane: _Plane, step: float, percent: bool) -> list[Html]:
    found = []
    for at in range(round(plane.top / step) + 1):
        y, label = plane.y(at * step), _written(round(at * step, 9), percent)
        found.append(el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        found.append(el("text", label, x=LEFT - 8, y=f"{y + 4:.1f}", text_anchor="end"))
    return found


def _ticks(plane: _Plane, chart: Chart) -> list[Html]:
    y = f"{plane.y(0) + 20:.1f}"
    return [
        el("text", _written(value, chart.percent_x), x=f"{plane.x(value):.1f}", y=y, text_anchor="middle")
        for value in chart.x
    ]


def _lines(plane: _Plane, chart: Chart) -> list[Html]:
    found = []
    ends = {name: plane.y(values[-1]) for name, values in chart.lines.items()}
    places = _apart(ends)
    for name, values in chart.lines.items():
        look = chart.looks[name]
        points = " ".join(f"{plane.x(x):.1f},{plane.y(y):.1f}" for x, y in zip(chart.x, values, strict=True))
        dash = {"stroke_dasharray": look.dash} if look.dash else {}
        found.append(el("polyline", points=points, class_="line", stroke=look.colour, **dash))
        end = WIDTH - RIGHT
        to = f"{end + 3:.1f},{ends[name]:.1f} {end + 12:.1f},{places[name]:.1f} {end + 20:.1f},{places[name]:.1f}"
        found.append(el("polyline", points=to, class_="to", stroke=look.colour))
        beside = {"x": f"{end + 24:.1f}", "y": f"{places[name] + 4:.1f}", "style": f"fill: {look.colour}"}
        found.append(el("text", f"{name} {_last(values[-1], chart.percent_y)}", **beside))
    return found


def _apart(ends: Mapping[str, float]) -> dict[str, float]:
    """Places of the names: in the order of the lines' ends, far enough apart to be read, within the picture."""
    names = sorted(ends, key=lambda name: ends[name])
    places = [ends[name] for name in names]
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + APART)
    over = max(0.0, places[-1] - (HEIGHT - BOTTOM))
    if over:
        places[-1] -= over
        for at in range(len(places) - 2, -1, -1):
            places[at] = min(places[at], places[at + 1] - APART)
    return dict(zip(names, places, strict=True))
