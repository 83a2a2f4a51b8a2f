"""Captions and the calls that led to them, for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hoigen.pages.facts import Call, Captioning, Words
from hoigen.pages.markup import Html, el

if TYPE_CHECKING:
    from hoigen.data.run import Run


def words_of(con: Any, run: Run, rows: Sequence[Mapping[str, Any]]) -> dict[str, Words]:
    """Captions in force of the clips that are shown, by id.

    Args:
        con: a connection of `decide.connect`.
        run: the run.
        rows: of the clips, with `id` and `shard`.
    """
    from hoigen.stages.captioned import captions_in_force

    captions = captions_in_force(run)
    if captions is None or not rows:
        return {}
    there = captions.layout().relation(only={row["shard"] for row in rows})
    found = con.execute(
        f"select * from {there} where list_contains($ids, id)",
        {"ids": sorted({row["id"] for row in rows})},
    )
    names = [column[0] for column in found.description]
    words = {}
    for row in (dict(zip(names, values, strict=True)) for values in found.fetchall()):
        detail = {
            name: value for name, value in json.loads(row["detail"] or "{}").items() if value not in (None, "", [])
        }
        words[row["id"]] = Words(
            text=row["text"] or "",
            reason=row["reason"] or "",
            path=row["path"] or "",
            detail={
                name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                for name, value in detail.items()
            },
            calls=tuple(
                Call(
                    role=call["role"],
                    expert=call["expert"],
                    ended=call["outcome"] + (f": {call['reason']}" if call["reason"] else ""),
                    tokens=call["tokens_in"] + call["tokens_out"],
                    seconds=call["seconds"],
                    text=call["text"],
                )
                for call in json.loads(row["trace"] or "[]")
            ),
        )
    return words


def captioning_of(con: Any, run: Run) -> Captioning | None:
    """All captions of a run in figures, counted over a connection of `decide.connect`; None when there are none."""
    from hoigen.stages.captioned import caption_facts, captions_in_force, captions_of
    from hoigen.stages.captioners.lengths import lengths_of

    facts, captions = caption_facts(run), captions_in_force(run)
    if facts is None or captions is None:
        return None
    table = captions.layout().relation()
    many, failed, doubtful, calls, tokens = con.execute(
        "select count(*), count(*) filter (text is null), count(*) filter (text <> '' and reason <> ''), "
        f"coalesce(sum(calls), 0), coalesce(sum(tokens_in + tokens_out), 0) from {table}"
    ).fetchone()
    if not many:
        return None
    paths = con.execute(
        f"select coalesce(nullif(path, ''), $name) as way, count(*) as many from {table} where text is not null "
        "group by way order by many desc, way",
        {"name": facts["name"]},
    ).fetchall()
    lengths = lengths_of(text for _, text in captions_of(run))
    return Captioning(
        captioner=facts["name"],
        experts={role: str(identity.get("model", "")) for role, identity in (facts.get("experts") or {}).items()},
        captioned=many - failed,
        failed=failed,
        doubtful=doubtful,
        paths=dict(paths),
        lengths=str(lengths) if lengths else "",
        calls=int(calls),
        tokens=int(tokens),
    )


def talk(words: Words | None) -> Html | None:
    """What was said about a clip, call by call: in the enlarged view."""
    if words is None or not (words.calls or words.detail):
        return None
    found = [
        el("div", el("dt", name.replace("_", " ")), el("dd", el("bdi", value))) for name, value in words.detail.items()
    ]
    said = [
        el(
            "li",
            el("p", el("b", call.role), f" {call.expert} · {call.ended} · {call.tokens} tokens, {call.seconds:.1f} s"),
            el("p", el("bdi", call.text)) if call.text else None,
        )
        for call in words.calls
    ]
    path = el("p", f"way taken: {words.path}", class_="path") if words.path else None
    return el("div", path, el("dl", found) if found else None, el("ol", said) if said else None, class_="talk")


def summary(facts: Captioning) -> Html:
    """The section on captions."""
    pairs = [("captioner", facts.captioner), ("captioned", str(facts.captioned)), ("failed", str(facts.failed))]
    pairs += [("doubtful", str(facts.doubtful))] if facts.doubtful else []
    pairs += [(f"by way of {path}", str(count)) for path, count in facts.paths.items() if path != facts.captioner]
    pairs += [(role, model) for role, model in facts.experts.items()]
    if facts.calls:
        pairs.append(("calls", f"{facts.calls:,}, {facts.tokens:,} tokens"))
    pairs.append(("length", facts.lengths))
    return el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in pairs if value], class_="facts")
