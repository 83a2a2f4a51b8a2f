"""A frame as a line of the documented formats (docs/observations.md), written and read.

Every error of reading names the line, the key, what came and what is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError, nearest
from hoigen.observe import rle
from hoigen.observe.detections import MOST, Box, Knows, Pair, as_name
from hoigen.observe.frame import Detection, ObservedFrame, Person, Region, SeenHand, Somebody, Thing
from hoigen.observe.geometry import in_pixels, in_shares
from hoigen.observe.masks import Mask, ellipse
from hoigen.observe.poses import COUNTS, person_of

if TYPE_CHECKING:
    import numpy as np

FRAME = ("persons", "objects", "pairs", "boxes", "hands", "regions", "somebody", "grasped")
"""What a line of the whole format may say, by its key; `objects` are the things of an ObservedFrame."""
PAIR = ("person", "object", "class", "score", "verbs", "telling")
PERSON = ("points", "hands", "box", "score")
THING = ("class", "mask", "box", "score", "source")
BOX = ("class", "score", "box")
HAND = ("score", "palm", "points")
REGION = ("of", "who", "box", "names")
PLACES = ("picture", "person", "hand")
SOMEBODY = ("box", "score", "by", "animal")
WITNESSES = ("body", "face", "hand")
SOURCE = "recorded"
FAR = 1e5
"""Pixels: nothing of a picture lies farther away than this."""
PIXEL_DIGITS, SCORE_DIGITS = 3, 6
"""Decimals that are written, of a pixel and of a score."""


def frame_row(frame: ObservedFrame) -> dict[str, Any]:
    """A frame as JSON; everything in pixels of `size`."""
    row: dict[str, Any] = {"time": round(frame.time, 6), "size": list(frame.size)}
    if frame.persons is not None:
        row["persons"] = [
            {"box": _rounded(person.box), "score": _score(person.score)}
            | ({"points": {name: _rounded(at) for name, at in person.points.items()}} if person.points else {})
            | ({"hands": [[_rounded(at) for at in hand] for hand in person.hands]} if person.hands else {})
            for person in frame.persons
        ]
    if frame.things is not None:
        row["objects"] = [
            {
                "class": thing.label,
                "score": _score(thing.score),
                "box": _rounded(thing.box),
                "mask": rle.packed(thing.mask, frame.size),
                "source": thing.mask.source,
            }
            for thing in frame.things
        ]
    if frame.pairs is not None:
        row["pairs"] = [_pair_row(pair, frame.size) for pair in frame.pairs]
    for key, found in (("boxes", frame.boxes), ("grasped", frame.grasped)):
        if found is not None:
            row[key] = [
                {"class": box.label, "score": _score(box.score), "box": _pixels(box.box, frame.size)} for box in found
            ]
    if frame.somebody is not None:
        row["somebody"] = [
            {"box": _pixels(each.box, frame.size), "score": _score(each.score), "by": list(each.by)}
            | ({"animal": _score(each.animal)} if each.animal else {})
            for each in frame.somebody
        ]
    if frame.hands is not None:
        width, height = frame.size
        row["hands"] = [
            {
                "score": _score(hand.score),
                "palm": _score(hand.palm),
                "points": [_rounded((x * width, y * height)) for x, y in hand.points],
            }
            for hand in frame.hands
        ]
    if frame.regions is not None:
        row["regions"] = [
            {
                "of": region.of,
                "who": _pixels(region.who, frame.size),
                "box": _pixels(region.box, frame.size),
                "names": {name: _score(likely) for name, likely in region.names.items()},
            }
            for region in frame.regions
        ]
    return row


def _pair_row(pair: Pair, size: tuple[int, int]) -> dict[str, Any]:
    row: dict[str, Any] = {"class": pair.object, "score": _score(pair.score)}
    if pair.person is not None:
        row["person"] = _pixels(pair.person, size)
    if pair.box is not None:
        row["object"] = _pixels(pair.box, size)
    if pair.verbs is not None:
        row["verbs"] = {verb: _score(score) for verb, score in pair.verbs.items()}
    if not pair.telling:
        row["telling"] = False
    return row


def _score(value: float) -> float:
    return round(float(value), SCORE_DIGITS)


def _rounded(numbers: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(number), PIXEL_DIGITS) for number in numbers]


def _pixels(box: Box, size: tuple[int, int]) -> list[float]:
    return _rounded(in_pixels(box, size))


def frame_of(
    row: Mapping[str, Any], where: str, size: tuple[int, int], time: float, *, own: bool = False
) -> ObservedFrame:
    """A frame of a line.

    Args:
        row: the line.
        where: what errors begin with: the file and the line's number.
        size: (width, height) where the line has none, pixels.
        time: of the frame, seconds from the clip's start.
        own: the line is what `frame_row` has made: boxes may be empty, pairs may have none.

    Raises UsageError that names `where`, the key, what came and what is allowed.
    """
    sides = row.get("size", list(size))
    if not (isinstance(sides, list) and len(sides) == 2 and all(isinstance(s, int) and s > 0 for s in sides)):
        raise UsageError(f"{where}: size: [width, height] in pixels; it came as {sides!r}")
    size = sides[0], sides[1]
    given: dict[str, Any] = {}
    for key, one_of in READERS.items():
        if key in row:
            made = [one_of(each, f"{where}: {key}[{at}]", size, own) for at, each in listed(row, key, where)]
            given["things" if key == "objects" else key] = [each for each in made if each is not None]
    return ObservedFrame(time=time, size=size, **given)


def _detection(given: Any, where: str, size: tuple[int, int], own: bool) -> Detection:
    known_keys(given, BOX, where)
    box = in_shares(_box(given.get("box"), f"{where}.box", own), size)
    return Detection(label=text(given, "class", where), score=share(given.get("score"), f"{where}.score"), box=box)


def _hand(given: Any, where: str, size: tuple[int, int], own: bool) -> SeenHand:
    known_keys(given, HAND, where)
    points = [
        (float(x) / size[0], float(y) / size[1]) for x, y, _ in _points(given.get("points"), f"{where}.points", (21,))
    ]
    score = share(given.get("score"), f"{where}.score")
    return SeenHand(score=score, palm=share(given.get("palm", score), f"{where}.palm"), points=points)


def _region(given: Any, where: str, size: tuple[int, int], own: bool) -> Region:
    known_keys(given, REGION, where)
    if given.get("of") not in PLACES:
        raise UsageError(f"{where}.of: {', '.join(PLACES)}; it came as {given.get('of')!r}")
    who, box = (in_shares(_box(given.get(key), f"{where}.{key}", own), size) for key in ("who", "box"))
    names = given.get("names")
    if not isinstance(names, dict):
        raise UsageError(f"{where}.names: word: probability, 0 to 1; it came as {names!r}")
    likely = {name: share(each, f"{where}.names.{name}") for name, each in names.items()}
    return Region(of=given["of"], who=who, box=box, names=likely)


def _somebody(given: Any, where: str, size: tuple[int, int], own: bool) -> Somebody:
    known_keys(given, SOMEBODY, where)
    by = given.get("by", [])
    if not (isinstance(by, list) and all(each in WITNESSES for each in by)):
        raise UsageError(f"{where}.by: a list of {', '.join(WITNESSES)}; it came as {by!r}")
    return Somebody(
        box=in_shares(_box(given.get("box"), f"{where}.box", own), size),
        score=share(given.get("score"), f"{where}.score"),
        by=tuple(by),
        animal=share(given.get("animal", 0.0), f"{where}.animal"),
    )


def pair_of(given: Any, where: str, size: tuple[float, float], own: bool = False, knows: Knows | None = None) -> Pair:
    """A pair of a line.

    Args:
        given: the pair.
        where: what errors begin with.
        size: (width, height) that its boxes are in; (1, 1) for boxes in 0..1.
        own: it is what `frame_row` has made.
        knows: the words that the first line of its file allows; None for any.

    Raises UsageError that names `where`, the key, what came and what is allowed.
    """
    if not isinstance(given, dict):
        raise UsageError(f"{where}: person, object, class, score and verbs as keys; it came as {given!r}")
    known_keys(given, PAIR, where)
    name = as_name(text(given, "class", where)) or ""
    if knows is not None and knows.objects is not None and name not in knows.objects:
        raise UsageError(f"{where}.class: {name!r} is not among the file's objects{nearest(name, knows.objects)}")
    verbs = given.get("verbs")
    if knows is not None and (verbs is None) != (knows.verbs is None):
        said = "the file's first line says that the detector knows "
        raise UsageError(
            f"{where}.verbs: {said}{'no verbs' if knows.verbs is None else 'verbs, so each pair has some'}"
        )
    scores: dict[str, float] | None = None
    if verbs is not None:
        if not isinstance(verbs, dict):
            raise UsageError(f"{where}.verbs: verb: score, 0 to 1; it came as {verbs!r}")
        known, scores = knows.verbs if knows is not None and not knows.any_verb else None, {}
        for verb, score in verbs.items():
            word = as_name(verb) or ""
            if known is not None and word not in known:
                raise UsageError(f"{where}.verbs: {verb!r} is not among the file's verbs{nearest(word, known)}")
            scores[word] = share(score, f"{where}.verbs.{verb}")
    if "score" not in given and not scores:
        raise UsageError(f"{where}.score: must be given where there are no verbs")
    score = share(given["score"], f"{where}.score") if "score" in given else max((scores or {}).values())
    telling = given.get("telling", True)
    if not isinstance(telling, bool):
        raise UsageError(
            f"{where}.telling: true, or false where the boxes say little by themselves; it came as {telling!r}"
        )
    return Pair(
        person=_pair_box(given.get("person"), f"{where}.person", size, own) if "person" in given else None,
        box=_pair_box(given.get("object"), f"{where}.object", size, own) if "object" in given else None,
        object=name,
        score=score,
        verbs=scores,
        telling=telling,
    )


def _pair_box(given: Any, where: str, size: tuple[float, float], own: bool) -> Box:
    if not (isinstance(given, list) and len(given) == 4 and all(number(side) for side in given)):
        raise UsageError(f"{where}: a box [x0, y0, x1, y1]; it came as {given!r}")
    x0, y0, x1, y1 = given[0] / size[0], given[1] / size[1], given[2] / size[0], given[3] / size[1]
    if not own and not (x0 < x1 and y0 < y1):
        raise UsageError(f"{where}: x0 is left of x1 and y0 above y1; it came as {given!r}")
    if not own and (min(x0, y0) < -0.5 or max(x1, y1) > 1.5):
        hint = "; boxes in pixels need size: [width, height]" if size == (1.0, 1.0) else ""
        raise UsageError(f"{where}: lies outside of the picture{hint}; it came as {given!r}")
    return max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)


def _person(given: Any, where: str, size: tuple[int, int], own: bool) -> Person | None:
    """A person; None for one of whom nothing is seen."""
    known_keys(given, PERSON, where)
    points, hands = given.get("points"), given.get("hands") or []
    box = _box(given["box"], f"{where}.box", own) if given.get("box") is not None else None
    score = share(given.get("score", 1.0), f"{where}.score")
    if not isinstance(hands, list):
        raise UsageError(f"{where}.hands: a list of hands of 21 points; it came as {hands!r}")
    closely = [_points(hand, f"{where}.hands[{at}]", (21,))[:, :2] for at, hand in enumerate(hands)]
    if isinstance(points, dict):  # by name: only those that are seen are there
        named: dict[str, tuple[float, float]] = {}
        for name, at in points.items():
            if not (isinstance(at, list) and len(at) == 2 and all(map(_pixel, at))):
                raise UsageError(f"{where}.points.{name}: [x, y] in pixels; it came as {at!r}")
            named[name] = (float(at[0]), float(at[1]))
        if box is None and not named and not closely:
            raise UsageError(f"{where}.points: no point, no hand and no box: there is nothing of this person")
        return Person(box=box or _around([*named.values()], *closely), points=named, hands=closely, score=score)
    if points is None:
        if box is None and not closely:
            raise UsageError(f"{where}: points, hands or a box: there is nothing of this person")
        return Person(box=box or _around(*closely), hands=closely, score=score)
    made = person_of(_points(points, f"{where}.points", COUNTS), box, score)
    if made is None:
        return Person(box=_around(*closely), hands=closely, score=score) if closely else None
    return Person(box=made.box, points=made.points, hands=[*made.hands, *closely], score=score)


def _around(*places: Sequence[tuple[float, float]] | np.ndarray) -> Box:
    """The box around all points, at least a pixel wide and tall."""
    x, y = ([float(at[side]) for some in places for at in some] for side in (0, 1))
    return min(x), min(y), max(max(x), min(x) + 1), max(max(y), min(y) + 1)


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


def _thing(given: Any, where: str, size: tuple[int, int], own: bool) -> Thing | None:
    """An object; None for an empty mask."""
    known_keys(given, THING, where)
    name = as_name(given.get("class"))
    if not name or not isinstance(given["class"], str):
        raise UsageError(f"{where}.class: a text; it came as {given.get('class')!r}")
    source = given.get("source", SOURCE)
    if not isinstance(source, str) or not source.strip():
        raise UsageError(f"{where}.source: how the mask was made, a text; it came as {source!r}")
    box = _box(given["box"], f"{where}.box", own) if given.get("box") is not None else None
    score = share(given.get("score", 1.0), f"{where}.score")
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
        for at, each in enumerate(given):
            fine = isinstance(each, list) and len(each) >= 6 and len(each) % 2 == 0 and all(map(_pixel, each))
            if not fine:
                raise UsageError(f"{where}[{at}]: a polygon x0, y0, x1, y1, x2, y2, ...; it came as {str(each)[:80]}")
        return rle.from_polygons(given, source) if given else None
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


def _box(given: Any, where: str, own: bool) -> Box:
    if not (isinstance(given, list) and len(given) == 4 and all(map(_pixel, given))):
        raise UsageError(f"{where}: a box [x0, y0, x1, y1] in pixels; it came as {given!r}")
    x0, y0, x1, y1 = (float(side) for side in given)
    if not own and not (x0 < x1 and y0 < y1):
        raise UsageError(f"{where}: x0 is left of x1 and y0 above y1; it came as {given!r}")
    return x0, y0, x1, y1


def _pixel(value: Any) -> bool:
    return number(value) and abs(value) <= FAR


READERS: Mapping[str, Callable[[Any, str, tuple[int, int], bool], object]] = {
    "persons": _person,
    "objects": _thing,
    "pairs": pair_of,
    "boxes": _detection,
    "hands": _hand,
    "regions": _region,
    "somebody": _somebody,
    "grasped": _detection,
}
"""What makes an item of a line, by the line's key."""


def parsed(line: bytes | str, where: str, known: Sequence[str]) -> dict[str, Any]:
    """A line as a mapping, its keys not looked at. known: those that it may have, for the error."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise UsageError(f"{where}: an object with {', '.join(known)}; it came as {given!r}")
    return given


def known_keys(given: Any, known: Sequence[str], where: str) -> None:
    """Raises UsageError for what is no mapping, and for a key that is none of these."""
    if not isinstance(given, dict):
        raise UsageError(f"{where}: {', '.join(known)} as keys; it came as {given!r}")
    for key in given:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(key, known)}")


def listed(given: Mapping[str, Any], key: str, where: str) -> list[tuple[int, Any]]:
    """A list of a line, with the number of each of its items."""
    value = given.get(key)
    if not isinstance(value, list):
        raise UsageError(f"{where}: {key}: a list, empty where none is seen; it came as {value!r}")
    return list(enumerate(value))


def models_of(head: Mapping[str, Any], where: str) -> list[dict[str, str]]:
    """The models that a first line names."""
    models = head.get("models", [])
    if not (isinstance(models, list) and all(isinstance(each, dict) and each.get("name") for each in models)):
        raise UsageError(f"{where}: models: a list of {{name, revision, licence}}; it came as {models!r}")
    return [{str(key): str(value) for key, value in each.items()} for each in models]


def text(given: Mapping[str, Any], key: str, where: str) -> str:
    """A text of a line that says something."""
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {key}: a text; it came as {value!r}")
    return value


def share(value: Any, where: str) -> float:
    """A number from 0 to 1."""
    if number(value) and 0 <= value <= 1:
        return float(value)
    raise UsageError(f"{where}: a number from 0 to 1; it came as {value!r}")


def number(value: Any) -> bool:
    """Whether it is a number of a size that means anything; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
