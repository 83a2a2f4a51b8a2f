"""What the page of an evaluation shows, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hoigen.core.clip import Seconds
from hoigen.core.score import Number
from hoigen.evaluation.models.grid import Table
from hoigen.models.uses import LedgerEntry
from hoigen.pages.facts import Box, FailureGroup, Histogram

Place = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What is drawn over a picture; 0..1 of its width and height. outlines: polygons. bones: from joint to joint."""

    boxes: Sequence[Box] = ()
    outlines: Sequence[Sequence[Place]] = ()
    bones: Sequence[tuple[Place, Place]] = ()
    joints: Sequence[Place] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """One frame of a strip. said: the surest interaction of a detector there, with its score."""

    source: str
    time: Seconds
    overlay: Overlay = field(default_factory=Overlay)
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCurve:
    """How far the touching part is from the object, over the contact range, 0..1, at each time; 1 is out of reach."""

    times: Sequence[float]
    gap: Sequence[float]
    contact: Sequence[bool]
    seen: Sequence[bool]
    duration: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One video. values: by number; reasons: why a number is undefined. facts: how the scores came about."""

    name: str
    model: str
    uri: str
    width: int
    height: int
    values: Mapping[str, float | None]
    reasons: Mapping[str, str]
    stills: Sequence[Still] = ()
    missing: str = ""
    curve: ContactCurve | None = None
    facts: Sequence[tuple[str, str]] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A prompt with one video, or with two side by side."""

    prompt: str
    about: str
    takes: Sequence[Take]
    verb: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Numbers that `videos` videos lack for one reason."""

    numbers: Sequence[str]
    videos: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFacts:
    """All that the page says. columns: the numbers of cards and rows, in order. rows: videos without a strip, too.

    rank: the number by which cards come sorted, the worst first. videos: how many there are, of both runs.
    """

    title: str
    made: str
    machine: str
    recipe: str
    versions: Mapping[str, str]
    headline: tuple[str, str]
    figures: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    tables: Sequence[Table]
    columns: Sequence[Number]
    cards: Sequence[Card]
    rows: Sequence[Card]
    cards_of: int
    histograms: Sequence[Histogram] = ()
    failures: Sequence[FailureGroup] = ()
    notes: Sequence[str] = ()
    models: Sequence[LedgerEntry] = ()
    beside: bool = False
    rank: str = ""
    videos: int = 0
    lacking: Sequence[Lacking] = ()
