"""The schema says what `hoigen validate` says, and both say what running the recipe would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import hoigen
from hoigen.core.errors import UsageError
from hoigen.recipe.build import recipe_of
from hoigen.recipe.recipe import KEYS

REPO = Path(__file__).resolve().parents[2]
RECIPES = sorted((REPO / "recipes").glob("*.yaml"))
BASE = "measures: [metadata, motion]\n"

GOOD = [
    BASE,
    BASE + "shots: none\n",
    BASE + "shots: {adaptive: {ratio: 2}}\n",
    BASE + "shots: {adaptive: }\n",
    BASE + "shots: null\n",
    BASE + "max_length: null\n",
    BASE + "workers: 2\n",
    BASE + "deadline: 30.5\n",
    BASE + "keep: {duration: {above: 1}, motion: {min: 0, max: 2.5}, fps: null}\n",
    BASE + "keep:\n",
    BASE + "videos: [a.mp4, b]\nrun: runs/x\n",
    "measures: [{motion: {sampling: {fps: 2, short_side: null}, slow: 2}}, {text_boxes: }]\n",
    "measures: [{hoi_lite: {observer: {lite: {masks: true}}}}, {coarse_hoi: {observer: lite}}]\n",
]

BAD = [
    ("measures: metadata\n", "line 1: measures"),
    (BASE + "measure: [motion]\n", "line 2: unknown key 'measure'; did you mean 'measures'?"),
    ("measures: [motoin]\n", "line 1: unknown measure 'motoin'; did you mean 'motion'?"),
    ("measures: [{motion: {}, metadata: {}}]\n", "line 1: measures[0]: an entry is a name, or one name"),
    (
        "measures:\n  - motion:\n      sampling:\n        fbs: 2\n",
        "line 4: measures.motion.sampling: unknown key 'fbs'",
    ),
    ("measures: [{motion: {sampling: {frames: 1.5}}}]\n", "measures.motion.sampling.frames: a whole number"),
    ("measures: [{motion: {slow: quick}}]\n", "measures.motion.slow: a number; it came as 'quick'"),
    ("measures: [{coarse_hoi: {observer: light}}]\n", "line 1: measures.coarse_hoi.observer: unknown observer 'light'"),
    (
        "measures: [{hoi_lite: {observer: {lite: {mask: true}}}}]\n",
        "line 1: measures.hoi_lite.observer.lite: unknown key 'mask'; did you mean 'masks'?",
    ),
    (BASE + "shots: adaptiv\n", "line 2: shots: unknown detector 'adaptiv'; did you mean 'adaptive'?"),
    (BASE + "shots: {adaptive: {ration: 3}}\n", "line 2: shots.adaptive: unknown key 'ration'; did you mean 'ratio'?"),
    (BASE + "min_length: -1\n", "line 2: min_length: 0 or more"),
    (BASE + "workers: 0\n", "line 2: workers: 1 or more"),
    (BASE + "workers: true\n", "line 2: workers: a whole number"),
    (BASE + "score_all: 1\n", "line 2: score_all: true or false"),
    (BASE + "duplicates: merge\n", "line 2: duplicates: one of drop, keep; it came as 'merge'"),
    (BASE + "keep:\n  motion: {mim: 1}\n", "line 3: keep.motion: unknown key 'mim'; did you mean 'min'?"),
    (BASE + "keep:\n  motion: {min: low}\n", "line 3: keep.motion.min: a number; it came as 'low'"),
    (BASE + "keep:\n  motion: {}\n", "line 3: keep.motion: a rule has at least one of min, max, above, below"),
    (BASE + "keep:\n  moton: {min: 1}\n", "line 3: keep: no measure of this recipe gives a score named 'moton'"),
    (BASE + "keep: [motion]\n", "line 2: keep: key: value pairs"),
]


@pytest.fixture(scope="module")
def validator() -> Any:
    made = json.loads(str(hoigen.schema()))
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def check(tmp_path: Path, text: str) -> Any:
    (tmp_path / "recipe.yaml").write_text(text)
    return hoigen.validate(str(tmp_path / "recipe.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_pass(validator: Any, recipe: Path) -> None:
    assert list(validator.iter_errors(yaml.safe_load(recipe.read_text()))) == []
    assert hoigen.validate(str(recipe)).measures


@pytest.mark.parametrize("text", GOOD)
def test_what_is_right_passes(validator: Any, tmp_path: Path, text: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text))) == []
    check(tmp_path, text)


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_wrong_is_refused_by_both(validator: Any, tmp_path: Path, text: str, said: str) -> None:
    assert not validator.is_valid(yaml.safe_load(text))
    with pytest.raises(UsageError) as error:
        check(tmp_path, text)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'recipe.yaml'}: 1 fault\n"), str(error.value)


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_the_check_refuses_curate_refuses_too(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    given = {"videos": str(tmp_path / "a.mp4"), "run": str(tmp_path / "run")} | yaml.safe_load(text)
    with pytest.raises(UsageError):
        hoigen.curate(recipe_of(given, "recipe"), quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_measure_of_ones_own_may_give_any_score(validator: Any) -> None:
    for own in ("./mine.py", {"../x/mine.py": {"any": 1}}):
        recipe = {"measures": ["metadata", own], "keep": {"mine": {"min": 1}}}
        assert list(validator.iter_errors(recipe)) == []
        assert not validator.is_valid(recipe | {"keep": {"mine": {"mim": 1}}})
    assert not validator.is_valid({"measures": ["metadata"], "keep": {"mine": {"min": 1}}})


def test_every_key_is_there_with_its_words_and_default() -> None:
    made = hoigen.schema()
    assert list(made["properties"]) == list(KEYS)

    def fits(said: dict[str, Any]) -> None:
        # the schema itself is checked elsewhere: to check all of it again for each default takes minutes
        jsonschema.Draft202012Validator({**said, "$defs": made["$defs"]}).validate(said["default"])

    for name, key in made["properties"].items():
        assert len(key["description"]) > 10, name
        assert "default" in key or name in ("videos", "run")
        if "default" in key:
            fits(key)
    for settings in made["$defs"].values():
        for said in settings["properties"].values():
            if "default" in said:
                fits(said)
