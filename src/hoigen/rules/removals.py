"""What somebody asked to be taken out of a dataset: kept in the run, carried on from release to release.

`hoigen.rules.decide` walks it as a rule named `removed`, so that no command that asks which clips are kept sees one.

A clip is told again by what it shows, not by its name: by the content of its video and the stretch of it, so that it
does not come back with other boundaries, under another path, or out of another run. Names of people and of files are
kept as digests: a list of what was removed must not tell what it was.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError, shown
from hoigen.core.words import plural
from hoigen.data.files import write_text
from hoigen.data.parquet import one_file, rows_of_file, text
from hoigen.data.rows import read_json, rows_of
from hoigen.data.run import Run
from hoigen.data.tables import digest_of
from hoigen.rules import sets
from hoigen.rules.joined import attach_clips, connection

if TYPE_CHECKING:
    import duckdb

FILE = "removals.json"
WHY = "somebody asked for it to be taken out"
"""Why a clip that the rules keep is given to nobody."""
KINDS = ("clip", "video", "person")
CATEGORIES = ("privacy", "rights", "harm", "other")
"""Why somebody asked, in a word that tells nothing of whom: who is seen or heard in it; whose it is; what it shows."""
PEOPLE = ("person", "people", "actor", "author", "creator", "channel", "uploader", "owner", "speaker")
"""Columns of a list that say who is in a video, or whose it is, in capitals or not. A cell may be a list of names."""
SEPARATORS = re.compile(r"[;,|/&\n]")
"""Between names of people in one cell."""
GIVEN_OUT = ("kind", "key", "content", "place", "start", "end", "when", "category")
"""What a release has of a removal."""
NEAR, NEAREST = 50, 3
"""Of the names that a misspelt one may have meant, how many are compared letter by letter, and how many are told."""
LEAST = 4
"""Letters of the name of a file by which it is looked for in addresses."""
KEEP_FROM_CLIPS = 20_000
"""From so many clips on, which of them are removed is kept beside the copies of joined parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One thing that somebody asked to be taken out.

    Args:
        kind: clip, video or person.
        key: digest of the clip's id, of the video's address, or of the person's name in small letters.
        content: digest of the video's content; "" where it was not known.
        place: of a clip, digest of its video's address; "" where it was not known.
        start: of a clip, in seconds; 0 of others.
        end: of a clip; 0 of others.
        who: digest of the name of the person who asked.
        when: the day, YYYY-MM-DD.
        category: of CATEGORIES; "" where it was not said.
        why: in words, which stay in the run.
    """

    kind: str
    key: str
    content: str = ""
    place: str = ""
    start: float = 0.0
    end: float = 0.0
    who: str = ""
    when: str = ""
    category: str = ""
    why: str = ""

    @property
    def given_out(self) -> Removal:
        """What others get to see of it: no word of who asked and why, of the rest only what has one form."""
        told = {name: getattr(self, name) for name in GIVEN_OUT}
        try:
            date.fromisoformat(self.when)
        except ValueError:
            told["when"] = ""
        return Removal(**told)


def digest(text: str) -> str:
    """How a name is kept: 32 hex digits that do not tell it."""
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def of_person(name: str) -> str:
    """How the name of a person is kept: capitals, spaces, the way its accents are encoded and letters of full width do
    not count."""
    return digest(" ".join(unicodedata.normalize("NFKC", name).lower().split()))


def keys_of_people(cell: str) -> set[str]:
    """By what the people of a cell are told: by all of it, by each of its names, and `Lee, Ann` as `Ann Lee`, too."""
    parts = [part for part in SEPARATORS.split(cell) if part.strip()]
    names = {cell, *parts}
    if len(parts) == 2 and "," in cell:
        names.add(" ".join(reversed(parts)))
    before = digest(unicodedata.normalize("NFC", cell).lower())  # lists of removals have these, too
    return {before, *map(of_person, names)}


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
        for one in fields(Removal):
            value = getattr(row, one.name)
            kinds, what = ((int, float), "a number") if one.type == "float" else ((str,), "a text")
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise UsageError(f"{path}, entry {number}: {one.name}: {what}; it came as {shown(value)}")
        if row.kind not in KINDS:  # it would take nothing out, and nobody would know
            raise UsageError(f"{path}, entry {number}: kind is one of {', '.join(KINDS)}; it came as {shown(row.kind)}")
    return found


def in_force(run: Run) -> list[Removal]:
    """The removals of a run, with those of the clips that its own come of, or that come of its own: what was asked of a
    clip holds for its children, and the other way round. Raises UsageError."""
    folders = [run.path, run.children_folder, *([parents.path] if (parents := run.parents) is not None else [])]
    return list(dict.fromkeys(row for folder in folders for row in read(folder)))


def write(folder: Path, rows: Iterable[Removal]) -> None:
    """Writes them, whole or not at all; each once, in an order that stays."""
    each = sorted(dict.fromkeys(rows), key=lambda row: (row.kind, row.key, row.start, row.who))
    told = [{name: value for name, value in asdict(row).items() if value != ""} for row in each]
    write_text(folder / FILE, json.dumps(told, indent=1) + "\n")


def asked(path: Path, run: Run) -> tuple[list[Removal], list[str]]:
    """What a table asks for, told by content where the run has it.

    Args:
        path: a table with the columns kind (clip, video, person) and value, and maybe who, when, category, why, ahead
            (yes: the run may have nothing of that name yet, and later ones may).
        run: in whose clips, and in whose children's parents, it is looked up.

    Returns the removals, and a line for each that matches nothing in the run and holds for what comes.
    Raises UsageError that names each line at fault: another kind or category, a day that is none, or a name that
    matches nothing and is not said to be meant for later, with the names that may be meant.
    """
    wanted = list(rows_of(path, ("kind", "value"), ("who", "when", "category", "why", "ahead")))
    names: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for row in wanted:
        if not (kind := row.one_of("kind", KINDS)):
            raise UsageError(f"{row.place}, column kind: one of {', '.join(KINDS)}; it is empty")
        names[kind].append(row.need("value"))
    found: list[Removal] = []
    ahead: list[str] = []
    lost: list[str] = []
    with connection() as con:
        attach_clips(con, run, "main")
        known = _known(con, run, names)
        for row in wanted:
            kind, value = row.one_of("kind", KINDS), row.need("value")
            told = partial(
                Removal, kind=kind, who=digest(row.text("who").lower()), when=row.text("when"), why=row.text("why"),
                category=row.one_of("category", CATEGORIES),
            )  # fmt: skip
            try:
                date.fromisoformat(row.text("when") or "2000-01-01")
            except ValueError:
                raise UsageError(
                    f"{row.place}, column when: a day, such as 2026-11-27; it came as {shown(row.text('when'))}"
                ) from None
            key = of_person(value) if kind == "person" else digest(value)
            there = known[kind].get(key if kind == "person" else value)
            if there is None:
                later = bool(row.text("ahead")) and row.yes_no("ahead")
                near = "" if later else _near(con, kind, value)
                (ahead if later else lost).append(
                    f"{row.place}, column value: {run.path} has no {kind} {value!r}{near}"
                )
                there = [{}]
            found += [told(key=key) if not facts else told(**{"key": key} | facts) for facts in there]
    if lost:
        what = f"{path}: {plural(len(lost), 'removal matches', 'removals match')} nothing; nothing was written"
        way = "Mend the names; what is meant for clips that the run does not have yet says so: column ahead, yes"
        raise UsageError("\n  ".join([what, *lost, way]))
    return found, ahead


def _known(con: duckdb.DuckDBPyConnection, run: Run, names: dict[str, list[str]]) -> dict[str, dict[str, list[Any]]]:
    """Kind -> name -> what tells such a thing again, of the names that the run has; people by the digest of theirs.

    Args:
        con: with the clips of the run. Gets the view `every` of its clips and those that they come of, and, where
            people are asked for, the table `people`.
        run: the run.
        names: kind -> names.
    """
    import pyarrow as pa

    known: dict[str, dict[str, list[Any]]] = {kind: {} for kind in KINDS}
    every = "select * from main.clips"
    parent = "null"
    if run.parents is not None:
        attach_clips(con, run.parents, "parents")
        every += " union all by name select * from parents.clips"
        parent = "json_extract_string(meta, '/parent')"
    con.execute(f"create view every as {every}")
    con.register("named", pa.table({"name": pa.array([*names["clip"], *names["video"]], pa.string())}))
    rows = con.execute(
        f"""with own as (select id as name, unnest([id, {parent}]) as id from every semi join named on id = name)
        select distinct own.name, c.id, c.uri, coalesce(c.digest, ''), c.start, c."end"
        from own join every c using (id) where c.uri is not null order by all"""
    ).fetchall()
    for name, clip, uri, content, start, end in rows:
        facts = {"key": digest(clip), "place": digest(uri), "content": content, "start": start, "end": end}
        known["clip"].setdefault(name, []).append(facts)
    for uri, content in con.execute(
        "select uri, coalesce(max(digest), '') from every semi join named on uri = name group by uri"
    ).fetchall():
        known["video"][uri] = [{"content": content}]
    if names["person"]:
        _find_people(con, "every")
        asked_for = {of_person(name) for name in names["person"]}
        found = {key for name in _names_of(con, asked_for) for key in keys_of_people(name)}
        known["person"] = {key: [{}] for key in found & asked_for}
    return known


def _near(con: duckdb.DuckDBPyConnection, kind: str, value: str) -> str:
    """The end of a sentence: the names of the run that `value` may have meant, and for people where they are looked
    for. A video may be told by the name of its file, or by the id that is in its address."""
    column, table = {"clip": ("id", "every"), "video": ("uri", "every"), "person": ("name", "people")}[kind]
    found = con.execute(
        f"""select {column} from (select distinct {column} from {table} where {column} is not null)
        order by jaro_winkler_similarity(lower({column}), lower(?)) desc, {column} limit {NEAR}""",
        [value],
    ).fetchall()
    names = {name.lower(): name for (name,) in found}
    last = re.split(r"[/=\\]", value.strip())[-1]
    stem = last.rpartition(".")[0] or last
    same = []
    if kind == "video" and len(stem) >= LEAST:
        same = con.execute(
            "select distinct uri from every where contains(lower(uri), lower(?)) order by uri limit ?", [stem, NEAREST]
        ).fetchall()
    close = [names[each] for each in difflib.get_close_matches(value.lower(), names, n=NEAREST)]
    close = list(dict.fromkeys([*(uri for (uri,) in same), *close]))[:NEAREST]
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    if kind == "person" and not found:
        return f": no row of its list has a column of {', '.join(PEOPLE)}"
    return hint


def mark_run(
    con: duckdb.DuckDBPyConnection, run: Run, rows: Sequence[Removal], schema: str = "main", state: object = None
) -> None:
    """Makes the tables of `mark` for a run: by what `hoigen duplicates` found to show the same in it, too, and by the
    clips that its own come of (`hoigen children`).

    Of many clips the answer is kept in the run (`joined/removed.parquet`), named after all that it was made of: to look
    at each clip's id, address and list again costs seconds for a million.

    Args:
        con: with the clips of the run in `schema`.
        run: the run.
        rows: the removals.
        schema: of the view `clips`.
        state: what the view was read from, as `hoigen.rules.joined.attach` says it; None: nothing is kept.
    """
    import duckdb

    path = sets.path_of(run, "near_duplicates")
    alike = path if rows and path.is_file() else None
    made_of: list[object] = [2, PEOPLE, [asdict(row) for row in rows], state, alike and os.stat(alike).st_mtime_ns]
    above = run.parents if rows else None
    if above is not None:
        upper = f"{schema}_parents"
        mark_run(con, above, rows, upper, attach_clips(con, above, upper).state)
        made_of.append(con.execute(f"select id from {upper}.removed order by id").fetchall())
    kept, name = run.joined_file("removed"), digest_of(made_of)
    if rows and state is not None and kept.is_file():
        try:
            said = con.execute(f"select value from parquet_kv_metadata({one_file(kept)}) where key = 'of'").fetchall()
            if [bytes(value).decode() for (value,) in said] == [name]:
                for column in ("id", "uri"):
                    con.execute(
                        f"create or replace table {schema}.removed{'' if column == 'id' else '_uris'} as "
                        f"select {column} from {rows_of_file(kept)} where {column} is not null"
                    )
                return
        except duckdb.Error:
            pass  # damaged: it is made anew
    mark(con, rows, rows_of_file(alike) if alike is not None else None, schema)
    if above is not None:
        con.execute(
            f"""insert into {schema}.removed select distinct id from {schema}.clips
            where json_extract_string(meta, '/parent') in (select id from {upper}.removed)
                and id not in (select id from {schema}.removed)"""
        )
    if rows and state is not None:
        [(clips,)] = con.execute(f"select count(*) from {schema}.clips").fetchall()
        if clips >= KEEP_FROM_CLIPS:
            query = (
                f"select id, null as uri from {schema}.removed union all select null, uri from {schema}.removed_uris"
            )
            part = kept.with_name(f".{kept.name}.{os.getpid()}.part")
            run.check_links()
            try:
                kept.parent.mkdir(exist_ok=True)
                con.execute(f"copy ({query}) to {text(str(part))} (format parquet, kv_metadata {{of: {text(name)}}})")
                part.replace(kept)
            except (OSError, duckdb.IOException):
                part.unlink(missing_ok=True)


def mark(con: duckdb.DuckDBPyConnection, rows: Sequence[Removal], alike: str | None, schema: str = "main") -> None:
    """Makes the tables `removed` (ids of the clips of `clips` in `schema` that a removal is about, kept or not) and
    `removed_uris` (the same of videos of which no clip was found yet).

    Args:
        con: a connection of `hoigen.rules.joined`.
        rows: the removals.
        alike: SQL of the rule of near-duplicates, with id and grp: what shows the same as a removed clip goes with it.
        schema: of the view `clips`.
    """
    import pyarrow as pa

    con.execute(f"create or replace table {schema}.removed (id varchar)")
    con.execute(f"create or replace table {schema}.removed_uris (uri varchar)")
    if not rows:
        return
    kinds = {name: pa.string() for name in ("kind", "key", "content", "place")}
    kinds |= {"start": pa.float64(), "end": pa.float64()}
    table = [{name: getattr(row, name) for name in kinds} for row in rows]
    con.register("removals", pa.Table.from_pylist(table, pa.schema(kinds)))
    con.execute(  # one look at each clip; the rest is about those that may be meant
        f"""create or replace temp table suspects as
        select id, uri, digest, start, "end", left(sha256(trim(id)), 32) as named, left(sha256(trim(uri)), 32) as place
        from {schema}.clips where named in (select key from removals where kind = 'clip')
            or place in (select unnest([key, place]) from removals where kind in ('clip', 'video'))
            or digest in (select content from removals where content <> '')"""
    )
    same_stretch = 'c.start < r."end" and c."end" > r.start'
    ways = (
        "r.kind = 'clip' and c.named = r.key",
        f"r.kind = 'clip' and c.place in (r.place, r.key) and {same_stretch}",
        f"r.kind = 'clip' and c.digest = r.content and r.content <> '' and {same_stretch}",
        "r.kind = 'video' and c.place = r.key",
        "r.kind = 'video' and c.digest = r.content and r.content <> ''",
    )
    found = " union ".join(f"select c.id, c.uri from suspects c join removals r on {way}" for way in ways)
    if people := {row.key for row in rows if row.kind == "person"}:
        _find_people(con, f"{schema}.clips")
        con.register("asked_for", pa.table({"name": pa.array(_names_of(con, people), pa.string())}))
        found += " union select id, uri from people semi join asked_for using (name)"
    con.execute(f"create or replace temp table hits as {found}")
    con.execute(f"insert into {schema}.removed select distinct id from hits where id is not null")
    con.execute(f"insert into {schema}.removed_uris select distinct uri from hits where id is null")
    if alike is not None:
        con.execute(
            f"""insert into {schema}.removed select distinct a.id from {alike} a
            where a.grp in (select grp from {alike} where id in (select id from {schema}.removed))
                and a.id not in (select id from {schema}.removed)"""
        )
    for name in ("removals", *(("asked_for",) if people else ())):
        con.unregister(name)
    for name in ("suspects", "hits", *(("people",) if people else ())):
        con.execute(f"drop table {name}")


def _find_people(con: duckdb.DuckDBPyConnection, clips: str) -> None:
    """Makes the table `people`: id, uri and name of everybody whom the list names, of the view `clips`."""
    named = "|".join(PEOPLE)
    con.execute(  # a text is searched much quicker than it is read as JSON
        f"""create or replace temp table people as
        with cells as (select id, uri, meta, unnest(json_keys(meta)) as key from {clips}
            where regexp_matches(meta, '"({named})" *:', 'i'))
        select id, uri, unnest(case json_type(meta, '/' || key)
            when 'ARRAY' then json_transform(json_extract(meta, '/' || key), '["VARCHAR"]')
            else [json_extract_string(meta, '/' || key)] end) as name
        from cells where lower(key) in ({", ".join(map(text, PEOPLE))})"""
    )


def _names_of(con: duckdb.DuckDBPyConnection, people: set[str]) -> list[str]:
    """How the list writes the names of some people, who are told by digests."""
    cursor = con.execute("select distinct name from people where name is not null")
    found: list[str] = []
    while names := cursor.fetchmany(1 << 16):
        found += [name for (name,) in names if not people.isdisjoint(keys_of_people(name))]
    return found


def gone(run: Run) -> set[str]:
    """Ids of the clips of a run that somebody asked to be taken out, kept or not."""
    if not (rows := in_force(run)):
        return set()
    with connection() as con:
        mark_run(con, run, rows, "main", attach_clips(con, run, "main").state)
        return {clip for (clip,) in con.execute("select id from removed").fetchall()}


def unnamed(run: Run, rows: Sequence[Removal] | None = None) -> str:
    """What to know where people are to be taken out of a run whose list names nobody; empty where all is well.

    Args:
        run: the run.
        rows: the removals; those that are in force when not given.
    """
    people = {row.key for row in (in_force(run) if rows is None else rows) if row.kind == "person"}
    if not people:
        return ""
    with connection() as con:
        for schema, one in (("main", run), ("parents", run.parents)):
            if one is None:
                continue
            attach_clips(con, one, schema)
            names = (
                f"""select 1 from {schema}.clips where regexp_matches(meta, '"({"|".join(PEOPLE)})" *:', 'i') limit 1"""
            )
            if con.execute(names).fetchone() is not None:
                return ""
    return (
        f"{plural(len(people), 'person has', 'people have')} asked to be taken out, and the list of {run.path} names "
        f"nobody (columns {', '.join(PEOPLE)}): none of its clips was left out for that; name their clips or videos"
    )


def told(count: int) -> str:
    """How many clips are left out, as commands say it; empty for none."""
    return f"{count} removed: somebody asked for that ({FILE})" if count else ""
