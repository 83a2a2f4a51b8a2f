"""What every page has: one file with its style and script inside, sections, tables, recipe, model files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources

from hoigen.models.uses import LedgerEntry
from hoigen.pages.markup import Child, Html, el, text


def document(
    title: str,
    *body: Child,
    scripts: Sequence[str] = ("page.js",),
    styles: Sequence[str] = ("page.css",),
    plays: bool = False,
) -> str:
    """A page as text. Nothing is loaded from anywhere else, also not by a file name that tries, and only its own
    scripts run.

    Args:
        title: of the browser's window.
        body: what it shows.
        scripts: files of this folder that run in it; what copies the recipe is in every page.
        styles: files of this folder that say how it looks.
        plays: videos that lie on the disk (or the server) that the page came from may be played.
    """
    script = "\n".join(asset(name) for name in ("copy.js", *scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    policy += "; media-src 'self' file:" if plays else ""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        el("style", Html("\n".join(asset(name) for name in styles))),
    )
    page = el("html", head, el("body", body, el("script", Html(script))), lang="en")
    return f"<!doctype html>\n{page}\n"


def asset(name: str) -> str:
    return resources.files("hoigen.pages").joinpath(name).read_text(encoding="utf-8")


def nav(places: Sequence[tuple[str, str]]) -> Html:
    """places: (id of a section, its name)."""
    links = [el("a", name, href=f"#{place}") for place, name in places]
    return el("nav", el("a", "hoigen", href="#top", class_="brand"), links, aria_label="Sections")


def section(key: str, title: str, lead: Child, *body: Child) -> Html:
    head = el("header", el("h2", title, tabindex="-1"), el("p", lead) if lead else None)
    return el("section", head, body, id=key)


def scroll(table: Html, name: str) -> Html:
    """A table that scrolls by itself where it is too wide, also by keyboard.

    Args:
        table: the table.
        name: what it is called for those who do not see it.
    """
    return el("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)


def listed(names: Sequence[str], rows: Sequence[Html], name: str) -> Html:
    """A wide table that scrolls by itself.

    Args:
        names: of its columns.
        rows: below them.
        name: what it is called for those who do not see it.
    """
    head = el("tr", [el("th", each, scope="col") for each in names])
    return scroll(el("table", el("thead", head), el("tbody", rows), class_="wide"), name)


def figures(pairs: Sequence[tuple[str, str]]) -> Html:
    """Large numbers with their names."""
    return el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in pairs], class_="figures")


def recipe(code: str, made: Mapping[str, str], models: Sequence[LedgerEntry]) -> Html:
    """What made the page, and how to do it again.

    Args:
        code: the recipe, YAML.
        made: when, where, with which versions.
        models: the files of models that were used.
    """
    body = el(
        "div",
        el("pre", el("code", code or "# no recipe"), tabindex="0"),
        el("button", "Copy", type="button", class_="copy", data_copy=True),
        class_="code",
    )
    pairs = [el("div", el("dt", name), el("dd", value)) for name, value in made.items() if value]
    rows = []
    for model in models:
        licence = el("td", model.licence, title=model.note or None)
        cells = [el("td", text) for text in (model.use, model.origin, model.source)]
        # of digests and commits the first digits, the whole where one points at them
        pins = [
            el("td", el("code", pin[:16] if len(pin) >= 40 else pin, title=pin))
            for pin in (model.revision, model.sha256)
        ]
        rows.append(el("tr", el("td", model.id), el("td", ", ".join(model.used_by)), licence, cells, pins))
    names = ("model", "used by", "licence", "may be used by", "origin", "from", "revision", "sha256")
    files = [el("h3", "Model files"), listed(names, rows, "Model files")] if rows else None
    lead = "All that is needed to do it again."
    return section("recipe", "Recipe", lead, body, el("dl", pairs, class_="facts"), files)


def footer(version: str) -> Html:
    return el("footer", text(f"hoigen {version}".strip()), el("span", "one file, no network"))
