"""Items on which people differ, or are unsure, decided by somebody who has not voted on them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.questions import QUESTIONS, checked
from hoigen.review.queue import Saved, item_of, name_of, settle, shown, verdict_row

AMONG = 10
"""Each person is shown some of so many times as many, by chance: several who decide at once mostly have others."""


def waiting(db: Database, person: int, question: str, size: int = 20) -> list[dict[str, Any]]:
    """Items to decide, with what each person said: all votes are there, and none is this person's own."""
    item, held, said = t.item, t.assignment, t.verdict
    with db.read() as con:
        query = sa.select(item.c.id).where(item.c.question == question, sa.text("state <> 0 and state = 2"))
        voted = sa.exists().where(held.c.item == item.c.id, held.c.person == person, held.c.state == t.ANSWERED)
        ids = con.execute(query.where(~voted).order_by(item.c.id).limit(AMONG * size)).scalars().all()
        ids = random.Random(person).sample(ids, min(size, len(ids)))
        rows = {row["item"]: row | {"votes": []} for row in shown(con, ids)}
        columns = (said.c.item, said.c.value, said.c.reason, said.c.note, said.c.seconds, said.c.mode, said.c.extra)
        votes = sa.select(*columns, t.person.c.name).join(held, held.c.verdict == said.c.id)
        votes = votes.join(t.person, t.person.c.id == said.c.person).where(held.c.item.in_(ids))
        for vote in con.execute(votes.order_by(said.c.seq)).mappings():
            rows[vote["item"]]["votes"].append({name: vote[name] for name in vote if name != "item"})
    for row in rows.values():
        del row["priority"], row["state"]
    return [rows[one] for one in ids]


def own(db: Database, person: int, question: str) -> bool:
    """Whether there is something to decide that this person has voted on, and so cannot."""
    item, held = t.item.c, t.assignment.c
    query = sa.select(item.id).join(t.assignment, held.item == item.id)
    query = query.where(item.question == question, sa.text("item.state <> 0 and item.state = 2"))
    query = query.where(held.person == person, held.state == t.ANSWERED)
    with db.read() as con:
        return con.execute(query.limit(1)).first() is not None


def decide(db: Database, person: int, came: Sequence[Any], *, app: str, now: float | None = None) -> Saved:
    """Takes decisions, as `queue.answer` takes answers; a decision without a value takes back the one it names."""
    at = db.now() if now is None else now
    result = Saved()
    with db.write() as con:
        for one in came:
            name = name_of(one)
            known = con.execute(sa.select(t.verdict.c.person).where(t.verdict.c.id == name)).scalar()
            if known is not None:
                if known == person:
                    result.saved.append(name)
                else:
                    result.refused[name] = "id: another person's"
                continue
            query = sa.select(t.item, t.clip.c.digest, t.clip.c.start, t.clip.c.end).join(
                t.clip, t.clip.c.id == t.item.c.clip
            )
            query = query.where(t.item.c.id == item_of(one)).with_for_update(of=t.item)
            row = con.execute(query).mappings().one_or_none()
            about = dict(row) if row is not None else {}
            if row is None or about["state"] not in (t.DISPUTED, t.ADJUDICATED):
                result.refused[name] = "item: nothing to decide there (somebody else may have done it meanwhile)"
                continue
            try:
                said = checked(QUESTIONS[about["question"]], one, about["end"] - about["start"])
            except ValueError as error:
                result.refused[name] = str(error)
                continue
            held = t.assignment.c
            mine = sa.select(held.item).where(held.item == said.item, held.person == person, held.state == t.ANSWERED)
            last = con.execute(
                sa.select(t.verdict.c.id, t.verdict.c.person, t.verdict.c.value)
                .where(t.verdict.c.item == said.item, t.verdict.c.mode == "adjudicate")
                .order_by(t.verdict.c.seq.desc())
                .limit(1)
            ).one_or_none()
            decided = about["state"] == t.ADJUDICATED
            if con.execute(mine).first() is not None:
                result.refused[name] = "item: you have voted on it, so somebody else decides"
            elif said.value is not None and said.value in QUESTIONS[about["question"]].undecided:
                result.refused[name] = "value: this is where it is decided"
            elif decided and (last is None or last.person != person or said.supersedes != last.id):
                result.refused[name] = "item: somebody else has decided it meanwhile"
            elif not decided and said.value is None:
                result.refused[name] = "supersedes: there is no decision to take back"
            else:
                con.execute(sa.insert(t.verdict), verdict_row(said, about, person, app, at) | {"mode": "adjudicate"})
                if said.value is None:
                    settle(con, said.item)
                else:
                    what = {"state": t.ADJUDICATED, "final": said.value, "how": "adjudicated"}
                    con.execute(sa.update(t.item).where(t.item.c.id == said.item).values(what))
                result.saved.append(name)
    return result
