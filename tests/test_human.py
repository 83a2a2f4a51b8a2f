"""What people say is a rule like any other: `keep: {human: {above: 0.5}}`."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fake_talk
import hoigen
from hoigen.commands.cli import main
from hoigen.commands.funnel import what_if
from hoigen.core.clip import Sampling
from hoigen.core.errors import UsageError
from hoigen.core.score import Number
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.run import Run
from hoigen.pages.gather import gather
from hoigen.rules import cascade, decide
from hoigen.rules.cascade import Known, Recorded
from hoigen.stages.captioned import caption_rows
from render import pan, render, texture
from run_folders import Given, curated, in_this_process, step, write_run

THEN = datetime(2026, 11, 26, 15, 2, tzinfo=UTC)
HALF = {"human": {"above": 0.5}}


def say(run: Run | Path, clip: str, value: str | None, who: str = "ann", question: str = "human", **how: Any) -> None:
    Annotations(run).append([Annotation(clip=clip, question=question, value=value, who=who, tool="test", **how)])


MOTION = Recorded(name="motion", fingerprint="f0", sampling=Sampling(frames=2), numbers=(Number(name="motion"),))


def steps_of(**keep: Any) -> tuple[cascade.Step, ...]:
    return cascade.recorded_steps([MOTION], keep or HALF)


def states(run: Run, steps: Any) -> dict[str, tuple[str, str | None, str | None]]:
    rows = decide.connect(run, steps).execute("select id, state, rule, reason from decided").fetchall()
    return {name: tuple(rest) for name, *rest in rows}


@pytest.fixture
def four(tmp_path: Path) -> Run:
    """Four clips, of which a machine drops one."""
    clips = [Given(name, {"motion": Known("ok", {"motion": float(at)})}) for at, name in enumerate("abcd")]
    return write_run(tmp_path / "run", [step("motion")], [clips[:2], clips[2:]])


def test_each_persons_last_word_counts_and_who_was_not_asked_waits(four: Run) -> None:
    steps = steps_of(human={"above": 0.5}, motion={"min": 1})
    assert [one.name for one in steps] == ["motion", "human"], "people are asked last"
    assert states(four, steps)["b"] == ("pending", None, "nobody has looked at it yet")
    for clip, value, who in [("b", "no", "ann"), ("b", "Yes", "ann"), ("c", "yes", "ann"), ("c", "no", "ben")]:
        say(four, clip, value, who)
    say(four, "d", "yes")
    say(four, "d", None)
    say(four, "a", "yes")
    say(four, "b", "no", question="another")
    found = states(four, steps)
    assert found["a"] == ("dropped", "motion", "motion 0 < min 1")
    assert found["b"][0] == "kept"
    assert found["c"] == ("dropped", "human", "human 0.5 <= above 0.5")
    assert found["d"] == ("pending", None, "nobody has looked at it yet"), "it was taken back"
    assert decide.connect(four, steps).execute("select human from decided order by id").fetchall() == [
        (1.0,), (1.0,), (0.5,), (None,)
    ]  # fmt: skip


def test_sql_says_what_the_walk_says(four: Run) -> None:
    steps = steps_of(human={"min": 1}, motion={"min": 1})
    said = {"b": 1.0, "c": 0.5}
    for clip, values in {"b": ["yes"], "c": ["1", "0"]}.items():
        for at, value in enumerate(values):
            say(four, clip, value, f"person {at}")
    found = states(four, steps)
    for at, name in enumerate("abcd"):
        known = {"motion": Known("ok", {"motion": float(at)})}
        if name in said:
            known["human"] = Known("ok", {"human": said[name]})
        ends = cascade.decide(steps, known)
        assert found[name] == (ends.state, ends.rule, None if ends.state == "kept" else ends.reason)


def test_the_funnel_says_how_old_the_verdicts_are_and_who_is_asked_next(four: Run) -> None:
    steps = steps_of()
    assert "nobody has said anything yet" in str(decide.funnel(decide.connect(four, steps), steps))
    say(four, "a", "yes", when=datetime.now(UTC) - timedelta(days=3, hours=2))
    say(four, "b", "no", when=THEN - timedelta(days=99))
    funnel = decide.funnel(decide.connect(four, steps), steps)
    assert funnel.counts == {"kept": 1, "dropped": 1, "failed": 0, "pending": 2}
    assert [(stage.name, stage.came, stage.dropped) for stage in funnel.stages] == [("human", 2, 1)]
    said = str(funnel)
    assert "2 clips wait for what people say" in said
    assert "hoigen curate again" not in said
    assert "human: 2 clips have a verdict, the last of " in said
    assert "(3 days ago)" in said


def test_the_funnel_says_that_people_are_waited_for(four: Run) -> None:
    found = what_if(four, [one for one in steps_of() if one.name != "human"], steps_of())
    assert "once people have looked at them (docs/annotations.md)" in str(found)
    assert "hoigen curate" not in str(found)


def test_an_answer_that_is_no_answer_is_named(four: Run) -> None:
    say(four, "b", "maybe", "zoe")
    with pytest.raises(UsageError, match=r"clip b, question human, zoe: yes or no, or a number; it came as 'maybe'"):
        decide.connect(four, steps_of())
    say(four, "b", "0.25", "zoe")
    assert states(four, steps_of(human={"below": 0.3}))["b"][0] == "kept"


def test_files_that_become_one_change_nothing(four: Run) -> None:
    steps = steps_of()
    for at in range(3):
        say(four, "a", "no", f"p{at}")
    say(four, "a", "yes", "p1")
    before = states(four, steps)
    Annotations(four).compact()
    assert states(four, steps) == before
    assert before["a"][2] == "human 0.333333 <= above 0.5"
    wrong = Path(four.annotations.uri) / "x.parquet"
    wrong.write_bytes((Path(four.path) / "clips" / "00000.parquet").read_bytes())
    with pytest.raises(UsageError, match=r"annotations.*columns clip, question"):
        decide.connect(four, steps)


def test_no_measure_may_be_called_human() -> None:
    with pytest.raises(UsageError, match="human"):
        cascade.with_rules([step("human")], {})
    with pytest.raises(UsageError, match=r"keep\.human"):
        steps_of(human={"abve": 1})
    assert [one.name for one in steps_of(human={"above": None})] == ["motion"], "every bound unset is no rule"


# a run of real files, by the commands


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short videos, five of which a machine keeps; of three people have said something."""
    folder = tmp_path_factory.mktemp("human")
    for at in range(6):
        frames = 24 if at == 5 else 36
        render(folder / f"v{at}.mp4", pan(texture(at, (200, 120)), frames, (1, 0), (128, 72)), fps=24)
    run = folder / "run"
    curated(videos=str(folder / "*.mp4"), run=run, keep={"duration": {"min": 1.2}}, report=False)
    return run


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "run"
    shutil.copytree(begun, copy)
    return copy


def ids(run: Path) -> list[str]:
    con = decide.connect(Run(run), ())
    return [row[0] for row in con.execute("select id from decided order by uri").fetchall()]


def with_human(run: Path, *sets: str) -> None:
    asked = [part for text in (*sets, "keep.human.above=0.5") for part in ("--set", text)]
    with in_this_process():
        assert main(["curate", str(run / "run.yaml"), "--run", str(run), "--quiet", *asked]) == 0


def test_a_run_takes_the_rule_and_measures_nothing_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ids(run)
    score = next((run / "scores").rglob("*.parquet"))
    before = score.stat().st_mtime_ns, score.stat().st_ino
    say(run, names[0], "yes", note="unanimous", when=THEN)
    say(run, names[1], "no")
    what_if = hoigen.funnel(run, set=["keep.human.above=0.5"])
    assert (what_if.before.counts["kept"], what_if.after.counts["kept"]) == (5, 1)
    with_human(run)
    assert (score.stat().st_mtime_ns, score.stat().st_ino) == before
    assert not (run / "scores" / "human").exists(), "nothing of it is copied"
    found = hoigen.funnel(run)
    assert found.counts == {"kept": 1, "dropped": 2, "failed": 0, "pending": 3}
    capsys.readouterr()
    assert main(["table", str(run), "--format", "jsonl"]) == 0
    rows = {row["id"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [rows[name]["state"] for name in names] == ["kept", "dropped", "pending", "pending", "pending", "dropped"]
    assert [rows[name]["human"] for name in names[:3]] == [1.0, 0.0, None]
    assert rows[names[5]]["rule"] == "duration", "a machine's rule comes first"
    shown = str(hoigen.show(run, names[0]))
    assert "said: human yes, ann, 2026-11-26 15:02 UTC (unanimous)" in shown
    facts = gather(Run(run))
    assert (facts.kept, facts.dropped, facts.pending, facts.asked) == (1, 2, 3, 3)
    assert [stage.key for stage in facts.stages] == ["metadata", "duration", "human"][-len(facts.stages) :]
    page = hoigen.report(run).read_text()
    assert "3 clips for people to look at" in page
    assert "human: 2 clips have a verdict, the last of" in page
    found = hoigen.suggest(run, labels=run, labels_question="human", measure=["duration"])
    assert "2 labelled clips, 1 yes and 1 no" in str(found)
    assert hoigen.cut(run, quiet=True).cut == 1


def test_with_every_end_totals_stay_what_was_asked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ids(run)
    for clip, value in zip(names, ("yes", "no", "yes"), strict=False):
        say(run, clip, value)
    with_human(run)
    found = hoigen.funnel(run)
    assert sum(found.counts.values()) == found.clips == 6
    facts = gather(Run(run))
    assert facts.kept + facts.dropped + facts.failed + facts.pending == facts.clips == 6
    for state, count in found.counts.items():
        capsys.readouterr()
        main(["table", str(run), "--state", state, "--format", "jsonl"])
        assert len(capsys.readouterr().out.splitlines()) == count


def captioned(run: Path) -> set[str]:
    """Clips that have a caption after one more `hoigen caption`."""
    fake_talk.write(run.parent)
    spec = json.dumps(fake_talk.spec(run.parent)["captioner"])
    assert not hoigen.caption(run, set=[f"captioner={spec}"], workers=1, report=False, quiet=True).failed
    return {row["id"] for row in caption_rows(Run(run))}


def test_people_first_and_captions_after(run: Path) -> None:
    """The paper's order: words are made for what people kept, and for nothing else."""
    names = ids(run)
    say(run, names[0], "yes")
    say(run, names[1], "no")
    with_human(run)
    assert captioned(run) == {names[0]}
    say(run, names[2], "yes")
    assert captioned(run) == {names[0], names[2]}, "what is verified later is captioned by the same command"


def test_captions_first_and_people_after(run: Path) -> None:
    names = ids(run)
    assert captioned(run) == set(names[:5])
    say(run, names[0], "yes")
    say(run, names[1], "no")
    with_human(run)
    row = hoigen.show(run, names[0])
    assert row.row["state"] == "kept"
    assert row.caption is not None
    spec = json.dumps(fake_talk.spec(run.parent)["captioner"])
    result = hoigen.caption(run, set=[f"captioner={spec}"], workers=1, report=False, quiet=True)
    assert result.kept == 1
    assert sum(result.paths.values()) == 1, "those of clips that people dropped do not count"
    assert "hoigen funnel" in str(result), "three wait for people"
