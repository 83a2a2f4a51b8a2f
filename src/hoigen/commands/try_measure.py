"""hoigen try: one measure on one video."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from hoigen.core.settings import Setting


@dataclass(frozen=True, slots=True)
class Trial:
    """What a measure said of a video."""

    measure: str
    values: dict[str, float | None]
    detail: dict[str, Any]
    seconds: float

    def __str__(self) -> str:
        lines = [f"{name:24} {'no value' if value is None else f'{value:.6g}'}" for name, value in self.values.items()]
        lines.append(json.dumps(self.detail, indent=2, ensure_ascii=False))
        return "\n".join([*lines, f"({self.seconds:.2f} s with decoding)"])


def try_measure(
    measure: Annotated[str, Setting("a measure's name, or a file of one's own (./my_measure.py)")],
    video: Annotated[str, Setting("a video file or URI")],
    *,
    start: Annotated[
        float | None, Setting("where the clip starts, in seconds; the video's start when not given")
    ] = None,
    end: Annotated[float | None, Setting("where the clip ends, in seconds; the video's end when not given")] = None,
    set: Annotated[
        list[str] | None,
        Setting("a setting of the measure, as key=value (sampling.fps=4); may be given more than once"),
    ] = None,
) -> Trial:
    """Prints what a measure says of a video: its numbers, and the detail behind them."""
    from hoigen.core import trusted
    from hoigen.core.errors import UsageError, VideoError
    from hoigen.models import uses
    from hoigen.recipe.yaml import apply_sets
    from hoigen.rules.cascade import build_steps
    from hoigen.stages.engine import Scorer, load
    from hoigen.stages.ingest import VideoJob, clip_rows
    from hoigen.stages.scores import clip_of

    for name, second in (("start", start), ("end", end)):
        if second is not None and not 0 <= second < float("inf"):
            raise UsageError(f"--{name}: seconds, 0 or more; it came as {second}")
    settings = apply_sets({}, set or [])
    trusted.settle({measure: settings}, Path(), None)  # named as an argument, which is asking
    [step] = build_steps([{measure: settings}], {}, beside=Path())
    row = clip_rows(VideoJob(0, video, start, end), "none", 0.0, None)[0]
    if row["state"] == "failed":
        raise UsageError(f"{video}: {row['reason']}")
    uses.prepare(step.units)
    for unit in step.units:
        load(unit, step.name)
    started = time.perf_counter()
    try:
        score = Scorer([step], score_all=True).score_one(clip_of(row))
    except VideoError as error:
        raise UsageError(f"{video}: {error}") from None
    from hoigen.stages.engine import values_of

    # arrays and numbers of NumPy become plain ones
    detail = json.loads(
        json.dumps(dict(score.detail), default=lambda it: it.tolist() if hasattr(it, "tolist") else str(it))
    )
    return Trial(step.name, values_of(step, score), detail, time.perf_counter() - started)
