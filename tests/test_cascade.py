from __future__ import annotations

from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.core.trusted import grant
from hoigen.rules.cascade import Known, build_steps, decide, needed

OWN = '''
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("{name}", emits={emits})
class Own:
    """A number."""
    bias: float = 0.0
    sampling: Sampling = Sampling(frames={frames})

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        return Score(self.bias)
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "first.py").write_text(OWN.format(name="first", emits=("first",), frames=2))
    (tmp_path / "second.py").write_text(OWN.format(name="second", emits=("second", "extra"), frames=0))
    for name in ("first", "second"):
        grant(tmp_path / f"{name}.py")
    return tmp_path


def test_measures_without_frames_come_first_then_the_recipes_order(own: Path) -> None:
    steps = build_steps(["./first.py", "./second.py"], {"extra": {"max": 1}, "first": {"min": 0}}, beside=own)
    assert [step.name for step in steps] == ["second", "first"]
    assert list(steps[0].rules) == ["extra"]


def test_the_first_thing_that_speaks_against_a_clip_decides(own: Path) -> None:
    steps = build_steps(["./first.py", "./second.py"], {"extra": {"max": 1}, "first": {"above": 0}}, beside=own)
    good, bad = Known("ok", {"second": 5.0, "extra": 1.0}), Known("ok", {"second": 5.0, "extra": 2.0})
    assert decide(steps, {}).state == "pending"
    assert decide(steps, {"second": good}).state == "pending"
    assert decide(steps, {"second": bad}).reason == "extra 2 > max 1"
    assert decide(steps, {"second": bad, "first": Known("failed", reason="boom")}).state == "dropped"
    failed = decide(steps, {"second": good, "first": Known("failed", reason="boom")})
    assert (failed.state, failed.rule, failed.reason) == ("failed", "first", "boom")
    assert decide(steps, {"second": good, "first": Known("ok", {"first": 0.0})}).reason == "first 0 <= above 0"
    assert decide(steps, {"second": good, "first": Known("ok", {"first": 0.1})}).state == "kept"
    blind = decide(steps, {"second": good, "first": Known("ok", {"first": None}, "one frame")})
    assert (blind.state, blind.reason) == ("dropped", "first has no value: one frame")


def test_a_dropped_clip_costs_nothing_further_unless_all_is_scored(own: Path) -> None:
    steps = build_steps(["./first.py", "./second.py"], {"extra": {"max": 1}}, beside=own)
    bad = {"second": Known("ok", {"second": 0.0, "extra": 2.0})}
    assert needed(steps, {}, score_all=False) == ["second", "first"]
    assert needed(steps, bad, score_all=False) == []
    assert needed(steps, bad, score_all=True) == ["first"]


def test_a_fingerprint_changes_with_settings_and_with_ones_own_source(own: Path) -> None:
    [plain] = build_steps(["./first.py"], {}, beside=own)
    [biased] = build_steps([{"./first.py": {"bias": 1}}], {}, beside=own)
    [again] = build_steps([{"./first.py": {"bias": 0}}], {}, beside=own)
    assert plain.fingerprint == again.fingerprint != biased.fingerprint
    other = own / "other"
    other.mkdir()
    (other / "first.py").write_text((own / "first.py").read_text().replace("self.bias", "self.bias + 1"))
    grant(other / "first.py")
    [edited] = build_steps(["./first.py"], {}, beside=other)
    assert edited.fingerprint != plain.fingerprint


@pytest.mark.parametrize(
    ("measures", "keep", "said"),
    [
        (["motoin"], {}, "did you mean 'motion'"),
        (["./none.py"], {}, "no such file: "),
        (["./first.py", "./first.py"], {}, "stands there twice"),
        (["./first.py"], {"firts": {"min": 1}}, "did you mean 'first'"),
        (["./first.py"], {"first": {"mni": 1}}, "keep.first: unknown key 'mni'; did you mean 'min'"),
        (["./first.py"], {"first": {"min": "a"}}, "keep.first.min: a number; it came as 'a'"),
        (["./first.py"], {"first": 3}, "keep.first: takes settings as key: value; it came as 3"),
        (["./first.py"], [1], "keep: rules by the name of a score"),
        ("first", {}, "measures: a list of measures"),
        ([{"a": {}, "b": {}}], {}, "one name with its settings"),
        ([{"./first.py": {"bais": 1}}], {}, "did you mean 'bias'"),
    ],
)
def test_what_is_wrong_is_named(own: Path, measures: object, keep: object, said: str) -> None:
    with pytest.raises(UsageError) as error:
        build_steps(measures, keep, beside=own)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_an_unset_bound_is_no_rule(own: Path) -> None:
    [step] = build_steps(["./first.py"], {"first": {"min": None}}, beside=own)
    assert step.rules == {}


@pytest.mark.parametrize("name", ["state", "id", "prompt", "Motion", "two words", "../up", ""])
def test_a_score_has_a_name_that_can_be_a_column(tmp_path: Path, name: str) -> None:
    (tmp_path / "odd.py").write_text(
        "from hoigen import Clip, Frames, Sampling, Score, measure\n"
        f"@measure('odd', emits=({name!r},))\n"
        "class Odd:\n"
        "    sampling: Sampling = Sampling(frames=0)\n"
        "    def __call__(self, clip: Clip, frames: Frames) -> Score:\n"
        "        return Score(1.0)\n"
    )
    grant(tmp_path / "odd.py")
    said = f"(gives a score named|name: letters, digits and _; it came as) {name!r}"
    with pytest.raises(UsageError, match=said):
        build_steps(["./odd.py"], {}, beside=tmp_path)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"motion": {"sampling": {"fps": -1}}}, "measures.motion.sampling: fps: more than 0"),
        ({"motion": {"sampling": {"pairs": False}}}, "pairs and gray are true"),
        ({"hoi_lite": {"sampling": {"frames": 0}}}, "frames 1 or more"),
        ({"text_boxes": {"support": 99}}, "support: 1 to 5 frames; it came as 99"),
        ({"text_boxes": {"binarization": {"threshold": 7}}}, "threshold: more than 0, at most 1"),
        ({"technical_quality": {"short_side": 0}}, "short_side: 16 pixels or more"),
        ({"technical_quality": {"weighting": {"sharpness": -1}}}, "0 or more, and not all 0"),
    ],
)
def test_settings_that_would_measure_nonsense_are_refused(spec: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as error:
        build_steps([spec], {})
    assert said in str(error.value)
