"""Measures of observations, driven without a run: an observer looks at frames, the measure reads what it saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hoigen import Clip, Score
from hoigen.core.clip import Frames, Sampling
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.observation import Observation, observe
from hoigen.recipe.build import make
from hoigen.video import decode, probe


def observed(measure: Any, clip: Clip, images: Sequence[np.ndarray] = (), times: Iterable[float] = ()) -> Observation:
    """What the measure's observer says of these frames, written and read back."""
    measure.looking.observer.load()
    return observe(measure.looking, clip, list(images), [float(at) for at in times])


def score_of(measure: Any, clip: Clip, images: Sequence[np.ndarray] = (), times: Iterable[float] = ()) -> Score:
    """A new look, and what the measure makes of it."""
    found: Score = measure.read(clip, observed(measure, clip, images, times))
    return found


def looked_at(measure: Any, path: Path, start: float = 0.0, end: float | None = None, **meta: Any) -> Score:
    """The same of a video's own frames."""
    clip, frames = opened(measure, path, start, end, **meta)
    return score_of(measure, clip, frames.images, frames.times)


def opened(measure: Any, path: Path, start: float = 0.0, end: float | None = None, **meta: Any) -> tuple[Clip, Frames]:
    """A stretch of a video, and the frames that the measure's observer is shown of it."""
    header = probe(str(path))
    size = {"width": header.width, "height": header.height, "fps": header.fps}
    clip = Clip(id="0", uri=str(path), start=start, end=end or header.duration, meta=meta, **size)
    return clip, decode(clip, [measure.looking.sampling])[measure.looking.sampling]


def frames_of(spec: Any, clip: Clip, images: Sequence[np.ndarray], times: Sequence[float]) -> list[ObservedFrame]:
    """What an observer, by its name or settings, says of frames, before it is written."""
    observer = make("observer", spec, "observer") if isinstance(spec, str | dict) else spec
    observer.load()
    watching = observer.begin(clip, Sampling(frames=len(times)))
    for image, time in zip(images, times, strict=True):
        watching.see(image, time)
    said = watching.finish()
    assert not isinstance(said, str), said
    return list(said)
