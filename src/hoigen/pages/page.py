"""The report of a run as one HTML file: nothing is loaded from anywhere else."""

from __future__ import annotations

from pathlib import Path

from hoigen.data.files import write_text
from hoigen.pages.facts import ReportFacts
from hoigen.pages.frame import document, figures, footer, nav, recipe, scroll, section
from hoigen.pages.funnel import funnel
from hoigen.pages.histogram import histogram
from hoigen.pages.markup import Html, el, join
from hoigen.pages.sheets import sheet
from hoigen.pages.talk import summary
from hoigen.pages.words import count, length, many, share


def write_report(facts: ReportFacts, out: Path) -> Path:
    """Writes the page whole or not at all, and returns where."""
    write_text(out, render(facts))
    return out


def render(facts: ReportFacts) -> str:
    """The page as text."""
    places = [("funnel", "Funnel"), ("kept", "Kept")]
    places += [("dropped", "Dropped")] if facts.dropped_sheets else []
    places += [("captions", "Captions")] if facts.captioning else []
    places += [("scores", "Scores")] if facts.histograms else []
    places += [("failures", "Failures"), ("recipe", "Recipe")]
    sections = [
        section("funnel", "The funnel", "Each rule drops what the rules above it have let through.", funnel(facts)),
        sheet(facts.kept_sheet, "kept", level="h2") if facts.kept_sheet else None,
        _dropped(facts),
        _captions(facts),
        _scores(facts),
        _failures(facts),
        recipe(facts.recipe, {"made": facts.made, "machine": facts.machine, **facts.versions}, facts.models),
    ]
    return document(
        f"{headline(facts)} · {facts.title}",
        nav(places),
        _header(facts),
        el("main", sections),
        footer(facts.versions.get("hoigen", "")),
        _dialog(),
    )


def headline(facts: ReportFacts) -> str:
    """`412 of 9,381 clips kept`."""
    if not facts.clips:
        return "No clips"
    return f"{count(facts.kept)} of {many(facts.clips, 'clip')} kept"


def _header(facts: ReportFacts) -> Html:
    overline = " · ".join(part for part in (facts.title, facts.made) if part)
    if facts.clips:
        title = el("h1", el("em", count(facts.kept)), el("span", f" of {many(facts.clips, 'clip')} kept"))
    else:
        why = f"None were made of {many(facts.videos, 'video')} yet."
        if not facts.videos:
            why = "There was nothing to read: the list of videos is empty."
        title = join([el("h1", "No clips"), el("p", why, class_="lead")])
    pairs = [("videos", count(facts.videos)), ("clips", count(facts.clips))]
    if facts.seconds:
        pairs += [("footage", length(facts.seconds)), ("footage kept", length(facts.seconds_kept))]
    worst = max(facts.stages, key=lambda stage: stage.dropped, default=None)
    if worst is not None and worst.dropped:
        pairs.append(("strictest rule", worst.title))
    return el(
        "header",
        el("p", overline, class_="overline"),
        title,
        _balance(facts),
        figures(pairs),
        class_="top",
        id="top",
    )


def _balance(facts: ReportFacts) -> Html | None:
    """How all clips ended, as one bar and its legend."""
    if not facts.clips:
        return None
    parts = (
        ("kept", facts.kept),
        ("dropped", facts.dropped),
        ("failed", facts.failed),
        ("pending", facts.pending),
    )
    shown = [(kind, size) for kind, size in parts if size or kind in ("kept", "dropped")]
    bar = el("div", [el("i", class_=kind, style=f"flex-grow:{size}") for kind, size in shown if size], class_="bar")
    names = {"pending": "not measured yet"}
    legend = [
        el(
            "li",
            el("i", class_=kind),
            el("b", count(size)),
            f" {names.get(kind, kind)} ",
            el("small", share(size, facts.clips)),
        )
        for kind, size in shown
    ]
    return el("div", bar, el("ul", legend), class_="balance")


def _dropped(facts: ReportFacts) -> Html | None:
    if not facts.dropped_sheets:
        return None
    sheets = [sheet(one, "dropped") for one in facts.dropped_sheets]
    lead = "Under the rule that dropped them. A good threshold shows little here that you would miss."
    return section("dropped", "Dropped", lead, *sheets)


def _captions(facts: ReportFacts) -> Html | None:
    if facts.captioning is None:
        return None
    lead = "Below each kept clip; enlarged, with every call that led to them."
    return section("captions", "Captions", lead, summary(facts.captioning))


def _scores(facts: ReportFacts) -> Html | None:
    if not facts.histograms:
        return None
    names = (("kept", "kept"), ("here", "dropped by this rule"), ("elsewhere", "dropped elsewhere or failed"))
    legend = el("ul", [el("li", el("i", class_=kind), name) for kind, name in names], class_="legend")
    grid = el("div", [histogram(one) for one in facts.histograms], class_="grid")
    return section("scores", "Scores", "Where each threshold cuts.", legend, grid)


def _failures(facts: ReportFacts) -> Html:
    notes = None
    if facts.notes:
        notes = join([el("h3", "Notes on videos and shots"), el("ul", [el("li", note) for note in facts.notes])])
    if not facts.failures:
        return section("failures", "Failures", "", el("p", "Nothing failed.", class_="empty"), notes)
    head = el("tr", [el("th", name, scope="col") for name in ("clips", "at", "reason", "examples")])
    rows = []
    for group in facts.failures:
        examples = [el("li", el("bdi", uri)) for uri in group.examples]
        if (more := group.count - len(group.examples)) > 0:
            examples.append(el("li", f"and {count(more)} more", class_="more"))
        size = el("td", count(group.count), class_="count")
        reason = el("td", el("bdi", group.reason), class_="reason")
        rows.append(el("tr", size, el("td", group.where), reason, el("td", el("ul", examples))))
    table = el("table", el("thead", head), el("tbody", rows), class_="wide")
    retry = el("code", "hoigen retry")
    lead = join(["A failed clip was not judged: it is neither kept nor dropped. ", retry, " tries again."])
    return section("failures", "Failures", lead, scroll(table, "Failures"), notes)


def _dialog() -> Html:
    bar = el(
        "div",
        el("button", "←", type="button", data_step="-1", aria_label="Previous clip"),
        el("button", "→", type="button", data_step="1", aria_label="Next clip"),
        el("span", class_="place"),
        el("button", "Boxes", type="button", data_boxes=True, aria_pressed="true"),
        el("button", "×", type="button", data_close=True, aria_label="Close"),
        class_="tools",
    )
    return el("dialog", bar, el("div", class_="large"), id="large", aria_label="One clip, enlarged")
