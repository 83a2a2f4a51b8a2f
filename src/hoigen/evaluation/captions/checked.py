"""Ratings of people -> one verdict per claim, and the captions that were checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hoigen.evaluation.captions.files import Rating


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A claim with the verdict that most of its annotators gave; `cannot_tell` where no verdict has the most.

    Args:
        text: the claim's words.
        verdict: one of `files.VERDICTS`.
        key: what makes it the same claim in another caption.
        kind: one of `files.KINDS`, or "".
        verb: of an interaction, or "".
        object: of an interaction, or "".
        split: the annotators were not of one mind.
    """

    text: str
    verdict: str
    key: str
    kind: str = ""
    verb: str = ""
    object: str = ""
    split: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The claims of people's files. What is not here was not checked.

    Args:
        claims: captioner -> clip -> the claims of its caption, in the order of the file.
        annotators: how many people rated.
        keyed: claims have keys of their own, not their words alone.
    """

    claims: Mapping[str, Mapping[str, tuple[_Claim, ...]]]
    annotators: int
    keyed: bool

    @property
    def all_claims(self) -> list[_Claim]:
        return [claim for clips in self.claims.values() for claims in clips.values() for claim in claims]

    @property
    def has_triplets(self) -> bool:
        return any(claim.verb and claim.object for claim in self.all_claims)

    def common(self, captioners: Iterable[str]) -> tuple[str, ...]:
        """Clips on which the captions of all of them were checked, in order of their names."""
        return tuple(sorted(set.intersection(*(set(self.claims[name]) for name in captioners))))

    def equal_claims(self, captioners: Sequence[str], clips: Sequence[str]) -> dict[str, int]:
        """Clip -> as many claims as each of the captioners makes there."""
        return {clip: min(len(self.claims[name][clip]) for name in captioners) for clip in clips}


def checked(ratings: Sequence[Rating]) -> Checked:
    """One verdict per claim, by most votes."""
    by_item: dict[tuple[str, str, str], list[Rating]] = {}
    for rating in ratings:
        by_item.setdefault(rating.item, []).append(rating)
    found: dict[str, dict[str, list[_Claim]]] = {}
    for (captioner, clip, words), votes in by_item.items():
        claims = found.setdefault(captioner, {}).setdefault(clip, [])
        if not votes[0].claim:
            continue
        verdicts = Counter(vote.verdict for vote in votes).most_common()
        tied = len(verdicts) > 1 and verdicts[0][1] == verdicts[1][1]
        claim = _Claim(
            text=votes[0].claim,
            verdict="cannot_tell" if tied else verdicts[0][0],
            key=_most([vote.key for vote in votes]) or words,
            kind=_most([vote.kind for vote in votes]),
            verb=_most([vote.verb for vote in votes]),
            object=_most([vote.object for vote in votes]),
            split=len(verdicts) > 1,
        )
        claims.append(claim)
    return Checked(
        claims={name: {clip: tuple(claims) for clip, claims in clips.items()} for name, clips in found.items()},
        annotators=len({rating.annotator for rating in ratings}),
        keyed=any(rating.key for rating in ratings),
    )


def _most(words: Iterable[str]) -> str:
    """The word that comes most often, the first of several; "" when there is none."""
    counted = Counter(word for word in words if word).most_common(1)
    return counted[0][0] if counted else ""
