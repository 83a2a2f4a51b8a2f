"""Captions of real clips by real small models, without a network."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.data.run import Run
from hoigen.recipe.build import recipe_of
from hoigen.recipe.yaml import load_recipe, recipe_path
from hoigen.stages.captioned import caption_rows

NAMES = ("AvVDsFBc6bA.0.mp4", "vsMjj2Pu9TM.99.mp4")
EYES = {
    "first": {"detectors": {}},
    "second": {"detectors": {"sampling": {"frames": 4, "short_side": 240}}},
    "third": {"detectors": {"sampling": {"frames": 6, "short_side": 360}}},
}


@pytest.fixture(scope="module")
def kept(shared_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the lite recipe over two of the labelled clips, both of which it keeps."""
    run = tmp_path_factory.mktemp("real") / "run"
    recipe = load_recipe(recipe_path("lite")) | {"shots": "none", "report": False, "run": str(run)}
    recipe["videos"] = [str(shared_clips / name) for name in NAMES]
    recipe["keep"]["short_side"] = {"min": 300}
    funnel = hoigen.curate(recipe_of(recipe, "lite"), quiet=True)
    assert funnel.counts["kept"] == 2
    return run


def texts(run: Path) -> list[str]:
    return [row["text"] for row in caption_rows(Run(run))]


def test_grounded_says_what_was_seen(kept: Path) -> None:
    result = hoigen.caption(kept, quiet=True)
    assert dict(result.paths) == {"grounded": 2}
    dough, bicycle = texts(kept)
    assert "dough" in dough
    assert "bicycle" in bicycle
    page = (kept / "report.html").read_text()
    assert dough in page


def test_detectors_are_an_expert(kept: Path) -> None:
    result = hoigen.caption(kept, set=["captioner={single: {expert: {detectors: {}}}}"], quiet=True)
    assert dict(result.paths) == {"single": 2}
    assert "dough" in texts(kept)[0]
    [row, _] = caption_rows(Run(kept))
    [call] = json.loads(row["trace"])
    assert (call["outcome"], call["expert"]) == ("answered", "hoi_lite")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs extra [models]")
def test_a_whole_mixture_of_small_models_ends_in_typed_outcomes(kept: Path, tmp_path: Path) -> None:
    decision = {"local_llm": {"model": "smollm2", "max_tokens": 12}}
    spec: dict[str, Any] = {"captioner": {"mixture": EYES | {"decision": decision}}}
    (tmp_path / "small.json").write_text(json.dumps({"caption": spec}))
    result = hoigen.caption(kept, recipe=tmp_path / "small.json", quiet=True)
    assert result.kept == 2
    for row in caption_rows(Run(kept)):
        trace = json.loads(row["trace"])
        assert {call["role"] for call in trace} >= {"first", "second", "decision"}
        # 12 tokens cannot hold the JSON that was asked for: that is an outcome, and no caption
        assert row["text"] is None
        assert row["reason"].startswith("decision ")
        assert {call["outcome"] for call in trace if call["role"] == "decision"} <= {"truncated", "malformed"}
