"""Two captioners, or two models, on the same clips: tests that a difference is more than chance.

Two are at hand. McNemar's asks of each clip whether the one caption has a false claim and the other has not. The swap
test asks of the difference in H itself: were both captioners alike, then on each clip the two captions might as well
have changed places, and it is seen how often such swapping makes a difference as large. It was chosen over Wilcoxon's
signed ranks, which take the differences of clips for symmetric and drop those that are 0, as most are; and over the
sign test, which forgets how many claims were false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from hoigen.core.stats.resample import Draws, Floats, ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Clips by whether each caption has a false claim.

    Args:
        first_only: clips where only the first caption has one.
        second_only: clips where only the second has; all others do not count.
        exact: two-sided p, 0..1, never too small; 1.0 when the captioners never differ.
        mid_p: two-sided mid-p, which is nearer to the set level on few clips.

    Source: McNemar 1947; Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13:91 (2013) for the mid-p.
    """

    first_only: int
    second_only: int
    exact: float
    mid_p: float


def mcnemar(first: Sequence[bool] | Floats, second: Sequence[bool] | Floats) -> McNemar:
    """McNemar's test of pairs of yes and no.

    Args:
        first: of each clip, whether the one caption has it (a false claim).
        second: the same clips, in the same order, of the other.
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    first_only, second_only = int((a & ~b).sum()), int((b & ~a).sum())
    n, k = first_only + second_only, min(first_only, second_only)
    at = comb(n, k) / 2**n
    if first_only == second_only:
        exact, mid = 1.0, 1 - at / 2 if n else 1.0
    else:
        exact = min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)
        mid = exact - at
    return McNemar(first_only=first_only, second_only=second_only, exact=exact, mid_p=mid)


def swap_test(first: Floats, second: Floats, draws: Draws) -> float | None:
    """Two-sided p of a difference between two ratios of sums, 0..1; small: more than chance. None when a ratio is
    undefined.

    Args:
        first: (clips, 2), top and bottom of the one captioner's ratio, by clip.
        second: the same clips, in the same order, of the other.
        draws: how many swaps are tried. Exact when all that there are do not exceed them; else by chance, and then the
            p is never below 1 / (draws + 1).

    Source: Fisher's randomization test for pairs; Noreen, "Computer-Intensive Methods for Testing Hypotheses" (1989).
    """
    together, apart = (first + second).sum(axis=0), first - second
    seen = _difference(together, apart.sum(axis=0))
    if np.isnan(seen):
        return None
    as_large = ways = 0
    for signs in draws.swaps(len(first)):
        found = np.abs(_difference(together, signs @ apart))
        as_large += int((~(found < abs(seen) - 1e-12)).sum())  # undefined after a swap counts against the difference
        ways += len(signs)
    every = len(first) < 63 and ways == 2 ** len(first)
    return as_large / ways if every else (1 + as_large) / (1 + ways)


def swap_tests(differences: Sequence[Floats], draws: Draws) -> list[float]:
    """Two-sided p of many mean differences within pairs, 0..1, by the swaps of `swap_test`.

    Those of one length are tried with the same swaps, at the price of one.

    Args:
        differences: of each test, the difference of every pair, (pairs,).
        draws: how many swaps are tried of each. `floor` says what p can come to at best.
    """
    found = [1.0] * len(differences)
    for length in sorted({len(each) for each in differences}):
        here = [at for at, each in enumerate(differences) if len(each) == length]
        columns = np.stack([differences[at] for at in here], axis=1)
        seen = np.abs(columns.sum(axis=0))
        as_large, ways = np.zeros(len(here)), 0
        for signs in draws.swaps(length):
            as_large += (np.abs(signs @ columns) >= seen - 1e-12 * np.maximum(1.0, seen)).sum(axis=0)
            ways += len(signs)
        every = length < 63 and ways == 2**length
        p_values = as_large / ways if every else (1 + as_large) / (1 + ways)
        for at, p in zip(here, p_values, strict=True):
            found[at] = float(p)
    return found


def floor(pairs: int, draws: Draws) -> float:
    """The smallest p that `swap_tests` can give for so many pairs."""
    if pairs < 63 and 2**pairs <= draws.draws:
        return float(2.0 ** (1 - pairs))
    return 1 / (1 + draws.draws)


def _difference(together: Floats, apart: Floats) -> Floats:
    """Ratio of the first less that of the second, from their sum and difference (..., 2)."""
    one, other = (together + apart) / 2, (together - apart) / 2
    return ratio(one[..., 0], one[..., 1]) - ratio(other[..., 0], other[..., 1])


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values as they count when all are looked at together: each in its place, none below what it was.

    Args:
        p_values: of all tests of one question, in any order.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979).
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    found, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        found[at] = largest
    return found
