"""The order in which a clip is looked at, and the decision: measures and their rules, walked once.

Measures that need no frames come first, then the recipe's order, and last what people say, since it costs most. The
first thing that speaks against a clip decides: a failed measure makes it failed, a broken rule makes it dropped, a
missing score leaves it pending.
`hoigen.rules.decide` says the same in SQL for whole runs; a test holds the two together.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hoigen.core.clip import Sampling
from hoigen.core.errors import UsageError, nearest
from hoigen.core.registry import find_measure
from hoigen.core.score import Number, Rule
from hoigen.models.fingerprint import fingerprint, looking_of, observation_fingerprint
from hoigen.recipe.build import build, check_keys

if TYPE_CHECKING:
    from hoigen.observe.observation import Looking

State = Literal["kept", "dropped", "failed", "pending"]
MeasureSpec = str | Mapping[str, Any]

HUMAN = "human"
"""The number that is no measure's: what people say (`hoigen.rules.people`)."""
SCORE_NAME = re.compile("[a-z][a-z0-9_]*")
TAKEN = frozenset(
    "video n id uri start end source prompt caption digest shard state rule reason tries seconds detail human".split()  # noqa: SIM905
)
"""Columns of the table and of the parts, which a score cannot be named after."""


@dataclass(frozen=True, slots=True)
class Step:
    """One measure of a recipe with its rules, by the name of the score each is about.

    measure: the measure itself; `Recorded` where a run is only read. numbers: what it gives, and what each is.
    looking: of a measure of observations, who looks at which frames. observation: the fingerprint that what is seen is
    kept under; measures that look alike share it.
    """

    name: str
    measure: Any
    numbers: tuple[Number, ...]
    rules: Mapping[str, Rule]
    fingerprint: str
    looking: Looking | None = None
    observation: str = ""

    @property
    def sampling(self) -> Sampling:
        """The frames that are looked at for it: by the measure, or by the observer that it goes by."""
        if self.looking is not None:
            return self.looking.sampling if self.looking.observer.sees else Sampling(frames=0)
        found: Sampling = self.measure.sampling
        return found

    @property
    def emits(self) -> tuple[str, ...]:
        """The names of its numbers."""
        return tuple(number.name for number in self.numbers)

    @property
    def by_people(self) -> bool:
        """Whether it is what people say: no measure is asked, and nothing of it lies among the scores."""
        return isinstance(self.measure, People)

    @property
    def waiting(self) -> str:
        """Why a clip is pending that it has said nothing of yet."""
        return "nobody has looked at it yet" if self.by_people else f"no {self.name} yet"

    @property
    def needs_frames(self) -> bool:
        return self.sampling.needs_frames

    @property
    def units(self) -> tuple[Any, ...]:
        """What models may belong to: the measure, and the observer that it goes by."""
        return (self.measure,) if self.looking is None else (self.measure, self.looking.observer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a run says of a measure that it was measured with, whose file may be gone since.

    observation: the fingerprint of what it goes by; empty for a measure that looks itself.
    """

    name: str
    fingerprint: str
    sampling: Sampling
    numbers: tuple[Number, ...]
    observation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Stands where a measure stands, for what people say."""

    name: str = HUMAN
    sampling: Sampling = field(default_factory=lambda: Sampling(frames=0))


SAID = Number(
    name=HUMAN, label="human", better="more", share=True, about="What people say: the mean of yes (1) and no (0)."
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one clip from one measure."""

    state: Literal["ok", "failed"]
    values: Mapping[str, float | None] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Decision:
    """How a clip ended. `rule` names the score whose rule dropped it, or the measure that failed."""

    state: State
    rule: str | None = None
    reason: str | None = None


def measure_name(spec: MeasureSpec, where: str = "measures") -> tuple[str, Any]:
    """Name and settings of one entry of `measures:`."""
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, settings = next(iter(spec.items()))
        return str(name), settings
    raise UsageError(f"{where}: an entry is a name, or one name with its settings; it came as {spec!r}")


def build_steps(
    measures: Sequence[MeasureSpec] | None, keep: Mapping[str, Any] | None, *, beside: Path | None = None
) -> tuple[Step, ...]:
    """The steps of a recipe, in the order in which they are walked.

    Raises UsageError for unknown measures, settings, scores and bounds.
    """
    if isinstance(measures, str | Mapping) or not isinstance(measures, Sequence | None):
        raise UsageError(f"measures: a list of measures; it came as {measures!r}")
    steps = []
    for spec in measures or ():
        given, settings = measure_name(spec)
        cls = find_measure(given, beside=beside)
        instance = build(cls, settings, f"measures.{given}")
        looking = looking_of(instance)
        seen = observation_fingerprint(looking) if looking is not None else ""
        steps.append(Step(cls.name, instance, cls.numbers, {}, fingerprint(instance), looking, seen))
    return with_rules(steps, keep)


def recorded_steps(recorded: Sequence[Recorded], keep: Mapping[str, Any] | None) -> tuple[Step, ...]:
    """The steps of a run that is only read: no measure is looked for, so that its file may be gone.

    Raises UsageError for unknown scores and bounds.
    """
    steps = [Step(one.name, one, one.numbers, {}, one.fingerprint, None, one.observation) for one in recorded]
    return with_rules(steps, keep)


def with_rules(steps: Sequence[Step], keep: Mapping[str, Any] | None) -> tuple[Step, ...]:
    """In the order in which they are walked."""
    names = [step.name for step in steps]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"measures: {name!r} stands there twice")
    owners: dict[str, str] = {}
    for step in steps:
        for score in step.emits:
            if not SCORE_NAME.fullmatch(score) or score in TAKEN:
                raise UsageError(
                    f"measures: {step.name!r} gives a score named {score!r}; a name has small letters, digits and _, "
                    f"begins with a letter, and is none of {', '.join(sorted(TAKEN))}"
                )
            if score in owners:
                raise UsageError(f"measures: {step.name!r} and {owners[score]!r} both give a score named {score!r}")
            owners[score] = step.name
    asked = keep or {}
    if not isinstance(asked, Mapping):
        raise UsageError(f"keep: rules by the name of a score; it came as {asked!r}")
    rules: dict[str, Rule] = {}
    for score, bounds in asked.items():
        if score == HUMAN:
            owners[HUMAN] = HUMAN
        if score not in owners:
            raise UsageError(
                f"keep: no measure of this recipe gives a score named {score!r}{nearest(str(score), owners)}"
            )
        if isinstance(bounds, Mapping) and bounds and all(bound is None for bound in bounds.values()):
            check_keys(bounds, [f.name for f in dataclasses.fields(Rule)], f"keep.{score}")
            continue  # every bound unset (`--set keep.motion.max=null`): no rule
        if bounds is not None:
            rules[score] = build(Rule, bounds, f"keep.{score}")
    if HUMAN in rules:
        steps = [*measured(steps), Step(HUMAN, People(), (SAID,), {}, "")]
    ruled = [
        dataclasses.replace(step, rules={score: rule for score, rule in rules.items() if owners[score] == step.name})
        for step in steps
    ]
    return tuple(sorted(ruled, key=lambda step: (step.by_people, step.needs_frames)))


def measured(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that measures do: without what people say."""
    return tuple(step for step in steps if not step.by_people)


def measured_keep(keep: Mapping[str, Any] | None) -> dict[str, Any]:
    """The rules of a recipe that measures decide."""
    return {score: rule for score, rule in (keep or {}).items() if score != HUMAN}


def decide(steps: Sequence[Step], known: Mapping[str, Known]) -> _Decision:
    """How a clip ends with what is known of it, by measure name."""
    for step in steps:
        found = known.get(step.name)
        if found is None:
            return _Decision("pending", None, step.waiting)
        if found.state == "failed":
            return _Decision("failed", step.name, found.reason)
        for score, rule in step.rules.items():
            value = found.values.get(score)
            if not rule.passes(value):
                return _Decision("dropped", score, broken(score, rule, value, found.reason))
    return _Decision("kept")


def broken(score: str, rule: Rule, value: float | None, reason: str = "") -> str:
    """Why a rule dropped a clip, as a person reads it: `short_side 360 < min 720`."""
    if value is None:
        return f"{score} has no value: {reason or 'not measured'}"
    bound = rule.broken_bound(value) or ""
    sign = {"min": "<", "above": "<=", "max": ">", "below": ">="}[bound.split()[0]]
    return f"{score} {value:.6g} {sign} {bound}"


def needed(steps: Sequence[Step], known: Mapping[str, Known], *, score_all: bool) -> list[str]:
    """The measures still to run on a clip, in order; none when its fate is known.

    Without `score_all` a clip that a rule has dropped, or that has failed, costs nothing further.
    """
    missing = [step.name for step in steps if step.name not in known]
    if score_all or not missing:
        return missing
    return missing if decide(steps, known).state == "pending" else []
