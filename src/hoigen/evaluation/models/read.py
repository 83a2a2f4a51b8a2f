"""A run's videos with their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.core.score import reason_of
from hoigen.evaluation.models import others
from hoigen.evaluation.models.videos import NOT_YET, Source, Video

if TYPE_CHECKING:
    from hoigen.data.columns import Row
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step


def read_source(path: Path, suite: Path | None = None) -> Source:
    """The videos of a run, or of a result of VBench, WorldFoundry or lmms-eval.

    Args:
        path: a run's folder, a `*_eval_results.json`, a `scorecard.json` or its folder, or a `*_samples_TASK.jsonl`.
        suite: the prompts, by which the videos of a result file are paired with those of runs.

    Raises UsageError for anything else.
    """
    if others.is_other(path):
        return others.read_other(path)
    if path.suffix.lower() == ".json":
        from hoigen.evaluation.models.vbench import read_vbench

        return read_vbench(path, suite)
    if not path.is_dir():
        raise UsageError(f"{path}: the folder of a run, or a result of VBench (.json); there is no such folder")
    found = source_of(path)
    if not found.videos:
        raise UsageError(f"{path} has no videos yet: run hoigen evaluate again")
    return found


def source_of(path: Path) -> Source:
    """All videos of a run, in the order of its list. Raises UsageError when it is no run."""
    from hoigen.data.run import Run
    from hoigen.rules.cascade import measured
    from hoigen.rules.runfile import facts_of, steps_of

    run = Run(path)
    steps = measured(steps_of(run)[1])
    file = path / "evaluation.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is damaged: {error}. hoigen evaluate writes it anew") from None
    evaluation = found if isinstance(found, dict) else {}
    about = evaluation.get("about")
    # all of the list, also those that a run which was stopped has not read yet
    shards, free = run.in_force()
    videos = []
    for shard in shards:
        rows = [row for row in run.clips.read(shard) if row["state"] != "dropped"]
        scores = {step.name: _scores(run, step, shard) for step in steps}
        videos += [_video(run, row, steps, scores) for row in rows]
    nothing: Mapping[str, Mapping[str, Row]] = {step.name: {} for step in steps}
    videos += [_video(run, row, steps, nothing) for row in _found(run, free) if row["state"] != "dropped"]
    read = {row["uri"] for shard in shards for row in run.clips.read(shard, ["uri"])}
    videos = [*videos, *_unread(run, steps, read | {row["uri"] for row in _found(run, free)})]
    for at, video in enumerate(videos):  # what the suite says of its prompt now, of that which no score depends on
        told = about.get(video.prompt) if isinstance(about, Mapping) else None
        if isinstance(told, Mapping):
            videos[at] = replace(video, category=told.get("category"), seen=told.get("seen"))
    return Source(
        path=path,
        videos=videos,
        numbers=[number for step in steps for number in step.numbers],
        fingerprints={step.name: step.fingerprint for step in steps},
        evaluation=evaluation,
        families={number.name: step.name for step in steps for number in step.numbers},
        ran=facts_of(run),
    )


def _found(run: Run, free: Sequence[tuple[int, int | None]]) -> Iterator[Row]:
    """Clips of a run under way that are found but not yet cut into shards."""
    if not free:
        return
    for block in run.found.shards():
        for row in run.found.read(block):
            if any(first <= row["video"] and (past is None or row["video"] < past) for first, past in free):
                yield row


def _unread(run: Run, steps: Sequence[Step], read: set[str]) -> Iterator[Video]:
    import pyarrow.parquet as pq

    from hoigen.data.parquet import named

    if not run.videos_file.exists() or not (run.path / "evaluation.json").exists():
        return
    with named(run.videos_file):
        columns = ["uri", "caption", "source", "meta"]
        rows = pq.read_table(run.videos_file, columns=columns, partitioning=None).to_pylist()
    nothing = {name: None for step in steps for name in step.emits}
    for row in rows:
        if row["uri"] not in read:
            made = _made(run, {**row, "id": row["uri"], "prompt": row["caption"]})
            yield replace(made, values=nothing, reasons=dict.fromkeys(nothing, NOT_YET))


def _scores(run: Run, step: Step, shard: int) -> dict[str, Row]:
    """Rows of the part by id, and what the journal has beyond it: a run under way can be looked at."""
    part = run.scores(step.name, step.fingerprint, step.emits)
    found = {row["id"]: row for row in part.read(shard, ["id", "state", "reason", *step.emits])}
    for entry in run.journal("scores", shard).rows():
        if entry.get("measure") == step.name and entry.get("fingerprint") == step.fingerprint:
            found[entry["id"]] = {"state": entry["state"], "reason": entry["reason"], **entry["values"]}
    return found


def _video(run: Run, row: Row, steps: Sequence[Step], scores: Mapping[str, Mapping[str, Row]]) -> Video:
    made = replace(
        _made(run, row),
        fps=row["fps"] or 0.0,
        seconds=row["end"] - row["start"],
        width=row["width"] or 0,
        height=row["height"] or 0,
    )
    if row["state"] == "failed":
        why = str(row["reason"])
        nothing = {name: None for step in steps for name in step.emits}
        return replace(made, values=nothing, reasons=dict.fromkeys(nothing, why), failure=why)
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    failure = ""
    for step in steps:
        score = scores[step.name].get(row["id"])
        if score is not None and score["state"] == "failed":
            failure = failure or f"{step.name}: {score['reason']}"
        for name in step.emits:
            values[name] = score.get(name) if score is not None else None
            if values[name] is not None:
                continue
            if score is None:
                reasons[name] = NOT_YET
            elif score["state"] == "failed":
                reasons[name] = f"{step.name} failed: {score['reason']}"
            else:
                told = reason_of(score["reason"] or "", name, step.emits)
                reasons[name] = told or f"{step.name} gives no such number for this video"
    return replace(made, values=values, reasons=reasons, failure=failure)


def _made(run: Run, row: Row) -> Video:
    """What the list says of a video."""
    meta = json.loads(row["meta"] or "{}")
    return Video(
        model=row["source"] or run.path.absolute().name,
        prompt=str(meta.get("prompt_id") or row["id"]),
        uri=row["uri"],
        clip=row["id"],
        text=row["prompt"] or "",
        sample=str(meta.get("sample") or ""),
        verb=meta.get("verb"),
        object=meta.get("object"),
        category=meta.get("category"),
        seen=meta.get("seen"),
        values={},
    )


def paths_of(given: Any) -> list[Path]:
    """One path or several, as paths: in Python one is often given as it is."""
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]
