"""hoigen suggest: thresholds that can be pasted, and what they rest on."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.suggest import _Suggestion
from hoigen.core.errors import UsageError
from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.rules.cascade import Known, build_steps
from run_folders import Given, write_recipe, write_run

RECIPE = {
    "measures": ["metadata", "motion", "text_boxes"],
    "keep": {"short_side": {"min": 720}, "motion": {"above": 0.01, "max": 9.0}, "text_boxes": {"max": 1}},
}


def is_good(n: int) -> bool:
    return n % 2 == 0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """200 clips; the even ones are good: they move more and have less text. Two have no motion score."""
    rng = random.Random(0)
    clips = []
    for n in range(200):
        known = {"metadata": Known("ok", {"short_side": 720.0 + n, "duration": 5.0, "fps": 25.0})}
        if n < 198:
            known["motion"] = Known("ok", {"motion": rng.gauss(3 if is_good(n) else 1, 0.8)})
            known["text_boxes"] = Known("ok", {"text_boxes": float(rng.choice([0, 0, 1] if is_good(n) else [1, 2, 5]))})
        clips.append(Given(f"id{n}", known, uri=f"/data/{'even' if is_good(n) else 'odd'}/clip{n:03d}.mp4"))
    run = write_run(tmp_path / "run", build_steps(**RECIPE), [clips[:90], clips[90:]])
    write_recipe(run, RECIPE)
    return run


def labels_file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    rows = "".join(f"id{n},{'yes' if is_good(n) else 'no'}\n" for n in range(150))
    return labels_file(tmp_path / "labels.csv", "id,label\n" + rows)


def motions(run: Run) -> dict[str, float]:
    from hoigen.rules import decide

    con = decide.connect(run, build_steps(**RECIPE))
    return dict(con.execute("select id, motion from decided where motion is not null").fetchall())


def test_a_share_of_less_than_one_clip_is_said_to_be_that(run: Run) -> None:
    found = {item.score: item for item in hoigen.suggest(run.path, keep_share=0.995, bound="both").items}
    assert not found["motion"].bounds
    assert "drops less than one of 198 clips on each side; use --labels" in found["motion"].why


def test_percentiles_bound_the_sides_that_the_rules_bound(run: Run) -> None:
    found = {item.score: item for item in hoigen.suggest(run.path, keep_share=0.8).items}
    assert list(found) == ["motion", "text_boxes"], "the scores that see frames"
    assert list(found["motion"].bounds) == ["min", "max"]
    assert list(found["text_boxes"].bounds) == ["max"]
    low, high = found["motion"].bounds["min"], found["motion"].bounds["max"]
    kept = sum(low <= value <= high for value in motions(run).values())
    assert f"keeps {kept} of 198 clips" in found["motion"].why
    assert 0.8 <= kept / 198 < 0.84
    assert "2 of 200 clips have no value" in str(found["motion"])


def test_one_measure_one_side(run: Run) -> None:
    [item] = hoigen.suggest(run.path, measure=["motion"], bound="max").items[:1]
    assert list(item.bounds) == ["max"]
    [side] = hoigen.suggest(run.path, measure=["short_side"]).items
    assert list(side.bounds) == ["min"]
    [free] = hoigen.suggest(run.path, measure=["fps"]).items
    assert not free.bounds
    assert "--bound" in free.why


def test_labels_find_direction_and_threshold(run: Run, labels: Path) -> None:
    found = {item.score: item for item in hoigen.suggest(run.path, labels=labels).items}
    assert list(found["motion"].bounds) == ["min"]
    assert list(found["text_boxes"].bounds) == ["max"], "less text goes with yes"
    values = motions(run)
    looked = [(values[f"id{n}"], is_good(n)) for n in range(150)]

    def f1(cut: float) -> float:
        kept = [good for value, good in looked if value >= cut]
        return 2 * sum(kept) / (len(kept) + sum(good for _, good in looked))

    assert f1(found["motion"].bounds["min"]) == pytest.approx(max(f1(value) for value, _ in looked))
    choice = found["motion"].choice
    assert choice is not None
    assert choice.interval[0] < choice.precision < choice.interval[1]


def test_the_loosest_that_reaches_a_precision(run: Run, labels: Path) -> None:
    [item] = hoigen.suggest(run.path, labels=labels, precision=0.95, measure=["motion"]).items[:1]
    looked = [(value, is_good(int(name[2:]))) for name, value in motions(run).items() if int(name[2:]) < 150]

    def kept(cut: float) -> list[bool]:
        return [good for value, good in looked if value >= cut]

    cut = item.bounds["min"]
    assert sum(kept(cut)) / len(kept(cut)) >= 0.95
    looser = [value for value, _ in looked if value < cut]
    assert all(sum(kept(value)) / len(kept(value)) < 0.95 for value in looser)


def test_a_precision_out_of_reach_is_said_and_not_suggested(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"id{n},{n // 2 % 2}\n" for n in range(100))
    mixed = labels_file(tmp_path / "mixed.csv", "id,label\n" + rows + "id198,1\n")
    item = next(i for i in hoigen.suggest(run.path, labels=mixed, precision=1.0).items if i.score == "text_boxes")
    assert not item.bounds
    assert "no threshold reaches precision 1" in item.why
    assert "1 labelled clip has no value" in str(item)


def test_what_is_suggested_can_be_pasted_and_tried(run: Run, labels: Path) -> None:
    found = hoigen.suggest(run.path, labels=labels)
    keep = yaml.safe_load(found.yaml)["keep"]
    assert keep["motion"] == {"min": found.items[0].bounds["min"], "max": 9.0}, "the other side stays as it was"
    pasted = build_steps(RECIPE["measures"], RECIPE["keep"] | keep)
    changes = [change for item in found.items for change in item.sets]
    assert "keep.motion.above=null" in changes
    from hoigen.rules.runfile import steps_of

    _, tried = steps_of(run, changes)
    assert [step.rules for step in tried] == [step.rules for step in pasted]


@pytest.mark.parametrize("with_labels", [True, False])
def test_the_picture_is_svg_with_the_threshold_marked(run: Run, labels: Path, with_labels: bool) -> None:
    [item, *_] = hoigen.suggest(run.path, labels=labels if with_labels else None, measure=["motion"]).items
    assert item.picture == run.path / "suggest" / "motion.svg"
    root = ET.fromstring(item.picture.read_text(encoding="utf-8"))
    svg = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{svg}svg"
    words = [text.text or "" for text in root.iter(f"{svg}text")]
    for bound, value in item.bounds.items():
        assert f"{bound} {value:g}" in words
    assert len(list(root.iter(f"{svg}polyline"))) == (3 if with_labels else 0)
    drawn = [r for r in root.iter(f"{svg}rect") if r.get("class") in ("yes", "no", "any")]
    assert len(drawn) > 10


def test_files_may_be_named_by_the_end_of_their_path(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"{'even' if is_good(n) else 'odd'}/clip{n:03d}.mp4;{is_good(n)}\n" for n in range(80))
    path = labels_file(tmp_path / "l.csv", "\ufeffFile;Label\n" + rows + "none.mp4;no\n")
    found = hoigen.suggest(run.path, labels=path, measure=["motion"])
    assert "80 labelled clips, 40 yes and 40 no" in found.notes[0]
    assert "1 of 81 labelled names are no clip that this run measures, such as none.mp4" in found.notes[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; its first line names the columns"),
        ("id,vote\nid1,yes\n", "line 2: one of the columns label, value is needed. Columns here: id, vote"),
        ("label\nyes\n", "line 2: one of the columns id, clip, uri, file is needed. Columns here: label"),
        ("ID,labels\n1,yes\n", "one of the columns label, value is needed; is it 'labels'?"),
        ("id,label\n", "holds no labels"),
        (
            "id,label\nid1,yes\nid2,maybe\n",
            "line 3, column label: yes or no, keep or drop, true or false, 1 or 0; it came as 'maybe'",
        ),
        ("id,label\nid1\n", "line 2: 1 cells; the header has 2 columns"),
        ("id,label\nid1,yes\nid1,no\n", "line 3: id 'id1' is labelled both yes and no"),
        ("id,label\nnothing,yes\n", "no id in it is a clip that this run measures, such as nothing"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(run: Run, tmp_path: Path, text: str, said: str) -> None:
    path = labels_file(tmp_path / "bad.csv", text)
    with pytest.raises(UsageError) as error:
        hoigen.suggest(run.path, labels=path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert not (run.path / "suggest").exists(), "nothing is half-written"


def test_one_name_for_two_videos_is_refused(tmp_path: Path) -> None:
    clips = [Given(f"c{n}", uri=f"/{n}/a.mp4") for n in range(2)]
    run = write_run(tmp_path / "run", build_steps(**RECIPE), [clips])
    write_recipe(run, RECIPE)
    with pytest.raises(UsageError, match="fits several videos"):
        hoigen.suggest(run.path, labels=labels_file(tmp_path / "l.csv", "file,label\na.mp4,yes\n"))


def test_labels_against_the_recipes_own_side_are_pointed_out(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"id{n},{int(n < 60)}\n" for n in range(120))
    path = labels_file(tmp_path / "l.csv", "id,label\n" + rows)
    [item] = hoigen.suggest(run.path, labels=path, measure=["short_side"]).items
    assert item.bounds == {"max": 779.0}
    assert "the recipe bounds the other side (min)" in str(item)
    said = str(hoigen.suggest(run.path, labels=path, measure=["short_side"]))
    assert "for your recipe" not in said, "a bound of the wrong side is told and never put into what is to be copied"
    both = hoigen.suggest(run.path, labels=path, measure=["short_side", "motion"])
    assert "short_side" not in both.yaml + str(both).partition("# for your recipe")[2]


def test_a_side_that_is_asked_for_against_the_labels_is_not_to_be_copied(run: Run, labels: Path) -> None:
    with_labels = hoigen.suggest(run.path, labels=labels, measure=["motion"], bound="max")
    [item] = with_labels.items
    assert item.bounds
    assert "the labels say the other side (min)" in item.wrong
    assert not with_labels.yaml
    assert "--set" not in str(with_labels)


def test_a_bound_that_leaves_nothing_with_the_recipes_own_is_not_to_be_copied(run: Run) -> None:
    rule = Rule(min=0, max=5)
    item = _Suggestion("motion", {"min": 7.0}, "because", 9, {})
    assert "leave nothing to keep" in item.checked(rule, None, None).wrong
    assert not item.checked(None, None, "more").wrong
    assert "drops that end" in item.checked(None, "min", "less").wrong


def test_one_kind_of_label_suggests_nothing(run: Run, tmp_path: Path) -> None:
    path = labels_file(tmp_path / "l.csv", "id,label\nid1,yes\nid3,1\n")
    found = hoigen.suggest(run.path, labels=path)
    assert found.yaml == ""
    assert "both kinds are needed" in str(found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": 0.9}, "--precision needs --labels"),
        ({"keep_share": 1.5}, "--keep-share is between 0 and 1"),
        ({"measure": ["motoin"]}, "did you mean 'motion'"),
    ],
)
def test_options_that_cannot_be_are_refused(run: Run, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        hoigen.suggest(run.path, **options)


def test_the_command(run: Run, labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", str(run.path), "--labels", str(labels), "--precision", "0.9", "--measure", "motion"]) == 0
    out = capsys.readouterr().out
    assert "loosest with precision 0.9" in out
    assert "keep:\n  motion: {min: " in out
    assert f"hoigen funnel {run.path} --set keep.motion.min=" in out
    assert main(["suggest", str(run.path), "--labels", str(labels), "--precision", "7"]) == 2


def test_a_bound_that_keeps_all_has_no_more_digits_than_it_needs(run: Run, tmp_path: Path) -> None:
    """The loosest of all is no value of a clip with its sixteen digits."""
    rows = "".join(f"id{n},{'no' if n == 1 else 'yes'}\n" for n in range(40))
    found = hoigen.suggest(run.path, labels=labels_file(tmp_path / "most.csv", "id,label\n" + rows), measure=["motion"])
    [item] = found.items
    [bound] = item.bounds.values()
    assert len(f"{bound!r}") <= 5
    assert bound <= min(value for name, value in motions(run).items() if int(name[2:]) < 40 and name != "id1")
