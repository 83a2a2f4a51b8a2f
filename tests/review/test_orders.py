"""Verifying before captioning, as the paper does, and after: which caption people see, and what is captioned."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from review_world import staff
from web_world import joined, served

import fake_talk
import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.annotations import Annotations
from hoigen.data.run import Run
from hoigen.review import exchange, project, queue, tasks
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.export import export
from hoigen.review.gold import set_gold
from hoigen.review.queue import answer
from hoigen.rules import decide, removals
from hoigen.rules.runfile import steps_of
from hoigen.stages.captioned import caption_rows
from render import pan, render, texture
from run_folders import Given, curated, in_this_process, write_recipe, write_run

JUDGED = "Hands cut bread."
YES = {"interaction": "yes", "triplets": [], "conspicuous": "yes", "reason": "bread is cut"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three short videos, whose captions by `hoi_judgement` a judge has read and found good."""
    for at in range(3):
        render(tmp_path / f"v{at}.mp4", pan(texture(at, (200, 120)), 24, (1, 0), (128, 72)), fps=24)
    fake_talk.write(tmp_path)
    (tmp_path / "look.md").write_text("What happens here?")
    expert, log = str(tmp_path / "fake_expert.py"), str(tmp_path / "asked.log")
    judge = {
        "describer": {expert: {"model": "eyes", "log": log, "says": JUDGED}},
        "judge": {expert: {"model": "judge", "log": log, "says": json.dumps(YES), "sampling": {"frames": 0}}},
        "describe_prompt": str(tmp_path / "look.md"),
    }
    measures = ["metadata", {"hoi_judgement": judge}]
    keep = {"hoi_judgement": {"min": 1}}
    curated(videos=str(tmp_path / "*.mp4"), run=tmp_path / "run", measures=measures, keep=keep)
    return tmp_path / "run"


def ids(run: Path) -> list[str]:
    found = decide.connect(Run(run), steps_of(Run(run))[1]).execute("select id from decided order by uri")
    return [row[0] for row in found.fetchall()]


def people_say(run: Path, said: dict[str, str]) -> dict[str, str]:
    """Somebody answers in the app, whose answers go into the run and its rules. Returns the captions that they saw."""
    made = project.begin(Run(run), double_share=0.0, gold_share=0.0)
    shown = {}
    with served(made) as port:
        ann = joined(made, port, "ann")
        for item in ann.claim():
            shown[item["about"]] = item["caption"]
            answer = {"id": str(uuid.uuid4()), "item": item["item"], "value": said[item["about"]]}
            assert ann.api("/api/answers", {"answers": [answer]}).json["saved"] == [answer["id"]]
    export(made)
    made.db.close()
    with in_this_process():
        assert main(["curate", str(run / "run.yaml"), "--run", str(run), "--quiet", "--set", "keep.human.min=1"]) == 0
    return shown


def captioned(run: Path) -> dict[str, Any]:
    """What `hoigen caption` has written, after it was run once more."""
    spec = json.dumps(fake_talk.spec(run.parent)["captioner"])
    assert not hoigen.caption(run, set=[f"captioner={spec}"], workers=1, report=False, quiet=True).failed
    return {row["id"]: row["text"] for row in caption_rows(Run(run))}


def test_verify_first_by_the_caption_of_the_judgement(run: Path) -> None:
    names = ids(run)
    shown = people_say(run, dict(zip(names, ("keep", "drop", "keep"), strict=True)))
    assert shown == dict.fromkeys(names, JUDGED), "there is no other caption yet"
    assert set(captioned(run)) == {names[0], names[2]}, "what people dropped is not captioned"
    assert hoigen.funnel(run).counts == {"kept": 2, "dropped": 1, "failed": 0, "pending": 0}


def test_caption_first_then_verify_what_was_written(run: Path) -> None:
    names = ids(run)
    made = captioned(run)
    assert set(made) == set(names)
    shown = people_say(run, dict.fromkeys(names, "keep") | {names[1]: "drop"})
    assert shown == made, "the captioner's words, no longer the judge's"
    assert JUDGED not in shown.values()
    asked = (run.parent / "asked.log").read_text()
    assert captioned(run) == {name: made[name] for name in (names[0], names[2])}, "the words of what is kept"
    assert (run.parent / "asked.log").read_text() == asked, "and nobody is asked for them again"
    assert hoigen.funnel(run).counts == {"kept": 2, "dropped": 1, "failed": 0, "pending": 0}
    con = decide.connect(Run(run), steps_of(Run(run))[1])
    kept = con.execute("select id from decided where state = 'kept'").fetchall()
    assert {row[0] for row in kept} == {names[0], names[2]}


def test_a_caption_that_came_later_is_shown_from_then_on(run: Path) -> None:
    before = project.begin(Run(run), double_share=0.0, gold_share=0.0)
    before.db.close()
    made = captioned(run)
    again = project.begin(Run(run))
    with served(again) as port:
        assert {row["about"]: row["caption"] for row in joined(again, port, "ben").claim()} == made
    again.db.close()


def test_a_removed_clip_is_asked_of_nobody_and_shown_to_nobody(run: Path) -> None:
    first, *others = ids(run)
    before = project.begin(Run(run), double_share=0.0, gold_share=0.0)
    with served(before) as port:
        ann = joined(before, port, "ann", role="admin")
        lent = {row["about"]: row["item"] for row in ann.claim()}
        said = {"id": str(uuid.uuid4()), "item": lent[first], "value": "keep"}
        assert ann.api("/api/answers", {"answers": [said]}).json["saved"]
        assert ann.get(f"/media/{first}").status == 200
    export(before)
    before.db.close()

    asked = run.parent / "asked.csv"
    asked.write_text(f"kind,value\nclip,{first}\n")
    removals.write(run, removals.asked(asked, Run(run))[0])
    again = project.begin(Run(run))
    assert not list((run / "review" / "media").glob(f"{first}-*"))
    with served(again) as port:
        ann = joined(again, port, "bob", role="admin")
        assert {row["about"] for row in ann.claim()} <= set(others)
        # whoever had it cannot answer it, see it, or find out what it was
        late = {"id": str(uuid.uuid4()), "item": lent[first], "value": "drop"}
        assert "not lent to you" in str(ann.api("/api/answers", {"answers": [late]}).json["refused"])
        assert ann.get(f"/media/{first}").status == 404
        page = ann.get("/quality/keep").text
        assert "removed: somebody asked for that" in page
    with again.db.read() as con:
        row = con.execute(sa.select(t.clip).where(t.clip.c.id == first)).mappings().one()
        number = con.execute(sa.select(t.person.c.id).where(t.person.c.name == "ann")).scalar_one()
    assert [row[name] for name in ("uri", "caption", "source", "numbers")] == ["", "", "", "{}"]
    assert again.setting("removed") == 1
    assert [row.clip for row in Annotations(Run(run)).latest() if row.value is not None] == [first, first]
    export(again)
    assert not [row for row in Annotations(Run(run)).latest() if row.value is not None], "what was said is taken back"

    saved = answer(again.db, number, [late], app="test")
    assert "was removed" in saved.refused[late["id"]], "who had it in hand is told so"
    # a list that was written by mistake, and is taken away by hand
    (run / removals.FILE).unlink()
    back = project.begin(Run(run))
    assert back.counts("keep") == {t.OPEN: 2, t.DONE: 1}
    again.db.close()
    back.db.close()
    # once more, and then what is brought in does not bring it back
    removals.write(run, removals.asked(asked, Run(run))[0])
    last = project.begin(Run(run))
    with pytest.raises(UsageError, match=f"there is no clip {first} in this review"):
        set_gold(last.db, "keep", {first: "keep"})
    table = run.parent / "answers.csv"
    table.write_text(f"id,clip,question,value,who,mode\ndecided-1,{first},keep,keep,cem,adjudicate\n")
    assert exchange.read(last, table).added == 1
    export(last)
    assert not [row for row in Annotations(Run(run)).latest() if row.value is not None]
    assert last.counts("keep") == {t.OPEN: 2, t.REMOVED: 1}
    last.db.close()


def test_rules_that_drop_a_clip_now_leave_people_alone_with_it_and_answers_stay(tmp_path: Path) -> None:
    for at in range(3):
        render(tmp_path / f"v{at}.mp4", pan(texture(at, (200, 120)), 24 + 12 * at, (1, 0), (128, 72)), fps=24)
    where: dict[str, Any] = {"videos": str(tmp_path / "*.mp4"), "run": tmp_path / "run"}
    curated(**where, keep={"duration": {"min": 0.5}})
    run = Run(tmp_path / "run")
    short, middle, long = ids(run.path)
    before = project.begin(run, double_share=0.0, gold_share=0.0)
    [ann] = staff(before.db, ["ann"])
    lent = {row["clip"]: row["item"] for row in queue.claim(before.db, ann, "keep")}
    said = {"id": str(uuid.uuid4()), "item": lent[short], "value": "keep"}
    assert answer(before.db, ann, [said], app="test").saved

    curated(**where, keep={"duration": {"min": 1.9}})
    again = project.begin(run)
    assert again.counts("keep") == {t.DONE: 1, t.UNKEPT: 1, t.OPEN: 1}
    assert {row["clip"] for row in queue.claim(again.db, ann, "keep")} == {long}
    late = {"id": str(uuid.uuid4()), "item": lent[middle], "value": "drop"}  # was on its way
    assert answer(again.db, ann, [late], app="test").saved
    assert again.counts("keep") == {t.DONE: 1, t.UNKEPT: 1, t.OPEN: 1}
    with served(again) as port:
        assert "the run&#39;s rules drop the clip now" in joined(again, port, "cas", role="admin").get("/quality").text
    assert tasks.add_frames(again, double=0.0) == tasks.FRAMES_EACH  # of the clip that is kept

    curated(**where, keep={"duration": {"min": 0.5}})
    back = project.begin(run)
    assert back.counts("keep") == {t.DONE: 2, t.OPEN: 1}  # what was said meanwhile counts
    for each in (before, again, back):
        each.db.close()


def test_another_share_that_is_seen_twice_is_of_the_clips_that_are_there_too(db: Database, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [], [[Given(f"{i:016x}", uri=f"/videos/{i}.mp4") for i in range(20)]])
    write_recipe(run, {"measures": [], "keep": {}})
    made = project.begin(run, db.target, double_share=0.0, gold_share=0.0)
    ann, bob = staff(made.db, ["ann", "bob"])

    def all_kept(person: int) -> int:
        rows = queue.claim(db, person, "keep", size=50)
        each = [{"id": str(uuid.uuid4()), "item": row["item"], "value": "keep"} for row in rows]
        return len(answer(db, person, each, app="test").saved)

    assert all_kept(ann) == 20
    assert made.counts("keep") == {t.DONE: 20}
    again = project.begin(run, db.target, double_share=0.5)
    waiting = made.counts("keep")[t.OPEN]
    assert 4 <= waiting <= 16
    assert all_kept(bob) == waiting
    assert made.counts("keep") == {t.DONE: 20}
    more = project.begin(run, db.target, double_share=1.0)
    assert made.counts("keep") == {t.OPEN: 20 - waiting, t.DONE: waiting}
    fewer = project.begin(run, db.target, double_share=0.0)
    assert made.counts("keep") == {t.DONE: 20}
    for each in (made, again, more, fewer):
        each.db.close()
