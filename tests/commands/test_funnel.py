"""hoigen funnel: other rules are tried on the scores that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.funnel import WhatIf, what_if
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.rules.cascade import Known, build_steps
from hoigen.rules.decide import Funnel
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
    assert "1 clips dropped by short_side -> pending, such as d" in shown
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
