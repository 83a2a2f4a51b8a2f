"""hoigen experiment on a tiny pipeline: whole, done again, planned, refused; the page of videos plays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import made_clips
import pytest
import yaml

from hoigen.commands.experiment import Experimented, Planned, experiment
from hoigen.core.errors import UsageError

REPO = Path(__file__).resolve().parents[2]
PROMPTS = [
    {"id": "hold_cup", "prompt_short": "A person is holding a cup.", "verb": "hold", "object": "cup"},
    {"id": "ride_bicycle", "prompt_short": "A person is riding a bicycle.", "verb": "ride", "object": "bicycle"},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model, clips, suite and experiment."""
    pytest.importorskip("diffusers", reason="extra [train] is not installed")
    pytest.importorskip("lemminflect")
    import tiny_pipelines

    folder = tmp_path_factory.mktemp("experiment")
    tiny_pipelines.wan(folder / "model")
    data = made_clips.folder(folder / "data", 2)
    lines = made_clips.read(data)
    for at, line in enumerate(lines):
        line["text"] = "A person is holding a cup."
        lines[at] = line
    made_clips.write(data, lines)
    (folder / "other.jsonl").write_text(
        "".join(json.dumps({"file_name": line["file_name"], "text": "Nothing is there."}) + "\n" for line in lines)
    )
    (folder / "suite.json").write_text(json.dumps({"suite": "two", "version": 1, "rule": {}, "prompts": PROMPTS}))
    (folder / "measure.yaml").write_text("measures: [metadata, motion]\n")
    tune = {"steps": 2, "rank": 4, "device": "cpu", "checkpointing": False}
    small = {"frames": 8, "fps": 8, "height": 32, "width": 32, "steps": 2, "guidance": 2.0}
    settings: dict[str, Any] = {
        "model": str(folder / "model"),
        "prompts": str(folder / "suite.json"),
        "base": "before",
        "generate": small | {"dtype": "float32", "device": "cpu"},
        "evaluate": str(folder / "measure.yaml"),
        "arms": [
            {"name": "kept", "data": str(data), "set": tune},
            {"name": "other_words", "data": str(data), "captions": str(folder / "other.jsonl"), "set": tune},
        ],
    }
    (folder / "table4.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_whole_and_again(made: Path) -> None:
    out = made / "out"
    planned = experiment(made / "table4.yaml", out=out, plan=True, quiet=True)
    assert isinstance(planned, Planned)
    assert [(step.name, step.todo) for step in planned.steps[:4]] == [
        ("count captions", "to do"),
        ("videos of before", "2 of 2 videos"),
        ("train kept", "2 of 2 steps"),
        ("videos of kept", "2 of 2 videos"),
    ]
    assert not out.exists()
    done = experiment(made / "table4.yaml", out=out, draws=100, quiet=True)
    assert isinstance(done, Experimented)
    for name in ("before", "kept", "other_words"):
        assert len(list((out / "generated" / name).glob("*.mp4"))) == 2
    loras = [(out / "trained" / name / "lora").glob("*.safetensors") for name in ("kept", "other_words")]
    assert len({next(each).read_bytes() for each in loras}) == 2, "other words, other weights"
    seen = {prompt["id"]: prompt["seen"] for prompt in json.loads((out / "suite.json").read_text())["prompts"]}
    assert seen == {"hold_cup": 2, "ride_bicycle": 0}
    assert "in distribution" in done.tables
    assert "out of distribution" in done.tables
    assert "CogVideoX-2B, fine-tuned (paper, table 4)" in done.tables
    notes = [
        f"{name}: 2 videos have frames 9, where {name} is meant for 8" for name in ("before", "kept", "other_words")
    ]
    assert list(done.notes) == notes, "Wan makes 4 n + 1 frames"
    assert "\n".join(notes) in str(done)
    page = (out / "side_by_side.html").read_text()
    assert page.count("<video") == 6
    for name in ("before", "kept", "other_words"):
        assert f'src="generated/{name}/hold_cup-0.mp4"' in page
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix in (".mp4", ".safetensors", ".pt")}
    (out / "generated" / "kept" / "hold_cup-0.json").unlink()
    again = experiment(made / "table4.yaml", out=out, plan=True, quiet=True)
    assert isinstance(again, Planned)
    assert [step.name for step in again.steps if step.todo] == ["videos of kept", "measure", "compare"]
    more = {"id": "cut_bread", "prompt_short": "A person cuts bread.", "verb": "cut", "object": "bread"}
    (made / "later.json").write_text(
        json.dumps({"suite": "two", "version": 1, "rule": {}, "prompts": [*PROMPTS, more]})
    )
    other = experiment(made / "table4.yaml", out=out, plan=True, set=[f"prompts={made / 'later.json'}"], quiet=True)
    assert isinstance(other, Planned)
    assert other.steps[0].todo == "to do", "what was counted is of another suite"
    done = experiment(made / "table4.yaml", out=out, draws=100, quiet=True)
    assert isinstance(done, Experimented)
    assert list(done.notes) == notes, "of videos that were there before, too"
    after = {path: path.stat().st_mtime_ns for path in times}
    assert [path.name for path in times if after[path] != times[path]] == ["hold_cup-0.mp4"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arms": []}, "arms: at least one training"),
        ({"base": "kept"}, "names that differ; they came as kept, kept, other_words"),
        ({"samplse": 2}, "unknown key 'samplse'; did you mean 'samples'"),
        ({"prompts": "none.json"}, "none.json"),
        ({"generate": {"stepss": 3}}, "unknown key 'stepss'"),
    ],
)
def test_files_that_are_wrong(change: dict[str, Any], said: str, made: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load((made / "table4.yaml").read_text()) | change
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(UsageError, match=said):
        experiment(tmp_path / "wrong.yaml", out=tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_an_arm_that_cannot_be_trained_stops_before_anything(made: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load((made / "table4.yaml").read_text())
    settings["arms"][1]["captions"] = str(tmp_path / "none.jsonl")
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(UsageError, match=r"--captions .*none.jsonl: no such file"):
        experiment(tmp_path / "wrong.yaml", out=tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_the_recipe_loads() -> None:
    from hoigen.training.experiment import read_experiment

    found = read_experiment(REPO / "recipes" / "experiments" / "table4.yaml", [])
    assert [arm.name for arm in found.arms] == ["cogvideox-2b-hoi", "cogvideox-2b-single"]
    assert found.arms[0].set["steps"] == found.arms[1].set["steps"], "equal steps"


def test_the_page_plays(made: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium")
    sync = pytest.importorskip("playwright.sync_api")
    page_file = made / "out" / "side_by_side.html"
    if not page_file.exists():
        pytest.skip("the experiment was not run")
    how = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    with sync.sync_playwright() as play, play.chromium.launch(executable_path=browser, args=how) as chromium:
        page = chromium.new_page()
        page.goto(page_file.as_uri())
        page.click("button")
        page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.currentTime > 0 && !v.error)")


def test_other_captions_are_counted_anew(tmp_path: Path) -> None:
    """And an error says of which arm it is."""
    from hoigen.commands import experiment as command
    from hoigen.interactions.prompts.suite import read_suite
    from hoigen.training.experiment import Arm, Experiment

    (tmp_path / "suite.json").write_text(
        json.dumps(
            {
                "suite": "one",
                "version": 1,
                "rule": {},
                "prompts": [
                    {"id": "hold_cup", "prompt_short": "A person holds a cup.", "verb": "hold", "object": "cup"}
                ],
            }
        )
    )
    seen = []
    for text, count in (("A man holds a cup.", 2), ("A dog sleeps.", 1), ("A man holds a cup.", 2)):
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        rows = [{"id": str(at), "file_name": f"{at}.mp4", "text": text} for at in range(count)]
        (data / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        asked = Experiment(model="x", prompts=str(tmp_path / "suite.json"), arms=[Arm(name="kept", data=str(data))])
        seen.append(read_suite(command._counted(asked, tmp_path / "out")).prompts[0].seen)
    assert seen == [2, 0, 2]
    wrong = Arm(name="second", data=str(tmp_path / "data"), set={"rnk": 2})
    with pytest.raises(UsageError, match=r"arm 'second': --set: unknown key 'rnk'; did you mean 'rank'"):
        command._train(asked, wrong, tmp_path / "out", quiet=True, plan=True)
