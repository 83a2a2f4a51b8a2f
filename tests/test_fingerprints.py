"""Fingerprints of measures as they have always been: another one would leave all scores of earlier runs behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hoigen.cascade import build_steps

A = "a" * 40
BOXES, VERBS, POINTS = f"o/boxes@{A}", f"o/verbs@{A}", f"o/p@{A}"
MODELS = {"reader": "models", "boxes": f"o/b@{A}", "masks": f"o/m@{A}", "points": POINTS}


def open_model(name: str, **settings: Any) -> dict[str, Any]:
    return {"open_model": {"model": name, "revision": A, **settings}}


KNOWN: list[tuple[Any, str]] = [
    ("aesthetic_quality", "bb1b3467b198"),
    ("aesthetics", "45ae75d1bab6"),
    ({"aesthetics": {"dtype": "float16", "device": "cpu"}}, "4a1113c29581"),
    ("background_consistency", "7ed791dd4ba6"),
    ("coarse_hoi", "cf7f0a3b62c1"),
    ({"coarse_hoi": {"frames": 4, "theta": 0.4}}, "30f2a79907ae"),
    ({"coarse_hoi": {"detector": {"two_stage": {"boxes": BOXES, "verbs": VERBS, "batch": 3}}}}, "8e4944f9b583"),
    ({"coarse_hoi": {"detector": {"mllm": {"expert": open_model("o/m")}}}}, "69805f978a1c"),
    ("fine_hoi", "f8eb2afee83d"),
    ({"fine_hoi": {"variant": "binary", "follow": "several", "people": 2}}, "9661c8c7145a"),
    ({"fine_hoi": {**MODELS, "device": "cpu"}}, "587fe60ccb64"),
    ({"fine_hoi": {**MODELS, "propagate": True}}, "bb76e2402792"),
    ({"fine_hoi": {**MODELS, "masks": "grabcut", "dtype": "bfloat16", "batch": 2}}, "ce77c68394aa"),
    (
        {"hoi_judgement": {"describer": open_model("o/d"), "judge": open_model("o/j", sees=False)}},
        "cfadc4d9fadf",
    ),
    ("hoi_lite", "21bbfa321677"),
    ({"hoi_lite": {"sampling": {"frames": 3}}}, "8557914fe682"),
    ("imaging_quality", "f72b15f7688a"),
    ({"imaging_quality": {"original": True, "resize": "shorter", "batch": 2}}, "1e706d3d37f2"),
    ("metadata", "25951e48cb20"),
    ("motion", "da1042a671f1"),
    ("motion_smoothness", "8bcd5a8ce905"),
    ({"motion_smoothness": {"interpolator": "flow"}}, "8123e4753fa1"),
    ("overall_consistency", "87649ab2d45e"),
    ({"overall_consistency": {"encoder": "clip"}}, "38478c725607"),
    ("subject_consistency", "8e042bc2f551"),
    ("technical_quality", "294e144c89ec"),
    ("temporal_flickering", "3aa37de297cf"),
    ("text_boxes", "6222d0ee338a"),
    ({"text_boxes": {"support": 1}}, "5cf235dd7ee2"),
    ("unimatch_flow", "d18518ae17b4"),
    ({"unimatch_flow": {"batch": 4, "dtype": "float16"}}, "7cb21e45c530"),
]


@pytest.mark.parametrize(("spec", "expected"), KNOWN)
def test_fingerprints_stay(spec: Any, expected: str) -> None:
    [step] = build_steps([spec], {})
    assert step.fingerprint == expected


def test_those_of_own_files_stay(tmp_path: Path) -> None:
    (tmp_path / "scenes.jsonl").write_text('{"hoigen_scenes": 1, "pipeline": "p"}\n')
    (tmp_path / "own.pt").write_bytes(b"weights")
    own = str(tmp_path / "own.pt")
    known: list[tuple[Any, str]] = [
        ({"fine_hoi": {"reader": "recorded", "recording": str(tmp_path / "scenes.jsonl")}}, "f846a4accd98"),
        ({"coarse_hoi": {"detector": {"ada_cm": {"checkpoint": own, "clip": f"o/c@{A}"}}}}, "ef91a34f4136"),
        ({"coarse_hoi": {"detector": {"ada_cm": {"detr": own, "memory": own, "shots": 3}}}}, "a31f86439796"),
        ({"subject_consistency": {"checkpoint": own}}, "20b381c69a82"),
    ]
    for spec, expected in known:
        [step] = build_steps([spec], {})
        assert step.fingerprint == expected, spec
