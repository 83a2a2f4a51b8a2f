"""Each annotator in numbers, what speaks against one, and when all is done at today's pace.

Raw agreement says nothing of somebody who always presses keep: where 73 % of the clips are good, an honest colleague
agrees with that 71 % of the time. Alerts therefore go by alpha and by gold questions, whose right answers are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from hoigen.core.clip import Seconds
from hoigen.core.stats.agreement import agreement
from hoigen.core.stats.resample import Draws, Estimate, wilson

QUICK: Seconds = 0.7
"""An answer sooner than this was hardly looked for: a clip's first frame takes a tenth of it, a glance the rest."""
ENOUGH = 30
"""Answers from which on their kinds are judged."""
GOLD_ENOUGH = 8
"""Gold questions from which on their share is judged."""
NO_GOLD = "no gold question was answered"
UNLIKELY = 1e-6
"""An annotator who always says the same is told when that is less likely than this, going by what the others say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person last said of one unit.

    Args:
        unit: the clip (or claim).
        who: the person.
        value: the answer.
        seconds: how long it took; None where that is not known.
        right: of a gold question, the right answer; None of any other.
        kind: as what it is counted among what the person says, where that is less than `value` says.
    """

    unit: str
    who: str
    value: str
    seconds: Seconds | None = None
    right: str | None = None
    kind: str = ""

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """From where on people are told.

    Args:
        alpha: Krippendorff's alpha with the others, below which a person is told when all of the interval is.
        gold: share of gold questions that are right, likewise.
        quick: share of answers sooner than QUICK seconds above which a person is told.
    """

    alpha: float = 0.4
    gold: float = 0.85
    quick: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One annotator in numbers.

    Args:
        who: the name.
        answers: how many units were answered, gold ones too.
        shares: value -> share of the answers that are not gold, 0..1.
        median: seconds of an answer; None where no times are known.
        slowest: the 90th percentile of them.
        quick: share of answers sooner than QUICK seconds; None where no times are known.
        gold: how many gold questions were answered.
        gold_right: share of them that is right, with Wilson's 95 % interval; undefined without any.
        shared: units that another person has answered too.
        raw: share of answers to those that are the same as another's, 0..1.
        alpha: Krippendorff's alpha with all others, each pair of answers to a unit counting alike; without those whom
            gold tells of, unless this is one.
        alerts: what speaks against the person, in words; none when nothing does.
    """

    who: str
    answers: int
    shares: dict[str, float]
    median: Seconds | None
    slowest: Seconds | None
    quick: float | None
    gold: int
    gold_right: Estimate
    shared: int
    raw: Estimate
    alpha: Estimate
    alerts: tuple[str, ...]


def people(answers: Sequence[Answer], limits: _Limits | None = None, draws: Draws | None = None) -> list[Person]:
    """Each annotator in numbers, by name.

    Args:
        answers: a person's last word on each unit; what was taken back is not among them.
        limits: from where on people are told.
        draws: resamples of units for the intervals of agreement.
    """
    limits, draws = limits or _Limits(), draws or Draws(draws=1000)
    of_unit: dict[str, dict[str, str]] = {}
    for answer in answers:
        if answer.right is None:
            of_unit.setdefault(answer.unit, {})[answer.who] = answer.value
    own: dict[str, list[Answer]] = {}
    for answer in answers:
        own.setdefault(answer.who, []).append(answer)
    # whom gold tells of speaks for nobody else: an honest colleague is not to look bad beside them
    doubted = {who for who in own if _gold_alert(own[who], limits)}
    trusted = {unit: {who: v for who, v in said.items() if who not in doubted} for unit, said in of_unit.items()}
    return [_person(who, own[who], of_unit if who in doubted else trusted, limits, draws) for who in sorted(own)]


def _gold_alert(answers: Sequence[Answer], limits: _Limits) -> str:
    golds = [answer for answer in answers if answer.right is not None]
    right = sum(answer.value == answer.right for answer in golds)
    gold = _share(right, len(golds), NO_GOLD)
    if len(golds) < GOLD_ENOUGH or gold.high is None or gold.high >= limits.gold:
        return ""
    share = f"{gold.value:.0%} ({gold.low:.0%} to {gold.high:.0%})"
    return f"{right} of {len(golds)} gold questions are right: {share}, all of it below {limits.gold:.0%}"


def _person(
    who: str, answers: Sequence[Answer], of_unit: dict[str, dict[str, str]], limits: _Limits, draws: Draws
) -> Person:
    asked = [answer for answer in answers if answer.right is None]
    golds = [answer for answer in answers if answer.right is not None]
    times = np.array([answer.seconds for answer in answers if answer.seconds is not None])
    pairs = [
        (answer.unit, {"this one": answer.value, "another": other})
        for answer in asked
        for name, other in of_unit[answer.unit].items()
        if name != who
    ]
    found = agreement(pairs, draws, ("this one", "another"))
    right = sum(answer.value == answer.right for answer in golds)
    gold = _share(right, len(golds), NO_GOLD)
    counts = Counter(answer.kind for answer in asked)
    quick = float((times < QUICK).mean()) if len(times) else None
    alerts = []
    if told := _gold_alert(answers, limits):
        alerts.append(told)
    if found.units >= ENOUGH and found.alpha.high is not None and found.alpha.high < limits.alpha:
        alerts.append(
            f"alpha with the others on {found.units} pairs of answers is {found.alpha.value:.2f} "
            f"({found.alpha.low:.2f} to {found.alpha.high:.2f}), all of it below {limits.alpha:g}; raw agreement "
            f"({found.raw.value:.0%}) does not show it"
        )
    if len(counts) == 1 and len(asked) >= ENOUGH:
        [(value, times_said)] = counts.items()
        others = [said == value for unit in of_unit.values() for name, said in unit.items() if name != who]
        # the share of the others with one more that differs, so that few who all agree do not convict
        share = sum(others) / (len(others) + 1)
        if others and share**times_said < UNLIKELY:
            alerts.append(f"said {value} to all of {times_said}; the others to {sum(others) / len(others):.0%}")
    if quick is not None and len(times) >= ENOUGH and quick > limits.quick:
        alerts.append(f"{quick:.0%} of the answers came within {QUICK:g} s")
    return Person(
        who=who,
        answers=len(answers),
        shares={value: count / len(asked) for value, count in counts.most_common()},
        median=float(np.median(times)) if len(times) else None,
        slowest=float(np.quantile(times, 0.9)) if len(times) else None,
        quick=quick,
        gold=len(golds),
        gold_right=gold,
        shared=len({unit for unit, _ in pairs}),
        raw=found.raw,
        alpha=found.alpha,
        alerts=tuple(alerts),
    )


def _share(yes: int, of: int, reason: str) -> Estimate:
    if not of:
        return Estimate(value=None, reason=reason)
    low, high = wilson(yes, of)
    return Estimate(value=yes / of, low=low, high=high, top=yes, bottom=of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """When all is done.

    Args:
        left: answers that are still to be given.
        pace: answers given in the last day (or the window that was asked for), for each 24 hours.
        at: when the last one comes at that pace; None when nothing is left, or nobody is at it.
        reason: why there is no time.
    """

    left: int
    pace: float
    at: datetime | None
    reason: str = ""


def finish(when: Sequence[datetime], left: int, now: datetime, window: timedelta = timedelta(days=1)) -> Finish:
    """When all is done at the pace of the last day.

    Args:
        when: the moments of all answers, in any order, with their zone.
        left: how many answers are still to be given.
        now: the present moment.
        window: how far back the pace is taken from; where work began later than that, from its beginning, but at least
            an hour, so that the first minute promises nothing.
    """
    if left <= 0:
        return Finish(left=0, pace=0.0, at=None, reason="all is done")
    recent = [each for each in when if now - window < each <= now]
    if not recent:
        return Finish(left=left, pace=0.0, at=None, reason=f"no answer in the last {window.total_seconds() / 3600:g} h")
    began = min(when)
    span = min(window, max(now - began, timedelta(hours=1)))
    pace = len(recent) * (timedelta(days=1) / span)
    return Finish(left=left, pace=pace, at=now + timedelta(days=left / pace))
