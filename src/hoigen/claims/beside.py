"""An automatic judge beside people: how far it agrees with them, and what it would have said alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from hoigen.claims.checked import Checked
from hoigen.claims.files import JUDGE, VERDICTS, Rating, Written, plain
from hoigen.claims.rates import NOT_DECIDED
from hoigen.claims.result import Beside, JudgeScores
from hoigen.stats.agreement import agreement
from hoigen.stats.resample import Draws, Estimate, estimate_of, ratio, undefined

Item = tuple[str, str, str]
Verdicts = Mapping[Item, str]
"""(captioner, clip, the claim's words) -> verdict."""
UNSHARED = "the judge judged no claim that people checked"
ALIKE_FROM = 5
"""Letters that two names of models must share from the first on to be taken for one model."""


def judges_of(ratings: Sequence[Rating], checked: Checked, draws: Draws) -> tuple[JudgeScores, ...]:
    """Each judge of the file beside the people's verdicts."""
    people = {
        (captioner, clip, plain(claim.text)): claim.verdict
        for captioner, clips in checked.claims.items()
        for clip, claims in clips.items()
        for claim in claims
    }
    names = dict.fromkeys(rating.annotator for rating in ratings)
    return tuple(_judge(name, ratings, people, draws) for name in names)


def _judge(annotator: str, ratings: Sequence[Rating], people: Verdicts, draws: Draws) -> JudgeScores:
    own = {rating.item: rating.verdict for rating in ratings if rating.annotator == annotator and rating.claim}
    shared = {item: (people[item], verdict) for item, verdict in own.items() if item in people}
    name = annotator.removeprefix(JUDGE)
    units = [(clip, {"people": said, name: judged}) for (_, clip, _), (said, judged) in shared.items()]
    captioners = dict.fromkeys(captioner for captioner, _, _ in own)
    return JudgeScores(
        name=name,
        agreement=agreement(units, draws, ("people", name), VERDICTS),
        false_precision=_false(shared, 1, draws),
        false_recall=_false(shared, 0, draws),
        captioners={captioner: _beside(captioner, own, shared, draws) for captioner in captioners},
    )


def _false(shared: Mapping[Item, tuple[str, str]], given: int, draws: Draws) -> Estimate:
    """Share of claims called false by both, of those that one calls false. given: 0 of people's, 1 of the judge's."""
    if not shared:
        return undefined(UNSHARED)
    pairs = [(item, float(both == ("false", "false")), float(both[given] == "false")) for item, both in shared.items()]
    return _ratio(pairs, f"{('people call', 'the judge calls')[given]} no claim false", draws)


def _beside(captioner: str, own: Verdicts, shared: Mapping[Item, tuple[str, str]], draws: Draws) -> Beside:
    def rate(verdicts: Iterable[tuple[Item, str]], none: str) -> Estimate:
        of_it = [(item, verdict) for item, verdict in verdicts if item[0] == captioner]
        if not of_it:
            return undefined(none)
        return _ratio(
            [(item, float(said == "false"), float(said != "cannot_tell")) for item, said in of_it], NOT_DECIDED, draws
        )

    return Beside(
        people=rate(((item, said) for item, (said, _) in shared.items()), UNSHARED),
        judge=rate(((item, judged) for item, (_, judged) in shared.items()), UNSHARED),
        judge_all=rate(own.items(), UNSHARED),
    )


def _ratio(pairs: Iterable[tuple[Item, float, float]], reason: str, draws: Draws) -> Estimate:
    """Sum of tops by sum of bottoms, clips resampled."""
    rows: dict[str, list[float]] = {}
    for (_, clip, _), top, bottom in pairs:
        row = rows.setdefault(clip, [0.0, 0.0])
        row[0] += top
        row[1] += bottom
    columns = np.array(list(rows.values()))
    sums = columns.sum(axis=0)
    return estimate_of(
        columns,
        draws.totals(columns),
        lambda t: ratio(t[..., 0], t[..., 1]),
        reason,
        top=float(sums[0]),
        bottom=float(sums[1]),
    )


def own_work(judge: str, makers: Iterable[str]) -> list[str]:
    """Those of some models and captioners that seem to be the judge itself: nobody judges their own work fairly."""
    return [maker for maker in dict.fromkeys(makers) if _one_model(judge, maker)]


def _one_model(one: str, other: str) -> bool:
    """`Qwen/Qwen2-VL-7B-Instruct` is `qwen2-vl`: the maker's name, capitals, signs and what follows do not count."""
    a, b = (re.sub(r"[^a-z0-9]", "", name.rstrip("/").rpartition("/")[2].casefold()) for name in (one, other))
    short, long = sorted((a, b), key=len)
    return a == b or (len(short) >= ALIKE_FROM and long.startswith(short))


def judge_notes(
    judges: Sequence[JudgeScores], checked: Checked, captions: Mapping[tuple[str, str], Written] | None
) -> Iterable[str]:
    """What to doubt of the judges."""
    makers = [*checked.claims, *(model for written in (captions or {}).values() for model in written.models)]
    for judge in judges:
        for maker in own_work(judge.name, makers):
            yield f"the judge {judge.name} seems to be {maker}, which it judges: take a model that made no caption"
        if not judge.agreement.units:
            yield f"{UNSHARED}: what {judge.name} says is not validated"
