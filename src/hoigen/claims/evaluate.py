"""Claims, captions and facts -> what is known of the captioners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from hoigen.claims import rates
from hoigen.claims.checked import Checked
from hoigen.claims.files import VERDICTS, Rating
from hoigen.claims.rates import BY_KIND, COUNTS, MATCHED, RATES, Material, Rate, equal_claims, rates_of
from hoigen.claims.result import CaptionerScores, Comparison
from hoigen.stats.agreement import Agreement, agreement
from hoigen.stats.paired import holm, mcnemar, swap_test
from hoigen.stats.resample import Draws, Estimate, Floats, estimate_of, minimum_detectable_effect, undefined

FEW = 30
"""Below so many clips a percentile interval is too narrow; people are told."""
ALONE = "one captioner only: nothing to be equal to"
APART = "no clip on which all captioners were checked"
NO_PAIR = "no clip on which both were checked"


def captioners_of(material: Material, draws: Draws) -> tuple[CaptionerScores, ...]:
    """Each captioner on all its checked clips; the matched rate on those that all captioners share."""
    names = list(material.checked.claims)
    common = material.checked.common(names)
    limits = equal_claims(material.checked, names, common)
    return tuple(_scores(material, name, common, limits, draws) for name in names)


def _scores(
    material: Material, name: str, common: Sequence[str], limits: Mapping[str, int], draws: Draws
) -> CaptionerScores:
    claims = material.checked.claims[name]
    columns = material.counts(name, sorted(claims))
    numbers = rates_of(material, columns, (*RATES, *BY_KIND), draws)
    matched = undefined(ALONE if len(material.checked.claims) == 1 else APART)
    if len(material.checked.claims) > 1 and common:
        matched = rates_of(material, material.counts(name, common, limits), [MATCHED], draws)[MATCHED.name]
    sums = dict(zip(COUNTS, columns.sum(axis=0).tolist(), strict=True))
    verdicts = [claim.verdict for found in claims.values() for claim in found]
    captions = material.captions
    return CaptionerScores(
        name=name,
        clips=len(claims),
        captions=None if captions is None else sum(captioner == name for captioner, _ in captions),
        true=int(sums["true"]),
        false=int(sums["false"]),
        cannot_tell=verdicts.count("cannot_tell"),
        numbers={**{rate.name: numbers[rate.name] for rate in RATES}, MATCHED.name: matched},
        by_kind={rate.name: numbers[rate.name] for rate in BY_KIND if numbers[rate.name].defined},
    )


def comparisons_of(material: Material, baseline: str | None, draws: Draws) -> tuple[Comparison, ...]:
    """Every captioner against the baseline, or each two of them."""
    names = list(material.checked.claims)
    if baseline is not None:
        pairs = [(baseline, name) for name in names if name != baseline]
    else:
        pairs = list(combinations(names, 2))
    found = [_compared(material, first, second, draws) for first, second in pairs]
    told = [at for at, facts in enumerate(found) if facts["swap_p"] is not None]
    for at, p in zip(told, holm([found[at]["swap_p"] for at in told]), strict=True):
        found[at]["swap_p_holm"] = p
    return tuple(Comparison(**facts) for facts in found)


def _compared(material: Material, first: str, second: str, draws: Draws) -> dict[str, Any]:
    clips = material.checked.common((first, second))
    facts: dict[str, Any] = {"first": first, "second": second, "clips": len(clips), "swap_p_holm": None}
    measured = (*RATES, MATCHED)
    if not clips:
        none = {rate.name: undefined(NO_PAIR) for rate in measured}
        return {**facts, "differences": none, "seen_from": {}, "mcnemar": None, "swap_p": None, "swap_reason": NO_PAIR}
    limits = equal_claims(material.checked, (first, second), clips)
    one, other = (material.counts(name, clips, limits) for name in (first, second))
    both = np.concatenate([one, other], axis=1)
    totals = draws.totals(both)
    differences = {rate.name: _difference(material, both, totals, rate) for rate in measured}
    seen = {
        name: minimum_detectable_effect(found.draws_sd, len(clips))
        for name, found in differences.items()
        if found.draws_sd is not None
    }
    p = swap_test(_sides(one), _sides(other), draws) if len(clips) > 1 else None
    reason = "" if p is not None else "one clip only" if len(clips) == 1 else rates.NOT_DECIDED
    false = COUNTS.index("with_false")
    test = mcnemar(one[:, false], other[:, false])
    return {
        **facts,
        "differences": differences,
        "seen_from": seen,
        "mcnemar": test,
        "swap_p": p,
        "swap_reason": reason,
    }


def _sides(columns: Floats) -> Floats:
    """Top and bottom of H, per clip."""
    true, false = (columns[:, COUNTS.index(name)] for name in ("true", "false"))
    return np.stack([false, true + false], axis=1)


def _difference(material: Material, both: Floats, totals: Floats, rate: Rate) -> Estimate:
    missing = material.missing(rate)
    if missing:
        return undefined(missing)
    n = len(COUNTS)
    return estimate_of(
        both,
        totals,
        lambda found: rates.value(rate, found[..., n:]) - rates.value(rate, found[..., :n]),
        rate.undefined,
    )


def people_of(ratings: Sequence[Rating], draws: Draws) -> tuple[Agreement, ...]:
    """Agreement of all annotators, and of each two when they are more; empty when nobody rated what another did."""
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
        yield f"only {len(clips)} clips were checked: intervals from so few are too narrow"
    if some:
        yield f"on {some} of {len(clips)} clips only some captioners were checked; comparisons leave them out"
    yield from _about_claims(checked)
    if material.captions is not None:
        whole = {(name, clip) for name, found in checked.claims.items() for clip in found}
        without = len(whole - material.captions.keys())
        if without:
            yield f"{without} of {len(whole)} checked captions have no text in the captions file"


def _about_claims(checked: Checked) -> Iterable[str]:
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
