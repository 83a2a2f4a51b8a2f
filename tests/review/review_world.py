"""Review databases for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hoigen.review import people
from hoigen.review.database import Database
from hoigen.review.project import add_clips, add_items, put


def clip_row(name: str, **more: Any) -> dict[str, Any]:
    row = {"id": name, "uri": f"/videos/{name}.mp4", "start": 0.0, "end": 4.0, "width": 640, "height": 360, "fps": 25.0}
    row |= {"digest": f"d{name}", "stamp": "", "source": "made", "caption": f"about {name}", "machine": "kept"}
    return row | {"score": 0.5, "numbers": "{}", "shard": 0} | more


def filled(db: Database, clips: int, *, double: float = 0.0, question: str = "keep", **more: Any) -> list[str]:
    """A database with clips c0, c1, ...; their names."""
    db.create()
    names = [f"c{i}" for i in range(clips)]
    with db.write() as con:
        put(con, "secret", "0" * 64)
        add_clips(con, [clip_row(name, **more) for name in names])
        add_items(con, [{"question": question, "clip": n, "priority": i} for i, n in enumerate(names)], double=double)
    return names


def staff(db: Database, names: Sequence[str], role: str = people.ADMIN) -> list[int]:
    """People of these names; their numbers."""
    return [people.start(db, name, role)[0].id for name in names]


def full_disk(db: Database) -> list[bool]:
    """A switch: while it is true, each commit of SQLite fails as it does where the disk is full."""
    full = [False]

    def commit(con: Any) -> None:
        if full[0]:
            raise sa.exc.OperationalError("commit", {}, sqlite3.OperationalError("database or disk is full"))

    sa.event.listen(db.engine, "commit", commit)
    return full
