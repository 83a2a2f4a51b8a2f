"""Rules about a clip among others: last in the funnel, decided anew with the other rules, out again without a trace."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hoigen.commands.funnel import what_if
from hoigen.core.errors import UsageError
from hoigen.core.score import Rule
from hoigen.data.run import Run
from hoigen.rules import decide, sets
from hoigen.rules.cascade import Known, Step
from hoigen.stages.kept import kept_counts
from run_folders import Given, step, write_run

STEPS = [step("motion", motion=Rule(min=1.0))]


def rule(*groups: tuple[str, int, list[str]], words: str = "{count} alike, {first} stays") -> list[dict[str, object]]:
    return [
        {"id": name, "grp": group, "place": place, "quota": quota, "words": words}
        for group, quota, names in groups
        for place, name in enumerate(names)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def given(name: str, motion: float) -> Given:
        return Given(name, {"motion": Known("ok", {"motion": motion})})

    first = [given("a", 3), given("b", 2), given("c", 0.5), Given("d")]
    second = [given("e", 4), given("f", 5), given("f", 5), Given("g", state="failed", reason="broken")]
    return write_run(tmp_path, STEPS, [first, second])


def ends(run: Run, steps: list[Step] = STEPS) -> dict[str, tuple[str, str | None, str | None]]:
    rows = decide.connect(run, steps).execute("select id, state, rule, reason from decided").fetchall()
    return {name: (state, by, why) for name, state, by, why in rows}


def test_the_first_of_a_group_that_other_rules_keep_stays(run: Run) -> None:
    sets.write(run, "near_duplicates", rule(("c", 1, ["c", "a", "b"]), ("e", 1, ["e", "f"])), {"came": 5})
    found = ends(run)
    assert found["c"] == ("dropped", "motion", "motion 0.5 < min 1"), "what another rule drops does not stay"
    assert found["a"] == ("kept", None, None)
    assert found["b"] == ("dropped", "near_duplicates", "near_duplicates: 2 alike, a stays")
    assert found["f"] == ("dropped", "near_duplicates", "near_duplicates: 2 alike, e stays")
    assert found["d"][0] == "pending"
    assert found["g"] == ("failed", None, "broken")
    assert kept_counts(run, STEPS) == {0: 1, 1: 1}


def test_other_thresholds_let_the_next_one_in(run: Run) -> None:
    sets.write(run, "near_duplicates", rule(("a", 1, ["a", "b"])), {"came": 5})
    changed = [step("motion", motion=Rule(min=1.0, max=2.5))]
    assert ends(run, changed)["b"] == ("kept", None, None)
    moves = what_if(run, STEPS, changed).moves
    assert {(move.before, move.after, move.clips) for move in moves} >= {
        (("dropped", "near_duplicates"), ("kept", None), 1),
        (("kept", None), ("dropped", "motion"), 4),
    }


def test_a_stretch_that_is_listed_twice_is_one_clip_of_its_group(run: Run) -> None:
    sets.write(run, "balance", rule(("x", 2, ["f", "e", "a"])), {"came": 5})
    con = decide.connect(run, STEPS)
    rows = con.execute("select id, state from decided where id in ('a', 'e', 'f')").fetchall()
    assert sorted(rows) == [("a", "dropped"), ("e", "kept"), ("f", "kept"), ("f", "kept")]


def test_they_come_last_one_after_the_other_and_the_funnel_adds_up(run: Run) -> None:
    sets.write(run, "near_duplicates", rule(("a", 1, ["a", "b"])), {"came": 5})
    sets.write(run, "balance", rule(("x", 1, ["b", "a", "e"])), {"came": 4})
    found = decide.funnel(decide.connect(run, STEPS), STEPS)
    assert [(stage.name, stage.came, stage.dropped) for stage in found.stages][-2:] == [
        ("near_duplicates", 5, 1),
        ("balance", 4, 1),
    ]
    assert found.counts == {"kept": 3, "dropped": 3, "failed": 1, "pending": 1}
    assert ends(run)["e"][1] == "balance", "b was gone, so a is the first that comes"
    assert not found.told


def test_clips_that_came_since_are_told(run: Run) -> None:
    sets.write(run, "near_duplicates", rule(("a", 1, ["a", "b"])), {"came": 3})
    [told] = decide.funnel(decide.connect(run, STEPS), STEPS, run=run.path).told
    assert told.startswith("near_duplicates was made when 3 clips came to it, now 5 do: hoigen duplicates ")


def test_without_the_file_the_rule_is_gone(run: Run) -> None:
    before = ends(run)
    sets.write(run, "balance", rule(("x", 0, ["a", "b", "e", "f"])), {"came": 5})
    assert {end[0] for end in ends(run).values()} == {"dropped", "failed", "pending"}
    assert sets.remove(run, "balance")
    assert ends(run) == before
    assert not sets.remove(run, "balance")


def test_a_file_that_is_no_rule_is_named(run: Run) -> None:
    path = sets.path_of(run, "balance")
    path.parent.mkdir()
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(UsageError, match=r"balance\.parquet is no rule of hoigen's"):
        decide.connect(run, STEPS)
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"balance\.parquet is no rule of hoigen's"):
        decide.connect(run, STEPS)
