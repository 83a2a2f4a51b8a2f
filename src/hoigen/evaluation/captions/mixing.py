"""Two drafts and the mixture that was made of them, on the same clips: what it mended, kept, and added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hoigen.core.stats.resample import Draws, Estimate, estimate_of, ratio, undefined
from hoigen.evaluation.captions.checked import Checked
from hoigen.evaluation.captions.files import Written

NO_KINDS = "no claim has a kind"
SHARES: Mapping[str, tuple[str, str, str]] = {
    "both_wrong": ("both", "clips", ""),
    "same_kind": ("same_kind", "clips", ""),
    "same_claim": ("same_claim", "clips", ""),
    "shared": ("shared", "errors", "no draft has a false claim"),
    "kept_shared": ("kept_shared", "shared", "no false claim is in both drafts"),
    "kept_single": ("kept_single", "single", "no false claim is in one draft alone"),
    "introduced": ("introduced", "clips", ""),
    "clips_fixed": ("clip_fixed", "clip_wrong", "no draft has a false claim"),
    "clips_spoiled": ("clip_spoiled", "clip_clean", "on no clip are both drafts free of false claims"),
}
"""Estimate -> what is divided by what, and why it may be undefined."""
COUNTS = tuple(dict.fromkeys(name for top, bottom, _ in SHARES.values() for name in (top, bottom)))
COUNTS = (*COUNTS, "first_wrong", "second_wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixing:
    """What became of the drafts' false claims. A claim is the same in two captions by its key, else by its words.

    Args:
        first: the captioner of a draft.
        second: that of the other.
        mixture: the captioner that was made of them.
        clips: on which all three were checked.
        first_wrong: clips on which the first draft has a false claim.
        second_wrong: clips on which the second has.
        by_chance: clips on which both would have one, were their errors independent.
        keyed: claims have keys of their own, not their words alone.
        numbers: by name, as below.

    The numbers, each with its interval, lower is better but for clips_fixed:

    - both_wrong: share of clips on which both drafts have a false claim
    - same_kind: share of clips on which both have one of the same kind
    - same_claim: share of clips on which both make the same false claim, which a mixture cannot see
    - shared: share of the drafts' distinct false claims that are in both
    - kept_shared, kept_single: share of those in both, and in one draft alone, that the mixture still makes
    - introduced: false claims of the mixture that no draft makes, a clip
    - clips_fixed: of the clips where a draft has a false claim, those where the mixture has none
    - clips_spoiled: of the clips where neither draft has one, those where the mixture has
    """

    first: str
    second: str
    mixture: str
    clips: int
    first_wrong: int
    second_wrong: int
    by_chance: float
    keyed: bool
    numbers: Mapping[str, Estimate]


def mixing(checked: Checked, drafts: Sequence[str], mixture: str, draws: Draws) -> Mixing | None:
    """What the mixture did; None when there is no clip on which all three were checked.

    Args:
        checked: claims with the verdicts of people.
        drafts: the two captioners whose drafts were mixed.
        mixture: the captioner that was made of them.
        draws: resamples of clips, for intervals.
    """
    first, second = drafts
    clips = checked.common((first, second, mixture))
    if not clips:
        return None
    columns = np.array([_counts(checked, first, second, mixture, clip) for clip in clips], float)
    sums = dict(zip(COUNTS, columns.sum(axis=0).tolist(), strict=True))
    totals = draws.totals(columns)

    def share(top: str, bottom: str, reason: str) -> Estimate:
        a, b = COUNTS.index(top), COUNTS.index(bottom)
        return estimate_of(
            columns,
            totals,
            lambda found: ratio(found[..., a], found[..., b]),
            reason,
            top=sums[top],
            bottom=sums[bottom],
        )

    numbers = {name: share(*parts) for name, parts in SHARES.items()}
    if not any(claim.kind for claim in checked.all_claims):
        numbers["same_kind"] = undefined(NO_KINDS)
    return Mixing(
        first=first,
        second=second,
        mixture=mixture,
        clips=len(clips),
        first_wrong=int(sums["first_wrong"]),
        second_wrong=int(sums["second_wrong"]),
        by_chance=sums["first_wrong"] * sums["second_wrong"] / len(clips),
        keyed=checked.keyed,
        numbers=numbers,
    )


def _counts(checked: Checked, first: str, second: str, mixture: str, clip: str) -> list[float]:
    one, other, mixed = (false_of(checked, name, clip) for name in (first, second, mixture))
    kinds = {
        name: {claim.kind for claim in checked.claims[name][clip] if claim.verdict == "false" and claim.kind}
        for name in (first, second)
    }
    errors, shared, single = one | other, one & other, one ^ other
    counted = {
        "clips": 1,
        "first_wrong": bool(one),
        "second_wrong": bool(other),
        "both": bool(one and other),
        "same_kind": bool(kinds[first] & kinds[second]),
        "same_claim": bool(shared),
        "errors": len(errors),
        "shared": len(shared),
        "single": len(single),
        "kept_shared": len(shared & mixed),
        "kept_single": len(single & mixed),
        "introduced": len(mixed - errors),
        "clip_wrong": bool(errors),
        "clip_clean": not errors,
        "clip_fixed": bool(errors) and not mixed,
        "clip_spoiled": not errors and bool(mixed),
    }
    return [float(counted[name]) for name in COUNTS]


def false_of(checked: Checked, captioner: str, clip: str) -> frozenset[str]:
    """Keys of the claims that are false.

    Args:
        checked: claims with the verdicts of people.
        captioner: whose caption.
        clip: of which clip.
    """
    return frozenset(claim.key for claim in checked.claims[captioner][clip] if claim.verdict == "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How well the decision expert's "they differ" finds clips on which a draft has a false claim. Higher is better.

    Args:
        clips: on which both drafts were checked and it said something.
        differ_wrong: clips on which it says so, and a draft has a false claim.
        differ_right: clips on which it says so, and no draft has one.
        same_wrong: clips on which it does not, and a draft has one.
        same_right: clips on which it does not, and no draft has one.
        precision: of the clips on which it says so, those where a draft has one.
        recall: of the clips where a draft has one, those on which it says so.
        recall_visible: the same, only of clips where a false claim is in one draft and not in the other: the rest it
            cannot see.
    """

    clips: int
    differ_wrong: int
    differ_right: int
    same_wrong: int
    same_right: int
    precision: Estimate
    recall: Estimate
    recall_visible: Estimate


def decision(
    checked: Checked,
    captions: Mapping[tuple[str, str], Written],
    drafts: Sequence[str],
    mixture: str,
    draws: Draws,
) -> Decision | None:
    """Quality of the verdicts that stand with the mixture's captions; None when none does.

    Args:
        checked: claims with the verdicts of people.
        captions: (captioner, clip) -> caption, with what the decision expert said of the drafts.
        drafts: the two captioners whose drafts were mixed.
        mixture: the captioner that was made of them.
        draws: resamples of clips, for intervals.
    """
    first, second = drafts
    rows = []
    for clip in checked.common(drafts):
        written = captions.get((mixture, clip))
        if written is None or written.disagree is None:
            continue
        one, other = (false_of(checked, name, clip) for name in (first, second))
        says, wrong, visible = written.disagree, bool(one or other), bool(one ^ other)
        rows.append([says and wrong, says and not wrong, not says and wrong, not says and not wrong])
        rows[-1] += [says and visible, visible]
    if not rows:
        return None
    columns = np.array(rows, float)
    totals = draws.totals(columns)
    a, b, c, d, _, _ = (int(count) for count in columns.sum(axis=0))

    def share(top: int, bottom: Sequence[int], reason: str) -> Estimate:
        sums = columns.sum(axis=0)
        return estimate_of(
            columns,
            totals,
            lambda t: ratio(t[..., top], t[..., list(bottom)].sum(-1)),
            reason,
            top=float(sums[top]),
            bottom=float(sums[list(bottom)].sum()),
        )

    return Decision(
        clips=len(rows),
        differ_wrong=a,
        differ_right=b,
        same_wrong=c,
        same_right=d,
        precision=share(0, (0, 1), "it never said that the drafts differ"),
        recall=share(0, (0, 2), "no draft has a false claim"),
        recall_visible=share(4, (5,), "no false claim is in one draft alone"),
    )
