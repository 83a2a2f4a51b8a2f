"""Reasons that are alike: one pattern, in Python and in SQL."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoigen.core.stats import alike

PAIRS = [
    ("no hands in 3 of 8 frames", "no hands in 12 of 80 frames"),
    ("cannot be opened: '/data/a b.mp4'", "cannot be opened: '/data/it.mp4'"),
    ("no verb 'juggle' among the file's", "no verb 'hold' among the file's"),
    ("/mnt/x/1.mp4: moov atom not found", "s3://bucket/2.mp4: moov atom not found"),
    ("<Decoder at 0x7f3ac0de> gave up after 1.5 s", "<Decoder at 0x10ff> gave up after 20 s"),
    ('says "no such stream"', 'says "no pictures"'),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_differs_in_a_name_a_path_or_a_number_is_one(one: str, other: str) -> None:
    assert alike.kind(one) == alike.kind(other)


def test_what_differs_in_words_is_not_one() -> None:
    told = {"no hands", "no persons", "moov atom not found", "its codec is unknown", "has no time base"}
    assert len({alike.kind(reason) for reason in told}) == len(told)
    assert alike.kind("no hands") == "no hands"
    assert alike.kind("") == ""


WORDS = st.lists(
    st.sampled_from(
        ["no", "'it", "x'", '"', "a/b", "/", "1.5", "0xff", "0x", "3", "…", "ä", "\n", "\\", "%", ".5", "e5"]
    )
    | st.text(max_size=4).filter(lambda text: "\0" not in text and text.isprintable()),
    max_size=12,
).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(WORDS)
def test_sql_says_the_same(reason: str) -> None:
    (found,) = duckdb.execute(f"select {alike.kind_sql('reason')} from (select ? as reason)", [reason]).fetchone() or ()
    assert found == alike.kind(reason)


def test_a_kind_of_one_wording_is_told_in_it() -> None:
    found = alike.counted(["no hands", "3 of 8 lost", "4 of 8 lost", "5 of 5 frames", "3 of 8 lost"])
    assert found == [("… of … lost", 3), ("no hands", 1), ("5 of 5 frames", 1)]
    assert alike.counted([]) == []
