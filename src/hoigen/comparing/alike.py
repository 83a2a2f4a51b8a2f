"""Reasons that differ in a name or a number, as one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

BUT_FOR = r"('[^']*'|\"[^\"]*\"|\d+(\.\d+)?)"
"""What may differ: quoted words and numbers; they are left out then."""


def kind(reason: str) -> str:
    return re.sub(BUT_FOR, "…", reason)


def counted(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Each kind of reason and how often it came, the most common first; a kind of one wording in that wording."""
    times: Counter[str] = Counter()
    wordings: dict[str, set[str]] = {}
    for reason in reasons:
        times[kind(reason)] += 1
        wordings.setdefault(kind(reason), set()).add(reason)
    return [(min(wordings[each]) if len(wordings[each]) == 1 else each, many) for each, many in times.most_common()]
