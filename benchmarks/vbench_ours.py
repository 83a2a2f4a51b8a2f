"""hoigen's side of benchmarks/vbench.py; the same arguments and the same answer as vbench_theirs.py."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path.append(str(REPO / "tests" / "vbench"))

from sides import clip_of  # noqa: E402

from hoigen import video  # noqa: E402
from hoigen.core.clip import EveryFrame  # noqa: E402
from hoigen.measures.temporal_flickering import TemporalFlickering  # noqa: E402

spent = {"decode": 0.0}


def measures_on(weights: Path, **settings: Any) -> dict[str, Any]:
    """Four of the dimensions with models, on weights of these files."""
    from hoigen.measures.aesthetic_quality import AestheticQuality
    from hoigen.measures.background_consistency import BackgroundConsistency
    from hoigen.measures.imaging_quality import ImagingQuality
    from hoigen.measures.subject_consistency import SubjectConsistency

    file = {name: str(weights / f"{name}.pth") for name in ("dino", "clip_b32", "clip_l14", "laion", "musiq")}
    settings = {"device": "cpu"} | settings
    return {
        "subject_consistency": SubjectConsistency(checkpoint=file["dino"], **settings),
        "background_consistency": BackgroundConsistency(checkpoint=file["clip_b32"], **settings),
        "aesthetic_quality": AestheticQuality(checkpoint=file["clip_l14"], head=file["laion"], **settings),
        "imaging_quality": ImagingQuality(checkpoint=file["musiq"], **settings),
    }


def scored(path: str, measures: Mapping[str, Any]) -> dict[str, float]:
    """One decode for all measures; what it costs without them is kept apart."""
    clip = clip_of(Path(path))
    streams = {name: measure.begin(clip) for name, measure in measures.items()}
    looking = 0.0

    def watched(see: Callable[[Any, float], None]) -> Callable[[Any, float], None]:
        def call(image: Any, at: float) -> None:
            nonlocal looking
            started = time.process_time()
            see(image, at)
            looking += time.process_time() - started

        return call

    started = time.process_time()
    video.decode(clip, (), [(measures[name].sampling, watched(stream.see)) for name, stream in streams.items()])
    spent["decode"] += time.process_time() - started - looking
    return {name: stream.score().value for name, stream in streams.items()}


def flickering(weights: Path, files: list[str]) -> dict[str, list[float]]:
    measures = {"temporal_flickering": TemporalFlickering()}
    return {"temporal_flickering": [scored(path, measures)["temporal_flickering"] for path in files]}


def decode(weights: Path, files: list[str]) -> dict[str, list[float]]:
    """The samplings of all seven dimensions, and nobody who looks: five see colours by their tags, two without."""
    for path in files:
        clip = clip_of(Path(path))
        started = time.process_time()
        watchers = [(EveryFrame(untagged=at >= 5), lambda image, at: None) for at in range(7)]
        video.decode(clip, (), watchers)
        spent["decode"] += time.process_time() - started
    return {}


def dimensions(weights: Path, files: list[str]) -> dict[str, list[float]]:
    measures = {"temporal_flickering": TemporalFlickering(), **measures_on(weights)}
    for measure in measures.values():
        if hasattr(measure, "load"):
            measure.load()
    spent["start"] = time.process_time()
    each = [scored(path, measures) for path in files]
    return {name: [one[name] for one in each] for name in measures}


def half(weights: Path, files: list[str]) -> dict[str, list[float]]:
    """What float16 moves, by dimension."""
    whole, halved = (
        [scored(path, measures_on(weights, dtype=dtype)) for path in files] for dtype in ("float32", "float16")
    )
    return {
        name: [after[name] - before[name] for before, after in zip(whole, halved, strict=True)] for name in whole[0]
    }


def import_all() -> None:
    """What is imported when it is first used; VBench imports everything at once, and neither is counted."""
    import importlib

    for name in ("av.video.reformatter", "cv2", "hoigen.video.sequence"):
        importlib.import_module(name)


def peak() -> float:
    """Of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(what: str, weights: Path, files: list[str]) -> None:
    if what != "flickering":
        import torch

        torch.set_num_threads(1)
    import_all()
    work = {"flickering": flickering, "decode": decode, "dimensions": dimensions, "half": half}[what]
    spent["start"] = time.process_time()
    numbers = work(weights, files)
    total = time.process_time() - spent.pop("start")
    print(json.dumps({"total": total, "decode": spent["decode"], "peak": peak(), "numbers": numbers}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
