"""What tables are made of: videos of models, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hoigen.core.score import Number

NOT_YET = "not measured yet: run hoigen evaluate again"
"""The reason of a number of a video that a run under way has not come to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """One video of one model.

    Args:
        model: that made it.
        prompt: its prompt's id, by which videos are paired and resampled; of a video without one, that of its own clip.
        uri: where it is.
        clip: the id of its clip; "" in a result file of VBench.
        text: the prompt's words.
        sample: which of the videos of its prompt; "" where there is one alone.
        verb: of the prompt.
        object: of the prompt.
        category: of the prompt.
        seen: how many captions of a data set tell of the prompt's interaction; None when nobody counted.
        fps: frames a second; 0 where it is not known.
        seconds: its length; 0 where it is not known.
        width: in pixels; 0 where it is not known.
        height: in pixels; 0 where it is not known.
        values: number by name, 0..1 for shares; None with the reason in `reasons`.
        reasons: why a number is undefined.
        failure: why a measure, or reading it, failed; "" when nothing did.
        absent: numbers that the video lacks and that count with the worst value (hoigen.evaluation.models.counting).
    """

    model: str
    prompt: str
    uri: str
    clip: str = ""
    text: str = ""
    sample: str = ""
    verb: str | None = None
    object: str | None = None
    category: str | None = None
    seen: int | None = None
    fps: float = 0.0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    values: Mapping[str, float | None] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where videos came from: a run, or a result file of VBench.

    Args:
        path: of the run or the file.
        videos: of all models.
        numbers: all of them, as they were declared when they were measured.
        fingerprints: measure -> digest of its settings.
        evaluation: evaluation.json; {} without one.
        families: number -> measure that gives it: numbers of one measure say much the same.
        ran: run.yaml; {} without one.
    """

    path: Path
    videos: Sequence[Video]
    numbers: Sequence[Number]
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    ran: Mapping[str, Any] = field(default_factory=dict)
