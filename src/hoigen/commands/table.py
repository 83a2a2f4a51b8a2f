"""hoigen table: one row per clip."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.harmless import cell_sql, plain
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk
from hoigen.core.words import plural
from hoigen.data.parquet import quoted, text

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa


SHOWN = 10
"""Rows that a table shows of itself."""

Format = Literal["csv", "jsonl", "parquet"]
AsFormat = Annotated[
    Format | None, Setting("csv, jsonl or parquet; when not given, as the name of --out ends, else csv")
]
Out = Annotated[Path | None, Setting("the file to write; csv and jsonl go to the screen when not given")]
OfState = Annotated[Literal["kept", "dropped", "failed", "pending"] | None, Setting("only clips that ended so")]
KNOWN: Mapping[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class ClipTable:
    """A row for each clip of a run: the columns of `hoigen table`. Rows are read when they are asked for, in the order
    of the input; `print` shows the first ones, a notebook as a table.

    Args:
        con: a connection to the run's tables.
        query: SQL of the rows.
        removed: rows that are left out, since somebody asked for them to be taken out.
    """

    con: duckdb.DuckDBPyConnection = field(repr=False)
    query: str = field(repr=False)
    removed: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(row[0] for row in self.con.execute(f"describe {self.query}").fetchall())

    def __len__(self) -> int:
        row = self.con.execute(f"select count(*) from ({self.query})").fetchone()
        return int(row[0]) if row else 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        cursor = self.con.cursor().execute(self.query)
        names = [column[0] for column in cursor.description or []]
        while rows := cursor.fetchmany(1000):
            yield from (dict(zip(names, row, strict=True)) for row in rows)

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table, in memory. `batches` holds a part of them at a time."""
        return self.batches().read_all()

    def batches(self, rows: int = 65536) -> pa.RecordBatchReader:
        """The rows as Arrow batches.

        Args:
            rows: of one batch, at most.
        """
        return self.con.cursor().sql(self.query).to_arrow_reader(rows)

    def pandas(self) -> pd.DataFrame:
        """All rows as a DataFrame (needs pandas)."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    def __str__(self) -> str:
        from hoigen.rules import removals

        count = len(self)
        shown = [str(row) for row in itertools.islice(self, SHOWN)]
        more = [f"... {count - len(shown):,} more"] if count > len(shown) else []
        gone = [removals.told(self.removed)] if self.removed else []
        return "\n".join([f"{plural(count, 'clip')}, {plural(len(self.columns), 'column')}", *shown, *more, *gone])

    def _repr_html_(self) -> str:
        from html import escape

        def cell(value: Any) -> str:
            return "" if value is None else escape(f"{value:.6g}" if isinstance(value, float) else plain(str(value)))

        rows = [
            f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in row.values())}</tr>"
            for row in itertools.islice(self, SHOWN)
        ]
        head = "".join(f"<th>{escape(plain(name))}</th>" for name in self.columns)
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
            f"<p>{plural(len(self), 'clip')}, {plural(len(self.columns), 'column')}</p>"
        )


def table(
    run: RunFolder,
    *,
    format: AsFormat = None,
    out: Out = None,
    state: OfState = None,
) -> ClipTable:
    """Writes one row per clip: id, uri, start, end, state, rule, reason, a column per score, and the caption.

    What went in is what comes out: every clip of the input is a row, however it ended, but for those that somebody
    asked to be taken out, which are counted. Columns of the list that hoigen does not use (licence, split, ...) come
    out as they were; one whose name is taken is called list_NAME.
    Besides, why scores that were looked for are undefined, why a caption is doubted, width and height in pixels, and
    the digest of the video's content.

    Returns the rows, to be read as Arrow, as pandas or one by one; as a file when `out` says so.
    """
    out = None if out is None else on_disk(out, "--out")
    chosen = format or format_of(out)
    if out is not None or format is not None:
        check_out(chosen, out)
    found = _rows(Path(run), state)
    if out is not None:
        copy_to(found.con, found.query, chosen, out)
    return found


def command(
    run: RunFolder,
    *,
    format: AsFormat = None,
    out: Out = None,
    state: OfState = None,
) -> None:
    """`table` as it is typed: to the screen, or to a file."""
    from hoigen.rules import decide, removals

    out = None if out is None else on_disk(out, "--out")
    chosen = format or format_of(out)
    check_out(chosen, out)
    found = _rows(Path(run), state)
    if found.removed:
        print(removals.told(found.removed), file=sys.stderr)
    if out is None:
        _print(found.con, found.query, chosen)
        return
    written = copy_to(found.con, found.query, chosen, out)
    print(f"{out}: {written} of {plural(sum(decide.counts(found.con).values()), 'clip')}", file=sys.stderr)


def _rows(path: Path, state: str | None) -> ClipTable:
    from hoigen.data.run import Run
    from hoigen.rules import decide
    from hoigen.rules.joined import as_listed
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.captioned import captions_in_force

    folder = Run(path)
    _, steps = steps_of(folder)
    con = decide.connect(folder, steps)
    gone = """(decided.id in (select id from removed)
        or decided.id is null and decided.uri in (select uri from removed_uris))"""
    [(removed,)] = con.execute(f"select count(*) from decided where {gone}").fetchall()
    where = f"where not coalesce({gone}, false)" if removed else "where true"
    where += f" and state = '{state}'" if state else ""
    columns, source = "decided.* exclude (digest, video, n)", "decided"
    if steps:
        whys = []  # which numbers of a step have no value, and why; null where all have, or nothing was looked for yet
        for at, step in enumerate(steps):
            lacks = ", ".join(f"case when {quoted(name)} is null then {text(name)} end" for name in step.emits)
            why = f"coalesce(nullif(_reason_{at}, ''), {text(f'{step.name} gives no such number for this clip')})"
            whys.append(f"case when _state_{at} = 'ok' then nullif(concat_ws(', ', {lacks}), '') || ': ' || {why} end")
        each = ", ".join(whys)
        con.execute(
            f"create view lacking as select video, n, nullif(concat_ws('; ', {each}), '') as undefined from scored"
        )
        columns += ", lacking.undefined"
        source += " left join lacking using (video, n)"
    captions = captions_in_force(folder)
    if captions is not None and captions.shards():
        view = f"select id, text as caption, reason as why from {captions.layout().relation()}"
        con.execute(f"create view captions as {view}")
        columns += ", captions.caption, case when caption is not null then captions.why end as caption_doubts"
        source += " left join captions on captions.id = decided.id and state = 'kept'"
    taken = [name for name, *_ in con.execute(f"describe select {columns} from {source}").fetchall()]
    names = ", ".join(f"listed.{quoted(name)}" for name in as_listed(con, taken))
    query = f"select {columns}, {names} from {source} left join listed using (video, n) {where} order by video, n"
    return ClipTable(con, query, removed)


def format_of(out: Path | None) -> Format:
    """The format that the name of a file `out` ends with; csv for other names, and for the screen."""
    return KNOWN.get(out.suffix.lower() if out else "", "csv")


def check_out(format: Format, out: Path | None) -> None:
    """Raises UsageError where rows in `format` cannot be written to `out`; None is the screen."""
    if out is None and format == "parquet":
        raise UsageError("--format parquet needs --out FILE")
    if out is not None and format_of(out) != format and out.suffix.lower() in KNOWN:
        raise UsageError(f"--out {out} ends like {format_of(out)}, and --format is {format}")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"--out {out}: no such folder {out.parent}")
    if out is not None and out.exists() and not (out.is_file() or out.is_dir()):
        raise UsageError(f"--out {out} is a device or a pipe; without --out, csv and jsonl go to the screen")
    if out is not None and out.is_dir():
        raise UsageError(f"--out {out} is a folder; give the name of a file")


def copy_to(con: duckdb.DuckDBPyConnection, query: str, format: Format, out: Path) -> int:
    """Writes what `query` finds to the file `out`, whole or not at all. Returns how many rows were written."""
    import duckdb

    options = {"csv": "format csv, header true", "jsonl": "format json", "parquet": "format parquet"}[format]
    out = out.resolve()  # what a link leads to, not the link
    part = out.with_name(f".{out.name}.part")
    if format == "csv":
        query = _for_spreadsheets(con, query)
    con.execute("set preserve_insertion_order = true")
    try:
        row = con.execute(f"copy ({query}) to {text(str(part))} ({options})").fetchone()
        part.replace(out)
    except (OSError, duckdb.IOException) as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"--out {out} cannot be written: {error}") from None
    return int(row[0]) if row else 0


def _print(con: duckdb.DuckDBPyConnection, query: str, format: Format) -> None:
    import csv
    import json

    tty = sys.stdout.isatty()
    cursor = con.execute(_for_spreadsheets(con, query) if format == "csv" else query)
    names = [column[0] for column in cursor.description or []]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if format == "csv":
        writer.writerow(names)
    while rows := cursor.fetchmany(1000):
        for row in rows:
            if format == "csv":
                shown = [plain(value) if isinstance(value, str) and tty else value for value in row]
                writer.writerow(["" if value is None else value for value in shown])
            else:
                print(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=tty))


def _for_spreadsheets(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """The `query` with texts that a spreadsheet would run as formulas marked as texts."""
    columns = con.execute(f"describe {query}").fetchall()
    texts = [quoted(name) for name, kind, *_ in columns if kind == "VARCHAR"]
    changed = ", ".join(f"{cell_sql(name)} as {name}" for name in texts)
    return f"select * replace ({changed}) from ({query})" if texts else query
