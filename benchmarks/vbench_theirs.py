"""VBench's side of benchmarks/vbench.py: runs in an environment with VBench 0.1.5, as `make parity` makes it.

python benchmarks/vbench_theirs.py WHAT WEIGHTS FILE ...

Prints one JSON object: CPU seconds without imports and without the loading of models, peak memory in MB, numbers.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WHAT, WEIGHTS, FILES = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
os.environ["VBENCH_CACHE_DIR"] = str(WEIGHTS / "cache")
sys.argv[1:] = [str(WEIGHTS / "nothing")]
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests" / "vbench")  # not this folder, which has a vbench.py

import reference  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)
spent = {"decode": 0.0}


def counted(work: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the CPU seconds of a function of VBench to what decoding has cost."""

    def call(*given: Any, **named: Any) -> Any:
        started = time.process_time()
        done = work(*given, **named)
        spent["decode"] += time.process_time() - started
        return done

    return call


@functools.cache
def dimension(name: str) -> Any:
    """VBench's module of one dimension, the loading of videos in it counted."""
    import cv2

    module = importlib.import_module(f"vbench.{name}")
    for loader in ("load_video", "get_frames", "read_frames_decord_by_fps"):
        if hasattr(module, loader):
            setattr(module, loader, counted(getattr(module, loader)))
    cv2.setNumThreads(1)
    return module


def model(name: str) -> Any:
    """A model of VBench in its published size with the weights of the file that hoigen reads too."""
    made = reference.MODELS[name]["full"]() if name != "dino" else full_dino()
    if name != "dino":
        made.load_state_dict(torch.load(WEIGHTS / f"{name}.pth"), strict=True)
    return made.float().eval()


def full_dino() -> Any:
    state = torch.load(WEIGHTS / "dino.pth")
    return reference.PortedDino(state, hidden_size=768, num_hidden_layers=12, num_attention_heads=12)


def flickering() -> dict[str, list[float]]:
    module = dimension("temporal_flickering")
    return {"temporal_flickering": [float(module.cal_score(path)) for path in FILES]}


def decode() -> dict[str, list[float]]:
    """Every reading of a video that the seven dimensions do."""
    reference.bring_words()
    whole = counted(importlib.import_module("vbench.utils").load_video)
    for path in FILES:
        dimension("temporal_flickering").get_frames(path)
        counted(dimension("motion_smoothness").FrameProcess().get_frames)(path)
        for _ in ("subject_consistency", "background_consistency", "aesthetic_quality", "imaging_quality"):
            whole(path)
        dimension("overall_consistency").read_frames_decord_by_fps(path, num_frames=8, sample="middle")
    return {}


def dimensions() -> dict[str, list[float]]:
    ready = {
        "subject_consistency": model("dino"),
        "background_consistency": model("clip_b32"),
        "aesthetic_quality": (model("laion"), model("clip_l14")),
        "imaging_quality": model("musiq"),
    }
    ready["imaging_quality"].training = False
    modules = {name: dimension(name) for name in ready}
    spent["start"] = time.process_time()
    found = flickering()
    asked = {
        "subject_consistency": lambda of, module: module.subject_consistency(of, FILES, "cpu", False),
        "background_consistency": lambda of, module: module.background_consistency(of, None, FILES, "cpu", False),
        "aesthetic_quality": lambda of, module: module.laion_aesthetic(*of, FILES, "cpu"),
        "imaging_quality": lambda of, module: module.technical_quality(of, FILES, "cpu"),
    }
    for name, ask in asked.items():
        videos = ask(ready[name], modules[name])[1]
        scale = 100 if name == "imaging_quality" else 1
        found[name] = [each["video_results"] / scale for each in videos]
    return found


if __name__ == "__main__":
    if WHAT == "flickering":
        dimension("temporal_flickering")
    spent["start"] = time.process_time()
    numbers = {"flickering": flickering, "decode": decode, "dimensions": dimensions}[WHAT]()
    total = time.process_time() - spent.pop("start")
    if WHAT == "decode":
        total = spent["decode"]
    lines = Path("/proc/self/status").read_text().splitlines()  # what getrusage says begins with the parent's
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    print(json.dumps({"total": total, "decode": spent["decode"], "peak": peak, "numbers": numbers}))
