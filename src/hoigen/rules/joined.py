"""Clips and scores side by side: the parts of a run as one relation, a row per clip.

Hash joins of a million rows by ten measures cost seconds, and so does opening thousands of small parts. So the
relation of a large run is kept as Parquet files of its own, one for each group of shards, each named after the exact
parts it was made from: with other rules nothing is joined again, and where some shards have changed, only their groups
are. However large the run, no more than one group is joined at a time. The files are copies: they may be deleted at
any time.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.core.errors import UsageError
from hoigen.data import tables
from hoigen.data.columns import CLIP_COLUMNS
from hoigen.data.parquet import one_file, part_rows, quoted, text
from hoigen.data.run import SHARDS_FILE, Run
from hoigen.data.tables import Layout
from hoigen.rules.cascade import HUMAN, Step, measured
from hoigen.rules.people import attach_said

if TYPE_CHECKING:
    import duckdb

KEEP_FROM_PARTS = 500
KEEP_FROM_BYTES = 32 << 20
GROUP = tables.MERGE_SHARDS
"""Shards that are joined at a time: those that lie in one merged part."""
THREADS = 4
MEMORY_MB = 600
"""What DuckDB may hold; the rest goes to the disk. It wants some 125 MB for each thread, so there are few."""
UNSEEN = "the video has not been looked at yet"
"""Reason of the row of a video that nothing was found of."""
LEFT_OUT = ("width", "height", "fps", "meta", "header")
"""Columns of the clips that `scored` lacks: `fps` in the clips' rows is not the score `fps`, which a clip may not have
yet."""


def connection() -> duckdb.DuckDBPyConnection:
    """A DuckDB that keeps to a bounded memory and writes what is beyond it to the temporary folder."""
    import duckdb

    settings = {
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "threads": min(THREADS, os.cpu_count() or 1),
        "memory_limit": f"{MEMORY_MB}MB",
        "temp_directory": str(Path(tempfile.gettempdir()) / f"hoigen-{os.getpid()}.duckdb"),
    }
    con = duckdb.connect(config=settings)
    con.execute("set enable_progress_bar = false")  # it would stand between the rows of a table on the screen
    return con


@dataclass(frozen=True, slots=True)
class _Sources:
    """The files of a run's clips and scores as they lay at a moment; shards: those that count."""

    run: Run
    steps: Sequence[Step]
    shards: Sequence[int]
    clips: Layout
    scores: Sequence[Layout]

    def files(self, first: int, last: int) -> list[tuple[Layout, str]]:
        """The files that hold shards `first` to `last`, in an order that stays."""
        return [(layout, name) for layout in (self.clips, *self.scores) for name in layout.files(first, last)]


@dataclass(frozen=True, slots=True)
class _Clips:
    """The clips of a run as they lay at a moment.

    Args:
        shards: those that count, in order.
        layout: the files of their clips.
        found: SQL of the rows that are in no shard; "" where there are none.
        state: all that they were read from: files, with size and time.
    """

    shards: Sequence[int]
    layout: Layout
    found: str
    state: object


def attach_clips(con: duckdb.DuckDBPyConnection, run: Run, schema: str) -> _Clips:
    """Makes the view `clips` (the rows of the clips parts) in `schema`.

    Clips that are found but not cut into shards yet have a null `shard`. A video of the list of which nothing was found
    yet is a row too, without an id, pending: what was asked is the total, not what was done.
    """
    con.execute(f"create schema if not exists {schema}")
    if not run.folder.is_local and not con.filesystem_is_registered(run.folder.fs.protocol[0]):
        con.register_filesystem(run.folder.fs)
    shards, free = run.in_force()
    shards.sort()
    for _ in range(tables.TRIES):  # files that are merged just now are looked for again
        clips = run.clips.layout()
        if not (gone := [shard for shard in shards if shard not in clips.homes]):
            break
    else:  # so that none is left out in silence
        some = ", ".join(map(str, gone[:5])) + (", …" if len(gone) > 5 else "")
        raise UsageError(
            f"{run.clips.folder.uri}: clips of shards {some} are gone; hoigen curate {run.recipe_file} finds them again"
        )
    columns = ", ".join(map(quoted, CLIP_COLUMNS))
    parts = [f"select {columns}, shard from {clips.relation(only=frozenset(shards))}"]
    found, state = "", [[(name, clips.table.folder.stamp(name, listed=True)) for name in clips.files()], shards, free]
    if free and run.found.shards():
        where = " or ".join(f"video >= {first}" + (f" and video < {past}" if past else "") for first, past in free)
        layout = run.found.layout()
        found = f"select {columns}, null::integer as shard from {layout.relation()} where {where}"
        parts.append(found)
        state.append([(name, layout.table.folder.stamp(name, listed=True)) for name in layout.files()])
    if unseen := _unseen(run, free, " union all ".join(parts)):
        parts.append(unseen)
        found = f"{found} union all {unseen}" if found else unseen
        state.append(run.videos_file.stat().st_mtime_ns)
    con.execute(f"create view {schema}.clips as {' union all '.join(parts)}")
    return _Clips(shards, clips, found, state)


def attach(con: duckdb.DuckDBPyConnection, run: Run, steps: Sequence[Step], schema: str) -> object:
    """Makes the views `clips` (as `attach_clips` does) and `scored` (with all scores) in `schema`.

    `scored` has, for step i, `_state_i` (null when there is no score yet) and `_reason_i`, and a column per score.
    Scores are found by shard and id, as `hoigen curate` files them, so that a clip never becomes two rows. What people
    say is the last of the scores.

    Returns all that the clips were read from, to tell whether they are the same another time.
    """
    run.check_links()  # copies are written and deleted
    asked = len(steps) - len(steps := measured(steps))
    tables_of = [run.scores(step.name, step.fingerprint, step.emits) for step in steps]
    clips = attach_clips(con, run, schema)
    sources = _Sources(run, steps, clips.shards, clips.layout, [table.layout() for table in tables_of])
    scored = [_scored(con, sources)]
    if clips.found:
        blank = [f"clips.* exclude ({', '.join(LEFT_OUT)})"]
        for at, step in enumerate(steps):
            blank += [f"null::varchar as _state_{at}", f"null::varchar as _reason_{at}"]
            blank += [f"null::double as {quoted(score)}" for score in step.emits]
        scored.append(f"select {', '.join(blank)} from ({clips.found}) as clips")
    rows = " union all ".join(scored)
    if asked:  # last, as in the cascade; never among the copies, since people go on
        attach_said(con, run, schema)
        at = len(steps)
        rows = f"""select scored.*, case when said.id is not null then 'ok' end as _state_{at},
            null::varchar as _reason_{at}, said.human as {quoted(HUMAN)}
            from ({rows}) as scored left join {schema}.said_human as said using (id)"""
    con.execute(f"create view {schema}.scored as {rows}")
    return clips.state


def _unseen(run: Run, free: Sequence[tuple[int, int | None]], clips: str) -> str:
    """SQL of the listed videos without a clip; empty where every one lies in a shard, which then has clips of it."""
    listed = (part_rows(run.videos_file) or 0) if run.videos_file.exists() else 0
    free = free if run.folder.exists(SHARDS_FILE) else [(0, None)]  # without, shards are what their clips say
    where = [
        f"video >= {first} and video < {listed if past is None else past}" for first, past in free if first < listed
    ]
    if not where:
        return ""
    given = {
        "uri": "uri",
        "start": "coalesce(start, 0.0)",
        "end": '"end"',
        "source": "coalesce(source, '')",
        "prompt": "caption",
        "meta": """case when coalesce(licence, '') = '' then coalesce(meta, '{}')
            else json_merge_patch(coalesce(meta, '{}'), json_object('licence', licence))::varchar end""",
        "video": "video",
        "n": "0",
        "state": "'pending'",
        "reason": text(UNSEEN),
    }
    columns = ", ".join(f"{given.get(name, 'null')} as {quoted(name)}" for name in CLIP_COLUMNS)
    rows = f"select *, file_row_number as video from read_parquet({one_file(run.videos_file)}, file_row_number = true)"
    return f"""select {columns}, null::integer as shard from ({rows})
        where ({" or ".join(where)}) and video not in (select video from ({clips}))"""


def _scored(con: duckdb.DuckDBPyConnection, sources: _Sources) -> str:
    """SQL of the shards' clips with their scores: over the copies of a large run, else over the parts."""
    groups = [list(group) for _, group in groupby(sources.shards, lambda shard: shard // GROUP)]
    facts = [  # table, file, stamp; looked at before anything is read: never newer than its name
        [
            (each.table.name, name, each.table.folder.stamp(name, listed=True))
            for each, name in sources.files(group[0], group[-1])
        ]
        for group in groups
    ]
    files = [file for some in facts for file in some]
    if len(files) >= KEEP_FROM_PARTS or sum(size for _, _, (size, *_) in files) >= KEEP_FROM_BYTES:
        names = [(step.name, step.fingerprint, step.emits) for step in sources.steps]
        made_of = [[CLIP_COLUMNS, LEFT_OUT, names, g, some] for g, some in zip(groups, facts, strict=True)]
        kept = [sources.run.joined_file(tables.digest_of(each)) for each in made_of]
        if all(path.exists() or _keep(con, path, sources, g) for path, g in zip(kept, groups, strict=True)):
            # copies of earlier states go
            now = {path.name for path in (*kept, sources.run.joined_file("removed"))}
            for other in kept[0].parent.iterdir():
                with contextlib.suppress(OSError):
                    if other.name not in now and time.time() - other.stat().st_mtime > tables.OLD:
                        other.unlink()
            return f"select * from read_parquet([{', '.join(map(one_file, kept))}])"
    first, last = (sources.shards[0], sources.shards[-1]) if sources.shards else (0, -1)
    return _join(sources, first, last)


def _join(sources: _Sources, first: int, last: int) -> str:
    columns = [f"clips.* exclude ({', '.join(LEFT_OUT)})"]
    joins = []
    for at, (step, layout) in enumerate(zip(sources.steps, sources.scores, strict=True)):
        columns += [f"s{at}.state as _state_{at}", f"s{at}.reason as _reason_{at}"]
        columns += [f"s{at}.{quoted(score)}" for score in step.emits]
        scores = layout.relation(first, last)
        joins.append(f"left join {scores} as s{at} on s{at}.id = clips.id and s{at}.shard = clips.shard")
    clips = sources.clips.relation(first, last, frozenset(sources.shards))
    return f"select {', '.join(columns)} from {clips} as clips {' '.join(joins)}"


def _keep(con: duckdb.DuckDBPyConnection, path: Path, sources: _Sources, group: Sequence[int]) -> bool:
    """Writes a group's relation, in the order of the input, whole or not at all; False where it cannot be written."""
    import duckdb

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        query = f"select * from ({_join(sources, group[0], group[-1])}) order by video, n"
        con.execute(f"copy ({query}) to {text(str(part))} (format parquet)")
        part.replace(path)
    except (OSError, duckdb.IOException):
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


OF_CLIPS = ("width", "height", "digest")
"""What is known of each clip beside what its list says."""


def as_listed(con: duckdb.DuckDBPyConnection, taken: Sequence[str], view: str = "listed") -> dict[str, bool]:
    """Makes a view of what the list says of each clip, by video and n.

    Args:
        con: with the clips of a run.
        taken: names that no column may have.
        view: its name.

    Returns its columns, with whether each holds numbers: `OF_CLIPS`, then those of the list by name.
    """
    from hoigen.core.harmless import cell, plain

    found = con.execute(
        """with keys as (select meta, unnest(json_keys(meta)) as key from clips where meta <> '{}'),
            pairs as (select key, '/' || replace(replace(key, '~', '~0'), '/', '~1') as way, meta from keys),
            typed as (select key, json_type(meta, way) as type, json_extract_string(meta, way) as value from pairs)
        select key, bool_and(type = 'NULL' or (type like '%INT' and try_cast(value as bigint) is not null)),
            bool_and(type in ('BIGINT', 'UBIGINT', 'DOUBLE', 'NULL')) and bool_or(type = 'DOUBLE')
        from typed group by key order by key"""
    ).fetchall()
    names = {name.lower() for name in (*taken, *OF_CLIPS, "video", "n")}
    columns = {"width": True, "height": True, "digest": False}
    picked = ["nullif(width, 0) as width", "nullif(height, 0) as height", "digest"]
    for key, is_whole, is_number in found:
        name = cell(plain(key)) or "list_"  # a stranger's: nothing that a screen or a spreadsheet would run
        while name.lower() in names:
            name = f"list_{name}"
        names.add(name.lower())
        value = f"json_extract_string(meta, {text('/' + key.replace('~', '~0').replace('/', '~1'))})"
        kind = "bigint" if is_whole else "double" if is_number else "varchar"
        picked.append(f"try_cast({value} as {kind}) as {quoted(name)}")
        columns[name] = bool(is_whole or is_number)
    con.execute(f"create or replace view {quoted(view)} as select video, n, {', '.join(picked)} from clips")
    return columns
