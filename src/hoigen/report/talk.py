"""Captions and the calls that led to them, for the report."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from hoigen.report.facts import Call, Captioning, Words
from hoigen.report.markup import Html, el

if TYPE_CHECKING:
    from hoigen.data.run import Run


def words_of(run: Run, ids: Collection[str]) -> dict[str, Words]:
    """Captions in force of the clips that are shown, by id."""
    from hoigen.stages.captioned import caption_rows

    wanted = set(ids)
    return {row["id"]: _words(row) for row in caption_rows(run) if row["id"] in wanted}


def captioning_of(run: Run) -> Captioning | None:
    """All captions of a run in figures; None when there are none."""
    from collections import Counter

    from hoigen.lengths import lengths_of
    from hoigen.stages.captioned import caption_facts, caption_rows

    facts = caption_facts(run)
    rows = list(caption_rows(run))
    if facts is None or not rows:
        return None
    paths = Counter(row["path"] or facts["name"] for row in rows if row["text"] is not None)
    lengths = lengths_of([row["text"] for row in rows if row["text"] is not None])
    return Captioning(
        captioner=facts["name"],
        experts={role: str(identity.get("model", "")) for role, identity in (facts.get("experts") or {}).items()},
        captioned=paths.total(),
        failed=len(rows) - paths.total(),
        paths=dict(paths.most_common()),
        lengths=str(lengths) if lengths else "",
        calls=sum(row["calls"] for row in rows),
        tokens=sum(row["tokens_in"] + row["tokens_out"] for row in rows),
    )


def _words(row: Mapping[str, Any]) -> Words:
    calls = tuple(_call(call) for call in json.loads(row["trace"] or "[]"))
    detail = {name: value for name, value in json.loads(row["detail"] or "{}").items() if value not in (None, "", [])}
    return Words(
        text=row["text"] or "",
        reason=row["reason"] or "",
        path=row["path"] or "",
        detail={name: _plain(value) for name, value in detail.items()},
        calls=calls,
    )


def _call(call: Mapping[str, Any]) -> Call:
    return Call(
        role=call["role"],
        expert=call["expert"],
        ended=call["outcome"] + (f": {call['reason']}" if call["reason"] else ""),
        tokens=call["tokens_in"] + call["tokens_out"],
        seconds=call["seconds"],
        text=call["text"],
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def under_tile(words: Words | None) -> Html | None:
    """The caption below a clip's strip."""
    if words is None:
        return None
    if not words.text:
        return el("p", el("bdi", f"no caption: {words.reason}"), class_="words none")
    return el("p", el("bdi", words.text), class_="words")


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
    pairs += [(f"by way of {path}", str(count)) for path, count in facts.paths.items() if path != facts.captioner]
    pairs += [(role, model) for role, model in facts.experts.items()]
    if facts.calls:
        pairs.append(("calls", f"{facts.calls:,}, {facts.tokens:,} tokens"))
    pairs.append(("length", facts.lengths))
    return el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in pairs if value], class_="facts")
