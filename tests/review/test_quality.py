"""Numbers of people and of the machine, from real answers in real databases; what is left out, and what comes first."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from review_world import clip_row, staff

from hoigen.core import alive
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.review import adjudicate, order, quality, queue
from hoigen.review import precision as precision_of
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.export import export
from hoigen.review.gold import set_gold
from hoigen.review.project import Project, add_clips, add_items, put

Says = Callable[[str, str], str]
"""(person, clip) -> the answer."""


def review(db: Database, folder: Path, scores: dict[str, float | None], **more: object) -> Project:
    db.create()
    with db.write() as con:
        put(con, "secret", "0" * 64)
        sources = ["b", "a", "c"]
        rows = [clip_row(name, score=score, source=sources[at % 3]) for at, (name, score) in enumerate(scores.items())]
        add_clips(con, rows)
        add_items(con, [{"question": "keep", "clip": name} for name in scores], double=float(more.get("double", 0)))
    return Project(Run(folder), db)


def work(
    db: Database, person: int, name: str, says: Says, most: int = 10_000, mode: str = "single", **how: float
) -> int:
    """A person answers what is lent; how many answers."""
    done = 0
    while done < most:
        rows = queue.claim(db, person, "keep", size=min(20, most - done), **how)  # type: ignore[arg-type]
        came = [
            {"id": f"{name}{random.random()}", "item": row["item"], "value": says(name, row["clip"]), "mode": mode,
             "seconds": 2.5}
            for row in rows
        ]  # fmt: skip
        if not came:
            return done
        saved = queue.answer(db, person, came, app="test")
        assert not saved.refused
        done += len(saved.saved)
    return done


def test_people_in_numbers_and_one_who_always_keeps(db: Database, tmp_path: Path) -> None:
    project = review(db, tmp_path, {f"c{at}": 0.5 for at in range(150)}, double=1.0)
    bad = {f"c{at}" for at in range(150) if at % 3 == 0 or at >= 130}
    set_gold(db, "keep", {f"c{at}": "drop" if f"c{at}" in bad else "keep" for at in range(120, 150)})
    ann, zoe = staff(db, ["ann", "zoe"])

    def says(who: str, clip: str) -> str:
        return "keep" if who == "zoe" or clip not in bad else "drop"

    work(db, zoe, "zoe", says, 90, gold_share=0.3)
    work(db, ann, "ann", says, 100, mode="grid", gold_share=0.3)
    found = quality.overview(project, "keep")
    by = {person.who: person for person in found.people}
    assert by["ann"].alerts == ()
    assert by["ann"].gold_right.value == 1.0
    assert any("gold questions are right" in alert for alert in by["zoe"].alerts)
    assert by["zoe"].shares == {"keep": 1.0}
    assert by["zoe"].median == 2.5
    assert quality.alerted(project, "keep") == {zoe}
    grid, single = found.modes
    assert (grid.mode, grid.right.value, grid.answers) == ("grid", 1.0, 100)
    assert single.right.value is not None
    assert single.right.value < 1
    assert found.items == 120, "gold is no part of it"
    assert found.agreement.units == by["zoe"].shared > 0
    assert by["ann"].shared == 0, "whom gold tells of speaks for nobody"
    assert sum(count for _, count in found.days) == 190
    assert found.finish.at is not None
    assert quality.false_keep_of(project, set()) > quality.false_keep_of(project, {zoe})  # type: ignore[operator]
    assert quality.false_keep_of(project, {zoe, ann}) is None


def test_cuts_of_other_parts_are_other_answers(db: Database, tmp_path: Path) -> None:
    """Of 40 clips that two have trimmed, they keep the same part of 30: raw agreement is 3 of 4, not 1."""
    project = review(db, tmp_path, {f"c{at}": 0.5 for at in range(40)}, double=1.0)
    for number, person in enumerate(staff(db, ["ann", "bob"])):
        for _ in range(2):
            came = []
            for row in queue.claim(db, person, "keep"):
                begin = 2.0 * number if int(row["clip"][1:]) < 10 else 0.1 * number
                extra = {"in": begin, "out": begin + 1.5}
                came.append(
                    {"id": f"{person}-{row['item']}-answer", "item": row["item"], "value": "trim", "extra": extra}
                )
            assert not queue.answer(db, person, came, app="test").refused
    found = quality.overview(project, "keep")
    assert (found.states[t.DONE], found.states[t.DISPUTED]) == (30, 10)
    assert found.agreement.raw.value == 0.75
    assert [(person.raw.value, person.shares) for person in found.people] == [(0.75, {"trim": 1.0})] * 2
    project.set(same_cut=0.9)  # 1.4 of 1.6 s is less
    assert quality.overview(project, "keep").agreement.raw.value == 0.0


def test_an_empty_review_has_numbers_too(db: Database, tmp_path: Path) -> None:
    project = review(db, tmp_path, {"c0": None})
    found = quality.overview(project, "keep")
    assert (found.items, found.done, list(found.people), list(found.days)) == (1, 0, [], [])
    assert found.finish.at is None
    assert precision_of.update(project).saving.bands == ()


def sure_world(db: Database, folder: Path, clips: int = 1500) -> tuple[Project, Says, set[str], list[int]]:
    """Clips whose upper half is good; two people who err; half of 60 gold questions are bad clips; 90 % is promised."""
    rng = np.random.default_rng(4)
    scores = {f"c{at}": float(at) for at in range(clips)}
    bad = {name for at, name in enumerate(scores) if at < clips // 2 and rng.random() < 0.6}
    gold = {f"g{at}": float(rng.integers(0, clips)) for at in range(60)}
    project = review(db, folder, scores | gold)
    bad |= {f"g{at}" for at in range(0, 60, 2)}
    set_gold(db, "keep", {name: "drop" if name in bad else "keep" for name in gold})
    people = staff(db, ["ann", "ben", "cem"])
    wrong = {(who, name): rng.random() < 0.03 for who in ("ann", "ben") for name in (*scores, *gold)}

    def says(who: str, clip: str) -> str:
        return "keep" if (clip in bad) == wrong[who, clip] else "drop"

    return project, says, bad, people


def decide_all(db: Database, person: int, bad: set[str]) -> None:
    while rows := adjudicate.waiting(db, person, "keep"):
        came = [
            {"id": f"d{random.random()}", "item": row["item"], "value": "drop" if row["clip"] in bad else "keep"}
            for row in rows
        ]
        assert not adjudicate.decide(db, person, came, app="test").refused


def test_bands_that_are_sure_are_left_out_and_the_promise_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_of, "AHEAD", 30)
    db = Database(tmp_path / "r.sqlite")
    project, says, bad, (ann, ben, cem) = sure_world(db, tmp_path)
    project.set(promise=0.9)
    before = precision_of.update(project)
    assert (before.false_keep, before.left_out) == (None, 0)
    assert "gold" in before.saving.bands[0].why
    for who, name in ((ann, "ann"), (ben, "ben")):
        work(db, who, name, says, 60, gold_share=1.0)
    for _ in range(100):
        found = precision_of.update(project)
        if found.saving.wanted is None:
            break
        work(db, ann, "ann", says, 10)
        work(db, ben, "ben", says, 10)
        decide_all(db, cem, bad)
    else:
        pytest.fail("it never comes to an end")
    assert found.saving.sure >= 3, [band.why for band in found.saving.bands]
    assert found.left_out > 250
    with db.read() as con:
        out = con.execute(t.item.select().where(t.item.c.state == t.LEFT_OUT)).mappings().all()
    assert {(row["final"], row["how"]) for row in out} == {("keep", "sampled")}
    assert np.mean([row["clip"] not in bad for row in out]) >= 0.9
    low = min(edge[0] for edge in found.edges[: found.saving.sure])
    assert all(float(row["clip"][1:]) >= low for row in out), "only of the bands that are sure"
    with db.read() as con:
        decided = con.execute(t.item.select().where(t.item.c.state == t.ADJUDICATED)).mappings().all()
    assert decided, "what one drops of a sample is looked at by somebody else"
    assert not [row for row in decided if row["final"] == "drop" and row["clip"] not in bad]
    export(project)
    from hoigen.data.annotations import Annotations

    said = {row.clip: (row.value, row.note) for row in Annotations(project.run).latest("human")}
    assert said[out[0]["clip"]] == ("yes", "sampled")
    # without the promise all are asked
    project.set(promise=None)
    assert precision_of.update(project).left_out == 0
    with db.read() as con:
        assert con.execute(t.item.select().where(t.item.c.state == t.LEFT_OUT)).first() is None
    db.close()


def test_a_sample_that_one_under_alert_has_answered_is_asked_again(db: Database, tmp_path: Path) -> None:
    project = review(db, tmp_path, {f"c{at}": float(at) for at in range(80)})
    set_gold(db, "keep", {f"c{at}": "drop" for at in range(60, 80)})
    zoe, ann = staff(db, ["zoe", "ann"])
    project.set(promise=0.9)
    work(db, zoe, "zoe", lambda who, clip: "keep", 40, gold_share=0.5)
    work(db, ann, "ann", lambda who, clip: "drop" if int(clip[1:]) >= 60 else "keep", 20, gold_share=1.0)
    assert quality.alerted(project, "keep") == {zoe}
    found = precision_of.update(project)
    assert all(band.own.seen <= 20 for band in found.saving.bands)
    with db.read() as con:
        by_zoe = t.assignment.select().where(t.assignment.c.person == zoe, t.assignment.c.state == t.ANSWERED)
        theirs = {row["item"] for row in con.execute(by_zoe).mappings()}
        rows = con.execute(t.item.select().where(t.item.c.state != t.GOLD)).mappings().all()
    best = found.edges[0][0]
    assert found.saving.wanted == 0
    again = [row for row in rows if row["id"] in theirs and float(row["clip"][1:]) >= best]
    assert again
    assert {(row["state"], row["need"], row["final"]) for row in again} == {(t.OPEN, 2, None)}


def lent(db: Database, person: int) -> list[str]:
    """What somebody is lent, in order, and gives back."""
    rows = queue.claim(db, person, "keep", size=20)
    queue.give_back(db, person)
    return [row["clip"] for row in rows]


def test_orders(db: Database, tmp_path: Path) -> None:
    scores: dict[str, float | None] = {f"c{at}": at / 10 for at in range(9)}
    project = review(db, tmp_path, scores | {"none": None})
    [ann] = staff(db, ["ann"])

    by_chance = lent(db, ann)
    assert order.reorder(project, "keep", "uncertainty", 0.31) == 10
    assert lent(db, ann) == ["c3", "c4", "c2", "c5", "c1", "c6", "c0", "c7", "c8", "none"]
    order.reorder(project, "keep", "source")
    assert [{"a": 0, "b": 1, "c": 2}[source_of(db, clip)] for clip in lent(db, ann)] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    order.reorder(project, "keep", "random")
    assert lent(db, ann) == by_chance, "the same for the same seed"
    with pytest.raises(UsageError, match="--order: one of random, source, uncertainty"):
        order.reorder(project, "keep", "hardest")


def test_an_order_is_written_while_people_go_on_and_by_the_next_server(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = review(db, tmp_path, {f"c{at}": at / 10 for at in range(9)})
    monkeypatch.setattr(order, "BLOCK", 2)
    written, go = threading.Semaphore(0), threading.Semaphore(0)
    write = order.write_priorities

    def slowly(*arguments: Any, **more: Any) -> None:
        write(*arguments, **more)
        written.release()
        go.acquire(timeout=10)

    monkeypatch.setattr(order, "write_priorities", slowly)
    ordering = order.Ordering(project)
    ordering.begin("source")
    for _ in range(2):  # between two blocks
        written.acquire(timeout=10)
        [ann] = staff(db, ["ann"])
        queue.give_back(db, ann)
        assert len(queue.claim(db, ann, "keep", size=20)) == 9
        go.release()
    written.acquire(timeout=10)
    assert ordering.now is not None
    assert (ordering.now.by, ordering.now.done) == ("source", 2)
    assert ordering.now.total > 2
    with pytest.raises(UsageError, match="one of random"):
        ordering.begin("hardest")
    # the server ends here; the next one goes on with it
    monkeypatch.setattr(order, "write_priorities", write)
    assert project.setting("order") is None
    again = order.Ordering(project)
    again.wait()
    assert (project.setting("order"), project.setting("ordering")) == ("source", None)
    queue.give_back(db, ann)
    assert [source_of(db, row["clip"]) for row in queue.claim(db, ann, "keep", size=20)] == [*"aaabbbccc"]
    for _ in range(9):
        go.release()
    ordering.wait()
    assert order.Ordering(project).now is None, "nothing is left to do"
    again.begin("random")
    again.begin("source")  # in place of it
    again.wait()
    assert project.setting("order") == "source"


def test_an_order_in_place_of_another_has_the_last_word(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = review(db, tmp_path, {f"c{at}": at / 10 for at in range(9)})
    [ann] = staff(db, ["ann"])

    by_chance = lent(db, ann)
    write = order.write_priorities

    def late(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(order, "write_priorities", write)
        ordering.begin("random")
        assert ordering._thread is not None
        ordering._thread.join(0.5)  # until it has ended, unless it waits for this one
        write(*arguments, **more)

    monkeypatch.setattr(order, "write_priorities", late)
    ordering = order.Ordering(project)
    ordering.begin("source")
    ordering.wait()
    assert (lent(db, ann), project.setting("order"), project.setting("ordering")) == (by_chance, "random", None)


def test_of_two_servers_the_one_that_was_asked_last_writes_the_order(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = review(db, tmp_path, {f"c{at}": at / 10 for at in range(9)})
    [ann] = staff(db, ["ann"])

    by_chance = lent(db, ann)
    monkeypatch.setattr(order, "BLOCK", 2)
    written, go = threading.Event(), threading.Event()
    write = order.write_priorities

    def slowly(*arguments: Any, **more: Any) -> None:
        write(*arguments, **more)
        if more["mine"].by == "source" and not written.is_set():
            written.set()
            assert go.wait(10)

    monkeypatch.setattr(order, "write_priorities", slowly)
    first, second = order.Ordering(project), order.Ordering(project)
    first.begin("source")
    assert written.wait(10)
    assert second.now is not None
    assert (second.now.by, second.now.done) == ("source", 0), "it stands on both servers' pages"
    assert second.now.total > 2
    second.begin("random")
    second.wait()
    go.set()
    assert first._thread is not None
    first._thread.join(10)
    assert (lent(db, ann), project.setting("order"), project.setting("ordering")) == (by_chance, "random", None)
    assert (first.now, second.now) == (None, None)


def test_what_another_server_left_half_written_is_gone_on_with(db: Database, tmp_path: Path) -> None:
    project = review(db, tmp_path, {f"c{at}": at / 10 for at in range(9)})
    left = order.UnderWay("source", 2, 9, turn=f"elsewhere {os.getpid()} abc")  # in containers all have one number
    project.set(ordering=dataclasses.asdict(left))
    here = order.Ordering(project)
    here.look()
    moved = dataclasses.replace(left, done=4)
    project.set(ordering=dataclasses.asdict(moved))
    here.look()
    assert here.now == moved, "it goes on there"
    assert here._thread is None
    here.look()
    here.wait()
    assert (project.setting("order"), project.setting("ordering")) == ("source", None)
    ended = subprocess.Popen(["true"])
    ended.wait()
    project.set(order=None, ordering={"by": "random", "turn": f"{alive.machine()} {ended.pid} 1 abc"})
    here.look()  # its process is seen to be gone
    here.wait()
    assert project.setting("order") == "random"


def source_of(db: Database, clip: str) -> str:
    with db.read() as con:
        return str(con.execute(t.clip.select().where(t.clip.c.id == clip)).mappings().one()["source"])


def test_the_threshold_is_that_of_the_runs_rule(tmp_path: Path) -> None:
    import yaml

    folder = tmp_path / "run"
    folder.mkdir()
    numbers = {"numbers": [{"name": "hoi_lite"}], "sampling": {}}
    rules = {"hoi_lite": {"min": 0.4}, "human": {"above": 0.5}}
    facts = {
        "recipe": {"videos": "x", "measures": ["hoi_lite"], "keep": rules},
        "fingerprints": {"hoi_lite": "0" * 12}, "measured": {"hoi_lite": numbers},
    }  # fmt: skip
    (folder / "run.yaml").write_text(yaml.safe_dump(facts))
    assert order.threshold_of(Run(folder)) == 0.4
    facts["recipe"]["keep"] = {}  # type: ignore[index]
    (folder / "run.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(UsageError, match=r"no rule of .* bounds hoi_lite"):
        order.threshold_of(Run(folder))
