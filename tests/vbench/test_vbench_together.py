"""All seven dimensions in one run of hoigen, as its users have them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import seeded
from sides import DATA, vbench_said

import hoigen
from hoigen.data.run import Run

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
WEIGHTS = {
    "subject_consistency": {"checkpoint": "dino"},
    "background_consistency": {"checkpoint": "clip_b32"},
    "aesthetic_quality": {"checkpoint": "clip_l14", "head": "laion"},
    "imaging_quality": {"checkpoint": "musiq"},
    "motion_smoothness": {"checkpoint": "amt"},
    "overall_consistency": {"checkpoint": "viclip"},
}
SCALE = {"imaging_quality": 100}


def recipe_with(folder: Path, measures: list[Any]) -> Path:
    fixed = {"shots": "none", "duplicates": "keep", "keep": {}, "score_all": True}
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(fixed | {"measures": measures}))
    return path


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "suite.json"
    hoigen.prompts(path)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for at, video in enumerate(("wide", "uneven")):
        shutil.copy(DATA / f"{video}.mp4", folder / f"ride_bicycle-{at}.mp4")
    return folder


def rows_of(run: Path, measure: str) -> dict[str, Any]:
    clips = Run(run).clips
    names = {row["id"]: Path(row["uri"]).name for shard in clips.shards() for row in clips.read(shard)}
    [folder] = (run / "scores" / measure).iterdir()
    scores = Run(run).scores(measure, folder.name)
    rows = [row for shard in scores.shards() for row in scores.read(shard)]
    return {names[row["id"]]: row for row in rows}


def test_one_run_has_the_numbers_of_vbench_and_the_ledger(tmp_path: Path, suite: Path, videos: Path) -> None:
    measures: list[Any] = ["temporal_flickering"]
    for name, files in WEIGHTS.items():
        settings = {}
        for key, model in files.items():
            torch.save(seeded.tensors(model), tmp_path / f"{model}.pth")
            settings[key] = str(tmp_path / f"{model}.pth")
        measures.append({name: settings | {"device": "cpu"}})
    run = tmp_path / "run"
    recipe = recipe_with(tmp_path, measures)
    done = hoigen.evaluate(videos=[videos], prompts=suite, run=run, recipe=recipe, report=False, quiet=True)
    assert not done.failed
    for name in ("temporal_flickering", *WEIGHTS):
        row = rows_of(run, name)["ride_bicycle-0.mp4" if name != "motion_smoothness" else "ride_bicycle-1.mp4"]
        said = vbench_said()[name]["wide" if name != "motion_smoothness" else "uneven"]
        if name == "overall_consistency":
            assert -1 <= row[name] <= 1
        else:
            assert row[name] == pytest.approx(said / SCALE.get(name, 1), abs=1e-6)
        ledger = json.loads(row["detail"])["weights"]
        assert [each["name"] for each in ledger] == [f"{model}.pth" for model in WEIGHTS.get(name, {}).values()]
        assert all(each["licence"] == "not known: a file of one's own" for each in ledger)
        assert all(len(each["sha256"]) == 64 for each in ledger)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VBENCH_CACHE_DIR", raising=False)
    (tmp_path / "home" / "vbench").mkdir(parents=True)
    return tmp_path


def test_a_licence_that_is_not_free_is_told_when_a_run_begins(
    home: Path, suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    videos = home / "videos"
    videos.mkdir()
    shutil.copy(DATA / "uneven.mp4", videos / "ride_bicycle-1.mp4")
    torch.save(seeded.tensors("amt"), home / "home" / "vbench" / "amt-s.pth")
    recipe = recipe_with(home, [{"motion_smoothness": {"device": "cpu"}}])
    found = hoigen.evaluate(videos=[videos], prompts=suite, run=home / "run", recipe=recipe, quiet=True)
    told = capfd.readouterr().err
    assert told.count("amt-s.pth: licence CC BY-NC 4.0. Not for commercial use.") == 1
    assert "`interpolator: flow`" in told
    [weights] = json.loads(rows_of(home / "run", "motion_smoothness")["ride_bicycle-1.mp4"]["detail"])["weights"]
    assert weights["licence"] == "CC BY-NC 4.0"
    assert "model files whose licences bind: amt_s (CC BY-NC 4.0)" in str(found)
    noted = json.loads((home / "run" / "evaluation.json").read_text())["model_files"]
    assert [(row["id"], row["sha256"]) for row in noted] == [("amt_s", weights["sha256"])]
    assert weights["sha256"] in (home / "run" / "report.html").read_text()
