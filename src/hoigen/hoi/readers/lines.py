"""A line of a recorded file as a scene. Every error names the line, the key, what came and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hoigen.errors import UsageError, nearest
from hoigen.hoi.detections import MOST, Box, as_name
from hoigen.hoi.masks import Mask, ellipse
from hoigen.hoi.readers import rle
from hoigen.hoi.readers.layouts import COUNTS, person_of
from hoigen.hoi.scene import Scene, Thing
from hoigen.hoi.skeleton import Person

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
HERE = "docs/fine_hoi.md"
HEAD = ("hoigen_scenes", "pipeline", "objects", "models")
ROW = ("video", "time", "frame", "size", "persons", "objects")
PERSON = ("points", "hands", "box", "score")
THING = ("class", "mask", "box", "score", "source")
SOURCE = "recorded"
FAR = 1e5
"""Pixels: nothing of a picture lies farther away than this."""


def scene_of(given: Mapping[str, Any], where: str, clip_size: tuple[int, int]) -> Scene:
    """The scene of a line. clip_size: (width, height) where the line has no size."""
    size = _size(given.get("size", list(clip_size)), where)
    persons = [_person(each, f"{where}: persons[{at}]") for at, each in enumerate(_list(given, "persons", where))]
    things = []
    for at, each in enumerate(_list(given, "objects", where)):
        here = f"{where}: objects[{at}]"
        things.append(_thing(each, _class(each, here), here, size))
    return Scene(
        size=size,
        persons=[person for person in persons if person is not None],
        things=[thing for thing in things if thing is not None],
    )


def known_keys(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(key, known)}")


def _person(given: Any, where: str) -> Person | None:
    """A person; None for one of whom nothing is seen."""
    _mapping(given, PERSON, where)
    points, hands = given.get("points"), given.get("hands") or []
    box = _box(given["box"], f"{where}.box") if given.get("box") is not None else None
    score = _share(given.get("score", 1.0), f"{where}.score")
    if not isinstance(hands, list):
        raise UsageError(f"{where}.hands: a list of hands of 21 points; it came as {hands!r}")
    own = [_points(hand, f"{where}.hands[{at}]", (21,)) for at, hand in enumerate(hands)]
    if isinstance(points, dict):
        return _named_person(points, box, own, score, f"{where}.points")
    if points is None:
        if box is None and not own:
            raise UsageError(f"{where}: points, hands or a box: there is nothing of this person")
        return Person(box=box or _around(own), hands=[hand[:, :2] for hand in own], score=score)
    made = person_of(_points(points, f"{where}.points", COUNTS), box, score)
    if made is None:
        return Person(box=_around(own), hands=[hand[:, :2] for hand in own], score=score) if own else None
    return Person(box=made.box, points=made.points, hands=[*made.hands, *(hand[:, :2] for hand in own)], score=score)


def _named_person(
    points: Mapping[str, Any], box: Box | None, hands: Sequence[np.ndarray], score: float, where: str
) -> Person:
    """A person whose points come by name: only those that are seen are there."""
    named = {}
    for name, at in points.items():
        if not (isinstance(at, list) and len(at) == 2 and all(map(_pixel, at))):
            raise UsageError(f"{where}.{name}: [x, y] in pixels; it came as {at!r}")
        named[name] = (float(at[0]), float(at[1]))
    own = [hand[:, :2] for hand in hands]
    if box is None:
        if not named and not own:
            raise UsageError(f"{where}: no point, no hand and no box: there is nothing of this person")
        every = [*named.values(), *((float(x), float(y)) for hand in own for x, y in hand)]
        x, y = [at[0] for at in every], [at[1] for at in every]
        box = min(x), min(y), max(max(x), min(x) + 1), max(max(y), min(y) + 1)
    return Person(box=box, points=named, hands=own, score=score)


def _around(hands: Sequence[np.ndarray]) -> Box:
    x0, y0 = (min(float(hand[:, at].min()) for hand in hands) for at in (0, 1))
    x1, y1 = (max(float(hand[:, at].max()) for hand in hands) for at in (0, 1))
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def _points(given: Any, where: str, counts: Sequence[int]) -> np.ndarray:
    """(K, 3): x, y, confidence; 1 where none is given."""
    import numpy as np

    allowed = f"{' or '.join(map(str, counts))} points [x, y] or [x, y, confidence]"
    try:
        points = np.asarray(given, float)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: {allowed}; some are not of one length, or no numbers") from None
    if points.ndim != 2 or points.shape[1] not in (2, 3) or len(points) not in counts:
        raise UsageError(f"{where}: {allowed}; it came as an array of shape {points.shape}")
    if points.shape[1] == 2:
        points = np.column_stack([points, np.ones(len(points))])
    if not np.isfinite(points).all():
        raise UsageError(f"{where}: {allowed}; a point that is not seen has confidence 0, and numbers all the same")
    return points


def _thing(given: Mapping[str, Any], name: str, where: str, size: tuple[int, int]) -> Thing | None:
    """An object; None for an empty mask."""
    source = given.get("source", SOURCE)
    if not isinstance(source, str) or not source.strip():
        raise UsageError(f"{where}.source: how the mask was made, a text; it came as {source!r}")
    box = _box(given["box"], f"{where}.box") if given.get("box") is not None else None
    score = _share(given.get("score", 1.0), f"{where}.score")
    if given.get("mask") is None:
        if box is None:
            raise UsageError(f"{where}: a mask, or at least a box")
        return Thing(label=name, score=score, box=box, mask=ellipse(box))
    mask = _mask(given["mask"], f"{where}.mask", size, source)
    if mask is None:
        return None
    height, width = mask.pixels.shape
    around = (float(mask.left), float(mask.top), float(mask.left + width), float(mask.top + height))
    return Thing(label=name, score=score, box=box or around, mask=mask)


def _mask(given: Any, where: str, size: tuple[int, int], source: str) -> Mask | None:
    if isinstance(given, list):
        return _polygons(given, where, source)
    allowed = "COCO's {size: [height, width], counts: runs or packed text}, or polygons [[x0, y0, x1, y1, ...], ...]"
    if not isinstance(given, dict) or set(given) != {"size", "counts"}:
        raise UsageError(f"{where}: {allowed}; it came as {str(given)[:80]}")
    if given["size"] != [size[1], size[0]]:
        raise UsageError(f"{where}.size: [{size[1]}, {size[0]}], as the line's picture; it came as {given['size']!r}")
    counts = given["counts"]
    try:
        runs = rle.runs(counts) if isinstance(counts, str) else [int(count) for count in counts]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}.counts: {error}") from None
    try:
        return rle.from_runs(runs, (size[1], size[0]), source)
    except ValueError as error:
        raise UsageError(f"{where}.counts: {error}") from None


def _polygons(given: Sequence[Any], where: str, source: str) -> Mask | None:
    if not given:
        return None
    for at, each in enumerate(given):
        fine = isinstance(each, list) and len(each) >= 6 and len(each) % 2 == 0 and all(map(_pixel, each))
        if not fine:
            raise UsageError(f"{where}[{at}]: a polygon x0, y0, x1, y1, x2, y2, ...; it came as {str(each)[:80]}")
    return rle.from_polygons(given, source)


def _class(given: Any, where: str) -> str:
    _mapping(given, THING, where)
    name = as_name(given.get("class"))
    if not name or not isinstance(given["class"], str):
        raise UsageError(f"{where}.class: a text; it came as {given.get('class')!r}")
    return name


def _size(given: Any, where: str) -> tuple[int, int]:
    if not (isinstance(given, list) and len(given) == 2 and all(isinstance(s, int) and s > 0 for s in given)):
        raise UsageError(f"{where}: size: [width, height] in pixels; it came as {given!r}")
    return given[0], given[1]


def _box(given: Any, where: str) -> Box:
    if not (isinstance(given, list) and len(given) == 4 and all(map(_pixel, given))):
        raise UsageError(f"{where}: a box [x0, y0, x1, y1] in pixels; it came as {given!r}")
    x0, y0, x1, y1 = (float(side) for side in given)
    if not (x0 < x1 and y0 < y1):
        raise UsageError(f"{where}: x0 is left of x1 and y0 above y1; it came as {given!r}")
    return x0, y0, x1, y1


def _list(given: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = given.get(key)
    if not isinstance(value, list):
        raise UsageError(f"{where}: {key}: a list, empty where none is seen; it came as {value!r}")
    return value


def _mapping(given: Any, known: Sequence[str], where: str) -> None:
    if not isinstance(given, dict):
        raise UsageError(f"{where}: {', '.join(known)} as keys; it came as {given!r}")
    known_keys(given, known, where)


def _share(value: Any, where: str) -> float:
    if _number(value) and 0 <= value <= 1:
        return float(value)
    raise UsageError(f"{where}: a number from 0 to 1; it came as {value!r}")


def _pixel(value: Any) -> bool:
    return _number(value) and abs(value) <= FAR


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
