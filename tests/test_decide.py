"""Decisions in SQL are those of the walk in Python, and nothing is ever lost or counted twice."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hoigen.core.score import Rule
from hoigen.data.columns import SCORE_COLUMNS
from hoigen.rules import cascade, decide, joined
from hoigen.rules.cascade import TAKEN, Known, Step
from run_folders import Given, step, write_run

EDGES = (0.0, -0.0, 0.1, 0.30000000000000004, 0.3, 1 / 3, 720.0, 719.9999999999999, 5e-324, 1e300, -1e-7, 123456.5)
numbers = st.sampled_from(EDGES) | st.floats(allow_nan=False, allow_infinity=False)
limits = st.none() | numbers | st.integers(-3, 3)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    bounds = {name: draw(limits) for name in ("min", "max", "above", "below")}
    if all(bound is None for bound in bounds.values()):
        bounds["min"] = draw(numbers)
    try:
        return Rule(**bounds)
    except ValueError:  # they leave nothing to keep
        return Rule(**{name: bounds[name] for name in bounds if bounds[name] is not None and name in ("min", "above")})


@st.composite
def steps_and_clips(draw: st.DrawFn) -> tuple[list[Step], list[list[Given]]]:
    emits = draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    steps = []
    for at, count in enumerate(emits):
        names = [f"m{at}", *(f"m{at}_part_{n}" for n in range(1, count))]
        ruled = draw(st.lists(st.sampled_from(names), unique=True))
        steps.append(step(names[0], *names, **{name: draw(rules()) for name in ruled}))
    bounds = [b for s in steps for r in s.rules.values() for b in (r.min, r.max, r.above, r.below) if b is not None]
    value = st.none() | numbers | (st.sampled_from([float(b) for b in bounds]) if bounds else numbers)
    shards = []
    for shard in range(draw(st.integers(1, 2))):
        size = draw(st.integers(0, 6))
        shards.append([Given(f"{shard}-{n}", *_drawn(draw, steps, value)) for n in range(size)])
    return steps, shards


def _drawn(draw: st.DrawFn, steps: list[Step], value: st.SearchStrategy[float | None]) -> tuple[dict[str, Known], str]:
    known = {}
    for one in steps:
        kind = draw(st.sampled_from(["ok", "ok", "ok", "failed", "absent"]))
        if kind == "failed":
            known[one.name] = Known("failed", {}, draw(st.sampled_from(["", "it's broken", "100 %s"])))
        elif kind == "ok":
            known[one.name] = Known(
                "ok", {name: draw(value) for name in one.emits}, draw(st.sampled_from(["", "dark"]))
            )
    return known, draw(st.sampled_from(["ok", "ok", "ok", "dropped", "failed"]))


def expected(clip: Given, steps: list[Step]) -> tuple[str, str | None, str | None]:
    if clip.state != "ok":
        return clip.state, clip.rule, clip.reason
    found = cascade.decide(steps, clip.known)
    return found.state, found.rule, found.reason


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps_and_clips())
@example(([step("m", m=Rule(min=0.30000000000000004))], [[Given("a", {"m": Known("ok", {"m": 0.3})})]]))
@example(([step("m", m=Rule(max=float("inf")))], [[Given("a", {"m": Known("ok", {"m": 1e308})})]]))
@example(([step("m", m=Rule(max=0.0))], [[Given("a", {"m": Known("ok", {"m": -0.0})})]]))
def test_sql_decides_as_python_does(drawn: tuple[list[Step], list[list[Given]]]) -> None:
    steps, shards = drawn
    with tempfile.TemporaryDirectory() as folder:
        con = decide.connect(write_run(Path(folder), steps, shards), steps)
        found = con.execute("select id, state, rule, reason from decided").fetchall()
        funnel = decide.funnel(con, steps)
        clips = [clip for shard in shards for clip in shard]
        wanted = [(clip.id, *expected(clip, steps)) for clip in clips]
        if clips:
            assert [row[:3] for row in found] == [row[:3] for row in wanted]
            assert [row[3] for row in found if row[1] != "kept"] == [row[3] for row in wanted if row[1] != "kept"]
        assert {s: n for s, n in funnel.counts.items() if n} == Counter(state for _, state, *_ in wanted)
        assert decide.counts(con) == Counter(state for _, state, *_ in wanted)
        con.close()


def recounted(clips: list[Given], steps: list[Step]) -> list[tuple[str, int, int, int]]:
    """The funnel once more, by walking clip by clip."""
    ends = [expected(clip, steps) for clip in clips]
    left = sum(state != "pending" for state, *_ in ends)
    lines = []
    for one in steps:
        for score in one.rules:
            dropped = sum((state, rule) == ("dropped", score) for state, rule, _ in ends)
            failed = sum((state, rule) == ("failed", one.name) for state, rule, _ in ends) if score == one.name else 0
            lines.append((score, left, dropped, failed))
            left -= dropped + failed
    return lines


def some_clips(count: int) -> list[Given]:
    clips = []
    for n in range(count):
        known = {"size": Known("ok", {"size": float(n % 7), "rate": float(n % 5)})}
        if n % 11:
            known["motion"] = (
                Known("failed", {}, "boom") if n % 13 == 0 else Known("ok", {"motion": n % 3 or None}, "one")
            )
        clips.append(Given(f"clip{n}", known))
    return clips


STEPS = [step("size", "size", "rate", size=Rule(min=1), rate=Rule(below=4)), step("motion", motion=Rule(min=1, max=1))]


def test_the_funnel_is_what_counting_by_hand_gives(tmp_path: Path) -> None:
    clips = some_clips(300)
    con = decide.connect(write_run(tmp_path, STEPS, [clips[:100], [], clips[100:]]), STEPS)
    funnel = decide.funnel(con, STEPS)
    assert [(s.name, s.came, s.dropped, s.failed) for s in funnel.stages] == recounted(clips, STEPS)
    assert funnel.stages[-1].left == funnel.counts["kept"]
    assert funnel.clips == 300
    assert funnel.missing == {"motion": funnel.counts["pending"]}
    assert f"{funnel.counts['pending']} for motion" in str(funnel)


def test_what_ended_before_any_measure_heads_the_funnel(tmp_path: Path) -> None:
    clips = [
        Given("a", state="failed", reason="no video stream"),
        Given("b", state="dropped", rule="duplicate", reason="same content as a"),
        Given("c", state="dropped", rule="shot_length", reason="0.2 s"),
        Given("d", {"m": Known("ok", {"m": 1.0})}),
        Given("e", {"m": Known("failed", {}, "boom")}),
    ]
    steps = [step("m")]
    con = decide.connect(write_run(tmp_path, steps, [clips]), steps)
    lines = [(s.name, s.came, s.dropped, s.failed, s.left) for s in decide.funnel(con, steps).stages]
    assert lines == [
        ("readable", 5, 0, 1, 4),
        ("shot_length", 4, 1, 0, 3),
        ("duplicate", 3, 1, 0, 2),
        ("m", 2, 0, 1, 1),
    ]
    reasons = con.execute("select reason from decided").fetchall()
    assert reasons == [("no video stream",), ("same content as a",), ("0.2 s",), (None,), ("boom",)]


def test_reasons_are_as_a_person_would_write_them(tmp_path: Path) -> None:
    steps = [step("short_side", short_side=Rule(min=720)), step("motion", motion=Rule(max=2))]
    clips = [
        Given("a", {"short_side": Known("ok", {"short_side": 360.0})}),
        Given("b", {"short_side": Known("ok", {"short_side": 1080.0}), "motion": Known("ok", {}, "one frame only")}),
        Given("c", {"short_side": Known("ok", {"short_side": 1080.0})}),
    ]
    con = decide.connect(write_run(tmp_path, steps, [clips]), steps)
    assert con.execute("select rule, reason from decided").fetchall() == [
        ("short_side", "short_side 360 < min 720"),
        ("motion", "motion has no value: one frame only"),
        (None, "no motion yet"),
    ]


def test_columns_and_order_of_the_rows(tmp_path: Path) -> None:
    clips = some_clips(50)
    con = decide.connect(write_run(tmp_path, STEPS, [clips[:20], clips[20:]]), STEPS)
    cursor = con.execute("select * from decided")
    names = [column[0] for column in cursor.description or []]
    assert names[:10] == ["id", "uri", "start", "end", "state", "rule", "reason", "size", "rate", "motion"]
    assert [row[0] for row in cursor.fetchall()] == [clip.id for clip in clips]
    others = {*names, "shard", *SCORE_COLUMNS} - {score for step in STEPS for score in step.emits}
    assert others <= TAKEN  # so that no score can be named like one of them


def test_a_stretch_listed_in_two_shards_stays_two_rows(tmp_path: Path) -> None:
    """Two processes that share a run may both have scored it before either could see the other's."""
    steps = [step("m", m=Rule(min=1))]
    twice = [[Given("a", {"m": Known("ok", {"m": 1.0})})], [Given("a", {"m": Known("ok", {"m": 0.0})})]]
    con = decide.connect(write_run(tmp_path, steps, twice), steps)
    assert con.execute("select id, state from decided").fetchall() == [("a", "kept"), ("a", "dropped")]


def test_an_empty_run_and_one_without_scores(tmp_path: Path) -> None:
    empty = decide.connect(write_run(tmp_path / "empty", STEPS, []), STEPS)
    assert decide.funnel(empty, STEPS).clips == 0
    assert "none" in str(decide.funnel(empty, STEPS))
    run = write_run(tmp_path / "fresh", [], [[Given("a"), Given("b")]])
    con = decide.connect(run, STEPS)
    assert decide.counts(con) == {"pending": 2}
    assert decide.funnel(con, STEPS).missing == {"size": 2}


def test_a_score_named_like_a_fact_of_the_header_is_the_score(tmp_path: Path) -> None:
    steps = [step("metadata", "fps", "width", fps=Rule(min=20))]
    clips = [Given("a", {"metadata": Known("ok", {"fps": 10.0, "width": 1.0})}), Given("b")]
    con = decide.connect(write_run(tmp_path, steps, [clips]), steps)
    assert con.execute("select state, fps, width from decided").fetchall() == [
        ("dropped", 10.0, 1.0),
        ("pending", None, None),
    ]


@pytest.fixture
def kept_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "KEEP_FROM_PARTS", 1)


def all_rows(run: decide.Run, steps: list[Step]) -> list[tuple[object, ...]]:
    return decide.connect(run, steps).execute("select * from decided").fetchall()


def test_a_large_run_is_joined_once_and_decided_alike(tmp_path: Path, kept_always: None) -> None:
    clips = some_clips(60)
    run = write_run(tmp_path, STEPS, [clips[:20], clips[20:]])
    first = all_rows(run, STEPS)
    [kept] = (tmp_path / "joined").iterdir()
    written = kept.stat().st_mtime_ns
    assert all_rows(run, STEPS) == first
    looser = [step("size", "size", "rate"), STEPS[1]]
    assert Counter(row[4] for row in all_rows(run, looser)) == Counter(expected(c, looser)[0] for c in clips)
    assert [p.stat().st_mtime_ns for p in (tmp_path / "joined").iterdir()] == [written], "other rules join nothing"


def test_the_copy_of_an_earlier_state_is_never_read(tmp_path: Path, kept_always: None) -> None:
    clips = some_clips(30)
    for clip in clips:
        clip.known = {**clip.known, "motion": Known("ok", {"motion": 2.0})}
    run = write_run(tmp_path, STEPS, [clips])
    before = all_rows(run, STEPS)
    [old] = (tmp_path / "joined").iterdir()
    part = run.scores("motion", "f0").folder
    size = part.size("00000.parquet")
    for clip in clips:
        clip.known = {**clip.known, "motion": Known("ok", {"motion": 1.0})}
    write_run(tmp_path, STEPS, [clips])
    assert part.size("00000.parquet") == size, "not to be told by its size"
    os.utime(old, (0, 0))
    after = all_rows(run, STEPS)
    assert after != before
    assert [(row[4], row[5]) for row in after] == [expected(clip, STEPS)[:2] for clip in clips]
    assert not old.exists(), "and it is cleared away"


def test_a_run_that_cannot_be_written_to_is_still_read(tmp_path: Path, kept_always: None) -> None:
    clips = some_clips(10)
    run = write_run(tmp_path, STEPS, [clips])
    (tmp_path / "joined").write_text("in the way")
    assert len(all_rows(run, STEPS)) == 10
