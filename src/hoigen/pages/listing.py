"""All clips of a run as rows of its page, to be searched, sorted, played and labelled; and two runs compared."""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.uris import scheme_of
from hoigen.core.words import plural
from hoigen.data.parquet import quoted
from hoigen.pages.choose import SHOWN
from hoigen.pages.facts import Beside, ClipList, ListedClip, bounds, thresholds
from hoigen.pages.frame import figures, listed, section
from hoigen.pages.markup import Html, el, join
from hoigen.pages.words import count, share

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step

MOST = 20_000
"""Clips in the list of a page: some 6 MB with ten numbers each. Of more, so many are spread evenly over the input."""
MOST_WORDS = 400
MOST_COLUMNS, MOST_CELL = 20, 80
"""Columns of the user's list that the page shows, and letters of a cell."""
HEADS = ("", "file", "from", "length", "ended")
"""Columns that the script draws itself."""
STATES = ("kept", "dropped", "failed", "pending")


def list_of(
    con: Any, run: Run, steps: Sequence[Step], page: Path, other: tuple[Run, Sequence[Step]] | None
) -> ClipList:
    """The list of a run's clips, without what somebody asked to be taken out.

    Args:
        con: a connection of `decide.connect` with the clips as `settled`.
        run: the run.
        steps: its measures.
        page: the folder in which the page will lie: videos are named from there.
        other: a second run with its measures, whose decisions on the same clips stand beside.
    """
    from hoigen.rules.joined import OF_CLIPS, as_listed
    from hoigen.stages.captioned import captions_in_force

    numbers = tuple(score for step in steps for score in step.emits)
    known = as_listed(con, (*HEADS, *numbers), "of_list")
    columns = {name: is_number for name, is_number in known.items() if name not in OF_CLIPS}
    given = dict(list(columns.items())[:MOST_COLUMNS])
    [(total,)] = con.execute(f"select count(*) from settled where {SHOWN}").fetchall()
    wanted = min(total, MOST)
    con.execute(
        "create or replace temp table listed as select * exclude (place) from (select *, "
        f"row_number() over (order by video, n) - 1 as place from settled where {SHOWN}) "
        f"where (place + 1) * {wanted} // {max(1, total)} > place * {wanted} // {max(1, total)}"
    )
    words = "null"
    joins = ""
    captions = captions_in_force(run)
    if captions is not None and captions.shards():
        words = f"left(words.text, {MOST_WORDS})"
        joins = f" left join {captions.layout().relation()} as words on words.id = listed.id and listed.state = 'kept'"
    there = "null"
    if other is not None:
        there = "coalesce(there.state, 'not there')"
        joins += " left join other.walked as there on there.id = listed.id"
    values = "".join(f", listed.{quoted(name)}" for name in numbers)
    for name, is_number in given.items():
        values += f", of_list.{quoted(name)}" if is_number else f", left(of_list.{quoted(name)}, {MOST_CELL})"
    joins += " left join of_list on of_list.video = listed.video and of_list.n = listed.n" if given else ""
    rows = con.execute(
        'select listed.id, listed.uri, listed.start, listed."end", listed.state, listed.rule, listed.reason, '
        f"{words}, {there}{values} from listed{joins} order by listed.video, listed.n"
    ).fetchall()
    at = page.resolve()
    sources: dict[str, str] = {}
    clips = []
    for id_, uri, start, end, state, rule, reason, said, elsewhere, *found in rows:
        if uri not in sources:
            way = "" if scheme_of(uri) or "\0" in uri else os.path.relpath(os.path.realpath(uri), at)
            sources[uri] = urllib.parse.quote(os.fsencode(way))  # "" where a page cannot play it from
        clips.append(
            ListedClip(
                id=id_ or "",
                uri=uri,
                source=sources[uri],
                start=start or 0.0,
                end=end or 0.0,
                state=state,
                rule=rule or "",
                reason=reason or "",
                words=said or "",
                beside=elsewhere or "",
                values=tuple(found[: len(numbers)]),
                given=tuple(found[len(numbers) :]),
            )
        )
    ruled = {score: bounds(thresholds(rule)) for step in steps for score, rule in step.rules.items()}
    return ClipList(
        run=str(run.path),
        total=total,
        numbers=numbers,
        ruled=ruled,
        clips=tuple(clips),
        given=given,
        more_given=len(columns) - len(given),
    )


def beside_of(con: Any, here: Run, other: Run, steps: Sequence[Step]) -> Beside:
    """How a second run has decided on the clips that both have.

    Args:
        con: a connection of `decide.connect` with the clips as `settled`.
        here: the run of the page.
        other: the second one; its clips become the view `other.walked`.
        steps: its measures.
    """
    from hoigen.rules.decide import beside

    con.execute("create schema other")
    beside(con, other, steps, "other")
    rows = con.execute(
        "select coalesce(a.state, 'not there'), coalesce(b.state, 'not there'), count(*) from "
        "(select id, state from settled where id is not null) a full join "
        "(select id, state from other.walked where id is not null) b using (id) group by all"
    ).fetchall()
    first, second = here.path.resolve(), other.path.resolve()
    names = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    return Beside(names=names, counts={(a, b): int(n) for a, b, n in rows})


def compared(facts: Beside) -> Html:
    """What the two runs kept, as a table of both."""
    here, there = facts.names
    states = [state for state in (*STATES, "not there") if any(state in pair for pair in facts.counts)]
    head = (f"{here} ↓, {there} →", *states)
    rows = []
    for mine in states:
        cells = []
        for theirs in states:
            n = facts.counts.get((mine, theirs), 0)
            same = mine == theirs and mine != "not there"
            cells.append(el("td", count(n) if n else "–", class_="same" if same else None))
        rows.append(el("tr", el("th", mine, scope="row"), cells))
    kept = {side: sum(n for pair, n in facts.counts.items() if pair[side] == "kept") for side in (0, 1)}
    both = facts.counts.get(("kept", "kept"), 0)
    pairs = [
        ("kept by both", count(both)),
        (f"only by {here}", count(kept[0] - both)),
        (f"only by {there}", count(kept[1] - both)),
        ("of all that either keeps", share(both, kept[0] + kept[1] - both)),
    ]
    lead = "The same clips, as each run decides on them. Which they are: below, the filter “beside”."
    return section("beside", "Two runs", lead, figures(pairs), listed(head, rows, "Two runs"))


def clip_list(facts: ClipList, beside: Beside | None) -> Html:
    """The list, empty: its rows are drawn by the page's script from the data beside it."""
    lead = [f"{plural(len(facts.clips), 'clip')}: search, sort, filter, play, and label them."]
    if len(facts.clips) < facts.total:
        lead = [
            f"{count(len(facts.clips))} of {count(facts.total)} clips, spread evenly over the input. ",
            el("code", f"hoigen table {facts.run}"),
            " has all.",
        ]
    if facts.more_given:
        lead.append(f" The list has {plural(facts.more_given, 'more column')}: hoigen table writes them.")
    rules = sorted({clip.rule for clip in facts.clips if clip.rule})
    ranged = [*facts.numbers, *(name for name, is_number in facts.given.items() if is_number)]
    changed = [("changed", "decided otherwise"), *((f"there:{state}", f"there {state}") for state in STATES)]
    form = el(
        "form",
        _field("Search", el("input", type="search", name="text", placeholder="file, id, reason, caption")),
        _field("State", _select("state", [(state, state) for state in STATES])),
        _field("Rule", _select("rule", [(rule, rule) for rule in rules])) if rules else None,
        _field("Beside", _select("beside", changed)) if beside is not None else None,
        _field("Label", _select("label", [("yes", "yes"), ("no", "no"), ("none", "none yet")])),
        _field("Number", _select("number", [(name, name) for name in ranged])) if ranged else None,
        _field("from", el("input", type="number", name="least", step="any")),
        _field("to", el("input", type="number", name="most", step="any")),
        _field("List", _select("column", [(name, name) for name in facts.given])) if facts.given else None,
        _field("holds", el("input", name="holds")) if facts.given else None,
        el("button", "Clear", type="reset"),
        class_="seek",
        role="search",
    )
    ask = el(
        "p",
        _field("Question", el("input", name="question", value="good", size="10")),
        _field("Who", el("input", name="who", size="10", autocomplete="name")),
        el("button", "Save labels", type="button", data_save=True),
        el("button", "Take all back", type="button", data_forget=True),
        el("span", role="status", class_="labels"),
        class_="said",
    )
    table = el("table", el("thead"), el("tbody"), class_="clips")
    return section(
        "clips",
        "All clips",
        lead,
        form,
        el("p", role="status", class_="found"),
        el("div", table, class_="rows", tabindex="0", role="region", aria_label="All clips"),
        ask,
        el("script", _data(facts, beside), type="application/json", id="clip-data"),
        el("noscript", el("p", "The list needs JavaScript; hoigen table writes the same rows.", class_="empty")),
    )


def player() -> Html:
    """One clip of the list, played, with all that is known of it."""
    bar = el(
        "div",
        el("button", "←", type="button", data_go="-1", aria_label="Previous clip"),
        el("button", "→", type="button", data_go="1", aria_label="Next clip"),
        el("span", class_="place"),
        el("button", "yes", type="button", data_label="yes", aria_pressed="false"),
        el("button", "no", type="button", data_label="no", aria_pressed="false"),
        el("button", "×", type="button", data_shut=True, aria_label="Close"),
        class_="tools",
    )
    keys = "y yes · n no · u takes it back · ← → other clips · space plays"
    return el("dialog", bar, el("div", class_="one"), el("p", keys, class_="keys"), id="clip", aria_label="One clip")


def _field(name: str, control: Html) -> Html:
    return el("label", el("span", name), control)


def _select(name: str, options: Sequence[tuple[str, str]]) -> Html:
    return el(
        "select", el("option", "any", value=""), [el("option", text, value=key) for key, text in options], name=name
    )


def _data(facts: ClipList, beside: Beside | None) -> Html:
    """The rows as JSON that cannot end the element it is in."""
    uris = list(dict.fromkeys(clip.uri for clip in facts.clips))
    number = {uri: at for at, uri in enumerate(uris)}
    source = {clip.uri: clip.source for clip in facts.clips}
    data = {
        "run": facts.run,
        "numbers": facts.numbers,
        "given": list(facts.given.items()),
        "ruled": facts.ruled,
        "beside": beside.names[1] if beside is not None else "",
        "uris": uris,
        "sources": [source[uri] for uri in uris],
        "clips": [
            [
                clip.id,
                number[clip.uri],
                round(clip.start, 3),
                round(clip.end, 3),
                clip.state,
                clip.rule,
                clip.reason,
                clip.words,
                clip.beside,
                *(None if value is None else float(f"{value:.6g}") for value in clip.values),
                *(value if not isinstance(value, float) or isfinite(value) else str(value) for value in clip.given),
            ]
            for clip in facts.clips
        ],
    }
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def nothing_kept(stages: Sequence[Any]) -> Html:
    """Which rule did it, where no clip is kept."""
    worst = max(stages, key=lambda stage: stage.dropped, default=None)
    if worst is None or not worst.dropped:
        return el("p", "No clip passed every rule.", class_="empty")
    told = f"{worst.title} dropped {count(worst.dropped)} of the {plural(worst.entered, 'clip')} that reached it"
    last = next((stage for stage in stages if stage.entered and not stage.left), worst)
    parts = [
        el("b", "No clip is kept. "),
        f"{told}{' (' + bounds(worst.thresholds) + ')' if worst.thresholds else ''}.",
    ]
    if last is not worst:
        parts.append(f" The last ones fell to {last.title}.")
    return el("p", join(parts), class_="empty")
