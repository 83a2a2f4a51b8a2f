"""The funnel: one band per rule, as wide as the clips that reach it, narrowing to those that leave it."""

from __future__ import annotations

from collections.abc import Sequence

from hoigen.core.words import plural
from hoigen.pages.facts import ReportFacts, Stage, bounds
from hoigen.pages.markup import Html, el
from hoigen.pages.words import anchor, count, share

HEIGHT = 60  # of the drawing's own units; the style sheet says how tall a row is
PLAIN = {
    "readable": "videos that open",
    "reading": "videos that open",
    "duplicate": "content seen before",
    "removed": "somebody asked for that",
}


def funnel(facts: ReportFacts) -> Html:
    """The whole graphic, as an ordered list: every row is text too, so nothing rests on the picture."""
    if not facts.clips:
        return el("p", "Nothing went in.", class_="empty")
    with_sheet = {sheet.key for sheet in facts.dropped_sheets if sheet.tiles}
    source = el("span", el("b", plural(facts.clips, "clip")), el("small", f"cut from {plural(facts.videos, 'video')}"))
    row = el("div", source, _band(100, 100, 0), el("span", class_="numbers"), class_="row")
    rows = [el("li", row, class_="source")]
    if facts.pending:
        videos = f"{plural(facts.unseen, 'video')} not looked at yet; " if facts.unseen else ""
        people = f"{plural(facts.asked, 'clip')} for people to look at; " if facts.asked else ""
        others = (
            "run the same command to go on" if facts.pending > facts.asked else "whether they stay is for people to say"
        )
        title = "still to measure" if facts.pending > facts.asked else "still to look at"
        waits = el("span", el("b", title), el("small", f"{videos}{people}{others}"))
        judged = _percent(facts.clips - facts.pending, facts)
        waiting = _band(100, judged, 0, (("away waiting", judged, 100),))
        part = el("span", el("small", f"{share(facts.pending, facts.clips)} of all"))
        numbers = el("span", el("b", count(facts.pending)), part, class_="numbers")
        rows.append(el("li", el("div", waits, waiting, numbers, class_="row"), class_="pending"))
    steps = max(1, len(facts.stages))
    for index, stage in enumerate(facts.stages):
        rows.append(_stage_row(stage, facts, (index + 1) / steps, stage.key in with_sheet))
    last = el("span", el("b", "kept"), el("small", "passed every rule"))
    width = _percent(facts.kept, facts)
    numbers = el(
        "span",
        el("b", count(facts.kept), class_="won"),
        el("span", el("small", f"{share(facts.kept, facts.clips)} of all")),
        class_="numbers",
    )
    inside = (last, _band(width, width, 1, solid=True), numbers)
    end = el("a", inside, class_="row", href="#kept") if facts.kept else el("div", inside, class_="row")
    rows.append(el("li", end, class_="kept"))
    return el("ol", rows, class_="funnel")


def _stage_row(stage: Stage, facts: ReportFacts, depth: float, linked: bool) -> Html:
    label = el(
        "span", el("b", stage.title), el("small", bounds(stage.thresholds) or PLAIN.get(stage.key, "measured at all"))
    )
    shares = [el("small", f"{share(stage.dropped, facts.clips)} of all")]
    if stage.entered != facts.clips:
        shares.append(el("small", f"{share(stage.dropped, stage.entered)} of those here"))
    lost = [
        el("b", f"−{count(stage.dropped)}", class_="lost") if stage.dropped else None,
        el("small", f"{count(stage.failed)} failed", class_="failed") if stage.failed else None,
        el("span", shares) if stage.dropped else None,
    ]
    if stage.entered == stage.left:
        lost = [el("small", "none dropped")]
    numbers = el("span", lost, class_="numbers")
    ends = _percent(stage.left, facts), _percent(stage.left + stage.dropped, facts), _percent(stage.entered, facts)
    band = _band(ends[2], ends[0], depth, (("away", ends[0], ends[1]), ("away unjudged", ends[1], ends[2])))
    inside = (label, band, numbers)
    if linked:
        says = f"{stage.title}: see clips that this rule dropped"
        row = el("a", inside, class_="row", href=f"#{anchor('dropped', stage.key)}", title=says)
    else:
        row = el("div", inside, class_="row")
    return el("li", row, class_=None if stage.entered > stage.left else "nothing")


def _percent(part: int, facts: ReportFacts) -> float:
    return 100 * part / facts.clips if facts.clips else 0.0


def _band(
    top: float, bottom: float, depth: float, away: Sequence[tuple[str, float, float]] = (), *, solid: bool = False
) -> Html:
    """One row's shape, narrowing from `top` to `bottom` (percent). `depth` 0..1 is for its shade.

    away: what is lost here, as (kind, from, to).
    """
    h, half = HEIGHT, HEIGHT / 2
    curve = f"C{top:.3f},{half:g} {bottom:.3f},{half:g} {bottom:.3f},{h}"
    svg = el(
        "svg",
        el("path", d=f"M0,0L{top:.3f},0{curve}L0,{h}Z", class_="through"),
        viewBox=f"0 0 100 {h}",
        preserveAspectRatio="none",
        aria_hidden="true",
        style=f"--depth:{depth:.2f}",
    )
    lost = [
        el("i", class_=kind, style=f"left:{left:.3f}%;width:{right - left:.3f}%")
        for kind, left, right in away
        if right > left
    ]
    sliver = el("i", class_="sliver") if 0 < top < 0.4 else None
    return el("span", lost, svg, sliver, class_="band solid" if solid else "band")
