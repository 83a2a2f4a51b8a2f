"""How good what the machine would keep is, by the verdicts so far; bands that are sure enough are only sampled.

Clips of a review are those that the machine keeps. A random part of the best ones is asked first. Of it, a drop counts
when an adjudicator says it too (or, where there is none, a second person), and what only somebody has seen whom the
alerts tell of is asked once more. Once it is sure that of the best bands so large a share is good as was promised,
those of their clips that nobody has looked at are left out: kept without a verdict (`core/stats/saving.py` says how
sure that is).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from hoigen.core.stats.saving import BANDS, Saving, band_of, saving
from hoigen.review import tables as t
from hoigen.review.order import FIRST, write_priorities
from hoigen.review.people import ADJUDICATOR, ADMIN
from hoigen.review.project import Project
from hoigen.review.quality import alerted, false_keep_of
from hoigen.review.questions import KEEP

AHEAD = 100
"""Items of the sample that are asked next at a time."""
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
class _Items:
    """The items of `keep` that have a score and are no gold, as arrays of one length."""

    number: NDArray[np.int64]
    score: NDArray[np.float64]
    chance: NDArray[np.float64]
    state: NDArray[np.int8]
    said: NDArray[np.int8]
    alone: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    given: NDArray[np.int64]
    free: NDArray[np.bool_]


def precision(project: Project) -> Precision:
    """What the verdicts say now; nothing is changed."""
    found, _ = _looked_at(project)
    return found


def update(project: Project) -> Precision:
    """Brings the review up to what its verdicts say: which clips are asked first, which twice, which not at all.

    Nothing is changed in a review without a promise (`project.set(promise=0.99)`), but that clips which were left out
    before are asked again.
    """
    found, items = _looked_at(project)
    if items is None:
        return found
    bands = band_of(items.score)
    promised = found.promise is not None
    sure = (bands < found.saving.sure) & promised
    out = items.state == t.LEFT_OUT
    leave = items.number[sure & items.free & (items.state == t.OPEN)]
    back = items.number[out & ~sure]
    wanted = found.saving.wanted if promised else None
    ahead = np.zeros(0, np.int64)
    again = np.zeros(0, np.int64)
    if wanted is not None:
        unknown = (bands <= wanted) & (items.said < 0)
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
    return precision(project)


def _write(project: Project, leave: NDArray[np.int64], back: NDArray[np.int64]) -> None:
    """Leaves items out, and asks those again that are left out no more; what somebody has begun meanwhile stays."""
    item = t.item.c
    for numbers, state, values in (
        (leave, t.OPEN, {"state": t.LEFT_OUT, "final": "keep", "how": SAMPLED}),
        (back, t.LEFT_OUT, {"state": t.OPEN, "final": None, "how": None}),
    ):
        statement = sa.update(t.item).where(item.id == sa.bindparam("number"), item.state == state)
        statement = statement.where(item.given == 0, item.leased == 0).values(values)
        for at in range(0, len(numbers), 20_000):
            with project.db.write() as con:
                con.execute(statement, [{"number": int(number)} for number in numbers[at : at + 20_000]])


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
    statement = statement.where(item.given == sa.bindparam("votes"), item.need == item.given)
    statement = statement.values(need=item.need + 1, state=t.OPEN, final=None, how=None)
    if len(places):
        with project.db.write() as con:
            con.execute(statement, [{"number": int(items.number[i]), "votes": int(items.given[i])} for i in places])


def _looked_at(project: Project) -> tuple[Precision, _Items | None]:
    promise = project.setting("promise")
    not_counted = alerted(project, KEEP)
    false_keep = false_keep_of(project, not_counted)
    items = _items(project, not_counted)
    given: dict[str, Any] = {} if promise is None else {"promise": float(promise)}
    if items is None:
        nothing = np.zeros(0, np.int64)
        none = saving(nothing, nothing.astype(float), nothing.astype(np.int8), false_keep=false_keep, **given)
        return Precision(none, (), false_keep, promise, 0, 0), None
    bands = band_of(items.score, bands=BANDS)
    found = saving(bands, items.chance, items.said, false_keep=false_keep, **given)
    edges = tuple(
        (float(items.score[bands == at].min()), float(items.score[bands == at].max())) for at in range(bands.max() + 1)
    )
    out = int((items.state == t.LEFT_OUT).sum())
    return Precision(found, edges, false_keep, promise, out, len(items.score)), items


def _items(project: Project, not_counted: set[int]) -> _Items | None:
    item, held = t.item.c, t.assignment.c
    with project.db.read() as con:
        columns = (item.id, t.clip.c.score, item.chance, item.state, item.final, item.how, item.given, item.leased)
        query = sa.select(*columns).join(t.clip, t.clip.c.id == item.clip)
        query = query.where(item.question == KEEP, item.state.not_in((t.GOLD, t.REMOVED)), t.clip.c.score.is_not(None))
        rows = con.execute(query.order_by(item.id)).all()
        counted: set[int] | None = None
        if not_counted:  # items that somebody has voted on who counts
            votes = sa.select(held.item).where(held.state == t.ANSWERED, held.person.not_in(not_counted)).distinct()
            counted = set(con.execute(votes).scalars())
    if not rows:
        return None
    number = np.array([row.id for row in rows], np.int64)
    state = np.array([row.state for row in rows], np.int8)
    good = np.array([row.final == "keep" for row in rows])
    single = np.array([row.how == "single" for row in rows])
    known = np.isin(state, (t.DONE, t.ADJUDICATED))
    heard = np.ones(len(rows), bool) if counted is None else np.array([row.id in counted for row in rows])
    heard |= state == t.ADJUDICATED
    dropped = known & single & ~good & heard
    alone = dropped | (known & ~heard)
    said = np.where(known & ~alone, good.astype(np.int8), np.int8(-1)).astype(np.int8)
    return _Items(
        number=number,
        score=np.array([row.score for row in rows], float),
        chance=np.array([row.chance for row in rows], float),
        state=state,
        said=said,
        alone=alone,
        dropped=dropped,
        given=np.array([row.given for row in rows], np.int64),
        free=np.array([row.given == 0 and row.leased == 0 for row in rows]),
    )
