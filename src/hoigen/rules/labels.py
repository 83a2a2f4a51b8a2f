"""What people said of clips: a table of yes and no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.core.words import plural
from hoigen.data.parquet import quoted
from hoigen.data.rows import rows_of

if TYPE_CHECKING:
    import duckdb

KEYS = ("id", "clip", "uri", "file")
VALUES = ("label", "value")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Clips of a run that people have looked at: yes or no, and values by score (None: no value).

    names: how many clips or videos are labelled. unknown: those of them that are no clip that the run measures. notes:
    what was left out.
    """

    said: list[bool]
    values: dict[str, list[float | None]]
    names: int
    unknown: list[str]
    notes: tuple[str, ...] = ()


def labelled(con: duckdb.DuckDBPyConnection, path: Path, question: str | None, scores: Iterable[str]) -> Labelled:
    """The clips that a table, or the annotations of a run, label, with their values.

    A video may be named by the end of its path (`a.mp4`, `set/a.mp4`), as long as that is one video.

    Args:
        con: of `decide.connect`.
        path: CSV, TSV, JSONL, JSON or Parquet with a column id or clip, or uri or file (all clips of a video), and a
            column label or value (yes or no); or the folder of a run. What most people say of a clip counts; a draw is
            left out.
        question: of the run's annotations; may be None where there is only one.
        scores: whose values are wanted.

    Raises UsageError that names the file, the line, the column, what came and what is allowed; and when a name fits
    several videos, or no name fits any.
    """
    said: dict[str, bool] = {}
    key, notes = "", []
    if path.is_dir():
        from hoigen.data.annotations import answers

        key = "id"
        said, split = answers(path, question, "--labels-question").yes_no()
        if split:
            notes.append(
                f"{plural(len(split), 'clip is', 'clips are')} left out: as many people say yes as no, such as "
                f"{split[0]}"
            )
    elif question is not None:
        raise UsageError(f"--labels-question is of the annotations of a run; {path} is no folder")
    else:
        column = ""
        for row in rows_of(path, (), one_of=(KEYS, VALUES)):
            key = key or next(name for name in KEYS if name in row.cells)
            column = column or next(name for name in VALUES if name in row.cells)
            name, yes = row.need(key), row.yes_no(column)
            if said.setdefault(name, yes) != yes:
                raise UsageError(f"{row.place}: {key} {name!r} is labelled both yes and no")
        if not said:
            raise UsageError(f"{path} holds no labels")
        key = "id" if key == "clip" else key
    wanted = list(scores)
    rows = clips_named(con, path, key, list(said), wanted)
    unknown = sorted(said.keys() - {row[0] for row in rows})
    values = {name: [row[3 + at] for row in rows] for at, name in enumerate(wanted)}
    return Labelled([said[row[0]] for row in rows], values, len(said), unknown, tuple(notes))


def clips_named(
    con: duckdb.DuckDBPyConnection, path: Path, key: str, names: Sequence[str], scores: Sequence[str] = ()
) -> list[tuple[Any, ...]]:
    """The clips of a run that a file names, in the order of the run.

    Args:
        con: of `decide.connect`.
        path: the file, for errors.
        key: by what it names them: id (a clip), or uri or file (all clips of a video).
        names: what it has there, each once.
        scores: columns to give as well.

    Returns (name, id, uri, *scores), of those that were measured. Raises UsageError when a name fits several videos, or
    no name fits any.
    """
    con.execute("create or replace temp table named as select unnest(?::varchar[]) as name", [list(names)])
    if key == "id":
        fits = "named.name = scored.id"
    else:
        base = "parse_filename({})"
        fits = f"{base.format('named.name')} = {base.format('scored.uri')} and "
        fits += "(named.name = scored.uri or suffix(scored.uri, '/' || named.name))"
    columns = "".join(f", {quoted(name)}" for name in scores)
    rows: list[tuple[Any, ...]] = con.execute(
        f"""select name, id, uri{columns} from scored join named on {fits}
        where state = 'ok' order by video, n"""
    ).fetchall()
    if not rows:
        some = ", ".join(names[:3])
        raise UsageError(f"{path}: no {key} in it is a clip that this run measures, such as {some}")
    if key == "id":
        return rows
    uris: dict[str, set[str]] = {}
    for name, _, uri, *_ in rows:
        uris.setdefault(name, set()).add(uri)
    for name, found in uris.items():
        if len(found) > 1:
            some = ", ".join(sorted(found)[:3])
            raise UsageError(f"{path}: {name!r} fits several videos ({some}); give more of the path, or the id")
    return rows
