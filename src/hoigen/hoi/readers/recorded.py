"""Persons and objects out of a file that a pipeline run elsewhere has written, a line a frame (docs/fine_hoi.md)."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.errors import UsageError
from hoigen.hoi import byname
from hoigen.hoi.detections import MOST, as_name
from hoigen.hoi.readers.lines import HEAD, HERE, ROW, VERSION, known_keys, scene_of

if TYPE_CHECKING:
    import numpy as np

    from hoigen.clip import Clip
    from hoigen.hoi.scene import Scene
    from hoigen.models.uses import ModelUse

HOLE = 0.6
"""Seconds without a line from which a clip is undefined; a pipeline that looks twice a second is slow enough."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line is. second: of the video; None where the line has a frame number instead."""

    line: int
    start: int
    second: float | None
    frame: int | None

    def at(self, fps: float) -> float:
        return self.second if self.second is not None else (self.frame or 0) / fps


@dataclass(frozen=True, slots=True)
class Index:
    """A file at a glance. objects: the classes that the pipeline looks for, None where it does not say."""

    pipeline: str
    objects: frozenset[str] | None
    videos: Mapping[str, Sequence[Place]]
    models: Sequence[Mapping[str, str]]


class RecordedReader:
    """Answers from a file of JSON lines; no picture is looked at. A video's lines are read when its clip comes."""

    name = "recorded"
    batch = 1
    models: tuple[ModelUse, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def _index(self) -> Index:
        return index(self.path, changed(self.path))

    @property
    def identity(self) -> Mapping[str, Any]:
        """The file's content, not where it lies."""
        return {"reader": self.name, "revision": 1, "file": digest(self.path, changed(self.path))}

    @property
    def ledger(self) -> Sequence[Mapping[str, str]]:
        return [{"name": self._index.pipeline, "revision": str(self.identity["file"])[:16]}, *self._index.models]

    def load(self) -> None:
        """Goes over the file once. Raises UsageError that names the line."""
        _ = self._index

    def begin(self) -> RecordedReader:
        return self

    def lacks(self, wanted: str | None) -> str:
        objects = self._index.objects
        if wanted is None or objects is None or wanted in objects:
            return ""
        return f"{self.path.name}: its pipeline looks for no {wanted!r}, by the first line's objects"

    def read(self, images: Sequence[np.ndarray], times: Sequence[float], wanted: str | None) -> list[Scene]:
        raise NotImplementedError("a file is asked for a clip, not for pictures")

    def scenes(self, clip: Clip, wanted: str | None) -> Iterator[tuple[float, Scene]] | str:
        """Time from the clip's start and scene of every line within the clip, or the reason why there are none."""
        places = self._places(clip)
        if isinstance(places, str):
            return places
        if places[0].second is None and clip.fps <= 0:
            return f"{self.path.name}: lines by frame number need the clip's frame rate, which is not known"
        mine = sorted(
            (place for place in places if _within(place, clip)), key=lambda place: (place.at(clip.fps), place.line)
        )
        within = [(place.at(clip.fps) - clip.start, place) for place in mine]
        if not within:
            return f"{self.path.name}: no line of {byname.base(clip.uri)} is from {clip.start:.3f} to {clip.end:.3f} s"
        if hole := _hole([time for time, _ in within], clip):
            return f"{self.path.name}: no line of {byname.base(clip.uri)} from {hole[0]:.3f} to {hole[1]:.3f} s"
        return self._read(within, clip, wanted)

    def _read(
        self, within: Sequence[tuple[float, Place]], clip: Clip, wanted: str | None
    ) -> Iterator[tuple[float, Scene]]:
        with self.path.open("rb") as file:
            for time, place in within:
                where = f"{self.path}: line {place.line}"
                file.seek(place.start)
                yield time, scene_of(_object(file.readline(), where), where, (clip.width, clip.height), wanted)

    def _places(self, clip: Clip) -> Sequence[Place] | str:
        found = byname.of_clip(self._index.videos, clip, "lines")
        return f"{self.path.name}: {found}" if isinstance(found, str) else found


def _hole(times: Sequence[float], clip: Clip) -> tuple[float, float] | None:
    """The first stretch of the clip, in seconds of the video, of which nothing is written: no line is not no object."""
    edges = [0.0, *times, clip.duration]
    for sooner, later in itertools.pairwise(edges):
        if later - sooner > HOLE + 1e-6:
            return sooner + clip.start, later + clip.start
    return None


def _within(place: Place, clip: Clip) -> bool:
    return clip.start - 1e-6 <= place.at(clip.fps) < clip.end - 1e-6


def changed(path: Path) -> int:
    """When the file was changed last."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"recording: {path}: {error.strerror}") from None


@functools.lru_cache(maxsize=8)
def digest(path: Path, changed: int) -> str:
    """The sha256 of the file as it was changed last."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"recording: {path}: {error.strerror}") from None


@functools.lru_cache(maxsize=8)
def index(path: Path, changed: int) -> Index:
    """Which lines are of which video. Raises UsageError with the line, the key, what came and what is allowed."""
    head: Mapping[str, Any] | None = None
    videos: dict[str, list[Place]] = {}
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            here, start = start, start + len(line)
            if not line.strip():
                continue
            given = _object(line, where := f"{path}: line {number}")
            if head is None:
                head = _head(given, where)
                continue
            known_keys(given, ROW, where)
            video, place = _place(given, number, here, where)
            videos.setdefault(video, []).append(place)
    if head is None:
        raise UsageError(f"{path}: is empty; its first line names the pipeline ({HERE})")
    for video, places in videos.items():
        if len({place.second is None for place in places}) > 1:
            raise UsageError(f"{path}: {video}: some lines have a time and some a frame; take one of them")
        _check_once(places, path, video)
    objects = head.get("objects")
    return Index(
        pipeline=str(head["pipeline"]),
        objects=None if objects is None else frozenset(as_name(each) or "" for each in objects),
        videos=videos,
        models=[{str(key): str(value) for key, value in each.items()} for each in head.get("models", ())],
    )


def _check_once(places: Sequence[Place], path: Path, video: str) -> None:
    seen: set[tuple[float | None, int | None]] = set()
    for place in places:
        if (place.second, place.frame) in seen:
            what = f"second {place.second:g}" if place.second is not None else f"frame {place.frame}"
            raise UsageError(f"{path}: line {place.line}: a second line for {what} of {video}")
        seen.add((place.second, place.frame))


def _head(head: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if (came := head.get("hoigen_scenes")) != VERSION:
        raise UsageError(f"{where}: the first line has hoigen_scenes: {VERSION} ({HERE}); it came as {came!r}")
    known_keys(head, HEAD, where)
    if not isinstance(head.get("pipeline"), str) or not head["pipeline"].strip():
        raise UsageError(f"{where}: pipeline: what made the file, a text; it came as {head.get('pipeline')!r}")
    objects = head.get("objects")
    if objects is not None and not (isinstance(objects, list) and all(isinstance(each, str) for each in objects)):
        raise UsageError(f"{where}: objects: a list of classes, or left out; it came as {objects!r}")
    models = head.get("models", [])
    if not (isinstance(models, list) and all(isinstance(each, dict) and each.get("name") for each in models)):
        raise UsageError(f"{where}: models: a list of {{name, revision, licence}}; it came as {models!r}")
    return head


def _place(given: Mapping[str, Any], number: int, start: int, where: str) -> tuple[str, Place]:
    video, second, frame = given.get("video"), given.get("time"), given.get("frame")
    if not isinstance(video, str) or not video.strip():
        raise UsageError(f"{where}: video: a text; it came as {video!r}")
    if (second is None) == (frame is None):
        raise UsageError(f"{where}: either time (seconds of the video) or frame (its number from 0)")
    if second is not None and not (_plain(second) and 0 <= second <= MOST):
        raise UsageError(f"{where}: time: seconds, 0 or more; it came as {second!r}")
    if frame is not None and not (isinstance(frame, int) and _plain(frame) and 0 <= frame <= MOST):
        raise UsageError(f"{where}: frame: a whole number, 0 or more; it came as {frame!r}")
    return video, Place(number, start, None if second is None else float(second), frame)


def _plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise UsageError(f"{where}: an object with {', '.join(ROW)}; it came as {given!r}")
    return given
