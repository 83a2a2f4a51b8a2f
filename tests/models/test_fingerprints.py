"""Fingerprints of measures and captioners as they have always been: another one would leave the scores and captions of
earlier runs behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import model_cases
import pytest

from hoigen.data.tables import digest_of
from hoigen.recipe.build import make
from hoigen.rules.cascade import build_steps

PRINTS: dict[str, str] = json.loads((Path(__file__).parent / "data" / "fingerprints.json").read_text())
"""Of all that recipes say and of each setting that switches a model, as before models had cards, but for what is to be
made anew: `metadata` (revision 2: clocks are mended), `imaging_quality` (its checkpoint's whole digest is known), what
local models answer (JSON held to its schema), `hoi_judgement` (the judge gives evidence before its verdict), all
that goes by observations (nobody is believed on one detector's word), `fine_hoi` and `hoi_failures` (animals in busy
pictures)."""

A = "a" * 40
BOXES, VERBS, POINTS = f"o/boxes@{A}", f"o/verbs@{A}", f"o/p@{A}"
MODELS = {"boxes": f"o/b@{A}", "masks": f"o/m@{A}", "points": POINTS}


def open_model(name: str, **settings: Any) -> dict[str, Any]:
    return {"open_model": {"model": name, "revision": A, **settings}}


OTHERS: list[tuple[Any, str]] = [
    ({"aesthetics": {"dtype": "float16", "device": "cpu"}}, "4a1113c29581"),
    ({"coarse_hoi": {"frames": 4, "theta": 0.4}}, "8f0724a03465"),
    ({"coarse_hoi": {"observer": {"two_stage": {"boxes": BOXES, "verbs": VERBS, "batch": 3}}}}, "d8ab343e4491"),
    ({"coarse_hoi": {"observer": {"mllm": {"expert": open_model("o/m")}}}}, "29d807667c20"),
    ({"fine_hoi": {"variant": "binary", "follow": "several", "people": 2}}, "4c3b4dd32684"),
    ({"fine_hoi": {"observer": {"models": {**MODELS, "device": "cpu"}}}}, "4eca91c3855f"),
    ({"fine_hoi": {"observer": {"models": {**MODELS, "propagate": True}}}}, "19e671d89660"),
    (
        {"fine_hoi": {"observer": {"models": {**MODELS, "masks": "grabcut", "dtype": "bfloat16", "batch": 2}}}},
        "c2a6e8202d8c",
    ),
    (
        {"hoi_judgement": {"describer": open_model("o/d"), "judge": open_model("o/j", sees=False)}},
        "b0233bffacd7",
    ),
    ({"hoi_lite": {"sampling": {"frames": 3}}}, "9a6f31fe3bea"),
    ({"imaging_quality": {"original": True, "resize": "shorter", "batch": 2}}, "1e706d3d37f2"),
    ({"text_boxes": {"support": 1}}, "5cf235dd7ee2"),
    ({"unimatch_flow": {"batch": 4, "dtype": "float16"}}, "7cb21e45c530"),
]
"""Of settings that switch no model, or name another one."""


def print_of(kind: str, spec: Any) -> str:
    """The fingerprint of a measure, or what a caption depends on of the experts."""
    if kind == "measure":
        return build_steps([spec], {})[0].fingerprint
    experts = make("captioner", spec, "caption.captioner").experts
    return digest_of({role: dict(expert.identity) for role, expert in experts.items()})


def test_those_of_recipes_and_of_settings_that_switch_a_model_stay(tmp_path: Path) -> None:
    assert {name: print_of(kind, spec) for name, kind, spec in model_cases.cases(tmp_path)} == PRINTS


@pytest.mark.parametrize(("spec", "expected"), OTHERS)
def test_those_of_other_settings_stay(spec: Any, expected: str) -> None:
    assert print_of("measure", spec) == expected


def test_those_of_own_files_stay(tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(b"weights")
    own = str(tmp_path / "own.pt")
    spec = {"coarse_hoi": {"observer": {"ada_cm": {"detr": own, "memory": own, "shots": 3}}}}
    assert print_of("measure", spec) == "d4678d3a72ce"
