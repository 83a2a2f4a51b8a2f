"""How far annotators agree: raw, Cohen's and Fleiss' kappa, Gwet's AC1, Krippendorff's alpha, always side by side.

Where one verdict is much the most common, raw agreement and AC1 are high even between an annotator who thinks and one
who does not; the kappas and alpha then fall to 0. None of them is therefore given alone.

All are made of sums over units, so that a bootstrap over clips needs sums alone. Categories are those that occur.

Source: Cohen 1960; Fleiss, Psychological Bulletin 76 (1971); Gwet, British Journal of Mathematical and Statistical
Psychology 61 (2008); Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hoigen.core.stats.resample import Draws, Estimate, Floats, estimate_of, ratio, undefined

Level = Literal["nominal", "ordinal"]
"""Whether two verdicts are the same or not, or the farther apart the worse (1-5 ratings)."""
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
        fleiss: Fleiss' kappa, of the units that at least two rated; undefined unless all have equally many ratings.
        ac1: Gwet's.
        alpha: Krippendorff's, of the level that was asked for; ratings may be missing.
        confusion: of two annotators, how often the first said the one and the second the other.
    """

    between: tuple[str, ...]
    units: int
    raw: Estimate
    kappa: Estimate
    fleiss: Estimate
    ac1: Estimate
    alpha: Estimate
    confusion: Mapping[str, Mapping[str, int]]

    @property
    def numbers(self) -> dict[str, Estimate]:
        return {"raw": self.raw, "kappa": self.kappa, "ac1": self.ac1, "alpha": self.alpha}


def agreement(
    units: Sequence[tuple[str, Ratings]],
    draws: Draws,
    between: Sequence[str] = (),
    order: Sequence[str] = (),
    level: Level = "nominal",
) -> Agreement:
    """Agreement of annotators over units.

    Args:
        units: of each, the clip that it is drawn with, and who said what of it. Fewer than two ratings are allowed.
        draws: resamples of clips for the intervals.
        between: the annotators, in order, where only those of interest are to count; else all.
        order: in which order the confusion names the values, and of ordinal ones which is the least; values that are
            not in it follow by name.
        level: of alpha alone.
    """
    names = tuple(between) or tuple(sorted({name for _, ratings in units for name in ratings}))
    seen = [(clip, {name: ratings[name] for name in names if name in ratings}) for clip, ratings in units]
    every = {verdict for _, ratings in seen for verdict in ratings.values()}
    used = (*(verdict for verdict in order if verdict in every), *sorted(every - set(order)))
    both = [ratings for _, ratings in seen if len(ratings) > 1]
    if not both:
        none = undefined(ALONE)
        numbers = {"raw": none, "kappa": none, "fleiss": none, "ac1": none, "alpha": none}
        return Agreement(between=names, units=0, **numbers, confusion={})
    # (clips, columns): units with a pair, their agreement, units, shares of verdicts (q), coincidences (q * q), and the
    # first two annotators' confusion (q * q)
    times = {len(ratings) for ratings in both}
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
    totals = draws.totals_of_kinds(columns) if len(columns) > 1 else columns
    confusion = {}
    if len(names) == 2:
        counted = Counter((ratings[names[0]], ratings[names[1]]) for ratings in both)
        confusion = {one: {other: counted[one, other] for other in used} for one in used}
    more = undefined(f"Cohen's kappa is of two annotators; there are {len(names)}")
    uneven = undefined(f"Fleiss' kappa is of equally many ratings of each; there are {min(times)} to {max(times)}")
    return Agreement(
        between=names,
        units=len(both),
        raw=estimate_of(columns, totals, _raw, ALONE),
        kappa=estimate_of(columns, totals, lambda t: _kappa(t, q), ONE_WORD) if len(names) == 2 else more,
        fleiss=estimate_of(columns, totals, lambda t: _fleiss(t, q), ONE_WORD) if len(times) == 1 else uneven,
        ac1=estimate_of(columns, totals, lambda t: _ac1(t, q), ONE_WORD),
        alpha=estimate_of(columns, totals, lambda t: _alpha(t, q, level), ONE_WORD),
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


def _fleiss(totals: Floats, q: int) -> Floats:
    each = _coincidences(totals, q).sum(-1)  # ratings of each verdict, of the units that two or more rated
    shares = ratio(each, each.sum(-1, keepdims=True))
    return _beyond(_raw(totals), (shares * shares).sum(-1))


def _alpha(totals: Floats, q: int, level: Level) -> Floats:
    pairs = _coincidences(totals, q)
    each = pairs.sum(-1)
    n = each.sum(-1)
    if level == "nominal":
        apart = np.broadcast_to(1 - np.eye(q), pairs.shape)
    else:  # how many ratings lie between two, those of the two counted half
        middle = each.cumsum(-1) - each / 2
        apart = (middle[..., :, None] - middle[..., None, :]) ** 2
    seen = (pairs * apart).sum((-1, -2))
    chance = ratio((each[..., :, None] * each[..., None, :] * apart).sum((-1, -2)), n - 1)
    return 1 - ratio(seen, chance)


def _coincidences(totals: Floats, q: int) -> Floats:
    return totals[..., 3 + q : 3 + q + q * q].reshape(*totals.shape[:-1], q, q)


def _beyond(seen: Floats, chance: Floats) -> Floats:
    """Agreement beyond chance, as a share of what chance leaves."""
    return ratio(seen - chance, 1 - chance)
