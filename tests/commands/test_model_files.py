"""hoigen models: what there is, where it lies, and bringing it here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.model_files import model_files
from hoigen.core.errors import UsageError
from hoigen.models import cards, urls
from publisher import publishing

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VBENCH_CACHE_DIR", raising=False)
    return tmp_path / "home"


def test_all_files_with_licence_and_place(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = home / "vbench" / "amt-s.pth"
    here.parent.mkdir(parents=True)
    here.write_bytes(b"weights")
    assert [model.name for model in model_files().models] == list(cards.FILES)
    assert main(["models"]) == 0
    told = capsys.readouterr().out
    assert f"here: {here}" in told
    assert f"belongs at {home / 'vbench' / 'ViT-B-32.pt'}" in told
    assert "musiq_spaq_original: Apache-2.0, anyone" in told
    assert "dino_vitb16: about 327 MiB, Apache-2.0, anyone" in told
    assert "amt_s: about 12 MiB, CC BY-NC 4.0, non-commercial" in told
    assert f"{len(cards.FILES)} models, {len(cards.FILES) - 1} of them not here" in told


def test_a_recipe_with_all_who_use_each_model() -> None:
    found = {model.name: model for model in model_files(["paper"]).models}
    assert len(found) == 9
    assert found["ermu2001/pllava-7b"].used_by == ("hoi_judgement", "caption: first")
    assert found["ermu2001/pllava-7b"].use == "not known"
    assert found["clip_vitl14"].used_by == ("aesthetics",)
    assert found["unimatch"].pin == "sha256 4e7b215d… (unpinned)"
    assert "main (unpinned)" in found["Qwen/Qwen2.5-7B-Instruct"].pin


def test_a_recipe_of_ones_own_and_files_by_name(tmp_path: Path) -> None:
    recipe = tmp_path / "my.yaml"
    own = tmp_path / "own.pth"
    own.write_bytes(b"own")
    recipe.write_text(f"measures:\n- motion_smoothness: {{checkpoint: {own}}}\n- text_boxes\n")
    smooth, text = model_files([str(recipe)]).models
    assert (smooth.here, smooth.source) == (own, "a file of one's own")
    assert text.name == "text_detector"
    one, other = model_files(["amt_s", "owner/name@v2"]).models
    assert (one.name, other.name, other.pin) == ("amt_s", "owner/name", "revision v2 (unpinned)")


def test_fetching_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(urls, "PAUSE", 0.0)
    with publishing(content=b"weights") as publisher:
        known = dict(cards.CARDS) | {"dino_vitb16": publisher.card("dino_vitb16")}
        monkeypatch.setattr(cards, "CARDS", known)
        [state] = model_files(["dino_vitb16"], fetch=True, quiet=True).models
        assert state.here is not None
        assert state.here.read_bytes() == b"weights"
        assert capsys.readouterr().err == ""
        publisher.content = None
        state.here.unlink()
        assert main(["models", "dino_vitb16", "--fetch"]) == 1
    assert "404" in capsys.readouterr().err


def test_bad_names_say_what_is_possible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="'amt' is neither a recipe nor a model file; did you mean 'amt_s'"):
        model_files(["amt"])
    with pytest.raises(UsageError, match=r"--fetch: name what is to be fetched"):
        model_files(fetch=True)
    with pytest.raises(UsageError, match=r"none\.yaml"):
        model_files([str(tmp_path / "none.yaml")])
    assert main(["models", "ada_cm", "--fetch"]) == 2
    assert "cannot be fetched by a program: see https://github.com/ltttpku/ADA-CM" in capsys.readouterr().err


def test_a_file_that_a_recipe_would_run_is_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit")
    (tmp_path / "my.yaml").write_text("measures: [./mine.py]\n")
    assert main(["models", str(tmp_path / "my.yaml")]) == 2
    assert "--trust" in capsys.readouterr().err


def test_the_page_is_right() -> None:
    """Its code runs, its commands exist, and what it calls unpinned is unpinned."""
    from hoigen.models import uses

    page = (REPO / "docs" / "models.md").read_text()
    [source] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made: dict[str, object] = {}
    exec(source, made)
    measure = made["MyMeasure"]
    assert isinstance(measure, type)
    assert [entry.id for entry in uses.ledger([("my_measure", measure())])] == ["my_model", "owner/name"]
    assert set(re.findall(r"^hoigen (\w+)", page, re.MULTILINE)) <= set(hoigen.VERBS)
    [unpinned] = re.findall(r"\*\*Unpinned\*\*: (.*?)\.", page, re.DOTALL)
    known = {card.id for card in cards.CARDS.values() if isinstance(card.source, cards.Url) and not card.pinned}
    assert set(re.findall(r"`(\w+)`", unpinned)) == known
