"""Contact sheets: clips as strips of film, with the value that decided and all scores at hand."""

from __future__ import annotations

from hoigen.pages.facts import Picture, Sheet, Tile, bounds
from hoigen.pages.markup import Html, el
from hoigen.pages.talk import talk
from hoigen.pages.words import anchor, clock, count, number, short_name

MARKS = {"pass": "✓", "broken": "✗", "none": ""}
CELL = 16 / 9  # the shape of `.frame` in the style sheet


def sheet(facts: Sheet, kind: str, *, level: str = "h3", nothing: Html | None = None) -> Html:
    """One sheet with its heading.

    Args:
        facts: its clips.
        kind: `kept` or `dropped`.
        level: the element of its heading.
        nothing: what is said where there are no clips.
    """
    name = anchor(kind, facts.key) if kind != "kept" else "kept"
    heading = el(
        level,
        facts.title,
        el("small", bounds(facts.thresholds), class_="bound") if facts.thresholds else None,
        tabindex="-1",
    )
    if facts.tiles:
        body = el("div", [_tile(tile) for tile in facts.tiles], class_="tiles")
        shown = f"{count(len(facts.tiles))} of {count(facts.total)} shown"
        if len(facts.tiles) == facts.total:
            shown = f"all {count(facts.total)} shown" if facts.total > 1 else "1 clip"
        shown += f", {facts.order}" if facts.order else ""
    else:
        none = "No clip passed every rule." if kind == "kept" and not facts.total else "No clips to show."
        body, shown = nothing or el("p", none, class_="empty"), ""
    return el("section", el("header", heading, el("p", shown, class_="shown")), body, id=name, class_=f"sheet {kind}")


def _tile(tile: Tile) -> Html:
    name, span = short_name(tile.uri), f"{clock(tile.start)}–{clock(tile.end)} · {tile.end - tile.start:.1f} s"
    words = None
    if tile.words is not None:
        said, kind = tile.words.text, "words"
        if not said:
            said, kind = f"no caption: {tile.words.reason}", "words none"
        doubtful = el("small", f" doubtful: {tile.words.reason}") if tile.words.text and tile.words.reason else None
        words = el("p", el("bdi", said), doubtful, class_=kind)
    caption = el(
        "figcaption",
        el("p", el("bdi", name), class_="name", title=tile.uri),
        el("p", span, el("code", tile.id), class_="span"),
        el("p", el("bdi", tile.reason), class_="why") if tile.reason else None,
        words,
    )
    pictures = el("span", [_frame(picture, tile, i) for i, picture in enumerate(tile.pictures)], class_="frames")
    if not tile.pictures:
        pictures = el("span", el("span", "no picture"), el("small", el("bdi", tile.missing)), class_="blank")
    strip = el(
        "button",
        pictures,
        type="button",
        class_="strip",
        aria_label=f"{name}, {span}{', ' + tile.reason if tile.reason else ''}: enlarge, with all scores",
    )
    facts = [
        el("p", el("bdi", tile.uri), class_="path"),
        el("p", el("bdi", tile.prompt), class_="prompt") if tile.prompt else None,
        el("p", f"source: {tile.source}", class_="path") if tile.source else None,
    ]
    verdicts = {"pass": "passes", "broken": "breaks the rule", "none": None}
    rows = [
        el(
            "tr",
            el("th", line.name, scope="row"),
            el("td", number(line.value) if line.value is not None else "–"),
            el("td", bounds(line.thresholds), class_="bound"),
            el("td", MARKS[line.verdict], title=verdicts[line.verdict], class_="mark"),
            class_=f"{line.verdict}{' decided' if line.name == tile.decided else ''}",
        )
        for line in tile.scores
    ]
    size = el("tr", el("th", "size", scope="row"), el("td", f"{tile.width} × {tile.height}"), el("td"), el("td"))
    return el(
        "figure",
        strip,
        caption,
        el("div", facts, el("table", el("tbody", size, rows)), class_="scores"),
        talk(tile.words),
        class_="tile",
        data_clip=tile.id,
        data_decided=tile.decided or None,
    )


def _frame(picture: Picture, tile: Tile, index: int) -> Html:
    """A picture with its boxes, as large as fits in the middle of a cell."""
    shape = tile.width / tile.height if tile.width and tile.height else CELL
    wide, tall = min(100.0, 100 * shape / CELL), min(100.0, 100 * CELL / shape)
    position = ("start", "middle", "end")[min(index, 2)]
    where = f"{position} of {short_name(tile.uri)}, at {clock(tile.start + picture.time)}"
    boxes = []
    for box in picture.boxes:
        style = f"left:{100 * box.left:.1f}%;top:{100 * box.top:.1f}%;"
        style += f"width:{100 * (box.right - box.left):.1f}%;height:{100 * (box.bottom - box.top):.1f}%"
        kind = box.kind if box.kind in ("person", "hand", "object", "contact", "text") else "other"
        boxes.append(el("i", el("b", box.label) if box.label else None, class_=f"box {kind}", style=style))
    inside = el(
        "span",
        el("img", src=picture.source, alt=where, decoding="async"),
        boxes,
        class_="picture",
        style=f"left:{(100 - wide) / 2:.2f}%;top:{(100 - tall) / 2:.2f}%;width:{wide:.2f}%;height:{tall:.2f}%",
    )
    return el("span", inside, class_="frame")
