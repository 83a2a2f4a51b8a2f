"""What was made quick stays right: statements for the driver, requests of one transaction, numbers that are kept."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from review_world import clip_row, filled, full_disk, staff

from hoigen.core.errors import HoigenError
from hoigen.data.run import Run
from hoigen.review import people, precision, project, quality, queue, summary
from hoigen.review import tables as t
from hoigen.review.clerk import Clerk
from hoigen.review.database import Database, FullError
from hoigen.review.statements import Statement


def names(db: Database) -> set[str]:
    with db.read() as con:
        return set(con.execute(sa.select(t.person.c.name)).scalars())


def test_a_statement_does_what_sqlalchemy_does(db: Database) -> None:
    filled(db, 6)
    some = sa.select(t.item.c.id, t.item.c.clip, t.item.c.need).where(
        t.item.c.id.in_(sa.bindparam("ids", expanding=True)),
        t.item.c.clip.not_in(sa.bindparam("but", expanding=True)),
        t.item.c.need == sa.bindparam("need", 1),
    )
    asked = Statement(some.order_by(t.item.c.id))
    change = Statement(sa.update(t.item).where(t.item.c.id == sa.bindparam("which")), ("given", "final"))
    with db.write() as con:
        for ids, but in (([1, 2, 4], ["c1"]), ([], []), ([3], []), ([1, 2, 3, 4, 5, 6], ["c0", "c5"])):
            values = {"ids": ids, "but": but}
            plain = con.execute(some.order_by(t.item.c.id), values)
            assert asked.dicts(con, values) == [dict(row) for row in plain.mappings()]
        assert asked.rows(con, {"ids": [1], "but": [], "need": 2}) == []
        assert asked.firsts(con, {"ids": [1, 2], "but": []}) == [1, 2]
        assert change.change(con, {"which": 3, "given": 7, "final": "it's"}) == 1
        assert change.change(con, {"which": 99, "given": 7, "final": None}) == 0
        row = con.execute(sa.select(t.item.c.given, t.item.c.final).where(t.item.c.id == 3)).one()
        assert tuple(row) == (7, "it's")
        with pytest.raises((KeyError, sa.exc.StatementError)):
            asked.rows(con, {"ids": [1]})  # nothing is left out silently
    add = Statement(sa.insert(t.person), ("name", "role", "made"))
    with db.write() as con:
        add.change_each(con, [{"name": name, "role": "admin", "made": 0} for name in ("a", "b")])
    with pytest.raises(sa.exc.IntegrityError), db.write() as con:
        add.change(con, {"name": "a", "role": "admin", "made": 0})
    assert names(db) == {"a", "b"}


class _Asked:
    """What several requests want of one clerk, begun while a transaction of somebody else holds them up."""

    def __init__(self, db: Database) -> None:
        self.db, self.clerk, self.commits = db, Clerk(db), 0
        sa.event.listen(db.engine, "commit", self._committed)

    def _committed(self, con: Any) -> None:
        self.commits += 1

    def of(self, works: list[Any]) -> list[Any]:
        """What they are answered, or the error."""

        async def all_of_them() -> list[Any]:
            held, go = threading.Event(), threading.Event()

            def hold() -> None:
                with self.db.write():
                    held.set()
                    go.wait(10)

            with ThreadPoolExecutor(1) as other:
                holding = other.submit(hold)
                held.wait(10)
                first = asyncio.ensure_future(self.clerk.done(lambda: self.db.do(add("first")), str))  # type: ignore
                await asyncio.sleep(0.05)  # the clerk has it, and waits
                rest = [asyncio.ensure_future(self.clerk.done(work, str)) for work in works]  # type: ignore
                await asyncio.sleep(0)
                go.set()
                found = await asyncio.gather(*rest, return_exceptions=True)
                await first
                holding.result(10)
            return found

        return asyncio.run(all_of_them())


def add(name: str) -> Any:
    def work(con: Any) -> str:
        con.execute(sa.insert(t.person).values(name=name, role="annotator", made=0))
        return name

    return work


def test_requests_that_came_meanwhile_are_one_transaction(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    asked = _Asked(db)
    wanted = [f"p{at}" for at in range(5)]
    assert asked.of([lambda name=name: db.do(add(name)) for name in wanted]) == wanted
    assert asked.commits == 3, "of who held it, of the first, and one for all five"
    assert names(db) == {"first", *wanted}


def test_a_request_that_fails_takes_none_along(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()

    def broken() -> str:
        db.do(add("half"))
        raise ValueError("after it wrote")

    found = _Asked(db).of([lambda: db.do(add("a")), broken, lambda: db.do(add("b"))])
    assert [str(each) for each in found] == ["a", "after it wrote", "b"]
    # alone, what it wrote was a transaction of its own, as it is without others
    assert names(db) == {"first", "a", "b", "half"}


def test_a_session_that_is_noted_as_used_waits_for_no_other_request(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    ann, secret = people.start(db, "ann", people.ANNOTATOR)
    long_ago = db.now() - 2 * people.REFRESH
    with db.write() as con:
        con.execute(sa.update(t.session).values(seen=long_ago))
    asked = _Asked(db)
    found = asked.of([lambda: db.do(add("a")), lambda: people.session_of(db, secret), lambda: db.do(add("b"))])
    assert found == ["a", ann, "b"]
    assert asked.commits == 3
    with db.read() as con:
        assert con.execute(sa.select(t.session.c.seen)).scalar_one() > long_ago
    with pytest.raises(RuntimeError, match="only `do`"), db.together():
        db.do(add("c"))
        with db.write():
            pass
    assert "c" not in names(db)


def test_a_lock_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from hoigen.review import database

    monkeypatch.setattr(database, "BUSY", 0.05)
    db = Database(tmp_path / "r.sqlite")
    db.create()
    other = sqlite3.connect(db.target, isolation_level=None)
    other.execute("begin immediate")
    told = []
    with db.together():
        for _ in range(3):
            with pytest.raises(HoigenError, match="locked") as wrong:
                db.do(add("a"))
            told.append(wrong.value)
    assert told[0] is told[1] is told[2]
    other.execute("rollback")
    other.close()
    assert db.do(add("a")) == "a"


def test_where_the_disk_is_full_nobody_is_told_that_it_is_saved(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    full = full_disk(db)

    def last(con: Any) -> str:
        full[0] = True
        return "c"

    found = _Asked(db).of([lambda: db.do(add("a")), lambda: db.do(add("b")), lambda: db.do(last)])
    assert all("cannot be written" in str(each) for each in found), found
    full[0] = False
    assert names(db) == {"first"}
    with pytest.raises(FullError), db.together():
        db.do(last)
    assert issubclass(FullError, HoigenError)


def test_a_number_that_takes_long_is_shown_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    made, go = [0], threading.Event()

    def make() -> int:
        go.wait(10)
        made[0] += 1
        return made[0]

    slow: summary.Summary[int] = summary.Summary(make, patience=0.02)
    assert slow.look() is None
    assert slow.look() is None
    go.set()
    first = slow.renew()
    while first is None:
        first = slow.renew()
    monkeypatch.setattr(summary, "QUICK", 0.0)
    monkeypatch.setattr(summary, "RESTS", 1e9)
    monkeypatch.setattr(summary, "OLDEST", 1e9)
    count = made[0]
    kept = slow.look()
    assert kept is not None
    assert made[0] == count
    monkeypatch.setattr(summary, "QUICK", 1e9)  # what is quick is made each time
    new = summary.Summary(make, patience=10)
    assert [look.value for look in (new.look(), new.look()) if look] == [count + 1, count + 2]


def test_a_fault_is_told_to_who_asks_and_the_next_try_is_new() -> None:
    turns = iter([ValueError("not yet"), None])

    def make() -> str:
        if error := next(turns):
            raise error
        return "there"

    told: summary.Summary[str] = summary.Summary(make, patience=10)
    with pytest.raises(ValueError, match="not yet"):
        told.look()
    found = told.look()
    assert found is not None
    assert found.value == "there"


def test_what_is_kept_of_the_items_follows_every_change(db: Database, tmp_path: Path) -> None:
    """Bands by what is kept between two looks are those of a database that is looked at for the first time."""
    filled(db, 0)
    with db.write() as con:
        rows = [clip_row(f"c{i}", score=None if i % 7 == 0 else (i * 37 % 101) / 101) for i in range(120)]
        project.add_clips(con, rows)
        project.add_items(con, [{"question": "keep", "clip": row["id"]} for row in rows], double=0.3)
    opened = project.Project(Run(tmp_path), db)
    ann, bob = staff(db, ["ann", "bob"])
    dice = np.random.default_rng(1)

    def check() -> None:
        kept = precision.precision(opened)
        other = Database(db.target)
        assert precision.precision(project.Project(Run(tmp_path), other)) == kept
        other.close()

    check()
    for turn in range(5):
        person = (ann, bob)[turn % 2]
        for row in queue.claim(db, person, "keep", size=8, gold_share=0.3):
            said = {"id": str(uuid.uuid4()), "item": row["item"], "value": dice.choice(["keep", "drop", "unsure"])}
            queue.answer(db, person, [said | {"value": str(said["value"])}], app="1")
        check()
        if turn == 2:
            from hoigen.review.gold import set_gold

            set_gold(db, "keep", {"c1": "drop", "c2": "keep"})
        if turn == 3:
            with db.write() as con:
                project.add_clips(con, [clip_row("new", score=0.99)])
                project.add_items(con, [{"question": "keep", "clip": "new"}])
        if turn == 4:  # measured anew
            with db.write() as con:
                con.execute(sa.update(t.clip).where(t.clip.c.id == "c3").values(score=1.5))
            opened.set(**{"filled keep": "again"})
        check()
    assert precision.precision(opened).clips == 120 - 18 + 1 - 2


def test_first_page_counts_as_the_table_does(db: Database, tmp_path: Path) -> None:
    from hoigen.review.app import _counts

    filled(db, 30, double=0.4)
    [ann] = staff(db, ["ann"], people.ADMIN)
    for row in queue.claim(db, ann, "keep", size=12):
        queue.answer(db, ann, [{"id": str(uuid.uuid4()), "item": row["item"], "value": "keep"}], app="1")
    opened = project.Project(Run(tmp_path), db)
    assert {state: n for state, n in _counts(opened)["keep"].items() if n} == opened.counts("keep")


def test_pages_say_that_they_are_being_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from web_world import Browser, served

    db = Database(tmp_path / "r.sqlite")
    filled(db, 4)
    go = threading.Event()
    for module, name in ((precision, "update"), (quality, "overview")):
        plain = getattr(module, name)

        def late(*given: Any, plain: Any = plain, **more: Any) -> Any:
            go.wait(20)
            return plain(*given, **more)

        monkeypatch.setattr(module, name, late)
    with served(project.Project(Run(tmp_path), db), patience=0.01) as port:
        me = Browser(port).enter()
        for page in ("/saving", "/quality", "/quality/keep"):
            answered = me.get(page)
            assert answered.status == 200
            assert "being counted" in answered.text
            assert 'http-equiv="refresh"' in answered.text
        refused = me.form("/saving", what="promise", promise="many")
        assert refused.status == 400
        assert "50 to 99.99" in refused.text
        go.set()
        for page, words in (("/saving", "What is promised"), ("/quality", "Progress")):
            until = time.monotonic() + 20
            while "being counted" in (shown := me.get(page).text) and time.monotonic() < until:
                time.sleep(0.02)
            assert words in shown
            assert "As of " in shown
