"""Items whose answer is known: everybody is asked them now and then, and nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from hoigen.core.errors import UsageError
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.questions import CUTS, QUESTIONS


def set_gold(db: Database, question: str, answers: Mapping[str, str]) -> int:
    """Makes items gold. Those that have votes keep them: they count as answers to gold from now on.

    Args:
        db: the database.
        question: its name.
        answers: clip -> the right answer, one of the question's that decide; none that cuts a part out.

    Returns how many are gold now. Raises UsageError for a clip or an answer that is not known; nothing is changed then.
    """
    allowed = [value for value in QUESTIONS[question].values if value not in QUESTIONS[question].undecided | CUTS]
    with db.write() as con:
        for clip, value in answers.items():
            if value in CUTS:
                raise UsageError(
                    f"gold, clip {clip}: {value} has points of its own, and none of them is known to be right; one of "
                    f"{', '.join(allowed)}"
                )
            if value not in allowed:
                raise UsageError(f"gold, clip {clip}: one of {', '.join(allowed)}; it came as {value!r}")
            changed = con.execute(
                sa.update(t.item)
                .where(t.item.c.question == question, t.item.c.clip == clip, t.item.c.key == "")
                .where(t.item.c.state != t.REMOVED)
                .values(state=t.GOLD, expected=value, final=value, how="gold")
            )
            if changed.rowcount != 1:
                raise UsageError(f"gold: there is no clip {clip} in this review")
        query = sa.select(sa.func.count()).where(t.item.c.question == question, t.item.c.state == t.GOLD)
        return int(con.execute(query).scalar_one())
