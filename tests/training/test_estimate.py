"""What --plan says of memory, against what benchmarks/train_gpu.py measured on a card."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from hoigen.training.finetune.estimate import estimate
from hoigen.training.finetune.families import CogVideoX, Wan

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_memory_is_that_of_a_card_within_a_third() -> None:
    spec = importlib.util.spec_from_file_location("train_gpu", BENCHMARKS / "train_gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows, compared = json.loads((BENCHMARKS / "train_gpu.json").read_text())["rows"], 0
    for row in rows:
        size = module.SIZES[row["model"]]
        cog = size["class"].startswith("CogVideoX")
        for key in ("checkpointing", "activations kept"):
            found = estimate(
                parameters=row["parameters"],
                trained=row["trained"],
                tokens=row["tokens"],
                width=size["config"]["num_attention_heads"] * size["config"].get("attention_head_dim", 64),
                layers=size["config"]["num_layers"],
                kept=(CogVideoX if cog else Wan).kept,
                batch=1,
                accumulate=1,
                precision="bfloat16",
                checkpointing=key == "checkpointing",
                ema=False,
                eight_bit=False,
                steps=1,
                device="cpu",
                disk=0,
            )
            if row[key] == "too little memory":
                assert found.memory > 139e9, row["model"]
                continue
            assert found.memory / 1e9 == pytest.approx(row[key]["peak GB"], rel=1 / 3), (row["model"], key)
            compared += 1
    assert compared == 8
