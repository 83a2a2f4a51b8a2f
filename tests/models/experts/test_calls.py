"""What experts answered: what the rows of a key come to, what was spent, and files of earlier versions."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.models.experts.call import Answer
from hoigen.models.experts.calls import Asked, Calls

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def asked(role: str = "judge", clip: str = "c") -> Asked:
    return Asked(clip=clip, role=role, expert="mind", template="t@1", text="Same?")


def said(outcome: str = "answered", text: str = "yes", tokens: int = 1) -> Answer:
    return Answer(outcome=outcome, text=text, tokens_in=10 * tokens, tokens_out=tokens)  # type: ignore[arg-type]


def test_a_better_answer_replaces_a_failure_and_nothing_a_final_one(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls")
    calls.put(A, asked(), said("timed_out", ""))
    assert calls.get(A) is None
    assert calls.get(A, final_only=False) == said("timed_out", "")
    calls.put(A, asked(), said(text="first", tokens=2))
    calls.put(A, asked(), said(text="second", tokens=4))
    assert calls.get(A) == said(text="first", tokens=2)
    assert calls.totals() == [("mind", "answered", 2, 60, 6), ("mind", "timed_out", 1, 10, 1)], "all that was paid for"


def test_what_is_forgotten_is_asked_again_as_told_and_stays_counted(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls")
    calls.put(A, asked("judge"), said("refused", "no"))
    calls.put(B, asked("judge, repair"), said("malformed", "{"))
    calls.put(C, asked("first"), said("truncated", "a man"))
    calls.put(D, asked("judge"), said())
    assert calls.forget_unanswered("judge", decoding={"seed": 3}) == 2
    assert [calls.get(key) is None for key in (A, B, C, D)] == [True, True, False, False]
    assert [calls.decoding_of(key) for key in (A, B, C, D)] == [{"seed": 3}, {"seed": 3}, {}, {}]
    calls.put(A, asked("judge"), said("refused", "no again"))
    assert calls.decoding_of(A) == {}
    calls.close()
    again = Calls(tmp_path / "calls")
    assert again.decoding_of(B) == {"seed": 3}
    assert again.forget_unanswered() == 2, "the new refusal, and what was cut off"
    assert [count for _, _, count, *_ in again.totals()] == [1, 1, 2, 1]
    assert again.forget_unanswered() == 0


def test_an_answer_that_turns_out_malformed_is_counted_once(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls")
    calls.put(A, asked(), said(text="Yes.", tokens=3))
    calls.mend(A, said("malformed", "Yes.", tokens=3))
    kept = calls.get(A)
    assert kept is not None
    assert kept.outcome == "malformed"
    assert calls.totals() == [("mind", "malformed", 1, 30, 3)]
    calls.put(A, asked(), said(text="late"))
    assert calls.get(A) == kept, "malformed is final too"


def test_a_copy_changes_nothing(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "calls")
    calls.put(A, asked(), said("refused", "no"))
    copy = calls.copied()
    assert copy.forget_unanswered() == 1
    assert copy.get(A) is None
    assert calls.get(A) == Calls(tmp_path / "calls").get(A) == said("refused", "no")


def old_file(path: Path) -> None:
    """As earlier versions wrote it."""
    con = sqlite3.connect(path)
    con.execute(
        "create table call (key text primary key, clip text not null, role text not null, expert text not null, "
        "template text not null, outcome text not null, answer text not null, asked text not null, at real not null)"
    )
    con.execute("create table waiting (key text, clip text, role text, expert text, template text, asked text)")
    con.execute("create table spent (expert text, outcome text, calls integer, tokens_in integer, tokens_out integer)")
    con.execute("create table again (key text primary key, decoding text not null)")
    answer = json.dumps(asdict(said(text="kept", tokens=5)))
    con.execute("insert into call values (?, 'c', 'judge', 'mind', 't@1', 'answered', ?, 'Same?', 5.0)", (A, answer))
    con.execute("insert into waiting values (?, 'w', 'first', 'eyes', 't@2', 'What?')", (B,))
    con.execute("insert into spent values ('mind', 'refused', 3, 100, 7)")
    con.execute("insert into again values (?, '{\"temperature\": 1.0}')", (C,))
    con.commit()
    con.close()


def test_a_file_of_an_earlier_version_is_taken_over_once(tmp_path: Path) -> None:
    old_file(tmp_path / "calls.sqlite")
    for _ in range(2):
        calls = Calls(tmp_path / "calls")
        assert calls.get(A) == said(text="kept", tokens=5)
        assert calls.awaited(B) == Asked(clip="w", role="first", expert="eyes", template="t@2", text="What?")
        assert calls.decoding_of(C) == {"temperature": 1.0}
        assert calls.totals() == [("mind", "answered", 1, 50, 5), ("mind", "refused", 3, 100, 7)]
        assert calls.forget_unanswered() == 0
        calls.close()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "calls.sqlite.taken"]


def test_a_broken_file_of_an_earlier_version_is_named_and_left(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_bytes(b"SQLite format 3\0 and then nothing" * 40)
    with pytest.raises(UsageError, match=r"calls\.sqlite cannot be read as the calls of a run"):
        Calls(tmp_path / "calls")
    assert (tmp_path / "calls.sqlite").exists()


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"calls\.sqlite is a file"):
        Calls(tmp_path / "calls.sqlite")
