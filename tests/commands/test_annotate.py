"""hoigen annotate, and suggest, calibrate and agree from what it put into a run."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation" / "models"))

from made_runs import PROMPTS, Made, make_run

from hoigen.commands.agree import agree
from hoigen.commands.annotate import annotate
from hoigen.commands.calibrate import calibrate
from hoigen.commands.cli import main
from hoigen.commands.suggest import suggest
from hoigen.core.errors import UsageError
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.run import Run
from hoigen.rules.cascade import Known, build_steps
from run_folders import Given, curated, write_recipe, write_run

RECIPE = {"measures": ["metadata", "motion"], "keep": {"motion": {"min": 0.01}}}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """40 clips of 20 videos; the even ones move more."""
    clips = []
    for n in range(40):
        known = {"metadata": Known("ok", {"short_side": 720.0, "duration": 5.0, "fps": 25.0})}
        known["motion"] = Known("ok", {"motion": (3.0 if n % 2 == 0 else 1.0) + n / 100})
        clips.append(Given(f"id{n}", known, uri=f"/data/set/v{n // 2}.mp4", start=2.0 * (n % 2), end=2.0 * (n % 2) + 2))
    run = write_run(tmp_path / "run", build_steps(**RECIPE), [clips])
    write_recipe(run, RECIPE)
    return run


def table(folder: Path, text: str, name: str = "said.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def labels(folder: Path) -> Path:
    rows = "".join(f"id{n},{'yes' if n % 2 == 0 else 'no'}\n" for n in range(30))
    return table(folder, "id,label\n" + rows)


def test_labels_of_a_file_go_into_the_run_once(run: Run, tmp_path: Path) -> None:
    file = table(tmp_path, "id;label;note\nid0;1;sharp\nid1;No;\ngone;yes;\n")
    found = annotate(run.path, file, question="good", who="ann")
    assert (found.added, found.known, found.unknown) == (2, 0, ["gone"])
    assert "2 annotations added from 3 rows\nnote: 1 name is no clip that this run measures, such as gone" in str(found)
    rows = Annotations(run.path).history()
    assert [(r.clip, r.question, r.value, r.who, r.tool, r.note) for r in rows] == [
        ("id0", "good", "yes", "ann", "hoigen annotate", "sharp"),
        ("id1", "good", "no", "ann", "hoigen annotate", ""),
    ]
    assert (annotate(run.path, file, question="good", who="ann").known, len(Annotations(run.path).history())) == (2, 2)
    changed = annotate(run.path, table(tmp_path, "id,label\nid0,no\n"), question="good", who="ann")
    assert (changed.added, len(Annotations(run.path).history())) == (1, 3)


def test_a_video_that_is_named_means_all_its_clips(run: Run, tmp_path: Path) -> None:
    file = table(tmp_path, "video,rating,who,question,when\nset/v3.mp4,4.5,bob,stars,2026-03-01T12:00:00\n")
    assert annotate(run.path, file).added == 2
    rows = Annotations(run.path).latest("stars")
    assert {(row.clip, row.value, row.who, row.when) for row in rows} == {
        (clip, "4.5", "bob", datetime(2026, 3, 1, 12, tzinfo=UTC)) for clip in ("id6", "id7")
    }
    assert annotate(run.path, file).known == 2


def test_annotations_go_from_run_to_run(run: Run, tmp_path: Path) -> None:
    annotate(run.path, labels(tmp_path), question="good", who="ann")
    other = write_run(tmp_path / "other", build_steps(**RECIPE), [[Given("id0"), Given("id1")]])
    write_recipe(other, RECIPE)
    [part] = (run.path / "annotations").iterdir()
    found = annotate(other.path, part)
    assert (found.added, len(found.unknown)) == (2, 28)
    ours = {row.clip: (row.value, row.when) for row in Annotations(run.path).latest()}
    assert all(ours[row.clip] == (row.value, row.when) for row in Annotations(other.path).latest())


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("id,label\n", {}, "said.csv holds no rows"),
        ("id,vote\nid1,yes\n", {}, "one of the columns label, rating, value is needed"),
        ("name,label\nid1,yes\n", {}, "one of the columns id, clip, uri, file, video is needed"),
        ("id,label\nid1,maybe\n", {}, "line 2, column label: yes or no, .* 'maybe'"),
        ("id,rating\nid1,good\n", {}, "line 2, column rating: a number; it came as 'good'"),
        ("id,label\nid1,yes\n", {"question": None}, "line 2: what was asked"),
        ("id,label\nid1,yes\n", {"who": None}, "line 2: who said it"),
        ("id,label,when\nid1,yes,noon\n", {}, "line 2, column when: a time such as"),
        ("id,label\nid1,yes\nid1,no\n", {}, "line 3: ann says both 'yes' and 'no' of clip id1 .*line 2"),
        ("id,label\ngone,yes\n", {}, "no id in it is a clip that this run measures, such as gone"),
        ("id,label,quesion\nid1,yes,good\n", {}, "unknown column 'quesion'; did you mean 'question'"),
    ],
)
def test_what_cannot_be_added_adds_nothing(
    run: Run, tmp_path: Path, text: str, options: dict[str, str | None], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        annotate(run.path, table(tmp_path, text), **{"question": "good", "who": "ann", **options})
    assert not (run.path / "annotations").exists()


def test_suggest_from_annotations_is_suggest_from_the_file(run: Run, tmp_path: Path) -> None:
    file = labels(tmp_path)
    annotate(run.path, file, question="good", who="ann")
    from_file, from_run = (suggest(run.path, labels=path) for path in (file, run.path))
    assert from_run.items[0].bounds == from_file.items[0].bounds == {"min": 2.0}
    assert from_run.notes == from_file.notes
    annotate(run.path, table(tmp_path, "id,label\nid0,no\n"), question="good", who="bob")
    annotate(run.path, table(tmp_path, "id,label\nid0,yes\n"), question="sharp", who="bob")
    with pytest.raises(UsageError, match="2 questions; give --labels-question, one of good, sharp"):
        suggest(run.path, labels=run.path)
    split = suggest(run.path, labels=run.path, labels_question="good")
    assert split.notes[0] == "1 clip is left out: as many people say yes as no, such as id0"
    assert "29 labelled clips" in split.notes[1]
    with pytest.raises(UsageError, match="--labels-question is of the annotations of a run"):
        suggest(run.path, labels=file, labels_question="good")
    with pytest.raises(UsageError, match="--labels-question needs --labels RUN"):
        suggest(run.path, labels_question="good")


def test_the_command(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = labels(tmp_path)
    assert main(["annotate", str(run.path), str(file), "--question", "good", "--who", "ann"]) == 0
    assert "30 annotations added from 30 rows" in capsys.readouterr().out
    assert main(["suggest", str(run.path), "--labels", str(run.path), "--labels-question", "good"]) == 0
    assert "keep:\n  motion: {min: 2.0}" in capsys.readouterr().out
    assert main(["annotate", str(run.path), str(file), "--question", "good"]) == 2
    assert main(["suggest", str(run.path), "--labels", str(tmp_path)]) == 2
    assert "has no annotations" in capsys.readouterr().err


def test_agree_from_annotations_is_agree_from_the_file(tmp_path: Path) -> None:
    ids = list(PROMPTS)[:12]
    videos = [Made(m, name, {"hoi_lite": at % 5 / 5}) for at, name in enumerate(ids) for m in ("a", "b")]
    run = make_run(tmp_path / "r", videos)
    lines = [
        f"{m}/{name}-0.mp4,{(at * 7 + len(m)) % 4},{who}"
        for at, name in enumerate(ids)
        for m in ("a", "b")
        for who in ("ann", "bob")
    ]
    ratings = table(tmp_path, "video,rating,rater\n" + "\n".join(lines), "ratings.csv")
    from_file = agree(run, ratings, draws=200)
    stars = table(tmp_path, "video,rating,who\n" + "\n".join(f"/videos/{line}" for line in lines), "stars.csv")
    annotate(run, stars, question="stars")
    from_run = agree(run, run, draws=200, ratings_question="stars")
    assert from_run.numbers == from_file.numbers
    assert from_run.table.notes[1] == from_file.table.notes[1] == "48 rows of 2 raters"
    other = make_run(tmp_path / "other", [Made("c", ids[0], {"hoi_lite": 0.5})])
    with pytest.raises(UsageError, match="none of its 24 annotated clips is a video of the run"):
        agree(other, run)
    with pytest.raises(UsageError, match="--ratings-question is of the annotations"):
        agree(run, ratings, ratings_question="stars")


def test_calibrate_from_annotations_of_clips(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, end in (("a.mp4", b""), ("b.mp4", b"\0\0\0\x08free")):  # not the same file under two names
        (tmp_path / "in" / name).write_bytes(tiny_video.read_bytes() + end)
    curated(videos=tmp_path / "in", run=tmp_path / "run")
    clips = Run(tmp_path / "run").clips
    rows = [row for shard in clips.shards() for row in clips.read(shard) if row["state"] == "ok"]
    assert len(rows) == 2
    sides = {"person": [0.1, 0.1, 0.5, 0.9], "object": [0.3, 0.3, 0.6, 0.6]}
    lines = [{"hoigen_detections": 1, "detector": "mine", "verbs": "hico", "objects": "hico", "theta": 0.5}]
    for row in rows:
        score = 0.8 if row["uri"].endswith("a.mp4") else 0.3
        for at in range(8):
            pair = {**sides, "class": "cup", "score": 0.95, "verbs": {"hold": score}}
            lines.append({"video": row["uri"], "time": (at + 0.5) * row["end"] / 8, "pairs": [pair]})
    (tmp_path / "found.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    table_ = Annotations(tmp_path / "run")
    for row in rows:
        value = "yes" if row["uri"].endswith("a.mp4") else "no"
        table_.append([Annotation(clip=row["id"], question="hoi", value=value, who="ann", tool="test")])
    table_.append([Annotation(clip="elsewhere", question="hoi", value="no", who="ann", tool="test")])
    far = [f"observer.recorded.file={tmp_path / 'found.jsonl'}", "observer.recorded.slack=0.05"]
    found = calibrate(tmp_path / "run", set=far)
    assert (found.frames, found.yes, found.auc) == (16, 8, 1.0)
    assert found.chosen.threshold == pytest.approx(0.55)
    assert "1 of 3 annotated clips are not clips that" in found.notes[0]
    with pytest.raises(UsageError, match="'hand': nobody was asked that"):
        calibrate(tmp_path / "run", labels_question="hand")
    (tmp_path / "in" / "a.mp4").unlink()
    with pytest.raises(UsageError, match=r"annotations of clip .*: no such file .*a\.mp4 on this machine"):
        calibrate(tmp_path / "run")
