"""hoigen plan: what a recipe takes, by measured rates and no others."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from hoigen import video
from hoigen.commands.cli import main
from hoigen.commands.plan import Plan, plan
from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import UsageError
from hoigen.rules.cascade import build_steps
from hoigen.stages import rates
from hoigen.stages.rates import Footage, Rate, looked_at, rate_of, units_of

REPO = Path(__file__).resolve().parents[2]
HD = Footage(seconds=5, width=1280, height=720, fps=25)


def planned(tmp_path: Path, recipe: str, **how: Any) -> Plan:
    (tmp_path / "own.yaml").write_text(recipe)
    return plan(str(tmp_path / "own.yaml"), **{"cards": 0, "cores": 4, **how})


def rate(**how: Any) -> Rate:
    plain = {"step": "x", "network": "", "unit": "frames", "rate": 10.0, "on": "core", "size": 720, "machine": "m"}
    return Rate(**{**plain, "card": "", "date": "2026-11-27", "source": "s", **how})


def test_every_rate_has_its_source_and_is_of_what_runs_today() -> None:
    found = rates.read()
    assert len(found) > 15
    for each in found:
        assert (REPO / each.source).is_file(), each
        assert datetime.date.fromisoformat(each.date) <= datetime.date(2100, 1, 1)
        if each.step.startswith("shots: ") or each.step in ("run", "decode"):
            continue
        spec = {"text_boxes": {"detector": "dbnetpp"}} if "dbnet" in each.network else each.step
        [step] = build_steps([spec], {})
        if step.looking is not None:
            assert each.network == step.looking.observer.name
        else:
            assert each.network == "".join(network.build for network in getattr(step.measure, "networks", ())), each


def test_a_rate_without_a_source_is_none(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    head = ",".join(rates.COLUMNS)
    file.write_text(f"{head}\nx,,frames,3,core,720,m,,2026-11-27,docs/x.md,\ny,,frames,3,core,720,m,,2026-11-27,,\n")
    with pytest.raises(ValueError, match=r"rates\.csv, line 3: machine, date and source"):
        rates.read(file)
    file.write_text(f"{head}\nx,,frames,3,card,720,m,,2026-11-27,docs/x.md,\n")
    with pytest.raises(ValueError, match=r"line 2: .*a card exactly where"):
        rates.read(file)
    file.write_text(f"{head}\nx,,frames,many,core,720,m,,2026-11-27,docs/x.md,\n")
    with pytest.raises(ValueError, match="line 2: could not convert"):
        rates.read(file)


@pytest.mark.parametrize("sampling", [Sampling(frames=5), Sampling(fps=4), Sampling(fps=60), Sampling(frames=500)])
def test_as_many_frames_are_counted_as_the_decoder_gives(tiny_video: Path, sampling: Sampling) -> None:
    header = video.probe(str(tiny_video))
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    frames = video.decode(Clip(id="x", uri=str(tiny_video), end=header.duration, **size), [sampling])[sampling]
    assert looked_at(sampling, Footage(seconds=header.duration, **size)) == len(frames)


def test_units_and_the_nearest_rate() -> None:
    assert [units_of(unit, Sampling(fps=2), HD) for unit in rates.UNITS] == [10, 9, 4, 1]
    known = [rate(size=480, rate=1.0), rate(size=1080, rate=2.0), rate(size=1080, rate=3.0, date="2026-11-28")]
    assert rate_of("x", "core", HD, rates=known) == known[2], "the next larger, and the newest"
    assert rate_of("x", "core", Footage(seconds=5, width=3840, height=2160, fps=25), rates=known) == known[2]
    assert rate_of("x", "card", HD, rates=known) is None
    assert rate_of("x", "core", HD, "another network", rates=known) is None


def test_a_whole_run_that_was_measured_is_planned_about_right(tmp_path: Path) -> None:
    """docs/gpu.md: 27.7 clips a second; by hand 3 / 1334 + 7 / 191 seconds of the card, 100 / 428.6 of a core."""
    recipe = "shots: none\nmeasures: [aesthetics, unimatch_flow]\n"
    found = planned(tmp_path, recipe, seconds=4, cards=1, cores=16)
    assert found.missing == ()
    assert found.rate == pytest.approx(1 / (3 / 1334 + 7 / 191))
    assert 0.85 < (found.rate or 0) / 27.7 < 1.15
    assert found.seconds_on("core") == pytest.approx(100 / 428.6 + 1 / 3448)
    few = planned(tmp_path, recipe, seconds=4, cards=1, cores=1)
    assert few.rate == pytest.approx(1 / found.seconds_on("core")), "then the core is the slower of the two"
    many = planned(tmp_path, recipe, seconds=4, cards=4, cores=1000, clips=3600)
    assert many.rate == pytest.approx(4 * (found.rate or 0))
    assert many.hours == pytest.approx(1 / (many.rate or 1))
    assert "several processes" in many.notes[-1]


def test_cards_wait_while_shots_are_searched(tmp_path: Path) -> None:
    """By hand: 125 frames are searched at 223.3 a second, and then cards and cores work side by side."""
    measures = "measures: [aesthetics, unimatch_flow]\n"
    scores = planned(tmp_path, f"shots: none\n{measures}", cards=1, cores=16)
    whole = planned(tmp_path, f"shots: adaptive\n{measures}", cards=1, cores=16)
    assert 1 / (whole.rate or 1) == pytest.approx(125 / 223.3 / 16 + 1 / (scores.rate or 1))
    assert [cost.stage for cost in whole.costs] == ["scores", "clips", "scores", "scores", "scores"]


def test_what_has_no_rate_is_told_and_makes_a_lower_bound(tmp_path: Path) -> None:
    found = planned(tmp_path, "shots: none\nmeasures: [motion, {overall_consistency: {encoder: clip}}]\n", cards=1)
    assert found.missing == ("overall_consistency",), "the rate of another network is not taken"
    assert found.lower_bound
    assert "at most" in str(found)
    assert "not measured, so that times are lower bounds: overall_consistency" in str(found)
    whole = planned(tmp_path, "shots: none\nmeasures: [motion]\n", cards=1)
    assert not whole.lower_bound
    assert "at least" not in str(whole)


def test_without_a_card_networks_are_on_cores(tmp_path: Path) -> None:
    recipe = "shots: none\nmeasures: [unimatch_flow, aesthetics]\n"
    found = {cost.step: cost for cost in planned(tmp_path, recipe).costs}
    assert found["unimatch_flow"].on == "core"
    assert found["unimatch_flow"].seconds == pytest.approx(9 * 19.1, rel=1e-3)
    assert found["aesthetics"].rate is None
    assert planned(tmp_path, recipe).memory == {}


def test_one_look_is_paid_once() -> None:
    costs = {cost.step: cost.seconds for cost in plan("evaluate", cards=0, cores=2).costs}
    assert costs["hoi_failures"] == 0
    assert (costs["fine_hoi"] or 0) > 10 * (costs["coarse_hoi"] or 0) > 0, "as hoi_lite, which looks at the same frames"
    assert costs["hoi_lite"] == 0


def test_rates_of_other_sizes_are_told(tmp_path: Path) -> None:
    recipe = "shots: none\nmeasures: [technical_quality, motion, subject_consistency]\n"
    found = {cost.step: cost.against for cost in planned(tmp_path, recipe, cards=1).costs}
    assert found["technical_quality"] == "larger"
    assert found["motion"] == "", "it looks at 240 lines, whatever the video"
    assert found["subject_consistency"] == "smaller"
    assert planned(tmp_path, recipe, cards=1).lower_bound, "larger videos take longer"


def test_models_bytes_and_memory_of_both_stages() -> None:
    found = plan("paper", cards=1, cores=16)
    assert set(found.memory) == {"scores", "captions"}
    models = {model.name: model for model in found.models}
    assert models["clip_vitl14"].bytes == 890 << 20
    assert models["unimatch"].bytes is None
    assert "unimatch" in found.unknown
    assert models["ermu2001/pllava-7b"].used_by == ("hoi_judgement", "caption: first")
    small = {model.name: model for model in plan("lite", cards=1, cores=16).models}
    assert not small["text_detector"].on_card, "it runs in the workers"
    assert found.missing[-2:] == ("hoi_judgement", "captions")
    asked = [model for model in found.models if model.of_stage("captions")]
    assert found.memory["captions"] == sum(model.bytes or 0 for model in asked)
    assert len(asked) == 4


def test_json_and_what_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "lite", "--clips", "10", "--cards", "0", "--cores", "2", "--size", "640x360", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["clips"] == 10
    assert found["core_hours"] == pytest.approx(10 * sum(cost["seconds"] or 0 for cost in found["costs"]) / 3600)
    assert found["not_measured"] == ["captions"]
    for how, said in (
        ({"size": "720p"}, "--size: WIDTHxHEIGHT in pixels, as 1280x720; it came as '720p'"),
        ({"clips": 0}, "--clips: 1 or more; it came as 0"),
        ({"seconds": 0}, "--seconds: "),
        ({"cores": 0}, "--cores: 1 or more"),
        ({"set": ["measure=motion"]}, "measure"),
        ({"seconds": float("inf")}, "--seconds: more than 0; it came as inf"),
        ({"set": ["ranks=16"]}, "ranks: no key of a recipe any more"),
        ({"set": ["shots=adaptiv"]}, "did you mean 'adaptive'"),
        ({"set": ["memory_mb=much"]}, "memory_mb: a whole number"),
    ):
        with pytest.raises(UsageError, match=said):
            plan("lite", **how)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="did you mean 'vbench'"):
        plan("vbnech")
