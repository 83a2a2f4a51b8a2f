"""One video through one measure, as the engine does it; and what VBench itself says of the same videos."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hoigen import Clip, Score
from hoigen.video import decode, probe

DATA = Path(__file__).parent / "data"


def vbench_said() -> dict[str, dict[str, float]]:
    """What reference.py wrote: the kept numbers, or with $HOIGEN_VBENCH_NUMBERS fresh ones (`make parity`)."""
    path = Path(os.environ.get("HOIGEN_VBENCH_NUMBERS", DATA / "numbers.json"))
    told: dict[str, dict[str, float]] = json.loads(path.read_text())
    return told


def clip_of(path: Path, prompt: str | None = None) -> Clip:
    header = probe(str(path))
    size = {"width": header.width, "height": header.height}
    return Clip(id="0", uri=str(path), end=header.duration, fps=header.fps, prompt=prompt, **size)


def score_of(measure: Any, video: str | Path, prompt: str | None = None) -> Score:
    path = DATA / f"{video}.mp4" if isinstance(video, str) else video
    clip = clip_of(path, prompt)
    stream = measure.begin(clip)
    decode(clip, (), [(measure.sampling, stream.see)])
    score: Score = stream.score()
    return score
