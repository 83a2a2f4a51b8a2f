"""Numbers that can be counted by hand, planted rates that must be found again, and files that hold next to nothing."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import simulated

from hoigen.commands.caption_eval import caption_eval
from hoigen.core.errors import UsageError
from hoigen.evaluation.captions.result import CaptionEval

Claim = tuple[str, str, str, str]


def written(path: Path, claims: Sequence[Claim | tuple[str, ...]]) -> Path:
    """clip, captioner, claim, verdict, then kind, key, verb, object where given."""
    names = ("clip", "captioner", "claim", "verdict", "kind", "key", "verb", "object")
    rows = [dict(zip(names, (*claim, *[""] * (8 - len(claim))), strict=True)) for claim in claims]
    return simulated.write(path / "claims.csv", rows)


def number(result: CaptionEval, captioner: str, name: str) -> Any:
    return next(one for one in result.captioners if one.name == captioner).numbers[name]


BY_HAND = [
    ("c1", "A", "a man", "true"), ("c1", "A", "a cup", "true", "object"), ("c1", "A", "red", "false"),
    ("c1", "A", "a cat", "cannot_tell"), ("c2", "A", "a bowl", "true", "object"), ("c3", "A", "", ""),
    ("c1", "B", "a dog", "false", "object"), ("c2", "B", "a bowl", "true"), ("c2", "B", "blue", "false"),
    ("c3", "B", "a hat", "true"),
]  # fmt: skip


def test_every_number_as_counted_by_hand(tmp_path: Path) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text("clip,captioner,text\nc1,A,one two three\nc2,A,one\nc1,B,one two\nc9,B,not checked\n")
    result = caption_eval(written(tmp_path, BY_HAND), captions=captions, draws=500)
    a, b = result.captioners
    assert [(one.clips, one.captions, one.true, one.false, one.cannot_tell) for one in (a, b)] == [
        (3, 2, 3, 1, 1),
        (3, 2, 2, 2, 0),
    ]
    expected = {
        "hallucination": (1 / 4, 2 / 4),
        "strict_precision": (3 / 5, 2 / 4),
        "contradiction_only": ((3 / 4 + 1 + 1) / 3, (0 + 1 / 2 + 1) / 3),
        "with_false": (1 / 3, 2 / 3),
        "claims": (5 / 3, 4 / 3),
        "words": (4 / 2, 2 / 1),
        "hallucination_matched": (0, 1 / 2),  # the first claims: c1 one each, c2 one each, c3 none
    }
    for name, values in expected.items():
        assert (a.numbers[name].value, b.numbers[name].value) == pytest.approx(values), name
    assert a.by_kind["object"].value == 0
    assert b.by_kind["object"].value == 1
    assert (a.numbers["hallucination"].top, a.numbers["hallucination"].bottom) == (1, 4)
    [pair] = result.comparisons
    assert pair.differences["hallucination"].value == pytest.approx(0.25)
    assert pair.mcnemar is not None
    assert (pair.mcnemar.first_only, pair.mcnemar.second_only) == (0, 1)
    assert any("3 clips" in note for note in result.notes)
    assert any("1 checked captions make no claim" in note for note in result.notes)


def test_recall_and_omissions(tmp_path: Path) -> None:
    claims = written(
        tmp_path,
        [
            ("c1", "A", "She picks up the cup.", "true", "action", "", "Picks_Up", "cup"),
            ("c1", "A", "She drinks tea with the left hand.", "false", "action", "", "drink", "tea"),
            ("c2", "A", "He rides a horse.", "cannot_tell", "action", "", "ride", "horse"),
            ("c3", "A", "He eats.", "true"),
        ],
    )
    facts = tmp_path / "facts.csv"
    facts.write_text(
        "clip,verb,object\nc1,lift|picks up,cup\nc1,drink,tea\nc2,ride,horse\nc2,hold,rein\nc7,cut,apple\n"
    )
    result = caption_eval(claims, facts=facts, draws=500)
    assert number(result, "A", "recall").value == pytest.approx(2 / 4)
    assert number(result, "A", "omissions").value == pytest.approx(2 / 2)
    assert (number(result, "A", "recall").top, number(result, "A", "omissions").bottom) == (2, 2)


def test_planted_rates_are_found_again(tmp_path: Path) -> None:
    world = simulated.World(clips=400, first=0.3, second=0.3, same=0.2, mends=0.75)
    result = caption_eval(simulated.write(tmp_path / "claims.csv", world.rows()), mixture="mixture", draws=2000)
    wrong_together = world.same * world.first + (1 - world.same) * world.first**2 / 3
    apart_first_wrong = world.first - wrong_together
    mixed = wrong_together + (1 - world.mends) * apart_first_wrong
    for name, planted in (("first", 0.3), ("second", 0.3), ("mixture", mixed)):
        found = number(result, name, "hallucination")
        assert found.low <= planted <= found.high, name
    mixing = result.mixing
    assert mixing is not None
    assert mixing.keyed
    assert mixing.numbers["kept_shared"].value == 1, "nobody sees what both drafts have wrong alike"
    shared = wrong_together / (2 * apart_first_wrong + wrong_together)
    assert mixing.numbers["shared"].low <= shared <= mixing.numbers["shared"].high  # type: ignore[operator]
    kept = (1 - world.mends) / 2  # the mixture falls back on the first draft alone
    assert mixing.numbers["kept_single"].low <= kept <= mixing.numbers["kept_single"].high  # type: ignore[operator]
    pair = next(one for one in result.comparisons if one.second == "mixture" and one.first == "first")
    assert pair.swap_p is not None
    assert pair.swap_p < 0.001
    assert abs(pair.differences["hallucination"].value or 0) > pair.seen_from["hallucination"]
    assert pair.mcnemar is not None
    assert pair.mcnemar.mid_p < 0.001


def test_captioners_that_are_alike_do_not_differ(tmp_path: Path) -> None:
    world = simulated.World(clips=200, first=0.2, second=0.2, same=0.0, seed=3)
    result = caption_eval(simulated.write(tmp_path / "claims.csv", world.rows()), baseline="second", draws=2000)
    assert [(one.first, one.second) for one in result.comparisons] == [("second", "first"), ("second", "mixture")]
    pair = result.comparisons[0]
    found = pair.differences["hallucination"]
    assert found.low < 0 < found.high  # type: ignore[operator]
    assert pair.swap_p is not None
    assert pair.swap_p > 0.05
    assert pair.swap_p_holm is not None
    assert pair.swap_p_holm >= pair.swap_p


MIXED = [
    # c1: both say red (false); the mixture keeps it and adds a cat. c2: one error, mended. c3: none, spoiled. c4: kept.
    ("c1", "A", "a1", "false", "attribute", "red"), ("c1", "B", "b1", "false", "attribute", "red"),
    ("c1", "M", "m1", "false", "attribute", "red"), ("c1", "M", "m2", "false", "object", "cat"),
    ("c2", "A", "a1", "false", "object", "dog"), ("c2", "B", "b1", "true", "object", "cup"),
    ("c2", "M", "m1", "true", "object", "cup"),
    ("c3", "A", "a1", "true", "object", "cup"), ("c3", "B", "b1", "true", "object", "cup"),
    ("c3", "M", "m1", "false", "count", "two"),
    ("c4", "A", "a1", "true", "object", "cup"), ("c4", "B", "b1", "false", "object", "pot"),
    ("c4", "M", "m1", "false", "object", "pot"),
]  # fmt: skip


def test_what_a_mixture_mends_keeps_and_adds(tmp_path: Path) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text(
        "clip,captioner,text,path\nc1,M,x,agreed: first\nc2,M,x,rewritten\nc3,M,x,rewritten\nc4,M,x,agreed: second\n"
        "c1,A,x,\nc1,B,x,\n"
    )
    result = caption_eval(written(tmp_path, MIXED), captions=captions, mixture="M", draws=500)
    found = result.mixing
    assert found is not None
    assert (found.first, found.second, found.first_wrong, found.second_wrong) == ("A", "B", 2, 2)
    assert found.by_chance == 1
    counted = {name: (one.top, one.bottom) for name, one in found.numbers.items()}
    assert counted == {
        "both_wrong": (1, 4),
        "same_kind": (1, 4),
        "same_claim": (1, 4),
        "shared": (1, 3),
        "kept_shared": (1, 1),
        "kept_single": (1, 2),
        "introduced": (2, 4),
        "clips_fixed": (1, 3),
        "clips_spoiled": (1, 1),
    }
    verdicts = result.decision
    assert verdicts is not None
    counts = (verdicts.differ_wrong, verdicts.differ_right, verdicts.same_wrong, verdicts.same_right)
    assert counts == (1, 1, 2, 0)
    shares = (verdicts.precision.value, verdicts.recall.value, verdicts.recall_visible.value)
    assert shares == pytest.approx((1 / 2, 1 / 3, 1 / 2)), "the error on c1 is in both drafts: it cannot be seen"


def test_people_agree_beside_each_other(tmp_path: Path) -> None:
    rows = [
        {"clip": f"c{at}", "captioner": "A", "claim": "x", "verdict": verdict, "annotator": who}
        for who, verdicts in {"ann": "ttftttft", "bob": "ttfttfft", "cy": "tttttfff"}.items()
        for at, letter in enumerate(verdicts)
        for verdict in ["true" if letter == "t" else "false"]
    ]
    result = caption_eval(simulated.write(tmp_path / "claims.csv", rows), draws=500)
    assert [one.between for one in result.people] == [
        ("ann", "bob", "cy"), ("ann", "bob"), ("ann", "cy"), ("bob", "cy"),
    ]  # fmt: skip
    assert result.people[1].raw.value == pytest.approx(7 / 8)
    text = str(result)
    for line in text.splitlines():
        assert ("Gwet's AC1" in line) <= ("raw" in line and "Krippendorff" in line), "AC1 is never told alone"


def test_a_judge_is_beside_and_never_among_people(tmp_path: Path) -> None:
    people = written(tmp_path, BY_HAND)
    judge = tmp_path / "judge.csv"
    judge.write_text(
        "clip,captioner,claim,verdict,annotator\n"
        "c1,A,A man.,true,judge:big\nc1,A,red,false,judge:big\nc2,A,a bowl,false,judge:big\n"
        "c2,B,blue,true,judge:big\nc2,B,a bowl,true,judge:big\nc5,B,new,false,judge:big\n"
        "c1,A,red,true,judge:A\nc8,A,unseen,true,judge:other\n"
    )
    alone, beside = caption_eval(people, draws=500), caption_eval(people, judge=judge, draws=500)
    assert beside.captioners == alone.captioners
    assert beside.comparisons == alone.comparisons
    big, _, other = beside.judges
    assert (big.name, big.agreement.units) == ("big", 5)
    assert big.agreement.raw.value == pytest.approx(3 / 5)
    assert (big.false_precision.value, big.false_recall.value) == pytest.approx((1 / 2, 1 / 2))
    shown = big.captioners["B"]
    assert tuple(shown[name].value for name in ("people", "judge", "judge_all")) == pytest.approx((1 / 2, 0, 1 / 3))
    assert other.agreement.units == 0
    assert any("other says is not validated" in note for note in beside.notes)
    assert any("the judge A seems to be A" in note for note in beside.notes)


DEGENERATE: dict[str, list[Claim]] = {
    "one clip": [("c1", "A", "x", "true"), ("c1", "B", "y", "false")],
    "no claims": [("c1", "A", "", ""), ("c2", "A", "", ""), ("c1", "B", "x", "false"), ("c2", "B", "x", "true")],
    "one captioner": [("c1", "A", "x", "true")],
    "apart": [("c1", "A", "x", "true"), ("c2", "B", "x", "true")],
    "nobody can tell": [
        ("c1", "A", "x", "cannot_tell"),
        ("c1", "B", "x", "cannot_tell"),
        ("c2", "A", "y", "cannot_tell"),
    ],
    "all right": [(f"c{at}", name, "x", "true") for at in range(9) for name in "AB"],
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_what_is_undefined_says_why_and_is_never_nan(tmp_path: Path, case: str) -> None:
    out = tmp_path / "out.json"
    result = caption_eval(written(tmp_path, DEGENERATE[case]), out=out, draws=200)
    text = str(result) + out.read_text()
    assert "NaN" not in text
    assert "nan " not in text
    for one in result.captioners:
        for found in (*one.numbers.values(), *one.by_kind.values()):
            assert (found.value is None) == bool(found.reason)
            assert found.value is None or (found.low is None) == bool(found.unsure)
    for pair in result.comparisons:
        assert (pair.swap_p is None) == bool(pair.swap_reason)


def test_reasons_of_degenerate_files(tmp_path: Path) -> None:
    no_claims = caption_eval(written(tmp_path, DEGENERATE["no claims"]), draws=200)
    assert number(no_claims, "A", "hallucination").reason == "no claim is true or false"
    assert number(no_claims, "A", "with_false").value == 0
    assert no_claims.comparisons[0].differences["hallucination"].reason == "no claim is true or false"
    one = caption_eval(written(tmp_path, DEGENERATE["one clip"]), draws=200)
    assert number(one, "B", "hallucination").unsure == "one clip only: nothing to resample"
    assert one.comparisons[0].swap_reason == "one clip only"
    alone = caption_eval(written(tmp_path, DEGENERATE["one captioner"]), draws=200)
    assert alone.comparisons == ()
    assert "one captioner only" in number(alone, "A", "hallucination_matched").reason
    apart = caption_eval(written(tmp_path, DEGENERATE["apart"]), draws=200)
    assert "no clip on which both" in apart.comparisons[0].differences["hallucination"].reason
    right = caption_eval(written(tmp_path, DEGENERATE["all right"]), draws=200)
    assert "all 9 clips" in number(right, "A", "hallucination").unsure


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does(tmp_path: Path) -> None:
    rows = simulated.World(clips=40).rows()
    one = caption_eval(simulated.write(tmp_path / "a.csv", rows), draws=300)
    by_clip = sorted(rows, key=lambda row: (row["captioner"] != "first", row["captioner"] != "second", row["clip"]))
    again = caption_eval(simulated.write(tmp_path / "b.csv", by_clip), draws=300)
    other = caption_eval(tmp_path / "a.csv", draws=300, seed=1)
    assert one.captioners == again.captioners
    assert one.comparisons == again.comparisons
    assert one.captioners != other.captioners


def test_files_out(tmp_path: Path) -> None:
    claims = simulated.write(tmp_path / "claims.csv", simulated.World(clips=40).rows())
    result = caption_eval(claims, mixture="mixture", out=tmp_path / "out.csv", draws=300)
    caption_eval(claims, mixture="mixture", out=tmp_path / "out.json", draws=300)
    saved = json.loads((tmp_path / "out.json").read_text())
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    value = number(result, "first", "hallucination")
    assert saved["captioners"][0]["numbers"]["hallucination"]["value"] == value.value
    [row] = [row for row in rows if (row["part"], row["of"], row["name"]) == ("captioner", "first", "hallucination")]
    assert (float(row["value"]), float(row["low"]), float(row["high"])) == (value.value, value.low, value.high)
    for row in rows:
        assert bool(row["value"]) or bool(row["reason"]), row
        assert not row["value"] or math.isfinite(float(row["value"]))
    as_json = str(caption_eval(claims, format="json", draws=300))
    assert json.loads(as_json)["captioners"][0]["name"] == "first"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"baseline": "frist"}, "--baseline 'frist' .*did you mean 'first'"),
        ({"mixture": "mix"}, "--mixture 'mix' is no captioner"),
        ({"draft": ["first"]}, "--draft goes with --mixture"),
        ({"mixture": "mixture", "draft": ["first"]}, "two captioners other than the mixture"),
        ({"mixture": "mixture", "draft": ["first", "mixture"]}, "two captioners other than the mixture"),
        ({"draws": 5}, "--draws is at least 100"),
        ({"out": Path("x.txt")}, "ends in .json or .csv"),
        ({"out": Path("no/such/x.json")}, "no such folder"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    claims = simulated.write(tmp_path / "claims.csv", simulated.World(clips=3).rows())
    with pytest.raises(UsageError, match=told):
        caption_eval(claims, **options)


def test_files_that_speak_of_other_clips(tmp_path: Path) -> None:
    claims = written(tmp_path, DEGENERATE["one clip"])
    captions, facts = tmp_path / "captions.csv", tmp_path / "facts.csv"
    captions.write_text("clip,captioner,text\nc1,A,x\nc2,B,x\n")
    with pytest.raises(UsageError, match=r"captions\.csv: no caption by 'B' on a clip that was checked"):
        caption_eval(claims, captions=captions)
    facts.write_text("clip,verb,object\nz,cut,apple\n")
    with pytest.raises(UsageError, match=r"facts\.csv: none of its clips was checked, such as z"):
        caption_eval(claims, facts=facts)


def test_as_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from hoigen.commands.cli import main

    claims = simulated.write(tmp_path / "claims.csv", simulated.World(clips=40).rows())
    options = ["--mixture", "mixture", "--draft", "first", "--draft", "second", "--draws", "300"]
    assert main(["caption-eval", str(claims), *options, "--out", str(tmp_path / "o.json")]) == 0
    printed = capsys.readouterr().out
    assert "H: false / (true + false)" in printed
    assert "mixture less first" in printed
    assert "the mixture cannot see it" in printed
    assert (tmp_path / "o.json").exists()
    assert main(["caption-eval", str(tmp_path / "none.csv")]) == 2
