"""What people said of clips: a CSV of yes and no."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.data.tables import quoted
from hoigen.errors import UsageError

if TYPE_CHECKING:
    import duckdb

WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
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
    """Reads a CSV with a column id (a clip), or uri or file (all clips of a video), and a column label.

    Raises UsageError that names the file, the line, what came and what is possible.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=";" if ";" in first and "," not in first else ",")
            return _read(path, reader, reader)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV in UTF-8: {error}") from None


def _read(path: Path, lines: Iterable[list[str]], place: object) -> Labels:
    rows = iter(lines)
    names = [name.strip().lower() for name in next(rows, [])]
    key = next((name for name in KEYS if name in names), None)
    if key is None or "label" not in names:
        came = ", ".join(names) or "nothing"
        raise UsageError(f"{path}: needs a column label, and one of id, uri, file; it has {came}")
    at, label_at = names.index(key), names.index("label")
    said: dict[str, bool] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}, line {getattr(place, 'line_num', 0)}"
        if len(row) <= max(at, label_at):
            raise UsageError(f"{where}: {len(names)} columns are named, this line has {len(row)}")
        name, word = row[at].strip(), row[label_at].strip().lower()
        if word not in WORDS:
            raise UsageError(f"{where}: label is yes or no, true or false, 1 or 0; it came as {row[label_at]!r}")
        if said.setdefault(name, WORDS[word]) != WORDS[word]:
            raise UsageError(f"{where}: {key} {name!r} is labelled both yes and no")
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
