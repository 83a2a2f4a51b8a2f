"""Every setting that switches a model, as measures and captioners of a recipe; with files whose content is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

RECIPES = Path(__file__).resolve().parents[2] / "src" / "hoigen" / "recipe" / "recipes"
LOCAL = {"open_model": {"model": "smollm2", "sees": False}}
SERVED = {"open_model": {"model": "Qwen/Qwen3-VL-8B-Instruct", "url": "http://127.0.0.1:9/v1"}}
PINNED = "0123456789abcdef0123456789abcdef01234567"

OWN = {
    "own.pth": b"a checkpoint of one's own",
    "head.pth": b"a head of one's own",
    "detr.pth": b"a detr of one's own",
    "memory.p": b"a memory of one's own",
    "scenes.jsonl": json.dumps({"hoigen_scenes": 1, "pipeline": "elsewhere"}).encode() + b"\n",
    "pairs.jsonl": json.dumps({"hoigen_detections": 1, "detector": "elsewhere", "verbs": "hico", "theta": 0.2}).encode()
    + b"\n",
}

MEASURES: Mapping[str, Any] = {
    "subject_consistency own": {"subject_consistency": {"checkpoint": "own.pth"}},
    "subject_consistency half": {"subject_consistency": {"dtype": "float16"}},
    "background_consistency own": {"background_consistency": {"checkpoint": "own.pth"}},
    "aesthetic_quality own": {"aesthetic_quality": {"checkpoint": "own.pth", "head": "head.pth"}},
    "aesthetic_quality own head": {"aesthetic_quality": {"head": "head.pth"}},
    "aesthetics own": {"aesthetics": {"checkpoint": "own.pth", "head": "head.pth"}},
    "text_boxes dbnetpp": {"text_boxes": {"detector": "dbnetpp"}},
    "text_boxes dbnetpp own": {"text_boxes": {"detector": "dbnetpp", "checkpoint": "own.pth"}},
    "unimatch_flow own": {"unimatch_flow": {"checkpoint": "own.pth"}},
    "imaging_quality original": {"imaging_quality": {"original": True}},
    "imaging_quality own": {"imaging_quality": {"checkpoint": "own.pth"}},
    "motion_smoothness flow": {"motion_smoothness": {"interpolator": "flow"}},
    "motion_smoothness own": {"motion_smoothness": {"checkpoint": "own.pth"}},
    "overall_consistency clip": {"overall_consistency": {"encoder": "clip"}},
    "overall_consistency own": {"overall_consistency": {"checkpoint": "own.pth"}},
    "fine_hoi models": {"fine_hoi": {"observer": "models"}},
    "fine_hoi grabcut": {"fine_hoi": {"observer": {"models": {"masks": "grabcut", "points": f"owner/name@{PINNED}"}}}},
    "fine_hoi propagate": {"fine_hoi": {"observer": {"models": {"propagate": True}}}},
    "fine_hoi recorded": {"fine_hoi": {"observer": {"recorded": {"file": "scenes.jsonl"}}}},
    "coarse_hoi two_stage": {"coarse_hoi": {"observer": "two_stage"}},
    "coarse_hoi ada_cm": {"coarse_hoi": {"observer": {"ada_cm": {"checkpoint": "own.pth", "clip": "owner/clip"}}}},
    "coarse_hoi ada_cm untrained": {
        "coarse_hoi": {
            "observer": {"ada_cm": {"detr": "detr.pth", "memory": "memory.p", "clip": f"owner/clip@{PINNED}"}}
        }
    },
    "coarse_hoi ada_cm, clip not named": {"coarse_hoi": {"observer": {"ada_cm": {"checkpoint": "own.pth"}}}},
    "coarse_hoi mllm": {"coarse_hoi": {"observer": "mllm"}},
    "coarse_hoi mllm served": {"coarse_hoi": {"observer": {"mllm": {"expert": SERVED}}}},
    "coarse_hoi recorded": {"coarse_hoi": {"observer": {"recorded": {"file": "pairs.jsonl"}}}},
    "hoi_judgement": "hoi_judgement",
    "hoi_judgement served": {"hoi_judgement": {"describer": SERVED, "judge": LOCAL}},
}

CAPTIONERS: Mapping[str, Any] = {
    "single local": {"single": {"expert": {"local_vlm": {"model": "owner/name", "revision": PINNED}}}},
    "mixture with detectors": {
        "mixture": {
            "first": {"open_model": {"model": "Qwen/Qwen2.5-VL-3B-Instruct"}},
            "second": SERVED,
            "third": "detectors",
            "decision": LOCAL,
        }
    },
}


def placed(value: Any, folder: Path) -> Any:
    """Settings with the files of one's own where they lie."""
    if isinstance(value, Mapping):
        return {key: placed(item, folder) for key, item in value.items()}
    return str(folder / value) if isinstance(value, str) and value in OWN else value


def written() -> Iterator[tuple[str, str, Any]]:
    """Name, `measure` or `captioner`, and what a recipe says, of every recipe and of the settings above."""
    for path in sorted(RECIPES.glob("*.yaml")):
        recipe = yaml.safe_load(path.read_text())
        for spec in recipe["measures"]:
            yield f"{path.stem}: {spec if isinstance(spec, str) else next(iter(spec))}", "measure", spec
        if recipe.get("caption"):
            yield f"{path.stem}: caption", "captioner", recipe["caption"]["captioner"]
    yield from ((name, "measure", spec) for name, spec in MEASURES.items())
    yield from ((name, "captioner", spec) for name, spec in CAPTIONERS.items())


def cases(folder: Path) -> Iterator[tuple[str, str, Any]]:
    """The same, with the files of one's own in the folder, where they are written."""
    for name, content in OWN.items():
        (folder / name).write_bytes(content)
    for name, kind, spec in written():
        yield name, kind, placed(spec, folder)
