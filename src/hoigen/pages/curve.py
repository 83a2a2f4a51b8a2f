"""The contact curve of a video, as wide as its strip: below each frame stands its moment."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hoigen.pages.evalfacts import ContactCurve
from hoigen.pages.markup import Html, el
from hoigen.pages.words import share

WIDTH, HEIGHT, TOP = 1000.0, 72.0, 4.0


def curve(facts: ContactCurve, marks: Sequence[float] = ()) -> Html:
    """Touch is at the foot, out of reach at the top; stretches of contact are filled, those without sight hatched.

    marks: times of the frames of the strip.
    """
    times, edges = list(facts.times), _edges(facts)
    parts = [el("rect", x=0, y=TOP, width=WIDTH, height=HEIGHT - TOP, class_="ground")]
    for start, end in _stretches(facts.contact):
        parts.append(_bar(edges[start], edges[end], "touch"))
    for start, end in _stretches([not seen for seen in facts.seen]):
        parts.append(_bar(edges[start], edges[end], "unseen"))
    for mark in marks:
        x = f"{_x(mark, facts):.1f}"
        parts.append(el("line", x1=x, x2=x, y1=TOP, y2=HEIGHT, class_="mark"))
    line = " ".join(f"{_x(time, facts):.1f},{_y(gap):.1f}" for time, gap in zip(times, facts.gap, strict=True))
    parts.append(el("polyline", points=line, class_="gap"))
    touching = sum(facts.contact)
    says = f"contact in {share(touching, len(times))} of {len(times)} frames"
    picture = el(
        "svg",
        parts,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Contact curve: {says}",
        class_="curve",
    )
    names = el("span", el("small", "out of reach"), el("small", "touch"), class_="ends", aria_hidden="true")
    return el("div", picture, names, class_="contact")


def _x(time: float, facts: ContactCurve) -> float:
    return WIDTH * min(1.0, max(0.0, time / facts.duration)) if facts.duration > 0 else 0.0


def _y(gap: float) -> float:
    """A gap of 0 at the foot."""
    return HEIGHT - 3 - gap * (HEIGHT - TOP - 6)


def _edges(facts: ContactCurve) -> list[float]:
    """Where each frame's part of the time begins, and where the last one's ends."""
    times = list(facts.times)
    middles = [(one + other) / 2 for one, other in itertools.pairwise(times)]
    return [_x(time, facts) for time in (0.0, *middles, facts.duration)]


def _stretches(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """(first, one past the last) of each run of true."""
    found, start = [], None
    for at, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = at
        if not flag and start is not None:
            found.append((start, at))
            start = None
    return found


def _bar(left: float, right: float, kind: str) -> Html:
    return el(
        "rect", x=f"{left:.1f}", y=TOP, width=f"{max(0.5, right - left):.1f}", height=f"{HEIGHT - TOP:g}", class_=kind
    )
