"""The simulated world, and what a mixture makes of it: exact counts, planted errors, known limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_scripted import Scripted, captioned, clip, talk_about

import hoigen
from hoigen.models.experts._fake_facts import SLOTS, chance, count, facts_of, read, tell
from hoigen.models.experts.call import Request, media_digest
from hoigen.models.experts.fake_world import FakeWorld
from hoigen.stages.captioners.mixture import Mixture
from hoigen.stages.captioners.single import Single
from run_folders import curated

CLIPS = [clip(f"c{at}") for at in range(40)]


def media_of(about: hoigen.Clip) -> str:
    return media_digest(about.uri, about, FakeWorld().sampling)


def truth(about: hoigen.Clip) -> dict[str, str]:
    return facts_of(0, media_of(about))


def draft_of(expert: FakeWorld, about: hoigen.Clip) -> dict[str, str]:
    caption = captioned(Single(expert=expert), talk_about(about))
    assert caption.text is not None
    return read(caption.text)


def mixture(draft: dict[str, Any], third: dict[str, Any], decision: dict[str, Any], **options: Any) -> Mixture:
    return Mixture(
        first=FakeWorld(model="first", **draft),
        second=FakeWorld(model="second", **draft),
        third=FakeWorld(model="third", **third),
        decision=FakeWorld(model="decision", **decision),
        **options,
    )


PERFECT: dict[str, Any] = {"error": 0.0}


def test_facts_are_read_back_from_their_words() -> None:
    for about in CLIPS:
        assert read(tell(truth(about))) == truth(about)
        assert count(tell(truth(about)), truth(about)) == (0, len(SLOTS))
    assert len({tuple(truth(about).values()) for about in CLIPS}) == len(CLIPS)


def test_no_value_can_be_taken_for_another() -> None:
    for slot, (form, values) in SLOTS.items():
        assert len(set(values)) == len(values) == 8
        assert all(read(form.format(value)) == {slot: value} for value in values)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_an_expert_errs_as_often_as_it_is_set_to(rate: float) -> None:
    expert = FakeWorld(error=rate)
    false = [sum(v != truth(c)[s] for s, v in draft_of(expert, c).items()) for c in CLIPS]
    assert sum(false) / (8 * len(CLIPS)) == pytest.approx(rate, abs=0.07)


def test_shared_errors_are_the_same_errors() -> None:
    first, second = (FakeWorld(model=name, error=0.3, shares=1.0) for name in "ab")
    assert all(draft_of(first, about) == draft_of(second, about) for about in CLIPS)
    alone = FakeWorld(model="b", error=0.3)
    assert any(draft_of(first, about) != draft_of(alone, about) for about in CLIPS)


@pytest.mark.parametrize("options", [{}, {"swapped": True}, {"agreement": "claims"}, {"believe": "majority"}])
def test_with_a_good_judge_and_third_only_errors_made_alike_remain(options: dict[str, Any]) -> None:
    captioner = mixture({"error": 0.3, "shares": 0.5}, PERFECT, {}, **options)
    alike = 0
    for about in CLIPS:
        first, second = (draft_of(captioner.experts[role], about) for role in ("first", "second"))  # type: ignore[arg-type]
        facts = truth(about)
        blind = {slot for slot in facts if first[slot] == second[slot] != facts[slot]}
        caption = captioned(captioner, talk_about(about))
        final = read(caption.text or "")
        assert {slot for slot, value in final.items() if value != facts[slot]} == blind
        assert caption.path == ("rewritten" if first != second else caption.path)
        assert {point["aspect"] for point in caption.detail["disagreements"]} == {
            slot for slot in facts if first[slot] != second[slot]
        }
        alike += len(blind)
    assert alike > 5, "the case that no comparison sees is there"


@pytest.mark.parametrize("slot", ["object", "action", "person"])
@pytest.mark.parametrize("options", [{}, {"swapped": True}, {"agreement": "claims"}, {"believe": "majority"}])
def test_a_planted_error_is_corrected(slot: str, options: dict[str, Any]) -> None:
    """Object, verb or number swapped in a true caption."""
    for about in CLIPS[:10]:
        facts = truth(about)
        planted = {**facts, slot: next(value for value in SLOTS[slot][1] if value != facts[slot])}
        captioner = Mixture(
            first=Scripted("first", {"": tell(planted)}),
            second=FakeWorld(model="second", error=0.0),
            third=FakeWorld(model="third", error=0.0),
            decision=FakeWorld(model="decision"),
            **options,
        )
        caption = captioned(captioner, talk_about(about))
        assert caption.path == "rewritten"
        assert caption.text == tell(facts)


def test_a_planted_error_stays_when_the_judge_sees_nothing() -> None:
    captioner = mixture({"error": 0.3}, PERFECT, {"notices": 0.0})
    for about in CLIPS[:10]:
        caption = captioned(captioner, talk_about(about))
        assert caption.path.startswith("agreed")
        assert read(caption.text or "") in [draft_of(captioner.experts[role], about) for role in ("first", "second")]  # type: ignore[arg-type]


def test_a_third_expert_that_is_always_wrong_makes_points_at_issue_wrong_unless_the_majority_counts() -> None:
    third: dict[str, Any] = {"error": 1.0}
    for about in CLIPS[:10]:
        facts = truth(about)
        follows = captioned(mixture({"error": 0.3}, third, {}), talk_about(about))
        wrong = {slot for slot, value in read(follows.text or "").items() if value != facts[slot]}
        assert {point["aspect"] for point in follows.detail["disagreements"]} <= wrong
        believes = captioned(mixture({"error": 0.3}, third, {}, believe="majority"), talk_about(about))
        assert count(believes.text or "", facts)[0] <= count(follows.text or "", facts)[0]


def test_false_alarms_let_a_wrong_third_spoil_what_was_right() -> None:
    spoilt = mixture(PERFECT, {"error": 1.0}, {"alarms": 1.0})
    assert count(captioned(spoilt, talk_about(clip())).text or "", truth(clip())) == (8, 8)
    saved = mixture(PERFECT, {"error": 1.0}, {"alarms": 1.0}, believe="majority")
    assert count(captioned(saved, talk_about(clip())).text or "", truth(clip())) == (0, 8)


def test_the_richer_draft_is_picked_and_place_decides_only_without_swapping() -> None:
    decision = {"first_bias": 1.0}
    drafts = {"error": 0.0, "says": 0.6}
    fuller: dict[str, list[bool]] = {"plain": [], "swapped": []}
    for about in CLIPS:
        for name, swapped in (("plain", False), ("swapped", True)):
            captioner = mixture(drafts, PERFECT, decision, swapped=swapped)
            said = {role: len(draft_of(captioner.experts[role], about)) for role in ("first", "second")}  # type: ignore[arg-type]
            if said["first"] != said["second"]:
                caption = captioned(captioner, talk_about(about))
                fuller[name].append(len(read(caption.text or "")) == max(said.values()))
    assert all(fuller["swapped"])
    assert 0.2 < sum(fuller["plain"]) / len(fuller["plain"]) < 0.8


def test_rewriting_that_slips_is_counted() -> None:
    captioner = mixture({"error": 0.3}, PERFECT, {"slips": 1.0})
    caption = captioned(captioner, talk_about(clip()))
    assert caption.path == "rewritten"
    assert count(caption.text or "", truth(clip())) == (8, 8)


def test_the_same_question_has_the_same_answer() -> None:
    texts = []
    for _ in range(2):
        captioner = mixture({"error": 0.3, "says": 0.7}, {"error": 0.3}, {"notices": 0.7, "alarms": 0.2, "slips": 0.1})
        texts.append([captioned(captioner, talk_about(about)).text for about in CLIPS])
    assert texts[0] == texts[1]
    assert all(0 <= chance("x", at) < 1 for at in range(100))


def test_what_it_does_not_know_it_does_not_answer() -> None:
    answer = asyncio.run(FakeWorld().answer(Request(text="what now?", template="other@1")))
    assert answer.outcome == "failed"
    assert "other@1" in answer.reason


def test_a_run_is_rehearsed_without_a_server(tmp_path: Path, tiny_video: Path) -> None:
    lines = [f"{tiny_video},{at / 10},{at / 10 + 0.5}" for at in range(6)]
    (tmp_path / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    run = tmp_path / "run"
    experts = {role: {"fake_world": {"model": role}} for role in ("first", "second", "third", "decision")}
    curated(videos=tmp_path / "list.csv", run=run, caption={"captioner": {"mixture": experts}})
    dry = str(hoigen.caption(run, dry_run=True))
    assert "in all: 24 to 30 calls" in dry
    result = hoigen.caption(run, quiet=True)
    assert (result.kept, sum(result.paths.values()), dict(result.failed)) == (6, 6, {})
    assert set(result.paths) <= {"rewritten", "agreed: first", "agreed: second"}
    grounded = hoigen.caption(run, set=["captioner=grounded"], quiet=True)
    assert dict(grounded.failed) == {"grounded needs what hoi_lite saw: add hoi_lite to the run's measures": 6}
