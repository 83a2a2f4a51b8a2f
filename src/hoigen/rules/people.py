"""What people say of a run's clips, as a number that a rule may name: `keep: {human: {above: 0.5}}`.

It goes by the run's annotations of question `human`: yes is 1, no is 0, and the number is the mean of what each person
said last. Nobody has said anything of a clip: it is pending, not dropped. Nothing is copied: a verdict that is written
counts from the next look on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hoigen.core.errors import UsageError, shown
from hoigen.core.words import plural
from hoigen.data.annotations import COLUMNS, EPOCH
from hoigen.data.parquet import text
from hoigen.data.rows import YES_NO
from hoigen.rules.cascade import HUMAN

if TYPE_CHECKING:
    import duckdb

    from hoigen.data.run import Run

ASKED_FOR = "hoigen children"
"""Who says of a child whether it is one still. It is nobody's own word: a no is the last one, and a yes counts as long
as no person has said anything."""
TRIES = 5
"""Files of annotations become one while others read them; they are then looked for again."""


def attach_said(con: duckdb.DuckDBPyConnection, run: Run, schema: str) -> None:
    """Makes the table `said_human` in `schema`: id, human (the mean, 0..1), people, written (of the last word, in
    microseconds since 1970).

    Raises UsageError for an answer that is neither yes nor no nor a number, and for a file that is no annotations.
    """
    import duckdb

    con.execute(f"create schema if not exists {schema}")
    for last in (False,) * (TRIES - 1) + (True,):
        files = [run.annotations.path(name) for name in run.annotations.names() if name.endswith(".parquet")]
        try:
            con.execute(f"create or replace temp table said_{schema} as {_query(files)}")
            break
        except duckdb.IOException:
            if last:
                raise
        except (duckdb.BinderException, duckdb.InvalidInputException, duckdb.ConversionException) as error:
            names = ", ".join(COLUMNS)
            raise UsageError(f"{run.annotations.uri}: its files have columns {names}: {error}") from None
    wrong = con.execute(f"select id, who, value from said_{schema} where human is null limit 1").fetchone()
    if wrong is not None:
        clip, who, value = wrong
        raise UsageError(
            f"{run.annotations.uri}, clip {clip}, question {HUMAN}, {who}: yes or no, or a number; it came as "
            f"{shown(value)}"
        )
    own = f"who <> {text(ASKED_FOR)}"
    con.execute(
        f"""create or replace view {schema}.said_human as select id,
        case when bool_or(not ({own}) and human = 0) then 0.0
            else coalesce(avg(human) filter (where {own}), avg(human)) end as human,
        count(*) as people, max(written) as written from said_{schema} group by id"""
    )


def _query(files: list[str]) -> str:
    """The last word of each person on each clip, without what was taken back."""
    if not files:
        return (
            "select ''::varchar as id, ''::varchar as who, ''::varchar as value, 0.0::double as human, "
            "0::bigint as written where false"
        )
    words = " ".join(f"when {text(word)} then {float(yes)}" for word, yes in YES_NO.items())
    return f"""select clip as id, who, value, written,
            case lower(value) {words} else case when isfinite(try_cast(value as double))
            then try_cast(value as double) end end::double as human
        from (select clip, who, value, epoch_us("when") as written
            from read_parquet([{", ".join(map(text, files))}]) where question = {text(HUMAN)}
            qualify row_number() over (
                partition by clip, who order by "when" desc, coalesce(value, '') desc) = 1)
        where value is not null"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How much people have said, and how long ago.

    Args:
        clips: of which somebody has said something.
        last: the moment of the last word; None where there is none.
    """

    clips: int
    last: datetime | None

    def __str__(self) -> str:
        if self.last is None:
            return "human: nobody has said anything yet (docs/annotations.md says how)"
        since, ago = datetime.now(UTC) - self.last, "just now"
        for name, size in (("minute", timedelta(minutes=1)), ("hour", timedelta(hours=1)), ("day", timedelta(days=1))):
            if (count := since // size) >= 1:
                ago = f"{plural(count, name)} ago"
        clips = plural(self.clips, "clip has", "clips have")
        return f"human: {clips} a verdict, the last of {self.last:%Y-%m-%d %H:%M} UTC ({ago})"


def said(con: duckdb.DuckDBPyConnection, schema: str = "main") -> Said:
    """How much people have said of a connection's run, and how long ago."""
    clips, last = con.execute(f"select count(*), max(written) from {schema}.said_human").fetchone() or (0, None)
    return Said(clips=clips, last=None if last is None else EPOCH + timedelta(microseconds=last))
