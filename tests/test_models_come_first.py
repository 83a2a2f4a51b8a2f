"""Model files come onto the machine once, in the parent, before workers start; loading has its own deadline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen.errors import SetupError, WeightsError

FETCHES = '''
import os, time
from pathlib import Path
from typing import Any
from hoigen import Sampling, Score, measure
from hoigen.errors import WeightsError


@measure("fake_fetching")
class FakeFetching:
    """Has a model that its hub knows as `main` until it is here, and by its commit from then on."""

    folder: str
    offline: bool = False
    loads_for: float = 0.0
    sampling: Sampling = Sampling(frames=0)

    @property
    def identity(self) -> dict[str, Any]:
        return {"revision": "commit" if (Path(self.folder) / "commit").exists() else "main"}

    def fetch(self) -> None:
        if self.offline:
            raise WeightsError("fake_model is not on this machine, and the hub cannot be reached")
        self._note("fetch")
        (Path(self.folder) / "commit").touch()

    def load(self) -> None:
        self._note("load")
        time.sleep(self.loads_for)

    def __call__(self, clip, frames):
        return Score(1.0)

    def _note(self, what: str) -> None:
        with (Path(self.folder) / "notes.log").open("a") as log:
            log.write(f"{what} {os.getpid()}\\n")
'''


@pytest.fixture
def made(tmp_path: Path, tiny_video: Path) -> dict[str, Any]:
    """A run over four clips with that measure."""
    (tmp_path / "fake_fetching.py").write_text(FETCHES)
    (tmp_path / "videos").mkdir()
    for at in range(4):
        (tmp_path / "videos" / f"{at}.mp4").write_bytes(tiny_video.read_bytes())
    measures = [{str(tmp_path / "fake_fetching.py"): {"folder": str(tmp_path)}}]
    how = {"shots": "none", "duplicates": "keep", "report": False, "quiet": True, "workers": 2}
    return {"videos": tmp_path / "videos", "run": tmp_path / "run", "measures": measures, **how}


def settings(made: dict[str, Any]) -> dict[str, Any]:
    [[own]] = [list(measure.values()) for measure in made["measures"]]
    return own


def notes(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "notes.log").read_text().splitlines()]


def test_the_parent_fetches_once_and_workers_only_load(tmp_path: Path, made: dict[str, Any]) -> None:
    assert hoigen.curate(**made).clips == 4
    said = notes(tmp_path)
    assert [int(process) for what, process in said if what == "fetch"] == [os.getpid()]
    assert said[0][0] == "fetch"
    assert str(os.getpid()) not in [process for what, process in said if what == "load"]


def test_scores_are_filed_under_the_model_that_has_come(tmp_path: Path, made: dict[str, Any]) -> None:
    hoigen.curate(**made)
    written = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["fingerprints"]["fake_fetching"]
    assert [path.name for path in (tmp_path / "run" / "scores" / "fake_fetching").iterdir()] == [written]
    count = len(notes(tmp_path))
    hoigen.curate(**made)  # all is known: neither fetched nor loaded
    assert len(notes(tmp_path)) == count


def test_a_machine_that_lacks_the_model_fetches_it_and_measures_nothing_again(
    tmp_path: Path, made: dict[str, Any]
) -> None:
    hoigen.curate(**made)
    (tmp_path / "commit").unlink()  # the run has come from another machine
    (tmp_path / "notes.log").unlink()
    assert hoigen.curate(**made).clips == 4
    assert [what for what, _ in notes(tmp_path)] == ["fetch"]


def test_a_model_that_cannot_be_had_is_told_before_anything_is_written(tmp_path: Path, made: dict[str, Any]) -> None:
    settings(made)["offline"] = True
    with pytest.raises(WeightsError, match="the hub cannot be reached"):
        hoigen.curate(**made)
    assert not (tmp_path / "run").exists()


def test_load_deadline_is_a_setting_apart_from_that_of_a_clip(tmp_path: Path, made: dict[str, Any]) -> None:
    settings(made)["loads_for"] = 6.0
    assert hoigen.curate(**made, deadline=4.0).clips == 4
    made["run"] = tmp_path / "hasty"
    with pytest.raises(SetupError, match=r"not set up after 0\.5 s \(set load_deadline"):
        hoigen.curate(**made, load_deadline=0.5)
