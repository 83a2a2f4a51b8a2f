"""Quotas: of each interaction, source or cluster, so many clips stay, as a rule in the funnel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hoigen.core.errors import UsageError
from hoigen.core.words import plural
from hoigen.data.parquet import text
from hoigen.data.rows import rows_of
from hoigen.data.run import Run
from hoigen.dataset.statistics import categories_file
from hoigen.rules import decide, sets
from hoigen.rules.cascade import Step
from hoigen.rules.joined import connection

if TYPE_CHECKING:
    import duckdb

RULE = "balance"
By = Literal["interaction", "action", "object", "source", "video"]
How = Literal["plain", "sqrt"]
NONE = "none found"
"""The group of clips without any: of no interaction, source or cluster."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """What a balance comes to.

    Args:
        path: the file of the rule.
        came: clips that the other rules keep.
        stay: those that stay.
        groups: group -> (clips, those that stay), the largest first.
        alone: clips without any group, which make one of their own.
    """

    path: Path
    came: int
    stay: int
    groups: Mapping[str, tuple[int, int]]
    alone: int


def make(
    run: Run,
    steps: Sequence[Step],
    *,
    by: By | Path,
    how: How,
    quota: int | None = None,
    clips: int | None = None,
    seed: int = 0,
) -> Balanced:
    """Writes the rule: in each group so many stay as the quota says, which ones the seed decides.

    A clip that is in several groups, having several interactions, counts for its rarest. Of two groups that are equally
    rare, the first in the alphabet has it.

    Args:
        run: the run.
        steps: its measures and rules.
        by: what makes the groups; a path: a table with the columns id and cluster.
        how: `plain`: the same quota for all; `sqrt`: in proportion to the root of a group's size, as when each clip is
            drawn with 1/sqrt(size).
        quota: of `plain`, clips of each group; instead of `clips`.
        clips: about how many stay in all; never more.
        seed: of the order within the groups.

    Raises UsageError where nothing is kept, categories are missing, or the quotas leave a group without a clip.
    """
    with connection() as con:
        decide.beside(con, run, steps, "main", without=(RULE,))
        con.execute("create temp table came as select distinct id from walked where state = 'kept'")
        [(came,)] = con.execute("select count(*) from came").fetchall()
        if not came:
            raise UsageError(f"{run.path} keeps no clip: {decide.why_none(con, run.path)}")
        _groups(con, run, by)
        sizes = dict(con.execute("select grp, count(*) from member group by grp order by grp").fetchall())
        quotas = quotas_of(sizes, how, quota, clips)
        import pyarrow as pa

        kinds = pa.schema({"grp": pa.string(), "quota": pa.int64()})
        asked = [{"grp": group, "quota": quota} for group, quota in quotas.items()]
        con.register("asked", pa.Table.from_pylist(asked, kinds))
        name = by.name if isinstance(by, Path) else by
        told = text(f" ({how}, by {name}, seed {seed})")
        rows = con.sql(
            f"""select id, grp, row_number() over (partition by grp order by md5({text(str(seed))} || ':' || id), id)
                as place, quota, grp || ': ' || quota || ' of {sets.COUNT} stay' || {told} as words
            from member join asked using (grp)"""
        ).to_arrow_table()
        facts = {
            "came": came, "by": name, "how": how, "seed": seed, "quota": quota, "clips": clips, "groups": len(sizes),
        }  # fmt: skip
    stay = {group: min(size, quotas[group]) for group, size in sizes.items()}
    path = sets.write(run, RULE, rows, {key: value for key, value in facts.items() if value is not None})
    order = sorted(sizes, key=lambda group: (-sizes[group], group))
    return Balanced(
        path, came, sum(stay.values()), {group: (sizes[group], stay[group]) for group in order}, sizes.get(NONE, 0)
    )


def _groups(con: duckdb.DuckDBPyConnection, run: Run, by: By | Path) -> None:
    """Makes the table `member`: each clip that came, with its rarest group."""
    import pyarrow as pa

    if isinstance(by, Path):
        rows = [{"id": row.need("id"), "grp": row.need("cluster")} for row in rows_of(by, ("id", "cluster"))]
        con.register("given", pa.Table.from_pylist(rows, pa.schema({"id": pa.string(), "grp": pa.string()})))
        found = "select id, grp from given"
    elif by in ("source", "video"):
        value = "source" if by == "source" else "uri"
        found = f"select id, nullif(min({value}), '') as grp from walked group by id"
    else:
        source = categories_file(run)
        if source is None:
            raise UsageError(f"--by {by}: the run has no categories yet; hoigen categories {run.path} finds them")
        value = {"interaction": "action || ' ' || object", "action": "action", "object": "object"}[by]
        found = f"select distinct id, {value} as grp from {source}"
    con.execute(
        f"""create temp table member as
        with every as (select came.id, coalesce(found.grp, {text(NONE)}) as grp
                from came left join ({found}) found on found.id = came.id),
            sized as (select grp, count(distinct id) as many from every group by grp)
        select id, arg_min(grp, (many, grp)) as grp from every join sized using (grp) group by id"""
    )


def quotas_of(sizes: Mapping[str, int], how: How, quota: int | None, clips: int | None) -> dict[str, int]:
    """Group -> how many of its clips may stay.

    Args:
        sizes: group -> clips.
        how: as `make` says.
        quota: of each group.
        clips: about how many in all.

    Raises UsageError for a total that leaves groups without a clip.
    """
    if quota is not None:
        return dict.fromkeys(sizes, quota)
    assert clips is not None
    if clips < len(sizes):
        raise UsageError(f"--clips {clips}: there are {plural(len(sizes), 'group')}, and each keeps one clip at least")
    weights = {group: size**0.5 if how == "sqrt" else 1.0 for group, size in sizes.items()}

    def at(scale: float) -> dict[str, int]:
        return {group: max(1, int(scale * weight + 1e-9)) for group, weight in weights.items()}

    low, high = 0.0, float(max(sizes.values()))
    for _ in range(60):
        middle = (low + high) / 2
        if sum(min(sizes[group], each) for group, each in at(middle).items()) <= clips:
            low = middle
        else:
            high = middle
    whole = at(high)
    return whole if sum(min(sizes[group], each) for group, each in whole.items()) <= clips else at(low)
