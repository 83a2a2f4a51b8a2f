"""What was seen elsewhere, out of a file: pairs of any detector, or what a pipeline or an observer has written."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.errors import UsageError
from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.observe import pair_file, scene_file
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.lines import parsed
from hoigen.observe.observation import About, FrameRows
from hoigen.video.plan import moments

if TYPE_CHECKING:
    import numpy as np

    from hoigen.core.clip import Clip, Sampling, Seconds

FORMATS = ("hoigen_detections", "hoigen_scenes")
PICTURE = (1000, 1000)
"""Size that boxes in 0..1 are said to be of, where the clip's is not known."""


@observer("recorded")
class Recorded:
    """What a file of JSON lines says (docs/observations.md); no picture is looked at, and nothing is decoded.

    The file's first line tells which of two formats it has: pairs with verbs, or persons and objects, or whatever else
    observers see. Each video must be in it, by its path, its file's name or the clip's id; a clip that is not is
    undefined, with the reason. A measure that asks for a number of frames gets the lines nearest to where those are;
    one that asks for frames at a rate gets all lines within the clip, and none where the file leaves 0.6 s out.
    """

    file: Annotated[Path, Setting("where the file lies")]
    slack: Annotated[
        float | None,
        Setting("how far a line may be from the wanted moment; half of the time between two", least=0, unit="seconds"),
    ] = None

    sees = False
    models = ()

    def __post_init__(self) -> None:
        if self.slack is not None and not self.slack >= 0:
            raise ValueError(f"slack: seconds, 0 or more, or null; it came as {self.slack}")

    @property
    def gives(self) -> frozenset[str]:
        if self._pairs:
            return frozenset(("pairs",))
        return frozenset("things" if key == "objects" else key for key in self._scenes.gives)

    @property
    def identity(self) -> Mapping[str, Any]:
        """The file's content, not where it lies."""
        return {"file": scene_file.digest(self.file, scene_file.changed(self.file)), "slack": self.slack}

    @property
    def about(self) -> About:
        if self._pairs:
            found = self._detections
            return About(observer=found.detector, theta=found.theta, knows=found.knows, models=found.models)
        index = self._scenes
        own = {"name": index.pipeline, "revision": str(self.identity["file"])[:16]}
        return About(observer=index.pipeline, theta=index.theta, knows=index.knows, models=(own, *index.models))

    def load(self) -> None:
        """Goes over the file once. Raises UsageError that names the line."""
        _ = self.gives, self.about

    def question(self, clip: Clip) -> str:
        return ""

    def begin(self, clip: Clip, sampling: Sampling) -> _Reading:
        return _Reading(self, clip, sampling)

    @property
    def _pairs(self) -> bool:
        """Whether it is a file of pairs."""
        return _format(self.file, scene_file.changed(self.file)) == FORMATS[0]

    @property
    def _detections(self) -> pair_file.Recording:
        return pair_file.read(self.file, scene_file.changed(self.file))

    @property
    def _scenes(self) -> scene_file.Index:
        return scene_file.index(self.file, scene_file.changed(self.file))

    def frames(self, clip: Clip, sampling: Sampling) -> Sequence[ObservedFrame] | str:
        """What the file says of a clip, or why it says nothing."""
        if not self._pairs:
            found = scene_file.frames(self.file, clip, sampling, self.slack)
            return found if isinstance(found, str) else FrameRows.of(found)
        times = moments(sampling, clip.duration)
        rows = pair_file.rows_at(self._detections, clip, times, self.slack)
        if isinstance(rows, str):
            return rows
        size = (clip.width, clip.height) if clip.short_side > 0 else PICTURE
        return [ObservedFrame(time=at, size=size, pairs=row.pairs) for at, row in zip(times, rows, strict=True)]


class _Reading:
    """One clip."""

    def __init__(self, settings: Recorded, clip: Clip, sampling: Sampling) -> None:
        self.settings, self.clip, self.sampling = settings, clip, sampling

    def see(self, image: np.ndarray, time: Seconds) -> None:
        """Nothing is looked at."""

    def finish(self) -> Sequence[ObservedFrame] | str:
        return self.settings.frames(self.clip, self.sampling)


@functools.lru_cache(maxsize=8)
def _format(file: Path, changed: int) -> str:
    """The key of the first line that names the format. Raises UsageError for a file of neither."""
    with file.open("rb") as lines:
        number, first = next(((at, line) for at, line in enumerate(lines, 1) if line.strip()), (1, b""))
    said = "its first line has hoigen_detections: 1 (pairs) or hoigen_scenes: 1 (persons and objects)"
    if not first:
        raise UsageError(f"{file}: is empty; {said}; docs/observations.md")
    head = parsed(first, f"{file}: line {number}", FORMATS)
    for name in FORMATS:
        if name in head:
            return name
    raise UsageError(f"{file}: line {number}: {said}; docs/observations.md; it came as {sorted(head)}")
