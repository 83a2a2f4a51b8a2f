"""Run folders written straight as Parquet, or made in this process, for tests of what is done with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen.core.score import Number, Rule
from hoigen.data.files import write_text
from hoigen.data.run import Run
from hoigen.rules.cascade import Known, Step
from hoigen.work import local


@dataclass
class Given:
    """A clip as a test gives it: what it is, and what each measure said."""

    id: str
    known: Mapping[str, Known] = field(default_factory=dict)
    state: str = "ok"
    rule: str | None = None
    reason: str | None = None
    uri: str | None = None
    start: float = 0.0
    end: float = 2.0
    digest: str | None = None


@contextlib.contextmanager
def in_this_process() -> Iterator[None]:
    """Stages do their tasks in this process, which starts quicker than others."""

    def run(tasks: Any, setup: Any, sink: Any, limits: Any) -> None:
        local.run(tasks, setup, sink, replace(limits, workers=0))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoigen.work.stage.executor", lambda name: run)
        yield


def curated(**how: Any) -> Any:
    """A run that a test begins with: `hoigen.curate` without workers; only `metadata`, if no measures are given."""
    plain = {"measures": ["metadata"], "shots": "none", "report": False, "quiet": True}
    with in_this_process():
        return hoigen.curate(**{**plain, **how})


def step(name: str, *emits: str, fingerprint: str = "f0", **rules: Rule) -> Step:
    numbers = tuple(Number(name=each) for each in emits or (name,))
    return Step(name=name, measure=None, numbers=numbers, rules=rules, fingerprint=fingerprint)


def write_run(folder: Path, steps: Sequence[Step], shards: Sequence[Sequence[Given]]) -> Run:
    """One video per clip, in order; rows of scores lie backwards, since their order means nothing."""
    run = Run(folder)
    video = 0
    for shard, clips in enumerate(shards):
        rows = []
        for clip in clips:
            rows.append(_clip_row(clip, video))
            video += 1
        run.clips.write(shard, rows)
        for one in steps:
            scores = [_score_row(c.id, c.known[one.name], one) for c in reversed(clips) if one.name in c.known]
            if scores:
                unique = {row["id"]: row for row in scores}
                run.scores(one.name, one.fingerprint, one.emits).write(shard, unique.values())
    return run


def write_recipe(run: Run, recipe: Mapping[str, Any]) -> None:
    facts = {"hoigen": "0", "recipe": {"videos": "x", "shard_size": 256, **recipe}}
    write_text(run.recipe_file, yaml.safe_dump(facts))


def _clip_row(clip: Given, video: int) -> dict[str, Any]:
    return {
        "video": video, "n": 0, "id": clip.id, "uri": clip.uri or f"/videos/{clip.id}.mp4", "start": clip.start,
        "end": clip.end, "width": 640, "height": 360, "fps": 25.0, "source": "", "prompt": None, "meta": "{}",
        "digest": clip.digest, "state": clip.state, "rule": clip.rule, "reason": clip.reason, "header": None,
    }  # fmt: skip


def _score_row(id_: str, known: Known, one: Step) -> dict[str, Any]:
    row = {"id": id_, "state": known.state, "reason": known.reason or None, "tries": 1, "seconds": 0.1, "detail": "{}"}
    return row | {name: known.values.get(name) for name in one.emits}
