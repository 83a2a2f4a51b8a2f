"""Work is lent, answered, given back: all in transactions that see what they change.

An item is lent to one person for some minutes. Loans that have run out are taken back in the transaction that claims,
so that nothing waits for a clock elsewhere; a late answer of the person who had it still counts as a vote. What a
person has voted on is never lent to that person again.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.review import tables as t
from hoigen.review.database import TRIES, Database
from hoigen.review.questions import CUTS, QUESTIONS, SAME_CUT, Answer, checked, same_cut
from hoigen.review.statements import Statement

BATCH = 20
LEASE = 600.0
"""Seconds that an item is lent; a heartbeat begins them anew."""
RESTS = 3600.0
"""Seconds after which what could not be shown to somebody is lent to them again; others are lent it meanwhile."""
MOST = 500
"""Answers, and items, of one request; and loans that one claim takes back."""
Parameter = sa.BindParameter[Any]
FRESH = sa.text("state = 0 and given + leased = 0")
BEGUN = sa.text("state = 0 and given + leased > 0 and need > given + leased")
# Statements of each claim and each answer.
_WHO: Parameter = sa.bindparam("who")
_SIZE: Parameter = sa.bindparam("size")
_UNTIL: Parameter = sa.bindparam("until")
_MOMENT: Parameter = sa.bindparam("moment")
_ASKED: Parameter = sa.bindparam("asked")
_WHICH: Parameter = sa.bindparam("which")
_IDS: Parameter = sa.bindparam("ids", expanding=True)
_MINE = (t.assignment.c.person == _WHO, t.assignment.c.item.in_(_IDS))
_LATE = Statement(
    sa.select(t.assignment.c.item, t.assignment.c.person)
    .where(sa.text("state = 0"), t.assignment.c.until < _UNTIL)
    .limit(MOST)
    .with_for_update(skip_locked=True)
)
_LENT = Statement(
    sa.select(t.assignment.c.item)
    .join(t.item, t.item.c.id == t.assignment.c.item)
    .where(t.assignment.c.person == _WHO, t.assignment.c.state == t.LIVE, t.item.c.question == _ASKED)
    .limit(_SIZE)
)
_ELSEWHERE = Statement(
    sa.select(sa.func.count())
    .select_from(t.assignment)
    .join(t.item, t.item.c.id == t.assignment.c.item)
    .where(sa.text("assignment.state = 0"), t.assignment.c.person != _WHO, t.item.c.question == _ASKED)
)
_HAD = sa.exists().where(
    t.assignment.c.item == t.item.c.id, t.assignment.c.person == _WHO, t.assignment.c.state != t.BACK
)
_GOLD = tuple(  # from a place drawn at random on, and from the beginning
    Statement(
        sa.select(t.item.c.id)
        .where(t.item.c.question == _ASKED, sa.text("state <> 0 and state = 5"), place, t.item.c.id.not_in(_IDS), ~_HAD)
        .order_by(t.item.c.id)
        .limit(1)
    )
    for place in (t.item.c.id >= _WHICH, t.item.c.id < _WHICH)
)
_GOLD_ENDS = tuple(
    Statement(
        sa.select(t.item.c.id)
        .where(t.item.c.question == _ASKED, sa.text("state <> 0 and state = 5"))
        .order_by(end)
        .limit(1)
    )
    for end in (t.item.c.id, t.item.c.id.desc())
)
_NOT_SHOWN = sa.exists().where(
    t.assignment.c.item == t.item.c.id, t.assignment.c.person == _WHO, t.assignment.c.state == t.SKIPPED
)
_FRESH = Statement(
    sa.select(t.item.c.id)
    .where(t.item.c.question == _ASKED, FRESH, ~_NOT_SHOWN)
    .order_by(t.item.c.priority, t.item.c.id)
    .limit(_SIZE)
    .with_for_update(skip_locked=True, of=t.item)
)
_BEGUN = tuple(  # before and after this person: two stretches of one index, read until there are enough
    Statement(
        sa.select(t.item.c.id)
        .where(t.item.c.question == _ASKED, BEGUN, others, t.item.c.id.not_in(_IDS), ~_HAD)
        .order_by(t.item.c.last_person, t.item.c.priority, t.item.c.id)
        .limit(_SIZE)
        .with_for_update(skip_locked=True, of=t.item)
    )
    for others in (t.item.c.last_person < _WHO, t.item.c.last_person > _WHO)
)
_KEEP = Statement(sa.update(t.assignment).where(*_MINE, t.assignment.c.state == t.LIVE).values(until=_UNTIL))
_STILL = Statement(sa.select(t.assignment.c.item).where(*_MINE, t.assignment.c.state == t.LIVE))
_AGAIN = Statement(sa.select(t.assignment.c.item).where(*_MINE))
_LEND_AGAIN = Statement(sa.update(t.assignment).where(*_MINE).values(state=t.LIVE, until=_UNTIL))
_LEND = Statement(sa.insert(t.assignment), ("item", "person", "state", "until"))
_LEND_ITEMS = Statement(
    sa.update(t.item).where(t.item.c.id.in_(_IDS)).values(leased=t.item.c.leased + 1, last_person=_WHO)
)
_OWN = (t.assignment.c.item == _WHICH, t.assignment.c.person == _WHO)
_GIVE = Statement(sa.update(t.assignment).where(*_OWN, t.assignment.c.state == t.LIVE).values(state=t.BACK))
_SKIP = Statement(
    sa.update(t.assignment).where(*_OWN, t.assignment.c.state == t.LIVE).values(state=t.SKIPPED, until=_UNTIL)
)
_RESTED = Statement(
    sa.update(t.assignment)
    .where(t.assignment.c.person == _WHO, t.assignment.c.state == t.SKIPPED, t.assignment.c.until < _MOMENT)
    .values(state=t.BACK)
)
_SKIPPED = Statement(
    sa.select(sa.func.count())
    .select_from(t.assignment)
    .join(t.item, t.item.c.id == t.assignment.c.item)
    .where(t.assignment.c.person == _WHO, t.assignment.c.state == t.SKIPPED, t.item.c.question == _ASKED)
)
_GIVE_ITEM = Statement(sa.update(t.item).where(t.item.c.id == _WHICH).values(leased=t.item.c.leased - 1))
_SHOWN = Statement(
    sa.select(
        *(t.item.c.id.label("item"), t.item.c.question, t.item.c.subject, t.item.c.other, t.item.c.priority),
        *(t.item.c.state, t.clip.c.id.label("clip"), t.clip.c.start, t.clip.c.end, t.clip.c.width, t.clip.c.height),
        *(t.clip.c.fps, t.clip.c.caption),
    )
    .join(t.clip, t.clip.c.id == t.item.c.clip)
    .where(t.item.c.id.in_(_IDS))
)
_ITEMS = Statement(
    sa.select(*(t.item.c[name] for name in ("id", "question", "clip", "need", "given", "leased", "state")))
    .add_columns(t.item.c.final, t.item.c.how, t.clip.c.digest, t.clip.c.end, t.clip.c.start)
    .join(t.clip, t.clip.c.id == t.item.c.clip)
    .where(t.item.c.id.in_(_IDS))
    .order_by(t.item.c.id)
    .with_for_update(of=t.item)
)
# A statement of its own: in PostgreSQL what is joined to a row that had to be waited for is as it was before the wait.
_HELD = Statement(sa.select(t.assignment).where(*_MINE))
_KNOWN = Statement(
    sa.select(t.verdict.c.id, t.verdict.c.person).where(t.verdict.c.id.in_(sa.bindparam("names", expanding=True)))
)
_VOTES = Statement(
    sa.select(t.assignment.c.value).where(t.assignment.c.item == _WHICH, t.assignment.c.state == t.ANSWERED)
)
_EXTRAS = Statement(
    sa.select(t.verdict.c.extra)
    .join(t.assignment, t.assignment.c.verdict == t.verdict.c.id)
    .where(t.assignment.c.item == _WHICH, t.assignment.c.state == t.ANSWERED)
    .order_by(t.verdict.c.seq)
)
_SAME_CUT = Statement(sa.select(t.project.c.value).where(t.project.c.key == "same_cut"))
_CHANGE_HELD = Statement(sa.update(t.assignment).where(*_OWN), ("state", "until", "value", "verdict"))
_CHANGE_ITEM = Statement(sa.update(t.item).where(t.item.c.id == _WHICH), ("given", "leased", "state", "final", "how"))
_ADD_VERDICT = Statement(sa.insert(t.verdict), [column.key for column in t.verdict.c if column.key != "seq"])


@dataclass(slots=True)
class Saved:
    """What came of answers. saved: ids that are on the disk. refused: id -> why."""

    saved: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def claim(
    db: Database,
    person: int,
    question: str,
    *,
    size: int = BATCH,
    lease: float = LEASE,
    gold_share: float = 0.0,
    now: float | None = None,
) -> list[dict[str, Any]]:
    """Lends items to a person: first what is lent to them already, then what is nobody's.

    Args:
        db: the database.
        person: their number.
        question: its name.
        size: how many they have then.
        lease: seconds.
        gold_share: share of items whose answer is known, which look like all others.
        now: seconds since 1970; the present when not given.

    Returns the rows that a page shows, in the order in which they are shown; nothing in them tells gold or doubles.
    """
    at = db.now() if now is None else now

    def lent(con: Connection) -> list[dict[str, Any]]:
        give(con, _LATE.rows(con, {"until": at}))  # what another transaction is busy with is left to it
        _RESTED.change(con, {"who": person, "moment": at})
        held = _LENT.firsts(con, {"who": person, "asked": question, "size": size})
        if held:
            _KEEP.change(con, {"who": person, "ids": held, "until": at + lease})
        new = _new(con, person, question, size - len(held), gold_share) if size > len(held) else []
        _lend(con, person, new, at + lease)
        return shown(con, [*held, *new])

    rows = db.do(lent)
    dice = random.Random(f"{person} {at}")
    gold = [row for row in rows if row.pop("state") == t.GOLD]
    others = sorted((row for row in rows if row not in gold), key=lambda row: (row["priority"], row["item"]))
    for row in gold:
        others.insert(dice.randint(0, len(others)), row)
    for row in others:
        del row["priority"]
    return others


def elsewhere(db: Database, person: int, question: str) -> int:
    """How many items of a question are lent to others now, and may come back: for who gets none."""
    with db.read() as con:
        return int(_ELSEWHERE.firsts(con, {"who": person, "asked": question})[0])


def unshown(db: Database, person: int, question: str) -> int:
    """How many items of a question could not be shown to a person, and rest."""
    with db.read() as con:
        return int(_SKIPPED.firsts(con, {"who": person, "asked": question})[0])


def skip(db: Database, person: int, items: Sequence[int], *, now: float | None = None) -> int:
    """Gives back what could not be shown to a person, who is lent others instead; it rests for RESTS seconds. Returns
    how many they were."""
    at = db.now() if now is None else now

    def skipped(con: Connection) -> int:
        count = 0
        for item in sorted(set(items)):
            if _SKIP.change(con, {"which": item, "who": person, "until": at + RESTS}):
                _GIVE_ITEM.change(con, {"which": item})
                count += 1
        return count

    return db.do(skipped)


def give(con: Connection, pairs: Iterable[Any]) -> int:
    """Takes (item, person) out of people's hands; those that are not lent are left. Returns how many were."""
    count = 0
    for item, person in sorted((row[0], row[1]) for row in pairs):
        if _GIVE.change(con, {"which": item, "who": person}):
            _GIVE_ITEM.change(con, {"which": item})
            count += 1
    return count


def _new(con: Connection, person: int, question: str, size: int, gold_share: float) -> list[int]:
    """Items for a person: some gold, some that others have begun, the rest untouched; more begun ones in the end."""
    about = {"who": person, "asked": question}
    chosen: list[int] = []
    dice = random.Random()
    if wanted := sum(dice.random() < gold_share for _ in range(size)):
        chosen += _gold(con, about, wanted, dice)
    room = size - len(chosen)
    chosen += _begun(con, about, max(1, room // 4)) if room else []
    if room := size - len(chosen):
        chosen += _FRESH.firsts(con, about | {"size": room})
    if room := size - len(chosen):  # nothing untouched is left
        chosen += _begun(con, about, room, chosen)
    return chosen


def _gold(con: Connection, about: Mapping[str, Any], size: int, dice: random.Random) -> list[int]:
    """Gold items that this person has not had, each the next one from a place drawn at random: however many there are,
    few of them are read."""
    ends = [end.firsts(con, about) for end in _GOLD_ENDS]
    found: list[int] = []
    while all(ends) and len(found) < size:
        place = dice.randint(ends[0][0], ends[1][0])
        one: list[int] = []
        for statement in _GOLD:
            one = one or statement.firsts(con, {**about, "which": place, "ids": found})
        if not one:
            break
        found += one
    return found


def _begun(con: Connection, about: Mapping[str, Any], size: int, but: Sequence[int] = ()) -> list[int]:
    """Items that wait for another vote, of those that somebody else had last."""
    found: list[int] = []
    for statement in _BEGUN:
        if len(found) < size:
            found += statement.firsts(con, {**about, "ids": but, "size": size - len(found)})
    return found


def _lend(con: Connection, person: int, items: Sequence[int], until: float) -> None:
    if not items:
        return
    about = {"who": person, "ids": items, "until": until}
    again = set(_AGAIN.firsts(con, about))
    if again:
        _LEND_AGAIN.change(con, about | {"ids": sorted(again)})
    if fresh := [one for one in items if one not in again]:
        _LEND.change_each(con, [{"item": i, "person": person, "state": t.LIVE, "until": until} for i in fresh])
    _LEND_ITEMS.change(con, about)


def shown(con: Connection, items: Sequence[int]) -> list[dict[str, Any]]:
    """What a page needs to show items: never where a file lies, nor who else has seen it."""
    rows: list[dict[str, Any]] = []
    if not items:
        return rows
    for each in _SHOWN.dicts(con, {"ids": items}):
        each["subject"] = json.loads(each["subject"])
        each["seconds"] = each.pop("end") - each.pop("start")
        rows.append(each)
    return rows


def heartbeat(
    db: Database, person: int, items: Sequence[int], *, lease: float = LEASE, now: float | None = None
) -> list[int]:
    """Begins loans anew. Returns the items that are still lent to this person."""
    at = db.now() if now is None else now
    if not items:
        return []

    def kept(con: Connection) -> list[int]:
        about = {"who": person, "ids": items, "until": at + lease}
        _KEEP.change(con, about)
        return _STILL.firsts(con, about)

    return db.do(kept)


def give_back(db: Database, person: int, items: Sequence[int] | None = None) -> int:
    """Gives loans back; all of this person when none are named. Returns how many they were."""
    with db.write() as con:
        held = t.assignment.c
        query = sa.select(held.item, held.person).where(held.person == person, held.state == t.LIVE)
        query = query if items is None else query.where(held.item.in_(items))
        return give(con, con.execute(query).all())


def answer(
    db: Database, person: int, came: Sequence[Any], *, app: str, lease: float = LEASE, now: float | None = None
) -> Saved:
    """Takes answers, in their order, in one transaction: what it returns as saved is on the disk.

    Args:
        db: the database.
        person: who says it.
        came: answers as the browser sent them (`questions.Answer`).
        app: the version of the program.
        lease: seconds that an item is lent again to who takes a vote back.
        now: seconds since 1970; the present when not given.

    An answer that came before is saved already, whatever it says now. One that cannot be taken is refused with the
    reason; the others are taken all the same.
    """
    at = db.now() if now is None else now
    for tried in range(TRIES):
        try:
            return db.do(lambda con: _answer(con, person, came, app, at, lease))
        except sa.exc.DBAPIError as error:  # two transactions that waited for each other, or the same answer at once
            if tried == TRIES - 1 or not (db.postgres or isinstance(error, sa.exc.IntegrityError)):
                raise
    raise AssertionError


def _answer(con: Connection, person: int, came: Sequence[Any], app: str, at: float, lease: float) -> Saved:
    result = Saved()
    if not came:
        return result
    ids = sorted({item_of(one) for one in came})
    items = {row["id"]: row for row in _ITEMS.dicts(con, {"ids": ids})}
    held = {row["item"]: row for row in _HELD.dicts(con, {"ids": ids, "who": person})}
    names = [name_of(one) for one in came]
    known = dict(_KNOWN.rows(con, {"names": names}))
    for one in came:
        name = name_of(one)
        about, mine = items.get(item_of(one)), held.get(item_of(one))
        if name in known:
            if known[name] == person:
                result.saved.append(name)
            else:
                result.refused[name] = "id: another person's"
            continue
        if about is None or mine is None:  # the same words for both: what is there is nobody's business
            result.refused[name] = "item: not lent to you"
            continue
        if about["state"] == t.REMOVED:
            result.refused[name] = "item: its clip was removed, since somebody asked for that"
            continue
        try:
            said = checked(QUESTIONS[about["question"]], one, about["end"] - about["start"])
        except ValueError as error:
            result.refused[name] = str(error)
            continue
        if said.value is None and mine["verdict"] != said.supersedes:
            result.refused[name] = "supersedes: not what you said last of this item"
            continue
        _put(con, person, said, about, mine, app, at, lease)
        known[name] = person
        result.saved.append(name)
    return result


def _put(
    con: Connection, person: int, said: Answer, about: dict[str, Any], mine: dict[str, Any], app: str, at: float,
    lease: float,
) -> None:  # fmt: skip
    """One verdict: its row, the vote that it makes or takes back, and what becomes of the item."""
    before = mine["verdict"] if mine["state"] == t.ANSWERED else None
    row = verdict_row(said, about, person, app, at)
    _ADD_VERDICT.change(con, row | {"supersedes": said.supersedes or before})
    given, leased = about["given"], about["leased"]
    given -= mine["state"] == t.ANSWERED
    leased -= mine["state"] == t.LIVE
    if said.value is None:
        mine |= {"state": t.LIVE, "value": None, "verdict": None, "until": at + lease}
        leased += 1
    else:
        mine |= {"state": t.ANSWERED, "value": said.value, "verdict": said.id}
        given += 1
    changed = {name: mine[name] for name in ("state", "value", "verdict", "until")}
    _CHANGE_HELD.change(con, {"which": said.item, "who": person, **changed})
    about |= {"given": given, "leased": leased}
    about |= _settled(con, about, said.value if given == 1 else None)
    changed = {name: about[name] for name in ("given", "leased", "state", "final", "how")}
    _CHANGE_ITEM.change(con, {"which": said.item, **changed})


def verdict_row(said: Answer, about: Mapping[str, Any], person: int, app: str, at: float) -> dict[str, Any]:
    """The row of a verdict."""
    return {
        "id": said.id,
        "item": said.item,
        "clip": about["clip"],
        "question": about["question"],
        "person": person,
        "value": said.value,
        "reason": said.reason,
        "note": said.note,
        "at": at,
        "seconds": said.seconds,
        "mode": said.mode,
        "clip_version": about["digest"],
        "question_version": QUESTIONS[about["question"]].version,
        "app_version": app,
        "extra": json.dumps(said.extra),
        "supersedes": said.supersedes,
    }


def _settled(con: Connection, about: dict[str, Any], only: str | None = None) -> dict[str, Any]:
    """State, answer and how it came about, of an item whose votes have changed; `only` is the one vote, if it is."""
    if about["state"] in (t.ADJUDICATED, t.GOLD, t.REMOVED, t.UNKEPT):
        return {}
    if about["given"] < about["need"]:
        return {"state": t.OPEN, "final": None, "how": None}
    votes = [only] if only is not None else _VOTES.firsts(con, {"which": about["id"]})
    state, final, how = outcome(about["question"], votes)
    if final in CUTS and len(votes) > 1 and not _same_cuts(con, about["id"]):
        state, final, how = t.DISPUTED, None, None
    return {"state": state, "final": final, "how": how}


def _same_cuts(con: Connection, item: int) -> bool:
    """Whether all who trimmed or cropped an item keep the same part of it."""
    least = float(json.loads((_SAME_CUT.firsts(con, {}) or [str(SAME_CUT)])[0]))
    extras = [json.loads(extra) for extra in _EXTRAS.firsts(con, {"which": item})]
    return all(same_cut(one, other, least) for one, other in itertools.combinations(extras, 2))


def parts(extras: Sequence[Mapping[str, Any]], least: float) -> list[int]:
    """The number of the first of some cuts that is the same as each.

    Args:
        extras: of answers of one value.
        least: from which intersection over union on they are the same.
    """
    return [
        next(at for at, other in enumerate(extras) if at == n or same_cut(other, one, least))
        for n, one in enumerate(extras)
    ]


def outcome(question: str, votes: Sequence[str]) -> tuple[int, str | None, str | None]:
    """What votes on an item come to: its state, the answer, and how (single, unanimous, votes)."""
    asked = QUESTIONS[question]
    if not asked.disputes:
        return t.DONE, votes[0] if len(set(votes)) == 1 else None, "single" if len(votes) == 1 else "votes"
    if len(set(votes)) > 1 or set(votes) & asked.undecided:
        return t.DISPUTED, None, None
    return t.DONE, votes[0], "single" if len(votes) == 1 else "unanimous"


def settle(con: Connection, item: int) -> None:
    """Works out an item anew from its votes: after an adjudication was taken back, or votes came from a file."""
    query = sa.select(t.item).where(t.item.c.id == item).with_for_update()
    about = dict(con.execute(query).mappings().one())
    if about["state"] == t.ADJUDICATED:
        about["state"] = t.OPEN
    changed = _settled(con, about)
    if changed:
        con.execute(sa.update(t.item).where(t.item.c.id == item).values(changed))


def name_of(came: Any) -> str:
    """The id of an answer, whatever came; "?" where it has none."""
    name = came.get("id") if isinstance(came, dict) else None
    return name if isinstance(name, str) and name.isascii() and len(name) <= 64 and "\0" not in name else "?"


def item_of(came: Any) -> int:
    """The item of an answer, whatever came; 0, which is none, where it names none."""
    item = came.get("item") if isinstance(came, dict) else None
    return item if isinstance(item, int) and not isinstance(item, bool) and 0 < item < 2**63 else 0
