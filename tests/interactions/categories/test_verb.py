"""hoigen categories: captions in, a Parquet file and a table out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hoigen.commands.categories import categories
from hoigen.core.errors import UsageError
from hoigen.interactions.categories import words

CAPTIONS = [
    ("a", "A man rides a bike and holds a smartphone."),
    ("b", "A river flows through a forest."),
    ("c", "Two women knead dough. They hold a bowl."),
]


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.jsonl"
    path.write_text("".join(json.dumps({"id": name, "caption": text}) + "\n" for name, text in CAPTIONS))
    return path


def test_rows_and_distribution(tmp_path: Path, captions: Path) -> None:
    found = categories(tmp_path / "run", captions=captions)
    rows = pq.read_table(tmp_path / "run" / "categories" / "categories.parquet").to_pylist()
    assert [(r["id"], r["action"], r["object"], r["hico_verb"], r["hico_object"]) for r in rows] == [
        ("a", "ride", "bicycle", "ride", "bicycle"),
        ("a", "hold", "cell phone", "hold", "cell_phone"),
        ("c", "knead", "dough", None, None),
        ("c", "hold", "bowl", "hold", "bowl"),
    ]
    assert {r["source"] for r in rows} == {"rules"}
    assert [r["interaction"] for r in rows] == ["one person", "one person", "several people", "several people"]
    assert (found.captions, found.with_interaction, found.rows) == (3, 2, 4)
    assert found.actions["hold"] == 2
    assert (found.kinds["one person"], found.kinds["several people"], found.kinds["close-up"]) == (1, 1, 0)
    assert (found.object_rows, found.verb_rows, found.pair_rows) == (3, 3, 3)
    shown = str(found)
    assert "15,000" in shown
    assert "7,000" in shown
    assert "object of 75.0%" in shown


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_all_formats_in_and_out(tmp_path: Path, format: str) -> None:
    given, out = tmp_path / f"given.{format}", tmp_path / f"it's out.{format}"
    if format == "csv":
        with given.open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *CAPTIONS])
    elif format == "jsonl":
        given.write_text("".join(json.dumps({"clip": name, "text": text}) + "\n" for name, text in CAPTIONS))
    else:
        pq.write_table(pa.table({"id": [n for n, _ in CAPTIONS], "caption": [t for _, t in CAPTIONS]}), given)
    assert categories(tmp_path / "run", captions=given, out=out).rows == 4
    if format == "csv":
        assert len(list(csv.DictReader(out.open()))) == 4
    elif format == "jsonl":
        assert len(out.read_text().splitlines()) == 4
    else:
        assert pq.read_table(out).num_rows == 4


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "cannot read .*No such file"),
        ("c.txt", "x", "ends in one of .csv, .tsv, .jsonl"),
        ("c.jsonl", '{"id": 1}\n', "caption, text"),
        ("c.jsonl", "[1]\n", "line 1"),
        ("c.jsonl", '{"id": 1, "caption": "A man"}\n{bad\n', "line 2"),
        ("c.parquet", "no parquet", "cannot be read as Parquet"),
        ("c.csv", "id,caption\n", "no captions"),
        ("c.csv", "name,words\na,b\n", "name, words"),
    ],
)
def test_bad_captions_are_named(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=said) as caught:
        categories(tmp_path / "run", captions=path)
    assert name in str(caught.value)
    assert not list((tmp_path / "run").rglob("*.parquet"))


def test_format_without_a_file_is_refused(tmp_path: Path, captions: Path) -> None:
    with pytest.raises(UsageError, match="--out"):
        categories(tmp_path / "run", captions=captions, format="csv")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run\.yaml"):
        categories(tmp_path)


def test_without_the_dictionary_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(words.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"hoigen\[categories\]"):
        words.dictionary()


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """More rows than one batch are written in several row groups and all are there."""
    from hoigen.interactions.categories import table
    from hoigen.interactions.categories.rows import by_rules

    texts = ((f"clip{n}", "A man holds a cup.") for n in range(table.BATCH + 10))
    tally = table.Tally()
    path = tmp_path / "categories.parquet"
    table.write(path, tally.through(by_rules(tally.texts(texts))), tally)
    file = pq.ParquetFile(path)
    assert file.metadata.num_rows == table.BATCH + 10
    assert file.metadata.num_row_groups == 2
    assert file.metadata.metadata[b"captions"] == str(table.BATCH + 10).encode()
