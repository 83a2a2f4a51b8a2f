"""How well a number puts videos in the order in which people put them, with intervals clustered by prompt.

Each statistic is a function of how often each prompt is drawn, so that a resample costs no new sorting: Kendall's tau-b
is made of quadratic forms in these weights, Spearman's rho of weighted mid-ranks, pairwise accuracy of sums.

Source: Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945), tau-b; Spearman 1904 with mid-ranks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hoigen.core.stats.resample import Draws, Estimate, Floats, estimate_of, ratio, undefined

Ints = NDArray[np.int64]
FEW = 3
TOO_FEW = "fewer than 3 videos have both numbers"
CONSTANT = "one of the two is the same for all videos: there is no order"
NO_PAIR = "no two videos of one prompt that people rate differently"
CELLS = 8_000_000
"""Numbers held at once."""


def spearman(x: Floats, y: Floats, clusters: Ints, draws: Draws) -> Estimate:
    """Spearman's rho, -1..1: 1 when both are in the same order, 0 when they have nothing to do with one another.

    Args:
        x: a number of each video.
        y: another of each, in the same order.
        clusters: the prompt of each, 0, 1, ..: what is drawn.
        draws: resamples of prompts for the interval.

    Returns an Estimate; undefined below three videos, and when one of the two is constant.
    """
    if len(x) < FEW:
        return undefined(TOO_FEW)
    columns = np.eye(int(clusters.max()) + 1)
    return estimate_of(columns, draws.totals(columns), lambda w: _spearman(x, y, clusters, w), CONSTANT, unit="prompts")


def _spearman(x: Floats, y: Floats, clusters: Ints, weights: Floats) -> Floats:
    flat = weights.reshape(-1, weights.shape[-1])
    step = max(1, CELLS // len(x))
    found = []
    for at in range(0, len(flat), step):
        drawn = flat[at : at + step][:, clusters]  # how often each video was
        a, b = _ranks(x, drawn), _ranks(y, drawn)
        total = drawn.sum(1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            a, b = (ranks - (drawn * ranks).sum(1, keepdims=True) / total for ranks in (a, b))
            spread = (drawn * a * a).sum(1) * (drawn * b * b).sum(1)
            alike = (drawn * a * b).sum(1) / np.sqrt(spread)
        found.append(np.where(spread > 1e-9, alike, np.nan))
    return np.concatenate(found).reshape(weights.shape[:-1])


def _ranks(values: Floats, weights: Floats) -> Floats:
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    many = np.add.reduceat(weights[:, order], starts, axis=1)
    middle: Floats = np.cumsum(many, axis=1) - many / 2 + 0.5
    return middle[:, group]


def kendall(x: Floats, y: Floats, clusters: Ints, draws: Draws) -> Estimate:
    """Kendall's tau-b, -1..1: concordant less discordant pairs, over pairs that neither ties.

    Args:
        x: a number of each video.
        y: another of each, in the same order.
        clusters: the prompt of each, 0, 1, ..: what is drawn.
        draws: resamples of prompts for the interval.

    Returns an Estimate; undefined below three videos, and when one of the two is constant.
    """
    if len(x) < FEW:
        return undefined(TOO_FEW)
    forms = _forms(x, y, clusters)
    columns = np.eye(int(clusters.max()) + 1)
    return estimate_of(columns, draws.totals(columns), lambda w: _tau(forms, w), CONSTANT, unit="prompts")


def _tau(forms: Floats, weights: Floats) -> Floats:
    agreed, in_x, in_y = (np.einsum("...i,ij,...j->...", weights, form, weights, optimize=True) for form in forms)
    untied = np.sqrt(np.maximum(in_x, 0) * np.maximum(in_y, 0))
    return np.where((in_x > 0) & (in_y > 0), ratio(agreed, untied), np.nan)


def _forms(x: Floats, y: Floats, clusters: Ints) -> Floats:
    """(3, prompts, prompts): over ordered pairs of videos of two prompts, the sum of agreements, and how many are not
    tied in x, and in y. A video beside its own copy is tied in both, and so in none of the sums."""
    order = np.argsort(clusters, kind="stable")
    x, y = x[order], y[order]
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    found = np.zeros((3, len(starts), len(starts)))
    ends = np.append(starts[1:], len(x))
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        dx = np.sign(x[start:end, None] - x[None, :])
        dy = np.sign(y[start:end, None] - y[None, :])
        for which, sums in enumerate((dx * dy, np.abs(dx), np.abs(dy))):
            found[which, at] = np.add.reduceat(sums.sum(0), starts)
    return found


def accuracy(right: Floats, pairs: Floats, draws: Draws) -> Estimate:
    """Share of pairs in the order in which people have them, 0..1; 0.5 is chance. A tie of the measure counts half.

    Args:
        right: per prompt, how many pairs the measure has in people's order.
        pairs: per prompt, how many there are. Pairs that people tie are not among them.
        draws: resamples of prompts for the interval.
    """
    columns = np.stack([right, pairs], axis=1)
    if not pairs.sum():
        return undefined(NO_PAIR)
    return estimate_of(columns, draws.totals(columns), lambda t: ratio(t[..., 0], t[..., 1]), NO_PAIR, unit="prompts")


def pairs_within(x: Floats, y: Floats, clusters: Ints) -> tuple[Floats, Floats]:
    """Pairs of videos of one prompt which people rate differently, and how many of them a measure has in that order.

    Args:
        x: the measure's number of each video; a tie counts half.
        y: what people say of each.
        clusters: the prompt of each, 0, 1, ..

    Returns (right, pairs), per prompt.
    """
    count = int(clusters.max()) + 1
    right, pairs = np.zeros(count), np.zeros(count)
    for at in range(count):
        here = np.flatnonzero(clusters == at)
        one, other = np.triu_indices(len(here), 1)
        dx, dy = np.sign(x[here][one] - x[here][other]), np.sign(y[here][one] - y[here][other])
        differ = dy != 0
        pairs[at] = differ.sum()
        right[at] = ((1 + dx * dy) / 2)[differ].sum()
    return right, pairs
