"""The judge of benchmarks/does_it_help.py on clips whose truth is known; its arms; its analysis."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "does_it_help.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("does_it_help", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_judge_passes_contact_in_its_own_direction_and_nothing_else(bench: Any) -> None:
    chance = np.random.default_rng(0)
    for direction in range(4):
        for kind in bench.KINDS:
            clips = [bench.scene(kind, direction, chance) for _ in range(40)]
            assert sum(bench.judged(clip, direction) for clip in clips) == (40 if kind == "contact" else 0)
            assert not any(bench.judged(clip, (direction + 1) % 4) for clip in clips)
    assert not bench.judged(chance.random((8, 16, 16, 3)).astype(np.float32), 0)
    assert not bench.judged(np.zeros((8, 16, 16, 3), np.float32), 0)


def test_the_arms(bench: Any) -> None:
    chance = np.random.default_rng(1)
    kinds, directions = chance.integers(0, 3, 300), chance.integers(0, 4, 300)
    arms = {name: bench.arm_of(name, kinds, directions, 3) for name in bench.ARMS}
    kept, true = arms["kept"]
    assert set(kinds[kept]) == {0}
    assert len(arms["random"][0]) == len(kept) == (kinds == 0).sum()
    assert set(kinds[arms["random"][0]]) == {0, 1, 2}
    assert len(arms["all"][0]) == 300
    assert len(arms["believed"][0]) == 300
    assert (arms["believed"][1] == directions).all(), "what does not touch is said to be contact in its direction"
    assert sorted(arms["shuffled"][1][kept]) == sorted(true[kept])
    assert (arms["shuffled"][1][kept] != true[kept]).mean() > 0.5
    assert (arms["one_wrong"][1][kept] != true[kept]).sum() == len(kept) // 4
    assert set(arms["one_wrong"][1][kept]) <= {0, 1, 2, 3}, "wrong directions of the same interaction"


def test_the_steps_that_the_pilot_takes(bench: Any) -> None:
    assert bench.chosen({2500: 0.2, 5000: 0.5, 10_000: 0.6}) == 5000, "the fewest in the range"
    assert bench.chosen({2500: 0.30, 5000: 0.9, 10_000: 0.5}) == 2500
    assert bench.chosen({2500: 0.0, 5000: 0.1, 10_000: 0.2}) == 10_000, "none in it: the nearest"
    assert bench.chosen({2500: 0.9, 5000: 0.95, 10_000: 0.99}) == 2500
    assert bench.chosen({2500: 0.0, 5000: 0.0, 10_000: 0.0}) == 2500, "equally near: the fewest"


def test_a_seed_is_the_same_again_and_another_is_not(bench: Any) -> None:
    pytest.importorskip("torch")
    sizes = bench.TRIAL | {"pool": 12, "asked": 1, "sampling": 1}
    way = {"device": "cpu", "bfloat16": False, "last": False, "graph": False}
    once, again, other = (bench.run(seed, 2, way, sizes) for seed in (0, 0, 1))
    assert list(once) == ["base", *bench.ARMS, "seconds"]
    losses = [{name: each[name] for name in ("base", *bench.ARMS)} for each in (once, again, other)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_training_brings_the_loss_down_and_looks_on_the_way(bench: Any) -> None:
    torch = pytest.importorskip("torch")
    way = {"device": "cpu", "bfloat16": False, "last": True, "graph": False}
    net, clips, kinds, directions = bench.begun(0, way, bench.TRIAL)
    said, seen = torch.from_numpy(kinds * 4 + directions), []
    first = bench.trained(net, clips, said, 1, 1e-3, 0, way, 2)
    assert bench.trained(net, clips, said, 30, 1e-2, 0, way, 2, seen.append) < 0.8 * first
    assert seen == list(range(1, 31))


def test_the_analysis(bench: Any) -> None:
    shares = {"kept": (0.8, 0.9, 0.7), "all": (0.5, 0.6, 0.4)}
    seeds = {
        str(at): {name: {"share": shares.get(name, (0.1,) * 3)[at]} for name in ("base", *bench.ARMS)}
        for at in range(3)
    }
    found = bench.analysed(seeds)["kept - all"]
    assert found["mean"] == pytest.approx(0.3)
    assert found["half"] == pytest.approx(0, abs=1e-9)
    assert bench.analysed(seeds)["kept - base"]["half"] == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)


def test_what_is_published_is_what_was_found(bench: Any) -> None:
    told = json.loads(FILE.with_suffix(".json").read_text())
    assert told["analysis"] == bench.analysed(told["seeds"])
    assert len(told["seeds"]) == 10
    assert str(bench.PILOT) not in told["seeds"]
    assert told["pilot"]["steps"] == bench.chosen({int(at): each for at, each in told["pilot"]["shares"].items()})
    assert (FILE.parents[1] / "docs" / "figures" / "does_it_help.svg").read_text() == bench.drawn(told["seeds"])
