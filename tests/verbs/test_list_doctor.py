from __future__ import annotations

import shutil
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from hoigen import registry, weights
from hoigen.cli import main
from hoigen.errors import WeightsError
from hoigen.verbs import doctor as doctor_verb
from hoigen.verbs.doctor import EXTRAS, doctor
from hoigen.verbs.list import list as list_verb

REPO = Path(__file__).resolve().parents[2]


def test_list_names_all_there_is() -> None:
    found = list_verb()
    assert {entry.name for entry in found.measures} == set(registry.measure_names())
    assert {entry.name for entry in found.weights} == set(weights.WEIGHTS)
    assert {entry.name for entry in found.recipes} == {path.stem for path in (REPO / "recipes").glob("*.yaml")}
    assert {"adaptive", "none"} <= {entry.name for entry in found.shots}
    for entry in (*found.measures, *found.shots, *found.recipes, *found.weights):
        assert entry.words.endswith("."), entry
        assert entry.name in str(found)
    metadata_entry = next(entry for entry in found.measures if entry.name == "metadata")
    assert "short_side" in metadata_entry.gives


def test_list_shows_a_package_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("broken", "no_such_module:Thing", "hoigen.measures")
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: [point])
    registry.names_of.cache_clear()
    try:
        entry = next(entry for entry in list_verb().measures if entry.name == "broken")
        assert entry.words.startswith("cannot be imported: ModuleNotFoundError")
    finally:
        monkeypatch.undo()
        registry.names_of.cache_clear()


def test_doctor_finds_this_machine_well(capsys: pytest.CaptureFixture[str]) -> None:
    found = doctor()
    assert found.troubles == ()
    assert found.cores >= 1
    assert found.memory > 1 << 28
    assert {package.name for package in found.packages} >= {"av", "numpy", "opencv-python-headless", "ai-edge-litert"}
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "All is well." in printed
    for name, weight in weights.WEIGHTS.items():
        assert name in printed
        assert weight.licence in printed


def test_every_extra_is_explained() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"dev"}
    for extra in doctor().extras:
        assert len(extra.packages) == len(project["optional-dependencies"][extra.name])
        assert f"[{extra.name}]" in str(doctor())
    assert len(doctor().packages) == len(project["dependencies"])


def test_doctor_names_what_is_missing_old_or_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs = ["no-such-package>=1", "numpy>=999", "av>=18.1", 'torch>=2; extra == "models"']
    monkeypatch.setattr(doctor_verb.metadata, "requires", lambda name: needs)
    monkeypatch.setattr(doctor_verb, "MODULES", {"av": "no_such_module"})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "file" / "home"))
    found = doctor()
    assert len(found.troubles) == 4
    assert found.troubles[0] == "no-such-package: missing; pip install 'no-such-package>=1'"
    assert found.troubles[1] == "numpy: too old; pip install 'numpy>=999'"
    assert found.troubles[2].startswith("av: cannot be imported: ModuleNotFoundError")
    assert "cannot be written; set HOIGEN_HOME" in found.troubles[3]
    assert "Troubles" in str(found)


def test_doctor_sees_absent_and_damaged_files_and_fetches_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "sample_bikes"
    real = weights.locate(name)
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "WEIGHTS", {name: weights.WEIGHTS[name]})
    assert doctor().weights[0].state == "absent"
    assert "1 to fetch" in str(doctor())
    weights.path_of(name).parent.mkdir(parents=True)
    weights.path_of(name).write_bytes(b"half")
    assert doctor().weights[0].state == "damaged"
    assert doctor().troubles == (f"{name} is damaged; hoigen doctor --fetch mends it",)

    def fetch(name: str) -> Path:
        if not weights.path_of(name).exists():
            shutil.copy(real, weights.path_of(name))
        return weights.path_of(name)

    monkeypatch.setattr(weights, "locate", fetch)
    assert doctor(fetch=True).weights[0].state == "fetched"


def test_doctor_says_why_a_file_cannot_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> Path:
        raise WeightsError("no network")

    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "locate", fail)
    assert main(["doctor", "--fetch"]) == 1
    assert "no network" in capsys.readouterr().err
