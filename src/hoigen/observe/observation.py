"""What an observer is, what it says of a clip, and how that is kept.

An observer looks once; what it saw is a row of the run's `observations/`, and measures are functions of that row. So a
threshold of a measure, or the verb of a prompt, changes without a frame being decoded. `hoigen.observe.frame` has what
is seen in a frame, `hoigen.observe.lines` how a frame is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hoigen.core.clip import Clip, Sampling, Seconds
from hoigen.core.errors import UsageError, nearest
from hoigen.interactions import hico
from hoigen.observe.detections import Knows, as_name
from hoigen.observe.frame import Detection as Detection
from hoigen.observe.frame import ObservedFrame as ObservedFrame
from hoigen.observe.frame import Region as Region
from hoigen.observe.frame import SeenHand as SeenHand
from hoigen.observe.lines import frame_of, frame_row

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Who has looked: what a measure has to know of an observer once its models are not at hand.

    Args:
        observer: its name, or that of the pipeline that wrote a file.
        theta: the threshold that its pairs are used with, where a recipe names none.
        knows: its words; None for one that does not say.
        models: name, revision and licence of what is not hoigen's own.
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


class FrameRows(Sequence[ObservedFrame]):
    """Frames as they are written, each read when it is asked for: masks of a long clip are large, their text is not.

    rows: of `hoigen.observe.lines.frame_row`.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self.rows = list(rows)

    @classmethod
    def of(cls, frames: Iterable[ObservedFrame]) -> FrameRows:
        """Of frames, one at a time."""
        return cls(map(frame_row, frames))

    def append(self, frame: ObservedFrame) -> None:
        self.rows.append(frame_row(frame))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int | slice) -> Any:  # an ObservedFrame; of a slice, FrameRows
        if isinstance(at, slice):
            return FrameRows(self.rows[at])
        row = self.rows[at]
        return frame_of(row, f"observation: frames[{at}]", row["size"], row["time"], own=True)


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

    It may have, besides: `knows` (its words, where they are known before it is loaded), `check_videos(uris)` (raises
    UsageError for a run whose videos it cannot tell apart), `models` and `networks` (`hoigen.models.uses`), `experts`
    (`AsksExperts`), `revision`, `short_side` (of the frames it wants, pixels, where the recipe names none).

    name: in recipes. gives: the fields of ObservedFrame that it fills. sees: False for one that looks at no picture (it
    reads a file). about: known after `load`. identity: all that its answers depend on, where its files lie left out;
    without it, its settings.
    """

    name: str
    gives: frozenset[str]
    sees: bool
    about: About

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


class Collecting:
    """The frames of a clip, kept for an observer that is asked about several at once.

    answer: called with the images, (H, W, 3) uint8 RGB, and their times; gives what `Watching.finish` does.
    """

    def __init__(self, answer: Callable[[list[np.ndarray], list[Seconds]], Sequence[ObservedFrame] | str]) -> None:
        self.answer = answer
        self.images: list[np.ndarray] = []
        self.times: list[Seconds] = []

    def see(self, image: np.ndarray, time: Seconds) -> None:
        self.images.append(image.copy())
        self.times.append(time)

    def finish(self) -> Sequence[ObservedFrame] | str:
        return self.answer(self.images, self.times)


def observer_of(spec: Any, measure: str, needs: Collection[Collection[str]], given_by: str) -> Observer:
    """The observer that a recipe names for a measure.

    Args:
        spec: a name, a file of one's own, or one of them with its settings.
        measure: its name, for errors.
        needs: what the measure can be made of: the fields of ObservedFrame that it needs, in one or several ways.
        given_by: hoigen's own observers that give it, for errors.

    Raises UsageError for an observer that cannot be, or that does not give what the measure needs.
    """
    from hoigen.recipe.build import make

    found: Observer = make("observer", spec, f"measures.{measure}.observer")
    for word in sorted(set(found.gives) - ObservedFrame.__dataclass_fields__.keys()):
        known = [name for name in ObservedFrame.__dataclass_fields__ if name not in ("time", "size")]
        raise UsageError(
            f"measures.{measure}.observer: {found.name} gives {word!r}, which is no field of ObservedFrame"
            f"{nearest(word, known)}"
        )
    if any(found.gives >= set(way) for way in needs):
        return found
    order = list(ObservedFrame.__dataclass_fields__).index
    wanted = ", or ".join(" and ".join(sorted(way, key=order)) for way in needs)
    raise UsageError(
        f"measures.{measure}.observer: {found.name} gives {', '.join(sorted(found.gives, key=order))}; {measure} needs "
        f"{wanted}. There are {given_by}"
    )


def as_setting(spec: Any) -> str:
    """An observer as a recipe's line has it, for errors: `observer: {recorded: {file: found.jsonl}}`."""
    import yaml

    given = json.loads(json.dumps({"observer": spec}, default=str))
    return str(yaml.safe_dump(given, default_flow_style=True, sort_keys=False, width=100_000)).strip()[1:-1]


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
        return Observation(about=about_of(about), frames=FrameRows(frames), reason=self.reason or "")


def written(observer: Observer, clip: Clip, said: Sequence[ObservedFrame] | str) -> Written:
    """What an observer has said of a clip, as it is kept."""
    reason, frames = (said, ()) if isinstance(said, str) else (None, said)
    return Written(
        question=observer.question(clip),
        reason=reason,
        about=_json(about_row(observer.about)),
        frames=_json(frames.rows if isinstance(frames, FrameRows) else [frame_row(frame) for frame in frames]),
    )


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def about_row(about: About) -> dict[str, Any]:
    """As JSON; `hico` stands for all of HICO-DET's words."""
    row: dict[str, Any] = {"observer": about.observer, "models": [dict(each) for each in about.models]}
    if about.theta is not None:
        row["theta"] = about.theta
    if about.knows is not None:
        for key, words, every in (
            ("objects", about.knows.objects, hico.objects()),
            ("verbs", about.knows.verbs, hico.verbs()),
        ):
            row[key] = None if words is None else "hico" if words == frozenset(every) else sorted(words)
        row["any_verb"] = about.knows.any_verb
    return row


def about_of(row: Mapping[str, Any]) -> About:
    """Of what `about_row` made."""
    knows = knows_of(row) if "objects" in row else None
    return About(observer=row["observer"], theta=row.get("theta"), knows=knows, models=tuple(row["models"]))


def knows_of(row: Mapping[str, Any]) -> Knows:
    """The words in what `about_row` made, or in the first line of a file."""
    words: dict[str, frozenset[str] | None] = {}
    for key, every in (("objects", hico.objects()), ("verbs", hico.verbs())):
        given = every if row.get(key) == "hico" else row.get(key)
        words[key] = None if given is None else frozenset(as_name(word) or "" for word in given)
    return Knows(objects=words["objects"], verbs=words["verbs"], any_verb=row.get("any_verb", False))
