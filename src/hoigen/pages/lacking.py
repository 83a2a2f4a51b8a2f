"""Numbers that videos lack, and why: those of one reason together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hoigen.core.score import Number
from hoigen.evaluation.models.videos import Video
from hoigen.pages.evalfacts import Lacking
from hoigen.pages.frame import scroll, section
from hoigen.pages.markup import Html, el
from hoigen.pages.words import count
from hoigen.stats import alike

GROUPS = 60


def lacking_of(videos: Sequence[Video], columns: Sequence[Number]) -> list[Lacking]:
    """Undefined numbers by reason, those that are alike together, the most frequent first.

    Failed videos are told of elsewhere.
    """
    here = [video for video in videos if not video.failure]
    found: dict[tuple[str, int], list[str]] = {}
    words: dict[str, set[str]] = {}
    for column in columns:
        kinds = Counter[str]()
        for video in here:
            if video.values.get(column.name) is None:
                reason = video.reasons.get(column.name, "not measured")
                kind = alike.kind(reason)
                kinds[kind] += 1
                words.setdefault(kind, set()).add(reason)
        for kind, times in kinds.items():
            found.setdefault((kind, times), []).append(column.heading)
    told = {kind: min(reasons) if len(reasons) == 1 else kind for kind, reasons in words.items()}
    groups = [Lacking(numbers=names, videos=times, reason=told[kind]) for (kind, times), names in found.items()]
    groups.sort(key=lambda group: -group.videos * len(group.numbers))
    if rest := groups[GROUPS:]:
        each = Counter[str]()
        for group in rest:
            each.update(dict.fromkeys(group.numbers, group.videos))
        other = Lacking(numbers=list(each), videos=max(each.values()), reason="other reasons: see the videos")
        return [*groups[:GROUPS], other]
    return groups


def lacking_section(groups: Sequence[Lacking], of: int) -> Html | None:
    """of: how many videos there are."""
    if not groups:
        return None
    head = el("tr", [el("th", name, scope="col") for name in ("videos", "number", "reason")])
    rows = [
        el(
            "tr",
            el("td", f"{count(group.videos)} of {count(of)}", class_="few"),
            el("td", ", ".join(group.numbers)),
            el("td", el("bdi", group.reason), class_="reason"),
        )
        for group in groups
    ]
    table = el("table", el("thead", head), el("tbody", rows), class_="wide")
    lead = "An undefined number is no 0: it counts in no mean."
    return section("undefined", "Undefined", lead, scroll(table, "Undefined numbers"))
