"""The report of a run as one HTML file: nothing is loaded from anywhere else."""

from __future__ import annotations

from pathlib import Path

from hoigen.core.words import plural
from hoigen.data.files import write_text
from hoigen.data.side import named
from hoigen.pages.facts import ReportFacts
from hoigen.pages.frame import document, figures, footer, listed, nav, recipe, section
from hoigen.pages.funnel import funnel
from hoigen.pages.histogram import histogram
from hoigen.pages.listing import clip_list, compared, nothing_kept, player
from hoigen.pages.markup import Html, el, join
from hoigen.pages.sheets import sheet
from hoigen.pages.talk import summary
from hoigen.pages.words import count, length, share


def write_report(facts: ReportFacts, out: Path) -> Path:
    """Writes the page whole or not at all, and returns where."""
    write_text(out, named(render(facts)))
    return out


def render(facts: ReportFacts) -> str:
    """The page as text."""
    places = [("beside", "Two runs")] if facts.beside else []
    places += [("funnel", "Funnel"), ("kept", "Kept")]
    places += [("dropped", "Dropped")] if facts.dropped_sheets else []
    places += [("clips", "All clips")] if facts.listing else []
    places += [("captions", "Captions")] if facts.captioning else []
    places += [("scores", "Scores")] if facts.histograms else []
    places += [("failures", "Failures"), ("recipe", "Recipe")]
    dropped = [sheet(one, "dropped") for one in facts.dropped_sheets]
    under = "Under the rule that dropped them. A good threshold shows little here that you would miss."
    below = "Below each kept clip; enlarged, with every call that led to them."
    other = "dropped elsewhere, failed or not decided"
    names = (("kept", "kept"), ("here", "dropped by this rule"), ("elsewhere", other))
    legend = el("ul", [el("li", el("i", class_=kind), name) for kind, name in names], class_="legend")
    grid = el("div", [histogram(one) for one in facts.histograms], class_="grid")
    nothing = nothing_kept(facts.stages) if facts.clips and not facts.kept + facts.pending else None
    sections = [
        compared(facts.beside) if facts.beside else None,
        section("funnel", "The funnel", "Each rule drops what the rules above it have let through.", funnel(facts)),
        sheet(facts.kept_sheet, "kept", level="h2", nothing=nothing) if facts.kept_sheet else None,
        section("dropped", "Dropped", under, *dropped) if dropped else None,
        clip_list(facts.listing, facts.beside) if facts.listing else None,
        section("captions", "Captions", below, summary(facts.captioning)) if facts.captioning else None,
        section("scores", "Scores", "Where each threshold cuts.", legend, grid) if facts.histograms else None,
        _failures(facts),
        recipe(facts.recipe, {"made": facts.made, "machine": facts.machine, **facts.versions}, facts.models),
    ]
    bar = el(
        "div",
        el("button", "←", type="button", data_step="-1", aria_label="Previous clip"),
        el("button", "→", type="button", data_step="1", aria_label="Next clip"),
        el("span", class_="place"),
        el("button", "Boxes", type="button", data_boxes=True, aria_pressed="true"),
        el("button", "×", type="button", data_close=True, aria_label="Close"),
        class_="tools",
    )
    return document(
        f"{headline(facts)} · {facts.title}",
        nav(places),
        _header(facts),
        el("main", sections),
        footer(facts.versions.get("hoigen", "")),
        el("dialog", bar, el("div", class_="large"), id="large", aria_label="One clip, enlarged"),
        player() if facts.listing else None,
        scripts=("page.js", "list.js"),
        plays=facts.listing is not None,
    )


def headline(facts: ReportFacts) -> str:
    """`412 of 9,381 clips kept`."""
    if not facts.clips:
        return "No clips"
    return f"{count(facts.kept)} of {plural(facts.clips, 'clip')} kept"


def _header(facts: ReportFacts) -> Html:
    overline = " · ".join(part for part in (facts.title, facts.made) if part)
    if facts.clips:
        title = el("h1", el("em", count(facts.kept)), el("span", f" of {plural(facts.clips, 'clip')} kept"))
        # how all clips ended, as one bar and its legend
        ends = (("kept", facts.kept), ("dropped", facts.dropped), ("failed", facts.failed), ("pending", facts.pending))
        shown = [(kind, size) for kind, size in ends if size or kind in ("kept", "dropped")]
        bar = el("div", [el("i", class_=kind, style=f"flex-grow:{size}") for kind, size in shown if size], class_="bar")
        legend = []
        for kind, size in shown:
            name = "not measured yet" if kind == "pending" else kind
            part = el("small", share(size, facts.clips))
            legend.append(el("li", el("i", class_=kind), el("b", count(size)), f" {name} ", part))
        balance = el("div", bar, el("ul", legend), class_="balance")
    else:
        why = f"None were made of {plural(facts.videos, 'video')} yet."
        if not facts.videos:
            why = "There was nothing to read: the list of videos is empty."
        title, balance = join([el("h1", "No clips"), el("p", why, class_="lead")]), None
    pairs = [("videos", count(facts.videos)), ("clips", count(facts.clips))]
    if facts.seconds:
        pairs += [("footage", length(facts.seconds)), ("footage kept", length(facts.seconds_kept))]
    worst = max(facts.stages, key=lambda stage: stage.dropped, default=None)
    if worst is not None and worst.dropped:
        pairs.append(("strictest rule", worst.title))
    return el("header", el("p", overline, class_="overline"), title, balance, figures(pairs), class_="top", id="top")


def _failures(facts: ReportFacts) -> Html:
    notes = None
    if facts.notes:
        notes = join([el("h3", "Notes on videos and shots"), el("ul", [el("li", note) for note in facts.notes])])
    if not facts.failures:
        return section("failures", "Failures", "", el("p", "Nothing failed.", class_="empty"), notes)
    rows = []
    for group in facts.failures:
        examples = [el("li", el("bdi", uri)) for uri in group.examples]
        if (more := group.count - len(group.examples)) > 0:
            examples.append(el("li", f"and {count(more)} more", class_="more"))
        size = el("td", count(group.count), class_="count")
        reason = el("td", el("bdi", group.reason), class_="reason")
        rows.append(el("tr", size, el("td", group.where), reason, el("td", el("ul", examples))))
    table = listed(("clips", "at", "reason", "examples"), rows, "Failures")
    retry = el("code", "hoigen retry")
    lead = join(["A failed clip was not judged: it is neither kept nor dropped. ", retry, " tries again."])
    return section("failures", "Failures", lead, table, notes)
