"""Runs of evaluation written straight as Parquet, with chosen numbers, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hoigen.core.clip import clip_id
from hoigen.data.files import write_text
from hoigen.data.run import Run
from hoigen.interactions.prompts import choose
from hoigen.rules.runfile import steps_of

MEASURES = ("hoi_lite", "technical_quality", "text_boxes")
PROMPTS = {prompt.id: prompt for prompt in choose.suite("hico").prompts}


@dataclass(frozen=True)
class Made:
    """A video; values by number, those left out are undefined with `why`."""

    model: str
    prompt: str
    values: Mapping[str, float] = field(default_factory=dict)
    sample: int = 0
    fps: float = 24.0
    seconds: float = 5.0
    size: tuple[int, int] = (640, 360)
    why: str = "nobody is seen"
    failed: str = ""
    seen: int | None = None


def make_run(folder: Path, videos: Sequence[Made], measures: Sequence[Any] = MEASURES, **evaluation: Any) -> Path:
    run = Run(folder)
    recipe = {"videos": "x", "shard_size": 256, "measures": list(measures), "keep": {}}
    write_text(run.recipe_file, yaml.safe_dump({"hoigen": "0", "recipe": recipe}))
    _, steps = steps_of(run)
    rows = [_row(at, video) for at, video in enumerate(videos)]
    run.clips.write(0, rows)
    for step in steps:
        scores = [_score(row["id"], video, step.emits) for row, video in zip(rows, videos, strict=True)]
        run.scores(step.name, step.fingerprint, step.emits).write(0, scores)
    if evaluation:
        write_text(folder / "evaluation.json", json.dumps(evaluation))
    return folder


def _row(at: int, video: Made) -> dict[str, Any]:
    uri = f"/videos/{video.model}/{video.prompt}-{video.sample}.mp4"
    prompt = PROMPTS[video.prompt]
    meta = {"prompt_id": prompt.id, "sample": str(video.sample), "verb": prompt.verb, "object": prompt.object}
    meta |= {"category": prompt.category} | ({"seen": video.seen} if video.seen is not None else {})
    return {
        "video": at, "n": 0, "id": clip_id(uri, 0.0, video.seconds), "uri": uri, "start": 0.0, "end": video.seconds,
        "width": video.size[0], "height": video.size[1], "fps": video.fps, "source": video.model,
        "prompt": prompt.short, "meta": json.dumps(meta), "digest": None, "state": "ok", "rule": None, "reason": None,
        "header": None,
    }  # fmt: skip


def _score(name: str, video: Made, emits: Sequence[str]) -> dict[str, Any]:
    state, reason = ("failed", video.failed) if video.failed else ("ok", video.why)
    row = {"id": name, "state": state, "reason": reason, "tries": 1, "seconds": 0.1, "detail": "{}"}
    return row | {number: None if video.failed else video.values.get(number) for number in emits}
