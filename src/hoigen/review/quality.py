"""What makes the answers trustworthy, in numbers: each person, gold, agreement, progress."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core.stats.agreement import Agreement, Level, agreement
from hoigen.core.stats.annotators import Answer, Finish, Person, finish, people
from hoigen.core.stats.resample import Draws, Estimate, Floats, wilson
from hoigen.core.stats.saving import false_keeps
from hoigen.review import queue
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.project import Project
from hoigen.review.questions import CUTS, KEEP, QUESTIONS, RATING
from hoigen.review.summary import QUICK, Made

LATEST = 20_000
"""Of each person, so many of the last answers are looked at."""
DRAWS = Draws(draws=1000)
DAYS = 14
RESTING = 100
"""Whom alerts tell of is found again when that is so many times as old as it takes."""
_ALERTED: weakref.WeakKeyDictionary[Database, dict[str, Made[set[int]]]] = weakref.WeakKeyDictionary()
_OWN = sa.text("+assignment.person = verdict.person and +assignment.state = 1")


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
    now = project.db.now()
    with project.db.read() as con:
        query = sa.select(t.item.c.state, sa.func.count(), sa.func.sum(t.item.c.need - t.item.c.given))
        counted = con.execute(query.where(t.item.c.question == question).group_by(t.item.c.state)).all()
        answers = _answers(con, question, project.setting("same_cut"))
        times, first = _times(con, question, now)
    states = {row[0]: row[1] for row in counted}
    left = sum(row[2] for row in counted if row[0] == t.OPEN)
    asked = sum(count for state, count in states.items() if state not in t.NOT_ASKED)
    units: dict[str, dict[str, str]] = {}
    for one in answers:
        if one.right is None and one.kind not in QUESTIONS[question].undecided:
            units.setdefault(one.unit, {})[one.who] = one.value
    level: Level = "ordinal" if question == RATING else "nominal"
    recent = times[times > now - 86_400].tolist()
    moments = [datetime.fromtimestamp(at, UTC) for at in (recent if first is None else [first, *recent])]
    return Overview(
        states=states,
        items=asked,
        done=states.get(t.DONE, 0) + states.get(t.ADJUDICATED, 0),
        people=people([one for one in answers if one.kind not in QUESTIONS[question].undecided], draws=DRAWS),
        modes=_modes(project, question),
        agreement=agreement(list(units.items()), DRAWS, level=level, order=tuple(QUESTIONS[question].values)),
        days=_days(times),
        finish=finish(moments, int(left) + states.get(t.DISPUTED, 0), datetime.fromtimestamp(now, UTC)),
    )


def alerted(project: Project, question: str) -> set[int]:
    """Numbers of the people whom alerts tell of."""
    with project.db.read() as con:
        answers = _answers(con, question, project.setting("same_cut"))
        numbers = {row[1]: row[0] for row in con.execute(sa.select(t.person.c.id, t.person.c.name))}
    decided = [one for one in answers if one.kind not in QUESTIONS[question].undecided]
    return {numbers[one.who] for one in people(decided, draws=DRAWS) if one.alerts}


def alerted_lately(project: Project, question: str) -> set[int]:
    """As `alerted`; where it takes a while to find them, those of some minutes ago."""
    known = _ALERTED.setdefault(project.db, {})
    last = known.get(question)
    if last is None or last.seconds < QUICK or project.db.now() - last.at > RESTING * last.seconds:
        at, began = project.db.now(), time.perf_counter()
        found = alerted(project, question)
        last = known[question] = Made(found, at, time.perf_counter() - began)
    return last.value


def false_keep_of(project: Project, but: set[int]) -> float | None:
    """How often people keep a clip that is to be dropped, at most; None where no such gold question was answered.

    Args:
        project: the review.
        but: numbers of people who do not count.
    """
    held, item = t.assignment.c, t.item.c
    # from the gold items on, by their index; a sign of plus keeps SQLite from another
    query = sa.select(held.value, sa.func.count()).select_from(t.item).join(t.assignment, item.id == held.item)
    query = query.where(item.question == KEEP, sa.text("item.state <> 0 and item.state = 5"), item.expected == "drop")
    query = query.where(sa.text("+assignment.state = 1"))
    with project.db.read() as con:
        counts = {row[0]: row[1] for row in con.execute(query.where(held.person.not_in(but)).group_by(held.value))}
    return false_keeps(counts.get("keep", 0), sum(counts.values()))


def _answers(con: Connection, question: str, same: float) -> list[Answer]:
    """Each person's present answers, the last ones; a clip's claims are units of their own. Cuts of one clip that keep
    other parts are other answers (`trim 2` is the second such part).

    Args:
        con: of the review.
        question: its name.
        same: the intersection over union from which on two cuts are the same.

    Verdicts are read from the last one back, by their index, until there are enough: signs of plus keep SQLite from
    another way, on which all that a person ever said is read and put in order.
    """
    held, item, said = t.assignment.c, t.item.c, t.verdict.c
    found: list[Answer] = []
    cuts: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for number, name in con.execute(sa.select(t.person.c.id, t.person.c.name)).all():
        columns = (item.id, item.state, item.expected, held.value, said.seconds, said.extra)
        query = sa.select(*columns).select_from(t.verdict).join(t.item, item.id == said.item)
        query = query.join(t.assignment, sa.and_(held.item == said.item, held.verdict == said.id, _OWN))
        query = query.where(said.person == number, said.question == question)
        for row in con.execute(query.order_by(said.seq.desc()).limit(LATEST)):
            right = row.expected if row.state == t.GOLD else None
            unit = str(row.id)
            found.append(Answer(unit=unit, who=name, value=row.value, seconds=row.seconds, right=right))
            if row.value in CUTS and right is None:
                cuts.setdefault((unit, row.value), []).append((len(found) - 1, json.loads(row.extra)))
    for (_, value), several in cuts.items():
        parts = queue.parts([extra for _, extra in several], same)
        for (at, _), part in zip(several, parts, strict=True):
            if part:
                found[at] = replace(found[at], value=f"{value} {part + 1}", kind=value)
    return found


def _times(con: Connection, question: str, now: float) -> tuple[Floats, float | None]:
    """When answers came in the last days, and the first of all."""
    said = t.verdict.c
    mine = (said.question == question, said.value.is_not(None), said.mode != "import")
    times = con.execute(sa.select(said.at).where(*mine, said.at >= now - DAYS * 86_400)).scalars()
    first = con.execute(sa.select(said.at).where(*mine).order_by(said.seq).limit(1)).scalar()
    return np.fromiter(times, float), first


def _days(times: Floats) -> list[tuple[str, int]]:
    """How many answers came on each of the last days, days without any too."""
    days, counts = np.unique(np.floor(times / 86_400).astype(int), return_counts=True)
    if not len(days):
        return []
    of_day = dict(zip(days.tolist(), counts.tolist(), strict=True))
    first = max(min(of_day), max(of_day) - DAYS + 1)
    return [
        (f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}", of_day.get(day, 0))
        for day in range(first, max(of_day) + 1)
    ]


def _modes(project: Project, question: str) -> list[Mode]:
    held, item, said = t.assignment.c, t.item.c, t.verdict.c
    present = sa.and_(held.item == said.item, held.verdict == said.id, _OWN)
    answered = sa.select(said.mode, sa.func.count(), sa.func.avg(said.seconds)).select_from(t.verdict)
    answered = answered.join(t.assignment, present).where(said.question == question).group_by(said.mode)
    golds = sa.select(said.mode, sa.func.count(), sa.func.sum(sa.case((held.value == item.expected, 1), else_=0)))
    golds = golds.select_from(t.item).join(
        t.assignment, sa.and_(held.item == item.id, sa.text("+assignment.state = 1"))
    )
    golds = golds.join(t.verdict, said.id == held.verdict).where(sa.text("+assignment.state = 1"))
    golds = golds.where(item.question == question, sa.text("item.state <> 0 and item.state = 5")).group_by(said.mode)
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
