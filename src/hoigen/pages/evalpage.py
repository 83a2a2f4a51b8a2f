"""The page of an evaluation: tables of models, and each video with what its scores were made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from hoigen.core.score import Number
from hoigen.core.words import plural
from hoigen.data.files import write_text
from hoigen.data.side import named
from hoigen.evaluation.models.grid import Table, figure, words
from hoigen.pages.evalfacts import Card, EvaluationFacts, Take
from hoigen.pages.facts import FailureGroup
from hoigen.pages.frame import document, figures, footer, listed, nav, recipe, scroll, section
from hoigen.pages.histogram import histogram
from hoigen.pages.markup import Html, el, join
from hoigen.pages.overlay import curve, drawn
from hoigen.pages.sheets import CELL
from hoigen.pages.words import arrow, clock, count

KEYS = (("person", "person"), ("object", "object"), ("mask", "mask"), ("touch", "contact"), ("notseen", "not seen"))
"""What the colours of overlays and curves mean."""
SAID = "Below a frame: its moment, and what coarse_hoi's detector saw most surely above its theta."


def write_evaluation(facts: EvaluationFacts, out: Path) -> Path:
    """Writes the page whole or not at all, and returns where."""
    write_text(out, named(render(facts)))
    return out


def render(facts: EvaluationFacts) -> str:
    """The page as text."""
    number, rest = facts.headline
    videos = "Pairs" if facts.beside else "Videos"
    places = [("models", "Models"), ("videos", videos), ("numbers", "All numbers")]
    places += [("undefined", "Undefined")] if facts.lacking else []
    places += [("spread", "Spread")] if facts.histograms else []
    places += [("failures", "Failures"), ("recipe", "Recipe")]
    grid = el("div", [histogram(one) for one in facts.histograms], class_="grid")
    tables = [_table(table) for table in facts.tables]
    notes = el("ul", [el("li", note) for note in facts.notes], class_="notes") if facts.notes else None
    failed = []
    for group in facts.failures:
        examples = el("ul", [el("li", el("bdi", uri)) for uri in group.examples])
        reason = el("td", el("bdi", group.reason), class_="reason")
        failed.append(el("tr", el("td", count(group.count), class_="count"), reason, el("td", examples)))
    lead = join(
        ["A failed video counts with the worst that a number can be. ", el("code", "hoigen retry"), " tries again."]
    )
    failures = listed(("videos", "reason", "examples"), failed, "Failures")
    if not failed:
        lead, failures = Html(""), el("p", "Nothing failed.", class_="empty")
    sections = [
        section("models", "Models", "Means over videos, with 95 % intervals.", _warnings(facts.warnings), tables),
        _videos(facts),
        _numbers(facts),
        lacking_section(facts.lacking, facts.videos),
        section("spread", "Spread", "How the numbers of all videos are spread.", grid) if facts.histograms else None,
        section("failures", "Failures", lead, failures, notes),
        recipe(facts.recipe, {"made": facts.made, "machine": facts.machine, **facts.versions}, facts.models),
    ]
    overline = " · ".join(part for part in (facts.title, facts.made) if part)
    return document(
        f"{number}{rest} · {facts.title}",
        nav(places),
        el(
            "header",
            el("p", overline, class_="overline"),
            el("h1", el("em", number), el("span", rest)),
            figures(facts.figures),
            class_="top",
            id="top",
        ),
        el("main", sections),
        footer(facts.versions.get("hoigen", "")),
        scripts=("eval.js",),
        styles=("page.css", "eval.css"),
        plays=any(take.plays for card in facts.cards for take in card.takes),
    )


def _warnings(told: Sequence[str]) -> Html | None:
    """What makes numbers hard to compare: one line that opens, so that the table comes first."""
    if not told:
        return None
    rows = el("ul", [el("li", each) for each in told], class_="warnings")
    heads = "; ".join(each.partition(" (")[0].partition(":")[0] for each in told[:3])
    more = "; …" if len(told) > 3 else ""
    return el(
        "details", el("summary", el("b", plural(len(told), "warning")), f": {heads}{more}"), rows, class_="warned"
    )


def _table(table: Table) -> Html:
    signs = ["", *(arrow(better) for better in table.better)]
    heads = [name + (signs[at] if at < len(signs) else "") for at, name in enumerate(table.header)]
    rows = []
    for row in table.rows:
        cells = []
        for at, item in enumerate(row):
            if isinstance(item, str):
                cells.append(el("td" if at else "th", el("bdi", item), scope=None if at else "row"))
            elif item.estimate.value is None:
                cells.append(el("td", "undefined", title=item.estimate.reason, class_="undefined"))
            else:
                value, _, rest = words(item).partition(" ")
                small = el("small", f" {rest}") if rest else None
                cells.append(el("td", el("b", value) if item.best else value, small))
        rows.append(el("tr", cells))
    body = el(
        "table",
        el("thead", el("tr", [el("th", head, scope="col") for head in heads])),
        el("tbody", rows),
        class_="means",
    )
    notes = el("ul", [el("li", note) for note in table.notes], class_="notes") if table.notes else None
    title = None if table.name == "models" else el("h3", table.title)
    folded = el("details", el("summary", plural(len(table.notes), "note")), notes) if len(table.notes) > 1 else notes
    return join([title, scroll(body, table.title), folded])


def _videos(facts: EvaluationFacts) -> Html:
    one = "pair" if facts.beside else "video"
    lead = (
        f"{count(len(facts.cards))} of {plural(facts.cards_of, one)} shown: the worst of each number, and some others."
    )
    if len(facts.cards) == facts.cards_of:
        lead = f"All {plural(facts.cards_of, one)}." if facts.cards_of > 1 else f"1 {one}."
    cards = []
    for at, card in enumerate(facts.cards):
        found = " ".join([card.prompt, card.about, *(f"{take.model} {take.uri}" for take in card.takes)]).lower()
        cards.append(
            el(
                "article",
                el("header", el("h3", el("bdi", card.prompt)), el("p", card.about, class_="about")),
                [_take(take, facts, alone=len(card.takes) == 1) for take in card.takes],
                _both(card.takes, facts.columns) if len(card.takes) == 2 else None,
                class_="video",
                id=f"video-{at}",
                data_values=json.dumps(_sort_values(card, facts.columns)),
                data_better=json.dumps({column.name: column.better for column in facts.columns}),
                data_found=found,
                data_verb=card.verb or None,
                data_model=" ".join(take.model for take in card.takes) if len(card.takes) == 1 else None,
            )
        )
    empty = el("p", "No video to show.", class_="empty") if not cards else None
    key = [el("span", el("i", class_=f"key {kind}"), f" {name}") for kind, name in KEYS]
    change = "change of " if facts.beside else ""
    options = [
        el("option", f"{change}{column.heading}", value=column.name, selected=column.name == facts.rank)
        for column in facts.columns
    ]
    models = [] if facts.beside else [take.model for card in facts.cards for take in card.takes]
    return section(
        "videos",
        "Pairs" if facts.beside else "Videos",
        lead,
        el(
            "div",
            el("label", "sort by ", el("select", el("option", "as shown", value=""), options, data_sort=True)),
            el("button", "worst first", type="button", data_turn=True, aria_pressed="false"),
            _choice("model", models, data_model=True),
            _choice("verb", (card.verb for card in facts.cards if card.verb), data_verb=True),
            el("label", "find ", el("input", type="search", data_find=True, placeholder="prompt, file, verb, object")),
            el("button", "Overlays", type="button", data_overlays=True, aria_pressed="true"),
            class_="controls",
        ),
        el("p", key, el("span", SAID), class_="legend-line"),
        el("div", cards, class_="cards"),
        el("p", "No video fits the filter.", class_="empty nothing", hidden=True) if cards else empty,
    )


def _choice(name: str, given: Iterable[str], **attributes: bool) -> Html | None:
    """One of several values; None where there is nothing to choose."""
    values = sorted(set(given))
    if len(values) < 2:
        return None
    options = [el("option", f"all {name}s", value=""), *(el("option", value, value=value) for value in values)]
    return el("label", f"{name} ", el("select", options, **attributes))


def _sort_values(card: Card, columns: Sequence[Number]) -> dict[str, float]:
    """The number that a card is sorted by; of a pair the second's less the first's. Undefined ones are not there."""
    found = {}
    for column in columns:
        values = [(take.counts or take.values).get(column.name) for take in card.takes]
        known = [float(value) for value in values if value is not None]
        if len(known) == len(values):
            found[column.name] = round(known[-1] - known[0] if len(known) > 1 else known[0], 6)
    return found


def _take(take: Take, facts: EvaluationFacts, alone: bool) -> Html:
    name = el("p", el("b", take.model), " ", el("bdi", take.name, title=take.uri), class_="file")
    shape = take.width / take.height if take.width and take.height else CELL
    stills = []
    for still in take.stills:
        picture = el("img", src=still.source, alt=f"frame at {clock(still.time)}", decoding="async")
        stills.append(
            el(
                "figure",
                el("div", picture, drawn(still, shape), class_="shot", style=f"aspect-ratio:{shape:.4f}"),
                el("figcaption", el("span", clock(still.time)), el("bdi", still.said)),
            )
        )
    strip = el("div", stills, class_="strip8")
    if not stills:
        strip = el("div", el("span", "no picture"), el("small", el("bdi", take.missing or "not read")), class_="blank")
    length = take.curve.duration if take.curve else max((end for _, end, _ in take.wrong), default=0.0)
    drawn_ = curve(take.curve, [still.time for still in take.stills]) if take.curve else None
    head = el("i", class_="head", hidden=True) if take.curve else None
    line = el("div", drawn_, head, class_="under", data_length=f"{length:.3f}") if take.curve else None
    button = el("button", "▶ play", type="button", class_="play", data_play=take.plays) if take.plays else None
    failed = el("p", el("bdi", take.failure), class_="failed") if take.failure else None
    shown = []
    for column in facts.columns:
        value, why = take.values.get(column.name), take.reasons.get(column.name, "")
        if value is None:
            shown.append(el("div", el("dt", column.heading), el("dd", "–", title=why), class_="none", title=why))
        else:
            shown.append(el("div", el("dt", column.heading), el("dd", figure(value, column.share))))
    numbers = el("dl", shown, class_="numbers") if alone else None
    rows = [el("div", el("dt", key), el("dd", el("bdi", told))) for key, told in take.facts]
    rows += [
        el("div", el("dt", key, " undefined"), el("dd", el("bdi", why))) for key, why in take.reasons.items() if why
    ]
    path = el("div", el("dt", "file"), el("dd", el("bdi", take.uri)))
    how = el("details", el("summary", "how these came about"), el("dl", path, rows), class_="how") if rows else None
    return el("div", name, button, _wrong(take, length), strip, line, failed, numbers, how, class_="take")


def _wrong(take: Take, length: float) -> Html | None:
    """What goes wrong: bars over the strip, where in the video, and in words with their times; a click goes there."""
    if not take.wrong:
        return None
    bars, said = [], []
    for start, end, what in take.wrong:
        left, width = (100 * part / length if length > 0 else 0.0 for part in (start, end - start))
        style = f"left:{min(left, 99.5):.2f}%;width:{max(0.5, min(width, 100 - left)):.2f}%"
        bars.append(el("i", style=style, title=what))
        times = f"{start:.1f}" if end - start < 0.05 else f"{start:.1f}–{end:.1f}"
        said.append(el("li", el("b", what), f" {times} s", data_at=f"{start:.3f}"))
    return el("div", el("div", bars, class_="bars"), el("ul", said), class_="wrong")


def _both(takes: Sequence[Take], columns: Sequence[Number]) -> Html:
    """Two videos' numbers and their differences."""
    rows = []
    there = [column for column in columns if any(take.values.get(column.name) is not None for take in takes)]
    for column in there:
        one, other = (take.values.get(column.name) for take in takes)
        change, kind = "–", None
        if one is not None and other is not None:
            change = figure(other - one, column.share, signed=True)
            if one != other and column.better:
                kind = "gain" if (other > one) == (column.better == "more") else "loss"
        cells = [el("td", "–" if value is None else figure(value, column.share)) for value in (one, other)]
        rows.append(el("tr", el("th", column.heading, scope="row"), cells, el("td", change, class_=kind)))
    heads = [el("th", "", scope="col"), *(el("th", take.model, scope="col") for take in takes)]
    table = el("table", el("thead", el("tr", heads, el("th", "change", scope="col"))), el("tbody", rows), class_="both")
    nowhere = ", ".join(column.heading for column in columns if column not in there)
    return join(
        [
            scroll(table, "Numbers of both videos") if there else None,
            el("p", f"undefined in both: {nowhere}", class_="about") if nowhere else None,
        ]
    )


def _numbers(facts: EvaluationFacts) -> Html:
    total = facts.cards_of
    lead = "Click a column to sort."
    if len(facts.rows) < total:
        lead = f"The first {count(len(facts.rows))} of {count(total)}; hoigen table has all. {lead}"
    heads = ["prompt", "video", *([] if facts.beside else ["model"])]
    buttons = [el("th", el("button", name, type="button"), scope="col") for name in heads]
    for column in facts.columns:
        label = column.heading + arrow(column.better)
        buttons.append(el("th", el("button", label, type="button"), scope="col", data_number=True))
    places = {card.takes[0].uri: f"#video-{at}" for at, card in enumerate(facts.cards)}
    rows = []
    for card in facts.rows:
        take, values = card.takes[-1], _sort_values(card, facts.columns)
        cells = []
        for column in facts.columns:
            value = values.get(column.name)
            if value is None:
                why = "; ".join(dict.fromkeys(t.reasons.get(column.name, "") for t in card.takes)).strip("; ")
                cells.append(el("td", "–", title=why or None))
            else:
                cells.append(el("td", figure(value, column.share, signed=facts.beside), data_v=f"{value:.6g}"))
        model = None if facts.beside else el("td", el("bdi", take.model))
        prompt = el("bdi", card.prompt)
        if place := places.get(card.takes[0].uri):
            prompt = el("a", prompt, href=place)
        rows.append(el("tr", el("td", prompt), el("td", el("bdi", take.name), title=take.uri), model, cells))
    head, kind = el("thead", el("tr", buttons)), "all pairs" if facts.beside else "all"
    table = el("table", head, el("tbody", rows), class_=kind, data_sortable=True)
    title = "All numbers" if not facts.beside else "All changes"
    box = el("input", type="search", data_rows=True, placeholder="prompt, file, model")
    find = el("div", el("label", "find ", box), el("output"), class_="controls rowfind")
    return section("numbers", title, lead, find, scroll(table, title))


def lacking_section(groups: Sequence[FailureGroup], of: int) -> Html | None:
    """Numbers that videos lack, and why; None when there are none.

    Args:
        groups: those of one reason together.
        of: how many videos there are.
    """
    if not groups:
        return None
    rows = [
        el(
            "tr",
            el("td", f"{count(group.count)} of {count(of)}", class_="few"),
            el("td", group.where),
            el("td", el("bdi", group.reason), class_="reason"),
        )
        for group in groups
    ]
    lead = (
        "What was not asked, or cannot be measured, leaves all models together. What was looked for and is not there "
        "counts with the worst that the number can be."
    )
    table = listed(("videos", "number", "reason"), rows, "Undefined numbers")
    return section("undefined", "Undefined", lead, table)
