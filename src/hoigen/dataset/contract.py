"""What a format is: how a trainer wants clips and captions to lie, and how it would read them.

A format is one file in `formats/` with one class, `@format(name)`: a frozen dataclass whose fields are its settings.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from hoigen.core.clip import Seconds
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.shape import Shape, Wants

CLIPS = "videos"
"""The folder of the clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A clip that was made, with its caption.

    Args:
        id: of the clip in the run; the name without its number, where a clip gave several.
        name: of the sample; that of its file, without the suffix.
        file: its path in the folder.
        text: the caption, on one line.
        frames: how many.
        fps: frames per second.
        width: in pixels.
        height: in pixels.
        seconds: its length.
        digest: SHA-256 of the file.
        bytes: size of the file.
        uri: of the video that it is a stretch of.
        start: where it begins there, in seconds.
        end: where it ends there.
        clip_start: where the run's clip begins there, of which it may be a stretch.
        source_width: of the video, in pixels.
        source_height: of the video, in pixels.
        source: the list's name of where the video is from.
        repeated: how many of its frames are the one before.
    """

    id: str
    name: str
    file: str
    text: str
    frames: int
    fps: float
    width: int
    height: int
    seconds: Seconds
    digest: str
    bytes: int
    uri: str
    start: Seconds
    end: Seconds
    clip_start: Seconds
    source_width: int
    source_height: int
    source: str
    repeated: int


@dataclass(frozen=True, slots=True)
class Export:
    """What a format writes from, once all clips are made.

    Args:
        out: the folder that is exported to.
        run: the folder of the run; for what else is known of its clips.
        shape: how the clips were made.
        samples: gives them, in the order of the run, as often as it is called.
        count: how many there are.
    """

    out: Folder
    run: Path
    shape: Shape
    samples: Callable[[], Iterator[Sample]]
    count: int

    def text(self, name: str, content: str) -> None:
        """Writes a file of the export, whole or not at all."""
        self.out.write(name, content.encode("utf-8"))

    def lines(self, name: str, line: Callable[[Sample], str], head: str = "") -> None:
        """Writes a file with a line for each sample, whole or not at all.

        Args:
            name: of the file.
            line: of a sample, without its end.
            head: what stands before them, with its end.
        """
        with self.out.writing(name) as file:
            file.write(head.encode("utf-8"))
            for sample in self.samples():
                file.write(f"{line(sample)}\n".encode())

    @contextlib.contextmanager
    def local(self, sample: Sample) -> Iterator[Path]:
        """The sample's clip as a file of this machine."""
        if self.out.is_local:
            yield Path(self.out.path(sample.file))
            return
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            file.write(self.out.read(sample.file))
            file.flush()
            yield Path(file.name)


@dataclass(frozen=True, slots=True)
class Seen:
    """A sample as a format's loader has it.

    Args:
        name: of the sample.
        text: what the trainer trains on, as it reads it.
        video: the clip, as a file or as its bytes.
        frames: the numbers of the frames of the clip that the trainer takes, given how many there are and at which
            rate; all of them, where it is not said.
        told: what the format's own files say of the clip: frames, fps, width, height, where they say it.
    """

    name: str
    text: str
    video: Path | bytes
    frames: Callable[[int, float], list[int]] = lambda count, fps: list(range(count))
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Who reads a format.

    Args:
        title: its name, as people know it.
        source: the file and commit, or the package and version, whose rules `read` goes by.
        start: how training is started with what lies in the folder, in one line.
        note: what one should know.
    """

    title: str
    source: str
    start: str = ""
    note: str = ""


class Format(Protocol):
    """A format; one class per file of `formats/`.

    `packed`: clips go into files of the format's own, and are not left beside them. `captioned`: clips need captions.
    """

    name: ClassVar[str]
    trainer: ClassVar[Trainer]
    packed: ClassVar[bool]
    captioned: ClassVar[bool]

    @property
    def wants(self) -> Wants:
        """What its trainer wants of clips, by its settings."""

    def check(self, out: Folder, run: Run) -> str | None:
        """Why a run cannot be exported to a folder, known before any work; None when it can."""

    def suits(self, shape: Shape) -> str | None:
        """Why clips of a shape would be lost to the trainer, known before any work; None when none would be."""

    def write(self, export: Export) -> None:
        """Writes what lies beside the clips: captions, lists, and the file that the trainer is started with."""

    def read(self, out: Path) -> Iterator[Seen]:
        """The samples as the trainer's loader reads them from a folder, by its rules, in its order.

        Raises ValueError where the loader would refuse or lose something.
        """


def literal(text: str) -> str:
    """A text in quotes, as TOML, YAML and Python read it: in ASCII, whatever encoding a trainer opens its file in."""
    signs = (json.dumps(sign)[1:-1] if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}" for sign in text)
    return f'"{"".join(signs)}"'


class Plain:
    """What most formats have: clips as files, with captions, in any folder."""

    packed: ClassVar[bool] = False
    captioned: ClassVar[bool] = True

    def check(self, out: Folder, run: Run) -> str | None:
        return None

    def suits(self, shape: Shape) -> str | None:
        return None
