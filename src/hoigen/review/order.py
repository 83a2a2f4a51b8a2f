"""In which order clips are lent: the machine's doubts first, source by source, or at random."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa

from hoigen.core.errors import HoigenError, UsageError
from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.review import tables as t
from hoigen.review.project import Project
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


def reorder(
    project: Project,
    question: str,
    by: str,
    threshold: float | None = None,
    told: Callable[[int, int], bool] | None = None,
) -> int:
    """Puts the items of a question in another order; what is lent already stays lent.

    Args:
        project: the review.
        question: its name.
        by: `random`, the same for the same seed of the review; `source`, one source after the other by name, each at
            random; `uncertainty`, the score nearest to the machine's threshold first, clips without a score last.
        threshold: of the score; that of the run's rule when not given.
        told: is told now and then how many are written, of how many; with False it ends here.

    Returns how many items there are. Raises UsageError for another order, and where no rule says the threshold.
    """
    if by not in ORDERS or (threshold is None and by == "uncertainty"):
        check(project, by)
        threshold = threshold_of(project.run)
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
    for at in range(0, len(changed), BLOCK):
        began = time.perf_counter()
        some = changed[at : at + BLOCK]
        write_priorities(
            project, [{"number": int(number[one]), "value": float(wanted[one])} for one in some], sample=False
        )
        if told is not None:
            if not told(at, len(changed)):
                return len(number)
            time.sleep(min(0.1, time.perf_counter() - began))  # others write as well
    project.set(order=by, ordering=None)
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


def write_priorities(project: Project, changed: list[dict[str, Any]], *, sample: bool = True) -> None:
    """Gives items other priorities, a block at a time.

    Args:
        project: the review.
        changed: `number` of the item and `value`, its priority.
        sample: whether those that are asked before all others are among them.
    """
    statement = sa.update(t.item).where(t.item.c.id == sa.bindparam("number"))
    statement = statement if sample else statement.where(t.item.c.priority > FIRST / 2)
    statement = statement.values(priority=sa.bindparam("value"))
    for at in range(0, len(changed), BLOCK):
        with project.db.write() as con:
            con.execute(statement, changed[at : at + BLOCK])


@dataclass(frozen=True, slots=True)
class UnderWay:
    """An order that is being written. done, total: items whose place changes. wrong: why it ended before its end."""

    by: str
    done: int = 0
    total: int = 0
    wrong: str = ""


class Ordering:
    """Puts the clips of a review in order while people work: of a million it takes a minute. Its methods may be called
    by any thread. What a server that ended had begun is gone on with.

    Args:
        project: the review.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.now: UnderWay | None = None
        self._lock = threading.Lock()
        self._turn = 0
        self._thread: threading.Thread | None = None
        if (by := project.setting("ordering")) in ORDERS:
            self._start(by)

    def begin(self, by: str) -> None:
        """Begins an order, in place of one that is under way. Raises UsageError for one that cannot be."""
        check(self.project, by)
        self.project.set(ordering=by)
        self._start(by)

    def wait(self) -> None:
        """Returns when nothing is under way."""
        while (now := self.now) is not None and not now.wrong:
            time.sleep(0.01)

    def _start(self, by: str) -> None:
        with self._lock:
            self._turn += 1
            self.now = UnderWay(by)
            asked = by, self._turn, self._thread
            self._thread = threading.Thread(target=self._work, args=asked, name="order", daemon=True)
            self._thread.start()

    def _work(self, by: str, turn: int, before: threading.Thread | None) -> None:
        def told(done: int, total: int) -> bool:
            return self._say(turn, UnderWay(by, done, total))

        try:
            if before is not None:
                before.join()  # what it still writes must be there when this one reads
                if not self._say(turn, UnderWay(by)):
                    return
                self.project.set(ordering=by)  # the one before may have ended by itself
            reorder(self.project, KEEP, by, told=told)
        except Exception as error:
            self._say(turn, UnderWay(by, wrong=str(error)))
            if not isinstance(error, HoigenError):  # else a lock, a full disk
                raise
        else:
            self._say(turn, None)

    def _say(self, turn: int, now: UnderWay | None) -> bool:
        """Whether it is still this one's turn."""
        with self._lock:
            if turn == self._turn:
                self.now = now
            return turn == self._turn


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
