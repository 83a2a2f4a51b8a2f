from __future__ import annotations

import json
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path


def test_sets_reach_every_key() -> None:
    recipe = {"shots": "adaptive", "measures": ["metadata", {"motion": {"sampling": {"fps": 2}}}], "keep": {}}
    changed = apply_sets(
        recipe,
        [
            "shots=none",
            "score_all=true",
            "keep.short_side.min=300",
            "measures.motion.sampling.fps=4",
            "measures.metadata.x=1",
        ],
    )
    assert changed == {
        "shots": "none",
        "score_all": True,
        "keep": {"short_side": {"min": 300}},
        "measures": [{"metadata": {"x": 1}}, {"motion": {"sampling": {"fps": 4}}}],
    }
    assert recipe["measures"][1] == {"motion": {"sampling": {"fps": 2}}}, "the given recipe is left as it was"


def test_set_of_a_detectors_setting_turns_its_name_into_a_mapping() -> None:
    assert apply_sets({"shots": "adaptive"}, ["shots.adaptive.threshold=2"]) == {
        "shots": {"adaptive": {"threshold": 2}}
    }


@pytest.mark.parametrize("text", ["keep.motion.max", "=3", "a..b=1", "measures.motoin.fps=2"])
def test_bad_sets_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        apply_sets({"measures": ["motion"]}, [text])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "line 2 is not valid YAML: key 'a' is given twice"),
        ("a: [1\n", "is not valid YAML"),
        ("- a\n", "a recipe is a mapping of keys; it came as list"),
        ("a: 1\n? [x, y]\n: 2\n", "not valid YAML"),
    ],
)
def test_bad_yaml_names_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        load_recipe(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_missing_recipe_names_those_at_hand() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'lite'\?"):
        recipe_path("lit")


def test_setting_another_captioner_or_expert_takes_the_place_of_the_one_there() -> None:
    recipe: dict[str, object] = {"captioner": "grounded"}
    url, model = "captioner.single.expert.chat_server.url=http://a", "captioner.single.expert.chat_server.model=m"
    made = apply_sets(recipe, [url, model])
    assert made == {"captioner": {"single": {"expert": {"chat_server": {"url": "http://a", "model": "m"}}}}}
    other = apply_sets(made, ["captioner.single.expert.local_vlm.model=x"])
    assert other == {"captioner": {"single": {"expert": {"local_vlm": {"model": "x"}}}}}


def test_files_of_ones_own_are_found_beside_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("parrot.py", "my.md", "boom.py"):
        (tmp_path / "sub" / name).write_text("x")
    recipe = {
        "measures": [
            "./boom.py",
            {"hoi_judgement": {"describer": {"./parrot.py": {"words": 5}}, "judge_prompt": "my.md"}},
        ],
        "caption": {"captioner": {"single": {"expert": "./parrot.py", "describe": "gone.md"}}},
    }
    (tmp_path / "sub" / "r.yaml").write_text(json.dumps(recipe))
    monkeypatch.chdir(tmp_path)
    found = load_recipe(Path("sub/r.yaml"))
    own = str(tmp_path / "sub" / "parrot.py")
    assert found["measures"][0] == "./boom.py", "measures are found beside the recipe later"
    judgement = found["measures"][1]["hoi_judgement"]
    assert judgement == {"describer": {own: {"words": 5}}, "judge_prompt": str(tmp_path / "sub" / "my.md")}
    assert found["caption"]["captioner"]["single"] == {"expert": own, "describe": "gone.md"}


def test_setting_another_executor_takes_the_place_of_the_one_there() -> None:
    """As run.yaml has it, where each key stands."""
    assert apply_sets({"executor": "local"}, ["executor.ray.address=auto", "executor.ray.cpus=2"]) == {
        "executor": {"ray": {"address": "auto", "cpus": 2}}
    }
