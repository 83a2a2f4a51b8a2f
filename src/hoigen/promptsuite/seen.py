"""How often the interaction of a prompt occurs in captions: in- and out-of-distribution prompts.

Source: HOIGen-1M, section 4.3: 20 prompts that occur in no caption, against the 20 that occur most often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hoigen.errors import UsageError
from hoigen.promptsuite.suite import Prompt, Suite

EACH = 20
"""Prompts of either group."""


def with_seen(suite: Suite, categories: Path) -> Suite:
    """The suite with `seen`: captions that tell of a prompt's verb and object, as `hoigen categories` found them.

    Prompts without a verb and an object keep None. Raises UsageError for a file that is none of `hoigen categories`.
    """
    counted = _counted(categories)
    prompts = tuple(
        replace(p, seen=len(counted.get((p.verb, p.object), ()))) if p.verb and p.object else p for p in suite.prompts
    )
    return replace(suite, prompts=prompts)


def _counted(path: Path) -> dict[tuple[str, str], set[str]]:
    """(verb, object) -> the clips whose caption tells of it, HICO-DET's names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as a table of categories: {' '.join(str(error).split())}") from None
    needed = {"id", "hico_verb", "hico_object"}
    if missing := needed - set(table.column_names):
        raise UsageError(
            f"{path}: no column {', '.join(sorted(missing))}; a Parquet file of hoigen categories has them. "
            f"Columns here: {', '.join(table.column_names)}"
        )
    found: dict[tuple[str, str], set[str]] = {}
    for row in table.select(sorted(needed)).to_pylist():
        if row["hico_verb"] and row["hico_object"]:
            found.setdefault((row["hico_verb"], row["hico_object"]), set()).add(row["id"])
    return found


def groups(prompts: Iterable[Prompt], each: int = EACH) -> dict[str, str]:
    """Prompt id -> `out of distribution` (seen 0, at most `each`) or `in distribution` (the `each` seen most often).

    Prompts of equal count are taken in order of their id; a prompt in neither group is not there.
    """
    counted = Counter({p.id: p.seen for p in prompts if p.seen is not None})
    unseen = sorted(name for name, count in counted.items() if count == 0)[:each]
    most = sorted((name for name, count in counted.items() if count > 0), key=lambda name: (-counted[name], name))
    return dict.fromkeys(unseen, "out of distribution") | dict.fromkeys(most[:each], "in distribution")
