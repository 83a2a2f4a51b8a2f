"""What a report shows, as plain data: a page is drawn from this and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hoigen.core.clip import Seconds
from hoigen.core.score import Better, Rule
from hoigen.models.uses import LedgerEntry

Place = tuple[float, float]
BoundKind = Literal["min", "above", "max", "below"]
SIGNS: Mapping[str, str] = {"min": "≥", "above": ">", "max": "≤", "below": "<"}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One bound of a rule."""

    kind: BoundKind
    value: float

    @property
    def lower(self) -> bool:
        return self.kind in ("min", "above")

    def __str__(self) -> str:
        return f"{SIGNS[self.kind]} {self.value:g}"


def thresholds(rule: Rule | None) -> tuple[Threshold, ...]:
    """The bounds of a rule, lower ones first."""
    if rule is None:
        return ()
    bounds = [("min", rule.min), ("above", rule.above), ("max", rule.max), ("below", rule.below)]
    return tuple(Threshold(kind, float(value)) for kind, value in bounds if value is not None)  # type: ignore[arg-type]


def bounds(thresholds: tuple[Threshold, ...]) -> str:
    """`≥ 0.02, ≤ 2`."""
    return ", ".join(str(threshold) for threshold in thresholds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One rule of the funnel, in the order in which rules are applied.

    Args:
        key: the rule's name.
        title: what is shown of it.
        thresholds: its bounds.
        entered: clips that got here.
        dropped: clips that this rule dropped.
        failed: clips that could not be judged here; what is left goes on to the next stage.
    """

    key: str
    title: str
    thresholds: tuple[Threshold, ...] = ()
    entered: int
    dropped: int = 0
    failed: int = 0

    @property
    def left(self) -> int:
        return self.entered - self.dropped - self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How the values of one score are spread.

    Args:
        score: its name.
        measure: that gives it.
        about: what the number means.
        better: which end is better, as the measure declares it; None where neither is.
        edges: of the bins, one more than there are counts.
        kept: clips in each bin that were kept.
        here: those that this score's own rule dropped.
        elsewhere: those that another rule dropped, that failed, or are undecided.
        thresholds: of this score's rule.
        nulls: clips that were looked at and have no value.
        failed: clips on which the measure failed.
        unseen: clips that were decided before.
        discrete: whole numbers, each with a bin of its own, edges half-way between.
        below: the first bin also holds all that lies below it.
        above: the last bin also holds all that lies above it.
        low: the lowest value.
        median: the middle value.
        high: the highest value.
    """

    score: str
    measure: str
    about: str = ""
    better: Better | None = None
    edges: tuple[float, ...] = ()
    kept: tuple[int, ...] = ()
    here: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    nulls: int = 0
    failed: int = 0
    unseen: int = 0
    discrete: bool = False
    below: bool = False
    above: bool = False
    low: float | None = None
    median: float | None = None
    high: float | None = None

    @property
    def count(self) -> int:
        return sum(self.kept) + sum(self.here) + sum(self.elsewhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on a picture; its sides are shares of the picture's, 0..1.

    Args:
        left: of the width.
        top: of the height.
        right: of the width.
        bottom: of the height.
        kind: `person`, `hand`, `object`, `contact`, `text`, or any other.
        label: beside it; "" for none.
    """

    left: float
    top: float
    right: float
    bottom: float
    kind: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One small frame and what is drawn over it; places are 0..1 of its width and height.

    Args:
        source: a data URI.
        time: from the clip's start.
        boxes: of persons, objects, text.
        outlines: polygons around what was segmented.
        bones: from joint to joint.
        joints: that are marked.
        said: the surest interaction of a detector there, with its score.
    """

    source: str
    time: Seconds
    boxes: tuple[Box, ...] = ()
    outlines: Sequence[Sequence[Place]] = ()
    bones: Sequence[tuple[Place, Place]] = ()
    joints: Sequence[Place] = ()
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLine:
    """One score of one clip.

    Args:
        name: of the score.
        value: None where it is undefined.
        thresholds: of its rule.
        verdict: what its rule says; `none` when no rule is about it or it has no value.
    """

    name: str
    value: float | None
    thresholds: tuple[Threshold, ...] = ()
    verdict: Literal["pass", "broken", "none"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One answer of an expert.

    Args:
        role: what it was asked as.
        expert: its name.
        ended: the outcome, and why.
        tokens: read and written.
        seconds: that it took.
        text: of the answer.
    """

    role: str
    expert: str
    ended: str
    tokens: int
    seconds: Seconds
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A clip's caption and how it came about.

    Args:
        text: the caption; "" when there is none.
        reason: why there is no text, or why it should be looked at.
        path: which way the captioner took.
        detail: what else it notes, by name.
        calls: of experts, in order.
    """

    text: str
    reason: str = ""
    path: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Captioning:
    """All captions of a run in figures.

    Args:
        captioner: its name.
        experts: role -> model.
        captioned: clips that have a caption.
        failed: clips that have none, and were tried.
        doubtful: captions that should be looked at.
        paths: way -> how many captions came by it.
        lengths: a sentence on how long they are.
        calls: of experts.
        tokens: read and written.
    """

    captioner: str
    experts: Mapping[str, str]
    captioned: int
    failed: int
    doubtful: int
    paths: Mapping[str, int]
    lengths: str
    calls: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One clip of a contact sheet.

    Args:
        id: of the clip.
        uri: of its video.
        start: in the video.
        end: in the video.
        width: in pixels.
        height: in pixels.
        reason: why it was dropped, or by what it was kept.
        prompt: that the video was made from; "" when there is none.
        source: who made it, as the list of videos says.
        decided: the rule that dropped it; "" of a kept clip.
        scores: all of them.
        pictures: in order of time.
        missing: why there are no pictures.
        words: its caption; None when there was none to make.
    """

    id: str
    uri: str
    start: Seconds
    end: Seconds
    width: int
    height: int
    reason: str = ""
    prompt: str = ""
    source: str = ""
    decided: str = ""
    scores: tuple[ScoreLine, ...] = ()
    pictures: tuple[Picture, ...] = ()
    missing: str = ""
    words: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A contact sheet: some of the clips of one kind.

    Args:
        key: `kept`, or the rule that dropped them.
        title: above it.
        total: how many clips there are of this kind.
        order: in which order they are shown; "" when there is nothing to say of it.
        thresholds: of the rule.
        tiles: the clips that are shown.
    """

    key: str
    title: str
    total: int
    order: str = ""
    thresholds: tuple[Threshold, ...] = ()
    tiles: tuple[Tile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Clips or videos that failed alike.

    Args:
        where: the measure, or "reading" for files that are no videos.
        reason: why.
        count: how many.
        examples: some of their URIs.
    """

    where: str
    reason: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedClip:
    """A row of the list of all clips.

    Args:
        id: of the clip; "" of a video that has no clips yet.
        uri: of its video.
        source: the video's address from the page; "" where a page cannot play it.
        start: in the video.
        end: in the video.
        state: how it ended.
        rule: that dropped it, or the measure that failed.
        reason: why.
        words: the beginning of its caption.
        beside: its state in the second run; "" without one.
        values: of `ClipList.numbers`; None where there is none.
        given: of `ClipList.given`, likewise.
    """

    id: str
    uri: str
    source: str
    start: Seconds
    end: Seconds
    state: str
    rule: str = ""
    reason: str = ""
    words: str = ""
    beside: str = ""
    values: tuple[float | None, ...] = ()
    given: tuple[float | str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipList:
    """The list of all clips.

    Args:
        run: the folder of the run, for commands that can be copied.
        total: clips of the run; more than are listed when it is large.
        numbers: names of all numbers.
        ruled: number -> the bounds of its rule, in words.
        clips: the rows, in the order of the input.
        given: columns of the list that the videos came in, with whether each holds numbers.
        more_given: columns that it has besides.
    """

    run: str
    total: int
    numbers: tuple[str, ...]
    ruled: Mapping[str, str]
    clips: tuple[ListedClip, ...]
    given: Mapping[str, bool] = field(default_factory=dict)
    more_given: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Two runs on the same clips. names: of both. counts: (state here, state there) -> clips; `not there` of a clip
    that the run does not have."""

    names: tuple[str, str]
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """All that the page says. kept + dropped + failed + pending = clips; a video that was not looked at yet (unseen) is
    a pending clip. asked: pending clips that wait for what people say."""

    title: str
    made: str = ""
    recipe: str = ""
    machine: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    videos: int = 0
    clips: int = 0
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    pending: int = 0
    asked: int = 0
    unseen: int = 0
    seconds: Seconds = 0.0
    seconds_kept: Seconds = 0.0
    stages: tuple[Stage, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    listing: ClipList | None = None
    beside: Beside | None = None
    kept_sheet: Sheet | None = None
    dropped_sheets: tuple[Sheet, ...] = ()
    captioning: Captioning | None = None
    failures: tuple[FailureGroup, ...] = ()
    notes: tuple[str, ...] = ()
    models: tuple[LedgerEntry, ...] = ()
