"""hoigen funnel: other rules are tried on the scores that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.funnel import WhatIf, what_if
from hoigen.core.errors import UsageError
from hoigen.core.registry import measure_names
from hoigen.data.run import Run
from hoigen.recipe.yaml import recipe_path
from hoigen.rules.cascade import Known, build_steps
from hoigen.rules.decide import Funnel
from hoigen.rules.retention import Retention, SideBySide
from run_folders import Given, write_recipe, write_run

RECIPE = {"measures": ["metadata", "motion"], "keep": {"short_side": {"min": 720}, "motion": {"max": 1.0}}}
META = {"duration": 5.0, "fps": 25.0}


def clip(name: str, side: float, motion: float | None) -> Given:
    known = {"metadata": Known("ok", META | {"short_side": side})}
    if motion is not None:
        known["motion"] = Known("ok", {"motion": motion})
    return Given(name, known)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    steps = build_steps(RECIPE["measures"], RECIPE["keep"])
    clips = [clip("a", 1080, 0.5), clip("b", 720, 1.5), clip("c", 720, 3), clip("d", 480, None), clip("e", 360, None)]
    run = write_run(tmp_path / "run", steps, [clips[:2], clips[2:]])
    write_recipe(run, RECIPE)
    return run


def moves(run: Run, *sets: str) -> dict[tuple[object, object], tuple[int, tuple[str, ...]]]:
    found = hoigen.funnel(run.path, set=list(sets))
    assert isinstance(found, WhatIf)
    return {(move.before, move.after): (move.clips, move.examples) for move in found.moves}


def test_the_funnel_of_a_run(run: Run) -> None:
    found = hoigen.funnel(run.path)
    assert isinstance(found, Funnel)
    lines = [(s.name, s.came, s.dropped, s.left) for s in found.stages]
    assert lines == [("short_side", 5, 2, 3), ("motion", 3, 2, 1)]


def test_a_looser_rule_adds(run: Run) -> None:
    assert moves(run, "keep.motion.max=2") == {(("dropped", "motion"), ("kept", None)): (1, ("b",))}


def test_a_tighter_rule_drops(run: Run) -> None:
    assert moves(run, "keep.short_side.min=1080") == {
        (("dropped", "motion"), ("dropped", "short_side")): (2, ("b", "c")),
    }
    assert moves(run, "keep.motion.max=0.1") == {(("kept", None), ("dropped", "motion")): (1, ("a",))}


def test_clips_that_nobody_has_scored_yet_are_said_to_wait(run: Run) -> None:
    assert moves(run, "keep.short_side.min=480") == {(("dropped", "short_side"), ("pending", None)): (1, ("d",))}
    shown = str(hoigen.funnel(run.path, set=["keep.short_side.min=480"]))
    assert "kept now 1, then 1 (+0 -0), and up to 1 more once hoigen curate has scored them" in shown
    assert "1 clip dropped by short_side -> pending, such as d" in shown
    assert "(1 for motion)" in shown


def test_no_rule_and_no_change(run: Run) -> None:
    assert moves(run, "keep.motion.max=null") == {(("dropped", "motion"), ("kept", None)): (2, ("b", "c"))}
    assert "no clip would change" in str(hoigen.funnel(run.path, set=["keep.motion.max=1.0"]))


def test_other_settings_of_a_measure_need_new_scores(run: Run) -> None:
    found = moves(run, "measures.motion.sampling.fps=1")
    assert found[("kept", None), ("pending", None)] == (1, ("a",))
    assert sum(count for count, _ in found.values()) == 3
    shown = str(hoigen.funnel(run.path, set=["measures.motion.sampling.fps=1"]))
    assert "kept now 1, then 0 (+0 -0, and 1 that are not decided then), and up to 3 more" in shown


def test_before_plus_moves_is_after(run: Run) -> None:
    steps = build_steps(RECIPE["measures"], RECIPE["keep"])
    changed = build_steps(RECIPE["measures"], {"short_side": {"min": 400}, "motion": {"max": 2, "min": 1}})
    found = what_if(run, steps, changed)
    for state, count in found.before.counts.items():
        out = sum(m.clips for m in found.moves if m.before[0] == state)
        into = sum(m.clips for m in found.moves if m.after[0] == state)
        assert count - out + into == found.after.counts[state]
    assert (found.added, found.lost, found.unsettled) == (1, 1, 1)


def test_it_opens_no_video_and_computes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The videos of this run do not exist at all."""
    before = sorted(path for path in run.path.rglob("*"))
    assert main(["funnel", str(run.path), "--set", "keep.motion.max=2"]) == 0
    assert "kept now 1, then 2 (+1 -0)" in capsys.readouterr().out
    assert sorted(path for path in run.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("keep.motoin.max=2", "did you mean 'motion'"),
        ("keep.motion", "takes key=value"),
        ("kep.motion.max=2", "keep, measures, score_all"),
        ("shots=adaptive", "another --run"),
    ],
)
def test_a_change_that_cannot_be_is_refused(run: Run, change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        hoigen.funnel(run.path, set=[change])


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run"):
        hoigen.funnel(tmp_path)


def laid(run: Run, folder: Path, **recipes: str) -> dict[str, Retention]:
    """Recipes laid over the run, by name; "run" is the run's own."""
    files = []
    for name, content in recipes.items():
        (folder / f"{name}.yaml").write_text(content)
        files.append(str(folder / f"{name}.yaml"))
    found = hoigen.funnel(run.path, recipe=files)
    assert isinstance(found, SideBySide)
    own, *others = found.recipes
    return {"run": own} | {each.name: each for each in others}


def ends(found: Retention) -> tuple[int, int, int, int]:
    return found.dropped, found.failed, found.open, found.passed


def test_other_recipes_are_laid_over_the_run_and_what_lacks_a_number_is_open(run: Run, tmp_path: Path) -> None:
    strict = "measures: [metadata, motion]\nkeep:\n  motion: {max: 1}\n  short_side: {min: 480}\n"
    found = laid(run, tmp_path, strict=strict)
    assert ends(found["run"]) == (4, 0, 0, 1)
    assert found["run"].kept == "20.0%"
    assert ends(found["strict"]) == (3, 0, 1, 1), "d has no motion yet; e is too small, whatever it would have"
    assert found["strict"].kept == "20.0% to 40.0%"
    assert [(rule.score, rule.seen, rule.broken) for rule in found["strict"].rules] == [
        ("short_side", 5, 1), ("motion", 3, 2),
    ]  # fmt: skip


def test_a_rule_without_its_number_is_told_and_keeps_nothing(run: Run, tmp_path: Path) -> None:
    lacking = (
        "measures: [metadata, technical_quality]\nkeep:\n  short_side: {min: 720}\n  technical_quality: {min: 0.5}\n"
        "  # vtss: {above: 2.5}   # not measured: a network\n  # motion: {max: 1}\n"
    )
    found = laid(run, tmp_path, lacking=lacking)["lacking"]
    assert ends(found) == (2, 0, 0, 3)
    assert found.kept == "at most 60.0%"
    assert [rule.score for rule in found.lacking] == ["technical_quality", "vtss"]
    shown = str(hoigen.funnel(run.path, recipe=[str(tmp_path / "lacking.yaml")]))
    assert "1 of 3   at most 60.0%" in shown
    assert "not measured here: this run has no technical_quality" in shown
    assert "vtss {above: 2.5}" in shown


def test_a_number_that_no_clip_came_to_decides_nothing(tmp_path: Path) -> None:
    steps = build_steps(RECIPE["measures"], RECIPE["keep"])
    run = write_run(tmp_path / "run", steps, [[clip("a", 360, None)]])
    write_recipe(run, RECIPE)
    found = laid(run, tmp_path, loose="measures: [metadata, motion]\nkeep: {motion: {max: 9}, short_side: {min: 9}}")
    assert (found["loose"].kept, found["loose"].open) == ("at most 100.0%", 1)


def test_other_settings_are_told_and_a_failed_measure_fails(tmp_path: Path) -> None:
    steps = build_steps(RECIPE["measures"], RECIPE["keep"])
    failed = Given("f", {"metadata": Known("ok", META | {"short_side": 720}), "motion": Known("failed", reason="torn")})
    none = Given("n", {"metadata": Known("ok", META | {"short_side": 720}), "motion": Known("ok", {"motion": None})})
    gone = Given("g", state="dropped", rule="duplicate")
    run = write_run(tmp_path / "run", steps, [[clip("a", 720, 0.5), failed, none, gone]])
    write_recipe(run, RECIPE)
    found = laid(run, tmp_path, slow="measures: [metadata, {motion: {slow: 2}}]\nkeep: {motion: {max: 1}}")["slow"]
    assert ends(found) == (2, 1, 0, 1), "one frame has no motion, and a duplicate is none of the recipe's"
    [rule] = found.rules
    assert (rule.differs, rule.seen) == (True, 2)
    assert "other settings" in str(rule)


@pytest.mark.parametrize("name", ["wan", "ultravideo", "koala", "movie_gen"])
def test_recipes_of_the_field_say_which_of_their_rules_have_no_number(run: Run, name: str) -> None:
    found = hoigen.funnel(run.path, recipe=[name])
    assert isinstance(found, SideBySide)
    recipe = found.recipes[1]
    assert recipe.kept.startswith("at most"), "none of them is whole"
    text = (recipe_path(name)).read_text()
    commented = {rule.score for rule in recipe.rules if rule.lacks.startswith("no number in this recipe")}
    assert len(commented) == text.count("# not measured: "), "each such line is one that is read"
    assert not commented & {each for step in build_steps(measure_names(), {}) for each in step.emits}


def test_recipes_and_changes_are_not_tried_together(run: Run) -> None:
    with pytest.raises(UsageError, match="give one of the two"):
        hoigen.funnel(run.path, recipe=["lite"], set=["keep.motion.max=2"])
    with pytest.raises(UsageError, match="no such recipe: koalla; did you mean 'koala'"):
        hoigen.funnel(run.path, recipe=["koalla"])


def test_a_recipe_with_a_key_that_is_none_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("measure: [motion]\n")
    with pytest.raises(UsageError, match=r"own\.yaml: unknown key 'measure'; did you mean 'measures'"):
        hoigen.funnel(run.path, recipe=[str(tmp_path / "own.yaml")])
