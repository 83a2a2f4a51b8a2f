"""How far annotators agree: raw, Cohen's kappa, Gwet's AC1, Krippendorff's alpha (nominal), always side by side.

Where one verdict is much the most common, raw agreement and AC1 are high even between an annotator who thinks and one
who does not; kappa and alpha then fall to 0. None of the four is therefore given alone.

All four are made of sums over units, so that a bootstrap over clips needs sums alone. Categories are those that occur.

Source: Cohen 1960; Gwet, British Journal of Mathematical and Statistical Psychology 61 (2008); Krippendorff,
"Computing Krippendorff's Alpha-Reliability" (2011).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.stats.resample import Draws, Estimate, Floats, estimate_of, ratio, undefined

Ratings = Mapping[str, str]
"""Annotator -> verdict, for one unit; who did not rate it is not in it."""
ALONE = "nothing was rated by two"
ONE_WORD = "all ratings are the same verdict: agreement by chance would be complete too"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Numbers of two or more annotators, -1..1 (raw 0..1), higher is better; 0 is what chance gives, but for raw.

    Args:
        between: names of the annotators.
        units: claims (or clips) that at least two rated.
        raw: share of pairs of ratings that are the same.
        kappa: Cohen's; undefined for more than two annotators.
        ac1: Gwet's.
        alpha: Krippendorff's, nominal.
        confusion: of two annotators, how often the first said the one and the second the other.
    """

    between: tuple[str, ...]
    units: int
    raw: Estimate
    kappa: Estimate
    ac1: Estimate
    alpha: Estimate
    confusion: Mapping[str, Mapping[str, int]]

    @property
    def numbers(self) -> dict[str, Estimate]:
        return {"raw": self.raw, "kappa": self.kappa, "ac1": self.ac1, "alpha": self.alpha}


def agreement(
    units: Sequence[tuple[str, Ratings]], draws: Draws, between: Sequence[str] = (), order: Sequence[str] = ()
) -> Agreement:
    """Agreement of annotators over units.

    Args:
        units: of each, the clip that it is drawn with, and who said what of it. Fewer than two ratings are allowed.
        draws: resamples of clips for the intervals.
        between: the annotators, in order, where only those of interest are to count; else all.
        order: in which order the confusion names the values; values that are not in it follow by name.
    """
    names = tuple(between) or tuple(sorted({name for _, ratings in units for name in ratings}))
    seen = [(clip, {name: ratings[name] for name in names if name in ratings}) for clip, ratings in units]
    every = {verdict for _, ratings in seen for verdict in ratings.values()}
    used = (*(verdict for verdict in order if verdict in every), *sorted(every - set(order)))
    both = [ratings for _, ratings in seen if len(ratings) > 1]
    if not both:
        none = undefined(ALONE)
        return Agreement(between=names, units=0, raw=none, kappa=none, ac1=none, alpha=none, confusion={})
    # (clips, columns): units with a pair, their agreement, units, shares of verdicts (q), coincidences (q * q), and the
    # first two annotators' confusion (q * q)
    q = len(used)
    place = {verdict: at for at, verdict in enumerate(used)}
    rows: dict[str, Floats] = {}
    for clip, ratings in seen:
        row = rows.setdefault(clip, np.zeros(3 + q + 2 * q * q))
        votes = np.bincount([place[verdict] for verdict in ratings.values()], minlength=q).astype(float)
        m = votes.sum()
        if m:
            row[2] += 1
            row[3 : 3 + q] += votes / m
        if m > 1:
            pairs = np.outer(votes, votes) - np.diag(votes)
            row[0] += 1
            row[1] += np.trace(pairs) / (m * (m - 1))
            row[3 + q : 3 + q + q * q] += (pairs / (m - 1)).ravel()
        if len(names) == 2 and m == 2:
            row[3 + q + q * q + place[ratings[names[0]]] * q + place[ratings[names[1]]]] += 1
    columns = np.stack(list(rows.values()))
    totals = draws.totals(columns) if len(columns) > 1 else columns
    confusion = {}
    if len(names) == 2:
        counted = Counter((ratings[names[0]], ratings[names[1]]) for ratings in both)
        confusion = {one: {other: counted[one, other] for other in used} for one in used}
    more = undefined(f"Cohen's kappa is of two annotators; there are {len(names)}")
    return Agreement(
        between=names,
        units=len(both),
        raw=estimate_of(columns, totals, _raw, ALONE),
        kappa=estimate_of(columns, totals, lambda t: _kappa(t, q), ONE_WORD) if len(names) == 2 else more,
        ac1=estimate_of(columns, totals, lambda t: _ac1(t, q), ONE_WORD),
        alpha=estimate_of(columns, totals, lambda t: _alpha(t, q), ONE_WORD),
        confusion=confusion,
    )


def _raw(totals: Floats) -> Floats:
    return ratio(totals[..., 1], totals[..., 0])


def _kappa(totals: Floats, q: int) -> Floats:
    table = totals[..., -q * q :].reshape(*totals.shape[:-1], q, q)
    n = table.sum((-1, -2))
    seen = ratio(np.trace(table, axis1=-2, axis2=-1), n)
    chance = ratio((table.sum(-1) * table.sum(-2)).sum(-1), n * n)
    return _beyond(seen, chance)


def _ac1(totals: Floats, q: int) -> Floats:
    if q < 2:
        return np.full(totals.shape[:-1], np.nan)
    shares = ratio(totals[..., 3 : 3 + q], totals[..., 2:3])
    return _beyond(_raw(totals), (shares * (1 - shares)).sum(-1) / (q - 1))


def _alpha(totals: Floats, q: int) -> Floats:
    pairs = totals[..., 3 + q : 3 + q + q * q].reshape(*totals.shape[:-1], q, q)
    each = pairs.sum(-1)
    n = each.sum(-1)
    seen = ratio(n - np.trace(pairs, axis1=-2, axis2=-1), n)
    chance = ratio(n * n - (each * each).sum(-1), n * (n - 1))
    return 1 - ratio(seen, chance)


def _beyond(seen: Floats, chance: Floats) -> Floats:
    """Agreement beyond chance, as a share of what chance leaves."""
    return ratio(seen - chance, 1 - chance)
