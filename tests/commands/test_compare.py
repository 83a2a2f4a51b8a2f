"""hoigen compare: numbers against what they must be, and what is told when they cannot be."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation" / "models"))

from made_runs import MEASURES, PROMPTS, Made, make_run

from hoigen.commands.compare import Compared, compare
from hoigen.core.errors import UsageError
from hoigen.evaluation.models.grid import Cell

IDS = list(PROMPTS)


def values(hoi: float, quality: float = 0.5) -> dict[str, float]:
    return {"hoi_lite": hoi, "technical_quality": quality, "text_boxes": 0.0, "text_area": 0.0}


def noisy(model: str, shift: float, count: int = 40, **more: Any) -> list[Made]:
    """Two videos a prompt; hoi_lite differs by prompt, a model shifts all."""
    chance = np.random.default_rng(7)
    level, own = chance.uniform(0.2, 0.6, count), np.random.default_rng(len(model)).normal(0, 0.03, (count, 2))
    return [
        Made(model, name, values(float(level[at] + shift + own[at, k])), sample=k, **more)
        for (at, name), k in itertools.product(enumerate(IDS[:count]), range(2))
    ]


def table(result: Compared, name: str) -> dict[str, dict[str, Any]]:
    found = next(each for each in result.tables if each.name == name)
    return {str(row[0]): dict(zip(found.header[1:], row[1:], strict=True)) for row in found.rows}


def test_means_count_every_video_and_intervals_every_prompt(tmp_path: Path) -> None:
    videos = noisy("a", 0.0)
    result = compare([make_run(tmp_path / "r", videos)], draws=2000)
    cell: Cell = table(result, "models")["a"]["hoi_lite"]
    given = np.array([video.values["hoi_lite"] for video in videos])
    assert cell.estimate.value == pytest.approx(given.mean())
    assert cell.estimate.low is not None
    assert cell.estimate.high is not None
    by_prompt = given.reshape(40, 2).mean(1)
    wide = 2 * 1.96 * by_prompt.std(ddof=1) / 40**0.5
    assert cell.estimate.high - cell.estimate.low == pytest.approx(wide, rel=0.1), "80 videos are 40 prompts, not 80"


def test_a_difference_within_prompts_is_found_though_prompts_differ_more(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "one", noisy("a", 0.0)), make_run(tmp_path / "two", noisy("bb", 0.05))]
    result = compare(runs, draws=2000)
    [found] = [each for each in result.differences if each.name == "hoi_lite"]
    assert found.prompts == 40
    assert found.estimate.value == pytest.approx(0.05, abs=0.02)
    assert found.p is not None
    assert found.p < 0.001
    assert found.p_holm is not None
    assert found.p_holm >= found.p
    assert found.seen_from is not None
    assert 0.005 < found.seen_from < 0.03
    assert "< 0.001" in str(result)


def test_no_difference_is_not_found_more_often_than_the_level_says() -> None:
    from hoigen.core.stats.resample import Draws
    from hoigen.evaluation.models.means import difference
    from hoigen.evaluation.models.videos import Video

    chance = np.random.default_rng(11)
    found = 0
    for _ in range(200):
        level = chance.uniform(0, 1, 25)
        sides = [
            [Video(model=m, prompt=str(at), uri="", values={"x": float(v)}) for at, v in enumerate(level + noise)]
            for m, noise in (("a", chance.normal(0, 0.1, 25)), ("b", chance.normal(0, 0.1, 25)))
        ]
        p = difference(sides[0], sides[1], "x", Draws(draws=300)).p
        found += p is not None and p < 0.05
    assert found <= 20, "5 % of 200 is 10; more than 20 has a chance below 0.001"


def test_the_number_of_samples_gives_no_prompt_more_weight_in_a_test(tmp_path: Path) -> None:
    one = [Made("a", IDS[0], values(0.1), sample=k) for k in range(9)] + [Made("a", IDS[1], values(0.9))]
    other = [Made("b", IDS[0], values(0.1)), Made("b", IDS[1], values(0.9))]
    result = compare([make_run(tmp_path / "r", one + other)])
    [found] = [each for each in result.differences if each.name == "hoi_lite"]
    assert found.estimate.value == pytest.approx(0, abs=1e-12)
    assert found.p == 1.0
    assert any("videos per prompt" in warning for warning in result.warnings)


def test_undefined_is_named_with_the_reason_and_counted(tmp_path: Path) -> None:
    some = [Made("a", IDS[0], values(0.5)), Made("a", IDS[1], values(0.7)), Made("a", IDS[2])]
    none = [Made("b", name, why="no hands") for name in IDS[:2]] + [Made("b", IDS[2], failed="it broke")]
    result = compare([make_run(tmp_path / "r", some + none)], by=["category", "verb", "prompt", "seen"])
    cells = table(result, "models")
    assert cells["a"]["hoi_lite"].estimate.value == pytest.approx(0.4), "what was looked for and is not there is 0"
    assert (cells["a"]["hoi_lite"].videos, cells["a"]["hoi_lite"].of) == (2, 3)
    assert cells["b"]["hoi_lite"].estimate.value == 0.0
    boxes = cells["b"].get("text_boxes", cells["b"].get("Text Boxes"))
    assert boxes.estimate.value is None, "of which nobody can say what it would have been"
    text = str(result)
    assert "(2/3)" in text
    assert "no hands (2); hoi_lite failed: it broke (1)" in text
    assert any("b: 1 of 3 videos failed" in warning for warning in result.warnings)
    assert "b has no such number" in text
    assert "no prompt has a count of captions" in text
    for format in ("markdown", "csv", "latex", "html"):
        assert "nan" not in str(compare([tmp_path / "r"], format=format)).lower()  # type: ignore[arg-type]


def test_models_that_differ_in_frame_rate_length_and_size_are_warned_of(tmp_path: Path) -> None:
    slow = noisy("a", 0, 4, fps=8, seconds=6, size=(720, 480))
    quick = noisy("bb", 0, 4, fps=24)
    warnings = "\n".join(compare([make_run(tmp_path / "r", slow + quick)]).warnings)
    for words in ("frame rate (a 8, bb 24 fps)", "length (a 6, bb 5 s)", "resolution (a 480, bb 360 px"):
        assert words in warnings
    assert not compare([make_run(tmp_path / "same", noisy("a", 0, 4, fps=23.976) + noisy("bb", 0, 4))]).warnings


def test_other_settings_and_other_prompts_are_warned_of(tmp_path: Path) -> None:
    other = ["hoi_lite", {"technical_quality": {"sampling": {"frames": 3}}}, "text_boxes"]
    runs = [make_run(tmp_path / "one", noisy("a", 0, 4)), make_run(tmp_path / "two", noisy("bb", 0, 5), other)]
    warnings = "\n".join(compare(runs).warnings)
    assert "technical_quality was measured with other settings" in warnings
    assert "hoi_lite was measured" not in warnings
    assert "a 4" in warnings
    assert "--common" in warnings
    common = compare(runs, common=True)
    assert table(common, "models")["bb"]["hoi_lite"].of == 8


def test_before_and_after_with_the_papers_tables(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("base", 0.0) + noisy("tuned", 0.1))
    result = compare([run], before=["base"], after=["tuned"], paper=True)
    rows = table(result, "changes")
    change: Cell = rows["change of tuned"]["hoi_lite"]
    assert change.best
    assert change.estimate.value == pytest.approx(
        rows["tuned"]["hoi_lite"].estimate.value - rows["base"]["hoi_lite"].estimate.value
    )
    assert rows["CogVideoX-5B, fine-tuned (paper, table 4)"]["CoarseHOIScore"].estimate.value == 0.4404
    assert table(result, "models")["Kling 1.5 (paper, table 2)"]["CoarseHOIScore"].estimate.value == 0.4272
    assert table(result, "models")["base"]["CoarseHOIScore"] == "–", "not measured is no failure"
    assert re.search(r"not measured in these runs \(.*CoarseHOIScore", str(result))


def test_groups_and_ends_are_in_order(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", [Made("a", name, values(at / 306)) for at, name in enumerate(IDS)])
    result = compare([run], by=["object"], ends=3, draws=200)
    assert list(table(result, "best")) == [PROMPTS[name].short for name in IDS[:-4:-1]]
    assert list(table(result, "worst")) == [PROMPTS[name].short for name in IDS[:3]]
    middles = [row["a"].estimate.value for row in table(result, "by_object").values()]
    assert middles == sorted(middles, reverse=True)
    assert len(middles) == 75


def test_groups_are_about_a_score_that_videos_have(tmp_path: Path) -> None:
    videos = [Made("a", name, {"hoi_lite": 0.5, "coarse_pair": 0.25}) for name in IDS[:4]]
    run = make_run(tmp_path / "r", videos, ["hoi_lite", "coarse_hoi"])
    assert "Best interactions in Coarse, person and object" in str(compare([run]))
    assert "Best interactions in hoi_lite" in str(compare([run], rank="hoi_lite"))


def test_in_and_out_of_distribution_prompts(tmp_path: Path) -> None:
    videos = [
        Made("a", name, values(0.9 if at < 20 else 0.2), seen=max(0, 40 - at)) for at, name in enumerate(IDS[:80])
    ]
    result = compare([make_run(tmp_path / "r", videos)], by=["seen"], draws=200)
    rows = table(result, "by_seen")
    assert rows["in distribution"]["a"].estimate.value == pytest.approx(0.9)
    assert rows["out of distribution"]["a"].estimate.value == pytest.approx(0.2)
    assert {row["prompts"] for row in rows.values()} == {"20"}
    assert "40 prompts are in neither group" in str(result)


def test_vbenchs_files_stand_beside_runs_and_come_out_again(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("a", 0.0, 6))
    videos = [{"video_path": f"/x/{PROMPTS[name].short}-0.mp4", "video_results": 0.5} for name in IDS[:6]]
    file = tmp_path / "their_eval_results.json"
    file.write_text(json.dumps({"hoi_lite": [0.5, videos]}))
    (tmp_path / "suite.txt").write_text("".join(f"{PROMPTS[name].short}\n" for name in IDS))
    from hoigen.commands.prompts import prompts

    prompts(tmp_path / "suite.json")
    result = compare([run, file], prompts=tmp_path / "suite.json", vbench=tmp_path / "out")
    [found] = [each for each in result.differences if each.name == "hoi_lite"]
    assert (found.first, found.second, found.prompts) == ("a", "their", 6)
    again = compare([tmp_path / "out" / "a_eval_results.json"], prompts=tmp_path / "suite.json")
    before = table(result, "models")["a"]["hoi_lite"].estimate
    after = table(again, "models")["a"]["hoi_lite"].estimate
    assert (after.value, after.low, after.high) == pytest.approx((before.value, before.low, before.high))


def test_models_of_one_name_are_told_apart_by_run(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, noisy("a", shift, 4)) for name, shift in (("one", 0.0), ("two", 0.1))]
    assert list(table(compare(runs), "models")) == ["a (one)", "a (two)"]


def test_csv_goes_to_a_file_and_holds_every_cell(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("a", 0, 4) + noisy("bb", 0.1, 4))
    compare([run], format="csv", out=tmp_path / "t.csv", ends=0)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
    models = [row for row in rows if row["table"] == "models" and row["column"] != "note"]
    assert len(models) == 2 * len(MEASURES)
    assert all(0 <= float(row["value"]) <= 1 for row in models)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"measures": ["hoi_lit"]}, "did you mean 'hoi_lite'"),
        ({"baseline": "b"}, "--baseline 'b' is no model"),
        ({"before": ["a"]}, "come in pairs"),
        ({"before": ["a"], "after": ["a"]}, "are both 'a'"),
        ({"before": ["a"], "after": ["c"]}, "--after 'c' is no model"),
        ({"rank": "nothing"}, "--rank nothing"),
        ({"by": ["colour"]}, "--by: one of verb"),
        ({"draws": 5}, "--draws is at least 100"),
        ({"ends": -1}, "--ends is 0 or more"),
        ({"out": Path("/nowhere/x.md")}, "no such folder /nowhere"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: Any, words: str) -> None:
    run = make_run(tmp_path / "r", noisy("a", 0, 4) + noisy("bb", 0, 4))
    with pytest.raises(UsageError) as error:
        compare([run], **options)
    assert words in str(error.value)


def test_bad_runs_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("a", 0, 2))
    (tmp_path / "empty").mkdir()
    for runs, words in (
        ([tmp_path / "none"], "there is no such folder"),
        ([tmp_path / "empty"], "is not a run"),
        ([run, run], "is given twice"),
        ([], "at least one run"),
        ([make_run(tmp_path / "bare", [])], "has no videos yet"),
    ):
        with pytest.raises(UsageError) as error:
            compare(runs)
        assert words in str(error.value)


def test_the_command_line_takes_several_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hoigen.commands.cli import main

    runs = [str(make_run(tmp_path / name, noisy(name, 0.0, 4))) for name in ("a", "bb", "ccc")]
    assert main(["compare", *runs, "--by", "verb", "--by", "object", "--ends", "0", "--draws", "200"]) == 0
    out = capsys.readouterr().out
    assert "ccc minus a, on the same prompts" in out
    assert "hoi_lite by object" in out
    assert main(["compare", *runs, "--by", "colour"]) == 2
    assert "--by: one of verb" in capsys.readouterr().err


def test_a_pair_is_tested_once_whichever_way_it_is_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("a", 0.0) + noisy("b", 0.02))
    plain = compare([run], draws=500)
    both = compare([run], draws=500, before=["b"], after=["a"])
    assert len(both.differences) == len(plain.differences)
    holm = {each.name: each.p_holm for each in plain.differences}
    assert {each.name: each.p_holm for each in both.differences} == holm


def test_common_prompts_are_not_warned_of(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("a", 0.0) + noisy("b", 0.0, count=20))
    assert any("different prompts" in each for each in compare([run], draws=500).warnings)
    assert not any("different prompts" in each for each in compare([run], draws=500, common=True).warnings)


def test_vbenchs_files_of_two_models_are_two(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", noisy("a b", 0.0) + noisy("a_b", 0.0))
    with pytest.raises(UsageError, match="the models 'a b' and 'a_b' would be one file"):
        compare([run], draws=500, vbench=tmp_path / "out")
    with pytest.raises(UsageError, match="--seed is 0 or more"):
        compare([run], seed=-1)
