"""Whether contact is as the verb asks for it: lasting, begun, ended, short, or coming and going.

A ball that is glued to the hand touches it in every frame, and nobody dribbles it. So the share of frames in contact
says how well a verb is done only where contact lasts; for the others it is held against the verb's profile. Whether a
frame is in contact goes by two bounds, so that a tremor at the edge is no release, and an object that is not seen has
not gone: it stays as it was.
"""

from __future__ import annotations

import numpy as np

from hoigen.interactions.contact import Profile

AWAY = 1.5
"""Times the contact range from which the object has been let go; contact is below 1, and between the two what was."""
SIDE = 0.2
"""Seconds that contact must last, or be away, for it to have begun or ended."""
RHYTHM = 0.5
"""Contacts a second that end, and that come again, from which something comes and goes; one of each at least."""
STILL = 0.005
"""Of the person's height: less movement in a whole video is a still picture. Breath and balance move more, and what
detectors of a still picture tremble by is taken off by the median."""


def states(reach: np.ndarray) -> np.ndarray:
    """(T,) whether each frame is in contact, from the distance over the contact range, NaN where it is not seen; frames
    before the first one that says anything are as that one."""
    found = np.zeros(len(reach), bool)
    clear = np.flatnonzero((reach < 1.0) | (reach >= AWAY))
    if not len(clear):
        return found
    now = bool(reach[clear[0]] < 1.0)
    for at, value in enumerate(reach):
        if value < 1.0:
            now = True
        elif value >= AWAY:
            now = False
        found[at] = now
    return found


def fit(times: np.ndarray, reach: np.ndarray, contact: np.ndarray, profile: Profile) -> float:
    """How well contact goes with the verb's profile, 0..1; more is better.

    lasting: the share of frames in contact. begins: the share away before the best moment, times the share in contact
    after it; ends: the other way round; touches: the better of ending and of a contact between two absences; returns:
    an absence between two contacts. comes_and_goes: how many contacts end and come again, over how many there are at
    least (RHYTHM).

    Args:
        times: (T,) seconds, which only grow.
        reach: (T,) distance over the contact range; NaN where either is not seen.
        contact: (T,) whether each frame counts as contact (short absences filled in).
        profile: of the verb.
    """
    if not len(times):
        return 0.0
    if profile == "lasting":
        return float(contact.mean())
    state = states(reach)
    step = float(np.median(np.diff(times))) if len(times) > 1 else SIDE
    side = max(1, round(SIDE / step))
    if profile == "begins":
        return _turn(~state, state, side)
    if profile == "ends":
        return _turn(state, ~state, side)
    if profile == "touches":
        return max(_turn(state, ~state, 1), _between(state))
    if profile == "returns":
        return _between(~state)
    ended = int((state[:-1] & ~state[1:]).sum())
    again = int((~state[:-1] & state[1:]).sum())
    wanted = max(1.0, RHYTHM * float(times[-1] - times[0] + step))
    return min(1.0, (ended + again) / (2 * wanted))


def _turn(before: np.ndarray, after: np.ndarray, side: int) -> float:
    """The best over all moments of the share of `before` until then times the share of `after` from then on, with
    `side` frames at least on either side."""
    count = len(before)
    if count < 2 * side:
        return 0.0
    moments = np.arange(side, count - side + 1)
    until = np.cumsum(before)[moments - 1] / moments
    since = np.cumsum(after[::-1])[::-1][moments] / (count - moments) if len(moments) else np.zeros(0)
    return float((until * since).max(initial=0.0))


def _between(state: np.ndarray) -> float:
    """The best over all stretches of the share in contact within it times the share away before and after it."""
    count = len(state)
    if count < 3:
        return 0.0
    sums = np.concatenate([[0], np.cumsum(state)])
    best = 0.0
    edges = np.flatnonzero(np.diff(state.astype(int))) + 1
    for begin in edges:
        for end in edges[edges > begin]:
            outside = count - (end - begin)
            inside = (sums[end] - sums[begin]) / (end - begin)
            away = 1 - (sums[count] - (sums[end] - sums[begin])) / outside
            best = max(best, float(inside * away))
    return best


def changes_asked(times: np.ndarray, reach: np.ndarray, profile: Profile) -> int:
    """How many changes between contact and none the verb itself makes: these are no unsteadiness."""
    if profile == "lasting" or not len(times):
        return 0
    seen = int(np.abs(np.diff(states(reach).astype(int))).sum())
    return min(seen, {"begins": 1, "ends": 1, "touches": 2, "returns": 2}.get(profile, seen))


def moves(places: np.ndarray, height: float) -> float:
    """How much a video moves at all, 0..1: 0 for a still picture, 1 from STILL of the person's height on.

    Args:
        places: (T, points, 2) pixels of the person's box and the object's, NaN where not seen.
        height: of the person, pixels.
    """
    if len(places) < 2 or not height > 0:
        return 0.0
    with np.errstate(all="ignore"):
        known = places[:, ~np.isnan(places).all(axis=(0, 2))]
        if not known.shape[1]:
            return 0.0
        spread = np.nanpercentile(known, 95, axis=0) - np.nanpercentile(known, 5, axis=0)
    widest = float(np.nanmax(np.hypot(spread[:, 0], spread[:, 1]))) if spread.size else 0.0
    return min(1.0, widest / (STILL * height))
