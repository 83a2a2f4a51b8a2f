"""Files of what was seen elsewhere, a JSON object a line (docs/observations.md): pairs of any detector, or frames of
what a pipeline or an observer has seen."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.observe.detections import Pair
from hoigen.observe.lines import FRAME, frame_of, known_keys, listed, models_of, number, pair_of, parsed, share, text
from hoigen.observe.observation import About, about_row, knows_of
from hoigen.video.plan import moments

if TYPE_CHECKING:
    from hoigen.core.clip import Clip, Sampling
    from hoigen.observe.frame import ObservedFrame

VERSION = 1
HERE = "docs/observations.md"
PAIRS, SCENES = "hoigen_detections", "hoigen_scenes"
"""The keys of a first line that name the format."""
PAIRS_HEAD = (PAIRS, "detector", "verbs", "any_verb", "objects", "theta", "models")
PAIRS_ROW = ("video", "time", "frame", "size", "pairs")
SCENES_HEAD = (SCENES, "pipeline", "gives", "objects", "verbs", "any_verb", "theta", "models")
SCENES_ROW = ("video", "time", "frame", "size")
SEVERAL = 5
"""Names and videos of an error that are told in full."""
HOLE = 0.6
"""Seconds without a line from which a clip is undefined; a pipeline that looks twice a second is slow enough."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line about a frame: at a time in seconds of its video, or by the frame's number.

    Args:
        number: of the line, from 1.
        start: where it begins in the file, bytes.
        time, frame: one of the two.
        pairs: of a file of pairs, those of the frame; other lines are read when they are asked for.
    """

    number: int
    start: int
    time: float | None
    frame: int | None
    pairs: tuple[Pair, ...] = ()

    def at(self, fps: float) -> float:
        """When the frame is shown; of a number, at the clip's frame rate."""
        return self.time if self.time is not None else (self.frame or 0) / fps


@dataclass(frozen=True, slots=True)
class _Recording:
    """A file at a glance.

    Args:
        about: who has looked.
        gives: what its lines have, by their keys.
        videos: the lines of each video, by the name that it has there.
        of_pairs: whether it is a file of pairs.
    """

    about: About
    gives: tuple[str, ...]
    videos: Mapping[str, Sequence[Line]]
    of_pairs: bool


def read(path: Path) -> _Recording:
    """The file, checked; anew when it has changed. Raises UsageError with the line, the key, what came and what is
    allowed."""
    return _read(path, _changed(path))


def digest(path: Path) -> str:
    """The sha256 of the file as it was changed last."""
    return _digest(path, _changed(path))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


@functools.lru_cache(maxsize=8)
def _digest(path: Path, changed: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> _Recording:
    said = f"its first line has {PAIRS}: 1 (pairs) or {SCENES}: 1 (persons and objects)"
    try:
        with path.open("rb") as file:
            at, first = next(((at, line) for at, line in enumerate(file, 1) if line.strip()), (1, b""))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if not first:
        raise UsageError(f"{path}: is empty; {said}; {HERE}")
    head = parsed(first, f"{path}: line {at}", (PAIRS, SCENES))
    if PAIRS not in head and SCENES not in head:
        raise UsageError(f"{path}: line {at}: {said}; {HERE}; it came as {sorted(head)}")
    found = _pairs(path) if PAIRS in head else _scenes(path, _digest(path, changed))
    for video, lines in found.videos.items():
        if len({line.time is None for line in lines}) > 1:
            rows = "rows" if found.of_pairs else "lines"
            raise UsageError(f"{path}: {video}: some {rows} have a time and some a frame; take one of them")
        seen: set[tuple[float | None, int | None]] = set()
        for line in lines:
            if (line.time, line.frame) in seen:
                what = f"second {line.time:g}" if line.time is not None else f"frame {line.frame}"
                raise UsageError(
                    f"{path}: {video}: two rows for {what}; all pairs of a frame are in one row"
                    if found.of_pairs
                    else f"{path}: line {line.number}: a second line for {what} of {video}"
                )
            seen.add((line.time, line.frame))
    return found


def _pairs(path: Path) -> _Recording:
    """A file of pairs: all of it is read."""
    try:
        lines = [(at, line) for at, line in enumerate(path.read_bytes().decode("utf-8").split("\n"), 1) if line.strip()]
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error}") from None
    head = parsed(lines[0][1], where := f"{path}: line {lines[0][0]}", PAIRS_HEAD)
    known_keys(head, PAIRS_HEAD, where)
    if (came := head[PAIRS]) != VERSION:
        raise UsageError(f"{where}: the first line has {PAIRS}: {VERSION}; it came as {came!r}")
    if "verbs" not in head:
        raise UsageError(f'{where}: verbs must be given: "hico", a list of verbs, or null for a detector without verbs')
    for key in ("verbs", "objects"):
        words = head.get(key)
        listing = isinstance(words, list) and words and all(isinstance(word, str) and word.strip() for word in words)
        if words is not None and words != "hico" and not listing:
            raise UsageError(f'{where}: {key}: "hico", a list of words, or null; it came as {words!r}')
    theta = share(head.get("theta", 0.2), f"{where}: theta")
    if not isinstance(head.get("any_verb", False), bool):
        raise UsageError(f"{where}: any_verb: true or false; it came as {head['any_verb']!r}")
    knows, detector = knows_of(head), text(head, "detector", where)
    about = About(observer=detector, theta=theta, knows=knows, models=models_of(head, where))
    videos: dict[str, list[Line]] = {}
    for at, line in lines[1:]:
        given = parsed(line, where := f"{path}: line {at}", PAIRS_ROW)
        known_keys(given, PAIRS_ROW, where)
        rows, time, frame = videos.setdefault(text(given, "video", where), []), given.get("time"), given.get("frame")
        if (time is None) == (frame is None):
            raise UsageError(f"{where}: one of time (seconds) and frame (a number, from 0)")
        if time is not None and not (number(time) and time >= 0):
            raise UsageError(f"{where}: time: seconds from the video's first frame, 0 or more; it came as {time!r}")
        if frame is not None and not (isinstance(frame, int) and number(frame) and frame >= 0):
            raise UsageError(f"{where}: frame: a whole number, 0 or more; it came as {frame!r}")
        second = None if time is None else float(time)
        rows.append(Line(at, 0, second, frame, _pairs_of(given, where, about)))
    return _Recording(about, ("pairs",), videos, of_pairs=True)


def _pairs_of(given: Mapping[str, Any], where: str, about: About) -> tuple[Pair, ...]:
    pairs, sides = given.get("pairs"), given.get("size")
    if not isinstance(pairs, list):
        raise UsageError(f"{where}: pairs: a list, empty where nothing was found; it came as {pairs!r}")
    if sides is not None and not (
        isinstance(sides, list) and len(sides) == 2 and all(number(side) and side > 0 for side in sides)
    ):
        raise UsageError(
            f"{where}: size: [width, height] in pixels, or left out for boxes in 0..1; it came as {sides!r}"
        )
    size = (1.0, 1.0) if sides is None else (float(sides[0]), float(sides[1]))
    return tuple(pair_of(pair, f"{where}: pairs[{at}]", size, knows=about.knows) for at, pair in enumerate(pairs))


def _scenes(path: Path, sha256: str) -> _Recording:
    """A file of frames: where the lines of each video are."""
    head: dict[str, Any] | None = None
    gives: tuple[str, ...] = ()
    videos: dict[str, list[Line]] = {}
    start = 0
    with path.open("rb") as file:
        for at, line in enumerate(file, 1):
            here, start = start, start + len(line)
            if not line.strip():
                continue
            given = parsed(line, where := f"{path}: line {at}", SCENES_ROW)
            if head is None:
                head, gives = given, _checked_head(given, where)
                continue
            known_keys(given, (*SCENES_ROW, *gives), where)
            video, second, frame = given.get("video"), given.get("time"), given.get("frame")
            if not isinstance(video, str) or not video.strip():
                raise UsageError(f"{where}: video: a text; it came as {video!r}")
            if (second is None) == (frame is None):
                raise UsageError(f"{where}: either time (seconds of the video) or frame (its number from 0)")
            if second is not None and not (number(second) and second >= 0):
                raise UsageError(f"{where}: time: seconds, 0 or more; it came as {second!r}")
            if frame is not None and not (isinstance(frame, int) and number(frame) and frame >= 0):
                raise UsageError(f"{where}: frame: a whole number, 0 or more; it came as {frame!r}")
            lines = videos.setdefault(video, [])
            lines.append(Line(at, here, None if second is None else float(second), frame))
    assert head is not None  # the file is not empty
    own = {"name": head["pipeline"], "revision": sha256[:16]}
    models = (own, *models_of(head, str(path)))
    about = About(observer=head["pipeline"], theta=head.get("theta"), knows=knows_of(head), models=models)
    return _Recording(about, gives, videos, of_pairs=False)


def _checked_head(head: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """What the first line of a file of frames says that the others have."""
    if (came := head.get(SCENES)) != VERSION:
        raise UsageError(f"{where}: the first line has {SCENES}: {VERSION} ({HERE}); it came as {came!r}")
    known_keys(head, SCENES_HEAD, where)
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
    return tuple(gives)


def named(found: _Recording, uri: str, clip: str = "") -> str | None:
    """The name by which a file has the lines of a video: its path, the clip's id, else as much of the end of the path
    as the file has, else the one name in it that ends in the video's file name; None where there is none.

    Args:
        found: the file.
        uri: of the video.
        clip: the id of the clip.
    """
    parts = uri.split("/")
    ends = ("/".join(parts[at:]) for at in range(1, len(parts)))
    name = next((name for name in (uri, clip, *ends) if name in found.videos), None)
    if name is not None:
        return name
    alike = [name for name in found.videos if name.rsplit("/", 1)[-1] == parts[-1]]
    return alike[0] if len(alike) == 1 else None


def check_videos(path: Path, uris: Iterable[str]) -> None:
    """Raises one UsageError where lines would serve several videos that share a file name: which one was looked at?

    Args:
        path: the file.
        uris: of all videos of the run.
    """
    found = read(path)
    serves: dict[str, dict[str, None]] = {}
    for uri in uris:
        if (name := named(found, uri)) is not None:
            serves.setdefault(name, {})[uri] = None
    faults = [
        f"line {found.videos[name][0].number}: {name} is {len(videos)} videos of this run: "
        + ", ".join(list(videos)[:SEVERAL])
        + (", …" if len(videos) > SEVERAL else "")
        for name, videos in serves.items()
        if len(videos) > 1
    ]
    if faults:
        head = f"{path}: videos that share a file name need more of their paths (model/name.mp4):"
        more = [f"and {len(faults) - SEVERAL} more names"] if len(faults) > SEVERAL else []
        raise UsageError("\n  ".join([head, *faults[:SEVERAL], *more]))


def lines_of(path: Path, clip: Clip, sampling: Sampling, slack: float | None = None) -> list[tuple[float, Line]] | str:
    """The lines of a clip with their times, seconds from its start; or the reason why there are none.

    Args:
        path: the file.
        clip: whose lines: see `named`.
        sampling: where it asks for frames at a rate, all lines within the clip; where it asks for a number of frames,
            or of a file of pairs, the lines nearest to where those would be.
        slack: how far such a line may be from its moment, seconds; None for half of the time between two.

    Raises UsageError that names the line.
    """
    found, base = read(path), clip.uri.rsplit("/", 1)[-1]
    where, word = (str(path), "row") if found.of_pairs else (path.name, "line")
    if (name := named(found, clip.uri, clip.id)) is None:
        alike = [name for name in found.videos if name.rsplit("/", 1)[-1] == base]
        many = f": {len(alike)} videos of that name, in several folders" if alike else f" has no {word}s"
        return f"{where}: {base}{many}"
    lines = found.videos[name]
    if lines[0].time is None and clip.fps <= 0:
        return f"{where}: {word}s by frame number need the clip's frame rate, which is not known"
    at = {line.number: line.at(clip.fps) for line in lines}
    if sampling.fps is not None and not found.of_pairs:
        within = [line for line in lines if clip.start - 1e-6 <= at[line.number] < clip.end - 1e-6]
        within.sort(key=lambda line: (at[line.number], line.number))
        picked = [(at[line.number] - clip.start, line) for line in within]
        if not picked:
            return f"{where}: no line of {base} is from {clip.start:.3f} to {clip.end:.3f} s"
        for sooner, later in itertools.pairwise([0.0, *(time for time, _ in picked), clip.duration]):
            if later - sooner > HOLE + 1e-6:  # no line is not no object
                start, end = sooner + clip.start, later + clip.start
                return f"{where}: no line of {base} from {start:.3f} to {end:.3f} s"
        return picked
    times = moments(sampling, clip.duration)
    far = slack if slack is not None else clip.duration / max(1, len(times)) / 2
    picked = []
    for time in times:
        line = min(lines, key=lambda line: abs(at[line.number] - clip.start - time))
        if abs(at[line.number] - clip.start - time) > far + 1e-6:
            return f"{where}: no {word} within {far:.3g} s of second {time + clip.start:.3f} of {base}"
        picked.append((time, line))
    if found.of_pairs or len({line.number for _, line in picked}) < len(picked):
        return picked
    return [(at[line.number] - clip.start, line) for _, line in picked]


def frames(path: Path, picked: Sequence[tuple[float, Line]], size: tuple[int, int]) -> Iterator[ObservedFrame]:
    """The frames of lines of a file of frames, with their times. size: of the clip, where a line has none."""
    gives = read(path).gives
    with path.open("rb") as file:
        for time, line in picked:
            where = f"{path}: line {line.number}"
            file.seek(line.start)
            row = parsed(file.readline(), where, SCENES_ROW)
            for key in gives:
                listed(row, key, where)
            yield frame_of({key: row[key] for key in (*gives, "size") if key in row}, where, size, time)


def head_row(about: About, gives: Iterable[str]) -> dict[str, Any]:
    """The first line of a file of what an observer has seen. gives: the fields of ObservedFrame that it fills."""
    said = about_row(about)
    keys = ["objects" if each == "things" else each for each in gives]
    head = {SCENES: VERSION, "pipeline": said.pop("observer"), "gives": [key for key in FRAME if key in keys]}
    return head | {key: value for key, value in said.items() if value is not None}


def line_row(video: str, start: float, frame: Mapping[str, Any]) -> dict[str, Any]:
    """A further line of such a file.

    Args:
        video: by which name measures are to find it: the file's, a path, or the clip's id.
        start: of the clip in its video, seconds.
        frame: what `frame_row` has made.
    """
    return {"video": video, **frame, "time": round(float(frame["time"]) + start, 6)}
