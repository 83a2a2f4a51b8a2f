"""The statistics of a dataset as one page, and its figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.core.words import plural
from hoigen.data import side
from hoigen.data.files import Folder, write_text
from hoigen.data.run import Run
from hoigen.dataset.statistics import LONG, PAPER_ACTIONS, PAPER_OBJECTS, Statistics, as_json
from hoigen.pages.frame import document, figures, footer, listed, nav, section
from hoigen.pages.gather import provenance
from hoigen.pages.markup import Child, Html, el, join
from hoigen.pages.words import count, length, number, share

TITLES: Mapping[str, str] = {
    "figure3": "Clips",
    "caption_length": "Captions",
    "figure5": "Objects and actions",
    "matrix": "Actions by objects",
    "long_tail": "Long tail and growth",
    "sources": "Sources",
}
"""Sections, each by its first figure."""
WITH: Mapping[str, tuple[str, ...]] = {"caption_length": ("words",), "long_tail": ("growth",)}


def write_statistics(run: Run, found: Statistics, out: Path) -> list[Path]:
    """Writes the page, its figures as SVG and PNG, and the numbers as JSON; all files, the page first.

    Args:
        run: the run.
        found: what was counted.
        out: a folder, which is made.

    Raises UsageError when they cannot be written, or matplotlib is not there.
    """
    try:
        from hoigen.pages import plots

        named = plots.figures(found)
        pictures = {name: plots.drawn(found, name, "page").decode() for name in named}
        files = {f"{name}.{kind}": plots.drawn(found, name, kind) for name in named for kind in ("svg", "png")}
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise UsageError("figures need matplotlib: pip install 'hoigen[stats]'") from None
    made = provenance(run)
    page = _page(found, pictures, {name: about for name, (_, _, about) in named.items()}, str(made.get("made", "")))
    folder = Folder(str(out))
    try:
        for name, data in files.items():
            folder.write(name, data)
        write_text(out / "stats.json", side.named(as_json(found)))
        write_text(out / "stats.html", side.named(page))
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror or error}") from None
    return [out / "stats.html", out / "stats.json", *(out / name for name in files)]


def _page(found: Statistics, pictures: Mapping[str, str], about: Mapping[str, str], made: str) -> str:
    sections: list[tuple[str, str, Html]] = [("table", "Table 1", _table(found))]
    for name, title in TITLES.items():
        if name in pictures:
            own = [
                _figure(each, pictures[each], about[each]) for each in (name, *WITH.get(name, ())) if each in pictures
            ]
            sections.append((name, title, section(name, title, _lead(name, found), *own, _below(name, found))))
    sections.append(("funnel", "Funnel", _funnel(found)))
    if found.groups:
        shown = [_figure("balance", pictures["balance"], about["balance"])] if "balance" in pictures else []
        sections.append(("groups", "Duplicates, balance", _groups(found, shown)))
    pairs = [("clips kept", count(found.clips)), ("of", plural(found.asked, "clip")), ("videos", count(found.videos)),
             ("footage", length(found.seconds)), ("with a caption", share(found.captions, found.clips))]  # fmt: skip
    if found.removed:
        pairs.append(("removed: somebody asked for that", count(found.removed)))
    if found.verified is not None:
        pairs.append(("people said yes of", count(found.verified[0])))
    title = f"{plural(found.clips, 'clip')}, {length(found.seconds)}"
    notes = None
    if found.missing:
        notes = el("ul", [el("li", each) for each in found.missing], class_="missing")
    head = el(
        "header",
        el("p", " · ".join(part for part in (found.name, made) if part), class_="overline"),
        el("h1", el("em", count(found.clips)), el("span", f" {'clip' if found.clips == 1 else 'clips'}")),
        figures(pairs), notes, class_="top", id="top",
    )  # fmt: skip
    return document(
        title, nav([(key, name) for key, name, _ in sections]), head, el("main", [part for _, _, part in sections]),
        footer(""), scripts=(), styles=("page.css", "stats.css"),
    )  # fmt: skip


def _figure(name: str, svg: str, about: str) -> Html:
    files = [el("a", kind.upper(), href=f"{name}.{kind}") for kind in ("svg", "png")]
    caption = el("figcaption", el("span", f"{about}."), el("span", files, class_="files"))
    return el("figure", el("div", Html(svg), class_="drawing"), caption, class_=f"plot {name}")


def _lead(name: str, found: Statistics) -> Child:
    if name == "figure3":
        middle = "" if found.durations.mean is None else f"{number(found.durations.mean)} s on average; "
        return f"As figure 3 of HOIGen-1M. {middle}bars at the ends hold what lies beyond."
    if name == "caption_length" and found.lengths is not None and found.lengths.mean is not None:
        return (
            f"{found.lengths.mean:.1f} words on average, of {plural(found.captions, 'caption')}; the paper's have "
            f"153.8."
        )
    if name == "figure5" and found.objects and found.actions:
        return (
            f"As figure 5. {count(found.objects.kinds)} objects and {count(found.actions.kinds)} actions; the paper "
            f"names over {count(PAPER_OBJECTS)} and {count(PAPER_ACTIONS)}, of 1.1 million clips."
        )
    if name == "matrix":
        return f"The commonest of each; {count(found.pairs or 0)} pairs in all. Darker is more, by the logarithm."
    if name == "long_tail":
        return "How many clips it takes until little that is new comes."
    return ""


def _below(name: str, found: Statistics) -> Child:
    if name != "sources":
        return None
    rows = [
        el("tr", el("th", el("bdi", each), scope="row"), el("td", count(clips)), el("td", share(clips, found.clips)),
           el("td", length(seconds)))
        for each, (clips, seconds) in found.sources.items()
    ]  # fmt: skip
    rights = [el("tr", el("th", el("bdi", each), scope="row"), el("td", count(clips)),
                 el("td", share(clips, found.clips))) for each, clips in found.licences.items()]  # fmt: skip
    return [
        el("h3", "Sources"), listed(("source", "clips", "share", "footage"), rows, "Sources"),
        el("h3", "Licences, as the list states them"), listed(("licence", "clips", "share"), rights, "Licences"),
    ]  # fmt: skip


def _table(found: Statistics) -> Html:
    rows = []
    for at, row in enumerate(found.table):
        ours = at == len(found.table) - 1
        cells = [row["videos"], row["hours"], row["resolution"], row["scenario"], row["caption"], row["checked"]]
        head = el("th", el("bdi", row["dataset"]), scope="row", title=row["note"] or None)
        rows.append(el("tr", head, [el("td", cell) for cell in cells], class_="ours" if ours else None))
    names = ("dataset", "videos", "hours", "resolution", "scenario", "captions", "checked by people")
    lead = (
        "The rows of other datasets are those of table 1 of HOIGen-1M, as printed; the last is counted. Captions of "
        f"{LONG} words and more on average are called long here; the paper names no bound."
    )
    return section("table", "Table 1", lead, listed(names, rows, "Table 1"))


def _funnel(found: Statistics) -> Html:
    rows = []
    for name, (came, dropped, failed) in found.funnel.items():
        left = came - dropped - failed
        cells = [count(came), count(dropped), count(failed), count(left), share(left, found.asked)]
        rows.append(el("tr", el("th", name, scope="row"), [el("td", cell) for cell in cells]))
    names = ("rule", "came", "dropped", "failed", "left", "of all")
    return section("funnel", "Funnel", f"{plural(found.asked, 'clip')} went in.", listed(names, rows, "Funnel"))


def _groups(found: Statistics, drawings: Sequence[Html]) -> Html:
    parts: list[Child] = []
    for name, facts in found.groups.items():
        pairs = [el("div", el("dt", key), el("dd", _value(value))) for key, value in facts.items() if value != ""]
        parts += [el("h3", name), el("dl", pairs, class_="facts")]
        if name == "balance":
            how = "a clip stays with a chance of 1/sqrt(size of its group): one four times as large keeps twice as many"
            if facts.get("how") == "plain":
                how = "of each group as many stay as the quota says"
            why = f"Groups are by {facts.get('by')}; {how}. Which ones, the seed {facts.get('seed')} decides."
            parts += [el("p", why, class_="why"), *drawings]
    lead = "Rules about a clip among others. They delete nothing: without them the clips are back."
    return section("groups", "Duplicates, balance", lead, join(parts))


def _value(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
