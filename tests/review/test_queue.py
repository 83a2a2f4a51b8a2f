"""Work is lent once, given back in time, answered once, on both databases."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from review_world import filled, full_disk, staff

from hoigen.core.errors import UsageError
from hoigen.review import adjudicate, gold, queue
from hoigen.review import tables as t
from hoigen.review.database import Database, FullError


def said(item: int, value: str | None, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "item": item, "value": value, **more}


def put(db: Database, person: int, *answers: dict[str, Any], now: float | None = None) -> queue.Saved:
    return queue.answer(db, person, answers, app="1", now=now)


def state(db: Database, item: int) -> tuple[Any, ...]:
    with db.read() as con:
        columns = (t.item.c.state, t.item.c.given, t.item.c.leased, t.item.c.final, t.item.c.how)
        return tuple(con.execute(sa.select(*columns).where(t.item.c.id == item)).one())


def items_of(rows: list[dict[str, Any]]) -> list[int]:
    return [row["item"] for row in rows]


def test_nobody_is_lent_what_another_has(db: Database) -> None:
    filled(db, 50)
    ann, bob = staff(db, ["ann", "bob"])
    first, second = queue.claim(db, ann, "keep"), queue.claim(db, bob, "keep")
    assert len(first) == len(second) == 20
    assert not set(items_of(first)) & set(items_of(second))
    assert [row["clip"] for row in first] == [f"c{i}" for i in range(20)]  # in order of priority
    assert items_of(queue.claim(db, ann, "keep")) == items_of(first)  # a reload gives the same


def test_two_at_once_never_share(db: Database) -> None:
    filled(db, 200)
    people = staff(db, [f"p{i}" for i in range(6)])
    lent: list[int] = []

    def work(person: int) -> None:
        for _ in range(5):
            rows = queue.claim(db, person, "keep", size=7)
            lent.extend(items_of(rows))
            assert not put(db, person, *[said(row["item"], "keep") for row in rows]).refused

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(lent) == len(set(lent)) == 200
    with db.read() as con:
        assert con.execute(sa.select(sa.func.count()).select_from(t.verdict)).scalar() == 200
        assert con.execute(sa.select(sa.func.count()).where(t.item.c.state == t.DONE)).scalar() == 200


def test_a_loan_runs_out_and_a_late_answer_still_counts(db: Database) -> None:
    filled(db, 3)
    ann, bob = staff(db, ["ann", "bob"])
    rows = queue.claim(db, ann, "keep", lease=60, now=1000.0)
    assert not queue.claim(db, bob, "keep", now=1059.0)
    assert queue.heartbeat(db, ann, items_of(rows)[:1], lease=60, now=1050.0) == items_of(rows)[:1]
    taken = queue.claim(db, bob, "keep", now=1061.0)
    assert items_of(taken) == items_of(rows)[1:]  # the heartbeat kept the first
    item = items_of(taken)[0]
    assert put(db, bob, said(item, "keep"), now=1062.0).saved
    assert put(db, ann, said(item, "drop", reason="blurred or shaking"), now=2000.0).saved  # was in her outbox
    assert state(db, item)[0] == t.DISPUTED


def test_given_back_is_lent_again(db: Database) -> None:
    filled(db, 5)
    ann, bob = staff(db, ["ann", "bob"])
    rows = queue.claim(db, ann, "keep")
    assert queue.give_back(db, ann, items_of(rows)[:2]) == 2
    assert queue.give_back(db, ann, items_of(rows)[:2]) == 0
    assert items_of(queue.claim(db, bob, "keep")) == items_of(rows)[:2]
    assert queue.give_back(db, ann) == 3


def test_sent_twice_is_there_once(db: Database) -> None:
    filled(db, 2)
    [ann] = staff(db, ["ann"])
    [one, _] = items_of(queue.claim(db, ann, "keep"))
    answer = said(one, "keep")
    assert put(db, ann, answer, answer).saved == [answer["id"]] * 2
    assert put(db, ann, {**answer, "value": "drop"}).saved == [answer["id"]]
    assert state(db, one) == (t.DONE, 1, 0, "keep", "single")
    with db.read() as con:
        assert con.execute(sa.select(sa.func.count()).select_from(t.verdict)).scalar() == 1


def test_undo_is_a_new_row_without_limit(db: Database) -> None:
    filled(db, 1)
    [ann] = staff(db, ["ann"])
    [item] = items_of(queue.claim(db, ann, "keep"))
    for value in ("keep", "drop", "unsure"):
        first = said(item, value)
        assert put(db, ann, first).saved
        assert put(db, ann, said(item, None, supersedes=first["id"])).saved
        assert state(db, item) == (t.OPEN, 0, 1, None, None)
    assert put(db, ann, said(item, None, supersedes=first["id"])).refused  # is taken back already
    last = said(item, "keep")
    assert put(db, ann, last, said(item, "drop", supersedes=last["id"])).refused == {}  # changed in place
    assert state(db, item) == (t.DONE, 1, 0, "drop", "single")
    with db.read() as con:
        values = con.execute(sa.select(t.verdict.c.value).order_by(t.verdict.c.seq)).scalars().all()
    assert values == ["keep", None, "drop", None, "unsure", None, "keep", "drop"]


def test_verdicts_are_only_added(db: Database) -> None:
    filled(db, 1)
    [ann] = staff(db, ["ann"])
    [item] = items_of(queue.claim(db, ann, "keep"))
    put(db, ann, said(item, "keep"))
    for change in (sa.update(t.verdict).values(value="drop"), sa.delete(t.verdict), sa.delete(t.audit)):
        with pytest.raises(sa.exc.DBAPIError, match="only added"), db.write() as con:
            con.execute(change)


def test_a_share_is_asked_twice_of_two_people(db: Database) -> None:
    filled(db, 40, double=1.0)
    ann, bob = staff(db, ["ann", "bob"])
    for person, value in ((ann, "keep"), (bob, "keep"), (ann, "keep"), (bob, "drop")):
        rows = queue.claim(db, person, "keep", size=20)
        assert rows
        assert "votes" not in rows[0]
        assert "state" not in rows[0]
        put(db, person, *[said(row["item"], value) for row in rows])
    with db.read() as con:
        pairs = con.execute(sa.select(t.verdict.c.item, t.verdict.c.person)).all()
        assert len(pairs) == len(set(pairs)) == 80
    for _ in range(2):  # all have been asked everything
        assert queue.claim(db, ann, "keep") == queue.claim(db, bob, "keep") == []


def test_alone_one_is_never_asked_again(db: Database) -> None:
    filled(db, 10, double=1.0)
    [ann] = staff(db, ["ann"])
    rows = queue.claim(db, ann, "keep")
    put(db, ann, *[said(row["item"], "keep") for row in rows])
    assert queue.claim(db, ann, "keep") == []


def test_gold_looks_like_all_others_and_everybody_gets_it(db: Database) -> None:
    names = filled(db, 60)
    ann, bob = staff(db, ["ann", "bob"])
    assert gold.set_gold(db, "keep", dict.fromkeys(names[:5], "drop")) == 5
    plain = queue.claim(db, ann, "keep", size=1, gold_share=0.0)[0]
    for person in (ann, bob):
        seen = []
        for _ in range(20):
            rows = queue.claim(db, person, "keep", size=5, gold_share=0.5)
            assert all(row.keys() == plain.keys() for row in rows)
            put(db, person, *[said(row["item"], "keep") for row in rows])
            seen += [row["clip"] for row in rows]
        assert len(seen) == len(set(seen))
        assert set(names[:5]) <= set(seen)
    with db.read() as con:
        states = con.execute(sa.select(t.item.c.state, t.item.c.final).where(t.item.c.expected.is_not(None))).all()
    assert set(map(tuple, states)) == {(t.GOLD, "drop")}  # whatever they said


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"item": 10**6}, "not lent"),
        ({"item": 2}, "not lent"),
        ({"item": True}, "not lent"),
        ({"value": "KEEP"}, "one of keep"),
        ({"value": None}, "taken back"),
        ({"value": "drop", "reason": "because"}, "reason"),
        ({"note": "x" * 4001}, "note"),
        ({"note": "\ud800"}, "note"),
        ({"note": "a\0b"}, "note"),
        ({"seconds": float("nan")}, "seconds"),
        ({"value": "trim", "extra": {"in": 3, "out": 1}}, "in before out"),
        ({"value": "trim", "extra": {"in": 0, "out": 9}}, "in before out"),
        ({"value": "crop", "extra": {"crop": [0.5, 0, 0.55, 1]}}, "a tenth"),
        ({"value": "crop", "extra": {}}, "crop"),
        (
            {"value": "crop", "extra": {"crop": [0, 0, 1, 1]}},
            "crop: nothing is cut off; the whole clip, with its whole",
        ),
        ({"value": "crop", "extra": {"crop": [0.00001, 0, 1, 1]}}, "nothing is cut off"),
        ({"value": "trim", "extra": {"in": 0, "out": 4}}, "trim: nothing is cut off"),
        ({"value": "trim", "extra": {"in": 0, "out": 4.05, "crop": [0, 0, 1, 1]}}, "trim: nothing is cut off"),
        ({"mode": "adjudicate"}, "mode"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_reason(tmp_path: Any, answer: dict[str, Any], told: str) -> None:
    db = Database(tmp_path / "r.sqlite")
    filled(db, 2)
    [ann] = staff(db, ["ann"])
    [row] = queue.claim(db, ann, "keep", size=1)
    good, bad = said(row["item"], "keep"), said(row["item"], "keep") | answer
    result = put(db, ann, bad, good)
    assert result.saved == [good["id"]]
    assert told in result.refused[bad["id"]]
    assert put(db, ann, "x", 3, None, [], {"id": 3}).refused.keys() == {"?"}  # type: ignore[arg-type]


def test_somebody_else_decides_where_two_differ(db: Database) -> None:
    filled(db, 2, double=1.0)
    ann, bob, cas, dan = staff(db, ["ann", "bob", "cas", "dan"])
    rows = queue.claim(db, ann, "keep")
    put(db, ann, *[said(row["item"], "keep", note="a cup") for row in rows])
    assert adjudicate.waiting(db, cas, "keep") == []  # one answer alone is shown to nobody
    queue.claim(db, bob, "keep")
    one, two = items_of(rows)
    put(db, bob, said(one, "drop", reason="blurred or shaking"), said(two, "keep"))
    [waits] = adjudicate.waiting(db, cas, "keep")
    assert waits["item"] == one
    assert [(vote["name"], vote["value"]) for vote in waits["votes"]] == [("ann", "keep"), ("bob", "drop")]
    assert adjudicate.waiting(db, ann, "keep") == []
    assert adjudicate.decide(db, ann, [said(one, "keep")], app="1").refused
    assert adjudicate.decide(db, cas, [said(one, "unsure")], app="1").refused
    decision = said(one, "drop", reason="blurred or shaking")
    assert adjudicate.decide(db, cas, [decision, decision], app="1").saved == [decision["id"]] * 2
    assert adjudicate.decide(db, dan, [said(one, "keep")], app="1").refused
    assert state(db, one)[0] == t.ADJUDICATED
    assert state(db, one)[3:] == ("drop", "adjudicated")
    assert adjudicate.decide(db, cas, [said(one, None, supersedes=decision["id"])], app="1").saved
    assert state(db, one)[0] == t.DISPUTED
    assert adjudicate.decide(db, dan, [said(one, "keep")], app="1").saved
    assert state(db, two)[3:] == ("keep", "unanimous")


def test_what_is_cut_off_is_taken(tmp_path: Any) -> None:
    """The least that is: a step of the page, and the whole of the time where the picture is cropped."""
    db = Database(tmp_path / "r.sqlite")
    filled(db, 3)
    [ann] = staff(db, ["ann"])
    rows = items_of(queue.claim(db, ann, "keep"))
    cuts = [{"in": 0.01, "out": 4}, {"in": 0, "out": 3.98}, {"in": 0, "out": 4, "crop": [0, 0.01, 1, 1]}]
    assert not put(db, ann, *[said(n, "trim", extra=cut) for n, cut in zip(rows, cuts, strict=True)]).refused


@pytest.mark.parametrize(
    ("value", "first", "second", "same"),
    [
        ("trim", {"in": 1, "out": 3}, {"in": 1.1, "out": 3.1}, True),  # 1.9 of 2.1 s
        ("trim", {"in": 1, "out": 3}, {"in": 1.3, "out": 3.3}, False),  # 1.7 of 2.3 s
        ("trim", {"in": 0.5, "out": 1}, {"in": 3, "out": 3.5}, False),
        ("trim", {"in": 1, "out": 3}, {"in": 1, "out": 3, "crop": [0, 0, 0.5, 1]}, False),
        ("trim", {"in": 1, "out": 3}, {"in": 1, "out": 3, "crop": [0, 0, 0.9, 1]}, True),
        ("crop", {"crop": [0, 0, 0.5, 1]}, {"crop": [0.5, 0, 1, 1]}, False),
        ("crop", {"crop": [0, 0, 0.5, 1]}, {"crop": [0, 0, 0.5, 0.85]}, True),
        ("crop", {"crop": [0, 0, 0.5, 1]}, {"crop": [0, 0, 0.45, 0.85]}, False),  # each side alone would be
    ],
)
def test_two_who_cut_other_parts_differ(
    db: Database, value: str, first: dict[str, Any], second: dict[str, Any], same: bool
) -> None:
    filled(db, 1, double=1.0)
    ann, bob, cas = staff(db, ["ann", "bob", "cas"])
    for person, extra in ((ann, first), (bob, second)):
        [row] = queue.claim(db, person, "keep")
        assert not put(db, person, said(row["item"], value, extra=extra)).refused
    assert state(db, 1)[0::3] == ((t.DONE, value) if same else (t.DISPUTED, None))
    assert [len(row["votes"]) for row in adjudicate.waiting(db, cas, "keep")] == ([] if same else [2])


def test_three_agree_only_where_each_two_do(db: Database) -> None:
    filled(db, 1)
    with db.write() as con:
        con.execute(sa.update(t.item).values(need=3))
    people = staff(db, ["ann", "bob", "cas"])
    for person, begin in zip(people, (0.5, 0.8, 0.2), strict=True):  # the first agrees with both others
        queue.claim(db, person, "keep")
        put(db, person, said(1, "trim", extra={"in": begin, "out": begin + 3.2}))
    assert state(db, 1)[0] == t.DISPUTED


def test_what_cannot_be_shown_to_somebody_keeps_nothing_else_from_them(db: Database) -> None:
    filled(db, 50)
    ann, bob = staff(db, ["ann", "bob"])
    first = items_of(queue.claim(db, ann, "keep", now=100))
    assert queue.skip(db, ann, first, now=100) == 20
    assert queue.skip(db, ann, first, now=100) == 0, "they are lent no more"
    assert queue.unshown(db, ann, "keep") == 20
    second = items_of(queue.claim(db, ann, "keep", now=110))
    assert len(second) == 20
    assert not set(first) & set(second)
    assert items_of(queue.claim(db, bob, "keep", now=120)) == first, "who can perhaps be shown them"
    queue.give_back(db, bob)
    assert state(db, first[0]) == (t.OPEN, 0, 0, None, None)
    put(db, ann, *[said(item, "keep") for item in second], now=130)
    rest = items_of(queue.claim(db, ann, "keep", now=140))
    assert len(rest) == 10
    put(db, ann, *[said(item, "keep") for item in rest], now=150)
    assert queue.claim(db, ann, "keep", now=160) == []
    again = queue.claim(db, ann, "keep", now=101 + queue.RESTS)
    assert items_of(again) == first, "their videos may be there again"
    assert queue.unshown(db, ann, "keep") == 0
    put(db, ann, said(first[0], "drop"), now=200 + queue.RESTS)
    assert state(db, first[0])[:4] == (t.DONE, 1, 0, "drop")


def test_gold_has_no_cuts(db: Database) -> None:
    filled(db, 2)
    told = "gold, clip c1: trim has points of its own, and none of them is known to be right; one of keep, drop$"
    with pytest.raises(UsageError, match=told):
        gold.set_gold(db, "keep", {"c0": "drop", "c1": "trim"})
    assert {state(db, item)[0] for item in (1, 2)} == {t.OPEN}, "nothing is changed"


def test_unsure_goes_to_adjudication(db: Database) -> None:
    filled(db, 1)
    ann, bob = staff(db, ["ann", "bob"])
    [row] = queue.claim(db, ann, "keep")
    put(db, ann, said(row["item"], "unsure"))
    assert state(db, row["item"])[0] == t.DISPUTED
    assert len(adjudicate.waiting(db, bob, "keep")) == 1


def test_no_claim_walks_through_all_items(tmp_path: Any) -> None:
    """However many there are, each query of a claim goes by an index."""
    db = Database(tmp_path / "r.sqlite")
    filled(db, 30, double=1.0)
    ann, bob = staff(db, ["ann", "bob"])
    queue.claim(db, ann, "keep", size=5)
    asked: list[str] = []
    db.close()  # what is opened from here on is listened to

    @sa.event.listens_for(db.engine, "connect")
    def noted(raw: Any, _: Any) -> None:
        raw.set_trace_callback(asked.append)

    queue.claim(db, bob, "keep", size=10, gold_share=1.0)
    put(db, bob, said(1, "keep"))
    adjudicate.waiting(db, ann, "keep")
    plans = []
    with contextlib.closing(sqlite3.connect(tmp_path / "r.sqlite")) as con:
        for statement in dict.fromkeys(each for each in asked if each.startswith("SELECT")):
            plans += [row[3] for row in con.execute(f"explain query plan {statement}")]
    assert len(plans) > 8
    small = ("SCAN person", "SCAN project", "SCAN CONSTANT ROW", "SCAN (subquery")
    assert not [plan for plan in plans if plan.startswith("SCAN") and not plan.startswith(small)]
    for index in ("item_fresh", "item_begun", "item_state", "assignment_live"):
        assert any(index in plan for plan in plans), index


def together(db: Database, works: list[Any]) -> list[Any]:
    """What comes of works that threads want done while a transaction is under way, or its error."""
    came: list[Any] = [None] * len(works)

    def one(at: int) -> None:
        try:
            came[at] = db.do(works[at])
        except (ValueError, FullError) as error:
            came[at] = error

    with db.write():
        threads = [threading.Thread(target=one, args=(at,)) for at in range(len(works))]
        for at, thread in enumerate(threads):
            thread.start()
            while len(db._wanted) <= at:
                time.sleep(0.001)
    for thread in threads:
        thread.join(30)
    return came


def names(db: Database) -> set[str]:
    with db.read() as con:
        return set(con.execute(sa.select(t.person.c.name)).scalars())


def add(name: str, then: Exception | None = None) -> Any:
    def work(con: Any) -> str:
        con.execute(sa.insert(t.person).values(name=name, role="annotator", made=0))
        if then is not None:
            raise then
        return name

    return work


def test_what_threads_want_at_once_waits_for_the_disk_once(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    commits = []
    sa.event.listen(db.engine, "commit", lambda con: commits.append(con))
    assert together(db, [add(f"p{at}") for at in range(6)]) == [f"p{at}" for at in range(6)]
    assert len(commits) == 2, "that of the test, and one for all six"
    assert names(db) == {f"p{at}" for at in range(6)}
    db.close()


def test_one_that_fails_takes_none_of_the_others_along(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    wrong = ValueError("not this one")
    assert together(db, [add("a"), add("b", wrong), add("c")]) == ["a", wrong, "c"]
    assert names(db) == {"a", "c"}
    db.close()


def test_nothing_is_told_as_saved_before_it_is_committed(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    full = full_disk(db)

    def last(con: Any) -> str:
        full[0] = True  # from the commit that this is part of on
        return "c"

    came = together(db, [add("a"), add("b"), last])
    assert [type(each) for each in came] == [FullError] * 3
    full[0] = False
    assert names(db) == set()
    assert db.do(add("d")) == "d", "and it goes on once there is room"
    assert names(db) == {"d"}
    db.close()


def test_several_who_decide_at_once_have_others(db: Database) -> None:
    filled(db, 40, double=1.0)
    ann, bob, one, two = staff(db, ["ann", "bob", "one", "two"])
    for person, value in ((ann, "keep"), (bob, "drop")):
        rows = queue.claim(db, person, "keep", size=40)
        said = [{"id": f"{value}-{row['item']:06}", "item": row["item"], "value": value} for row in rows]
        assert len(queue.answer(db, person, said, app="1").saved) == 40
    first, second = ([row["item"] for row in adjudicate.waiting(db, person, "keep")] for person in (one, two))
    assert len({*first}) == len({*second}) == 20
    assert 4 <= len({*first} & {*second}) <= 16
    assert first == [row["item"] for row in adjudicate.waiting(db, one, "keep")], "the same after a reload"
