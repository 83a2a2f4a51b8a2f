"""Results of other evaluations, video by video: WorldFoundry's and those of lmms-eval.

WorldFoundry writes `scorecard.json`, and beside it `metrics/per_sample.jsonl`: an object a line with `sample_id`,
`status` and `metrics` (name -> number). lmms-eval writes `*_samples_TASK.jsonl` with `--log_samples`: an object a line
with `doc_id`, `input` (the prompt) and a number for each metric; its VBench task only makes videos, whose numbers come
from VBench's own result file, which is read as such.

Source: worldfoundry/evaluation/reporting/scorecard.py and .../orchestration/scoring.py of OpenEnvision/WorldFoundry
(322afce); lmms_eval/tasks/vbench/README.md of EvolvingLMMs-Lab/lmms-eval (3640c59).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError, shown
from hoigen.core.registry import own_numbers
from hoigen.core.score import Number
from hoigen.data.rows import read_json, read_text
from hoigen.evaluation.models.videos import Source, Video
from hoigen.interactions.prompts.suite import slug

CARD = "scorecard.json"
SCHEMA = "worldfoundry-scorecard"
SAMPLES = re.compile(r"(?:.*_)?samples_(.+)\.jsonl")
NOT_NUMBERS = frozenset(("doc_id", "doc_hash", "prompt_hash", "target_hash", "token_counts"))
"""Whole numbers of lmms-eval's lines that are no metric."""


def is_other(path: Path) -> bool:
    """Whether a file or folder is a result of WorldFoundry or lmms-eval, by its name."""
    return path.name == CARD or (path / CARD).is_file() or bool(SAMPLES.fullmatch(path.name))


def read_other(path: Path) -> Source:
    """The videos of such a result. Raises UsageError that names the file, the line and what came."""
    if SAMPLES.fullmatch(path.name):
        return _lmms(path)
    return _worldfoundry(path if path.name == CARD else path / CARD)


def _worldfoundry(card: Path) -> Source:
    found = read_json(card)
    if not isinstance(found, dict) or found.get("schema_version") != SCHEMA:
        came = found.get("schema_version") if isinstance(found, dict) else found
        raise UsageError(f"{card}: of WorldFoundry, schema_version is {SCHEMA!r}; it came as {shown(came)}")
    model = found.get("model")
    named = model.get("model_name") or model.get("model_id") if isinstance(model, dict) else None
    metrics = found.get("metrics")
    facts = metrics.get("per_metric") if isinstance(metrics, dict) else None
    facts = facts if isinstance(facts, dict) else {}
    samples = card.parent / str(found.get("samples_ref") or "metrics/per_sample.jsonl")
    if card.parent.resolve() not in samples.resolve().parents:
        raise UsageError(f"{card}: samples_ref lies beside the card; it came as {shown(found.get('samples_ref'))}")
    whose = str(named or card.absolute().parent.name)
    videos = []
    for place, row in _lines(samples):
        name = row.get("sample_id")
        if not isinstance(name, str) or not name:
            raise UsageError(f"{place}: sample_id is a text; it came as {shown(name)}")
        given = row.get("metrics") or {}
        if not isinstance(given, dict):
            raise UsageError(f"{place}: metrics is an object of numbers; it came as {shown(given)}")
        failure = "" if row.get("status") == "succeeded" else str(row.get("error") or row.get("status") or "no status")
        videos.append(replace(_video(name, name, whose, given, "not a number", place), failure=failure))
    better: dict[str, str | None] = {}
    for name, fact in facts.items():
        way = fact.get("higher_is_better") if isinstance(fact, dict) else None
        better[name] = {True: "more", False: "less"}[way] if isinstance(way, bool) else None
    return _source(card, videos, better)


def _lmms(path: Path) -> Source:
    task = SAMPLES.fullmatch(path.name)
    whose = path.absolute().parent.name
    videos = []
    for place, row in _lines(path):
        if "doc_id" not in row:
            raise UsageError(f"{place}: a line of lmms-eval has doc_id; it came with {', '.join(list(row)[:6])}")
        text = row.get("input")
        numbers = {
            name: value
            for name, value in row.items()
            if name not in NOT_NUMBERS and isinstance(value, int | float) and not isinstance(value, bool)
        }
        words = text.strip() if isinstance(text, str) else ""
        videos.append(_video(str(row["doc_id"]), words or str(row["doc_id"]), whose, numbers, "not in the line", place))
    assert task is not None
    return _source(path, videos, {})


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, object) of each line of a file of JSON lines."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{place} is no JSON: {error}") from None
        if not isinstance(row, dict):
            raise UsageError(f"{place}: an object; it came as {shown(row)}")
        yield place, row


def _video(name: str, words: str, model: str, given: Mapping[str, Any], why: str, place: str) -> Video:
    values: dict[str, float | None] = {}
    for metric, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{place}: {metric} is a number; it came as {shown(value)}")
        values[_name(metric)] = float(value) if math.isfinite(value) else None
    prompt, dash, sample = words.rpartition("-")
    prompt, sample = (prompt, sample) if dash and sample.isdigit() else (words, "")
    return Video(
        model=model, prompt=slug(prompt) or name, uri=name, text=prompt, sample=sample, values=values,
        reasons={_name(metric): why for metric in given},
    )  # fmt: skip


def _source(path: Path, videos: list[Video], better: Mapping[str, Any]) -> Source:
    if not videos:
        raise UsageError(f"{path} holds no video")
    names = list(dict.fromkeys([*map(_name, better), *(name for video in videos for name in video.values)]))
    ways = {_name(metric): way for metric, way in better.items()}
    numbers = [own_numbers().get(name) or Number(name=name, better=ways.get(name), headline=True) for name in names]
    whole = []
    for video in videos:
        why = video.failure or "not in the result"
        lacking: dict[str, float | None] = {name: None for name in names if name not in video.values}
        values, reasons = {**lacking, **video.values}, {**dict.fromkeys(lacking, why), **video.reasons}
        whole.append(replace(video, values=values, reasons=reasons))
    return Source(path=path, videos=whole, numbers=numbers)


def _name(metric: str) -> str:
    """A metric's name as a column's."""
    found = re.sub(r"\W+", "_", metric, flags=re.ASCII).strip("_") or "metric"
    return found if not found[0].isdigit() else f"m_{found}"
