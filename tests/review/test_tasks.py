"""The other questions: what is asked, that nobody can tell whose it is, and that other commands read what comes out."""

from __future__ import annotations

import itertools
import json
import math
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from made_runs import PROMPTS, Made, make_run
from review_world import clip_row, staff
from web_world import joined, served

import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.evaluation.captions.files import read_claims
from hoigen.measures.labelled import read_labelled
from hoigen.review import project, queue, tasks
from hoigen.review import tables as t
from hoigen.review.export import export

MODELS = ("model-x", "model-y", "model-z")


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    """Three models, twelve prompts; `technical_quality` is what people will go by, too."""
    values = {model: 0.2 + 0.3 * at for at, model in enumerate(MODELS)}
    prompts = sorted(PROMPTS)[:12]
    videos = [
        Made(model, prompt, {"technical_quality": values[model] + 0.001 * n, "hoi_lite": 0.5, "text_boxes": 0.0})
        for model in MODELS
        for n, prompt in enumerate(prompts)
    ]
    return make_run(tmp_path / "evaluation", videos)


def answered(made: project.Project, people: list[int], question: str, say: Any) -> None:
    """Everybody answers all there is. say: (clip, other, person) -> value."""
    for person in people:
        while rows := queue.claim(made.db, person, question):
            said = [
                {"id": str(uuid.uuid4()), "item": r["item"], "value": say(r["clip"], r["other"], person)} for r in rows
            ]
            assert not queue.answer(made.db, person, said, app="1").refused


def test_pairs_are_balanced_and_their_votes_run_through_agree(evaluation: Path, tmp_path: Path) -> None:
    made = project.begin(Run(evaluation), question="preference", double_share=0.0, gold_share=0.0)
    assert tasks.add_pairs(made, interval=0.2, votes=3) == 3 * math.ceil(25 / 3)  # 24.01 votes of each two models
    again = tasks.add_pairs(made, interval=0.2, votes=3)
    with made.db.read() as con:
        models = dict(con.execute(sa.select(t.clip.c.id, t.clip.c.source)).all())
        rows = con.execute(sa.select(t.item).order_by(t.item.c.priority)).all()
    assert len(rows) == again == 27  # asked again, nothing is there twice
    pairs = Counter(frozenset((models[row.clip], models[row.other])) for row in rows)
    assert set(pairs.values()) == {9}
    first = Counter(frozenset((models[row.clip], models[row.other])) for row in rows[:9])
    assert set(first.values()) == {3}  # also of the first few
    assert all(row.need == 3 for row in rows)
    people = staff(made.db, ["ann", "bob", "cas"])
    dice = np.random.default_rng(1)
    strong = {"model-x": 1.0, "model-y": 2.0, "model-z": 4.0}

    def say(clip: str, other: str, person: int) -> str:
        if dice.random() < 0.1:
            return "tie"
        one, two = strong[models[clip]], strong[models[other]]
        return "first" if dice.random() < one / (one + two) else "second"

    answered(made, people, "preference", say)
    [file] = export(made).files
    told = hoigen.agree(evaluation, file, measures=["technical_quality"], draws=200)
    [found] = told.numbers
    assert found.pairs > 50
    assert found.accuracy.value > 0.6
    assert len(file.read_text().splitlines()) == 1 + 81
    assert [one.model for one in told.opinion.models] == ["model-z", "model-y", "model-x"]


def test_nobody_can_tell_which_model_made_it(evaluation: Path) -> None:
    made = project.begin(Run(evaluation), question="preference", gold_share=0.0)
    tasks.add_pairs(made, interval=0.2, votes=3)
    with made.db.read() as con:
        rows = con.execute(sa.select(t.item.c.id, t.item.c.clip, t.item.c.other)).all()
    first = {row.id: row.clip for row in rows}
    other = {row.id: row.other for row in rows}
    sides, said = [], []
    with served(made) as port:
        ann = joined(made, port, "ann")
        texts = [ann.get("/review/preference").text]
        while items := ann.claim("preference"):
            texts.append(json.dumps(items))
            for item in items:
                left = item["videos"][0]["src"].split("/")[-1]
                assert {left, item["videos"][1]["src"].split("/")[-1]} == {first[item["item"]], other[item["item"]]}
                sides.append(left == first[item["item"]])
                answer = {"id": str(uuid.uuid4()), "item": item["item"], "value": "first"}  # the left one
                said.append((item["item"], left))
                assert ann.api("/api/answers", {"answers": [answer]}).json["saved"]
        assert ann.get(f"/media/{first[1]}/source").status == 404  # the file may name who made it
        assert ann.get(f"/api/details/{first[1]}").status == ann.get(f"/api/details/{other[1]}").status == 404
        texts.append(ann.get("/api/mine/preference").text)
    assert not [text for text in texts if any(model in text for model in MODELS) or ".mp4" in text]
    assert 5 <= sum(sides) <= 22  # of 27, at random
    with made.db.read() as con:
        votes = dict(con.execute(sa.select(t.verdict.c.item, t.verdict.c.value)).all())
    assert all(votes[item] == ("first" if left == first[item] else "second") for item, left in said)


def test_numbers_and_shapes_of_items_tell_no_model(evaluation: Path) -> None:
    made = project.begin(Run(evaluation), question="rating", gold_share=0.0)
    tasks.add_ratings(made, votes=1)
    tasks.add_pairs(made, interval=0.2, votes=3)
    with made.db.read() as con:
        query = sa.select(t.clip.c.source, t.item.c.question).join(t.clip, t.clip.c.id == t.item.c.clip)
        rows = con.execute(query.order_by(t.item.c.id)).all()
    for question in ("rating", "preference"):
        models = [row.source for row in rows if row.question == question]
        same = sum(one == other for one, other in itertools.pairwise(models))
        assert 0.15 * len(models) < same < 0.75 * len(models)  # one after the other in turn, or all of one first
    with served(made) as port:
        items = joined(made, port, "ann").claim("preference")
    assert items
    assert not {"width", "height", "fps"} & {name for item in items for name in item}


def test_another_number_of_votes_is_asked_of_what_is_there_too(evaluation: Path) -> None:
    made = project.begin(Run(evaluation), question="rating", gold_share=0.0)
    tasks.add_ratings(made, votes=1)
    ann, bob = staff(made.db, ["ann", "bob"])
    answered(made, [ann], "rating", lambda *_: "4")
    assert made.counts("rating") == {t.DONE: 36}
    tasks.add_ratings(made, votes=2)
    assert made.counts("rating") == {t.OPEN: 36}
    assert len(queue.claim(made.db, bob, "rating", size=50)) == 36
    queue.give_back(made.db, bob)
    tasks.add_ratings(made, votes=1)
    assert made.counts("rating") == {t.DONE: 36}
    assert main(["review", str(evaluation), "--votes", "2", "--invite", "cas"]) == 0
    assert made.counts("rating") == {t.OPEN: 36}, "also where the question is not said again"


def test_who_plans_more_votes_than_there_are_pairs_is_told(evaluation: Path) -> None:
    made = project.begin(Run(evaluation), question="preference")
    tasks.add_pairs(made, interval=0.2, votes=3)
    assert tasks.votes_short(made, 0.2) == ""
    tasks.add_pairs(made, interval=0.1, votes=3)  # 12 prompts, one video each
    told = tasks.votes_short(made, 0.1)
    assert "97 votes of each two models are wanted" in told
    assert "make 36: the share is then known to 0.16 either way" in told


def test_ratings_run_through_agree(evaluation: Path) -> None:
    made = project.begin(Run(evaluation), question="rating", gold_share=0.0)
    assert tasks.add_ratings(made, votes=2) == 36
    with made.db.read() as con:
        models = dict(con.execute(sa.select(t.clip.c.id, t.clip.c.source)).all())
    marks = dict(zip(MODELS, "135", strict=True))
    answered(made, staff(made.db, ["ann", "bob"]), "rating", lambda clip, other, person: marks[models[clip]])
    [file] = export(made).files
    [found] = hoigen.agree(evaluation, file, measures=["technical_quality"], draws=200).numbers
    assert found.spearman.value > 0.9


def test_a_run_of_one_model_has_no_pairs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "one", [Made("m", prompt, {"hoi_lite": 0.5}) for prompt in sorted(PROMPTS)[:3]])
    made = project.begin(Run(run), question="preference")
    with pytest.raises(UsageError, match="no prompt has videos of two models"):
        tasks.add_pairs(made, interval=0.2, votes=3)
    for bad in (0.0, 0.9):
        with pytest.raises(UsageError, match=r"--interval is 0\.01 to 0\.5"):
            tasks.pairs_wanted(bad)


def reviewed(tmp_path: Path, clips: int) -> project.Project:
    made = project.Project(Run(tmp_path), project.database_of(Run(tmp_path), None))
    made.db.create()
    with made.db.write() as con:
        files = [str(tmp_path / f"v{i}.mp4") for i in range(clips)]
        project.add_clips(con, [clip_row(f"c{i}", uri=file, start=2.0, end=6.0) for i, file in enumerate(files)])
        project.put(con, "secret", "0" * 64)
    for file in files:
        Path(file).touch()
    return made


def test_claims_that_people_check_are_a_file_of_caption_eval(tmp_path: Path) -> None:
    made = reviewed(tmp_path, 2)
    file = tmp_path / "to_check.csv"
    file.write_text(
        "clip,captioner,claim,verdict,kind,key,verb,object\n"
        "c0,secretive,A man cuts an apple.,,action,cut apple,cut,apple\n"
        'c0,other,"The knife, it seems, is red.",,attribute,knife red,,\n'
        "c1,secretive,,,,,,\n"
        "c1,other,=1+1,,other,,,\n"
    )
    assert tasks.add_claims(made, file, double=1.0) == 3
    with served(made) as port:
        ann, bob = joined(made, port, "ann"), joined(made, port, "bob")
        for person, value in ((ann, "false"), (bob, "true")):
            items = person.claim("claims")
            assert {item["subject"]["claim"] for item in items} == {
                "A man cuts an apple.", "The knife, it seems, is red.", "=1+1",
            }  # fmt: skip
            assert "secretive" not in json.dumps(items)
            said = [{"id": str(uuid.uuid4()), "item": i["item"], "value": value, "note": "it is blue"} for i in items]
            assert len(person.api("/api/answers", {"answers": said}).json["saved"]) == 3
    [out] = export(made).files
    ratings = read_claims(out)
    assert Counter((rating.clip, rating.captioner, rating.verdict) for rating in ratings) == {
        ("c0", "secretive", "false"): 1, ("c0", "secretive", "true"): 1, ("c0", "other", "false"): 1,
        ("c0", "other", "true"): 1, ("c1", "other", "false"): 1, ("c1", "other", "true"): 1,
        ("c1", "secretive", ""): 1,
    }  # fmt: skip
    assert "it is blue" in out.read_text()
    assert hoigen.caption_eval(out, draws=200) is not None
    for text, told in (
        ("clip,captioner,claim\nc9,a,b\n", "keeps no clip 'c9'"),
        ("clip,captioner,claim\n", "no claims"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=told):
            tasks.add_claims(made, file, double=0.0)


def test_a_longer_list_of_claims_asks_only_what_is_new_and_half_a_caption_is_not_exported(tmp_path: Path) -> None:
    made = reviewed(tmp_path, 2)
    file, head = tmp_path / "to_check.csv", "clip,captioner,claim,kind\n"
    old = ["c0,a,A cup.,object", "c0,a,A red cup.,object", "c1,b,,"]
    file.write_text(head + "\n".join(old))
    assert tasks.add_claims(made, file, double=0.0) == 2
    answered(made, staff(made.db, ["ann"]), "claims", lambda *_: "true")
    [out] = export(made).files
    assert len(read_claims(out)) == 3
    # a new one before the others, one of them twice, and a kind that is mended
    more = ["c0,a,A man.,object", old[0], "c0,a,a  cup.,object", "c0,a,A red cup.,attribute", old[2]]
    file.write_text(head + "\n".join(more))
    assert tasks.add_claims(made, file, double=0.0) == 3
    assert "1 caption is left out" in str(export(made))
    assert out.read_text().count("\n") == 2  # of the caption without claims alone
    with served(made) as port:
        bob = joined(made, port, "bob")
        [item] = bob.claim("claims")
        assert item["subject"]["claim"] == "A man."
        said = {"id": str(uuid.uuid4()), "item": item["item"], "value": "false"}
        assert bob.api("/api/answers", {"answers": [said]}).json["saved"]
    export(made)
    assert Counter((one.clip, one.claim, one.kind, one.verdict) for one in read_claims(out)) == {
        ("c0", "A cup.", "object", "true"): 1, ("c0", "A red cup.", "attribute", "true"): 1,
        ("c0", "A man.", "object", "false"): 1, ("c1", "", "", ""): 1,
    }  # fmt: skip


def test_frames_that_people_label_are_a_file_of_calibrate(tmp_path: Path) -> None:
    made = reviewed(tmp_path, 3)
    assert tasks.add_frames(made, double=0.0) == 24
    with served(made) as port:
        bob = joined(made, port, "bob")
        items = bob.claim("frames")
        assert {(item["caption"], item["about"]) for item in items} == {("", "")}, "by the frame alone"
        page = bob.get("/review/frames").text
        assert not [what for what in ("caption", "details") if f'data-do="{what}"' in page]
        bob.form("/logout")
    values = itertools.cycle(["yes", "no", "unsure"])
    answered(made, staff(made.db, ["ann"]), "frames", lambda *_: next(values))
    [out] = export(made).files
    labels = read_labelled(out)
    assert len(labels) == 16  # an unsure one waits for somebody who decides
    assert {label.file.name for label in labels} == {"v0.mp4", "v1.mp4", "v2.mp4"}
    assert all(2.0 < (label.time or 0) < 6.0 for label in labels)  # of the file, whose clip begins at 2 s
    assert Counter(label.said for label in labels) == {True: 8, False: 8}
