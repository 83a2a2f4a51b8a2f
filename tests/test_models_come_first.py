"""Model files come onto the machine once, in the parent, before workers start; loading has its own deadline."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen.core.errors import SetupError, WeightsError
from hoigen.models import urls
from hoigen.rules.cascade import build_steps
from hoigen.stages.scores import FingerprintsChanged, _fetch_before_first, _models_of_machine
from hoigen.work.task import Task
from publisher import Publisher, publishing

FETCHES = '''
import os, time
from pathlib import Path
from typing import Any
from hoigen import Sampling, Score, measure
from hoigen.models import files
from hoigen.models.cards import ModelCard, Url
from hoigen.models.uses import ModelUse
from hoigen.rules.cascade import build_steps
from hoigen.stages.scores import FingerprintsChanged, _fetch_before_first
from hoigen.work.task import Task


@measure("fake_fetching")
class FakeFetching:
    """Has a model file of its own, by whose coming its score is known under another name."""

    folder: str
    url: str
    loads_for: float = 0.0
    sampling: Sampling = Sampling(frames=0)

    @property
    def card(self) -> ModelCard:
        source = Url(self.url, "fake_model.bin")
        return ModelCard(id="fake_model", source=source, licence="a licence", use="with conditions", origin="a test")

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse("fake_model", card=self.card),)

    @property
    def identity(self) -> dict[str, Any]:
        return {"revision": "main" if files.present(self.card) is None else "commit"}

    def load(self) -> None:
        with (Path(self.folder) / "notes.log").open("a") as log:
            log.write(f"{os.getpid()} {files.present(self.card) is not None}\\n")
        time.sleep(self.loads_for)

    def __call__(self, clip, frames):
        return Score(1.0)
'''


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(urls, "PAUSE", 0.0)
    with publishing(content=b"weights") as made:
        yield made


@pytest.fixture
def made(tmp_path: Path, tiny_video: Path, publisher: Publisher) -> dict[str, Any]:
    """A run over four clips with that measure."""
    (tmp_path / "fake_fetching.py").write_text(FETCHES)
    (tmp_path / "videos").mkdir()
    for at in range(4):
        (tmp_path / "videos" / f"{at}.mp4").write_bytes(tiny_video.read_bytes())
    url = publisher.card("fake_model").where
    measures = [{str(tmp_path / "fake_fetching.py"): {"folder": str(tmp_path), "url": url}}]
    how = {"shots": "none", "duplicates": "keep", "report": False, "quiet": True, "workers": 2}
    return {"videos": tmp_path / "videos", "run": tmp_path / "run", "measures": measures, **how}


def settings(made: dict[str, Any]) -> dict[str, Any]:
    [[own]] = [list(measure.values()) for measure in made["measures"]]
    return own


def loads(folder: Path) -> list[str]:
    """Whether the file was there, of each process that loaded it; none was this one."""
    log = folder / "notes.log"
    rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    assert str(os.getpid()) not in [process for process, _ in rows]
    return [there for _, there in rows]


def test_the_parent_fetches_once_and_workers_only_load(
    tmp_path: Path, made: dict[str, Any], publisher: Publisher, capfd: pytest.CaptureFixture[str]
) -> None:
    assert hoigen.curate(**made).clips == 4
    assert len(publisher.asked) == 1
    assert loads(tmp_path)
    assert set(loads(tmp_path)) == {"True"}
    assert capfd.readouterr().err.count("hoigen: fake_model.bin: licence a licence.") == 1


def test_the_run_notes_what_its_own_measure_used(tmp_path: Path, made: dict[str, Any]) -> None:
    hoigen.curate(**made)
    [row] = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["models"]
    assert (row["id"], row["licence"], row["use"]) == ("fake_model", "a licence", "with conditions")
    assert row["sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_a_run_keeps_what_another_machine_noted(
    tmp_path: Path, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hoigen.curate(**made)
    noted = (tmp_path / "run" / "run.yaml").read_text()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))  # nothing is noted there
    hoigen.curate(**made)
    again = (tmp_path / "run" / "run.yaml").read_text()
    assert yaml.safe_load(again)["models"] == yaml.safe_load(noted)["models"]


def test_scores_are_filed_under_the_model_that_has_come(
    tmp_path: Path, made: dict[str, Any], publisher: Publisher
) -> None:
    hoigen.curate(**made)
    written = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["fingerprints"]["fake_fetching"]
    assert [path.name for path in (tmp_path / "run" / "scores" / "fake_fetching").iterdir()] == [written]
    count = len(loads(tmp_path))
    hoigen.curate(**made)  # all is known: neither fetched nor loaded
    assert len(loads(tmp_path)) == count
    assert len(publisher.asked) == 1


def test_a_machine_that_lacks_the_model_fetches_it_and_measures_nothing_again(
    tmp_path: Path, made: dict[str, Any], publisher: Publisher
) -> None:
    hoigen.curate(**made)
    shutil.rmtree(tmp_path / "home")  # the run has come from another machine
    (tmp_path / "notes.log").unlink()
    assert hoigen.curate(**made).clips == 4
    assert len(publisher.asked) == 2
    assert loads(tmp_path) == []


def test_another_file_than_the_first_stops_the_run(tmp_path: Path, made: dict[str, Any], publisher: Publisher) -> None:
    hoigen.curate(**made)
    shutil.rmtree(tmp_path / "home")
    publisher.content = b"other weights"
    made["run"] = tmp_path / "again"
    with pytest.raises(WeightsError, match="is not the fake_model that came first"):
        hoigen.curate(**made)
    assert not (tmp_path / "again").exists()


def test_a_model_that_cannot_be_had_is_told_before_anything_is_written(
    tmp_path: Path, made: dict[str, Any], publisher: Publisher
) -> None:
    publisher.content = None
    with pytest.raises(WeightsError, match="404"):
        hoigen.curate(**made)
    assert not (tmp_path / "run").exists()


def test_load_deadline_is_a_setting_apart_from_that_of_a_clip(tmp_path: Path, made: dict[str, Any]) -> None:
    settings(made)["loads_for"] = 6.0
    assert hoigen.curate(**made, deadline=4.0).clips == 4
    made["run"] = tmp_path / "hasty"
    with pytest.raises(SetupError, match=r"not set up after 0\.5 s \(set load_deadline"):
        hoigen.curate(**made, load_deadline=0.5)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_captions_are_filed_under_the_commit_that_has_come(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A first run knows its experts' models as `main`; the next one, which finds their commit, has nothing to do."""
    pytest.importorskip("torch", reason="extra [models] is not installed")
    hub = pytest.importorskip("huggingface_hub", reason="extra [models] is not installed")
    import tiny_models
    from huggingface_hub import constants

    from hoigen.data.run import Run

    came = []

    def fake_download(model: str, **_: Any) -> str:
        folder = tmp_path / "hub" / f"models--{model.replace('/', '--')}"
        came.append(model)
        if not folder.exists():
            tiny_models.vlm("qwen2_vl", folder / "snapshots" / COMMIT)
            (folder / "refs").mkdir()
            (folder / "refs" / "main").write_text(COMMIT)
        return str(folder / "snapshots" / COMMIT)

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "snapshot_download", fake_download)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))  # for the process that loads the model
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run = Run(tmp_path / "run")
    hoigen.curate(
        videos=tiny_video, run=run.path, measures=["metadata"], min_length=0.1, report=False, quiet=True, workers=1
    )
    model = "Qwen/Qwen2.5-VL-3B-Instruct"
    settings = [f"model={model}", "max_tokens=4", "device=cpu", "sampling.frames=2", "sampling.short_side=48"]
    how = [f"captioner.single.expert.local_vlm.{each}" for each in settings]
    hoigen.caption(run.path, set=how, report=False, quiet=True)
    assert capfd.readouterr().err.count("licence Qwen Research, not for commercial use") == 1
    noted = yaml.safe_load(run.caption_file.read_text())
    assert [(row["id"], row["revision"], row["use"]) for row in noted["models"]] == [(model, COMMIT, "non-commercial")]
    filed = [path.name for path in (run.path / "captions" / "single").iterdir()]
    assert filed == [noted["fingerprint"]]
    count = len(came)
    hoigen.caption(run.path, set=how, report=False, quiet=True)
    assert [path.name for path in (run.path / "captions" / "single").iterdir()] == filed
    assert len(came) == count, "all is kept: no model is looked for"


def test_scores_are_filed_under_what_is_known_once_the_models_are_here() -> None:
    """Where nothing is to do nothing is fetched; where what was fetched is another model, no task begins."""
    measures, keep = ["metadata"], {"fps": {"min": 20}}
    now = build_steps(measures, keep)
    tasks = [Task(str(number), number) for number in range(3)]
    assert list(_fetch_before_first(iter(tasks), now, measures, keep, True)) == tasks
    before = tuple(replace(step, fingerprint="0123456789ab") for step in now)
    with pytest.raises(FingerprintsChanged) as came:
        next(_fetch_before_first(iter(tasks), before, measures, keep, True))
    assert [step.fingerprint for step in came.value.steps] == [step.fingerprint for step in now]
    assert list(_fetch_before_first(iter([]), before, ["no such measure"], keep, True)) == []


def test_a_machine_of_a_cluster_that_would_measure_otherwise_is_told_by_its_measures() -> None:
    measures, keep = ["metadata", "motion"], {"fps": {"min": 20}}
    steps = build_steps(measures, keep)
    prints = [steps[0].fingerprint, "0123456789ab"]
    with (
        pytest.raises(SetupError, match=rf"other model files .*: {steps[1].name} would not give the same numbers"),
        _models_of_machine(functools.partial, measures, keep, prints, {}),
    ):
        pass
