"""The automatic judge, on captions in which errors are planted; desk, calls, prompts and schemas are the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_judge import FakeJudge

from hoigen.commands.caption_eval import caption_eval
from hoigen.core.errors import UsageError
from hoigen.evaluation.captions import _schemas, judge
from hoigen.evaluation.captions.files import Rating, read_claims
from hoigen.evaluation.captions.judge import own_work
from hoigen.models.experts import _fake_facts
from hoigen.models.experts.call import Answer
from hoigen.models.experts.prompts import render

CLIPS = [f"c{at:02}" for at in range(40)]
ERRORS = {"careful": 0.1, "careless": 0.4}


def facts_of(clip: str) -> dict[str, str]:
    return _fake_facts.facts_of(0, clip)


def planted(captioner: str, clip: str) -> dict[str, str]:
    """What a captioner says of a clip: the facts, some of them wrong."""
    return {
        slot: _fake_facts.wrong(slot, truth, captioner, clip, slot)
        if _fake_facts.chance(captioner, clip, slot) < ERRORS[captioner]
        else truth
        for slot, truth in facts_of(clip).items()
    }


def captions() -> dict[tuple[str, str], str]:
    return {(name, clip): _fake_facts.tell(planted(name, clip)) for name in ERRORS for clip in CLIPS}


def references() -> dict[str, str]:
    """What people wrote down: all but the camera."""
    return {clip: _fake_facts.tell({k: v for k, v in facts_of(clip).items() if k != "camera"}) for clip in CLIPS}


def of_people(path: Path) -> Path:
    """The verdicts of people, who saw the clips."""
    rows = [
        Rating(
            place="",
            clip=clip,
            captioner=name,
            claim=_fake_facts.told(slot, value),
            verdict="true" if value == facts_of(clip)[slot] else "false",
        )
        for name in ERRORS
        for clip in CLIPS
        for slot, value in planted(name, clip).items()
    ]
    judge.write(path, rows)
    return path


def test_the_whole_chain_finds_what_was_planted(tmp_path: Path) -> None:
    expert = FakeJudge()
    found = judge.judge_captions(captions(), references(), judge=expert, calls=tmp_path / "calls")
    assert not found.failed
    assert not found.unmatched
    assert len(found.ratings) == 2 * 40 * 8
    assert (expert.opened, expert.closed) == (2, 2)
    judge.write(tmp_path / "judge.jsonl", found.ratings)
    result = caption_eval(of_people(tmp_path / "people.jsonl"), judge=tmp_path / "judge.jsonl", draws=500)
    [beside] = result.judges
    assert beside.name == "fake-judge"
    assert beside.agreement.confusion["true"]["false"] == beside.agreement.confusion["false"]["true"] == 0
    assert sum(row["cannot_tell"] for row in beside.agreement.confusion.values()) == 80, "cameras are not known"
    careless = beside.captioners["careless"]
    assert careless["judge"].value == pytest.approx(careless["people"].value, abs=0.05)
    assert careless["judge"].low <= 0.4 <= careless["judge"].high  # type: ignore[operator]
    with pytest.raises(UsageError, match="automatic judge"):
        caption_eval(tmp_path / "judge.jsonl")


def test_a_judge_that_errs_agrees_less(tmp_path: Path) -> None:
    people = read_claims(of_people(tmp_path / "people.jsonl"))
    kappas = []
    for errs in (0.0, 0.15, 0.5):
        expert = FakeJudge(model=f"errs-{errs}", errs=errs)
        found = judge.check_all(people, references(), judge=expert, calls=tmp_path / "calls")
        judge.write(tmp_path / "judge.jsonl", found.ratings)
        [beside] = caption_eval(tmp_path / "people.jsonl", judge=tmp_path / "judge.jsonl", draws=200).judges
        kappas.append(beside.agreement.kappa.value or 0.0)
    assert kappas[0] > 0.7 > kappas[1] > 0.3 > kappas[2]


def test_people_get_claims_without_verdicts_to_check(tmp_path: Path) -> None:
    found = judge.extract(captions(), judge=FakeJudge(), calls=tmp_path / "calls")
    first = found.ratings[0]
    assert (first.captioner, first.clip, first.verdict, first.annotator) == ("careful", "c00", "", "")
    acts = [rating for rating in found.ratings if rating.verb]
    assert len(acts) == 80
    assert {rating.kind for rating in found.ratings} == {"count", "object", "attribute", "action", "scene", "camera"}
    judge.write(tmp_path / "sheet.jsonl", found.ratings)
    with pytest.raises(UsageError, match=r"sheet\.jsonl, line 1, column verdict: .*empty"):
        read_claims(tmp_path / "sheet.jsonl")


def test_answers_are_kept_and_a_broken_one_costs_its_caption(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    some = {key: text for key, text in captions().items() if key[1] in CLIPS[:3]}
    wrong = _fake_facts.told("scene", planted("careless", "c01")["scene"])
    broken = {f"<claim>\n{wrong}": Answer(outcome="timed_out", reason="no answer in 60 s")}
    expert = FakeJudge(broken=broken)
    found = judge.judge_captions(some, references(), judge=expert, calls=calls)
    assert "judge, check timed_out: no answer in 60 s" in found.failed["careless", "c01"]
    assert ("careless", "c01") not in {rating.item[:2] for rating in found.ratings}
    asked = len({request.text for request in expert.asked})
    again = FakeJudge()
    whole = judge.judge_captions(some, references(), judge=again, calls=calls)
    assert not whole.failed
    assert len(whole.ratings) == 6 * 8
    assert {request.text for request in again.asked} < {request.text for request in expert.asked}
    assert 0 < len(again.asked) < asked


def test_malformed_answers_are_mended_once(tmp_path: Path) -> None:
    expert = FakeJudge(broken={"<description>": Answer(outcome="answered", text='{"claims": [{"claim": "x"}]}')})
    one = {("careful", "c00"): captions()["careful", "c00"]}
    found = judge.extract(one, judge=expert, calls=tmp_path / "calls")
    assert "malformed" in found.failed["careful", "c00"]
    assert len(expert.asked) == 2


def test_a_caption_without_claims_and_a_clip_of_which_nothing_is_known(tmp_path: Path) -> None:
    empty = FakeJudge(broken={"<description>": Answer(outcome="answered", text='{"claims": []}')})
    given = {("A", "c00"): "Oh.", ("A", "c99"): "Oh."}
    found = judge.judge_captions(given, references(), judge=empty, calls=tmp_path / "calls")
    assert [(rating.clip, rating.claim, rating.verdict) for rating in found.ratings] == [("c00", "", "")]
    assert found.unmatched == (("A", "c99"),)


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("Qwen/Qwen2-VL-7B-Instruct", "qwen2-vl", True),
        ("qwen2_vl", "Qwen2-VL", True),
        ("llama-3.1-70b", "llama-3.1-8b", False),
        ("gpt-5", "mixture", False),
        ("A", "A", True),
        ("A", "Albert", False),
    ],
)
def test_whether_the_judge_is_a_captioner(name: str, other: str, same: bool) -> None:
    assert bool(own_work(name, [other])) == same


def test_a_judge_of_its_own_captions_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="seems to be careful, which it judges"):
        judge.extract({("careful", "c00"): "x"}, judge=FakeJudge(model="org/careful"), calls=tmp_path / "a")
    with pytest.warns(UserWarning, match="seems to be org/m-large"):
        judge.judge_captions(
            {("mix", "c00"): "x"},
            {},
            judge=FakeJudge(model="m-large"),
            calls=tmp_path / "b",
            makers=["org/m-large"],
        )


def test_the_prompts_name_every_field_and_word_of_the_answer() -> None:
    texts = {
        "claims_of": (render("claims_of", caption="<b>$5</b>").text, _schemas.ClaimsOf),
        "check_claim": (render("check_claim", claim="<b>$5</b>", reference="r").text, _schemas.CheckedClaim),
    }
    for text, schema in texts.values():
        assert text.count("<b>$5</b>") == 1
        described = schema.model_json_schema()
        for part in (described, *described.get("$defs", {}).values()):
            assert part["additionalProperties"] is False
            assert sorted(part["required"]) == sorted(part["properties"])
            for name, field in part["properties"].items():
                assert f'"{name}":' in text
                for word in field.get("enum", ()):
                    assert word in text


def test_facts_as_text_for_the_judge() -> None:
    fact = frozenset({"lift", "pick up"}), frozenset({"cup"})
    assert judge.text_of([fact, (frozenset({"wash"}), fact[1])]) == (
        "- a person: lift or pick up cup\n- a person: wash cup"
    )
