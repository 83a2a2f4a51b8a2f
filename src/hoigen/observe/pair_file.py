"""Interactions out of a file: any detector, run anywhere, written as JSON lines (docs/observations.md)."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.interactions import hico
from hoigen.observe import byname
from hoigen.observe.detections import MOST, Knows, Pair, as_name
from hoigen.observe.lines import known_keys, models_of, number, pair_of, parsed, share, text

if TYPE_CHECKING:
    from hoigen.core.clip import Clip

VERSION = 1
HEAD = ("hoigen_detections", "detector", "verbs", "any_verb", "objects", "theta", "models")
ROW = ("video", "time", "frame", "size", "pairs")


@dataclass(frozen=True, slots=True)
class _Row:
    """One frame of the file: at a time in seconds, or by its number."""

    line: int
    time: float | None
    frame: int | None
    pairs: tuple[Pair, ...]

    def second(self, fps: float) -> float:
        """When the frame is shown; of a number, at the clip's frame rate."""
        return self.time if self.time is not None else (self.frame or 0) / fps


@dataclass(frozen=True, slots=True)
class Recording:
    """The whole file. rows: by the video's name as the file has it."""

    path: Path
    detector: str
    theta: float
    knows: Knows
    models: Sequence[Mapping[str, str]]
    rows: Mapping[str, Sequence[_Row]]
    sha256: str


def rows_at(recording: Recording, clip: Clip, times: Sequence[float], slack: float | None) -> list[_Row] | str:
    """The rows nearest to each of some times; a reason when the video, or a row close enough, is not in the file.

    Args:
        recording: the file.
        clip: whose rows.
        times: seconds from the clip's start.
        slack: how far a row may be from its time, seconds; None for half of the time between two looks.
    """
    found = byname.of_clip(recording.rows, clip, "rows")
    if isinstance(found, str):
        return f"{recording.path}: {found}"
    if found[0].time is None and clip.fps <= 0:
        return f"{recording.path}: rows by frame number need the clip's frame rate, which is not known"
    far = slack if slack is not None else clip.duration / max(1, len(times)) / 2
    rows = []
    for at in times:
        second = at + clip.start
        row = min(found, key=lambda row: abs(row.second(clip.fps) - second))
        if abs(row.second(clip.fps) - second) > far + 1e-6:
            return f"{recording.path}: no row within {far:.3g} s of second {second:.3f} of {byname.base(clip.uri)}"
        rows.append(row)
    return rows


@functools.lru_cache(maxsize=8)
def read(path: Path, changed: int = 0) -> Recording:
    """The file, checked. Raises UsageError with the line, the key, what came and what is allowed."""
    try:
        data = path.read_bytes()
        lines = [(at, line) for at, line in enumerate(data.decode("utf-8").split("\n"), 1) if line.strip()]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error}") from None
    if not lines:
        raise UsageError(f"{path}: is empty; its first line says what the detector knows (docs/observations.md)")
    head = _object(lines[0][1], f"{path}: line {lines[0][0]}", HEAD)
    detector, theta, knows = _head(head, where := f"{path}: line {lines[0][0]}")
    models = models_of(head, where)
    rows: dict[str, list[_Row]] = {}
    for at, line in lines[1:]:
        where = f"{path}: line {at}"
        given = _object(line, where, ROW)
        rows.setdefault(text(given, "video", where), []).append(_row(given, at, where, knows))
    for video, found in rows.items():
        if len({row.time is None for row in found}) > 1:
            raise UsageError(f"{path}: {video}: some rows have a time and some a frame; take one of them")
        _check_once(found, f"{path}: {video}")
    return Recording(path, detector, theta, knows, models, rows, hashlib.sha256(data).hexdigest())


def _check_once(rows: Sequence[_Row], where: str) -> None:
    seen: set[tuple[float | None, int | None]] = set()
    for row in rows:
        if (row.time, row.frame) in seen:
            what = f"second {row.time:g}" if row.time is not None else f"frame {row.frame}"
            raise UsageError(f"{where}: two rows for {what}; all pairs of a frame are in one row")
        seen.add((row.time, row.frame))


def _head(head: Mapping[str, Any], where: str) -> tuple[str, float, Knows]:
    if head.get("hoigen_detections") != VERSION:
        came = head.get("hoigen_detections")
        raise UsageError(f"{where}: the first line has hoigen_detections: {VERSION}; it came as {came!r}")
    if "verbs" not in head:
        raise UsageError(f'{where}: verbs must be given: "hico", a list of verbs, or null for a detector without verbs')
    verbs = _words(head["verbs"], hico.verbs(), f"{where}: verbs")
    objects = _words(head.get("objects"), hico.objects(), f"{where}: objects")
    theta = share(head.get("theta", 0.2), f"{where}: theta")
    if not isinstance(head.get("any_verb", False), bool):
        raise UsageError(f"{where}: any_verb: true or false; it came as {head['any_verb']!r}")
    knows = Knows(objects=objects, verbs=verbs, any_verb=head.get("any_verb", False))
    return text(head, "detector", where), theta, knows


def _words(given: Any, all_of_hico: Sequence[str], where: str) -> frozenset[str] | None:
    if given is None:
        return None
    if given == "hico":
        return frozenset(all_of_hico)
    if isinstance(given, list) and given and all(isinstance(word, str) and word.strip() for word in given):
        return frozenset(as_name(word) or "" for word in given)
    raise UsageError(f'{where}: "hico", a list of words, or null; it came as {given!r}')


def _row(given: Mapping[str, Any], line: int, where: str, knows: Knows) -> _Row:
    time, frame = given.get("time"), given.get("frame")
    if (time is None) == (frame is None):
        raise UsageError(f"{where}: one of time (seconds) and frame (a number, from 0)")
    if time is not None and not (number(time) and time >= 0):
        raise UsageError(f"{where}: time: seconds from the video's first frame, 0 or more; it came as {time!r}")
    if frame is not None and not (isinstance(frame, int) and not isinstance(frame, bool) and 0 <= frame <= MOST):
        raise UsageError(f"{where}: frame: a whole number, 0 or more; it came as {frame!r}")
    pairs = given.get("pairs")
    if not isinstance(pairs, list):
        raise UsageError(f"{where}: pairs: a list, empty where nothing was found; it came as {pairs!r}")
    sides = given.get("size")
    if sides is not None and not (
        isinstance(sides, list) and len(sides) == 2 and all(number(side) and side > 0 for side in sides)
    ):
        raise UsageError(
            f"{where}: size: [width, height] in pixels, or left out for boxes in 0..1; it came as {sides!r}"
        )
    size = (1.0, 1.0) if sides is None else (float(sides[0]), float(sides[1]))
    made = tuple(pair_of(pair, f"{where}: pairs[{at}]", size, knows) for at, pair in enumerate(pairs))
    return _Row(line, None if time is None else float(time), frame, made)


def _object(line: str, where: str, known: Sequence[str]) -> dict[str, Any]:
    given = parsed(line, where, known)
    known_keys(given, known, where)
    return given
