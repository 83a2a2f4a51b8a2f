"""Files that a recipe names are looked for beside it, then in the working directory; a case for each kind of place."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hoigen.commands.curate import command
from hoigen.commands.evaluate import _settings
from hoigen.commands.validate import validate
from hoigen.core import trusted
from hoigen.core.errors import UsageError
from hoigen.core.registry import find
from hoigen.data.run import Run
from hoigen.recipe import places
from hoigen.recipe.yaml import apply_sets, load_recipe
from hoigen.rules.runfile import steps_of

HEAD = {"hoigen_detections": 1, "detector": "somebody", "verbs": ["ride"], "objects": ["bicycle"], "theta": 0.2}
SEEN = {"coarse_hoi": {"observer": {"recorded": {"file": "seen.jsonl"}}}}
EXPERT = '''"""An expert that only has a file."""
from pathlib import Path
from hoigen.core.registry import expert

@expert("reads")
class Reads:
    words: Path
'''
MEASURE = '''"""A measure that only has a file."""
from pathlib import Path
from hoigen.core.registry import measure

@measure("mine")
class Mine:
    table: Path
'''


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folder of a recipe, and another one, in which hoigen is called."""
    folder, called = tmp_path / "recipes", tmp_path / "called"
    folder.mkdir()
    called.mkdir()
    monkeypatch.chdir(called)
    return folder, called


def recorded(file: Path, score: float) -> Path:
    """A recording in which a person rides a bicycle, that surely."""
    pair = {"class": "bicycle", "score": score, "verbs": {"ride": score}}
    rows = [HEAD, *({"video": "tiny.mp4", "time": time, "pairs": [pair]} for time in (n / 20 for n in range(80)))]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return file


def measured(recipe: Path, video: Path, run: str, *sets: str) -> float:
    command(str(recipe), videos=[str(video)], run=run, set=list(sets), quiet=True)
    folder = Run(Path(run))
    [measure] = folder.recipe()["measures"]
    file = measure["coarse_hoi"]["observer"]["recorded"]["file"]
    assert Path(file).is_absolute()
    [step] = steps_of(folder)[1]
    [row] = folder.scores(step.name, step.fingerprint, step.emits).read(0)
    return float(row["coarse_any"])


def test_a_recording_beside_the_recipe_is_the_one_that_scores(
    sides: tuple[Path, Path], tiny_video: Path, tmp_path: Path
) -> None:
    """Two files of one name: the recipe's is taken, that of the working directory only where it was typed."""
    folder, called = sides
    recorded(folder / "seen.jsonl", 0.1)
    recorded(called / "seen.jsonl", 0.9)
    recipe = folder / "r.yaml"
    recipe.write_text(json.dumps({"shots": "none", "report": False, "workers": 1, "measures": [SEEN]}))
    video = tmp_path / "tiny.mp4"
    video.write_bytes(tiny_video.read_bytes())
    beside = measured(recipe, video, "one")
    typed = measured(recipe, video, "two", "measures.coarse_hoi.observer.recorded.file=seen.jsonl")
    assert beside == 0, "0.1 is below theta"
    assert typed == 1
    (folder / "seen.jsonl").unlink()
    assert measured(recipe, video, "three") == typed, "the working directory, where there is none beside the recipe"


KINDS: Mapping[str, tuple[Any, tuple[str, ...], str]] = {
    "observer's file": ({"measures": [SEEN]}, ("seen.jsonl",), "measures.coarse_hoi.observer.recorded.file"),
    "a name without a suffix": (
        {"measures": [{"coarse_hoi": {"observer": {"ada_cm": {"checkpoint": "weights"}}}}]},
        ("weights",),
        "measures.coarse_hoi.observer.ada_cm.checkpoint",
    ),
    "checkpoint": (
        {"measures": [{"aesthetics": {"checkpoint": "clip.safetensors", "head": "sub/head.safetensors"}}]},
        ("clip.safetensors", "sub/head.safetensors"),
        "measures.aesthetics",
    ),
    "prompt": (
        {"measures": [{"hoi_judgement": {"judge_prompt": "strict.md"}}]},
        ("strict.md",),
        "measures.hoi_judgement.judge_prompt",
    ),
    "an observer's expert": (
        {"measures": [{"coarse_hoi": {"observer": {"mllm": {"expert": {"./reads.py": {"words": "words"}}}}}}]},
        ("reads.py", "words"),
        "measures.coarse_hoi.observer.mllm.expert",
    ),
    "a measure of one's own": (
        {"measures": [{"./mine.py": {"table": "table"}}]},
        ("mine.py", "table"),
        "(measures",
    ),
    "caption": (
        {"caption": {"captioner": {"single": {"expert": {"./reads.py": {"words": "words"}}, "describe": "own.md"}}}},
        ("reads.py", "words", "own.md"),
        "caption.captioner.single",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file(sides: tuple[Path, Path], kind: str) -> None:
    """Beside the recipe before the working directory; there where it is not beside; else an error with key and both."""
    folder, called = sides
    given, files, key = KINDS[kind]
    texts = {"reads.py": EXPERT, "mine.py": MEASURE}
    (folder / "r.yaml").write_text(json.dumps(given))

    def found() -> str:
        recipe = load_recipe(folder / "r.yaml")
        trusted.settle(recipe, folder, None)
        whole = [
            places.measures_of(recipe.get("measures", []), folder),
            places.caption_of(recipe.get("caption"), folder),
        ]
        return json.dumps(whole)

    for file in files:
        with pytest.raises(UsageError) as error:
            found()
        assert key in str(error.value)
        assert all(str(place) in str(error.value) for place in sides)
        for place in (called, folder):
            (place / file).parent.mkdir(exist_ok=True)
            (place / file).write_text(texts.get(file, "x"))
            if file not in texts:
                continue
            trusted.grant(place / file)
    assert all(json.dumps(str(folder / file)) in found() for file in files)
    for file in files:
        (folder / file).unlink()
    assert all(json.dumps(str(called / file)) in found() for file in files)


def test_a_list_of_videos(sides: tuple[Path, Path]) -> None:
    """Also a folder, a glob and several; what is typed is of the working directory; `run` always is."""
    folder, called = sides
    (folder / "clips").mkdir()
    (folder / "clips" / "a.mp4").write_bytes(b"")
    for place in sides:
        (place / "list.csv").write_text("uri\na.mp4\n")
    given = {"videos": ["list.csv", "clips", "clips/*.mp4", "gone.csv", "-", "s3://b/a.mp4"], "run": "clips"}
    (folder / "r.yaml").write_text(json.dumps(given))
    found = load_recipe(folder / "r.yaml")
    whole = [str(folder / name) for name in ("list.csv", "clips", "clips/*.mp4")]
    assert found == {"videos": [*whole, "gone.csv", "-", "s3://b/a.mp4"], "run": "clips"}
    assert apply_sets(found, ["videos=list.csv"])["videos"] == str(called / "list.csv")


def test_every_verb_that_reads_a_recipe_says_it_alike(sides: tuple[Path, Path], tiny_video: Path) -> None:
    folder, called = sides
    (folder / "r.yaml").write_text(json.dumps({"measures": [SEEN]}))
    said = (
        r"no such file: seen.jsonl \(measures.coarse_hoi.observer.recorded.file\); it was looked for beside the recipe"
    )
    for verb in (
        lambda: command(str(folder / "r.yaml"), videos=["v"], run="run"),
        lambda: command(str(folder / "r.yaml"), videos=[str(tiny_video)], run="run", dry_run=True),
        lambda: _settings(folder / "r.yaml", []),
        lambda: validate(str(folder / "r.yaml")),
    ):
        with pytest.raises(UsageError, match=said):
            verb()
    assert not (called / "run").exists()


def test_words_are_names_before_they_are_files(sides: tuple[Path, Path]) -> None:
    """A file called `lite` or `hico` beside the recipe is not what the word means."""
    folder, _ = sides
    for name in ("lite", "describe", "metadata", "single"):
        (folder / name).write_text("")
    given = {"measures": ["metadata", {"coarse_hoi": {"observer": "lite"}}], "caption": {"captioner": "single"}}
    (folder / "r.yaml").write_text(json.dumps(given))
    found = load_recipe(folder / "r.yaml")
    assert found == given
    assert places.measures_of(found["measures"], folder) == given["measures"]
    assert find("observer", "lite")


@pytest.mark.parametrize("text", ["a" * 5000 + ".md", "a" * 5000 + ".py", "a\0b.md", "~nobody-at-all/x.md"])
def test_a_text_that_cannot_be_a_path_is_no_such_file(text: str, tmp_path: Path) -> None:
    said = f"no such file: {text} (measures"
    with pytest.raises(UsageError) as stopped:
        places.measures_of([{"coarse_hoi": {"prompt": text}}], tmp_path)
    assert str(stopped.value).startswith(said)
