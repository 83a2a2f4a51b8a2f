"""In which order clips are lent: the machine's doubts first, source by source, or at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from hoigen.core.errors import UsageError
from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.review import tables as t
from hoigen.review.project import Project

ORDERS: Final = ("random", "source", "uncertainty")
BLOCK = 2_000
"""Items that are written in one transaction: others claim and answer between two."""
FIRST = -1_000.0
"""Priorities from here on are those of the sample (`hoigen.review.precision`); they stay."""


def reorder(project: Project, question: str, by: str, threshold: float | None = None) -> int:
    """Puts the items of a question in another order; what is lent already stays lent.

    Args:
        project: the review.
        question: its name.
        by: `random`, the same for the same seed of the review; `source`, one source after the other by name, each at
            random; `uncertainty`, the score nearest to the machine's threshold first, clips without a score last.
        threshold: of the score; that of the run's rule when not given.

    Returns how many items there are. Raises UsageError for another order, and where no rule says the threshold.
    """
    if by not in ORDERS:
        raise UsageError(f"--order: one of {', '.join(ORDERS)}; it came as {by!r}")
    if threshold is None and by == "uncertainty":
        threshold = threshold_of(project.run)
    with project.db.read() as con:
        query = sa.select(t.item.c.id, t.item.c.chance, t.item.c.priority, t.clip.c.source, t.clip.c.score)
        query = query.join(t.clip, t.clip.c.id == t.item.c.clip).where(t.item.c.question == question)
        rows = con.execute(query.order_by(t.item.c.id)).all()
    if not rows:
        return 0
    chance = np.array([row.chance for row in rows])
    if by == "random":
        wanted = chance
    elif by == "source":
        names = sorted({row.source for row in rows})
        place = {name: at for at, name in enumerate(names)}
        wanted = np.array([place[row.source] for row in rows]) + chance
    else:
        assert threshold is not None
        far = np.array([np.inf if row.score is None else abs(row.score - threshold) for row in rows])
        order = np.lexsort((chance, far))
        wanted = np.empty(len(rows))
        wanted[order] = np.arange(len(rows))
    changed = [
        {"number": row.id, "value": float(value)}
        for row, value in zip(rows, wanted, strict=True)
        if row.priority > FIRST / 2 and row.priority != value
    ]
    write_priorities(project, changed)
    project.set(order=by)
    return len(rows)


def write_priorities(project: Project, changed: list[dict[str, Any]]) -> None:
    """Gives items other priorities, a block at a time.

    Args:
        project: the review.
        changed: `number` of the item and `value`, its priority.
    """
    statement = sa.update(t.item).where(t.item.c.id == sa.bindparam("number"))
    statement = statement.values(priority=sa.bindparam("value"))
    for at in range(0, len(changed), BLOCK):
        with project.db.write() as con:
            con.execute(statement, changed[at : at + BLOCK])


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
