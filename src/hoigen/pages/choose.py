"""Which clips a report shows, and what it tells of each. The same run always shows the same clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hoigen.core.clip import Clip
from hoigen.data.parquet import quoted
from hoigen.pages.facts import ScoreLine, Threshold, Tile, Words, thresholds
from hoigen.pages.thumbs import Evidence, Taken, Wanted, evidence_of
from hoigen.pages.words import number
from hoigen.stages.showing import measured_as

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step

Row = dict[str, Any]
SHOWN = "(id is null or id not in (select id from removed))"
"""SQL over `settled`: what somebody asked to be taken out is on no page, whichever rule dropped it first."""


def ranks(total: int, wanted: int) -> list[int]:
    """`wanted` places spread evenly over `total`."""
    if total <= wanted:
        return list(range(total))
    return sorted({int((index + 0.5) * total / wanted) for index in range(wanted)})


def spread_rows(con: Any, where: str, order: str, total: int, wanted: int, values: Mapping[str, Any]) -> list[Row]:
    """Rows of `settled` at even distances in an order; only what the order goes by is sorted.

    Args:
        con: a connection of `decide.connect` with the clips as `settled`.
        where: which of them, SQL.
        order: SQL.
        total: how many there are.
        wanted: how many rows.
        values: of the parameters in `where`.
    """
    places = ranks(total, wanted)
    if not places:
        return []
    keys = con.execute(
        f"select video, n, place from (select video, n, row_number() over (order by {order}) - 1 as place "
        f"from settled where {where}) where list_contains($places, place) order by place",
        {**values, "places": places},
    ).fetchall()
    if not keys:
        return []
    videos = ", ".join(str(video) for video, _, _ in keys)  # said outright, so that only their row groups are read
    found = con.execute(f"select * from settled where video in ({videos})")
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    by_key = {(row["video"], row["n"]): row for row in rows}
    return [by_key[video, n] for video, n, _ in keys]


def dropped_rows(con: Any, rule: str, bounds: Sequence[Threshold], total: int, wanted: int) -> list[Row]:
    """From the nearest to its threshold to the farthest; without a threshold, over the input.

    Args:
        con: a connection of `decide.connect` with the clips as `settled`.
        rule: that dropped them.
        bounds: of the rule; empty when it is about no score.
        total: how many it dropped.
        wanted: how many rows.
    """
    order, column = "video, n", quoted(rule)
    if bounds:
        sides = [f"{bound.value!r} - {column}" if bound.lower else f"{column} - {bound.value!r}" for bound in bounds]
        order = f"greatest({', '.join(sides)}, 0) nulls last, id"
    where = f"state = 'dropped' and rule = $rule and {SHOWN}"
    return spread_rows(con, where, order, total, wanted, {"rule": rule})


def clip_facts(con: Any, ids: Sequence[str]) -> dict[str, Row]:
    """Size, source and prompt of the clips to be shown, and what tells a replaced video, by id.

    Args:
        con: a connection of `decide.connect`.
        ids: of the clips.
    """
    if not ids:
        return {}
    names = ("width", "height", "fps", "source", "prompt", "digest", "header")
    rows = con.execute(
        f"select id, {', '.join(f'any_value({name})' for name in names)} "
        "from clips where list_contains($ids, id) group by id",
        {"ids": list(ids)},
    ).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def evidence(con: Any, run: Run, steps: Sequence[Step], rows: Sequence[Row]) -> dict[str, Evidence]:
    """Boxes to draw, by clip id: those of the measure whose number stands under the pictures.

    Args:
        con: a connection of `decide.connect`.
        run: the run.
        steps: its measures.
        rows: of `settled`: the clips to be shown.
    """
    found: dict[str, Evidence] = {}
    last = _last_rule(steps)
    for step in steps:
        asked = [row for row in rows if (last if row["state"] == "kept" else row["rule"]) in step.emits]
        if not asked or not step.needs_frames:
            continue
        scores = (
            run.scores(step.name, step.fingerprint, step.emits).layout().relation(only={row["shard"] for row in asked})
        )
        details = con.execute(
            f"select id, detail from {scores} where list_contains($ids, id) and state = 'ok'",
            {"ids": sorted({row["id"] for row in asked})},
        ).fetchall()
        for clip, detail in details:
            boxes = evidence_of(json.loads(detail or "{}"), step.sampling)
            if boxes is not None:
                found[clip] = boxes
    return found


def wanted(row: Row, facts: Mapping[str, Row], boxes: Mapping[str, Evidence]) -> Wanted:
    """What is needed to take pictures of a clip.

    Args:
        row: of `settled`.
        facts: of `clip_facts`.
        boxes: of `evidence`.
    """
    known = facts.get(row["id"], {})
    clip = Clip(
        id=row["id"],
        uri=row["uri"],
        start=row["start"],
        end=row["end"],
        width=known.get("width") or 0,
        height=known.get("height") or 0,
        fps=known.get("fps") or 0.0,
        meta=measured_as(known) if known else {},
    )
    return Wanted(clip, boxes.get(row["id"]))


def tile(
    row: Row, steps: Sequence[Step], facts: Mapping[str, Row], taken: Mapping[str, Taken], words: Mapping[str, Words]
) -> Tile:
    """One tile of a sheet.

    Args:
        row: of `settled`.
        steps: the run's measures.
        facts: of `clip_facts`.
        taken: pictures, by clip id.
        words: captions, by clip id.
    """
    known = facts.get(row["id"], {})
    pictures, missing = taken.get(row["id"], ((), "not decoded"))
    last = _last_rule(steps)
    reason = row["reason"] or (f"{last} {number(row.get(last))}" if last else "")
    lines = []
    verdict: Literal["pass", "broken", "none"]
    for step, score in ((one, score) for one in steps for score in one.emits):
        value, rule = row.get(score), step.rules.get(score)
        if rule is None or value is None:
            broken = row["state"] == "dropped" and row["rule"] == score
            verdict = "broken" if broken else "none"
        else:
            verdict = "pass" if rule.passes(value) else "broken"
        lines.append(ScoreLine(name=score, value=value, thresholds=thresholds(rule), verdict=verdict))
    return Tile(
        id=row["id"],
        uri=row["uri"],
        start=row["start"],
        end=row["end"],
        width=known.get("width") or 0,
        height=known.get("height") or 0,
        reason=reason,
        prompt=known.get("prompt") or "",
        source=known.get("source") or "",
        decided=row["rule"] or "",
        scores=tuple(lines),
        pictures=pictures,
        missing=missing,
        words=words.get(row["id"]),
    )


def _last_rule(steps: Sequence[Step]) -> str | None:
    """The score that the last rule looks at: in a cascade, what the others lead up to."""
    ruled = [score for step in steps for score in step.rules]
    return ruled[-1] if ruled else None
