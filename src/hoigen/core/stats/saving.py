"""Which clips need no person: how good what the machine would keep is, known well enough from a sample of verdicts.

The clips are parted into bands of equal numbers by a score, the best first. Of the best band, then of the two best, and
so on, clips are drawn at random and looked at, until it is sure that of all of them at least the promised share is
good, or plain that it will not be. What is sure is kept unseen; bands below are looked at whole.

Three things make this more than an interval that is looked at again and again:

- It may be looked at after every verdict: the test is an e-process, which holds at any time. A fixed interval that is
  looked at a hundred times is wrong far more often than it says.
- Sets are tested in an order that is fixed beforehand, and none after the first that is not sure; so the error is that
  of one test, however many bands there are.
- People keep bad clips too. How often is known from gold questions, and the least favourable rate that they allow is
  taken off. That people also drop good ones errs to the safe side; but it costs, so that what is dropped in a sample
  is worth a second look by somebody careful.

Each clip has a rank, drawn once; clips are looked at in its order, and what speaks for a set is its clips up to the
first that nobody has looked at yet. So verdicts that came for another reason cannot bend the sample.

Source: Ville 1939; Robbins, Annals of Mathematical Statistics 41 (1970) for mixtures; Ramdas, Grünwald, Vovk and
Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38 (2023); Rosenbaum,
Biometrika 95 (2008) for hypotheses in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hoigen.core.score import Better
from hoigen.core.stats.resample import Estimate, Floats, undefined, wilson

State = Literal["sure", "open", "unsure", "all"]
"""sure: kept unseen. open: more is to be drawn. unsure: with it, too few would be good. all: it is not asked, since one
above it is not sure. Of the last two all clips are looked at."""
PROMISE = 0.99
ERROR = 0.05
GOLD_ERROR = 0.01
"""The part of the error that is left for the rate at which people keep bad clips."""
BANDS = 10
FEW = 50
"""Clips that are looked at before a set is given up."""
WORTH = 0.5
"""A band is given up when what is still to be drawn, at best, is more than this share of what it would save."""
STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tally:
    """Clips, counted.

    Args:
        clips: how many there are.
        seen: how many were drawn at random and looked at.
        good: how many of those people keep.

    Raises ValueError for counts that cannot be.
    """

    clips: int
    seen: int = 0
    good: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.good <= self.seen <= self.clips:
            raise ValueError(f"no more good than seen, no more seen than clips: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Clips whose scores lie side by side.

    Args:
        number: 0 for the best.
        own: its clips.
        above: those of this band and of all better ones; what is looked at is a random part of them.
        precision: share of its own clips that people keep, 0..1, with a 95 % interval that holds at any time; undefined
            while none was looked at.
        together: the same of `above`: what the machine would keep, were its threshold the lower edge of this band.
        state: what it comes to.
        why: the same in words.
    """

    number: int
    own: _Tally
    above: _Tally
    precision: Estimate
    together: Estimate
    state: State
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What need not be looked at.

    Args:
        bands: the best first.
        promise: the share of good clips among those that are kept unseen and those drawn of them, at least; 0..1.
        error: how often that may be wrong.
        sure: how many bands, from the best on, are kept unseen, or were looked at whole.
        wanted: the clips that are looked at next are those of the lowest rank of bands 0 to this one; None when nothing
            more is to be drawn.
    """

    bands: tuple[Band, ...]
    promise: float
    error: float
    sure: int
    wanted: int | None


def false_keeps(kept: int, bad: int) -> float | None:
    """The share of bad clips that people keep, at most (99 %); None where no bad gold question was answered.

    Args:
        kept: answers to gold questions that keep a bad clip.
        bad: answers to gold questions whose clip is bad.
    """
    return wilson(kept, bad, GOLD_ERROR)[1] if bad else None


def band_of(scores: Sequence[float] | Floats, better: Better = "more", bands: int = BANDS) -> NDArray[np.int64]:
    """The band of each clip, 0 for the best. It goes by the scores alone, and equal scores are in one band.

    Args:
        scores: of all clips, finite.
        better: which end of the score is better.
        bands: how many, of equal size as far as equal scores allow.
    """
    values = np.asarray(scores, float)
    if not np.isfinite(values).all():
        raise ValueError("scores are finite numbers")
    if better == "more":
        values = -values
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    of_distinct = np.minimum(before * bands // max(1, len(values)), bands - 1)
    _, dense = np.unique(of_distinct, return_inverse=True)  # a value that many share leaves bands empty
    found: NDArray[np.int64] = dense[place].astype(np.int64)
    return found


def saving(
    bands: NDArray[np.int64],
    ranks: Floats,
    said: NDArray[np.int8],
    *,
    false_keep: float | None,
    promise: float = PROMISE,
    error: float = ERROR,
) -> Saving:
    """Which bands are sure enough to be kept unseen.

    Args:
        bands: of each clip that the machine would keep, its band (`band_of`); (clips,).
        ranks: of each, a number drawn at random once; (clips,).
        said: of each, 1 where people keep it, 0 where they do not, -1 where it is not known yet; (clips,).
        false_keep: how often people keep a bad clip, at most (`false_keeps`); None when it is not known, and then no
            band is sure.
        promise: the share of good clips that is promised, above 0 and below 1.
        error: how often the promise may be broken, all bands together.

    Raises ValueError for shares out of their bounds, and for arrays of several lengths.
    """
    if not 0 < promise < 1 or not GOLD_ERROR < error < 1:
        raise ValueError(f"promise above 0 and below 1, error above {GOLD_ERROR} and below 1: {promise}, {error}")
    if false_keep is not None and not 0 <= false_keep <= 1:
        raise ValueError(f"false_keep: 0..1 or None; it came as {false_keep!r}")
    if not bands.shape == ranks.shape == said.shape:
        raise ValueError(f"a band, a rank and a verdict for each clip: {bands.shape}, {ranks.shape}, {said.shape}")
    # people keep a share of at most `least` when fewer than promised are good
    least = promise + (1 - promise) * (1.0 if false_keep is None else false_keep)
    count = int(bands.max()) + 1 if len(bands) else 0
    own = [_tally(bands == number, ranks, said) for number in range(count)]
    found: list[Band] = []
    wanted, sure = None, 0
    for number in range(count):
        above = _tally(bands <= number, ranks, said)
        state: State = "all"
        why = "all are looked at: with a better band it is not sure"
        if sure == number:
            left = own[number].clips - int((said[bands == number] >= 0).sum())
            state, why = _state(above, left, least, promise, error - GOLD_ERROR, false_keep)
            sure += state == "sure" or above.seen == above.clips  # where nothing is left, nothing is promised
            wanted = number if state == "open" else None
        found.append(
            Band(
                number=number,
                own=own[number],
                above=above,
                precision=_precision(own[number]),
                together=_precision(above),
                state=state,
                why=why,
            )
        )
    return Saving(bands=tuple(found), promise=promise, error=error, sure=sure, wanted=wanted)


def _tally(mine: NDArray[np.bool_], ranks: Floats, said: NDArray[np.int8]) -> _Tally:
    """Clips of a set, and those that speak for it: up to the first in the order of ranks of which nothing is known."""
    open_ranks = ranks[mine & (said < 0)]
    drawn = mine & (ranks < open_ranks.min()) if len(open_ranks) else mine
    return _Tally(clips=int(mine.sum()), seen=int(drawn.sum()), good=int((said[drawn] == 1).sum()))


def _state(
    tally: _Tally, left: int, least: float, promise: float, error: float, false_keep: float | None
) -> tuple[State, str]:
    """left: clips of the band that nobody has looked at: what it would save."""
    clips, seen, good = tally.clips, tally.seen, tally.good
    told = f"of {clips:,} clips with this score or a better one {seen:,} were drawn, {good:,} are good"
    if false_keep is None:
        if seen == clips:
            return "all", f"all {clips:,} clips with this score or a better one were looked at"
        return "open", "how often people keep a bad clip is not known: no bad gold question was answered"
    if evidence(good, seen, least) >= math.log(1 / error):
        kept = f"though people keep a bad clip in up to {false_keep:.1%} of the cases"
        return "sure", f"{told}: at least {promise:.1%} of all are, {kept}"
    if seen == clips:
        return "all", f"all {clips:,} clips with this score or a better one were looked at"
    at_best = wilson(good, seen, 0.05)[1] if seen else 1.0
    if seen >= FEW and at_best <= least:
        return "unsure", f"{told}: fewer than {promise:.1%}"
    more = _needed(at_best, least, error) - seen
    if seen >= FEW and more > WORTH * left:
        return "unsure", f"{told}: to be sure would take {more:,.0f} more at best, and save {left:,}"
    return "open", f"{told}: more are to be drawn"


def _needed(share: float, least: float, error: float) -> float:
    """About how many are to be drawn until it is sure, when people keep so large a share of them."""
    if share <= least:
        return math.inf
    apart = share * math.log(share / least)
    if share < 1:
        apart += (1 - share) * math.log((1 - share) / (1 - least))
    return (math.log(1 / error) + 1) / apart  # 1: what it costs that the best bet is not known beforehand


def evidence(good: int, seen: int, least: float) -> float:
    """How strongly a sample speaks against a band of which people keep at most a share of `least`; may be looked at
    after every verdict.

    Args:
        good: clips that are kept.
        seen: clips that were drawn.
        least: a share, above 0; at 1 nothing speaks against it.

    Returns the logarithm of the e-value: were the share `least` or less, it would ever exceed log(1 / e) in at most a
    share e of all cases.
    """
    if least >= 1:
        return -math.inf if seen else 0.0
    bad = seen - good
    # A bet is placed on every share of bad clips below 1 - least, evenly over a logarithmic scale
    misses = (1 - least) * np.geomspace(0.01, 0.99, STEPS)
    logs = good * (np.log1p(-misses) - math.log(least)) + bad * (np.log(misses) - math.log1p(-least))
    return float(np.logaddexp.reduce(logs) - math.log(STEPS))


def _precision(tally: _Tally) -> Estimate:
    """The share with an interval that holds however often it is looked at: the shares that a uniform bet does not
    refute (Robbins)."""
    seen, good = tally.seen, tally.good
    if not seen:
        return undefined("none was looked at")
    share, bad = good / seen, seen - good
    mixture = math.lgamma(good + 1) + math.lgamma(bad + 1) - math.lgamma(seen + 2)

    def held(p: float) -> bool:
        likelihood = (good * math.log(p) if good else 0.0) + (bad * math.log1p(-p) if bad else 0.0)
        return mixture - likelihood < math.log(1 / 0.05)

    return Estimate(value=share, low=_edge(held, share, 0.0), high=_edge(held, share, 1.0), top=good, bottom=seen)


def _edge(held: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last share from `inside` to `outside` that is held."""
    if outside == inside:
        return outside
    for _ in range(50):
        middle = (inside + outside) / 2
        if 0 < middle < 1 and held(middle):
            inside = middle
        else:
            outside = middle
    return inside
