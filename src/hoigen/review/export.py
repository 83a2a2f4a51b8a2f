"""Verdicts out of the review, as the other commands read them.

`keep` goes into the run's annotations: each person's present word under question `keep`, and the one answer that counts
of each clip under question `human`. Other questions become files in RUN/review/export/, as `caption-eval`, `agree` and
`calibrate` read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core.words import plural
from hoigen.data.annotations import Annotation, Annotations
from hoigen.review import tables as t
from hoigen.review.project import Project
from hoigen.review.questions import KEEP
from hoigen.review.tasks import claims_begun, write_files

TOOL = "hoigen review"
WHO = "review"
"""Who says the answer that counts, in the annotations of question `human`."""
YES = {"keep": "yes", "drop": "no", "trim": "no", "crop": "no"}
"""Answers of `keep` as yes and no: what is to be trimmed or cropped is not kept as it is."""


@dataclass(frozen=True, slots=True)
class _Exported:
    """What was written. added: annotations that say something new. final: clips with an answer that counts. asked:
    whether people are asked which clips to keep. files: of other questions, and their rows. begun: captions some of
    whose claims have no answer."""

    run: Path
    added: int
    final: int
    asked: bool = True
    files: Mapping[Path, int] = field(default_factory=dict)
    begun: int = 0

    def __str__(self) -> str:
        lines = [
            (
                f"{self.run}: {plural(self.final, 'clip has', 'clips have')} an answer that counts; "
                f"{plural(self.added, 'annotation')} added"
            )
        ]
        lines = lines if self.asked or not self.files else []
        lines += [f"{file}: {plural(rows, 'row')}" for file, rows in self.files.items()]
        if self.begun:
            lines.append(
                f"{plural(self.begun, 'caption is', 'captions are')} left out of it: of these some claims have no "
                "answer yet"
            )
        return "\n".join(lines)


def export(project: Project) -> _Exported:
    """Writes what people have said so far; what was written before is not written again."""
    annotations = Annotations(project.run)
    last = {(row.clip, row.question, row.who): row for row in annotations.latest()}
    with project.db.read() as con:
        rows = {(row.clip, row.question, row.who): row for row in _rows(con)}
        final = con.execute(
            sa.select(sa.func.count()).where(
                t.item.c.question == KEEP, t.item.c.final.is_not(None), t.item.c.state != t.REMOVED
            )
        ).scalar_one()
    new = [
        _after(row, last.get(key))
        for key, row in rows.items()
        if (old := last.get(key)) is None or (old.value, old.note) != (row.value, row.note)
    ]
    mine = {"keep", "keep.reason", "keep.unsure", "human", "human.trim", "human.crop"}
    said_here = {key for key, row in last.items() if row.tool == TOOL}
    gone = [key for key in said_here if key[1] in mine and key not in rows]
    back = [
        _after(Annotation(clip=c, question=q, value=None, who=w, tool=TOOL), last[c, q, w])
        for c, q, w in gone
        if last[c, q, w].value is not None
    ]
    annotations.append([*new, *back])
    asked, files = any(project.counts(KEEP).values()), write_files(project)
    begun = len(claims_begun(project))
    return _Exported(project.run.path, len(new) + len(back), final, asked, files, begun)


def _after(row: Annotation, before: Annotation | None) -> Annotation:
    """A word as the last one, also where a clock that was ahead has written the one before."""
    if before is None or before.when is None or (row.when or datetime.now(UTC)) > before.when:
        return row
    return replace(row, when=before.when + timedelta(microseconds=1))


def _rows(con: Connection) -> Iterator[Annotation]:
    """Each person's present word, and the answer that counts."""
    item, held, said = t.item.c, t.assignment.c, t.verdict.c
    columns = (said.clip, said.value, said.reason, said.note, said.at, t.person.c.name)
    query = sa.select(*columns).join(t.assignment, held.verdict == said.id).join(t.person, t.person.c.id == said.person)
    query = query.join(t.item, item.id == said.item).where(said.question == KEEP)
    query = query.where(item.state.not_in((t.GOLD, t.REMOVED)))
    for row in con.execute(query.order_by(said.seq)):
        when = datetime.fromtimestamp(row.at, UTC)
        about = {"clip": row.clip, "who": row.name, "tool": TOOL, "when": when}
        if row.value == "unsure":
            yield Annotation(question="keep.unsure", value="yes", note=row.note, **about)
        else:
            note = "; ".join(part for part in (row.value if row.value in ("trim", "crop") else "", row.note) if part)
            yield Annotation(question="keep", value=YES[row.value], note=note, **about)
        if row.reason:
            yield Annotation(question="keep.reason", value=row.reason, **about)
    finals = sa.select(item.id, item.clip, item.final, item.how)
    finals = finals.where(item.question == KEEP, item.final.is_not(None), item.state != t.REMOVED)
    said = t.verdict.c
    for one in con.execute(finals.order_by(item.id)).all():
        note = f"{one.how}, {one.final}" if one.final in ("trim", "crop") else one.how
        about = {"clip": one.clip, "who": WHO, "tool": TOOL}
        yield Annotation(question="human", value=YES[one.final], note=note, **about)
        if one.final in ("trim", "crop"):
            # in and out points and border of the decision, or of the last vote that holds
            query = sa.select(said.extra).where(said.item == one.id, said.value == one.final)
            holds = said.id.in_(sa.select(held.verdict).where(held.item == one.id, held.state == t.ANSWERED))
            query = query.where(said.mode == "adjudicate" if one.how == "adjudicated" else holds)
            extra = json.loads(con.execute(query.order_by(said.seq.desc()).limit(1)).scalar() or "{}")
            if "in" in extra:
                yield Annotation(question="human.trim", value=f"{extra['in']:g}-{extra['out']:g}", **about)
            if "crop" in extra:
                yield Annotation(question="human.crop", value=",".join(f"{side:g}" for side in extra["crop"]), **about)
