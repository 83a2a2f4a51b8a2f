"""What somebody asked to be taken out of a dataset: kept in the run, carried on from release to release.

`hoigen.rules.decide` walks it as a rule named `removed`, so that no command that asks which clips are kept sees one.

A clip is told again by what it shows, not by its name: by the content of its video and the stretch of it, so that it
does not come back with other boundaries, under another path, or out of another run. Names of people and of files are
kept as digests: a list of what was removed must not tell what it was.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError, shown
from hoigen.data.files import write_text
from hoigen.data.parquet import rows_of_file, text
from hoigen.data.rows import read_json, rows_of
from hoigen.data.run import Run
from hoigen.rules import sets

if TYPE_CHECKING:
    import duckdb

FILE = "removals.json"
WHY = "somebody asked for it to be taken out"
"""Why a clip that the rules keep is given to nobody."""
KINDS = ("clip", "video", "person")
PEOPLE = ("person", "people", "actor", "author", "creator", "channel", "uploader", "owner", "speaker")
"""Columns of a list that say who is in a video, or whose it is, in capitals or not. A cell may be a list of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One thing that somebody asked to be taken out.

    Args:
        kind: clip, video or person.
        key: digest of the clip's id, of the video's address, or of the person's name in small letters.
        content: digest of the video's content; "" where it was not known.
        start: of a clip, in seconds; 0 of others.
        end: of a clip; 0 of others.
        who: digest of the name of the person who asked.
        when: the day, as the list of removals says.
        why: in a word.
    """

    kind: str
    key: str
    content: str = ""
    start: float = 0.0
    end: float = 0.0
    who: str = ""
    when: str = ""
    why: str = ""


def digest(text: str) -> str:
    """How a name is kept: 32 hex digits that do not tell it."""
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def of_person(name: str) -> str:
    """How the name of a person is kept: capitals, spaces around it and the way its accents are encoded do not count."""
    return digest(unicodedata.normalize("NFC", name).lower())


def read(folder: Path) -> list[Removal]:
    """The removals of a run's folder, or of a release; none where there is no such file. Raises UsageError."""
    path = folder / FILE
    if not path.is_file():
        return []
    rows = read_json(path)
    try:
        found = [Removal(**row) for row in rows]
    except TypeError as error:
        raise UsageError(f"{path} is no list of removals: {error}") from None
    for number, row in enumerate(found, start=1):
        if row.kind not in KINDS:  # it would take nothing out, and nobody would know
            raise UsageError(f"{path}, entry {number}: kind is one of {', '.join(KINDS)}; it came as {shown(row.kind)}")
    return found


def write(folder: Path, rows: Iterable[Removal]) -> None:
    """Writes them, whole or not at all; each once, in an order that stays."""
    each = sorted(dict.fromkeys(rows), key=lambda row: (row.kind, row.key, row.start, row.who))
    write_text(folder / FILE, json.dumps([asdict(row) for row in each], indent=1) + "\n")


def asked(path: Path, run: Run) -> list[Removal]:
    """What a table asks for, told by content where the run has it.

    Args:
        path: a table with the columns kind (clip, video, person) and value, and maybe who, when, why.
        run: in whose clips it is looked up.

    Raises UsageError that names the line: another kind, or a clip or video that the run does not have.
    """
    wanted = list(rows_of(path, ("kind", "value"), ("who", "when", "why")))
    clips, videos = _known(run, {row.text("value") for row in wanted})
    found = []
    for row in wanted:
        kind, value = row.one_of("kind", KINDS), row.need("value")
        told = partial(Removal, who=digest(row.text("who").lower()), when=row.text("when"), why=row.text("why"))
        if kind == "person":
            found.append(told(kind="person", key=of_person(value)))
        elif kind == "clip":
            if value not in clips:
                raise UsageError(f"{row.place}, column value: {run.path} has no clip {value!r}")
            uri, content, start, end = clips[value]
            for key in (value, uri):
                found.append(told(kind="clip", key=digest(key), content=content, start=start, end=end))
        elif kind == "video":
            if value not in videos:
                raise UsageError(f"{row.place}, column value: {run.path} has no video {value!r}")
            found.append(told(kind="video", key=digest(value), content=videos[value]))
        else:
            raise UsageError(f"{row.place}, column kind: one of {', '.join(KINDS)}; it is empty")
    return found


def _known(run: Run, values: set[str]) -> tuple[dict[str, tuple[str, str, float, float]], dict[str, str]]:
    """Clips and videos of a run among some names."""
    clips: dict[str, tuple[str, str, float, float]] = {}
    videos: dict[str, str] = {}
    for shard in run.clips.shards():
        for row in run.clips.read(shard, ["id", "uri", "digest", "start", "end"]):
            if row["id"] in values:
                clips[row["id"]] = (row["uri"], row["digest"] or "", row["start"], row["end"])
            if row["uri"] in values:
                videos[row["uri"]] = row["digest"] or ""
    return clips, videos


def alike_of(run: Run) -> str | None:
    """SQL of what `hoigen duplicates` found to show the same, as `mark` takes it; None where it has not run."""
    path = sets.path_of(run, "near_duplicates")
    return rows_of_file(path) if path.is_file() else None


def mark(con: duckdb.DuckDBPyConnection, rows: Sequence[Removal], alike: str | None, schema: str = "main") -> None:
    """Makes the table `removed` in `schema`: ids of the clips of `clips` there that a removal is about, kept or not.

    Args:
        con: of `hoigen.rules.decide`.
        rows: the removals.
        alike: SQL of the rule of near-duplicates, with id and grp: what shows the same as a removed clip goes with it.
        schema: of the view `clips`.
    """
    import pyarrow as pa

    kinds = {
        "kind": pa.string(),
        "key": pa.string(),
        "content": pa.string(),
        "start": pa.float64(),
        "end": pa.float64(),
    }
    if not rows:
        con.execute(f"create or replace table {schema}.removed (id varchar)")
        return
    table: list[dict[str, Any]] = [{name: getattr(row, name) for name in kinds} for row in rows]
    con.register("removals", pa.Table.from_pylist(table, pa.schema(kinds)))
    overlaps = 'c.start < r."end" and c."end" > r.start'
    # Each way of its own: joined by what is equal, a long list costs no more than a short one.
    ways = [
        "left(sha256(trim(c.id)), 32) = r.key where r.kind = 'clip'",
        f"left(sha256(trim(c.uri)), 32) = r.key where r.kind = 'clip' and {overlaps}",
        f"c.digest = r.content where r.kind = 'clip' and r.content <> '' and {overlaps}",
        "left(sha256(trim(c.uri)), 32) = r.key where r.kind = 'video'",
        "c.digest = r.content where r.kind = 'video' and r.content <> ''",
    ]
    found = " union ".join(f"select c.id from {schema}.clips c join removals r on {way}" for way in ways)
    people = {row.key for row in rows if row.kind == "person"}
    if people:
        con.execute(
            f"""create or replace temp table people as
            with cells as (select id, meta, unnest(json_keys(meta)) as key from {schema}.clips where meta <> '{{}}')
            select id, unnest(case json_type(meta, '/' || key)
                when 'ARRAY' then json_transform(json_extract(meta, '/' || key), '["VARCHAR"]')
                else [json_extract_string(meta, '/' || key)] end) as name
            from cells where lower(key) in ({", ".join(map(text, PEOPLE))})"""
        )
        names = con.execute("select distinct name from people where name is not null").fetchall()
        asked_for = [{"name": name} for (name,) in names if of_person(name) in people]
        con.register("asked_for", pa.Table.from_pylist(asked_for, pa.schema({"name": pa.string()})))
        found += " union select id from people semi join asked_for using (name)"
    con.execute(f"create or replace table {schema}.removed as select id from ({found}) where id is not null")
    if alike is not None:
        con.execute(
            f"""insert into {schema}.removed select distinct a.id from {alike} a
            where a.grp in (select grp from {alike} where id in (select id from {schema}.removed))
                and a.id not in (select id from {schema}.removed)"""
        )
    con.unregister("removals")
    if people:
        con.unregister("asked_for")
        con.execute("drop table people")


def told(count: int) -> str:
    """How many clips are left out, as commands say it; empty for none."""
    return f"{count} removed: somebody asked for that ({FILE})" if count else ""
