from __future__ import annotations

import re
from pathlib import Path

import yaml

import hoigen
from hoigen.core.registry import measures, plugins
from hoigen.core.settings import plain
from hoigen.recipe.build import build, recipe_of
from hoigen.recipe.recipe import KEYS
from hoigen.recipe.yaml import load_recipe
from hoigen.rules.cascade import build_steps
from hoigen.video.shots import detectors


def test_loaded_as_it_is_it_holds_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(hoigen.template())
    loaded = load_recipe(tmp_path / "t.yaml")
    assert list(loaded) == [key.name for key in KEYS.values() if not key.required]
    recipe = recipe_of(loaded | {"videos": "v", "run": "r"}, "template")
    for key in KEYS.values():
        assert key.required or plain(getattr(recipe, key.name)) == plain(key.default), key.name


def test_every_key_is_explained_and_lines_are_short_enough_to_read() -> None:
    text = hoigen.template()
    for key in KEYS.values():
        assert key.help
        assert re.search(rf"^# .+\n(# )?{key.name}:", text, re.M), key.name
    assert all(len(line) <= 120 for line in text.splitlines() if " # " not in line[2:])


def test_its_measures_are_the_defaults_once_the_hash_is_taken_away() -> None:
    part = hoigen.template().partition("measures: []\n")[2].partition("# Who may look")[0]
    lines = [line.removeprefix("# ") for line in part.splitlines()[1:] if "./my_measure.py" not in line]
    written_ones = yaml.safe_load("measures:\n" + "\n".join(lines))["measures"]
    assert [next(iter(spec)) for spec in written_ones] == [name for name, _ in measures()]
    for spec in written_ones:
        name = next(iter(spec))
        [written], [plain] = build_steps([spec], {}), build_steps([name], {})
        assert written.fingerprint == plain.fingerprint, name


def test_its_observers_are_the_defaults_and_go_where_they_say() -> None:
    part = hoigen.template().partition("# Who may look")[2].partition("\n\n")[0]
    blocks = re.split(r"^observer:\n", re.sub(r"^#   (# .*\n)?", "", part, flags=re.M), flags=re.M)[1:]
    written = [yaml.safe_load("\n".join(block.splitlines())) for block in blocks]
    assert [next(iter(spec)) for spec in written] == [name for name, _ in plugins("observer")]
    for spec in written:
        [name] = spec
        if name not in ("recorded", "ada_cm"):  # whose files have no default
            measure = "fine_hoi" if name in ("models", "sam3") else "coarse_hoi"  # who give no pairs
            [step], [plain_step] = (build_steps([{measure: {"observer": each}}], {}) for each in (spec, name))
            assert step.fingerprint == plain_step.fingerprint, name


def test_its_detectors_are_the_defaults_too() -> None:
    text = hoigen.template()
    for name, cls in detectors():
        part = text.partition(f"#   {name}:")[2].partition("\n")[2].partition("\n\n")[0]
        part = part.partition("\n# shots:")[0]
        lines = [line.removeprefix("#") for line in part.splitlines() if line.startswith("#     ")]
        assert build(cls, yaml.safe_load("\n".join(lines)), name) == cls()
