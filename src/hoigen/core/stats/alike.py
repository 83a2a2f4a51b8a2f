"""Reasons that differ in a name, a path or a number, as one: in Python and in SQL by the same pattern."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

BUT_FOR = r"('[^']*'|\"[^\"]*\"|\S*/\S*|0x[0-9a-fA-F]+|\d+(\.\d+)?)"
"""What may differ: quoted words, paths, addresses and numbers; `…` takes their place. Python's and DuckDB's engines
read it alike."""


def kind(reason: str) -> str:
    """What a `reason` shares with those that are alike: `file '/a/b.mp4' has 3 frames` -> `file … has … frames`."""
    return re.sub(BUT_FOR, "…", reason, flags=re.ASCII)


def kind_sql(expression: str) -> str:
    """`kind` of a text, as an expression of DuckDB.

    Args:
        expression: a column, or an expression that is a text.
    """
    pattern = BUT_FOR.replace("'", "''")
    return f"regexp_replace({expression}, '{pattern}', '…', 'g')"


def counted(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Each kind of reason and how often it came, the most common first.

    Args:
        reasons: as they stand in a table.

    Returns (kind, times); a kind that came in one wording alone has that wording.
    """
    times: Counter[str] = Counter()
    wordings: dict[str, set[str]] = {}
    for reason in reasons:
        times[kind(reason)] += 1
        wordings.setdefault(kind(reason), set()).add(reason)
    return [(min(wordings[each]) if len(wordings[each]) == 1 else each, many) for each, many in times.most_common()]
