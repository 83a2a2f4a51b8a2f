"""In which order clips are lent: the machine's doubts first, source by source, or at random."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hoigen.core import alive
from hoigen.core.errors import HoigenError, UsageError
from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.review import tables as t
from hoigen.review.project import Project, put, setting
from hoigen.review.questions import KEEP

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS: Final = ("random", "source", "uncertainty")
BLOCK = 2_000
"""Items that are written in one transaction: others claim and answer between two."""
FIRST = -1_000.0
"""Priorities from here on are those of the sample (`hoigen.review.precision`); they stay."""


def check(project: Project, by: str) -> None:
    """Raises UsageError for another order, and where no rule says the threshold that it goes by."""
    if by not in ORDERS:
        raise UsageError(f"--order: one of {', '.join(ORDERS)}; it came as {by!r}")
    if by == "uncertainty":
        threshold_of(project.run)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """An order that is being written.

    Args:
        by: which one.
        done: items whose place has changed.
        total: those whose place changes.
        wrong: why it ended before its end.
        question: whose items.
        turn: of the process that writes it: machine, process id, and a word of its own. It stands in the database, so
            that of several servers of one review one writes, and the last order that was asked for.
    """

    by: str
    done: int = 0
    total: int = 0
    wrong: str = ""
    question: str = KEEP
    turn: str = ""


class _TakenOverError(Exception):
    """Another order was begun, or another server goes on with this one."""


def under_way(con: Connection) -> UnderWay | None:
    """The order that is being written, by whichever server, as the database has it; None where there is none."""
    came = setting(con, "ordering")
    came = {"by": came} if isinstance(came, str) else came  # as earlier versions wrote it
    return UnderWay(**came) if isinstance(came, dict) and came.get("by") in ORDERS else None


def _take(project: Project, by: str, question: str) -> UnderWay:
    """Begins an order, in place of any other that is under way: from here on no block of that is written."""
    mine = UnderWay(by, question=question, turn=f"{alive.mark()} {secrets.token_hex(8)}")
    project.set(ordering=asdict(mine))
    return mine


def _check_turn(con: Connection, mine: UnderWay) -> None:
    """Raises _TakenOverError where it is another's turn; else nobody takes it before this transaction ends."""
    con.execute(sa.select(t.project.c.value).where(t.project.c.key == "ordering").with_for_update())
    now = under_way(con)
    if now is None or now.turn != mine.turn:
        raise _TakenOverError


def _has_ended(turn: str) -> bool:
    """Whether the process of a turn is no more, as far as this machine can say."""
    return not turn or alive.ended(turn) is True


def reorder(
    project: Project,
    question: str,
    by: str,
    threshold: float | None = None,
    told: Callable[[UnderWay], None] | None = None,
    mine: UnderWay | None = None,
) -> int:
    """Puts the items of a question in another order; what is lent already stays lent. It ends where another order is
    begun meanwhile, here or by another server.

    Args:
        project: the review.
        question: its name.
        by: `random`, the same for the same seed of the review; `source`, one source after the other by name, each at
            random; `uncertainty`, the score nearest to the machine's threshold first, clips without a score last.
        threshold: of the score; that of the run's rule when not given.
        told: is told now and then how many are written, of how many.
        mine: as it was begun; it is begun now when not given.

    Returns how many items there are. Raises UsageError for another order, and where no rule says the threshold.
    """
    if by not in ORDERS or (threshold is None and by == "uncertainty"):
        check(project, by)
        threshold = threshold_of(project.run)
    mine = mine or _take(project, by, question)
    number, chance, priority, source, score = _items(project, question)
    if by == "random":
        wanted = chance
    elif by == "source":
        wanted = source + chance
    else:
        assert threshold is not None
        far = np.where(np.isnan(score), np.inf, np.abs(score - threshold))
        wanted = np.empty(len(number))
        wanted[np.lexsort((chance, far))] = np.arange(len(number))
    changed = np.flatnonzero((priority > FIRST / 2) & (priority != wanted))
    try:
        for at in range(0, len(changed), BLOCK):
            began = time.perf_counter()
            some = changed[at : at + BLOCK]
            mine = replace(mine, done=at, total=len(changed))
            rows = [{"number": int(number[one]), "value": float(wanted[one])} for one in some]
            write_priorities(project, rows, sample=False, mine=mine)
            if told is not None:
                told(mine)
                time.sleep(min(0.1, time.perf_counter() - began))  # others write as well
        with project.db.write() as con:
            _check_turn(con, mine)
            put(con, "order", by)
            put(con, "ordering", None)
    except _TakenOverError:
        pass
    return len(number)


def _items(project: Project, question: str) -> tuple[NDArray[Any], ...]:
    """Number, chance, priority, place of the source by name, and score (NaN where there is none) of each item."""
    query = sa.select(t.item.c.id, t.item.c.chance, t.item.c.priority, t.clip.c.score, t.clip.c.source)
    query = query.join(t.clip, t.clip.c.id == t.item.c.clip).where(t.item.c.question == question)
    names: dict[str, int] = {}
    parts = [np.zeros((0, 5))]
    with project.db.read() as con:
        rows = con.execution_options(stream_results=True).execute(query.order_by(t.item.c.id))
        while some := rows.fetchmany(20_000):
            parts.append(np.array([(*row[:4], names.setdefault(row[4], len(names))) for row in some], float))
    table = np.concatenate(parts)
    place = np.zeros(len(names) + 1)
    for at, name in enumerate(sorted(names)):
        place[names[name]] = at
    return table[:, 0].astype(np.int64), table[:, 1], table[:, 2], place[table[:, 4].astype(int)], table[:, 3]


def write_priorities(
    project: Project, changed: list[dict[str, Any]], *, sample: bool = True, mine: UnderWay | None = None
) -> None:
    """Gives items other priorities, a block at a time.

    Args:
        project: the review.
        changed: `number` of the item and `value`, its priority.
        sample: whether those that are asked before all others are among them.
        mine: the order that they are of, where they are of one: noted with each block, so that others see its progress.

    Raises _TakenOverError where another order has been begun: nothing of this one is written behind its beginning.
    """
    statement = sa.update(t.item).where(t.item.c.id == sa.bindparam("number"))
    statement = statement if sample else statement.where(t.item.c.priority > FIRST / 2)
    statement = statement.values(priority=sa.bindparam("value"))
    for at in range(0, len(changed), BLOCK):
        with project.db.write() as con:
            if mine is not None:
                _check_turn(con, mine)
                put(con, "ordering", asdict(mine))
            con.execute(statement, changed[at : at + BLOCK])


class Ordering:
    """Puts the clips of a review in order while people work: of a million it takes a minute. Its methods may be called
    by any thread. What a server that ended had begun is gone on with, also where that was another one of this review:
    at once where its process is seen to be gone, else when it makes no progress between two looks.

    Args:
        project: the review.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._lock = threading.Lock()
        self._mine: UnderWay | None = None
        self._seen: UnderWay | None = None
        self._thread: threading.Thread | None = None
        now = self.now
        if now is not None and (_has_ended(now.turn) or now.turn.startswith(f"{alive.mark()} ")):
            self._start(_take(project, now.by, now.question))

    @property
    def now(self) -> UnderWay | None:
        """The order that is being written, by whichever server; or that failed here."""
        with self._lock:
            if self._mine is not None:
                return self._mine
        with self.project.db.read() as con:
            return under_way(con)

    def begin(self, by: str) -> None:
        """Begins an order, in place of one that is under way. Raises UsageError for one that cannot be."""
        check(self.project, by)
        self._start(_take(self.project, by, KEEP))

    def look(self) -> None:
        """Goes on with what another server began and has left; to be called now and then."""
        now = self.now
        with self._lock:
            others = now if self._mine is None else None
            left = others is not None and (others == self._seen or _has_ended(others.turn))
            self._seen = others
        if others is not None and left:
            self._start(_take(self.project, others.by, others.question))

    def wait(self) -> None:
        """Returns when nothing is under way."""
        while (now := self.now) is not None and not now.wrong:
            time.sleep(0.01)

    def _start(self, mine: UnderWay) -> None:
        with self._lock:
            self._mine = mine
            self._thread = threading.Thread(target=self._work, args=(mine,), name="order", daemon=True)
            self._thread.start()

    def _work(self, mine: UnderWay) -> None:
        try:
            reorder(self.project, mine.question, mine.by, told=lambda now: self._say(mine, now), mine=mine)
        except Exception as error:
            self._say(mine, replace(mine, wrong=str(error)))
            if not isinstance(error, HoigenError):  # else a lock, a full disk
                raise
        else:
            self._say(mine, None)

    def _say(self, mine: UnderWay, now: UnderWay | None) -> None:
        with self._lock:
            if self._mine is not None and self._mine.turn == mine.turn:
                self._mine = now


def threshold_of(run: Run) -> float:
    """The bound of the run's rule on the score that clips of a review have. Raises UsageError where there is none."""
    from hoigen.rules.cascade import measured
    from hoigen.rules.runfile import steps_of

    steps = measured(steps_of(run)[1])
    score = next((name for step in steps for name in step.emits if name.startswith("hoi")), None)
    rules: Mapping[str, Rule] = {name: rule for step in steps for name, rule in step.rules.items()}
    rule = rules.get(score or "")
    bounds = () if rule is None else (rule.min, rule.above, rule.max, rule.below)
    found = next((bound for bound in bounds if bound is not None), None)
    if found is None:
        told = (
            f"no rule of {run.path} bounds {score}" if score else f"{run.path} has no score whose name begins with hoi"
        )
        raise UsageError(f"--order uncertainty: {told}; there is no threshold to be near to")
    return found
