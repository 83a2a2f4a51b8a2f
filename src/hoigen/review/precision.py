"""How good what the machine would keep is, by the verdicts so far; bands that are sure enough are only sampled.

Clips of a review are those that the machine keeps. A random part of the best ones is asked first. Of it, a drop counts
when an adjudicator says it too (or, where there is none, a second person), and what only somebody has seen whom the
alerts tell of is asked once more. Once it is sure that of the best bands so large a share is good as was promised,
those of their clips that nobody has looked at are left out: kept without a verdict (`core/stats/saving.py` says how
sure that is).
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from hoigen.core.stats.saving import BANDS, Saving, band_of, saving
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.order import BLOCK, FIRST, write_priorities
from hoigen.review.people import ADJUDICATOR, ADMIN
from hoigen.review.project import Project
from hoigen.review.quality import alerted, alerted_lately, false_keep_of
from hoigen.review.questions import KEEP

AHEAD = 100
"""Items of the sample that are asked next at a time."""
SIGN, GOOD, SINGLE, FREE = 40, 8, 16, 32
"""How an item is told by one sign: the first one is of this number; bits above those of the state."""
SAMPLED = "sampled"
"""How a clip's answer came about that nobody has looked at."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What the verdicts say of what the machine would keep.

    Args:
        saving: the bands.
        edges: (least, greatest) score of each band.
        false_keep: how often people keep a bad clip, at most; None where it is not known.
        promise: what is promised; None where every clip is looked at.
        left_out: clips that are kept without a verdict now.
        clips: of the review that have a score.
    """

    saving: Saving
    edges: tuple[tuple[float, float], ...]
    false_keep: float | None
    promise: float | None
    left_out: int
    clips: int


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The items of `keep` as arrays of one length, as far as answers change nothing of them. score: NaN where there is
    none. filled: when the review was last filled, and with what."""

    number: NDArray[np.int64]
    score: NDArray[np.float64]
    chance: NDArray[np.float64]
    filled: str | None


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of `keep` that have a score and are no gold, as arrays of one length."""

    number: NDArray[np.int64]
    chance: NDArray[np.float64]
    band: NDArray[np.int64]
    state: NDArray[np.int8]
    said: NDArray[np.int8]
    alone: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    free: NDArray[np.bool_]


@dataclass(slots=True)
class _Known:
    """What is kept between two looks. asked, bands, edges: which items were parted into bands, and how."""

    fixed: _Fixed
    asked: NDArray[np.bool_] | None = None
    bands: NDArray[np.int64] | None = None
    edges: tuple[tuple[float, float], ...] = ()


_KNOWN: weakref.WeakKeyDictionary[Database, _Known] = weakref.WeakKeyDictionary()


def precision(project: Project, *, lately: bool = False) -> Precision:
    """What the verdicts say now; nothing is changed.

    Args:
        project: the review.
        lately: whether it is enough to know whom alerts told of some minutes ago.
    """
    found, _ = _looked_at(project, lately)
    return found


def update(project: Project, *, lately: bool = False) -> Precision:
    """Brings the review up to what its verdicts say: which clips are asked first, which twice, which not at all.

    Nothing is changed in a review without a promise (`project.set(promise=0.99)`), but that clips which were left out
    before are asked again.

    Args:
        project: the review.
        lately: whether it is enough to know whom alerts told of some minutes ago.
    """
    found, items = _looked_at(project, lately)
    if items is None:
        return found
    promised = found.promise is not None
    sure = (items.band < found.saving.sure) & promised
    out = items.state == t.LEFT_OUT
    leave = items.number[sure & items.free & (items.state == t.OPEN)]
    back = items.number[out & ~sure]
    wanted = found.saving.wanted if promised else None
    ahead = np.zeros(0, np.int64)
    again = np.zeros(0, np.int64)
    if wanted is not None:
        unknown = (items.band <= wanted) & (items.said < 0)
        order = np.flatnonzero(unknown)[np.argsort(items.chance[unknown])][:AHEAD]
        ahead = order
        again = order[items.alone[order]]
    _write(project, leave, back)
    dropped = again[items.dropped[again]]
    sent = _send_to_adjudicators(project, items, dropped)
    _ask_again(project, items, again if not sent else again[~items.dropped[again]])
    write_priorities(
        project,
        [{"number": int(items.number[at]), "value": FIRST + float(items.chance[at])} for at in ahead],
    )
    return precision(project, lately=lately) if len(leave) or len(back) or len(again) else found


def _write(project: Project, leave: NDArray[np.int64], back: NDArray[np.int64]) -> None:
    """Leaves items out, and asks those again that are left out no more; what somebody has begun meanwhile stays."""
    item = t.item.c
    for numbers, state, values in (
        (leave, t.OPEN, {"state": t.LEFT_OUT, "final": "keep", "how": SAMPLED}),
        (back, t.LEFT_OUT, {"state": t.OPEN, "final": None, "how": None}),
    ):
        statement = sa.update(t.item).where(item.id == sa.bindparam("number"), item.state == state)
        statement = statement.where(item.given == 0, item.leased == 0).values(values)
        for at in range(0, len(numbers), BLOCK):
            with project.db.write() as con:
                con.execute(statement, [{"number": int(number)} for number in numbers[at : at + BLOCK]])


def _send_to_adjudicators(project: Project, items: _Items, places: NDArray[np.int64]) -> bool:
    """Puts items before an adjudicator; False where nobody is one who has not voted on any of them."""
    if not len(places):
        return True
    item, held = t.item.c, t.assignment.c
    numbers = [int(items.number[at]) for at in places]
    statement = sa.update(t.item).where(item.id == sa.bindparam("number"), item.state == t.DONE)
    with project.db.write() as con:
        voted = sa.select(held.person).where(held.item.in_(numbers), held.state == t.ANSWERED)
        able = sa.select(t.person.c.id).where(t.person.c.role.in_((ADJUDICATOR, ADMIN)), ~t.person.c.disabled)
        if con.execute(able.where(t.person.c.id.not_in(voted)).limit(1)).first() is None:
            return False
        con.execute(
            statement.values(state=t.DISPUTED, final=None, how=None), [{"number": number} for number in numbers]
        )
    return True


def _ask_again(project: Project, items: _Items, places: NDArray[np.int64]) -> None:
    """One more person is asked of items that were done."""
    item = t.item.c
    statement = sa.update(t.item).where(item.id == sa.bindparam("number"), item.state == t.DONE)
    statement = statement.where(item.need == item.given)
    statement = statement.values(need=item.need + 1, state=t.OPEN, final=None, how=None)
    if len(places):
        with project.db.write() as con:
            con.execute(statement, [{"number": int(items.number[i])} for i in places])


def _looked_at(project: Project, lately: bool) -> tuple[Precision, _Items | None]:
    promise = project.setting("promise")
    not_counted = alerted_lately(project, KEEP) if lately else alerted(project, KEEP)
    false_keep = false_keep_of(project, not_counted)
    items, edges = _items(project, not_counted)
    given: dict[str, Any] = {} if promise is None else {"promise": float(promise)}
    if items is None:
        nothing = np.zeros(0, np.int64)
        none = saving(nothing, nothing.astype(float), nothing.astype(np.int8), false_keep=false_keep, **given)
        return Precision(none, (), false_keep, promise, 0, 0), None
    found = saving(items.band, items.chance, items.said, false_keep=false_keep, **given)
    out = int((items.state == t.LEFT_OUT).sum())
    return Precision(found, edges, false_keep, promise, out, len(items.number)), items


def _items(project: Project, not_counted: set[int]) -> tuple[_Items | None, tuple[tuple[float, float], ...]]:
    """The items, and the (least, greatest) score of each band."""
    codes, only = _codes(project), _only_by(project, not_counted)
    known = _KNOWN.get(project.db)
    filled = project.setting(f"filled {KEEP}")
    if known is None or known.fixed.filled != filled or len(known.fixed.number) != len(codes):
        known = _KNOWN[project.db] = _Known(_fixed(project, filled))
        codes = _codes(project)
    # where items come in just now, the next look has them
    count = min(len(codes), len(known.fixed.number))
    codes, number = codes[:count], known.fixed.number[:count]
    score, chance = known.fixed.score[:count], known.fixed.chance[:count]
    state = (codes & 7).astype(np.int8)
    asked = ~np.isin(state, (t.GOLD, t.REMOVED, t.UNKEPT)) & ~np.isnan(score)
    if not asked.any():
        return None, ()
    if known.asked is None or known.bands is None or not np.array_equal(known.asked, asked):
        bands = band_of(score[asked], bands=BANDS)
        each = [score[asked][bands == at] for at in range(bands.max() + 1)]
        known.asked, known.bands = asked, bands
        known.edges = tuple((float(scores.min()), float(scores.max())) for scores in each)
    state, codes, number = state[asked], codes[asked], number[asked]
    known_state = np.isin(state, (t.DONE, t.ADJUDICATED))
    good, single = codes & GOOD > 0, codes & SINGLE > 0
    heard = ~np.isin(number, only) | (state == t.ADJUDICATED)
    dropped = known_state & single & ~good & heard
    alone = dropped | (known_state & ~heard)
    said = np.where(known_state & ~alone, good.astype(np.int8), np.int8(-1)).astype(np.int8)
    items = _Items(
        number=number,
        chance=chance[asked],
        band=known.bands,
        state=state,
        said=said,
        alone=alone,
        dropped=dropped,
        free=codes & FREE > 0,
    )
    return items, known.edges


def _fixed(project: Project, filled: str | None) -> _Fixed:
    item = t.item.c
    query = sa.select(item.id, t.clip.c.score, item.chance).join(t.clip, t.clip.c.id == item.clip)
    query = query.where(item.question == KEEP).order_by(item.id)
    parts = []
    with project.db.read() as con:
        rows = con.execution_options(stream_results=True).execute(query)
        while some := rows.fetchmany(20_000):
            parts.append(np.array([tuple(row) for row in some], float))
    table = np.concatenate(parts) if parts else np.zeros((0, 3))
    return _Fixed(table[:, 0].astype(np.int64), table[:, 1].copy(), table[:, 2].copy(), filled)


def _codes(project: Project) -> NDArray[np.int64]:
    """What answers change of the items of `keep`, in the order of their numbers: state, the bits GOOD, SINGLE, FREE.

    The database makes one text of it, a sign for each item: a row for each would take several seconds of a million, in
    which no other thread of this process does anything.
    """
    code = (
        f"{SIGN} + state + {GOOD} * (case when final = 'keep' then 1 else 0 end)"
        f" + {SINGLE} * (case when how = 'single' then 1 else 0 end)"
        f" + {FREE} * (case when given = 0 and leased = 0 then 1 else 0 end)"
    )
    if project.db.postgres:
        query = f"select string_agg(chr({code}), '' order by id) from item where question = :question"
    else:  # by the table itself, which lies in this order
        rows = "select * from item not indexed where question = :question order by id"
        query = f"select group_concat(char({code}), '') from ({rows})"
    with project.db.read() as con:
        text = con.execute(sa.text(query), {"question": KEEP}).scalar() or ""
    return np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - SIGN


def _only_by(project: Project, people: set[int]) -> NDArray[np.int64]:
    """Numbers of the items on which nobody else has voted."""
    if not people:
        return np.zeros(0, np.int64)
    held, other = t.assignment.c, t.assignment.alias("other")
    voted = sa.exists().where(
        other.c.item == held.item, other.c.state == t.ANSWERED, other.c.person.not_in(sorted(people))
    )
    query = sa.select(held.item).where(held.person.in_(sorted(people)), held.state == t.ANSWERED, ~voted)
    with project.db.read() as con:
        return np.array(con.execute(query).scalars().all(), np.int64)
