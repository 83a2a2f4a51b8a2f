"""What videos count with that lack a number: failing never wins, whatever the way to fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import Made, make_run

from hoigen.commands.compare import compare
from hoigen.core.registry import own_numbers
from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number, Score, reason_of, why_undefined
from hoigen.core.stats.paired import floor, swap_test, swap_tests
from hoigen.core.stats.resample import Draws
from hoigen.evaluation.models.columns import ranked_by
from hoigen.evaluation.models.counting import counted
from hoigen.evaluation.models.grid import Cell
from hoigen.evaluation.models.means import difference, like_the_best, mean_of
from hoigen.evaluation.models.tables import Asked, all_tables
from hoigen.evaluation.models.videos import NOT_YET, Video
from hoigen.interactions.prompts import choose

DRAWS = Draws(draws=1000, seed=0)
HOI = ("coarse_any", "coarse_pair", "fine_hoi", "fine_hoi_8fps", "fine_contact", "fine_whole", "fine_longest")
RANKING = [own_numbers()[name] for name in HOI]
WHOLE = own_numbers()["fine_whole"]


def simulated(model: str, vanishes: float, good: float, prompts: int = 80, why: str = "hardly seen") -> list[Video]:
    """Videos of a model that does well where the thing is there at all, and in which it vanishes in a share of them."""
    chance = np.random.default_rng(len(model))
    made = []
    for at in range(prompts):
        gone = at < vanishes * prompts
        value = None if gone else float(np.clip(good + chance.normal(0, 0.05), 0, 1))
        values: dict[str, float | None] = dict.fromkeys(HOI, value)
        reasons = dict.fromkeys(HOI, why) if gone else {}
        made.append(Video(model=model, prompt=f"p{at}", uri=f"/{model}/{at}.mp4", values=values, reasons=reasons))
    return made


@pytest.mark.parametrize("how", ["hardly seen", "the file cannot be read"])
def test_a_model_whose_objects_vanish_loses_in_every_ranking_column(how: str) -> None:
    models = {"vanishing": simulated("vanishing", 0.5, 0.86, why=how), "honest": simulated("honest", 0.0, 0.67)}
    asked = Asked(
        columns=RANKING, beside=[], pairs=[("vanishing", "honest")], changes=[], rank=WHOLE, by=["prompt"], ends=3,
        with_paper=False, draws=DRAWS, families=dict.fromkeys(HOI, "x"),
    )  # fmt: skip
    tables, tested = all_tables(models, asked)
    rows = {str(row[0]): row[1:] for row in tables[0].rows}
    for one, other in zip(rows["vanishing"], rows["honest"], strict=True):
        assert isinstance(one, Cell)
        assert isinstance(other, Cell)
        assert (one.estimate.value or 0) < (other.estimate.value or 0)
        assert (one.videos, one.of, other.videos, other.of) == (40, 80, 80, 80), "coverage stands beside"
        assert other.best
        assert not one.best
    for each in tested:
        assert each.prompts == 80, "tests go over all prompts that were asked"
        assert each.estimate.value is not None
        assert each.estimate.value > 0.15
        assert each.p_holm is not None
        assert each.p_holm < 0.01
    best = next(table for table in tables if table.name == "worst")
    assert all(isinstance(row[1], Cell) and row[1].estimate.value == 0 for row in best.rows), "what vanished is worst"


def test_what_no_reader_has_a_word_for_leaves_all_models_and_is_counted() -> None:
    one, other = simulated("a", 0.0, 0.5), simulated("bb", 0.0, 0.6)
    no_word = f"{NOT_MEASURABLE}the detector has no object 'harp'"
    other[3] = replace(other[3], values={**other[3].values, "fine_whole": None}, reasons={"fine_whole": no_word})
    nothing = f"{NOT_ASKED}'watch' is no contact"
    for at, videos in ((5, one), (5, other)):
        video = videos[at]
        videos[at] = replace(video, values={**video.values, "fine_whole": None}, reasons={"fine_whole": nothing})
    found = counted([*one, *other], [WHOLE])
    account = found.accounts["fine_whole"]
    assert (account.not_measurable, account.not_asked) == ({"p3"}, {"p5"})
    assert (account.left, account.prompts, account.failed, account.ranks) == (78, 80, 0, True)
    told = account.told("Whole")
    assert "78 of 80 prompts; 1 ask for no such thing, 1 not measurable" in told
    assert "no object 'harp'" in told
    by = {"a": found.videos[:80], "bb": found.videos[80:]}
    for videos in by.values():
        mean = mean_of(videos, "fine_whole", DRAWS)
        assert (mean.videos, mean.of, mean.prompts) == (78, 78, 78), "of both models alike"
    assert difference(by["a"], by["bb"], "fine_whole", DRAWS).prompts == 78


def test_videos_not_measured_yet_are_no_failures() -> None:
    videos = simulated("a", 0.5, 0.5, why=NOT_YET)
    found = counted(videos, [WHOLE])
    assert (found.accounts["fine_whole"].pending, found.accounts["fine_whole"].failed) == (40, 0)
    assert mean_of(found.videos, "fine_whole", DRAWS).estimate.value == pytest.approx(0.5, abs=0.05)


def test_a_number_without_a_worst_value_ranks_nothing_when_videos_lack_it() -> None:
    speed = Number(name="fine_whole", unit="m/s", better="less")
    whole = counted([*simulated("a", 0.0, 0.5), *simulated("bb", 0.0, 0.6)], [speed])
    assert whole.accounts["fine_whole"].ranks
    lacking = counted([*simulated("a", 0.5, 0.5), *simulated("bb", 0.0, 0.6)], [speed])
    assert not lacking.accounts["fine_whole"].ranks
    assert counted([], [speed]).videos == []


@pytest.mark.parametrize(
    ("declared", "worst"),
    [
        ({"share": True, "better": "more"}, 0.0),
        ({"share": True, "better": "less"}, 1.0),
        ({"unit": "s", "better": "more", "least": 0.0}, 0.0),
        ({"unit": "s", "better": "less"}, None),
        ({"share": True}, None),
    ],
)
def test_the_worst_that_a_number_can_be(declared: dict[str, Any], worst: float | None) -> None:
    assert Number(name="x", **declared).worst == worst


def test_reasons_of_several_numbers_are_told_apart_again() -> None:
    names = ("coarse_hoi", "coarse_any", "coarse_pair")
    detail = {"undefined": {"coarse_hoi": "no verb; coarse_pair: leaves it out", "coarse_pair": "a: b; c"}}
    told = why_undefined(detail, ["coarse_hoi", "coarse_pair"]) or ""
    assert reason_of(told, "coarse_pair", ("coarse_pair", "coarse_hoi")) == "a: b; c"
    assert reason_of("one for all: x", "coarse_any", names) == "one for all: x"
    both = why_undefined({"undefined": {"coarse_hoi": "why", "coarse_any": "why not"}}, ["coarse_hoi", "coarse_any"])
    assert [reason_of(both or "", name, names) for name in names] == ["why", "why not", ""]
    assert Score(None, {"reason": "x"}).value is None


def test_the_number_that_ranks_is_asked_of_most_prompts() -> None:
    videos = simulated("a", 0.0, 0.5)
    no_verb = f"{NOT_ASKED}the prompt names no verb"
    coarse = own_numbers()["coarse_hoi"]
    videos = [
        replace(
            video,
            values={**video.values, "coarse_hoi": 0.9 if at < 5 else None},
            reasons={} if at < 5 else {"coarse_hoi": no_verb},
        )
        for at, video in enumerate(videos)
    ]
    found = ranked_by([coarse, *RANKING], videos)
    assert found is not None
    assert found.name != "coarse_hoi", "five of eighty prompts rank nobody"


def test_the_best_is_marked_only_where_a_test_tells_it_apart() -> None:
    like = {"a": simulated("a", 0.0, 0.5), "bb": simulated("bb", 0.0, 0.5)}
    far = {"a": simulated("a", 0.0, 0.5), "bb": simulated("bb", 0.0, 0.6)}
    assert like_the_best(like, "bb", WHOLE, DRAWS) == ["a"]
    assert like_the_best(far, "bb", WHOLE, DRAWS) == []
    assert like_the_best(far, "a", WHOLE, DRAWS) == ["bb"], "the other way round nothing is shown"


def test_many_models_reach_the_level(tmp_path: Path) -> None:
    names = [f"m{at:02}" for at in range(30)]
    ids = [prompt.id for prompt in choose.suite("hico").prompts[:60]]
    chance = np.random.default_rng(0)
    videos = [
        Made(name, one, {"hoi_lite": float(np.clip(0.3 + 0.02 * at + chance.normal(0, 0.05), 0, 1)), "text_boxes": 0.0})
        for at, name in enumerate(names)
        for one in ids
    ]
    run = make_run(tmp_path / "r", videos)
    found = compare([run], baseline="m00", draws=500, measures=["hoi_lite"])
    last = next(each for each in found.differences if each.second == "m29")
    assert last.tests == 29
    assert last.p_holm is not None
    assert last.p_holm < 0.05
    assert last.floor < 0.05
    some = compare([run], models=["m00", "m01", "m29"], draws=500, measures=["hoi_lite"])
    assert {(each.first, each.second) for each in some.differences} == {
        ("m00", "m01"), ("m00", "m29"), ("m01", "m29"),
    }  # fmt: skip


def test_too_few_prompts_say_that_they_cannot_show_it(tmp_path: Path) -> None:
    ids = [prompt.id for prompt in choose.suite("hico").prompts[:4]]
    videos = [Made(m, one, {"hoi_lite": v}) for one in ids for m, v in (("a", 0.1), ("b", 0.9))]
    text = str(compare([make_run(tmp_path / "r", videos)], measures=["hoi_lite"]))
    assert "0.125*" in text
    assert "cannot give less than 0.05" in text


def test_swaps_in_one_go_give_what_each_gives_alone() -> None:
    chance = np.random.default_rng(3)
    for length in (6, 90):
        apart = [chance.normal(at / 20, 1, length) for at in range(4)]
        ones = np.ones(length)
        alone = [swap_test(np.stack([d, ones], 1), np.stack([0 * d, ones], 1), DRAWS) for d in apart]
        assert swap_tests(apart, DRAWS) == pytest.approx(alone)
    assert floor(4, DRAWS) == 0.125
    assert floor(90, DRAWS) == pytest.approx(1 / 1001)
