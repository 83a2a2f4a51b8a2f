"""What an observer sees in a clip, what an observer is, and how observations are written down.

An observer looks once; what it saw is a row of the run's `observations/`, and measures are functions of that row. So a
threshold of a measure, or the verb of a prompt, changes without a frame being decoded. A frame is written as a line of
the formats that docs/observations.md has, which a file of somebody else's detector may be in as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from hoigen import hico
from hoigen.clip import Clip, Sampling, Seconds
from hoigen.hoi.detections import Box, Knows, Pair
from hoigen.hoi.readers import rle
from hoigen.hoi.readers.lines import scene_of
from hoigen.hoi.scene import Scene, Thing
from hoigen.hoi.skeleton import Person
from hoigen.score import Score

if TYPE_CHECKING:
    import numpy as np

PIXEL_DIGITS = 3
"""Decimals of a pixel that are written."""
SCORE_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A box with a class. label: COCO's name as the detector has it; score: 0..1; box: (x0, y0, x1, y1) in 0..1."""

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenHand:
    """A hand. score: is it a hand, 0..1; palm: how sure its palm was, 0..1; points: 21 landmarks in 0..1."""

    score: float
    palm: float
    points: Sequence[tuple[float, float]]

    @property
    def box(self) -> Box:
        """The box around all landmarks."""
        x, y = [point[0] for point in self.points], [point[1] for point in self.points]
        return min(x), min(y), max(x), max(y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What a piece of the picture looks like. of: `picture`, `person` or `hand`: whose surroundings it is; who: the box
    of that person or hand; box: of the piece, both in 0..1; names: word -> probability."""

    of: str
    who: Box
    box: Box
    names: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFrame:
    """What is seen in one frame; None for what the observer does not look for.

    time: seconds from the clip's start. size: (width, height) of the picture that was looked at, pixels.
    persons, things: whole persons, and objects with masks, in pixels (what `fine_hoi` needs).
    pairs: interactions, boxes in 0..1 (what `coarse_hoi` needs).
    boxes, hands, regions: detections as they come, in 0..1 (what `hoi_lite` needs).
    """

    time: Seconds
    size: tuple[int, int]
    persons: Sequence[Person] | None = None
    things: Sequence[Thing] | None = None
    pairs: Sequence[Pair] | None = None
    boxes: Sequence[Detection] | None = None
    hands: Sequence[SeenHand] | None = None
    regions: Sequence[Region] | None = None

    @property
    def scene(self) -> Scene:
        """Its persons and things."""
        return Scene(size=self.size, persons=self.persons or (), things=self.things or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Who has looked: what a measure has to know of an observer once its models are not at hand.

    observer: its name, or that of the pipeline that wrote a file. theta: the threshold that its pairs are used with,
    where a recipe names none. knows: its words; None for one that names no pairs. models: name, revision and licence of
    what is not hoigen's own.
    """

    observer: str
    theta: float | None = None
    knows: Knows | None = None
    models: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What an observer says of a clip. reason: why it can say nothing; frames are empty then."""

    about: About
    frames: Sequence[ObservedFrame] = ()
    reason: str = ""


class Watching(Protocol):
    """An observer at one clip."""

    def see(self, image: np.ndarray, time: Seconds) -> None:
        """The next frame, in order of time. image: (H, W, 3) uint8 RGB, which is reused: what is kept is copied."""
        ...

    def finish(self) -> Sequence[ObservedFrame] | str:
        """What was seen; or the reason why this observer can say nothing of this clip."""
        ...


class Observer(Protocol):
    """Looks at the frames of a clip. Settings are fields of a frozen dataclass; models belong to `hoigen.models.room`.

    It may have, besides: `models` and `networks` (`hoigen.models.uses`), `experts` and `reach` (`AsksExperts`),
    `attach` (`Attaches`), `revision`, `short_side` (of the frames it wants, pixels, where the recipe names none).

    name: in recipes. gives: the fields of ObservedFrame that it fills. sees: False for one that looks at no picture (it
    reads a file). identity: all that its answers depend on, where its files lie left out.
    """

    @property
    def name(self) -> str: ...

    @property
    def gives(self) -> frozenset[str]: ...

    @property
    def sees(self) -> bool: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    @property
    def about(self) -> About:
        """Known after `load`."""
        ...

    def load(self) -> None:
        """Once a process, before the first clip. What it raises stops the run."""
        ...

    def question(self, clip: Clip) -> str:
        """Words of the clip's prompt that what it sees depends on; empty for one that looks without being asked.

        Observations are kept by these words: other ones are looked for anew, the same ones never.
        """
        ...

    def begin(self, clip: Clip, sampling: Sampling) -> Watching:
        """At a clip of which it is shown the frames that `sampling` asks for; one that sees none goes by its times."""
        ...


@dataclass(frozen=True, slots=True)
class Looking:
    """An observer, and the frames that it is shown."""

    observer: Observer
    sampling: Sampling

    @property
    def needs_frames(self) -> bool:
        return self.observer.sees and self.sampling.needs_frames


@runtime_checkable
class ReadsObservations(Protocol):
    """A measure that is a function of what an observer has seen."""

    @property
    def looking(self) -> Looking: ...

    def read(self, clip: Clip, seen: Observation) -> Score:
        """The clip's score. Decodes nothing, asks nobody."""
        ...


class Collecting:
    """The frames of a clip, kept for an observer that is asked about several at once.

    answer: called with the images, (H, W, 3) uint8 RGB, and their times; gives what `Watching.finish` does.
    """

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.images: list[np.ndarray] = []
        self.times: list[Seconds] = []

    def see(self, image: np.ndarray, time: Seconds) -> None:
        self.images.append(image.copy())
        self.times.append(time)

    def finish(self) -> Sequence[ObservedFrame] | str:
        said: Sequence[ObservedFrame] | str = self.answer(self.images, self.times)
        return said


def observe(looking: Looking, clip: Clip, images: Sequence[np.ndarray], times: Sequence[Seconds]) -> Observation:
    """What the observer, loaded, says of these frames; as it is read back from where it is written."""
    watching = looking.observer.begin(clip, looking.sampling)
    for image, time in zip(images, times, strict=True):
        watching.see(image, time)
    return written(looking.observer, clip, watching.finish()).read()


class Written(NamedTuple):
    """An observation as it is kept: texts. question: the words that it depends on; about, frames: JSON."""

    question: str
    reason: str | None
    about: str
    frames: str

    def read(self) -> Observation:
        """The same as values."""
        about, frames = json.loads(self.about), json.loads(self.frames)
        return Observation(
            about=about_of(about),
            frames=[frame_of(frame, f"observation: frames[{at}]") for at, frame in enumerate(frames)],
            reason=self.reason or "",
        )


def written(observer: Observer, clip: Clip, said: Sequence[ObservedFrame] | str) -> Written:
    """What an observer has said of a clip, as it is kept."""
    reason, frames = (said, ()) if isinstance(said, str) else (None, said)
    return Written(
        question=observer.question(clip),
        reason=reason,
        about=_json(about_row(observer.about)),
        frames=_json([frame_row(frame) for frame in frames]),
    )


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def about_row(about: About) -> dict[str, Any]:
    """As JSON; `hico` stands for all of HICO-DET's words."""
    row: dict[str, Any] = {"observer": about.observer, "models": [dict(each) for each in about.models]}
    if about.theta is not None:
        row["theta"] = about.theta
    if about.knows is not None:
        row["objects"] = _words(about.knows.objects, hico.objects())
        row["verbs"] = _words(about.knows.verbs, hico.verbs())
        row["any_verb"] = about.knows.any_verb
    return row


def about_of(row: Mapping[str, Any]) -> About:
    """Of what `about_row` made."""
    knows = None
    if "objects" in row:
        knows = Knows(
            objects=_word_set(row["objects"], hico.objects()),
            verbs=_word_set(row["verbs"], hico.verbs()),
            any_verb=row["any_verb"],
        )
    return About(observer=row["observer"], theta=row.get("theta"), knows=knows, models=row["models"])


def _words(words: frozenset[str] | None, all_of_hico: Sequence[str]) -> Any:
    if words is None:
        return None
    return "hico" if words == frozenset(all_of_hico) else sorted(words)


def _word_set(given: Any, all_of_hico: Sequence[str]) -> frozenset[str] | None:
    if given is None:
        return None
    return frozenset(all_of_hico) if given == "hico" else frozenset(given)


def frame_row(frame: ObservedFrame) -> dict[str, Any]:
    """A frame as JSON; everything in pixels of `size`. The keys are those of the documented formats."""
    row: dict[str, Any] = {"time": round(frame.time, 6), "size": list(frame.size)}
    if frame.persons is not None:
        row["persons"] = [_person_row(person) for person in frame.persons]
    if frame.things is not None:
        row["objects"] = [_thing_row(thing, frame.size) for thing in frame.things]
    if frame.pairs is not None:
        row["pairs"] = [_pair_row(pair, frame.size) for pair in frame.pairs]
    if frame.boxes is not None:
        row["boxes"] = [
            {"class": box.label, "score": _score(box.score), "box": _pixels(box.box, frame.size)} for box in frame.boxes
        ]
    if frame.hands is not None:
        row["hands"] = [_hand_row(hand, frame.size) for hand in frame.hands]
    if frame.regions is not None:
        row["regions"] = [_region_row(region, frame.size) for region in frame.regions]
    return row


def frame_of(row: Mapping[str, Any], where: str = "observation") -> ObservedFrame:
    """A frame of what `frame_row` made. Raises UsageError that names `where` and the key."""
    from hoigen.hoi.recorded import pair_of

    size = int(row["size"][0]), int(row["size"][1])
    given: dict[str, Any] = {}
    if "persons" in row or "objects" in row:
        both = {"size": row["size"], "persons": row.get("persons", []), "objects": row.get("objects", [])}
        scene = scene_of(both, where, size)
        given |= {"persons": scene.persons, "things": scene.things}
    if "pairs" in row:
        given["pairs"] = [
            pair_of(pair, f"{where}: pairs[{at}]", (float(size[0]), float(size[1])), None)
            for at, pair in enumerate(row["pairs"])
        ]
    if "boxes" in row:
        given["boxes"] = [
            Detection(label=each["class"], score=each["score"], box=_shares(each["box"], size)) for each in row["boxes"]
        ]
    if "hands" in row:
        given["hands"] = [
            SeenHand(score=each["score"], palm=each["palm"], points=_share_points(each["points"], size))
            for each in row["hands"]
        ]
    if "regions" in row:
        given["regions"] = [
            Region(of=each["of"], who=_shares(each["who"], size), box=_shares(each["box"], size), names=each["names"])
            for each in row["regions"]
        ]
    return ObservedFrame(time=row["time"], size=size, **given)


def _person_row(person: Person) -> dict[str, Any]:
    row: dict[str, Any] = {"box": _rounded(person.box), "score": _score(person.score)}
    if person.points:
        row["points"] = {name: _rounded(at) for name, at in person.points.items()}
    if person.hands:
        row["hands"] = [[_rounded(at) for at in hand] for hand in person.hands]
    return row


def _thing_row(thing: Thing, size: tuple[int, int]) -> dict[str, Any]:
    row = {"class": thing.label, "score": _score(thing.score), "box": _rounded(thing.box)}
    return row | {"mask": rle.packed(thing.mask, size), "source": thing.mask.source}


def _pair_row(pair: Pair, size: tuple[int, int]) -> dict[str, Any]:
    row: dict[str, Any] = {"class": pair.object, "score": _score(pair.score)}
    if pair.person is not None:
        row["person"] = _pixels(pair.person, size)
    if pair.box is not None:
        row["object"] = _pixels(pair.box, size)
    if pair.verbs is not None:
        row["verbs"] = {verb: _score(score) for verb, score in pair.verbs.items()}
    return row


def _hand_row(hand: SeenHand, size: tuple[int, int]) -> dict[str, Any]:
    points = [_rounded((x * size[0], y * size[1])) for x, y in hand.points]
    return {"score": _score(hand.score), "palm": _score(hand.palm), "points": points}


def _region_row(region: Region, size: tuple[int, int]) -> dict[str, Any]:
    names = {name: _score(likely) for name, likely in region.names.items()}
    return {"of": region.of, "who": _pixels(region.who, size), "box": _pixels(region.box, size), "names": names}


def _score(value: float) -> float:
    return round(float(value), SCORE_DIGITS)


def _rounded(numbers: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(number), PIXEL_DIGITS) for number in numbers]


def _pixels(box: Box, size: tuple[int, int]) -> list[float]:
    """A box in 0..1 as pixels."""
    return _rounded((box[0] * size[0], box[1] * size[1], box[2] * size[0], box[3] * size[1]))


def _shares(box: Sequence[float], size: tuple[int, int]) -> Box:
    """A box in pixels as 0..1."""
    return box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]


def _share_points(points: Sequence[Sequence[float]], size: tuple[int, int]) -> list[tuple[float, float]]:
    return [(x / size[0], y / size[1]) for x, y in points]
