"""Who beats whom: win rates and strengths of models from votes on pairs; whether a number ranks models as people do.

All come with intervals that draw prompts with all their votes, as everywhere here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.core.stats.resample import LEAST, TAILS, Draws, Estimate, Floats, ratio, undefined

ELO = 400.0 / np.log(10.0)
"""Points of Elo's scale for a strength of 1 on the natural logarithm: 400 points are odds of ten to one."""
ROUNDS, NEAR = 200, 1e-7
"""Steps of the fit at most, and the change of a strength below which it has come to rest."""
TIE = 1.0
"""Made-up ties of each model with one of average strength: who won all, or none, keeps a finite strength."""
FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model as people see it.

    Args:
        model: its name.
        games: votes on it.
        rate: share of its votes that it won, ties counting half, 0..1.
        strength: Bradley and Terry's, in points of Elo's scale about a mean of 0; unlike the rate it takes into account
            against whom a model stood.
    """

    model: str
    games: float
    rate: Estimate
    strength: Estimate


def bradley_terry(wins: Floats) -> Floats:
    """Strengths of models, in points of Elo's scale, mean 0.

    Args:
        wins: (..., models, models), how often the row won against the column; a tie is half a win of both.

    Returns (..., models). Made-up ties (TIE) keep them finite where somebody won all.

    Source: Bradley and Terry, Biometrika 39 (1952); Hunter, "MM algorithms for generalized Bradley-Terry models",
    Annals of Statistics 32 (2004), section 2.
    """
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(-1) + TIE / 2
    strength = np.ones(wins.shape[:-1])
    for _ in range(ROUNDS):
        against = (games / (strength[..., :, None] + strength[..., None, :])).sum(-1) + TIE / (strength + 1.0)
        new = won / against
        new /= np.exp(np.log(new).mean(-1, keepdims=True))
        rest = float(np.abs(np.log(new) - np.log(strength)).max(initial=0.0))
        strength = new
        if rest < NEAR:
            break
    found = np.log(strength)
    return np.asarray(ELO * (found - found.mean(-1, keepdims=True)))


def standings(models: Sequence[str], wins: Floats, draws: Draws) -> list[Standing]:
    """Win rates and strengths with intervals, the strongest first.

    Args:
        models: their names.
        wins: (prompts, models, models), how often the row won against the column in votes on that prompt.
        draws: resamples of prompts.
    """
    total = wins.sum(0)
    drawn = _drawn(wins, draws)
    games = total.sum(1) + total.sum(0)
    strength, many = bradley_terry(total), None if drawn is None else bradley_terry(drawn)
    found = []
    for at, model in enumerate(models):
        if not games[at]:
            none = undefined("no vote on it")
            found.append(Standing(model=model, games=0.0, rate=none, strength=none))
            continue
        rates = None
        if drawn is not None:
            rates = ratio(drawn[:, at].sum(-1), drawn[:, at].sum(-1) + drawn[:, :, at].sum(-1))
        rate = float(total[at].sum() / games[at])
        found.append(
            Standing(
                model=model,
                games=float(games[at]),
                rate=_estimate(rate, rates, len(wins)),
                strength=_estimate(float(strength[at]), None if many is None else many[:, at], len(wins)),
            )
        )
    return sorted(found, key=lambda each: -(each.strength.value if each.strength.value is not None else -np.inf))


def strengths(wins: Floats, draws: Draws) -> tuple[Floats, Floats | None]:
    """Strengths of models, (models,), and of each resample of prompts, (draws, models); None where prompts are too few.

    Args:
        wins: (prompts, models, models), as for `standings`.
        draws: resamples of prompts.
    """
    drawn = _drawn(wins, draws)
    return bradley_terry(wins.sum(0)), None if drawn is None else bradley_terry(drawn)


def ranks_alike(number: Floats, people: tuple[Floats, Floats | None], draws: Draws) -> tuple[Estimate, Estimate]:
    """Whether a number's means rank models as people do: Spearman's rho over models, and the share of pairs of models
    in the same order (a tie of the number counts half).

    Args:
        number: (prompts, models, 2): sums of the number over a model's videos of a prompt, and how many there are.
        people: of `strengths`, on the same prompts with the same draws.
        draws: resamples of prompts, in which both are reckoned anew.
    """
    prompts, models = number.shape[:2]
    if models < FEW:
        none = undefined(f"{models} models: there is no order of fewer than {FEW}")
        return none, none
    if not (number.sum(0)[:, 1] > 0).all():
        none = undefined("a model has no such number")
        return none, none
    totals = number.sum(0)
    rho, right = _alike(ratio(totals[:, 0], totals[:, 1])[None], people[0][None])
    many: tuple[Floats | None, Floats | None] = (None, None)
    if people[1] is not None:
        drawn = draws.totals(number.reshape(prompts, -1)).reshape(-1, models, 2)
        many = _alike(ratio(drawn[..., 0], drawn[..., 1]), people[1])
    if np.isnan(rho[0]):
        none = undefined("all models are alike in one of the two: there is no order")
        return none, none
    return _estimate(float(rho[0]), many[0], prompts), _estimate(float(right[0]), many[1], prompts)


def _alike(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Of values of models, (draws, models) each, rho and the share of pairs in one order; NaN where there is none."""
    gone = np.isnan(x).any(-1) | np.isnan(y).any(-1)
    near = 1e-6  # strengths that the fit leaves this near are alike
    dx, dy = (np.sign(np.where(np.abs(d) < near, 0, d)) for d in (z[:, :, None] - z[:, None, :] for z in (x, y)))
    a, b = dx.sum(-1), dy.sum(-1)  # mid-ranks but for a constant
    spread = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    rho = np.where((spread > 0) & ~gone, (a * b).sum(-1) / np.where(spread > 0, spread, 1), np.nan)
    differ = dy != 0
    right = np.where(differ, (1 + dx * dy) / 2, 0).sum((1, 2))
    return rho, np.where(gone, np.nan, ratio(right, differ.sum((1, 2))))


def _drawn(wins: Floats, draws: Draws) -> Floats | None:
    """(draws, models, models) of resampled prompts; None where they are too few."""
    if len(wins) < LEAST:
        return None
    return draws.totals(wins.reshape(len(wins), -1)).reshape(-1, *wins.shape[1:])


def _estimate(value: float, drawn: Floats | None, prompts: int) -> Estimate:
    """With the percentiles of its resamples."""
    if drawn is None:
        return Estimate(value=value, unsure=f"only {prompts} prompts: too few to resample")
    kept = drawn[~np.isnan(drawn)]
    if len(kept) < 0.95 * len(drawn):
        return Estimate(value=value, unsure="undefined in more than 5 % of the resamples")
    low, high = (float(q) for q in np.quantile(kept, TAILS))
    return Estimate(value=value, low=low, high=high, draws_sd=float(kept.std(ddof=1)))
