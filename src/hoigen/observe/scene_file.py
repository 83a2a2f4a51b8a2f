"""What a pipeline run elsewhere has seen, or an observer: a file with a line a frame (docs/observations.md)."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.observe import byname
from hoigen.observe.detections import MOST, Knows
from hoigen.observe.lines import FRAME, frame_of, known_keys, listed, models_of, number, parsed, share
from hoigen.observe.observation import about_row, knows_of
from hoigen.video.plan import moments

if TYPE_CHECKING:
    from hoigen.core.clip import Clip, Sampling
    from hoigen.observe.frame import ObservedFrame
    from hoigen.observe.observation import About

VERSION = 1
HERE = "docs/observations.md"
HEAD = ("hoigen_scenes", "pipeline", "gives", "objects", "verbs", "any_verb", "theta", "models")
ROW = ("video", "time", "frame", "size")
HOLE = 0.6
"""Seconds without a line from which a clip is undefined; a pipeline that looks twice a second is slow enough."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line is. second: of the video; None where the line has a frame number instead."""

    line: int
    start: int
    second: float | None
    frame: int | None

    def at(self, fps: float) -> float:
        return self.second if self.second is not None else (self.frame or 0) / fps


@dataclass(frozen=True, slots=True)
class Index:
    """A file at a glance.

    Args:
        pipeline: what made it.
        knows: the words of the pipeline.
        theta: of its pairs, where it says one.
        gives: what its lines have, by their keys.
        videos: where the lines of each video are.
        models: name, revision and licence of each.
    """

    pipeline: str
    knows: Knows
    theta: float | None
    gives: tuple[str, ...]
    videos: Mapping[str, Sequence[_Place]]
    models: Sequence[Mapping[str, str]]


def frames(path: Path, clip: Clip, sampling: Sampling, slack: float | None = None) -> Iterator[ObservedFrame] | str:
    """What a file says of a clip, or the reason why it says nothing.

    Args:
        path: the file.
        clip: whose lines.
        sampling: where it asks for frames at a rate, all lines within the clip; where it asks for a number of frames,
            the lines nearest to where those would be.
        slack: how far such a line may be from its moment, seconds; None for half of the time between two.

    Raises UsageError that names the line.
    """
    found = index(path, changed(path))
    places = byname.of_clip(found.videos, clip, "lines")
    if isinstance(places, str):
        return f"{path.name}: {places}"
    if places[0].second is None and clip.fps <= 0:
        return f"{path.name}: lines by frame number need the clip's frame rate, which is not known"
    picked = _all_within(places, clip) if sampling.fps is not None else _nearest(places, clip, sampling, slack)
    return f"{path.name}: {picked}" if isinstance(picked, str) else _read(path, found.gives, picked, clip)


Picked = Sequence[tuple[float, _Place]]
"""Seconds from the clip's start, and the line."""


def _all_within(places: Sequence[_Place], clip: Clip) -> Picked | str:
    mine = [place for place in places if clip.start - 1e-6 <= place.at(clip.fps) < clip.end - 1e-6]
    mine.sort(key=lambda place: (place.at(clip.fps), place.line))
    within = [(place.at(clip.fps) - clip.start, place) for place in mine]
    if not within:
        return f"no line of {byname.base(clip.uri)} is from {clip.start:.3f} to {clip.end:.3f} s"
    for sooner, later in itertools.pairwise([0.0, *(time for time, _ in within), clip.duration]):
        if later - sooner > HOLE + 1e-6:  # no line is not no object
            start, end = sooner + clip.start, later + clip.start
            return f"no line of {byname.base(clip.uri)} from {start:.3f} to {end:.3f} s"
    return within


def _nearest(places: Sequence[_Place], clip: Clip, sampling: Sampling, slack: float | None) -> Picked | str:
    times = moments(sampling, clip.duration)
    far = slack if slack is not None else clip.duration / max(1, len(times)) / 2
    picked = []
    for time in times:
        place = min(places, key=lambda place: abs(place.at(clip.fps) - clip.start - time))
        if abs(place.at(clip.fps) - clip.start - time) > far + 1e-6:
            return f"no line within {far:.3g} s of second {time + clip.start:.3f} of {byname.base(clip.uri)}"
        picked.append((time, place))
    once = len({place.line for _, place in picked}) == len(picked)
    return [(place.at(clip.fps) - clip.start, place) for _, place in picked] if once else picked


def _read(path: Path, gives: Sequence[str], picked: Picked, clip: Clip) -> Iterator[ObservedFrame]:
    with path.open("rb") as file:
        for time, place in picked:
            where = f"{path}: line {place.line}"
            file.seek(place.start)
            row = parsed(file.readline(), where, ROW)
            for key in gives:
                listed(row, key, where)
            yield frame_of(
                {key: row[key] for key in (*gives, "size") if key in row}, where, (clip.width, clip.height), time
            )


def changed(path: Path) -> int:
    """When the file was changed last."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


@functools.lru_cache(maxsize=8)
def digest(path: Path, changed: int) -> str:
    """The sha256 of the file as it was changed last."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


@functools.lru_cache(maxsize=8)
def index(path: Path, changed: int) -> Index:
    """Which lines are of which video. Raises UsageError with the line, the key, what came and what is allowed."""
    head: Mapping[str, Any] | None = None
    gives: tuple[str, ...] = ()
    videos: dict[str, list[_Place]] = {}
    start = 0
    with path.open("rb") as file:
        for at, line in enumerate(file, 1):
            here, start = start, start + len(line)
            if not line.strip():
                continue
            given = parsed(line, where := f"{path}: line {at}", ROW)
            if head is None:
                head, gives = _head(given, where)
                continue
            known_keys(given, (*ROW, *gives), where)
            video, place = _place(given, at, here, where)
            videos.setdefault(video, []).append(place)
    if head is None:
        raise UsageError(f"{path}: is empty; its first line names the pipeline ({HERE})")
    for video, places in videos.items():
        if len({place.second is None for place in places}) > 1:
            raise UsageError(f"{path}: {video}: some lines have a time and some a frame; take one of them")
        _check_once(places, path, video)
    return Index(
        pipeline=str(head["pipeline"]),
        knows=knows_of(head),
        theta=head.get("theta"),
        gives=gives,
        videos=videos,
        models=models_of(head, str(path)),
    )


def _check_once(places: Sequence[_Place], path: Path, video: str) -> None:
    seen: set[tuple[float | None, int | None]] = set()
    for place in places:
        if (place.second, place.frame) in seen:
            what = f"second {place.second:g}" if place.second is not None else f"frame {place.frame}"
            raise UsageError(f"{path}: line {place.line}: a second line for {what} of {video}")
        seen.add((place.second, place.frame))


def _head(head: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The first line, checked, and what it says that the others have."""
    if (came := head.get("hoigen_scenes")) != VERSION:
        raise UsageError(f"{where}: the first line has hoigen_scenes: {VERSION} ({HERE}); it came as {came!r}")
    known_keys(head, HEAD, where)
    if not isinstance(head.get("pipeline"), str) or not head["pipeline"].strip():
        raise UsageError(f"{where}: pipeline: what made the file, a text; it came as {head.get('pipeline')!r}")
    for key, what in (("objects", "classes"), ("verbs", "verbs")):
        words = head.get(key)
        if words not in (None, "hico") and not (isinstance(words, list) and all(isinstance(w, str) for w in words)):
            raise UsageError(f"{where}: {key}: a list of {what}, or left out; it came as {words!r}")
    if head.get("theta") is not None:
        share(head["theta"], f"{where}: theta")
    if not isinstance(head.get("any_verb", False), bool):
        raise UsageError(f"{where}: any_verb: true or false; it came as {head['any_verb']!r}")
    models_of(head, where)
    gives = head.get("gives", ["persons", "objects"])
    if not isinstance(gives, list) or not gives or any(each not in FRAME for each in gives):
        raise UsageError(f"{where}: gives: some of {', '.join(FRAME)}, a list; it came as {gives!r}")
    return head, tuple(gives)


def head_row(about: About, gives: Iterable[str]) -> dict[str, Any]:
    """The first line of a file of what an observer has seen. gives: the fields of ObservedFrame that it fills."""
    said = about_row(about)
    keys = ["objects" if each == "things" else each for each in gives]
    head = {"hoigen_scenes": VERSION, "pipeline": said.pop("observer"), "gives": [key for key in FRAME if key in keys]}
    return head | {key: value for key, value in said.items() if value is not None}


def line_row(video: str, start: float, frame: Mapping[str, Any]) -> dict[str, Any]:
    """A further line of such a file.

    Args:
        video: by which name measures are to find it: the file's, a path, or the clip's id.
        start: of the clip in its video, seconds.
        frame: what `frame_row` has made.
    """
    return {"video": video, **frame, "time": round(float(frame["time"]) + start, 6)}


def _place(given: Mapping[str, Any], line: int, start: int, where: str) -> tuple[str, _Place]:
    video, second, frame = given.get("video"), given.get("time"), given.get("frame")
    if not isinstance(video, str) or not video.strip():
        raise UsageError(f"{where}: video: a text; it came as {video!r}")
    if (second is None) == (frame is None):
        raise UsageError(f"{where}: either time (seconds of the video) or frame (its number from 0)")
    if second is not None and not (number(second) and 0 <= second <= MOST):
        raise UsageError(f"{where}: time: seconds, 0 or more; it came as {second!r}")
    if frame is not None and not (isinstance(frame, int) and number(frame) and 0 <= frame <= MOST):
        raise UsageError(f"{where}: frame: a whole number, 0 or more; it came as {frame!r}")
    return video, _Place(line, start, None if second is None else float(second), frame)
