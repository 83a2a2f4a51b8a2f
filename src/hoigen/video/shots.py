"""Where a video is cut into shots; how cuts are found is a detector's affair (`adaptive.py`)."""

from __future__ import annotations

import bisect
import importlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hoigen import video
from hoigen.core.clip import Sampling, Seconds
from hoigen.core.errors import UsageError, VideoError, nearest
from hoigen.video.header import Header
from hoigen.video.sequence import Pass

if TYPE_CHECKING:
    import numpy as np

Frame = tuple["np.ndarray", Seconds]
ENDLESS = 10, 6 * 3600.0
"""A video whose frames go on for more than this many times its claimed length, and so many seconds, has no end: a
playlist of a live stream that still grows."""
BLACK = 16.0, 3.0
"""A frame is black where its mean is below the first and its spread below the second, 0..255."""
DETECTORS = {"adaptive": "Adaptive", "transnet": "Transnet"}
"""YAML name (and file in this folder) -> class."""


class Detector(Protocol):
    """Finds boundaries in a stream of small RGB frames, in one pass and bounded memory."""

    @property
    def short_side(self) -> int:
        """Pixels that the shorter side of the frames is scaled down to."""

    def boundaries(self, frames: Iterable[Frame]) -> Iterator[Seconds]:
        """Times of the first frames of new shots, in seconds, ascending; the video's own start is not one.

        Args:
            frames: of the whole video in order: (H, W, 3) uint8 RGB, each with its time in seconds.
        """


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch without a cut.

    Args:
        start: seconds, its first frame.
        end: seconds, where the next shot begins.
        state: `short` when it is below the minimum length; `held` when it is one frame, shown for longer than the
            maximum length; `black` when it is black, at an end of a shot or between two.
        reason: why it is not `ok`, as a sentence.
    """

    start: Seconds
    end: Seconds
    state: Literal["ok", "short", "held", "black"] = "ok"
    reason: str | None = None


def detectors() -> Iterator[tuple[str, type[Any]]]:
    """All detectors, by name."""
    for name, cls in DETECTORS.items():
        yield name, getattr(importlib.import_module(f"hoigen.video.{name}"), cls)


def check_detector(spec: str | Mapping[str, Any]) -> Detector:
    """The detector of a recipe's `shots:`.

    Args:
        spec: its name, or one mapping of its name to its settings.

    Raises UsageError for unknown names and settings.
    """
    from hoigen.recipe.build import build

    name, settings = (spec, {}) if isinstance(spec, str) else next(iter(spec.items()), ("", {}))
    if name not in DETECTORS or (not isinstance(spec, str) and len(spec) != 1):
        raise UsageError(f"shots: unknown detector {name or spec!r}{nearest(str(name), [*DETECTORS, 'none'])}")
    detector: Detector = build(dict(detectors())[name], settings, f"shots.{name}")
    return detector


def find_shots(
    uri: str,
    detector: str | Mapping[str, Any],
    min_length: Seconds,
    max_length: Seconds | None,
    progress: Callable[[], None] | None = None,
    *,
    header: Header | None = None,
) -> tuple[Header, list[Shot]]:
    """All shots of a video, in order and without gaps: what is too short is one too, with its reason.

    Args:
        uri: path or address of the video.
        detector: as a recipe's `shots:` has it: a name, or a name with its settings.
        min_length: seconds; shorter shots are marked `short`.
        max_length: seconds; longer shots are split into equal parts at frame times. None: none is split.
        progress: called when the pass over the video has moved on.
        header: of the video, where it is known: it is not read again.

    Returns the header, with length, rate and clock as all its frames have them, and the shots.

    Raises VideoError when the video cannot be read to its end.
    """
    header = header or video.probe(uri, progress)
    chosen = check_detector(detector)
    times: list[Seconds] = []
    dark: list[bool] = []
    with video.opened(uri) as (container, stream):
        decoder = Pass(container, stream, 0.0, None, progress)
        frames = video.images(decoder, Sampling(short_side=chosen.short_side))
        cuts = list(chosen.boundaries(_noting(frames, times, dark, header.duration)))
        jumps, gap = decoder.clock.jumps, decoder.clock.usual
    end = header.duration
    if len(times) > 1:  # a frame behind the last one, unless the claimed end is near
        gap = gap if jumps else (times[-1] - times[0]) / (len(times) - 1)
        end = end if times[-1] < end <= times[-1] + 2 * gap + 0.001 else times[-1] + gap
    if not jumps:
        video.check_reach(end, header.duration)
    shots = [
        shot
        for start, stop in itertools.pairwise([0.0, *cuts, end])
        for shot in _lit(start, stop, times, dark, min_length, max_length)
    ]
    return header.as_seen(times, end, jumps), shots


def _noting(frames: Iterable[Frame], times: list[Seconds], dark: list[bool], claimed: Seconds) -> Iterator[Frame]:
    """The frames, while their times are added to `times`, and whether they are black to `dark`."""
    mean, spread = BLACK
    longest = ENDLESS[0] * claimed + ENDLESS[1]
    for image, at in frames:
        if at > longest:
            raise VideoError(
                f"its frames go on beyond {at:.0f} s, where its header claims {claimed:.2f} s: it has no end"
            )
        times.append(at)
        dark.append(bool(image.mean() < mean and image.std() < spread))
        yield image, at


def _lit(
    start: Seconds,
    end: Seconds,
    times: list[Seconds],
    dark: list[bool],
    min_length: Seconds,
    max_length: Seconds | None,
) -> list[Shot]:
    """A stretch between two cuts, with the black at its ends as shots of their own: it belongs to neither side."""
    first, behind = bisect.bisect_left(times, start - 1e-6), bisect.bisect_left(times, end - 1e-6)
    lit = [place for place in range(first, behind) if not dark[place]]
    begin = times[lit[0]] if lit and lit[0] > first else start if lit else end
    stop = times[lit[-1] + 1] if lit and lit[-1] + 1 < behind else end
    ends = [(a, b) for a, b in ((start, begin), (stop, end)) if b > a]
    black = [Shot(a, b, "black", f"black for {b - a:.2f} s, at the end of a shot or between two") for a, b in ends]
    parts = _parts(begin, stop, times, min_length, max_length) if lit else []
    return sorted([*black, *parts], key=lambda shot: shot.start)


def _parts(
    start: Seconds, end: Seconds, times: list[Seconds], min_length: Seconds, max_length: Seconds | None
) -> list[Shot]:
    """A stretch between two cuts as one shot, or as several when it is too long."""
    length = end - start
    if max_length and length > max_length:
        shown = [start, *times[bisect.bisect_right(times, start) : bisect.bisect_left(times, end)], end]
        held = [(a, b) for a, b in itertools.pairwise(shown) if b - a > max_length]
        if held:
            a, b = held[0]
            reason = f"one frame is shown for {b - a:.2f} s, longer than max_length {max_length:g} s"
            before = _parts(start, a, times, min_length, max_length) if a > start else []
            after = _parts(b, end, times, min_length, max_length) if b < end else []
            return [*before, Shot(a, b, "held", reason), *after]
    if length < min_length:
        return [Shot(start, end, "short", f"shot of {length:.2f} s is shorter than min_length {min_length:g} s")]
    gap = length / max(1, bisect.bisect_left(times, end) - bisect.bisect_left(times, start))
    count = math.ceil((length + gap) / max_length) if max_length and length > max_length else 1
    if count < 2:
        return [Shot(start, end)]
    # each at the last frame time that is not later, so that no part is longer than asked for
    ideal = [start + length * part / count for part in range(1, count)]
    marks = [times[max(0, bisect.bisect_right(times, at) - 1)] for at in ideal]
    return [Shot(a, b) for a, b in itertools.pairwise([start, *marks, end]) if b > a]
