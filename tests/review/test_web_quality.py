"""The pages of who runs a team, and what the command does without serving anything."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from review_world import clip_row, staff
from web_world import Browser, served

from hoigen.data.run import Run
from hoigen.review import people, queue
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.gold import set_gold
from hoigen.review.project import Project, add_clips, add_items, put

ZOE = "zoe <b>&"


@pytest.fixture
def review(tmp_path: Path) -> Project:
    """400 clips with scores; somebody who looks, and somebody who always keeps; 40 gold clips, half of them bad."""
    db = Database(tmp_path / "r.sqlite")
    db.create()
    scores = np.random.default_rng(0).random(440)
    with db.write() as con:
        put(con, "secret", "0" * 64)
        add_clips(con, [clip_row(f"c{at}", score=float(score)) for at, score in enumerate(scores)])
        add_items(con, [{"question": "keep", "clip": f"c{at}"} for at in range(440)], double=0.3)
    set_gold(db, "keep", {f"c{at}": "drop" if at % 2 else "keep" for at in range(400, 440)})
    for number, name in zip(staff(db, ["ann", ZOE]), ["ann", ZOE], strict=True):
        for _ in range(8):
            rows = queue.claim(db, number, "keep", size=20, gold_share=0.5)
            came = [
                {"id": f"{number}-{random.random()}", "item": row["item"], "seconds": 3.0,
                 "value": "drop" if name == "ann" and int(row["clip"][1:]) % 2 else "keep"}
                for row in rows
            ]  # fmt: skip
            assert not queue.answer(db, number, came, app="test").refused
    return Project(Run(tmp_path / "run"), db)


def test_the_pages_say_what_the_numbers_say(review: Project) -> None:
    with served(review) as port:
        me = Browser(port).enter()
        page = me.get("/quality").text
        assert "zoe &lt;b&gt;&amp;" in page
        assert "<b>&" not in page, "names are only words"
        assert "gold questions are right" in page
        assert "said keep to all of" in page
        assert "100.0%" in page, "ann's gold"
        assert "At today&#39;s pace" in page or "At today's pace" in page
        assert me.get("/quality/preference").status == 200
        assert me.get("/quality/nothing").status == 404
        saving = me.get("/saving").text
        assert "all are looked at" in saving
        assert "Good from here up" in saving


def test_a_promise_is_made_and_taken_back(review: Project) -> None:
    with served(review) as port:
        me = Browser(port).enter()
        assert me.form("/saving", what="promise", promise="9").status == 400
        assert "50 to 99.99 per cent" in me.form("/saving", what="promise", promise="hundred").text
        assert review.setting("promise") is None
        assert me.form("/saving", what="promise", promise="90").status == 303
        assert review.setting("promise") == 0.9
        with review.db.read() as con:
            first = con.execute(t.item.select().where(t.item.c.state == t.OPEN).order_by(t.item.c.priority)).mappings()
            ahead = [row["clip"] for row in first if row["priority"] < -1]
            log = con.execute(t.audit.select().where(t.audit.c.what == "saving")).mappings().all()
        assert ahead
        assert log[-1]["about"] == '{"promise": 0.9}'
        assert me.form("/saving", what="promise", promise="").status == 303
        assert review.setting("promise") is None
        assert me.form("/saving", what="order", by="source").status == 303
        for _ in range(500):
            if review.setting("ordering") is None:
                break
            time.sleep(0.02)
        assert review.setting("order") == "source"
        assert '<option value="source" selected>' in me.get("/saving").text
        assert me.form("/saving", what="order", by="worst").status == 400
        assert me.form("/saving", what="else").status == 400


def test_they_are_for_admins(review: Project) -> None:
    [number] = staff(review.db, ["dan"], people.ADJUDICATOR)
    assert number
    with served(review) as port:
        dan = Browser(port)
        secret = people.invite(review.db, "eva", people.ADJUDICATOR, by="test")
        dan.ask("POST", f"/invite/{secret}", b"password=long+enough+12&again=long+enough+12",
                **{"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
        dan.read_token()
        for path in ("/quality", "/quality/keep", "/saving"):
            assert dan.get(path).status == 403
            assert Browser(port).get(path).status == 303, "nobody is sent to sign in"
        assert dan.form("/saving", what="promise", promise="90").status == 403
        me = Browser(port).enter()
        me.csrf = "0" * 64
        assert me.form("/saving", what="promise", promise="90").status == 403
    assert review.setting("promise") is None
