"""How often a 95 % interval of H holds the true H, on simulated claims: `python tests/core/stats/interval_coverage.py`.

Clips differ in how hard they are, and longer captions err more, so that claims of a clip err together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hoigen.core.stats.resample import Draws, Floats, estimate_of, ratio


def hallucination(totals: Floats) -> Floats:
    return ratio(totals[..., 0], totals[..., 1])


def difference(totals: Floats) -> Floats:
    return hallucination(totals[..., 2:]) - hallucination(totals[..., :2])


def drawn(rng: np.random.Generator, clips: int, error: float) -> Floats:
    """(clips, 4): false claims and claims of one captioner, then of another that errs less on the same clips."""
    claims = rng.poisson(9, (clips, 2)) + 1
    hard = rng.beta(error * 5, (1 - error) * 5, clips)[:, None] * np.array([1, 0.7])
    false = rng.binomial(claims, np.clip(hard * (0.6 + 0.04 * claims), 0, 1))
    return np.stack([false[:, 0], claims[:, 0], false[:, 1], claims[:, 1]], axis=1).astype(float)


def coverage(statistic: Callable[[Floats], Floats], clips: int, error: float, studies: int) -> float:
    """The share of studies whose interval holds what 2 million clips say."""
    rng = np.random.default_rng(1)
    truth = float(statistic(drawn(rng, 2_000_000, error).sum(axis=0)))
    held = told = 0
    for study in range(studies):
        columns = drawn(rng, clips, error)
        found = estimate_of(columns, Draws(draws=1000, seed=study).totals(columns), statistic, "no claims")
        if found.low is not None and found.high is not None:
            told += 1
            held += found.low <= truth <= found.high
    return held / told


if __name__ == "__main__":
    for clips, error in ((20, 0.2), (40, 0.2), (100, 0.2), (300, 0.2), (100, 0.03), (300, 0.03)):
        shares = [coverage(statistic, clips, error, 2000) for statistic in (hallucination, difference)]
        print(f"{clips} clips, H near {error:.0%}: H {shares[0]:.1%}, difference of H {shares[1]:.1%}")
