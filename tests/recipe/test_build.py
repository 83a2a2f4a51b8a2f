"""What a value of a recipe becomes, and what is said of one that does not fit."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

import hoigen
from hoigen import Recipe, Setting
from hoigen.core.clip import Sampling
from hoigen.core.errors import UsageError
from hoigen.core.registry import Kind, find, names_of
from hoigen.core.settings import check_fields, keys_of
from hoigen.recipe.build import build, cluster_of, recipe_of
from hoigen.recipe.recipe import KEYS
from hoigen.video.shots import detectors
from hoigen.work.task import Cluster


@dataclass(frozen=True, kw_only=True)
class Settings:
    size: int = 3
    ratio: float = 0.5
    kind: Literal["a", "b"] = "a"
    bound: float | None = None
    sampling: Sampling = Sampling(fps=2, short_side=320)
    names: tuple[str, ...] = ()


def test_build_keeps_what_a_nested_mapping_leaves_out() -> None:
    made = build(Settings, {"sampling": {"fps": 4}, "ratio": 1}, "x")
    assert made.sampling == Sampling(fps=4, short_side=320)
    assert made.ratio == 1.0
    assert isinstance(made.ratio, float)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sise": 1}, "x: unknown key 'sise'; did you mean 'size'"),
        ({"size": "big"}, "x.size: a whole number; it came as 'big'"),
        ({"size": True}, "x.size: a whole number; it came as True"),
        ({"size": 1.5}, "x.size: a whole number; it came as 1.5"),
        ({"kind": "c"}, "x.kind: one of a, b; it came as 'c'"),
        ({"bound": "no"}, "x.bound: a number; it came as 'no'"),
        ({"ratio": float("nan")}, "x.ratio: a number; it came as nan"),
        ({"sampling": {"fbs": 1}}, "x.sampling: unknown key 'fbs'; did you mean 'fps'"),
        ({"names": "one"}, "x.names: a list; it came as 'one'"),
        ([1], "x: takes settings as key: value; it came as [1]"),
    ],
)
def test_build_names_the_key(settings: object, said: str) -> None:
    with pytest.raises(UsageError) as error:
        build(Settings, settings, "x")
    assert said in str(error.value)


@dataclass(frozen=True, kw_only=True)
class Bounded:
    batch: Annotated[int, Setting("frames at once", least=1)] = 8
    share: Annotated[float, Setting("of the clips", least=0, most=1)] = 0.5
    length: Annotated[float | None, Setting("of a shot", above=0, unit="seconds")] = None

    def __post_init__(self) -> None:
        check_fields(self)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch": 0}, "x: batch: 1 or more; it came as 0"),
        ({"share": 1.5}, "x: share: 0 to 1; it came as 1.5"),
        ({"length": 0}, "x: length: more than 0 seconds; it came as 0.0"),
    ],
)
def test_bounds_that_a_field_declares_are_kept(settings: object, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}$"):
        build(Bounded, settings, "x")
    assert build(Bounded, {"length": None, "share": 1}, "x") == Bounded(share=1.0)


def test_curate_has_the_keys_of_a_recipe_with_their_defaults() -> None:
    """It repeats them only so that editors and readers see them; nothing is learnt from its signature."""
    arguments = inspect.signature(hoigen.curate).parameters
    own = {"beside", "quiet", "trust"}
    assert [name for name in arguments if name not in own] == [field.name for field in fields(Recipe)] == list(KEYS)
    for name, key in KEYS.items():
        assert key.help, name
        if not key.required:
            assert arguments[name].default == key.default, name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": 0}, "workers: 1 or more; it came as 0"),
        ({"min_length": float("nan")}, "min_length: 0 or more; it came as nan"),
        ({"duplicates": "merge"}, "duplicates: drop or keep; it came as 'merge'"),
        ({"run": " "}, "run: a folder; it came as an empty text"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_where_it_is_made(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recipe(**{"videos": "v", "run": "r"} | given)


def test_a_recipe_of_a_file_names_the_file_and_the_key() -> None:
    assert recipe_of({"videos": Path("v"), "run": "r", "deadline": 30}, "a.yaml").deadline == 30.0
    with pytest.raises(UsageError, match=r"a\.yaml: unknown key 'measure'; did you mean 'measures'\?"):
        recipe_of({"measure": []}, "a.yaml")
    with pytest.raises(UsageError, match=r"a\.yaml: run must be given, in the recipe or as --run"):
        recipe_of({"videos": "v"}, "a.yaml")
    with pytest.raises(UsageError, match=r"a\.yaml: workers: a whole number; it came as 'many'"):
        recipe_of({"videos": "v", "run": "r", "workers": "many"}, "a.yaml")


def test_curate_takes_a_recipe_alone(tmp_path: Path, tiny_video: Path) -> None:
    recipe = Recipe(videos=tiny_video, run=tmp_path / "run", measures=["metadata"], shots="none", report=False)
    with pytest.raises(UsageError, match="run, workers came beside it"):
        hoigen.curate(recipe, tmp_path / "other", workers=2)
    assert not (tmp_path / "run").exists()
    assert hoigen.curate(recipe, quiet=True).clips == 1


def plugins() -> list[tuple[str, type[Any]]]:
    kinds: tuple[Kind, ...] = ("measure", "expert", "captioner", "observer")
    found = [(f"{kind} {name}", find(kind, name)) for kind in kinds for name in names_of(kind)]
    return [*found, *((f"shots {name}", cls) for name, cls in detectors())]


@pytest.mark.parametrize(("name", "cls"), plugins())
def test_every_setting_has_its_help(name: str, cls: type[Any]) -> None:
    bare = {key.name for key in keys_of(cls) if not key.help}
    assert bare <= {"sampling"}, "the settings of a sampling have help of their own"
    assert not any(key.help.endswith(".") for key in keys_of(cls))


def test_what_a_recipe_says_of_it() -> None:
    assert cluster_of("local") is None
    assert cluster_of("ray") == Cluster()
    assert cluster_of({"ray": {"address": "auto", "cpus": 2, "gpus": 0.5}}) == Cluster(address="auto", cpus=2, gpus=0.5)
    for given, said in (
        ("rai", "executor: local, ray, or ray with its settings; it came as 'rai'"),
        ({"local": {"cpus": 1}}, "executor: local, ray"),
        ({"ray": {"cpu": 1}}, "unknown key 'cpu'; did you mean 'cpus'"),
        ({"ray": {"cpus": 0}}, "cpus: more than 0"),
        ({"ray": {"gpus": -1}}, "gpus: 0 or more"),
    ):
        with pytest.raises(UsageError, match=said):
            cluster_of(given)
