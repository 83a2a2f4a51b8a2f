"""Rules about a clip among others: of each group, so many stay that the rules of single clips keep.

    RUN/sets/near_duplicates.parquet    groups of clips that show the same; one of each stays
    RUN/sets/balance.parquet            groups by interaction, source or cluster; as many stay as the quota says

They come last in the funnel and are decided anew whenever the run is read: when another rule drops a clip, the next of
its group takes its place. Nothing is deleted; without the file, the rule is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.data.files import Folder
from hoigen.data.parquet import named, rows_of_file
from hoigen.data.run import Run

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

RULES = ("near_duplicates", "balance")
"""In the order in which they are walked."""
COMMANDS = {"near_duplicates": "duplicates", "balance": "balance"}
"""Which command makes them."""
FACTS = b"hoigen.set"
FIRST, COUNT = "{first}", "{count}"
"""In the words of a row: the first clip of its group that stays, and how many clips come to the rule in it."""


@dataclass(frozen=True, slots=True)
class SetRule:
    """A rule about groups of clips, as a run has it.

    Args:
        name: of RULES.
        path: its file.
        facts: what it was made with; `came`: how many clips came to it then.
    """

    name: str
    path: Path
    facts: Mapping[str, Any]


def path_of(run: Run, name: str) -> Path:
    """The file of the rule `name` in a run."""
    return run.path / "sets" / f"{name}.parquet"


def rules_of(run: Run) -> list[SetRule]:
    """The rules about groups that a run has, in order. Raises UsageError for a file that is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for name in RULES:
        path = path_of(run, name)
        if not path.is_file():
            continue
        try:
            with named(path):
                schema = pq.read_schema(path)
            facts = json.loads((schema.metadata or {})[FACTS])
            if schema.names != schema_of_sets().names or not isinstance(facts, dict):
                raise ValueError("other columns")
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise UsageError(f"{path} is no rule of hoigen's ({error}); delete it and make it anew") from None
        found.append(SetRule(name, path, facts))
    return found


def schema_of_sets() -> pa.Schema:
    """The columns of such a file: a clip is in one group; in it, lower places stay first."""
    import pyarrow as pa

    kinds = {"id": pa.string(), "grp": pa.string(), "place": pa.int64(), "quota": pa.int64(), "words": pa.string()}
    return pa.schema(kinds)


def write(run: Run, name: str, rows: Iterable[Mapping[str, Any]] | pa.Table, facts: Mapping[str, Any]) -> Path:
    """Writes a rule, whole or not at all.

    Args:
        run: the run.
        name: of RULES.
        rows: id, grp, place, quota, words of each clip that is in a group; an id stands there once.
        facts: what it was made with.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    run.check_links()
    schema = schema_of_sets().with_metadata({FACTS: json.dumps(facts)})
    table = rows.cast(schema) if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=schema)
    path = path_of(run, name)
    with Folder(str(path.parent)).writing(path.name) as file:
        pq.write_table(table, file)
    return path


def remove(run: Run, name: str) -> bool:
    """Takes a rule out of a run; whether there was one."""
    path = path_of(run, name)
    there = path.is_file()
    path.unlink(missing_ok=True)
    return there


def attach_sets(
    con: duckdb.DuckDBPyConnection,
    rules: Sequence[SetRule],
    schema: str,
    kept: int,
    first: int,
    dropped: Mapping[str, str],
) -> None:
    """Makes the view `judged` out of the view `single` of the same columns: what single clips' rules say, and then what
    these say of those that were kept.

    Args:
        con: of `hoigen.rules.decide`.
        rules: the rules, in order.
        schema: of the views.
        kept: the `_code` of a kept clip.
        first: the `_code` that a clip gets which the first rule drops; the next rules have the numbers that follow.
        dropped: rules that have no such file -> SQL of the id of what they drop, and why.
    """
    before = f"{schema}.single"
    for at, rule in enumerate(rules):
        after = f"{schema}.judged" if at == len(rules) - 1 else f"{schema}.judged_{at}"
        gone = dropped.get(rule.name) or (
            f"""select id, replace(replace(words, '{FIRST}', lead), '{COUNT}', many::varchar) as why from (
                select s.id, s.words, s.quota, dense_rank() over (partition by s.grp order by s.place, s.id) as stand,
                    first_value(s.id) over (partition by s.grp order by s.place, s.id) as lead,
                    count(*) over (partition by s.grp) as many
                from {rows_of_file(rule.path)} s semi join (select id from {before} where _code = {kept}) k using (id)
            ) where stand > quota"""
        )
        con.execute(
            f"""create view {after} as
            select b.* replace (case when _code = {kept} and gone.id is not null then {first + at}
                else _code end::smallint as _code), gone.why as _why_{at}
            from {before} b left join ({gone}) gone on b.id = gone.id"""
        )
        before = after
