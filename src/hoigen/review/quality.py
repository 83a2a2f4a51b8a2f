"""What makes the answers trustworthy, in numbers: each person, gold, agreement, progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core.stats.agreement import Agreement, Level, agreement
from hoigen.core.stats.annotators import Answer, Finish, Person, finish, people
from hoigen.core.stats.resample import Draws, Estimate, wilson
from hoigen.core.stats.saving import false_keeps
from hoigen.review import tables as t
from hoigen.review.project import Project
from hoigen.review.questions import KEEP, QUESTIONS, RATING

LATEST = 20_000
"""Of each person, so many of the last answers are looked at."""
DRAWS = Draws(draws=1000)
DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How well answers of one way of looking do. right: on gold questions, with Wilson's 95 % interval."""

    mode: str
    answers: int
    seconds: float | None
    gold: int
    right: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All numbers of one question.

    Args:
        states: how many items are in each state.
        items: how many are asked: all but gold and those that are left out.
        done: of them, how many have an answer that counts.
        people: each person.
        modes: one at a time and in a grid.
        agreement: of all people, on items that two or more have answered.
        days: answers by day, the last days.
        finish: when all is done at today's pace.
    """

    states: Mapping[int, int]
    items: int
    done: int
    people: Sequence[Person]
    modes: Sequence[Mode]
    agreement: Agreement
    days: Sequence[tuple[str, int]]
    finish: Finish


def overview(project: Project, question: str) -> Overview:
    """All numbers of one question, as they are now."""
    with project.db.read() as con:
        states = {
            row[0]: row[1]
            for row in con.execute(
                sa.select(t.item.c.state, sa.func.count()).where(t.item.c.question == question).group_by(t.item.c.state)
            )
        }
        answers = _answers(con, question)
        left = con.execute(
            sa.select(sa.func.coalesce(sa.func.sum(t.item.c.need - t.item.c.given), 0)).where(
                t.item.c.question == question, t.item.c.state == t.OPEN
            )
        ).scalar_one()
        now = project.db.now()
        times = _times(con, question, now)
    asked = sum(count for state, count in states.items() if state not in t.NOT_ASKED)
    units: dict[str, dict[str, str]] = {}
    for one in answers:
        if one.right is None and one.value not in QUESTIONS[question].undecided:
            units.setdefault(one.unit, {})[one.who] = one.value
    level: Level = "ordinal" if question == RATING else "nominal"
    moments = [datetime.fromtimestamp(at, UTC) for at in times]
    return Overview(
        states=states,
        items=asked,
        done=states.get(t.DONE, 0) + states.get(t.ADJUDICATED, 0),
        people=people([one for one in answers if one.value not in QUESTIONS[question].undecided], draws=DRAWS),
        modes=_modes(project, question),
        agreement=agreement(list(units.items()), DRAWS, level=level, order=tuple(QUESTIONS[question].values)),
        days=_days(moments),
        finish=finish(moments, int(left) + states.get(t.DISPUTED, 0), datetime.fromtimestamp(now, UTC)),
    )


def alerted(project: Project, question: str) -> set[int]:
    """Numbers of the people whom alerts tell of."""
    with project.db.read() as con:
        answers = _answers(con, question)
        numbers = {row[1]: row[0] for row in con.execute(sa.select(t.person.c.id, t.person.c.name))}
    decided = [one for one in answers if one.value not in QUESTIONS[question].undecided]
    return {numbers[one.who] for one in people(decided, draws=DRAWS) if one.alerts}


def false_keep_of(project: Project, but: set[int]) -> float | None:
    """How often people keep a clip that is to be dropped, at most; None where no such gold question was answered.

    Args:
        project: the review.
        but: numbers of people who do not count.
    """
    held, item = t.assignment.c, t.item.c
    query = sa.select(held.value, sa.func.count()).join(t.item, item.id == held.item)
    query = query.where(item.question == KEEP, item.state == t.GOLD, item.expected == "drop", held.state == t.ANSWERED)
    with project.db.read() as con:
        counts = {row[0]: row[1] for row in con.execute(query.where(held.person.not_in(but)).group_by(held.value))}
    return false_keeps(counts.get("keep", 0), sum(counts.values()))


def _answers(con: Connection, question: str) -> list[Answer]:
    """Each person's present answers, the last ones; a clip's claims are units of their own."""
    held, item, said = t.assignment.c, t.item.c, t.verdict.c
    found = []
    for number, name in con.execute(sa.select(t.person.c.id, t.person.c.name)).all():
        columns = (item.id, item.state, item.expected, held.value, said.seconds)
        query = sa.select(*columns).join(t.item, item.id == held.item).join(t.verdict, said.id == held.verdict)
        query = query.where(held.person == number, held.state == t.ANSWERED, item.question == question)
        for row in con.execute(query.order_by(said.seq.desc()).limit(LATEST)):
            right = row.expected if row.state == t.GOLD else None
            unit = str(row.id)
            found.append(Answer(unit=unit, who=name, value=row.value, seconds=row.seconds, right=right))
    return found


def _times(con: Connection, question: str, now: float) -> list[float]:
    """When answers came in the last days, and the first of all."""
    said = t.verdict.c
    mine = (said.question == question, said.value.is_not(None), said.mode != "import")
    since = now - DAYS * 86_400
    times = list(con.execute(sa.select(said.at).where(*mine, said.at >= since)).scalars())
    first = con.execute(sa.select(sa.func.min(said.at)).where(*mine)).scalar()
    return times if first is None or first >= since else [first, *times]


def _days(moments: Sequence[datetime]) -> list[tuple[str, int]]:
    """How many answers came on each of the last days, days without any too."""
    counts = Counter(moment.date() for moment in moments)
    if not counts:
        return []
    last, first = max(counts), max(min(counts), max(counts) - timedelta(days=DAYS - 1))
    return [
        (f"{first + timedelta(days=at):%Y-%m-%d}", counts.get(first + timedelta(days=at), 0))
        for at in range((last - first).days + 1)
    ]


def _modes(project: Project, question: str) -> list[Mode]:
    held, item, said = t.assignment.c, t.item.c, t.verdict.c
    answered = sa.select(said.mode, sa.func.count(), sa.func.avg(said.seconds)).join(
        t.assignment, held.verdict == said.id
    )
    answered = answered.where(said.question == question, held.state == t.ANSWERED).group_by(said.mode)
    golds = sa.select(said.mode, sa.func.count(), sa.func.sum(sa.case((held.value == item.expected, 1), else_=0)))
    golds = golds.join(t.assignment, held.verdict == said.id).join(t.item, item.id == held.item)
    golds = golds.where(said.question == question, item.state == t.GOLD, held.state == t.ANSWERED).group_by(said.mode)
    with project.db.read() as con:
        right = {row[0]: (int(row[1]), int(row[2] or 0)) for row in con.execute(golds)}
        rows: list[Any] = list(con.execute(answered))
    found = []
    for mode, count, seconds in sorted(rows):
        asked, good = right.get(mode, (0, 0))
        if asked:
            low, high = wilson(good, asked)
            estimate = Estimate(value=good / asked, low=low, high=high, top=good, bottom=asked)
        else:
            estimate = Estimate(value=None, reason="no gold question was answered so")
        found.append(
            Mode(
                mode=mode,
                answers=count,
                seconds=None if seconds is None else float(seconds),
                gold=asked,
                right=estimate,
            )
        )
    return found
