"""Tables that people bring: the same rows in every form, and what is wrong named by file, line and column."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoigen.core.errors import UsageError
from hoigen.data.rows import read_json, read_text, rows_of


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def texts(path: Path, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row.text(column) for column in columns) for row in rows_of(path, columns)]


SAID = [("c1", "A cup, red"), ("c2", 'two\nlines; "so"'), ("c3", "ä")]


def forms(folder: Path) -> list[Path]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def sheet(name: str, sign: str, end: str = "\r\n", before: str = "") -> Path:
        out = io.StringIO()
        csv.writer(out, delimiter=sign, lineterminator=end).writerows([("Clip ", "NOTE"), *SAID])
        return written(folder / name, before + out.getvalue())

    rows = [{"clip": clip, "note": note} for clip, note in SAID]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return [
        sheet("a.csv", ","),
        sheet("excel.csv", ";", before="\ufeff"),
        sheet("sep.csv", ";", before="sep=;\r\n"),
        sheet("tabs.csv", "\t"),
        sheet("a.tsv", "\t", "\n"),
        written(folder / "a.jsonl", "\n\n".join(map(json.dumps, rows))),
        written(folder / "a.json", "\ufeff" + json.dumps(rows)),
        folder / "a.parquet",
    ]


def test_the_same_rows_in_every_form(tmp_path: Path) -> None:
    for path in forms(tmp_path):
        assert texts(path, "clip", "note") == SAID, path.name


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_pythons_writer_writes_is_read(tmp_path: Path, rows: list[tuple[str, str]], sign: str) -> None:
    rows = [(f"k{a}", b) for a, b in rows]
    try:
        out = io.StringIO()
        csv.writer(out, delimiter=sign).writerows([("a", "b"), *rows])
        path = written(tmp_path / "h.csv", out.getvalue())
    except (UnicodeEncodeError, csv.Error):
        return
    if "\0" in out.getvalue():
        return
    assert texts(path, "a", "b") == [(a.strip(), b.strip()) for a, b in rows]


def test_cells_as_texts_words_and_numbers(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": [7.0, None], "ok": [True, False], "rate": [0.5, float("nan")], "kind": ["In-Door", None]}
    pq.write_table(pa.table({**columns, "list": [[1], [2]]}), tmp_path / "a.parquet")
    one, two = rows_of(tmp_path / "a.parquet", [*columns, "list"])
    assert (one.text("id"), two.text("id")) == ("7", "")
    assert (one.yes_no("ok"), two.yes_no("ok")) == (True, False)
    assert (one.number("rate"), two.number("rate")) == (0.5, None)
    assert (one.one_of("kind", ["in_door"]), two.one_of("kind", ["in_door"])) == ("in_door", "")
    for ask, told in [
        (lambda: two.need("kind"), "row 2, column kind: it is empty"),
        (lambda: one.text("list"), r"row 1, column list: a text; it came as \[1\]"),
        (lambda: one.one_of("kind", ["indoor", "outdoor"]), "one of indoor, outdoor; it came as 'In-Door'; did you"),
        (
            lambda: one.yes_no("kind"),
            "column kind: yes or no, keep or drop, true or false, 1 or 0; it came as 'In-Door'",
        ),
        (lambda: one.number("kind"), "column kind: a number; it came as 'In-Door'"),
        (lambda: one.number("rate", "1 or more", least=1), "column rate: 1 or more; it came as '0.5'"),
    ]:
        with pytest.raises(UsageError, match=told):
            ask()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a;b\n0,5;x\n", 0.5), ("a,b\n0.5,x\n", 0.5), ('a,b\n"0,5",x\n', None), ("a;b\ninf;x\n", None)],
)
def test_a_comma_in_numbers_where_semicolons_part_cells(tmp_path: Path, text: str, expected: float | None) -> None:
    [row] = rows_of(written(tmp_path / "n.csv", text))
    if expected is None:
        with pytest.raises(UsageError, match="line 2, column a: a number; it came as"):
            row.number("a")
    else:
        assert row.number("a") == expected


def test_nameless_columns_and_empty_lines_of_spreadsheets(tmp_path: Path) -> None:
    path = written(tmp_path / "s.csv", "id,label,,\n,,,\na,yes,,\n\n   \nb,no,stray,\n")
    assert texts(path, "id", "label") == [("a", "yes"), ("b", "no")]


@pytest.mark.parametrize(
    ("name", "content", "options", "told"),
    [
        ("a.csv", "", {}, "a.csv is empty"),
        ("a.csv", "a,b\n1\n", {}, "line 2: 1 cells; the header has 2 columns"),
        ("a.csv", 'a,b\n"x\ny",1\n2\n', {}, "line 4: 1 cells"),
        ("a.csv", "sep=;\na;b\n1\n", {}, "line 3: 1 cells"),
        ("a.csv", 'a,b\n"x,1\n', {}, "not valid CSV"),
        ("a.csv", "a,A\n1,2\n", {}, "two columns are named 'a'"),
        ("a.csv", "lable,id\nyes,1\n", {"needed": ["label"]}, "line 2: no column label; is it 'lable'\\? Columns here"),
        ("a.csv", "id,x\n1,2\n", {"others": False, "needed": ["id"], "optional": ["y"]}, "unknown column 'x'.*id, y"),
        ("a.csv", "id,rator\n1,2\n", {"needed": ["id"], "optional": ["rater"]}, "did you mean 'rater'"),
        ("a.csv", "ids,x\n1,2\n", {"one_of": [["id", "uri"]]}, "one of the columns id, uri is needed; is it 'ids'"),
        ("a.csv", b"a,b\n1,2\n\xe4,3\n", {}, r"line 3: not UTF-8 text \(byte b'\\xe4' at 1\)"),
        ("a.csv", "a,b\n".encode("utf-16"), {}, "is UTF-16; save it as UTF-8"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', {}, "line 2: not valid JSON"),
        ("a.jsonl", '{"a": 1}\n[2]\n', {}, r"line 2: a row is an object; it came as \[2\]"),
        ("a.jsonl", '{"a": 1, "a": 2}\n', {}, "line 1: two columns are named 'a'"),
        ("a.jsonl", '{"a": 1, "A ": 2}\n', {}, "line 1: two columns are named 'a'"),
        ("a.jsonl", '{"a": 1}\n{"b": 2}\n', {"needed": ["a"]}, "line 2: no column a. Columns here: b"),
        ("a.jsonl", "[" * 100_000 + "\n", {}, "line 1: not valid JSON"),
        ("a.json", '{"a": 1}', {}, "a list of objects, one a row; it came as {'a': 1}"),
        ("a.json", '[{"a": 1}, 2]', {}, r"a.json, \[1\]: a row is an object; it came as 2"),
        ("a.json", "[", {}, "a.json is not valid JSON"),
        ("a.parquet", "PAR1", {}, "cannot be read as Parquet"),
        ("a.xlsx", "PK", {}, "ends in one of .csv, .tsv, .jsonl"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, name: str, content: str | bytes, options: dict[str, Any], told: str
) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(UsageError, match=told) as error:
        list(rows_of(path, **options))
    assert str(path) in str(error.value)


def test_a_parquet_file_names_missing_columns_and_is_read_only_where_asked(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"Id": ["a"], "picture": [b"\0" * 100]}), tmp_path / "a.parquet")
    [row] = rows_of(tmp_path / "a.parquet", ("id",))
    assert row.cells == {"id": "a"}
    with pytest.raises(UsageError, match=r"no column label\. Columns here: id, picture"):
        list(rows_of(tmp_path / "a.parquet", ("label",)))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for ask in (lambda path: list(rows_of(path)), read_text, read_json):
        with pytest.raises(UsageError, match=r"cannot read .*none\.json: No such file"):
            ask(tmp_path / "none.json")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match=r"cannot read .*folder\.csv: Is a directory"):
        list(rows_of(tmp_path / "folder.csv"))


def test_long_cells_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "long.csv", "a,b\n" + "x" * 300_000 + ",1\n")
    [row] = rows_of(path)
    assert len(row.text("a")) == 300_000
