"""Clips and scores side by side: the parts of a run as one relation, a row per clip.

Hash joins of a million rows by ten measures cost seconds, and so does opening thousands of small parts. So the
relation of a large run is kept as a Parquet file of its own, named after the exact parts it was made from; with
other rules nothing is joined again. The file is a copy: it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.cascade import Step
from hoigen.data import tables
from hoigen.data.run import Run

if TYPE_CHECKING:
    import duckdb

KEEP_FROM_PARTS = 500
KEEP_FROM_BYTES = 32 << 20
OLD = 3600.0
"""Seconds after which the copy of an earlier state of the run is deleted; until then somebody may be reading it."""
SHARD = "parse_filename(filename, true) as shard"


def attach(con: duckdb.DuckDBPyConnection, run: Run, steps: Sequence[Step], schema: str = "main") -> None:
    """Makes the views `clips` (the rows of the clips parts) and `scored` (with all scores) in `schema`.

    `scored` has, for step i, `_state_i` (null when there is no score yet) and `_reason_i`, and a column per score.
    Scores are found by shard and id, as `hoigen curate` files them, so that a clip never becomes two rows.
    """
    con.execute(f"create schema if not exists {schema}")
    clips = run.clip_parts()
    scores = [run.score_parts(step.name, step.fingerprint) for step in steps]
    files = [*clips, *(part for parts in scores for part in parts)]
    kept, worth_keeping = _kept_file(run, steps, files)  # looked at before anything is read: never newer than its name
    _view(con, f"{schema}.clips", clips, dict(tables.CLIP_COLUMNS))
    if kept.exists():
        con.execute(f"create view {schema}.scored as select * from read_parquet({text(str(kept))})")
        return
    for at, (step, parts) in enumerate(zip(steps, scores, strict=True)):
        _view(con, f"{schema}.scores_{at}", parts, {**tables.SCORE_COLUMNS, **dict.fromkeys(step.emits, "float64")})
    con.execute(f"create view {schema}.scored as {_join_sql(steps, schema)}")
    if worth_keeping and _keep(con, kept, schema):
        con.execute(f"create or replace view {schema}.scored as select * from read_parquet({text(str(kept))})")


def _join_sql(steps: Sequence[Step], schema: str) -> str:
    # Without the header's facts: `fps` in the clips' rows is not the score `fps`, which a clip may not have yet.
    columns = ["clips.* exclude (width, height, fps, meta, header, shard)"]
    joins = []
    for at, step in enumerate(steps):
        columns += [f"s{at}.state as _state_{at}", f"s{at}.reason as _reason_{at}"]
        columns += [f"s{at}.{quoted(score)}" for score in step.emits]
        joins.append(f"left join {schema}.scores_{at} as s{at} on s{at}.id = clips.id and s{at}.shard = clips.shard")
    return f"select {', '.join(columns)} from {schema}.clips as clips {' '.join(joins)}"


def _view(con: duckdb.DuckDBPyConnection, name: str, parts: Sequence[Path], columns: dict[str, str]) -> None:
    """A view over parts, with the shard that each row lies in; an empty one when there are none."""
    if parts:
        files = ", ".join(text(str(part)) for part in parts)
        source = f"select * exclude (filename), {SHARD} from read_parquet([{files}], filename = true)"
    else:
        kinds = {"string": "varchar", "int64": "bigint", "int32": "integer", "float64": "double"}
        nothing = (f"null::{kinds[kind]} as {quoted(column)}" for column, kind in columns.items())
        source = f"select {', '.join(nothing)}, null::varchar as shard where false"
    con.execute(f"create view {name} as {source}")


def _kept_file(run: Run, steps: Sequence[Step], files: Sequence[Path]) -> tuple[Path, bool]:
    """Where the relation of these very parts is kept, and whether it is worth keeping."""
    facts = []
    size = 0
    for path in files:
        found = path.stat()
        size += found.st_size
        facts.append((path.parent.name, path.name, found.st_size, found.st_mtime_ns, found.st_ino))
    names = [(step.name, step.fingerprint, step.emits) for step in steps]
    where = run.joined_part(tables.digest_of([tables.CLIP_COLUMNS, names, facts]))
    return where, len(files) >= KEEP_FROM_PARTS or size >= KEEP_FROM_BYTES


def _keep(con: duckdb.DuckDBPyConnection, path: Path, schema: str) -> bool:
    """Writes the relation whole or not at all; a run that cannot be written to is read as it is."""
    import duckdb

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        con.execute(f"copy (select * from {schema}.scored) to {text(str(part))} (format parquet)")
        part.replace(path)
    except (OSError, duckdb.IOException):
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    for other in path.parent.iterdir():
        with contextlib.suppress(OSError):
            if other != path and time.time() - other.stat().st_mtime > OLD:
                other.unlink()
    return True


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(words: str) -> str:
    """A text in SQL."""
    return "'" + words.replace("'", "''") + "'"
