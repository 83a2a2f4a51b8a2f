"""How strong each is, from who won against whom."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

ROUNDS = 10_000
CLOSE = 1e-10


def bradley_terry(votes: Iterable[tuple[str, str, float]], prior: float = 0.5) -> dict[str, float]:
    """Strengths under which the votes are most likely: A is preferred to B with probability a / (a + b).

    Args:
        votes: (first, second, share of the win that goes to the first): 1, 0, or 0.5 for a tie.
        prior: wins and losses against an average one that each is given besides, so that who has won or lost all has a
            strength, too; 0 for none.

    Returns name -> strength, of geometric mean 1, the strongest first.

    Source: Hunter 2004, MM algorithms for generalized Bradley-Terry models, Ann. Statist. 32(1).
    """
    counted = list(votes)
    names = sorted({name for first, second, _ in counted for name in (first, second)})
    at = {name: i for i, name in enumerate(names)}
    won, met = np.full(len(names), float(prior)), np.zeros((len(names), len(names)))
    for first, second, share in counted:
        if first == second or not 0 <= share <= 1:
            raise ValueError(f"a vote is on two, and its share 0 to 1; it came as {first!r}, {second!r}, {share!r}")
        won[at[first]] += share
        won[at[second]] += 1 - share
        met[at[first], at[second]] += 1
        met[at[second], at[first]] += 1
    strength = np.ones(len(names))
    for _ in range(ROUNDS):
        weights = (met / (strength[:, None] + strength[None, :])).sum(1) + 2 * prior / (strength + 1)
        new = won / np.maximum(weights, 1e-300)
        new = np.maximum(new, 1e-300)
        if not prior:
            new /= np.exp(np.log(new).mean())
        done = np.abs(np.log(new) - np.log(strength)).max(initial=0) < CLOSE
        strength = new
        if done:
            break
    strength = strength / np.exp(np.log(strength).mean()) if len(names) else strength
    return {name: float(strength[at[name]]) for name in sorted(names, key=lambda name: -strength[at[name]])}
