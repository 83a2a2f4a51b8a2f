"""What was seen elsewhere, out of a file: pairs of any detector, or what a pipeline or an observer has written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.registry import observer
from hoigen.core.settings import Setting
from hoigen.observe import recordings
from hoigen.observe.detections import Knows
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.observation import About, Collecting, FrameRows

if TYPE_CHECKING:
    from hoigen.core.clip import Clip, Sampling

PICTURE = (1000, 1000)
"""Size that boxes in 0..1 are said to be of, where the clip's is not known."""


@observer("recorded")
class Recorded:
    """What a file of JSON lines says (docs/observations.md); no picture is looked at, and nothing is decoded.

    The file's first line tells which of two formats it has: pairs with verbs, or persons and objects, or whatever else
    observers see. Each video must be in it, by its path or the end of it (the file's name, where no other video has the
    same) or the clip's id; a clip that is not is undefined, with the reason. A measure that asks for a number of frames
    gets the lines nearest to where those are; one that asks for frames at a rate gets all lines within the clip, and
    none where the file leaves 0.6 s out.
    """

    file: Annotated[Path, Setting("where the file lies: beside the recipe, or in the working directory")]
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
        return frozenset("things" if key == "objects" else key for key in recordings.read(self.file).gives)

    @property
    def identity(self) -> Mapping[str, Any]:
        """The file's content, not where it lies."""
        return {"file": recordings.digest(self.file), "slack": self.slack}

    @property
    def about(self) -> About:
        return recordings.read(self.file).about

    @property
    def knows(self) -> Knows | None:
        """The words of what made the file."""
        return recordings.read(self.file).about.knows

    def load(self) -> None:
        """Goes over the file once. Raises UsageError that names the line."""
        recordings.read(self.file)

    def check_videos(self, uris: Iterable[str]) -> None:
        """Raises UsageError where lines of the file would serve several videos of a run. uris: of all of them."""
        recordings.check_videos(self.file, uris)

    def question(self, clip: Clip) -> str:
        return ""

    def begin(self, clip: Clip, sampling: Sampling) -> Collecting:
        """No image comes: what is collected is what the file says."""
        return Collecting(lambda images, times: self._frames(clip, sampling))

    def _frames(self, clip: Clip, sampling: Sampling) -> Sequence[ObservedFrame] | str:
        """What the file says of a clip, or why it says nothing."""
        picked = recordings.lines_of(self.file, clip, sampling, self.slack)
        if isinstance(picked, str):
            return picked
        if not recordings.read(self.file).of_pairs:
            return FrameRows.of(recordings.frames(self.file, picked, (clip.width, clip.height)))
        size = (clip.width, clip.height) if clip.short_side > 0 else PICTURE
        return [ObservedFrame(time=time, size=size, pairs=line.pairs) for time, line in picked]
