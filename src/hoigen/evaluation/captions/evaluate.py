"""Claims, captions and facts -> what is known of the captioners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from hoigen.core.stats.agreement import Agreement, agreement
from hoigen.core.stats.paired import holm, mcnemar, swap_test
from hoigen.core.stats.resample import Draws, Estimate, estimate_of, minimum_detectable_effect, ratio, undefined
from hoigen.core.words import plural
from hoigen.evaluation.captions import rates
from hoigen.evaluation.captions.checked import Checked
from hoigen.evaluation.captions.files import JUDGE, VERDICTS, Rating, Written, plain
from hoigen.evaluation.captions.judge import own_work
from hoigen.evaluation.captions.rates import BY_KIND, COUNTS, MATCHED, NOT_DECIDED, RATES, Material, rates_of
from hoigen.evaluation.captions.result import CaptionerScores, Comparison, JudgeScores

Item = tuple[str, str, str]
Verdicts = Mapping[Item, str]
"""(captioner, clip, the claim's words) -> verdict."""
UNSHARED = "the judge judged no claim that people checked"

FEW = 30
"""Below so many clips a percentile interval is too narrow; people are told."""
ALONE = "one captioner only: nothing to be equal to"
APART = "no clip on which all captioners were checked"
NO_PAIR = "no clip on which both were checked"


def captioners_of(material: Material, draws: Draws) -> tuple[CaptionerScores, ...]:
    """Each captioner on all its checked clips; the matched rate on those that all captioners share.

    Args:
        material: claims, captions and facts.
        draws: resamples of clips, for intervals.
    """
    names = list(material.checked.claims)
    common = material.checked.common(names)
    limits = material.checked.equal_claims(names, common)
    scores = []
    for name, claims in material.checked.claims.items():
        columns = material.counts(name, sorted(claims))
        numbers = rates_of(material, columns, (*RATES, *BY_KIND), draws)
        matched = undefined(ALONE if len(names) == 1 else APART)
        if len(names) > 1 and common:
            matched = rates_of(material, material.counts(name, common, limits), [MATCHED], draws)[MATCHED.name]
        sums = dict(zip(COUNTS, columns.sum(axis=0).tolist(), strict=True))
        verdicts = [claim.verdict for found in claims.values() for claim in found]
        captions = material.captions
        scores.append(
            CaptionerScores(
                name=name,
                clips=len(claims),
                captions=None if captions is None else sum(captioner == name for captioner, _ in captions),
                true=int(sums["true"]),
                false=int(sums["false"]),
                cannot_tell=verdicts.count("cannot_tell"),
                numbers={**{rate.name: numbers[rate.name] for rate in RATES}, MATCHED.name: matched},
                by_kind={rate.name: numbers[rate.name] for rate in BY_KIND if numbers[rate.name].defined},
            )
        )
    return tuple(scores)


def comparisons_of(material: Material, baseline: str | None, draws: Draws) -> tuple[Comparison, ...]:
    """Every captioner against the baseline, or each two of them.

    Args:
        material: claims, captions and facts.
        baseline: the captioner that others are compared with; None compares all pairs.
        draws: resamples of clips, for intervals and tests.
    """
    names = list(material.checked.claims)
    if baseline is not None:
        pairs = [(baseline, name) for name in names if name != baseline]
    else:
        pairs = list(combinations(names, 2))
    found = [_compared(material, first, second, draws) for first, second in pairs]
    tested = [at for at, facts in enumerate(found) if facts["swap_p"] is not None]
    for at, p in zip(tested, holm([found[at]["swap_p"] for at in tested]), strict=True):
        found[at]["swap_p_holm"] = p
    return tuple(Comparison(**facts) for facts in found)


def _compared(material: Material, first: str, second: str, draws: Draws) -> dict[str, Any]:
    """The fields of a Comparison, `swap_p_holm` still None."""
    clips = material.checked.common((first, second))
    facts: dict[str, Any] = {"first": first, "second": second, "clips": len(clips), "swap_p_holm": None}
    measured = (*RATES, MATCHED)
    if not clips:
        none = {rate.name: undefined(NO_PAIR) for rate in measured}
        return {**facts, "differences": none, "seen_from": {}, "mcnemar": None, "swap_p": None, "swap_reason": NO_PAIR}
    limits = material.checked.equal_claims((first, second), clips)
    one, other = (material.counts(name, clips, limits) for name in (first, second))
    both = np.concatenate([one, other], axis=1)
    totals = draws.totals(both)
    n = len(COUNTS)

    def difference(rate: rates.Rate) -> Estimate:
        if missing := material.missing(rate):
            return undefined(missing)
        return estimate_of(
            both,
            totals,
            lambda found: rates.value(rate, found[..., n:]) - rates.value(rate, found[..., :n]),
            rate.undefined,
        )

    differences = {rate.name: difference(rate) for rate in measured}
    true, false, with_false = (COUNTS.index(name) for name in ("true", "false", "with_false"))
    # Per clip, what H divides by what.
    sides = [np.stack([side[:, false], side[:, true] + side[:, false]], axis=1) for side in (one, other)]
    p = swap_test(sides[0], sides[1], draws) if len(clips) > 1 else None
    return {
        **facts,
        "differences": differences,
        "seen_from": {
            name: minimum_detectable_effect(found.draws_sd, len(clips))
            for name, found in differences.items()
            if found.draws_sd is not None
        },
        "mcnemar": mcnemar(one[:, with_false], other[:, with_false]),
        "swap_p": p,
        "swap_reason": "" if p is not None else "one clip only" if len(clips) == 1 else NOT_DECIDED,
    }


def people_of(ratings: Sequence[Rating], draws: Draws) -> tuple[Agreement, ...]:
    """Agreement of all annotators, and of each two when they are more; empty when nobody rated what another did.

    Args:
        ratings: of people.
        draws: resamples of clips, for intervals.
    """
    units: dict[tuple[str, str, str], dict[str, str]] = {}
    for rating in ratings:
        if rating.claim:
            units.setdefault(rating.item, {})[rating.annotator or "(not named)"] = rating.verdict
    listed = [(clip, verdicts) for (_, clip, _), verdicts in units.items()]
    names = sorted({name for _, verdicts in listed for name in verdicts})
    if not any(len(verdicts) > 1 for _, verdicts in listed):
        return ()
    every = agreement(listed, draws, order=VERDICTS)
    pairs = (agreement(listed, draws, pair, VERDICTS) for pair in combinations(names, 2)) if len(names) > 2 else ()
    return (every, *(found for found in pairs if found.units))


def notes_of(material: Material) -> Iterable[str]:
    """What a reader should know of the sample before believing a number."""
    checked = material.checked
    clips = {clip for found in checked.claims.values() for clip in found}
    some = len(clips) - len(checked.common(checked.claims))
    if len(clips) < FEW:
        yield f"only {plural(len(clips), 'clip was', 'clips were')} checked: intervals from so few are too narrow"
    if some:
        yield f"on {some} of {plural(len(clips), 'clip')} only some captioners were checked; comparisons leave them out"
    claims = checked.all_claims
    split = sum(claim.split for claim in claims)
    tied = sum(claim.split and claim.verdict == "cannot_tell" for claim in claims)
    if split:
        yield (
            f"annotators were split on {split} of {len(claims)} claims; most votes count, "
            f"and where no verdict has the most, cannot_tell ({tied} of these are cannot_tell)"
        )
    empty = sum(not found for clips in checked.claims.values() for found in clips.values())
    if empty:
        yield f"{empty} checked captions make no claim"
    if material.captions is not None:
        whole = {(name, clip) for name, found in checked.claims.items() for clip in found}
        without = len(whole - material.captions.keys())
        if without:
            yield f"{without} of {len(whole)} checked captions have no text in the captions file"


# automatic judges


def judges_of(ratings: Sequence[Rating], checked: Checked, draws: Draws) -> tuple[JudgeScores, ...]:
    """Each judge of a file compared with the people's verdicts.

    Args:
        ratings: of judges.
        checked: claims with the verdicts of people.
        draws: resamples of clips, for intervals.
    """
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
    said_of = {
        "people": [(item, said) for item, (said, _) in shared.items()],
        "judge": [(item, judged) for item, (_, judged) in shared.items()],
        "judge_all": list(own.items()),
    }
    captioners: dict[str, dict[str, Estimate]] = {}
    for captioner in dict.fromkeys(captioner for captioner, _, _ in own):
        for whose, verdicts in said_of.items():
            pairs = [
                (item, float(said == "false"), float(said != "cannot_tell"))
                for item, said in verdicts
                if item[0] == captioner
            ]
            h = _ratio(pairs, NOT_DECIDED, draws) if pairs else undefined(UNSHARED)
            captioners.setdefault(captioner, {})[whose] = h
    return JudgeScores(
        name=name,
        agreement=agreement(units, draws, ("people", name), VERDICTS),
        false_precision=_false(shared, 1, draws),
        false_recall=_false(shared, 0, draws),
        captioners=captioners,
    )


def _false(shared: Mapping[Item, tuple[str, str]], given: int, draws: Draws) -> Estimate:
    """Share of claims called false by both, of those that one calls false. given: 0 of people's, 1 of the judge's."""
    if not shared:
        return undefined(UNSHARED)
    pairs = [(item, float(both == ("false", "false")), float(both[given] == "false")) for item, both in shared.items()]
    return _ratio(pairs, f"{('people call', 'the judge calls')[given]} no claim false", draws)


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


def judge_notes(
    judges: Sequence[JudgeScores], checked: Checked, captions: Mapping[tuple[str, str], Written] | None
) -> Iterable[str]:
    """What to doubt of the judges.

    Args:
        judges: compared with people (`judges_of`).
        checked: the claims of people.
        captions: (captioner, clip) -> caption, with the models that made it; None without a captions file.
    """
    makers = [*checked.claims, *(model for written in (captions or {}).values() for model in written.models)]
    for judge in judges:
        for maker in own_work(judge.name, makers):
            yield f"the judge {judge.name} seems to be {maker}, which it judges: take a model that made no caption"
        if not judge.agreement.units:
            yield f"{UNSHARED}: what {judge.name} says is not validated"
