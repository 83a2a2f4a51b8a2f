"""A backup is one moment of the database, taken while people work; what is restored goes on as if nothing had been."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from review_world import filled, staff

from hoigen.core.errors import UsageError
from hoigen.review import queue
from hoigen.review import tables as t
from hoigen.review.database import Database, FullError


def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    with db.read() as con:
        return {table.name: sorted(map(repr, con.execute(sa.select(table)))) for table in t.meta.sorted_tables}


def answered(db: Database, person: int) -> int:
    rows = queue.claim(db, person, "keep", size=5)
    said = [{"id": str(uuid.uuid4()), "item": row["item"], "value": "keep"} for row in rows]
    return len(queue.answer(db, person, said, app="1").saved)


def test_a_backup_while_people_work_and_what_is_made_of_it(db: Database, tmp_path: Path, postgres: Any) -> None:
    filled(db, 200, double=0.2)
    ann, bob = staff(db, ["ann", "bob"])
    answered(db, ann)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set() and answered(db, bob):
            pass

    busy = threading.Thread(target=work)
    busy.start()
    try:
        for at in range(3):
            db.backup(tmp_path / f"b{at}.sqlite")
    finally:
        stop.set()
        busy.join()
    moment = everything(Database(tmp_path / "b2.sqlite"))
    given = sum(int(row.split(", ")[9]) for row in moment["item"])
    assert given == len(moment["verdict"]) >= 5  # one moment: votes that are counted are there
    db.backup(tmp_path / "last.sqlite")
    for target in (tmp_path / "again.sqlite", postgres()):
        other = Database(target)
        other.restore(tmp_path / "last.sqlite")
        assert everything(other) == everything(db)
        assert answered(other, ann) == 5  # and goes on
        with pytest.raises(sa.exc.DBAPIError, match="only added"), other.write() as con:
            con.execute(sa.delete(t.verdict))
        with pytest.raises(UsageError, match="already"):
            other.restore(tmp_path / "last.sqlite")
        other.close()


def test_what_is_no_backup_and_where_none_can_be_written(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    filled(db, 1)
    (tmp_path / "text").write_text("no database, but long enough to be looked at" * 40)
    for file, told in (("text", "damaged|no review"), ("none", "no review of this run")):
        with pytest.raises(UsageError, match=told):
            Database(tmp_path / "new.sqlite").restore(tmp_path / file)
        assert not (tmp_path / "new.sqlite").exists()
    for place, told in ((tmp_path / "text", "is there already"), (tmp_path / "no" / "b", "no such folder")):
        with pytest.raises(UsageError, match=told):
            db.backup(place)
    assert sorted(file.name for file in tmp_path.iterdir() if "part" in file.name) == []


def test_another_version_another_program_and_a_lock_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = Database(tmp_path / "r.sqlite")
    filled(db, 1)
    with db.write() as con:
        con.execute(sa.update(t.project).where(t.project.c.key == "schema").values(value="0"))
    for ask in (db.create, db.check):
        with pytest.raises(UsageError, match=r"is of an older hoigen \(schema 0, this one has 1\)"):
            ask()
    with sqlite3.connect(tmp_path / "other.sqlite") as con:
        con.execute("create table item (x)")
    with pytest.raises(UsageError, match="another program"):
        Database(tmp_path / "other.sqlite").create()
    monkeypatch.setattr("hoigen.review.database.BUSY", 0.2)
    locked = Database(tmp_path / "l.sqlite")
    locked.create()
    with sqlite3.connect(tmp_path / "l.sqlite", isolation_level=None) as holder:
        holder.execute("begin immediate")
        with pytest.raises(UsageError, match="is locked by another program"), locked.write():
            pass


def test_a_full_disk_refuses_the_answer_and_loses_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    filled(db, 40)
    [ann] = staff(db, ["ann"])
    assert answered(db, ann) == 5
    rows = queue.claim(db, ann, "keep", size=20)
    said = [{"id": str(uuid.uuid4()), "item": r["item"], "value": "keep", "note": "x" * 4000} for r in rows]
    with db.engine.connect() as con:
        pages = con.exec_driver_sql("pragma page_count").scalar()

    def small(raw: Any, _: Any) -> None:
        raw.execute(f"pragma max_page_count = {pages}")

    sa.event.listen(db.engine, "connect", small)
    db.engine.dispose()
    with pytest.raises(FullError, match=r"nothing of this was saved; make room"):
        queue.answer(db, ann, said, app="1")
    sa.event.remove(db.engine, "connect", small)
    db.engine.dispose()
    with db.read() as con:
        assert con.execute(sa.select(sa.func.count()).select_from(t.verdict)).scalar() == 5
    assert len(queue.answer(db, ann, said, app="1").saved) == 20
