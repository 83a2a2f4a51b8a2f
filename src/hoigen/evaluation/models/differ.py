"""Two models on the same prompts: the difference, a test of it, and the smallest difference that could be seen.

Of each prompt the mean over a model's videos counts, so that another number of samples gives a prompt no other weight.
The test swaps the two models' means prompt by prompt (see hoigen.stats.paired); p values of one call are held
together by Holm's method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hoigen.evaluation.models.means import mean_estimate, per_prompt
from hoigen.evaluation.models.videos import Video
from hoigen.stats.paired import holm, swap_test
from hoigen.stats.resample import Draws, Estimate, minimum_detectable_effect, undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`second` less `first` in one number, over the prompts that both have.

    one, other: the two means on those prompts. seen_from: the smallest true difference that so many prompts find in 4
    of 5 cases (5 % level, two-sided); None where there is no interval. p: two-sided; None with the reason in the
    estimate. p_holm: held against all tests of the call.
    """

    first: str
    second: str
    name: str
    prompts: int
    one: float | None
    other: float | None
    estimate: Estimate
    seen_from: float | None = None
    p: float | None = None
    p_holm: float | None = None


def difference(first: Sequence[Video], second: Sequence[Video], name: str, draws: Draws) -> Difference:
    """One number of two models' videos."""
    models = first[0].model, second[0].model
    one, other = per_prompt(first, name), per_prompt(second, name)
    shared = sorted(one.keys() & other.keys())
    if not shared:
        why = "no prompt of which both have this number" if one and other else f"{models[bool(one)]} has no such number"
        return Difference(
            first=models[0], second=models[1], name=name, prompts=0, one=None, other=None, estimate=undefined(why)
        )
    pairs = np.array([[one[prompt], other[prompt]] for prompt in shared])
    ones = np.ones(len(shared))
    estimate = mean_estimate(np.stack([pairs[:, 1] - pairs[:, 0], ones], axis=1), draws)
    sides = [np.stack([pairs[:, side], ones], axis=1) for side in (0, 1)]
    p = swap_test(sides[0], sides[1], draws) if len(shared) > 1 else None
    return Difference(
        first=models[0],
        second=models[1],
        name=name,
        prompts=len(shared),
        one=float(pairs[:, 0].mean()),
        other=float(pairs[:, 1].mean()),
        estimate=estimate,
        seen_from=None if estimate.draws_sd is None else minimum_detectable_effect(estimate.draws_sd, len(shared)),
        p=p,
    )


def with_holm(differences: Iterable[Difference]) -> list[Difference]:
    """The same, with p values that count when all are looked at together."""
    found = list(differences)
    tested = [at for at, each in enumerate(found) if each.p is not None]
    together = holm([found[at].p or 0.0 for at in tested])
    for at, p in zip(tested, together, strict=True):
        found[at] = replace(found[at], p_holm=p)
    return found
