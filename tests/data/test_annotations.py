"""The annotations of a run: what was said stays, whoever writes, however they end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoigen.core.errors import UsageError
from hoigen.data import annotations, side
from hoigen.data.annotations import Annotation, Annotations, answers
from hoigen.data.run import Run


def said(clip: str, value: str | None, who: str = "ann", question: str = "good", note: str = "") -> Annotation:
    return Annotation(clip=clip, question=question, value=value, who=who, tool="test", note=note)


def test_what_was_said_is_read_and_the_last_word_counts(tmp_path: Path) -> None:
    table = Annotations(tmp_path)
    assert table.history() == table.latest() == []
    assert not Path(table.folder.uri).exists(), "reading makes nothing"
    before = datetime.now(UTC)
    first = table.append([said("c1", "yes"), said("c2", "no", note="blurred")])
    again = Annotations(tmp_path).append(
        [said("c1", "no"), said("c1", "yes", "bob"), said("c1", "3", question="stars")]
    )
    after = datetime.now(UTC)
    rows = table.history()
    assert rows == [*first, *again]
    assert all(before <= row.when <= after and row.when.utcoffset() == timedelta(0) for row in rows if row.when)
    assert [(row.clip, row.who, row.value) for row in table.latest("good")] == [
        ("c2", "ann", "no"),
        ("c1", "ann", "no"),
        ("c1", "bob", "yes"),
    ]
    assert len(table.latest()) == 4
    table.append([said("c1", None)])
    assert [(row.clip, row.who) for row in table.latest("good")] == [("c2", "ann"), ("c1", "bob")], "taken back"
    assert len(table.history()) == 6, "and still known"
    table.append([said("c1", "yes")])
    assert len(table.latest("good")) == 3


def test_moments_are_kept_in_utc_and_decide_what_was_last(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))
    table = Annotations(tmp_path)
    table.append([replace(said("c", "late"), when=noon + timedelta(seconds=1))])
    [row] = table.append([replace(said("c", "early"), when=noon)])
    assert row.when == datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)
    assert [each.value for each in Annotations(tmp_path).history()] == ["early", "late"]
    assert [each.value for each in table.latest()] == ["late"]


def test_a_clock_that_goes_back_does_not_turn_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        at = datetime(2026, 1, 1, tzinfo=UTC)

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            cls.at -= timedelta(seconds=1)
            return cls.at

    monkeypatch.setattr(annotations, "datetime", Clock)
    table = Annotations(tmp_path)
    for value in ("a", "b", "c"):
        table.append([said("c1", value), said("c1", value + value)])
    assert [row.value for row in table.latest()] == ["cc"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"clip": ""}, "clip of an annotation"),
        ({"who": " "}, "who of an annotation"),
        ({"question": 3}, "question of an annotation"),
        ({"value": ""}, "None to take it back"),
        ({"value": 1.5}, "value of an annotation"),
        ({"when": datetime(2026, 1, 1)}, "a time with its zone"),
    ],
)
def test_what_is_no_annotation(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(said("c1", "yes"), **changed)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["1", "2", None])), max_size=12)
)
def test_the_last_word_by_hand(
    tmp_path_factory: pytest.TempPathFactory, words: list[tuple[str, str, str | None]]
) -> None:
    table = Annotations(tmp_path_factory.mktemp("run"))
    last: dict[tuple[str, str], str | None] = {}
    for at, (clip, who, value) in enumerate(words):
        table.append([said(clip, value, who)])
        last[clip, who] = value
        if at % 5 == 3:
            table.compact()
    found = {(row.clip, row.who): row.value for row in table.latest()}
    assert found == {key: value for key, value in last.items() if value is not None}
    assert [(row.clip, row.who, row.value) for row in table.history()] == words


def test_many_files_become_one_and_any_tool_of_tables_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotations, "MANY", 5)
    table = Annotations(tmp_path)
    for at in range(13):
        table.append([said(f"c{at}", "yes")])
    assert len(os.listdir(table.folder.uri)) <= 5 + 1
    assert len(table.history()) == 13
    query = f"select count(*), count(distinct clip), max(\"when\") from '{table.folder.uri}/*.parquet'"
    count, clips, when = duckdb.execute(query).fetchone() or ()
    assert (count, clips) == (13, 13)
    assert when == table.history()[-1].when


def test_a_kill_between_the_new_file_and_the_old_ones_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Annotations(tmp_path)
    for at in range(4):
        table.append([said(f"c{at}", "yes")])
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        table.compact()
    monkeypatch.undo()
    assert len(os.listdir(table.folder.uri)) == 5
    assert [row.clip for row in table.history()] == ["c0", "c1", "c2", "c3"]
    table.compact()
    assert len(os.listdir(table.folder.uri)) == 1
    assert [row.clip for row in table.history()] == ["c0", "c1", "c2", "c3"]


WRITER = """
import sys
from pathlib import Path
from hoigen.data import annotations
from hoigen.data.annotations import Annotation, Annotations
annotations.MANY = 6
table = Annotations(Path(sys.argv[1]))
for at in range(int(sys.argv[3])):
    row = Annotation(clip=f"{sys.argv[2]}-{at}", question="good", value="yes", who=sys.argv[2], tool="test")
    table.append([row])
    print(row.clip, flush=True)
"""


def writer(folder: Path, who: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), who, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_several_write_and_are_killed_and_nothing_that_was_said_is_lost(tmp_path: Path) -> None:
    """Four processes append, and make files one every few rows; two are killed at some moment; one reads all along."""
    running = [writer(tmp_path, who, 60 if at < 2 else 10_000) for at, who in enumerate("abcd")]
    reader = Annotations(tmp_path)
    rng, counts = random.Random(3), [0]
    end = time.monotonic() + 60
    while any(each.poll() is None for each in running[:2]) and time.monotonic() < end:
        counts.append(len(reader.history()))
        time.sleep(rng.random() / 20)
    for each in running[2:]:
        each.send_signal(signal.SIGKILL)
    told = [line for each in running for line in each.communicate()[0].splitlines(keepends=True)]
    clips = {line.strip() for line in told if line.endswith("\n")}
    found = [row.clip for row in reader.history()]
    assert len(found) == len(set(found))
    assert clips <= set(found), "what append returned from is there"
    assert len(set(found) - clips) <= 2, "but for the row under way when it was killed"
    assert {f"{who}-{at}" for who in "ab" for at in range(60)} <= set(found)
    assert counts == sorted(counts), "no reader ever sees less than before"


def test_threads_share_one_table(tmp_path: Path) -> None:
    table = Annotations(tmp_path)

    def write(who: str) -> None:
        for at in range(15):
            table.append([said(f"c{at}", str(at), who)])

    threads = [threading.Thread(target=write, args=(who,)) for who in "abc"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = table.history()
    assert len(rows) == 45
    assert len({row.when for row in rows}) == 45, "of one table no two moments are the same"


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = Annotations(tmp_path)
    table.append([said("c", "yes")])
    Path(table.folder.path(".x.parquet.part")).write_bytes(b"torn by a kill")
    assert len(table.history()) == 1
    pq.write_table(pa.table({"clip": ["c"]}), table.folder.path("other.parquet"))
    with pytest.raises(UsageError, match=r"other\.parquet is no file of annotations: no column question"):
        table.history()
    Path(table.folder.path("other.parquet")).write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"other\.parquet is no file of annotations"):
        table.latest()


def test_what_is_known_is_not_said_again(tmp_path: Path) -> None:
    table = Annotations(tmp_path)
    when = datetime(2026, 1, 1, tzinfo=UTC)
    table.append([said("c1", "yes"), said("c2", "no"), replace(said("c3", "no"), when=when), said("c3", "yes")])
    same = [said("c1", "yes"), replace(said("c3", "no"), when=when, tool="another")]
    new = [said("c2", "yes"), said("c1", "yes", "bob"), said("c1", "yes", note="sharp"), replace(said("c3", "no"))]
    assert table.only_new([*same, *new]) == new


def test_answers_to_a_question(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no annotations: hoigen annotate"):
        answers(tmp_path, None, "--labels-question")
    table = Annotations(tmp_path)
    table.append(
        [said("c1", "Yes"), said("c1", "no", "bob"), said("c2", "1"), said("c2", "true", "bob"), said("c3", "no")]
    )
    found = answers(tmp_path, None, "--labels-question")
    assert found.question == "good"
    assert found.yes_no() == ({"c2": True, "c3": False}, ["c1"])
    assert found.numbers()["c1"] == {"ann": 1.0, "bob": 0.0}
    table.append([said("c1", "4.5", question="stars"), said("c2", "nan", question="stars")])
    with pytest.raises(UsageError, match="annotations of 2 questions; give --labels-question, one of good, stars"):
        answers(tmp_path, None, "--labels-question")
    with pytest.raises(UsageError, match=r"'star': nobody was asked that .* did you mean 'stars'"):
        answers(tmp_path, "star", "--labels-question")
    stars = answers(tmp_path, "stars", "--labels-question")
    with pytest.raises(UsageError, match=r"clip c1, question stars, ann: yes or no.* it came as '4\.5'"):
        stars.yes_no()
    with pytest.raises(UsageError, match="clip c2, question stars, ann: a number, or yes or no; it came as 'nan'"):
        stars.numbers()


def test_annotations_of_a_run_in_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    monkeypatch.setattr(annotations, "MANY", 3)
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    run = Run(side.place_of("memory://annotated/run"))
    for at in range(6):
        Annotations(run).append([said(f"c{at}", "yes")])
    assert [row.clip for row in Annotations(run).latest()] == [f"c{at}" for at in range(6)]
    assert len(run.annotations.names()) < 6, "made one on the way"
    assert not list(tmp_path.iterdir()), "nothing of it is on the disk"
