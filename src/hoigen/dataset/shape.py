"""How clips are to be made for a trainer, and what becomes of one clip: decided by its row alone, before any work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from hoigen.core.clip import Clip, Seconds
from hoigen.core.errors import UsageError
from hoigen.video.plan import SLACK
from hoigen.video.retime import Fit, scale_of

Take = Literal["middle", "start", "all"]
RATES = 0.002
"""Rates closer than this share are the same: 24 and 23.976."""
SQUARISH = 1.02
"""Aspects that differ by less than this factor are the same: cropping takes a row or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a trainer wants of its clips, where nothing else is asked for.

    Args:
        fps: frames per second; None is each clip's own.
        frames: so many, or the largest of several that a clip has; none given: all that it has.
        sizes: (width, height) in pixels; of several, the nearest aspect; none given: each clip's own.
        step: a clip has step * N + 1 frames, where it is more than 1.
        multiple: width and height are multiples of it.
        tokens: so many of a caption the trainer's text encoder takes, the mark of its end counted; None: not known.
        tokenizer: the repository whose tokenizer that is; "" where there is none.
        tokenizer_folder: the folder in it.
        single: the trainer takes one size and one number of frames.
    """

    fps: float | None = None
    frames: tuple[int, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    step: int = 1
    multiple: int = 2
    tokens: int | None = None
    tokenizer: str = ""
    tokenizer_folder: str = ""
    single: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """One file that comes of a clip.

    Args:
        name: of the file, without its suffix.
        clip: the stretch that it shows.
        fps: of the file; None: the frames' own times.
        frames: how many it has; None: as many as there are.
        size: (width, height) in pixels; None: the clip's own.
        clip_start: where the run's clip begins in its video, in seconds.
    """

    name: str
    clip: Clip
    clip_start: Seconds
    fps: Fraction | None = None
    frames: int | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How clips are made.

    Args:
        fps: as of `Wants`.
        frames: as of `Wants`.
        sizes: as of `Wants`.
        step: as of `Wants`.
        multiple: as of `Wants`.
        fit: whether what does not fit is cropped or padded.
        take: which part of a clip that is longer: its middle, its start, or all of it in stretches one after another.
        enlarge: clips that are smaller are enlarged.
        repeat: frames stand twice where a clip has fewer a second.
    """

    fps: float | None
    frames: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    step: int = 1
    multiple: int = 2
    fit: Fit = "crop"
    take: Take = "middle"
    enlarge: bool = False
    repeat: bool = False

    @property
    def as_they_are(self) -> bool:
        """Whether clips keep all their frames with their own times and size."""
        return self.fps is None and not self.frames and not self.sizes and self.step == 1

    def cuts(self, clip: Clip) -> list[Cut] | str:
        """What comes of a clip; or why nothing does."""
        if self.as_they_are:
            return [Cut(clip.id, clip, clip.start)]
        if not clip.fps > 0:
            return "its frame rate is not known"
        if self.fps and not self.repeat and clip.fps < self.fps * (1 - RATES):
            return f"fewer than {self.fps:g} frames a second (--repeat shows some twice)"
        rate = Fraction(self.fps or clip.fps).limit_denominator(1001)
        most = int(clip.duration * float(rate) + 1 - SLACK)
        frames = self._frames(most)
        if frames is None:
            least = min(self.frames, default=self.step + 1)
            at = f"{self.fps:g}" if self.fps else "its own"
            return f"shorter than {least} frames at {at} fps"
        size = self._size(clip)
        if isinstance(size, str):
            return size
        length = float(frames / rate)
        if self.take == "all" and most // frames > 1:
            starts = [clip.start + at * length for at in range(most // frames)]
            names = [f"{clip.id}-{at:02d}" for at in range(len(starts))]
        else:
            spare = max(0.0, clip.duration - length) / 2 if self.take == "middle" else 0.0
            starts, names = [clip.start + math.floor(spare * clip.fps + SLACK) / clip.fps], [clip.id]
        made = []
        for name, start in zip(names, starts, strict=True):
            # to the last frame's own end: what lies behind is never shown, and the file may end there
            end = min(clip.end, start + length)
            made.append(Cut(name, replace(clip, start=start, end=end), clip.start, rate, frames, size))
        return made

    def _frames(self, most: int) -> int | None:
        """How many frames are taken of so many; None where there are too few."""
        if self.frames:
            return max((each for each in self.frames if each <= most), default=None)
        if self.step == 1:
            return most if most > 0 else None
        return most - (most - 1) % self.step if most > self.step else None

    def _size(self, clip: Clip) -> tuple[int, int] | str:
        if clip.width <= 0 or clip.height <= 0:
            return "its size is not known"
        if not self.sizes:
            own = clip.width - clip.width % self.multiple, clip.height - clip.height % self.multiple
            return own if min(own) > 0 else f"smaller than {self.multiple} pixels"
        aspect = math.log(clip.width / clip.height)
        near = min(abs(math.log(w / h) - aspect) for w, h in self.sizes)
        same = [size for size in self.sizes if abs(math.log(size[0] / size[1]) - aspect) <= near + math.log(SQUARISH)]
        fitting = [s for s in same if self.enlarge or scale_of((clip.width, clip.height), s, self.fit) <= 1]
        if not fitting:
            least = min(same)
            return f"smaller than {least[0]}x{least[1]} (--enlarge)"
        return max(fitting, key=lambda size: size[0] * size[1])

    def lost(self, clip: Clip, size: tuple[int, int]) -> float:
        """Share of the picture that is cropped, or of the new one that is black.

        Args:
            clip: whose size counts; its pixels are taken for square.
            size: (width, height) of the new one.
        """
        there, new = clip.width / clip.height, size[0] / size[1]
        return 1 - min(there, new) / max(there, new)


def shape_of(
    wants: Wants,
    *,
    fps: float | None,
    frames: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    fit: Fit,
    take: Take,
    enlarge: bool,
    repeat: bool,
) -> Shape:
    """What a trainer wants, with what was asked for in its place. Raises UsageError for what the trainer cannot take.

    Args:
        wants: of the format.
        fps: frames per second; None: as the trainer has it.
        frames: how many; none given: as the trainer has it.
        sizes: (width, height) in pixels; none given: as the trainer has it.
        fit: `crop` or `pad`.
        take: which part of a longer clip.
        enlarge: clips that are smaller are enlarged.
        repeat: frames may stand twice.
    """
    if fps is not None and not 0 < fps <= 240:
        raise UsageError(f"--fps: more than 0, at most 240; it came as {fps:g}")
    if wants.single and (len(frames) > 1 or len(sizes) > 1):
        raise UsageError("--frames, --size: this trainer takes one of each")
    for each in frames:
        if each < 1:
            raise UsageError(f"--frames: 1 or more; it came as {each}")
        if (each - 1) % wants.step:
            below = each - (each - 1) % wants.step
            raise UsageError(
                f"--frames: {wants.step}N+1 for this trainer, as {below} or {below + wants.step}; it came as {each}"
            )
    for width, height in sizes:
        if width < 1 or height < 1 or width % wants.multiple or height % wants.multiple:
            raise UsageError(
                f"--size: WIDTHxHEIGHT in multiples of {wants.multiple} for this trainer; it came as {width}x{height}"
            )
    return Shape(
        fps=fps if fps is not None else wants.fps,
        frames=tuple(sorted(frames or wants.frames)),
        sizes=tuple(sizes or wants.sizes),
        step=wants.step,
        multiple=wants.multiple,
        fit=fit,
        take=take,
        enlarge=enlarge,
        repeat=repeat,
    )
