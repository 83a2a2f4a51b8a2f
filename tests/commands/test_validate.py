"""Every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.core.trusted import grant
from run_folders import curated

BAD = """\
shots:
  adaptive: {ratoi: 3, least: low}
max_length: soon
measures:
  - metadata
  - motoin
  - motion: {sampling: {fbs: 3, frames: many}, presett: x}
  - text_boxes
  - text_boxes
keep:
  short_sid: {min: 3}
  fps: {mim: 3, max: [1]}
workers: 0
rank: 3
"""


def faults(path: Path, set: list[str] | None = None) -> list[str]:
    with pytest.raises(UsageError) as error:
        hoigen.validate(str(path), set=set)
    return [line.strip() for line in str(error.value).splitlines()]


def test_settings_of_before_are_told_in_one_line_as_they_are_written_now(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text("measures:\n  - {fine_hoi: {reader: models, boxes: mine, variant: gapp}}\n")
    [_, one] = faults(path)
    assert one == (
        "line 2: measures.fine_hoi: reader, boxes are now settings of an observer: observer: {models: {boxes: mine}}"
    )


def test_all_faults_come_at_once_in_order_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    head, *found = faults(path)
    assert head == f"{path}: 13 faults"
    beginnings = [
        "line 2: shots.adaptive: unknown key 'ratoi'; did you mean 'ratio'?",
        "line 2: shots.adaptive.least: a number; it came as 'low'",
        "line 3: max_length: a number; it came as 'soon'",
        "line 6: unknown measure 'motoin'; did you mean 'motion'?",
        "line 7: measures.motion.sampling: unknown key 'fbs'; did you mean 'fps'?",
        "line 7: measures.motion.sampling.frames: a whole number; it came as 'many'",
        "line 7: measures.motion: unknown key 'presett'; did you mean 'preset'?",
        "line 9: measures: 'text_boxes' stands there twice",
        "line 11: keep: no measure of this recipe gives a score named 'short_sid'; did you mean 'short_side'?",
        "line 12: keep.fps: unknown key 'mim'; did you mean 'min'?",
        "line 12: keep.fps.max: a number; it came as [1]",
        "line 13: workers: 1 or more; it came as 0",
        "line 14: rank: no key of a recipe any more: `hoigen work RUN --part 3/16`",
    ]
    for line, beginning in zip(found, beginnings, strict=True):
        assert line.startswith(beginning)


def test_faults_of_the_command_line_say_so() -> None:
    first, second = faults(Path("lite"), ["workers=0", "keep.motion.max=x"])[1:]
    assert first.endswith(": keep.motion.max: a number; it came as 'x'"), "with the line that it changes"
    assert first.startswith("line ")
    assert second == "--set: workers: 1 or more; it came as 0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\n", "line 2 is not valid YAML"),
        ("a: 1\na: 2\n", "line 2 is not valid YAML: key 'a' is given twice"),
        ("- a\n", "a recipe is a mapping"),
        ("", "measures: at least one measure must be given"),
        ("measures: [./gone.py]\n", "line 1: no such file: "),
        ("measures: [./broken.py]\nkeep: {anything: {min: 1}}\n", "line 1: "),
        ("measures: [metadata]\nmin_length: 10\nmax_length: 15\n", "line 3: max_length: seconds, at least twice"),
    ],
)
def test_one_fault(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    grant(tmp_path / "broken.py")
    (tmp_path / "r.yaml").write_text(text)
    found = faults(tmp_path / "r.yaml")
    assert said in " ".join(found)
    assert len(found) <= 2


def test_a_recipe_with_a_measure_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from hoigen import Clip, Frames, Sampling, Score, measure\n"
        '@measure("mine", emits=("mine", "other"))\n'
        "class Mine:\n"
        '    """Says 1."""\n'
        "    size: int\n"
        "    sampling: Sampling = Sampling(frames=1)\n"
        "    def __call__(self, clip: Clip, frames: Frames) -> Score:\n"
        "        return Score(1.0)\n"
    )
    grant(tmp_path / "mine.py")
    (tmp_path / "r.yaml").write_text("measures:\n  - ./mine.py: {size: 2}\nkeep: {other: {min: 1}}\n")
    found = hoigen.validate(str(tmp_path / "r.yaml"))
    assert (found.measures, found.rules) == (("mine",), ("other",))
    (tmp_path / "r.yaml").write_text("measures:\n  - ./mine.py\n")
    assert faults(tmp_path / "r.yaml")[1] == "line 2: measures../mine.py: size must be given"
    (tmp_path / "r.yaml").write_text("measures:\n  - ./mine.py: {sampling: {fsp: 1}, size: x}\n")
    assert len(faults(tmp_path / "r.yaml")) == 3


def test_notes(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("videos: /no/such/folder\nmeasures: [metadata]\n")
    notes = hoigen.validate(str(tmp_path / "r.yaml")).notes
    assert notes[0].startswith("videos: no such folder, video or manifest: /no/such/folder")
    assert any("Needs extra [models]" in note for note in hoigen.validate("paper").notes)
    assert hoigen.validate("lite").notes == ()


def test_a_rule_that_leaves_nothing_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("measures: [metadata]\nkeep: {fps: {min: 3, max: 2}}\n")
    assert faults(tmp_path / "r.yaml")[1] == "line 2: keep.fps: min 3 and max 2 leave nothing to keep"


def test_the_run_file_of_a_run_is_a_recipe(tmp_path: Path, tiny_video: Path) -> None:
    curated(videos=tiny_video, run=tmp_path / "run")
    assert hoigen.validate(str(tmp_path / "run" / "run.yaml")).measures == ("metadata",)
    text = (tmp_path / "run" / "run.yaml").read_text()
    (tmp_path / "run.yaml").write_text(text.replace("shots: none", "shots: nune"))
    line = next(at for at, said in enumerate(text.splitlines(), start=1) if "shots: none" in said)
    assert faults(tmp_path / "run.yaml")[1].startswith(f"line {line}: shots: unknown detector 'nune'")


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "lite"]) == 0
    assert "lite.yaml is a valid recipe" in capsys.readouterr().out
    (tmp_path / "bad.yaml").write_text(BAD)
    assert main(["validate", str(tmp_path / "bad.yaml")]) == 2
    assert capsys.readouterr().err.count("\n  line ") == 13


def test_every_line_of_a_recording_is_read(tmp_path: Path) -> None:
    head = '{"hoigen_detections": 1, "detector": "mine", "verbs": "hico", "objects": "hico", "theta": 0.5}\n'
    (tmp_path / "seen.jsonl").write_text(head + '{"video": "a.mp4", "time": "soon", "pairs": []}\n')
    spec = f"{{coarse_hoi: {{observer: {{recorded: {{file: {tmp_path / 'seen.jsonl'}}}}}}}}}"
    (tmp_path / "r.yaml").write_text(f"measures: [{spec}]\n")
    with pytest.raises(UsageError, match=r"line 1: .*seen\.jsonl: line 2: time"):
        hoigen.validate(str(tmp_path / "r.yaml"))
