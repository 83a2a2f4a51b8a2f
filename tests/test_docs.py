"""What the documents say is run."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

import hoigen
from hoigen.commands.cli import main
from hoigen.data.run import Run
from hoigen.recipe.yaml import load_recipe
from hoigen.rules.cascade import build_steps

REPO = Path(__file__).resolve().parents[1]


def code_of(page: str, language: str) -> list[str]:
    text = (REPO / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_measure_of_the_page_works(tmp_path: Path, tiny_video: Path) -> None:
    source, _ = code_of("add_a_measure.md", "python")
    [recipe] = code_of("add_a_measure.md", "yaml")
    (tmp_path / "brightness.py").write_text(source)
    settings = yaml.safe_load(recipe)
    hoigen.curate(videos=tiny_video, run=tmp_path / "run", beside=tmp_path, quiet=True, report=False, **settings)
    [step] = build_steps(["./brightness.py"], {}, beside=tmp_path)
    [row] = Run(tmp_path / "run").scores("brightness", step.fingerprint).read(0)
    assert row["state"] == "ok"
    assert 0.2 < row["brightness"] < 0.4, "a grey of 60 with a lighter square on it"


def test_the_commands_of_the_page_work_to_the_letter(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, _ = code_of("add_a_measure.md", "python")
    [recipe] = code_of("add_a_measure.md", "yaml")
    first, edited = code_of("add_a_measure.md", "sh")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOIGEN_TRUSTED", raising=False)
    (tmp_path / "brightness.py").write_text(source)
    (tmp_path / "my_recipe.yaml").write_text(recipe)
    (tmp_path / "MY_FOLDER").mkdir()
    for name in ("clip.mp4", "MY_FOLDER/a.mp4"):
        shutil.copy(tiny_video, tmp_path / name)
    for text in (source, source + "# edited\n"):
        (tmp_path / "brightness.py").write_text(text)
        for line in (first if text == source else edited).splitlines():
            name, *words = shlex.split(line, comments=True)
            assert (name, main(words)) == ("hoigen", 0), line
            monkeypatch.delenv("HOIGEN_TRUSTED", raising=False)  # as in a process of its own
    assert "1 clip: 1 kept" in capsys.readouterr().out


def test_the_measure_with_a_network_works(tmp_path: Path, tiny_video: Path) -> None:
    torch = pytest.importorskip("torch", reason="extra [models]: make test brings it")
    _, source = code_of("add_a_measure.md", "python")
    (tmp_path / "warmth.py").write_text(source)
    torch.save({"weight": torch.tensor([[1.0, 0.0, -0.5]]), "bias": torch.tensor([0.5])}, tmp_path / "own.pt")
    spec = {"./warmth.py": {"checkpoint": str(tmp_path / "own.pt"), "device": "cpu"}}
    how = {"beside": tmp_path, "quiet": True, "report": False, "shots": "none", "workers": 1}
    hoigen.curate(videos=tiny_video, run=tmp_path / "run", measures=[spec], **how)
    [step] = build_steps([spec], {}, beside=tmp_path)
    scores = Run(tmp_path / "run").scores("warmth", step.fingerprint, step.emits)
    [row] = scores.read(*scores.shards())
    assert row["state"] == "ok", row["reason"]
    assert 0.5 < row["warmth"] < 0.8, "grey: half of its brightness, and a half"


def test_files_that_pages_name_are_there() -> None:
    pages = [REPO / "README.md", REPO / "CONTRIBUTING.md", REPO / "ARCHITECTURE.md", *(REPO / "docs").rglob("*.md")]
    places = (REPO, REPO / "src", REPO / "src" / "hoigen")
    for page in pages:
        for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", page.read_text(encoding="utf-8")):
            assert any((place / name).exists() for place in places), f"{page.name}: {name}"


def test_the_page_for_python_works(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MY_FOLDER").mkdir()
    shutil.copy(tiny_video, tmp_path / "MY_FOLDER" / "a.mp4")
    for source in code_of("python.md", "python"):
        exec(source, {})
    said = capsys.readouterr().out
    assert "MY_FOLDER/a.mp4 ok " in said
    assert (tmp_path / "runs" / "lite" / "run.yaml").exists()


@pytest.mark.parametrize("recipe", sorted((REPO / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_load_and_each_key_is_commented(recipe: Path) -> None:
    settings = load_recipe(recipe)
    assert build_steps(settings["measures"], settings["keep"])
    for line in recipe.read_text().splitlines():
        if line.strip() and not line.startswith("#") and line.strip() != "keep:":
            assert "#" in line or line.strip() == "measures:", line


def test_the_command_line_in_the_readme_exists() -> None:
    verbs = set(re.findall(r"^hoigen ([\w-]+)", (REPO / "README.md").read_text(), re.MULTILINE))
    assert verbs
    assert verbs <= set(hoigen.VERBS)


def test_links_in_documents_lead_somewhere() -> None:
    for page in [*REPO.glob("*.md"), *REPO.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
