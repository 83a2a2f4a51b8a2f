"""What the page of an evaluation shows, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hoigen.core.clip import Seconds
from hoigen.core.score import Number
from hoigen.evaluation.models.grid import Table
from hoigen.models.uses import LedgerEntry
from hoigen.pages.facts import FailureGroup, Histogram, Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCurve:
    """How near the touching part of a person is to the object, at each time.

    Args:
        times: of the frames, in seconds.
        gap: how far apart, over the contact range, 0..1; 1 is out of reach.
        contact: whether they touch.
        seen: whether both are seen.
        duration: of the video.
    """

    times: Sequence[float]
    gap: Sequence[float]
    contact: Sequence[bool]
    seen: Sequence[bool]
    duration: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One video.

    Args:
        name: of its file.
        model: that made it.
        uri: where it is.
        width: in pixels; 0 where it is not known.
        height: in pixels; 0 where it is not known.
        values: by number.
        reasons: why a number is undefined.
        counts: what it counts with where it lacks a number that was looked for; cards are sorted by it.
        stills: frames of its strip, with what was seen.
        missing: why it has no strip.
        curve: of contact; None where nothing was followed.
        facts: how the scores came about.
        wrong: what goes wrong, and when: (seconds, seconds, in words).
        plays: where a click plays it from, `file:///...`; "" of one that does not lie on a disk.
        failure: why a measure, or reading it, failed; "" when nothing did.
    """

    name: str
    model: str
    uri: str
    width: int
    height: int
    values: Mapping[str, float | None]
    reasons: Mapping[str, str]
    stills: Sequence[Picture] = ()
    missing: str = ""
    curve: ContactCurve | None = None
    facts: Sequence[tuple[str, str]] = ()
    wrong: Sequence[tuple[Seconds, Seconds, str]] = ()
    plays: str = ""
    failure: str = ""
    counts: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A prompt with one video, or with two side by side.

    Args:
        prompt: in words.
        about: a line below it.
        takes: the videos.
        verb: of the prompt; "" when it has none.
    """

    prompt: str
    about: str
    takes: Sequence[Take]
    verb: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFacts:
    """All that the page says.

    Args:
        title: the run's name, or both.
        made: when.
        machine: where.
        recipe: YAML.
        versions: name -> version.
        headline: its number, and the rest.
        figures: (name, value) of the large numbers below it.
        warnings: what makes numbers not comparable.
        tables: means of models, and differences; the share of videos with each failure.
        columns: the numbers of cards and rows, in order.
        cards: videos, or pairs, with a strip.
        rows: those without a strip, too.
        cards_of: how many videos, or pairs, there are.
        histograms: of the numbers.
        failures: videos that failed alike.
        notes: prompts without a video, and videos without a prompt.
        models: the files of models that were used.
        beside: two models side by side.
        rank: the number by which cards come sorted, the worst first.
        videos: how many there are, of both runs.
        lacking: numbers that videos lack, as `where`, by reason.
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
    lacking: Sequence[FailureGroup] = ()
