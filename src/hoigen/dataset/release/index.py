"""The tables of a release: a row for each clip, and how its caption came about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.core.score import Number
from hoigen.data.parquet import quoted, rows_of_file, text
from hoigen.data.run import Run
from hoigen.dataset import split
from hoigen.dataset.release import rights
from hoigen.dataset.statistics import IN_LIST, categories_file, settled
from hoigen.rules import decide
from hoigen.rules.cascade import Step
from hoigen.stages.captioned import captions_in_force

if TYPE_CHECKING:
    import duckdb

ROWS = 100_000
"""Rows of a file."""
COLUMNS: Mapping[str, str] = {
    "id": "name of the clip: digest of the video's address, start and end",
    "file": "the clip as a file of the release; null where it is told by address alone",
    "file_sha256": "of that file",
    "uri": "where the video lies, as the list names it",
    "start": "seconds from the video's first frame",
    "end": "seconds from the video's first frame",
    "digest": "of the video's content (BLAKE2b), by which it is known again; null where it was not read",
    "width": "pixels, as shown",
    "height": "pixels, as shown",
    "fps": "frames per second",
    "source": "as the list names it",
    "licence": "of the video: as the list states it, else that of its source in the ledger",
    "territory": "as the list states it",
    "part": "train or validation; null where the dataset was not split",
    "caption": "one paragraph; null where there is none",
    "caption_doubts": "why somebody should look at the caption",
    "captioner": "what wrote the caption",
    "categories": "interactions out of the caption: subject, action, object, HICO-DET's names; by a machine",
    "interaction": "kind of interaction: close-up, one person, several people; by a machine",
    "verdicts": "question -> answer -> how many people gave it, as JSON; null where nobody was asked",
}
"""What each column says; a column for each number of the measures follows."""


LISTED = "the input list"
"""What wrote the captions that came with the list."""


class AllRemoved(UsageError):
    """Removals leave no clip."""


@dataclass(slots=True)
class Index:
    """What is in a release.

    Args:
        clips: how many.
        removed: clips that the run keeps and a removal takes out.
        licences: licence -> (clips, some ids).
        territories: where the list says that a clip may be used -> (clips, some ids); of the others nothing is said.
        sources: source -> (clips, seconds, licence).
        captioner: what wrote the captions; "" where there are none.
        captions: clips with one.
        listed: whether they are those of the input list.
        in_list: clips without one for which the input list has one.
        numbers: column of a number of the measures -> what it says.
        tables: names of the files that were written.
        parts: part -> clips; empty where the dataset was not split.
        seconds: of footage.
    """

    clips: int = 0
    removed: int = 0
    licences: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    territories: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    sources: dict[str, tuple[int, float, str]] = field(default_factory=dict)
    captioner: str = ""
    captions: int = 0
    listed: bool = False
    in_list: int = 0
    numbers: dict[str, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def gather(
    con: duckdb.DuckDBPyConnection, run: Run, steps: Sequence[Step], own: Mapping[str, str], *, listed: bool = False
) -> Index:
    """Makes the view `indexed` of the clips of a release, and counts them; nothing is written.

    Args:
        con: of `hoigen.rules.decide`, which leaves out what somebody asked to be taken out.
        run: the run.
        steps: its measures and rules.
        own: source -> licence, as the one who releases says.
        listed: the captions are those of the input list, not those of `hoigen caption`.

    Raises UsageError where nothing is left, or a split does not have all clips.
    """
    numbers = {number.name: column_of(number, step.name) for step in steps for number in step.numbers}
    told = {column_of(number, step.name): _said(number) for step in steps for number in step.numbers}
    con.execute(
        """create temp table kept as select id, video, n from walked where state = 'kept'
        qualify row_number() over (partition by id order by video, n) = 1"""
    )
    [(clips,)] = con.execute("select count(*) from kept").fetchall()
    removed = decide.removed_count(con)
    if not clips:
        kind = AllRemoved if removed else UsageError
        raise kind(f"{run.path} has no clip to release: {decide.why_none(con, run.path)}")
    found = Index(clips=clips, removed=removed, numbers=told, listed=listed)
    _licences(con, own)
    _words(con, run, found)
    _verdicts(con, run)
    part = "null::varchar"
    if (path := split.path_of(run)).is_file():
        [(lacking,)] = con.execute(
            f"select count(*) from kept where id not in (select id from {rows_of_file(path)})"
        ).fetchall()
        if lacking:
            raise UsageError(split.stale(run, lacking))
        split.check_current(run)
        part = "parts.part"
        con.execute(f"create temp table parts as select id, part from {rows_of_file(path)}")
    else:
        con.execute("create temp table parts as select null::varchar as id, null::varchar as part where false")
    scores = "".join(f", s.{quoted(name)} as {quoted(column)}" for name, column in numbers.items())
    con.execute(
        f"""create temp view indexed as
        select k.id, null::varchar as file, null::varchar as file_sha256, c.uri, c.start, c."end", c.digest,
            nullif(c.width, 0) as width, nullif(c.height, 0) as height, nullif(c.fps, 0) as fps,
            nullif(c.source, '') as source, l.licence,
            nullif(coalesce(json_extract_string(c.meta, '$.territory'),
                json_extract_string(c.meta, '$.Territory')), '') as territory,
            {part} as part, w.text as caption, case when w.text is not null then w.reason end as caption_doubts,
            case when w.text is not null then {text(found.captioner)} end as captioner,
            g.categories, g.interaction, v.verdicts{scores}, k.video as _video, k.n as _n
        from kept k join clips c on c.video = k.video and c.n = k.n
            join scored s on s.video = k.video and s.n = k.n
            join licenced l on l.id = k.id
            left join words w on w.id = k.id left join grouped g on g.id = k.id
            left join said v on v.id = k.id left join parts on parts.id = k.id"""
    )
    found.licences = {
        name: (many, list(some))
        for name, many, some in con.execute(
            "select licence, count(*), min(id, 3) from licenced group by 1 order by 2 desc, 1"
        ).fetchall()
    }
    found.territories = {
        name: (many, list(some))
        for name, many, some in con.execute(
            """select territory, count(*), min(id, 3) from indexed where territory is not null
            group by 1 order by 2 desc, 1"""
        ).fetchall()
    }
    found.sources = {
        name: (many, settled(seconds), licence)
        for name, many, seconds, licence in con.execute(
            """select coalesce(nullif(c.source, ''), 'not named'), count(*), fsum(c."end" - c.start),
                string_agg(distinct l.licence, ', ' order by l.licence)
            from kept k join clips c on c.video = k.video and c.n = k.n join licenced l on l.id = k.id
            group by 1 order by 2 desc, 1"""
        ).fetchall()
    }
    found.seconds = math.fsum(seconds for _, seconds, _ in found.sources.values())
    [(found.captions,)] = con.execute("select count(*) from words where text is not null").fetchall()
    counted = "select part, count(*) from parts where id in (select id from kept) group by 1 order by 1"
    found.parts = dict(con.execute(counted).fetchall())
    return found


def column_of(number: Number, measure: str) -> str:
    """The column of a number: its name, with its measure's where a release has another column of that name."""
    return f"{measure}_{number.name}" if number.name.lower() in COLUMNS else number.name


def _said(number: Number) -> str:
    about = " ".join(number.about.split())
    return f"{number.heading}: {about}" if about else f"{number.heading}, a number of a measure"


def _licences(con: duckdb.DuckDBPyConnection, own: Mapping[str, str]) -> None:
    """Makes the table `licenced`: of each kept clip, its licence."""
    import pyarrow as pa

    rows = con.execute(
        """select distinct coalesce(json_extract_string(c.meta, '$.licence'), json_extract_string(c.meta, '$.license'),
            '') as stated, coalesce(c.source, '') as source
        from kept k join clips c on c.video = k.video and c.n = k.n"""
    ).fetchall()
    kinds = {"stated": pa.string(), "source": pa.string(), "licence": pa.string()}
    named = [
        {"stated": stated, "source": source, "licence": rights.licence_of(stated, source, own)}
        for stated, source in rows
    ]
    con.register("named", pa.Table.from_pylist(named, pa.schema(kinds)))
    con.execute(
        """create temp table licenced as select k.id, named.licence
        from kept k join clips c on c.video = k.video and c.n = k.n
        join named on named.source = coalesce(c.source, '') and named.stated = coalesce(
            json_extract_string(c.meta, '$.licence'), json_extract_string(c.meta, '$.license'), '')"""
    )


def _words(con: duckdb.DuckDBPyConnection, run: Run, found: Index) -> None:
    """Makes the tables `words` (captions) and `grouped` (categories) of the kept clips."""
    table = captions_in_force(run)
    if found.listed:
        found.captioner = LISTED
        con.execute(f"create temp table words as select id, text, null::varchar as reason from ({IN_LIST})")
    elif table is not None and table.shards():
        found.captioner = f"{table.facts['captioner']} ({table.facts['fingerprint']})"
        con.execute(
            f"""create temp table words as select id, min(text) as text, min(reason) as reason
            from {table.layout().relation()} where text is not null and id in (select id from kept) group by id"""
        )
    else:
        con.execute("create temp table words as select '' as id, '' as text, '' as reason where false")
    [(found.in_list,)] = con.execute(
        f"select count(*) from ({IN_LIST}) where id not in (select id from words where text is not null)"
    ).fetchall()
    categories = categories_file(run)
    source = categories or (
        "(select '' as id, '' as subject, '' as action, '' as object, '' as hico_verb, '' as hico_object, "
        "'' as interaction where false)"
    )
    con.execute(
        f"""create temp table grouped as select id, min(interaction) as interaction,
            list(struct_pack(subject := subject, "action" := action, "object" := object, hico_verb := hico_verb,
                hico_object := hico_object) order by action, object, subject) as categories
        from {source} where id in (select id from words) group by id"""
    )


def _verdicts(con: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Makes the table `said`: of each clip, how many people gave which answer. Nobody is named."""
    import json
    from collections import Counter

    import pyarrow as pa

    from hoigen.data.annotations import Annotations

    counts: dict[str, dict[str, Counter[str]]] = {}
    for row in Annotations(run).latest():
        counts.setdefault(row.clip, {}).setdefault(row.question, Counter())[row.value or ""] += 1
    rows = [
        {"id": clip, "verdicts": json.dumps({q: dict(sorted(c.items())) for q, c in sorted(asked.items())})}
        for clip, asked in counts.items()
    ]
    con.register("said", pa.Table.from_pylist(rows, pa.schema({"id": pa.string(), "verdicts": pa.string()})))


def write(
    con: duckdb.DuckDBPyConnection, run: Run, found: Index, folder: Path, files: Mapping[str, tuple[str, str]]
) -> None:
    """Writes the tables into a folder, in the order of the input.

    Args:
        con: after `gather`.
        run: the run.
        found: of `gather`; gets the names of the files.
        folder: of the release.
        files: clip -> (its file in the release, sha256).
    """
    import pyarrow as pa

    kinds = pa.schema({"id": pa.string(), "path": pa.string(), "sha": pa.string()})
    rows: list[dict[str, Any]] = [{"id": clip, "path": path, "sha": sha} for clip, (path, sha) in files.items()]
    con.register("given", pa.Table.from_pylist(rows, kinds))
    (folder / "data").mkdir(parents=True)
    con.execute("set preserve_insertion_order = true")
    con.execute(
        """create temp table ordered as select i.* replace (g.path as file, g.sha as file_sha256),
            row_number() over (order by _video, _n, i.id) - 1 as _at
        from indexed i left join given g on g.id = i.id"""
    )
    traces = None if found.listed else _traces(run)
    for number, begin in enumerate(range(0, found.clips, ROWS)):
        some = f"_at >= {begin} and _at < {begin + ROWS}"
        name = f"data/clips-{number:05d}.parquet"
        query = f"select * exclude (_video, _n, _at) from ordered where {some} order by _at"
        con.execute(f"copy ({query}) to {text(str(folder / name))} (format parquet, compression zstd)")
        found.tables.append(name)
        if traces is not None:
            name = f"data/traces-{number:05d}.parquet"
            query = f"select o.id, t.path, t.trace from ordered o join {traces} t using (id) where {some} order by _at"
            con.execute(f"copy ({query}) to {text(str(folder / name))} (format parquet, compression zstd)")
            found.tables.append(name)


def _traces(run: Run) -> str | None:
    table = captions_in_force(run)
    if table is None or not table.shards():
        return None
    rows = table.layout().relation()
    columns = "id, min(path) as path, min(trace) as trace"
    return f"(select {columns} from {rows} where text is not null group by id)"
