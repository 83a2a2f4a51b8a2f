"""VBench's result files, in and out: `{dimension: [overall, [{video_path, video_results}, ...]]}`.

VBench tells imaging quality of a video in 0..100 and overall in 0..1; it is 0..1 here, and written as VBench does.

Source: vbench/__init__.py and scripts/cal_final_score.py of Vchitect/VBench.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError, shown
from hoigen.core.registry import own_numbers
from hoigen.core.score import NOT_ASKED, Number
from hoigen.core.words import plural
from hoigen.data.rows import read_json
from hoigen.interactions.prompts.export import DIMENSIONS

if TYPE_CHECKING:
    from hoigen.evaluation.models.videos import Source, Video
    from hoigen.interactions.prompts.matching import Names

SCALE = {"imaging_quality": 100.0}
"""What VBench multiplies a video's number by."""
ENDING = "_eval_results.json"
SHAPE = f"a result file of VBench: {{dimension: [overall, [{{video_path, video_results}}]]}}, named *{ENDING}"


def read_vbench(path: Path, suite: Path | None) -> Source:
    """The videos of a result file.

    The model is named as the evaluation was; of files that VBench names after the time, as the folder is.

    Args:
        path: the file.
        suite: the prompts, by which videos are paired with those of runs; without it, by their names.

    Raises UsageError for a file of another shape.
    """
    from hoigen.evaluation.models.videos import Source
    from hoigen.interactions.prompts.matching import Names
    from hoigen.interactions.prompts.suite import read_suite

    found = read_json(path)
    if not isinstance(found, dict) or not found:
        raise UsageError(f"{path} is not {SHAPE}; it came as {shown(found)}")
    names = Names(read_suite(suite)) if suite is not None else None
    model = path.name.removesuffix(ENDING).removesuffix(".json")
    model = path.absolute().parent.name if model.startswith("results_") else model
    values: dict[str, dict[str, float | None]] = {}
    reasons: dict[str, dict[str, str]] = {}
    for dimension, result in found.items():
        seen: set[str] = set()
        place = f"{path}: {dimension}"
        if not isinstance(result, list) or len(result) < 2 or not isinstance(result[1], list):
            raise UsageError(f"{place}: [overall, list of videos]; it came as {shown(result)}. A run's file is {SHAPE}")
        for number, item in enumerate(result[1]):
            if not isinstance(item, dict) or not isinstance(item.get("video_path"), str) or "video_results" not in item:
                raise UsageError(
                    f"{place}, video {number}: an object with video_path and video_results; it came as {shown(item)}"
                )
            if item["video_path"] in seen:
                raise UsageError(f"{path}: {dimension}: {item['video_path']} comes twice")
            seen.add(item["video_path"])
            value, why = _number(item["video_results"], dimension)
            values.setdefault(item["video_path"], {})[dimension] = value
            if value is None:
                reasons.setdefault(item["video_path"], {})[dimension] = why
    videos = [_video(uri, model, values[uri], reasons.get(uri, {}), list(found), names) for uri in values]
    if not videos:
        raise UsageError(f"{path} holds no video")
    if names is not None and (strays := [video.uri for video in videos if video.prompt.startswith("?")]):
        raise UsageError(
            f"{path}: {plural(len(strays), 'video is', 'videos are')} named after no prompt of "
            f"{suite}, such as {strays[0]}"
        )
    numbers = [own_numbers().get(name) or Number(name=name, headline=True) for name in found]
    return Source(path=path, videos=videos, numbers=numbers)


def _number(came: Any, dimension: str) -> tuple[float | None, str]:
    if isinstance(came, bool):
        came = float(came)
    try:
        told = float(came) if isinstance(came, int | float) else math.nan
    except OverflowError:
        told = math.inf
    if not math.isfinite(told):
        return None, f"VBench wrote {shown(came)}, which is no number"
    value = told / SCALE.get(dimension, 1.0)
    if dimension in DIMENSIONS and not -1 <= value <= 1.0001:
        return None, f"VBench wrote {told:g}, which is no share of 1 (older versions wrote sums over frames)"
    return float(value), ""


def _video(
    uri: str,
    model: str,
    values: Mapping[str, float | None],
    reasons: Mapping[str, str],
    dimensions: Sequence[str],
    names: Names | None,
) -> Video:
    from hoigen.evaluation.models.videos import Video
    from hoigen.interactions.prompts.suite import slug

    stem = Path(uri).stem
    every = dict.fromkeys(dimensions) | dict(values)
    why = {name: f"{NOT_ASKED}not in the result file" for name in dimensions if name not in values} | dict(reasons)
    text, dash, sample = stem.rpartition("-")
    text, sample = (text, sample) if dash and sample.isdigit() else (stem, "")
    made = Video(model=model, prompt=slug(text) or text, uri=uri, text=text, sample=sample, values=every, reasons=why)
    if names is None:
        return made
    from dataclasses import replace

    prompt, sample = names.find(stem)
    if prompt is None:
        return replace(made, prompt=f"?{stem}")
    return replace(
        made,
        prompt=prompt.id,
        text=prompt.short,
        sample=sample,
        verb=prompt.verb,
        object=prompt.object,
        category=prompt.category,
        seen=prompt.seen,
    )


LEADERBOARD = (
    "subject_consistency", "background_consistency", "temporal_flickering", "motion_smoothness", "dynamic_degree",
    "aesthetic_quality", "imaging_quality", "object_class", "multiple_objects", "human_action", "color",
    "spatial_relationship", "scene", "appearance_style", "temporal_style", "overall_consistency",
)  # fmt: skip
"""The dimensions of VBench's leaderboard; its script counts one that is not in a submission as 0."""


def submission(name: str, videos: Sequence[Video], columns: Sequence[Number]) -> tuple[bytes, list[str]]:
    """A model's submission to VBench's leaderboard, and the dimensions that it lacks.

    Args:
        name: of the result file in it.
        videos: of the model, as they count.
        columns: the numbers; those of the leaderboard go into it.

    Returns the bytes of a zip, the same for the same numbers, as VBench's scripts/cal_final_score.py takes it.
    """
    import io
    import zipfile

    here = [column for column in columns if column.name in LEADERBOARD]
    text = vbench_text(videos, here)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    there = json.loads(text)
    return held.getvalue(), [dimension for dimension in LEADERBOARD if dimension not in there]


def vbench_text(videos: Sequence[Video], columns: Sequence[Number]) -> str:
    """The result file of one model: mean over videos, then each video.

    Args:
        videos: of the model; one without a number is not in that number's list.
        columns: the numbers, by VBench's names.
    """
    found: dict[str, Any] = {}
    for column in columns:
        have = [(v.uri, value) for v in videos if (value := v.values.get(column.name)) is not None]
        if have:
            scale = SCALE.get(column.name, 1.0)
            items = [{"video_path": uri, "video_results": value * scale} for uri, value in have]
            found[column.name] = [sum(value for _, value in have) / len(have), items]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
