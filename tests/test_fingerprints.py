"""Fingerprints of measures as they have always been: another one would leave all scores of earlier runs behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hoigen.cascade import build_steps

A = "a" * 40
BOXES, VERBS, POINTS = f"o/boxes@{A}", f"o/verbs@{A}", f"o/p@{A}"
MODELS = {"boxes": f"o/b@{A}", "masks": f"o/m@{A}", "points": POINTS}


def open_model(name: str, **settings: Any) -> dict[str, Any]:
    return {"open_model": {"model": name, "revision": A, **settings}}


KNOWN: list[tuple[Any, str]] = [
    ("aesthetic_quality", "bb1b3467b198"),
    ("aesthetics", "45ae75d1bab6"),
    ({"aesthetics": {"dtype": "float16", "device": "cpu"}}, "4a1113c29581"),
    ("background_consistency", "7ed791dd4ba6"),
    ("coarse_hoi", "31f9d1537eba"),
    ({"coarse_hoi": {"frames": 4, "theta": 0.4}}, "ba21712d0818"),
    ({"coarse_hoi": {"observer": {"two_stage": {"boxes": BOXES, "verbs": VERBS, "batch": 3}}}}, "a4c39c346c6b"),
    ({"coarse_hoi": {"observer": {"mllm": {"expert": open_model("o/m")}}}}, "f1e00fb0d6b9"),
    ("fine_hoi", "3178849b9c9f"),
    ({"fine_hoi": {"variant": "binary", "follow": "several", "people": 2}}, "eacadc52ee88"),
    ({"fine_hoi": {"observer": {"models": {**MODELS, "device": "cpu"}}}}, "532474a4e886"),
    ({"fine_hoi": {"observer": {"models": {**MODELS, "propagate": True}}}}, "ab1d70df0398"),
    (
        {"fine_hoi": {"observer": {"models": {**MODELS, "masks": "grabcut", "dtype": "bfloat16", "batch": 2}}}},
        "b05d7d82fbf2",
    ),
    (
        {"hoi_judgement": {"describer": open_model("o/d"), "judge": open_model("o/j", sees=False)}},
        "cfadc4d9fadf",
    ),
    ("hoi_lite", "800e8be2cfb9"),
    ({"hoi_lite": {"sampling": {"frames": 3}}}, "85d178cba073"),
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
        ({"fine_hoi": {"observer": {"recorded": {"file": str(tmp_path / "scenes.jsonl")}}}}, "d36f175c5a93"),
        ({"coarse_hoi": {"observer": {"ada_cm": {"checkpoint": own, "clip": f"o/c@{A}"}}}}, "a0bd92c5b228"),
        ({"coarse_hoi": {"observer": {"ada_cm": {"detr": own, "memory": own, "shots": 3}}}}, "8bfa492c3ff3"),
        ({"subject_consistency": {"checkpoint": own}}, "20b381c69a82"),
    ]
    for spec, expected in known:
        [step] = build_steps([spec], {})
        assert step.fingerprint == expected, spec
