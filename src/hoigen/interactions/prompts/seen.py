"""How often the interaction of a prompt occurs in captions: in- and out-of-distribution prompts.

Source: HOIGen-1M, section 4.3: 20 prompts that occur in no caption, against the 20 that occur most often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.interactions.prompts.suite import Prompt, Suite

EACH = 20
"""Prompts of either group."""


def with_seen(suite: Suite, categories: Path) -> Suite:
    """The suite with `seen`: captions that tell of a prompt's verb and object, as `hoigen categories` found them.

    Args:
        suite: its prompts.
        categories: the Parquet file that `hoigen categories` wrote, HICO-DET's names.

    Prompts without a verb and an object keep None. Raises UsageError for a file that is none of `hoigen categories`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(categories, partitioning=None)
    except FileNotFoundError:
        raise UsageError(f"{categories}: no such file") from None
    except (OSError, pa.ArrowException) as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"{categories} cannot be read as a table of categories: {problem}") from None
    needed = {"id", "hico_verb", "hico_object"}
    if missing := needed - set(table.column_names):
        raise UsageError(
            f"{categories}: no column {', '.join(sorted(missing))}; a Parquet file of hoigen categories has them. "
            f"Columns here: {', '.join(table.column_names)}"
        )
    clips: dict[tuple[str, str], set[str]] = {}  # (verb, object) -> those whose caption tells of it
    for row in table.select(sorted(needed)).to_pylist():
        if row["hico_verb"] and row["hico_object"]:
            clips.setdefault((row["hico_verb"], row["hico_object"]), set()).add(row["id"])
    prompts = tuple(
        replace(p, seen=len(clips.get((p.verb, p.object), ()))) if p.verb and p.object else p for p in suite.prompts
    )
    return replace(suite, prompts=prompts)


def groups(prompts: Iterable[Prompt], each: int = EACH) -> dict[str, str]:
    """Prompt id -> `out of distribution` (seen in no caption) or `in distribution` (seen most often).

    Args:
        prompts: with `seen`; those without are in neither group.
        each: how many at most are in either group.

    Prompts of equal count are taken in order of their id; a prompt in neither group is not there.
    """
    counted = Counter({p.id: p.seen for p in prompts if p.seen is not None})
    unseen = sorted(name for name, count in counted.items() if count == 0)[:each]
    most = sorted((name for name, count in counted.items() if count > 0), key=lambda name: (-counted[name], name))
    return dict.fromkeys(unseen, "out of distribution") | dict.fromkeys(most[:each], "in distribution")
