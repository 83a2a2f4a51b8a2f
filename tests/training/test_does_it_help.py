"""The judge of benchmarks/does_it_help.py on clips whose truth is known; its arms; its analysis."""

from __future__ import annotations

import importlib.util
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
    assert sorted(arms["shuffled"][1][kept]) == sorted(true[kept])
    assert (arms["shuffled"][1][kept] != true[kept]).mean() > 0.5
    assert (arms["one_wrong"][1][kept] != true[kept]).sum() == len(kept) // 4
    assert set(arms["one_wrong"][1][kept]) <= {0, 1, 2, 3}, "wrong directions of the same interaction"


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
