"""hoigen calibrate: theta from labelled frames."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from hoigen.commands.calibrate import calibrate
from hoigen.core.errors import UsageError
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.measures.labelled import read_labelled

SIDES = {"person": [0.1, 0.1, 0.5, 0.9], "object": [0.3, 0.3, 0.6, 0.6]}
SCORES = {0.5: 0.9, 1.5: 0.7, 2.5: 0.4, 3.5: 0.6, 4.5: 0.2, 5.5: 0.1}
SAID = {0.5: "yes", 1.5: "yes", 2.5: "yes", 3.5: "no", 4.5: "no", 5.5: "no"}


@pytest.fixture
def folder(tmp_path: Path, tiny_video: Path) -> Path:
    """A video, what a detector elsewhere said of six of its frames, and what people said."""
    (tmp_path / "clip.mp4").write_bytes(tiny_video.read_bytes())
    rows = [{"hoigen_detections": 1, "detector": "mine", "verbs": "hico", "objects": "hico", "theta": 0.5}]
    for at, score in SCORES.items():
        pair = {**SIDES, "class": "cup", "score": 0.95, "verbs": {"hold": score, "wash": score / 2}}
        rows.append({"video": "clip.mp4", "time": at / 6, "pairs": [pair]})
    (tmp_path / "found.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def by_file(folder: Path, slack: float | None = None) -> list[str]:
    far = [] if slack is None else [f"observer.recorded.slack={slack}"]
    return [f"observer.recorded.file={folder / 'found.jsonl'}", *far]


def labels(folder: Path, lines: list[str], head: str = "file,time,label,verb,object") -> Path:
    (folder / "labels.csv").write_text("\n".join([head, *lines]) + "\n")
    return folder / "labels.csv"


def asked(folder: Path, verb: str = "hold") -> Path:
    return labels(folder, [f"clip.mp4,{at / 6},{said},{verb},cup" for at, said in SAID.items()])


def test_theta_has_the_best_f1(folder: Path) -> None:
    found = calibrate(asked(folder), set=by_file(folder, 0.05), question="prompt")
    assert found.observer == "mine"
    assert found.chosen.threshold == pytest.approx(0.3), "between 0.2 and 0.4: three yes, one no above"
    assert (found.chosen.precision, found.chosen.recall) == (0.75, 1.0)
    assert found.auc == pytest.approx(8 / 9)
    assert (found.now.threshold, found.now.recall) == (0.5, pytest.approx(2 / 3))
    [line] = yaml.safe_load(found.yaml)
    assert line["coarse_hoi"]["theta"] == 0.3
    assert CoarseHoi(**line["coarse_hoi"]).theta == 0.3


def test_few_false_alarms_and_the_whole_curve(folder: Path) -> None:
    sets = by_file(folder, 0.05)
    found = calibrate(asked(folder), set=sets, question="prompt", most_false=0.0, out=folder / "curve.csv")
    assert found.chosen.threshold == pytest.approx(0.65)
    assert found.chosen.false_positives == 0
    lines = (folder / "curve.csv").read_text().splitlines()
    assert lines[0] == "theta,precision,recall,false_alarms,f1"
    assert len(lines) == 1 + 7


def test_the_question_counts(folder: Path) -> None:
    sets = by_file(folder, 0.05)
    assert calibrate(asked(folder, "wash"), set=sets, question="prompt").chosen.threshold == pytest.approx(0.15)
    assert calibrate(asked(folder, "wash"), set=sets, question="any").chosen.threshold == pytest.approx(0.3)
    pair = calibrate(asked(folder), set=sets, question="pair")
    assert pair.auc == 0.5, "the pair is there in all frames alike"


def test_frames_without_an_answer_are_told(folder: Path) -> None:
    strange = [f"clip.mp4,{0.5 / 6},yes,juggle,cup", f"clip.mp4,{0.5 / 6},no,hold,violin"]
    lines = [*asked(folder).read_text().splitlines()[1:], *strange]
    sets = by_file(folder, 0.05)
    found = calibrate(labels(folder, lines), set=sets, question="prompt")
    assert found.frames == 6
    told = "\n".join(found.notes)
    assert "no verb 'juggle'" in told
    assert "no object 'violin'" in told
    assert "first guess" in told


def test_pictures_and_whole_videos_are_looked_at(folder: Path) -> None:
    for name, shade in (("a.png", 40), ("b.png", 200)):
        cv2.imwrite(str(folder / name), np.full((90, 160, 3), shade, np.uint8))
    path = labels(folder, ["a.png,yes", "b.png,no", "clip.mp4,no"], "file,label")
    found = calibrate(path)
    assert found.observer == "lite"
    assert (found.frames, found.yes) == (10, 1)


@pytest.mark.parametrize(
    ("lines", "head", "told"),
    [
        (["clip.mp4,yes"], "file,said", "line 2: no column label. Columns here: file, said"),
        (["clip.mp4,yes,3"], "file,label,frame", "unknown column 'frame'"),
        (
            ["clip.mp4,1,maybe"],
            "file,time,label",
            "line 2, column label: yes or no, keep or drop, true or false, 1 or 0; it came as 'maybe'",
        ),
        (["gone.mp4,yes"], "file,label", "line 2, column file: no such file .*gone.mp4"),
        (["clip.mp4,-1,yes"], "file,time,label", "line 2, column time: seconds, 0 or more; it came as '-1'"),
        (["clip.mp4,99,yes"], "file,time,label", "line 2: time 99 is beyond the end"),
        ([], "file,label", "holds no labels"),
        (["clip.mp4,0.1,yes"], "file,time,label", "theta needs frames labelled yes and frames labelled no; all 1"),
        (["labels.csv,yes"], "file,label", "line 2: .*labels.csv: cannot be read"),
    ],
)
def test_bad_labels_are_told(folder: Path, lines: list[str], head: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        calibrate(labels(folder, lines, head))


def test_bad_settings_are_told(folder: Path) -> None:
    with pytest.raises(UsageError, match="most-false"):
        calibrate(asked(folder), most_false=1.5)
    with pytest.raises(UsageError, match="thetta"):
        calibrate(asked(folder), set=["thetta=0.5"])
    with pytest.raises(UsageError, match="cannot read"):
        read_labelled(folder / "none.csv")


def test_a_row_far_from_the_labelled_moment_is_no_answer(folder: Path) -> None:
    rows = (folder / "found.jsonl").read_text().splitlines()
    (folder / "found.jsonl").write_text("\n".join(rows[:2]))
    lines = [f"clip.mp4,{0.5 / 6},yes,hold,cup", "clip.mp4,0.9,no,hold,cup"]
    with pytest.raises(UsageError, match="needs frames labelled yes and frames labelled no; all 1"):
        calibrate(labels(folder, lines), set=by_file(folder), question="prompt")


def test_small_thetas_are_written_whole_and_theta_1_is_none(folder: Path) -> None:
    text = (folder / "found.jsonl").read_text()
    small = text
    for score in SCORES.values():
        small = small.replace(f'"hold": {score}', f'"hold": {score / 1e5:.7f}')
    (folder / "found.jsonl").write_text(small)
    sets = by_file(folder, 0.05)
    found = calibrate(asked(folder), set=sets, question="prompt")
    [line] = yaml.safe_load(found.yaml)
    assert float(line["coarse_hoi"]["theta"]) == pytest.approx(3e-6)
    (folder / "found.jsonl").write_text(text.replace('"hold": 0.6', '"hold": 1.0'))
    with pytest.raises(UsageError, match="no theta below 1 leaves at most 0 of the frames labelled no"):
        calibrate(asked(folder), set=sets, question="prompt", most_false=0.0)


def test_files_are_looked_at_in_a_worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What decoding one of them does ends with that worker: the command says which file it was."""
    import hoigen.measures.labelled as labelled

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a labelled file was looked at in this process")

    monkeypatch.setattr(labelled, "judged", never)
    monkeypatch.setattr(labelled, "_of_file", never)
    found = calibrate(asked(folder), set=by_file(folder, 0.05), question="prompt")
    assert found.chosen.threshold == pytest.approx(0.3)
