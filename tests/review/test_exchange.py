"""Verdicts out of a review and into another, nothing lost; files of others; what is wrong is named and adds nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_world import clip_row, staff

from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.review import adjudicate, exchange, queue
from hoigen.review import tables as t
from hoigen.review.database import Database
from hoigen.review.gold import set_gold
from hoigen.review.project import Project, add_clips, add_items, put
from hoigen.review.questions import REASONS

NOTES = ["=1+1", "'=1+1", "''@x", "-5 no", 'a;b,"c"\nd', "Größe 尺寸 🫖", "'", "plain", "  led, and trailed  "]


def empty(db: Database) -> Project:
    db.create()
    with db.write() as con:
        put(con, "secret", "0" * 64)
        add_clips(con, [clip_row(f"c{at}") for at in range(14)])
        add_items(con, [{"question": "keep", "clip": f"c{at}", "priority": at} for at in range(12)])
        add_items(con, [{"question": "keep", "clip": f"c{at}", "priority": at} for at in (12, 13)], double=1.0)
        claims = [{"question": "claims", "clip": "c0", "key": str(at), "subject": {"claim": "x"}} for at in range(2)]
        add_items(con, claims)
    return Project(Run(Path("/nowhere")), db)


def answered(db: Database) -> Project:
    """Every kind of verdict: with notes, trimmed, cropped, taken back, changed, doubled, disputed, decided, gold."""
    project = empty(db)
    ann, ben, cem = staff(db, ["ann", "Ben Ö.", "cem"])
    set_gold(db, "keep", {"c11": "drop"})
    count = iter(range(1000))

    def say(person: int, name: str, value: str | None, question: str = "keep", **more: Any) -> str:
        queue.claim(db, person, question, size=30, gold_share=1.0)
        with db.read() as con:
            query = t.item.select().where(t.item.c.question == question, t.item.c.clip == name)
            item = con.execute(query).mappings().one()["id"]
        made = f"verdict-{next(count):03d}"
        said = queue.answer(db, person, [{"id": made, "item": item, "value": value, **more}], app="1.2")
        assert said.saved == [made], said.refused
        return made

    for at, note in enumerate(NOTES):
        say(ann, f"c{at}", "keep", note=note, seconds=1.25 + at)
    undone = say(ann, "c9", "drop", reason=REASONS["2"], mode="grid")
    say(ann, "c9", None, supersedes=undone)
    say(ann, "c9", "trim", extra={"in": 0.5, "out": 2.25, "speed": 1.5})
    say(ann, "c10", "unsure")
    say(ann, "c12", "keep")
    say(ann, "c13", "drop", reason=REASONS["9"])
    queue.give_back(db, ann)
    say(ben, "c11", "keep")
    say(ben, "c12", "keep")
    say(ben, "c13", "crop", extra={"crop": [0.1, 0, 0.9, 1]})
    queue.give_back(db, ben)
    for person in (ann, ben):
        rows = queue.claim(db, person, "claims", size=1)
        queue.answer(db, person, [{"id": f"claim---{person}", "item": rows[0]["item"], "value": "false"}], app="1.2")
    [first, *_] = adjudicate.waiting(db, cem, "keep")
    decision = {"id": "decision", "item": first["item"], "value": "drop", "reason": REASONS["1"], "note": "seen twice"}
    assert adjudicate.decide(db, cem, [decision], app="1.2").saved
    return project


def state(db: Database) -> dict[str, Any]:
    """What the review comes to, without numbers of rows and people."""
    with db.read() as con:
        names = {row.id: row.name for row in con.execute(t.person.select())}
        items = {row["id"]: row for row in con.execute(t.item.select()).mappings()}
        place = {number: (row["question"], row["clip"], row["key"]) for number, row in items.items()}
        votes = sorted(
            (*place[row["item"]], names[row["person"]], row["value"], row["verdict"])
            for row in con.execute(t.assignment.select().where(t.assignment.c.state == t.ANSWERED)).mappings()
        )
        ends = {place[n]: (row["state"], row["final"], row["how"], row["given"]) for n, row in items.items()}
    return {"votes": votes, "ends": ends}


def same(file: Path) -> Any:
    """What a file says, without numbers that a database gives."""
    if file.suffix != ".json":
        return file.read_text()
    tasks = json.loads(file.read_text())
    for task in tasks:
        del task["id"]
    return sorted(tasks, key=lambda task: (task["data"]["question"], task["data"]["clip"], task["data"]["key"]))


@pytest.mark.parametrize("name", ["v.csv", "v.jsonl", "v.json"])
def test_nothing_is_lost_on_the_way_into_another_review(db: Database, tmp_path: Path, name: str) -> None:
    project = answered(db)
    count = exchange.write(project, tmp_path / name)
    other = Database(tmp_path / "other.sqlite")
    into = empty(other)
    set_gold(other, "keep", {"c11": "drop"})
    brought = exchange.read(into, tmp_path / name)
    assert (brought.rows, brought.added, brought.known) == (count, count, 0)
    assert brought.people == ["Ben Ö.", "ann", "cem"]
    assert state(other) == state(db)
    exchange.write(into, tmp_path / f"again-{name}")
    assert same(tmp_path / f"again-{name}") == same(tmp_path / name)
    again = exchange.read(into, tmp_path / name)
    assert (again.added, again.known) == (0, count)
    assert state(other) == state(db)
    with other.read() as con:
        notes = {row.clip: row.note for row in con.execute(t.verdict.select().where(t.verdict.c.question == "keep"))}
        assert all(row.disabled for row in con.execute(t.person.select())), "nobody gets in by a file"
    assert [notes[f"c{at}"] for at in range(len(NOTES))] == NOTES
    other.close()


def test_a_spreadsheet_runs_nothing_of_it(tmp_path: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    exchange.write(answered(db), tmp_path / "v.csv")
    with (tmp_path / "v.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
    db.close()


@pytest.fixture
def into(tmp_path: Path) -> Project:
    return empty(Database(tmp_path / "r.sqlite"))


def test_a_table_by_hand(into: Project, tmp_path: Path) -> None:
    file = tmp_path / "hand.csv"
    file.write_text("clip,value,who,note\nc1,keep,zoe,\nc2,drop,zoe,dark\nc2,keep,yan,\n")
    brought = exchange.read(into, file, question="keep")
    assert (brought.added, brought.people) == (3, ["yan", "zoe"])
    ends = state(into.db)["ends"]
    assert ends["keep", "c1", ""] == (t.DONE, "keep", "single", 1)
    assert ends["keep", "c2", ""] == (t.DISPUTED, None, None, 2)
    assert exchange.read(into, file, question="keep").added == 0
    with into.db.read() as con:
        assert {row.mode for row in con.execute(t.verdict.select())} == {"import"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("c1,maybe,zoe,keep,", r"line 3: value: one of keep, drop, unsure, trim, crop"),
        ("c99,keep,zoe,keep,", r"line 3: this review does not ask keep of clip c99"),
        ("c1,keep,zoe,kept,", r"line 3, question: one of keep.*did you mean"),
        ("c1,keep,zoe,keep,yesterday", r"line 3: when: a time such as"),
        ("c1,trim,zoe,keep,", r"line 3: trim: in before out"),
        (",keep,zoe,keep,", r"line 3, column clip: it is empty"),
    ],
)
def test_what_is_wrong_is_named_and_adds_nothing(into: Project, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(f"clip,value,who,question,when\nc0,keep,zoe,keep,\n{line}\n")
    with pytest.raises(UsageError, match=said):
        exchange.read(into, file)
    with into.db.read() as con:
        assert con.execute(t.verdict.select()).first() is None
        assert con.execute(t.person.select()).first() is None


LABEL_STUDIO: list[dict[str, Any]] = [
    {
        "id": 1, "data": {"video": "https://x/a.mp4", "clip": "c3"}, "project": 83, "predictions": [],
        "annotations": [
            {
                "id": 1001, "completed_by": 10, "was_cancelled": False, "ground_truth": False, "lead_time": 4.288,
                "created_at": "2021-03-09T22:16:08.728353Z", "updated_at": "2021-03-09T22:16:08.728378Z", "task": 1,
                "result": [
                    {"from_name": "q", "id": "Dx", "to_name": "v", "type": "choices", "value": {"choices": ["Drop"]}},
                    {"from_name": "n", "id": "Dy", "to_name": "v", "type": "textarea", "value": {"text": ["too dark"]}},
                ],
            },
            {"id": 1002, "completed_by": {"id": 4, "email": "a@b.org"}, "was_cancelled": True, "result": []},
        ],
    },
    {"id": 2, "data": {"clip": "c4"}, "annotations": []},
]  # fmt: skip
"""As https://labelstud.io/guide/task_format shows a task, with the tags Choices and TextArea."""


def test_an_id_is_of_one_answer_and_no_answer_is_of_tomorrow(into: Project, tmp_path: Path) -> None:
    file, head = tmp_path / "a.csv", "clip,question,value,who,id,when\n"
    row = "c0,keep,keep,ann,one-answer,2026-01-02T03:04:05\n"
    other = row.replace("ann", "bob")
    for text, told in (
        (row + other, "line 3, id: 'one-answer' is another answer's already, in .*line 2"),
        (row.replace("2026", "2999"), "when: a moment that has been"),
    ):
        file.write_text(head + text)
        with pytest.raises(UsageError, match=told):
            exchange.read(into, file)
    file.write_text(head + row + row)
    assert "1 verdict added from 2 rows, 1 was there already" in str(exchange.read(into, file))
    file.write_text(head + row.replace("keep,keep", "keep,drop"))
    with pytest.raises(UsageError, match="in this review; answers never change"):
        exchange.read(into, file)
    file.write_text(head + row)
    assert exchange.read(into, file).known == 1


def test_what_label_studio_wrote(into: Project, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(LABEL_STUDIO))
    brought = exchange.read(into, file, question="keep")
    assert (brought.rows, brought.added, brought.left_out, brought.people) == (2, 1, 1, ["label-studio 10"])
    with into.db.read() as con:
        [row] = con.execute(t.verdict.select()).mappings()
    assert (row["value"], row["note"], row["seconds"], row["clip"]) == ("drop", "too dark", 4.288, "c3")
    assert row["at"] == pytest.approx(1615328168.728378)
    assert row["app_version"] == "label-studio"


def test_what_went_to_label_studio_and_came_back(into: Project, tmp_path: Path) -> None:
    """It gives annotations numbers and an account of its own, and keeps only what it knows."""
    full, file = answered(Database(tmp_path / "full.sqlite")), tmp_path / "to.json"
    set_gold(into.db, "keep", {"c11": "drop"})
    exchange.write(full, file)
    tasks = json.loads(file.read_text())
    number = 0
    for task in tasks:
        for one in task["annotations"]:
            assert not {"id", "completed_by"} & one.keys()  # it refuses ids that are no numbers, and people of others
            number += 1
            one |= {"id": number, "completed_by": 1, "unique_id": f"unique-{number}"}
    file.write_text(json.dumps(tasks))
    exchange.read(into, file)
    assert state(into.db) == state(full.db)
    for each, name in ((full, "there.jsonl"), (into, "back.jsonl")):
        exchange.write(each, tmp_path / name)
    there, back = ((tmp_path / name).read_text().splitlines() for name in ("there.jsonl", "back.jsonl"))
    assert sorted(back) == sorted(there)
    changed = next(one for task in tasks for one in task["annotations"] if not one["was_cancelled"])
    verdict = next(each for each in changed["result"] if each["from_name"] == "verdict")
    verdict["value"] = {"choices": ["unsure" if verdict["value"]["choices"] != ["unsure"] else "keep"]}
    file.write_text(json.dumps(tasks))
    brought = exchange.read(into, file)
    assert (brought.added, brought.people) == (1, ["label-studio 1"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tasks: tasks[0]["data"].pop("clip"), "task 1, annotation 1: data has no clip"),
        (lambda tasks: tasks[0].pop("data"), "task 1: an object with `data`"),
        (lambda tasks: tasks[0].update(annotations=5), "task 1: annotations: a list"),
        (lambda tasks: tasks[0]["annotations"][0].pop("completed_by"), "completed_by says nobody"),
        (lambda tasks: tasks[0]["annotations"][0]["result"][0]["value"]["choices"].append("keep"), "one answer"),
    ],
)
def test_tasks_that_are_none_are_named(into: Project, tmp_path: Path, change: Callable[[Any], Any], said: str) -> None:
    tasks = json.loads(json.dumps(LABEL_STUDIO))
    change(tasks)
    file = tmp_path / "export.json"
    file.write_text(json.dumps(tasks))
    with pytest.raises(UsageError, match=said):
        exchange.read(into, file, question="keep")


def test_names_of_files_say_the_format(into: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--format"):
        exchange.write(into, tmp_path / "v.txt")
    assert exchange.write(into, tmp_path / "v.txt", "csv") == 0
    (tmp_path / "v.txt").rename(tmp_path / "v.csv")
    with pytest.raises(UsageError, match="holds no verdicts"):
        exchange.read(into, tmp_path / "v.csv")
