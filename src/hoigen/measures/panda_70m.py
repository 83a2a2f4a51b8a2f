"""What Panda-70M's list says of a clip: no frame is decoded."""

from __future__ import annotations

import ast
import math
from typing import Any, ClassVar

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.registry import measure
from hoigen.core.score import NOT_MEASURABLE, Number, Score

LACKS = f"{NOT_MEASURABLE}the list says nothing of it: "


@measure(
    "panda_70m",
    numbers=(
        Number(
            name="matching_score",
            label="Matching Score",
            better="more",
            place=81,
            about="How well the list's caption fits the clip by its makers; their 10M subset has more than 0.43.",
        ),
        Number(
            name="desirable",
            label="Desirable",
            better="more",
            place=82,
            about="1 where the list calls the clip desirable, 0 where it is still, a screen, or of low score.",
        ),
        Number(
            name="listed_shots",
            label="Listed Shots",
            better="less",
            place=83,
            about="Shots within the clip by the list; 1 when there is no cut.",
        ),
    ),
)
class Panda70M:
    """The three columns of quality of Panda-70M's list: matching score, desirability (0 or 1), and number of shots.

    Clips of other lists have none of them: each number is then undefined with that reason. detail holds the kind that
    the list names (`1_still_foreground_image`) and the shots.

    Source: snap-research/Panda-70M, README.md, "Updates (Oct 2024)", and dataset_dataloading/README.md, at
    9afd40bc95a0b9ced71513ef9076661a205a1873.
    """

    revision: ClassVar[int] = 1
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        numbers: dict[str, float | None] = dict.fromkeys(("matching_score", "desirable", "listed_shots"))
        undefined: dict[str, str] = {}
        detail: dict[str, Any] = {}
        try:
            number = float(clip.meta["matching_score"])
            numbers["matching_score"] = number if math.isfinite(number) else None
        except (KeyError, TypeError, ValueError):
            pass
        if numbers["matching_score"] is None:
            undefined["matching_score"] = f"{LACKS}matching_score"
        kind = clip.meta.get("desirable_filtering")
        if isinstance(kind, str) and kind:
            detail["desirable_filtering"] = kind
            numbers["desirable"] = float(kind == "desirable")
        else:
            undefined["desirable"] = f"{LACKS}desirable_filtering"
        shots = clip.meta.get("shot_boundary_detection")
        if isinstance(shots, str):
            try:
                shots = ast.literal_eval(shots)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                shots = None
        if isinstance(shots, list | tuple) and shots:
            detail["shots"] = list(shots)
            numbers["listed_shots"] = float(len(shots))
        else:
            undefined["listed_shots"] = f"{LACKS}shot_boundary_detection"
        return Score(None, detail | {"undefined": undefined}, numbers)
