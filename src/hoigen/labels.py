"""What people said of clips: a table of yes and no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.data.rows import rows_of
from hoigen.errors import UsageError
from hoigen.joined import quoted

if TYPE_CHECKING:
    import duckdb

KEYS = ("id", "uri", "file")


@dataclass(frozen=True, slots=True)
class Labels:
    """What a labels file says: by which column its clips are named, and yes or no for each name."""

    path: Path
    key: str
    said: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Clips of a run that people have looked at: yes or no, and values by score (None: no value)."""

    said: list[bool]
    values: dict[str, list[float | None]]
    unknown: list[str]
    """Names in the labels file that are no clip that the run measures."""


def read_labels(path: Path) -> Labels:
    """Reads a table with a column id (a clip), or uri or file (all clips of a video), and a column label.

    Args:
        path: CSV, TSV, JSONL, JSON or Parquet.

    Raises UsageError that names the file, the line, the column, what came and what is allowed.
    """
    said: dict[str, bool] = {}
    key = ""
    for row in rows_of(path, ("label",), one_of=(KEYS,)):
        key = key or next(name for name in KEYS if name in row.cells)
        name, yes = row.need(key), row.yes_no("label")
        if said.setdefault(name, yes) != yes:
            raise UsageError(f"{row.place}: {key} {name!r} is labelled both yes and no")
    if not said:
        raise UsageError(f"{path} holds no labels")
    return Labels(path, key, said)


def match(con: duckdb.DuckDBPyConnection, labels: Labels, scores: Iterable[str]) -> Labelled:
    """The labelled clips among those of a connection of `decide.connect`, with their values.

    A video may be named by the end of its path (`a.mp4`, `set/a.mp4`), as long as that is one video.
    Raises UsageError when a name fits several videos, or no name fits any.
    """
    con.execute("create or replace temp table labels as select unnest(?) as name, unnest(?) as said", _columns(labels))
    if labels.key == "id":
        fits = "labels.name = scored.id"
    else:
        base = "parse_filename({})"
        fits = f"{base.format('labels.name')} = {base.format('scored.uri')} and "
        fits += "(labels.name = scored.uri or suffix(scored.uri, '/' || labels.name))"
    names = list(scores)
    columns = "".join(f", {quoted(name)}" for name in names)
    rows = con.execute(
        f"""select name, said, uri{columns} from scored join labels on {fits}
        where state = 'ok' order by video, n"""
    ).fetchall()
    _check(labels, rows)
    unknown = sorted(set(labels.said) - {row[0] for row in rows})
    values = {name: [row[3 + at] for row in rows] for at, name in enumerate(names)}
    return Labelled([row[1] for row in rows], values, unknown)


def _columns(labels: Labels) -> list[list[object]]:
    return [list(labels.said), list(labels.said.values())]


def _check(labels: Labels, rows: list[tuple[object, ...]]) -> None:
    if not rows:
        some = ", ".join(list(labels.said)[:3])
        raise UsageError(f"{labels.path}: no {labels.key} in it is a clip that this run measures, such as {some}")
    if labels.key == "id":
        return
    uris: dict[object, set[object]] = {}
    for name, _, uri, *_ in rows:
        uris.setdefault(name, set()).add(uri)
    for name, found in uris.items():
        if len(found) > 1:
            some = ", ".join(sorted(map(str, found))[:3])
            raise UsageError(f"{labels.path}: {name!r} fits several videos ({some}); give more of the path, or the id")
