"""Interactions out of a file: any detector, run anywhere, written as JSON lines (docs/coarse_hoi.md has the format)."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen import hico
from hoigen.errors import UsageError, nearest
from hoigen.hoi import byname
from hoigen.hoi.detections import MOST, Box, Knows, Look, Pair, as_name

if TYPE_CHECKING:
    import numpy as np

    from hoigen.clip import Clip

VERSION = 1
HEAD = ("hoigen_detections", "detector", "verbs", "objects", "theta")
ROW = ("video", "time", "frame", "size", "pairs")
PAIR = ("person", "object", "class", "score", "verbs")


@dataclass(frozen=True, slots=True)
class Row:
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
    rows: Mapping[str, Sequence[Row]]
    sha256: str


class RecordedDetector:
    """Answers from a file. Each video and frame asked for must be in it; a frame without pairs has an empty list."""

    sees = False

    def __init__(self, path: Path, slack: float | None = None) -> None:
        self.path, self.slack = path, slack

    @property
    def _file(self) -> Recording:
        return read(self.path, _changed(self.path))

    @property
    def name(self) -> str:
        return self._file.detector

    @property
    def theta(self) -> float:
        return self._file.theta

    @property
    def knows(self) -> Knows:
        return self._file.knows

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"detector": self.name, "file": self._file.sha256, "slack": self.slack}

    def load(self) -> None:
        """Reads the file. Raises UsageError that names the line."""
        _ = self._file

    def detect(self, clip: Clip, images: Sequence[np.ndarray], times: Sequence[float]) -> list[Look] | str:
        """The rows nearest to each time; a reason when the video, or a row close enough, is not in the file.

        Close enough is `slack` seconds, by default half of the time between two looks.
        """
        found = self._rows(clip)
        if isinstance(found, str):
            return found
        if found[0].time is None and clip.fps <= 0:
            return f"{self.path}: rows by frame number need the clip's frame rate, which is not known"
        slack = self.slack if self.slack is not None else clip.duration / max(1, len(times)) / 2
        looks = []
        for at in times:
            second = at + clip.start
            row = min(found, key=lambda row: abs(row.second(clip.fps) - second))
            if abs(row.second(clip.fps) - second) > slack + 1e-6:
                return f"{self.path}: no row within {slack:.3g} s of second {second:.3f} of {byname.base(clip.uri)}"
            looks.append(Look(time=at, pairs=row.pairs))
        return looks

    def _rows(self, clip: Clip) -> Sequence[Row] | str:
        found = byname.of_clip(self._file.rows, clip, "rows")
        return f"{self.path}: {found}" if isinstance(found, str) else found


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


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
        raise UsageError(f"{path}: is empty; its first line says what the detector knows (docs/coarse_hoi.md)")
    head = _object(lines[0][1], f"{path}: line {lines[0][0]}", HEAD)
    detector, theta, knows = _head(head, f"{path}: line {lines[0][0]}")
    rows: dict[str, list[Row]] = {}
    for at, line in lines[1:]:
        where = f"{path}: line {at}"
        given = _object(line, where, ROW)
        rows.setdefault(_text(given, "video", where), []).append(_row(given, at, where, knows))
    for video, found in rows.items():
        if len({row.time is None for row in found}) > 1:
            raise UsageError(f"{path}: {video}: some rows have a time and some a frame; take one of them")
        _check_once(found, f"{path}: {video}")
    return Recording(path, detector, theta, knows, rows, hashlib.sha256(data).hexdigest())


def _check_once(rows: Sequence[Row], where: str) -> None:
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
    theta = _share(head.get("theta", 0.2), f"{where}: theta")
    return _text(head, "detector", where), theta, Knows(objects=objects, verbs=verbs)


def _words(given: Any, all_of_hico: Sequence[str], where: str) -> frozenset[str] | None:
    if given is None:
        return None
    if given == "hico":
        return frozenset(all_of_hico)
    if isinstance(given, list) and given and all(isinstance(word, str) and word.strip() for word in given):
        return frozenset(as_name(word) or "" for word in given)
    raise UsageError(f'{where}: "hico", a list of words, or null; it came as {given!r}')


def _row(given: Mapping[str, Any], line: int, where: str, knows: Knows) -> Row:
    time, frame = given.get("time"), given.get("frame")
    if (time is None) == (frame is None):
        raise UsageError(f"{where}: one of time (seconds) and frame (a number, from 0)")
    if time is not None and not (_number(time) and time >= 0):
        raise UsageError(f"{where}: time: seconds from the video's first frame, 0 or more; it came as {time!r}")
    if frame is not None and not (isinstance(frame, int) and not isinstance(frame, bool) and 0 <= frame <= MOST):
        raise UsageError(f"{where}: frame: a whole number, 0 or more; it came as {frame!r}")
    pairs = given.get("pairs")
    if not isinstance(pairs, list):
        raise UsageError(f"{where}: pairs: a list, empty where nothing was found; it came as {pairs!r}")
    size = _size(given.get("size"), where)
    made = tuple(pair_of(pair, f"{where}: pairs[{at}]", size, knows) for at, pair in enumerate(pairs))
    return Row(line, None if time is None else float(time), frame, made)


def _size(given: Any, where: str) -> tuple[float, float]:
    """Pixels (width, height) that boxes are in; (1, 1) for boxes in 0..1."""
    if given is None:
        return 1.0, 1.0
    if isinstance(given, list) and len(given) == 2 and all(_number(side) and side > 0 for side in given):
        return float(given[0]), float(given[1])
    raise UsageError(f"{where}: size: [width, height] in pixels, or left out for boxes in 0..1; it came as {given!r}")


def pair_of(given: Any, where: str, size: tuple[float, float], knows: Knows | None) -> Pair:
    """A pair of a line. knows: the words that the file's first line allows; None for what this project has written,
    where a detector may know no boxes."""
    if not isinstance(given, dict):
        raise UsageError(f"{where}: person, object, class, score and verbs as keys; it came as {given!r}")
    _known(given, PAIR, where)
    name = as_name(_text(given, "class", where)) or ""
    if knows is not None and knows.objects is not None and name not in knows.objects:
        raise UsageError(f"{where}.class: {name!r} is not among the file's objects{nearest(name, knows.objects)}")
    verbs = given.get("verbs")
    if knows is not None and (verbs is None) != (knows.verbs is None):
        said = "the file's first line says that the detector knows "
        raise UsageError(
            f"{where}.verbs: {said}{'no verbs' if knows.verbs is None else 'verbs, so each pair has some'}"
        )
    scores = _verbs(verbs, f"{where}.verbs", knows.verbs if knows else None) if verbs is not None else None
    if "score" not in given and not scores:
        raise UsageError(f"{where}.score: must be given where there are no verbs")
    score = _share(given["score"], f"{where}.score") if "score" in given else max((scores or {}).values())
    return Pair(
        person=_box(given.get("person"), f"{where}.person", size) if knows or "person" in given else None,
        box=_box(given.get("object"), f"{where}.object", size) if knows or "object" in given else None,
        object=name,
        score=score,
        verbs=scores,
    )


def _verbs(given: Any, where: str, known: frozenset[str] | None) -> dict[str, float]:
    if not isinstance(given, dict):
        raise UsageError(f"{where}: verb: score, 0 to 1; it came as {given!r}")
    scores = {}
    for verb, score in given.items():
        name = as_name(verb) or ""
        if known is not None and name not in known:
            raise UsageError(f"{where}: {verb!r} is not among the file's verbs{nearest(name, known)}")
        scores[name] = _share(score, f"{where}.{verb}")
    return scores


def _box(given: Any, where: str, size: tuple[float, float]) -> Box:
    if not (isinstance(given, list) and len(given) == 4 and all(_number(side) for side in given)):
        raise UsageError(f"{where}: a box [x0, y0, x1, y1]; it came as {given!r}")
    x0, y0, x1, y1 = given[0] / size[0], given[1] / size[1], given[2] / size[0], given[3] / size[1]
    if not (x0 < x1 and y0 < y1):
        raise UsageError(f"{where}: x0 is left of x1 and y0 above y1; it came as {given!r}")
    if min(x0, y0) < -0.5 or max(x1, y1) > 1.5:
        hint = "; boxes in pixels need size: [width, height]" if size == (1.0, 1.0) else ""
        raise UsageError(f"{where}: lies outside of the picture{hint}; it came as {given!r}")
    return max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)


def _object(line: str, where: str, known: Sequence[str]) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise UsageError(f"{where}: an object with {', '.join(known)}; it came as {given!r}")
    _known(given, known, where)
    return given


def _known(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(key, known)}")


def _text(given: Mapping[str, Any], key: str, where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {key}: a text; it came as {value!r}")
    return value


def _share(value: Any, where: str) -> float:
    if _number(value) and 0 <= value <= 1:
        return float(value)
    raise UsageError(f"{where}: a number from 0 to 1; it came as {value!r}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
