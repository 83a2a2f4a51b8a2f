"""Every way through a mixture, over the real desk and the real prompts."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_scripted import SAME, Scripted, broken, captioned, clip, clip_with_order, differ, richer, talk_about

from hoigen.core.errors import UsageError
from hoigen.models.experts.call import FINAL, Answer, Request
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.desk import Desk, NotKept
from hoigen.models.experts.dry import DryDesk
from hoigen.recipe.build import make
from hoigen.stages.captioners._parts import order_of
from hoigen.stages.captioners.mixture import Mixture

RED, BLUE = "A man lifts a red cup in a kitchen.", "A man lifts a blue cup in a kitchen and drinks."
DIFFER = differ(("colour of the cup", "red", "blue"))


def mixture(decision: dict[str, Any], *, first: Any = RED, second: Any = BLUE, third: Any = "1. The cup is blue.",
            **options: Any) -> Mixture:  # fmt: skip
    return Mixture(
        first=Scripted("first", {"": first}),
        second=Scripted("second", {"": second}),
        third=Scripted("third", {"": third}),
        decision=Scripted("decision", decision),
        **options,
    )


def roles(talk: Any) -> list[str]:
    return [call["role"] for call in talk.trace]


def asked(captioner: Mixture, role: str) -> list[Request]:
    return captioner.experts[role].asked  # type: ignore[attr-defined,no-any-return]


# the two ways of the paper


def test_experts_that_agree_give_the_richer_draft_word_for_word() -> None:
    captioner = mixture({"same": SAME, "richer": richer("second")})
    talk = talk_about(clip_with_order("first", "second"))
    caption = captioned(captioner, talk)
    assert (caption.text, caption.path) == (BLUE, "agreed: second")
    assert sorted(roles(talk)[:2]) == ["first", "second"]
    assert roles(talk)[2:] == ["decision", "decision"]
    assert [call["template"].split("@")[0] for call in talk.trace] == ["describe", "describe", "same", "richer"]
    assert not asked(captioner, "third")
    assert caption.detail["same"] is True
    assert caption.detail["pick"] == {
        "richer": "second",
        "votes": ["second"],
        "by": "decision",
        "reasons": ["it says more"],
    }


@pytest.mark.parametrize(("order", "kept"), [(("first", "second"), "first"), (("second", "first"), "second")])
def test_the_first_place_is_not_always_the_first_expert(order: tuple[str, str], kept: str) -> None:
    captioner = mixture({"same": SAME, "richer": richer("first")})
    caption = captioned(captioner, talk_about(clip_with_order(*order)))
    assert caption.path == f"agreed: {kept}"
    assert caption.detail["order"] == list(order)
    text = asked(captioner, "decision")[0].text
    shown = (text.index(RED) < text.index(BLUE)) if order[0] == "first" else (text.index(BLUE) < text.index(RED))
    assert shown


def test_orders_are_balanced_over_clips_and_fixed_for_each() -> None:
    orders = [order_of(f"clip{at}") for at in range(1000)]
    assert orders == [order_of(f"clip{at}") for at in range(1000)]
    assert 400 < sum(order[0] == "first" for order in orders) < 600


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_experts_that_differ_are_corrected_after_what_the_third_saw(order: tuple[str, str]) -> None:
    shown = ("red", "blue") if order[0] == "first" else ("blue", "red")
    captioner = mixture({"same": differ(("colour of the cup", *shown)), "rewrite": "  A man lifts\na blue cup.  "})
    talk = talk_about(clip_with_order(*order))
    caption = captioned(captioner, talk)
    assert (caption.text, caption.path) == ("A man lifts a blue cup.", "rewritten")
    assert roles(talk)[2:] == ["decision", "third", "decision"]
    assert caption.detail["disagreements"] == [{"aspect": "colour of the cup", "first": "red", "second": "blue"}]
    assert caption.detail["third"] == "1. The cup is blue."
    [third] = asked(captioner, "third")
    assert third.media, "the third expert sees the clip"
    assert f'1. colour of the cup: one says "{shown[0]}", the other says "{shown[1]}"' in third.text
    assert RED not in third.text, "the third expert is told the points, not the drafts"
    rewrite = asked(captioner, "decision")[-1]
    assert all(part in rewrite.text for part in (RED, BLUE, "1. The cup is blue.", "colour of the cup"))
    assert not rewrite.media, "the decision expert only reads"


@pytest.mark.parametrize("part", ["object", "interaction", "scene"])
def test_each_of_the_three_questions_can_be_the_difference(part: str) -> None:
    captioner = mixture({"same": differ(part=part), "rewrite": "A man drinks."})
    caption = captioned(captioner, talk_about(clip()))
    assert caption.path == "rewritten"
    assert caption.detail["disagreements"] == [{"aspect": part, "first": "", "second": ""}]
    assert f"1. {part}: they do not tell of the same" in asked(captioner, "third")[0].text


def test_a_named_contradiction_is_a_difference_though_the_verdict_says_same() -> None:
    named = {**SAME, "disagreements": DIFFER["disagreements"]}
    caption = captioned(mixture({"same": named, "rewrite": "A man drinks."}), talk_about(clip()))
    assert caption.path == "rewritten"


def test_both_drafts_are_asked_for_at_once() -> None:
    meeting = asyncio.Barrier(2)

    class Waits(Scripted):
        async def answer(self, request: Request) -> Answer:
            await asyncio.wait_for(meeting.wait(), 5)
            return await super().answer(request)

    captioner = Mixture(
        first=Waits("first", {"": RED}),
        second=Waits("second", {"": BLUE}),
        third=Scripted("third"),
        decision=Scripted("decision", same=SAME, richer=richer("first")),
    )
    assert captioned(captioner, talk_about(clip())).text in (RED, BLUE)


# what goes wrong


@pytest.mark.parametrize("outcome", ["truncated", "refused", "malformed", "timed_out", "failed"])
@pytest.mark.parametrize("role", ["first", "second", "third", "rewrite"])
def test_what_is_no_answer_is_no_caption(role: str, outcome: str) -> None:
    broke: Any = broken(outcome)
    decision = {"same": DIFFER, "rewrite": broke if role == "rewrite" else "A man lifts a cup."}
    drafts = {role: broke} if role != "rewrite" else {}
    caption = captioned(mixture(decision, **drafts), talk_about(clip()))
    assert caption.text is None
    assert caption.reason == f"{'decision' if role == 'rewrite' else role} {outcome}: it {outcome}"


@pytest.mark.parametrize("outcome", ["truncated", "refused", "malformed", "timed_out", "failed"])
@pytest.mark.parametrize("question", ["same", "richer"])
def test_a_decision_that_does_not_come_is_no_caption(question: str, outcome: str) -> None:
    decision: dict[str, Any] = {"same": SAME, "richer": richer("first"), question: broken(outcome)}
    caption = captioned(mixture(decision), talk_about(clip()))
    assert (caption.text, caption.reason) == (None, f"decision {outcome}: it {outcome}")
    assert caption.detail["drafts"] == {"first": RED, "second": BLUE}, "what was there is kept"


def test_prose_instead_of_json_is_asked_for_once_more_and_then_fails() -> None:
    captioner = mixture({"same": "They look the same to me."})
    talk = talk_about(clip())
    caption = captioned(captioner, talk)
    assert caption.text is None
    assert caption.reason == "decision malformed: no JSON object in the answer"
    assert roles(talk)[2:] == ["decision", "decision, repair"]


def test_json_that_is_mended_counts() -> None:
    def once(request: Request) -> Any:
        return SAME if request.again else {"same": True}

    caption = captioned(mixture({"same": once, "richer": richer("first")}), talk_about(clip()))
    assert caption.path.startswith("agreed")


@pytest.mark.parametrize(
    "words", ["I'm sorry, but I can't help with that.", "As an AI model, I see nothing.", " ** ", '""']
)
def test_an_expert_that_declines_in_words_wrote_no_caption(words: str) -> None:
    caption = captioned(mixture({"same": DIFFER, "rewrite": words}), talk_about(clip()))
    assert caption.text is None
    assert caption.reason.startswith(("decision refused", "decision malformed"))


@pytest.mark.parametrize("outcome", ["truncated", "refused", "malformed", "timed_out", "failed"])
@pytest.mark.parametrize(("missing", "left", "text"), [("first", "second", BLUE), ("second", "first", RED)])
def test_one_draft_alone_is_kept_only_where_told_and_where_asking_again_would_not_help(
    missing: str, left: str, text: str, outcome: str
) -> None:
    drafts: dict[str, Any] = {missing: broken(outcome)}
    talk = talk_about(clip())
    caption = captioned(mixture({}, **drafts, alone="keep"), talk)
    if outcome in FINAL:
        assert (caption.text, caption.path) == (text, f"alone: {left}")
    else:
        assert (caption.text, caption.reason) == (None, f"{missing} {outcome}: it {outcome}")
    assert caption.detail["missing"] == [f"{missing} {outcome}: it {outcome}"]
    assert sorted(roles(talk)) == ["first", "second"]
    assert captioned(mixture({}, **drafts), talk_about(clip())).text is None


@pytest.mark.parametrize("outcome", ["truncated", "refused", "malformed", "timed_out", "failed"])
@pytest.mark.parametrize(
    ("broke", "path"),
    [
        ("same", "unchecked: first"),
        ("richer", "agreed: first"),
        ("third", "unchecked: first"),
        ("rewrite", "unchecked: first"),
    ],
)
def test_what_cannot_be_checked_falls_back_to_a_marked_draft_where_told(broke: str, path: str, outcome: str) -> None:
    none: Any = broken(outcome)
    decision: dict[str, Any] = {"same": SAME if broke == "richer" else DIFFER, "rewrite": "A man lifts a cup."}
    decision |= {"richer": richer("second")} | ({} if broke == "third" else {broke: none})
    given = {"third": none} if broke == "third" else {}
    longer = "A man lifts a red cup with both of his hands."
    caption = captioned(mixture(decision, first=longer, **given, alone="keep"), talk_about(clip()))
    role = "third" if broke == "third" else "decision"
    if outcome in FINAL:
        assert (caption.text, caption.path) == (longer, path)
        assert caption.doubts[-1] == f"unchecked: {role} {outcome}: it {outcome}"
    else:
        assert (caption.text, caption.reason) == (None, f"{role} {outcome}: it {outcome}")


def test_that_nothing_can_be_seen_is_an_answer_of_the_third_and_an_excuse_is_none() -> None:
    for seen in ("1. cannot be seen", "Cannot be seen.", "I cannot see the colour of the cup."):
        caption = captioned(mixture({"same": DIFFER, "rewrite": "A man drinks tea."}, third=seen), talk_about(clip()))
        assert (caption.text, caption.detail["third"]) == ("A man drinks tea.", seen)
    caption = captioned(mixture({"same": DIFFER}, third="I'm sorry, I can't help with that."), talk_about(clip()))
    assert caption.reason.startswith("third refused")


def test_the_third_may_write_a_caption_that_looks_at_the_points() -> None:
    decision = {"same": DIFFER, "rewrite": "A man drinks tea."}
    whole = mixture(decision, third="A man lifts a green cup.", third_says="caption")
    caption = captioned(whole, talk_about(clip()))
    assert (caption.text, caption.path) == ("A man drinks tea.", "rewritten")
    [request] = asked(whole, "third")
    assert request.template.startswith("third_caption@")
    assert "colour of the cup" in request.text
    assert "A man lifts a green cup." in asked(whole, "decision")[-1].text
    lines = captioned(mixture(decision, third="The cup is held by the", third_says="caption"), talk_about(clip()))
    assert lines.reason.startswith("third truncated")


def test_two_missing_drafts_are_both_named() -> None:
    captioner = mixture({}, first=broken("refused"), second=broken("truncated"), alone="keep")
    assert (
        captioned(captioner, talk_about(clip())).reason == "first refused: it refused; second truncated: it truncated"
    )


# beyond the paper


def test_swapped_asks_both_ways_and_one_difference_is_enough() -> None:
    def finds_it_once(request: Request) -> Any:
        return DIFFER if request.text.index(RED) < request.text.index(BLUE) else SAME

    captioner = mixture({"same": finds_it_once, "rewrite": "A man drinks."}, swapped=True)
    talk = talk_about(clip_with_order("second", "first"))
    caption = captioned(captioner, talk)
    assert caption.path == "rewritten"
    assert caption.detail["disagreements"] == [{"aspect": "colour of the cup", "first": "red", "second": "blue"}]
    assert [verdict["shown"] for verdict in caption.detail["verdicts"]] == [["second", "first"], ["first", "second"]]
    assert sorted(roles(talk)[2:4]) == ["decision", "decision, swapped"]
    assert mixture({}).swapped is False
    unswapped = mixture({"same": finds_it_once, "richer": richer("first")})
    assert captioned(unswapped, talk_about(clip_with_order("second", "first"))).path == "agreed: second"


def test_the_same_disagreement_found_both_ways_is_one_point() -> None:
    def both(request: Request) -> Any:
        red_first = request.text.index(RED) < request.text.index(BLUE)
        return differ(("colour", *(("red", "blue") if red_first else ("Blue.", "Red."))))

    caption = captioned(mixture({"same": both, "rewrite": "A man drinks."}, swapped=True), talk_about(clip()))
    assert len(caption.detail["disagreements"]) == 1


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_a_judge_that_likes_a_place_decides_nothing_when_swapped(order: tuple[str, str]) -> None:
    captioner = mixture({"same": SAME, "richer": richer("first")}, swapped=True)
    caption = captioned(captioner, talk_about(clip_with_order(*order)))
    assert (caption.text, caption.path) == (BLUE, "agreed: second"), "the draft with more words"
    assert caption.detail["pick"]["by"] == "more words"
    assert sorted(caption.detail["pick"]["votes"]) == ["first", "second"]


def test_a_pick_that_wins_both_orders_counts_though_it_is_shorter() -> None:
    def red(request: Request) -> Any:
        return richer("first" if request.text.index(RED) < request.text.index(BLUE) else "second")

    caption = captioned(mixture({"same": SAME, "richer": red}, swapped=True), talk_about(clip()))
    assert (caption.text, caption.detail["pick"]["votes"]) == (RED, ["first", "first"])


def claim(claim: str, verdict: str, other: str = "") -> dict[str, str]:
    return {"aspect": "cup", "claim": claim, "verdict": verdict, "other": other}


def claims_of(request: Request) -> Any:
    own = request.text.split("<description>")[1].split("</description>")[0].strip()
    if own == RED:
        return {
            "claims": [claim("a man lifts a cup", "supported"), claim("the cup is red", "contradicted", "it is blue")]
        }
    return {"claims": [claim("he drinks", "unmentioned"), claim("it is blue", "contradicted", "the cup is red")]}


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_claims_send_only_what_is_contradicted_to_the_third_expert(order: tuple[str, str]) -> None:
    captioner = mixture({"claims": claims_of, "rewrite": "A man drinks."}, agreement="claims")
    talk = talk_about(clip_with_order(*order))
    caption = captioned(captioner, talk)
    assert caption.path == "rewritten"
    [point] = caption.detail["disagreements"]
    assert (point["first"], point["second"]) == ("the cup is red", "it is blue"), "named by both, once"
    [third] = asked(captioner, "third")
    assert "drinks" not in third.text
    assert sorted(roles(talk)[2:4]) == ["decision, claims of first", "decision, claims of second"]
    assert [found["verdict"] for found in caption.detail["claims"]["second"]] == ["unmentioned", "contradicted"]


def test_claims_that_are_not_mentioned_are_no_difference() -> None:
    answer = {"claims": [claim("a man lifts a cup", "supported"), claim("he drinks", "unmentioned")]}
    captioner = mixture({"claims": answer, "richer": richer("first")}, agreement="claims")
    caption = captioned(captioner, talk_about(clip()))
    assert caption.path.startswith("agreed")
    assert not asked(captioner, "third")


def test_a_description_without_claims_is_a_malformed_answer() -> None:
    caption = captioned(mixture({"claims": {"claims": []}}, agreement="claims"), talk_about(clip()))
    assert caption.text is None
    assert "a description makes claims; none came" in caption.reason


def test_majority_is_another_instruction() -> None:
    believes = mixture({"same": DIFFER, "rewrite_majority": "A man drinks."}, believe="majority")
    assert captioned(believes, talk_about(clip())).text == "A man drinks."
    assert "at least two of the three observers" in asked(believes, "decision")[-1].text


SEEN = {"boxes": [{"kind": "person", "label": "person", "score": 0.9, "box": [0.4, 0.1, 0.6, 0.9]}],
        "contacts": [{"who": "person", "object": "cup", "score": 0.8}], "looks_like": {}}  # fmt: skip
FACTS = {"hoi_lite": {"value": 0.8, "detail": {"object": "cup", "contact": True, "frames": [SEEN, SEEN]}}}


def test_evidence_is_told_to_the_decision_expert_alone() -> None:
    captioner = mixture({"same": DIFFER, "rewrite": "A man drinks."}, evidence=True)
    caption = captioned(captioner, talk_about(clip(), facts=FACTS))
    assert "likeliest object: a cup (strong evidence)" in caption.detail["evidence"]
    for request in asked(captioner, "decision"):
        assert caption.detail["evidence"] in request.text
        assert "<detected>" in request.text
    for role in ("first", "second", "third"):
        assert "<detected>" not in asked(captioner, role)[0].text
    plain = mixture({"same": DIFFER, "rewrite": "A man drinks."})
    captioned(plain, talk_about(clip(), facts=FACTS))
    assert "detect" not in asked(plain, "decision")[0].text


def test_evidence_that_is_not_there_is_said_before_anybody_is_asked() -> None:
    talk = talk_about(clip())
    caption = captioned(mixture({}, evidence=True), talk)
    assert caption.reason == "evidence needs what hoi_lite saw: add hoi_lite to the run's measures"
    assert not talk.trace


def test_a_prompt_of_ones_own_is_used_by_both_and_is_part_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("Say what hands do.")
    captioner = mixture({"same": SAME, "richer": richer("first")}, describe=str(tmp_path / "mine.md"))
    captioned(captioner, talk_about(clip()))
    for role in ("first", "second"):
        assert asked(captioner, role)[0].text == "Say what hands do."
    assert captioner.settings["describe"] != mixture({}).settings["describe"]


# the trace, the desk, the recipe


def test_every_call_is_in_the_trace_and_the_options_in_the_detail() -> None:
    options: dict[str, Any] = {"swapped": True, "agreement": "claims", "believe": "majority", "alone": "keep"}
    captioner = mixture({"claims": claims_of, "rewrite_majority": "A man drinks."}, **options)
    talk = talk_about(clip())
    caption = captioned(captioner, talk)
    assert len(talk.trace) == sum(len(asked(captioner, role)) for role in captioner.experts) == 6
    assert {call["outcome"] for call in talk.trace} == {"answered"}
    assert caption.detail["options"] == captioner.settings
    assert options.items() <= captioner.settings.items()
    json.dumps([talk.trace, dict(caption.detail)], allow_nan=False)


@pytest.mark.parametrize("options", [{}, {"swapped": True}, {"agreement": "claims"}])
def test_kept_answers_give_the_same_caption_and_ask_nobody(options: dict[str, Any]) -> None:
    calls = Calls()
    decision = {"same": DIFFER, "claims": claims_of, "rewrite": "A man drinks."}
    caption = captioned(mixture(decision, **options), talk_about(clip(), desk=Desk(calls)))
    silent = Desk(calls, may_ask=False)
    again = talk_about(clip(), desk=silent)
    assert captioned(mixture({}, **options), again) == caption
    assert all(call["kept"] for call in again.trace)
    with pytest.raises(NotKept):
        captioned(mixture({}, **options), talk_about(clip("another"), desk=silent))


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({}, 4, 5),
        ({"swapped": True}, 6, 6),
        ({"agreement": "claims"}, 5, 6),
        ({"agreement": "claims", "swapped": True}, 6, 6),
    ],
)
def test_a_dry_run_counts_the_calls_of_both_ways(options: dict[str, Any], least: int, most: int) -> None:
    counted = []
    for worst in (False, True):
        desk = DryDesk(Calls(), worst=worst)
        captioned(mixture({}, **options), talk_about(clip(), desk=desk))
        counted.append(sum(load.calls for load in desk.loads.values()))
    assert counted == [least, most]


def test_a_recipe_builds_it_and_equal_entries_are_one_expert() -> None:
    spec = {
        "first": {"fake_world": {"model": "a"}},
        "second": {"fake_world": {"model": "b"}},
        "third": {"fake_world": {"model": "a"}},
        "decision": "fake_world",
    }
    captioner = make("captioner", {"mixture": spec}, "caption.captioner")
    assert captioner.experts["first"] is captioner.experts["third"]
    assert captioner.experts["first"] is not captioner.experts["second"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"second": {"fake_world": {"model": "a"}}}, "caption.captioner.mixture: second: the same model"),
        ({"third": {"fake_world": {"eror": 1}}}, "caption.captioner.mixture: third.fake_world: unknown key 'eror'"),
        (
            {"third": "fake_wrld"},
            "caption.captioner.mixture: third: unknown expert 'fake_wrld'; did you mean 'fake_world'",
        ),
        ({"third": {"fake_world": {"error": 2}}}, "third.fake_world: error: a share, 0 to 1; it came as 2.0"),
        ({"third": 7}, "caption.captioner.mixture: third: a name of experts"),
        ({"agreement": "both"}, "caption.captioner.mixture.agreement: one of verdict, claims; it came as 'both'"),
        ({"describe": "rewrite"}, "caption.captioner.mixture: describe: prompt 'rewrite' has the placeholders"),
        ({"describe": "nowhere.md"}, "caption.captioner.mixture: describe: prompt 'nowhere.md': cannot read"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named_by_its_key(change: dict[str, Any], told: str) -> None:
    spec = {role: {"fake_world": {"model": role}} for role in ("first", "second", "third", "decision")}
    spec["first"] = {"fake_world": {"model": "a"}}
    with pytest.raises(UsageError) as error:
        make("captioner", {"mixture": {**spec, **change}}, "caption.captioner")
    assert told in str(error.value)


def test_the_recipe_of_the_page_builds() -> None:
    page = (Path(__file__).parents[3] / "docs" / "caption.md").read_text()
    [block] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    made = make("captioner", yaml.safe_load(block)["caption"]["captioner"], "caption.captioner")
    assert set(made.experts) == {"first", "second", "third", "decision"}
    assert not made.experts["decision"].sampling.needs_frames
    for name in made.settings:
        assert f"`{name}: " in page
