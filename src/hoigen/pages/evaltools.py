"""What sorts and filters the videos of an evaluation, and the key to what is drawn."""

from __future__ import annotations

from collections.abc import Iterable

from hoigen.pages.evalfacts import EvaluationFacts
from hoigen.pages.markup import Html, el

KEYS = (("person", "person"), ("object", "object"), ("mask", "mask"), ("touch", "contact"), ("unseen", "not seen"))
SAID = "Below a frame: its moment, and what coarse_hoi's detector saw most surely above its theta."


def tools(facts: EvaluationFacts) -> Html:
    """Sorted at first by the number that the page was made by."""
    kind = "change of " if facts.beside else ""
    options = [
        el("option", f"{kind}{column.heading}", value=column.name, selected=column.name == facts.rank)
        for column in facts.columns
    ]
    models = [] if facts.beside else [take.model for card in facts.cards for take in card.takes]
    return el(
        "div",
        el("label", "sort by ", el("select", el("option", "as shown", value=""), options, data_sort=True)),
        el("button", "worst first", type="button", data_turn=True, aria_pressed="false"),
        _choice("model", models, data_model=True),
        _choice("verb", (card.verb for card in facts.cards if card.verb), data_verb=True),
        el("label", "find ", el("input", type="search", data_find=True, placeholder="prompt, file, verb, object")),
        el("button", "Overlays", type="button", data_overlays=True, aria_pressed="true"),
        class_="controls",
    )


def _choice(name: str, given: Iterable[str], **attributes: bool) -> Html | None:
    """One of several values; None where there is nothing to choose."""
    values = sorted(set(given))
    if len(values) < 2:
        return None
    options = [el("option", f"all {name}s", value=""), *(el("option", value, value=value) for value in values)]
    return el("label", f"{name} ", el("select", options, **attributes))


def find_rows() -> Html:
    """A filter of the table of all numbers, apart from that of the strips."""
    box = el("input", type="search", data_rows=True, placeholder="prompt, file, model")
    return el("div", el("label", "find ", box), el("output"), class_="controls rows")


def key() -> Html:
    """What the colours mean."""
    named = [el("span", el("i", class_=f"key {kind}"), f" {name}") for kind, name in KEYS]
    return el("p", named, el("span", SAID), class_="legend-line")
