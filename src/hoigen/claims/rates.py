"""What is counted of a caption, and the rates that are made of it. Each is a sum over clips divided by another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hoigen.claims.checked import Checked, Claim
from hoigen.claims.files import KINDS, Fact, Written
from hoigen.stats.resample import Draws, Estimate, Floats, estimate_of, ratio, undefined

Counts = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """top, bottom: names of counts; those of a side are added up. undefined: why, when the bottom is 0."""

    name: str
    label: str
    top: tuple[str, ...]
    bottom: tuple[str, ...]
    better: Literal["low", "high", ""]
    percent: bool
    undefined: str


def _rate(
    name: str,
    label: str,
    top: str,
    bottom: str,
    better: Literal["low", "high", ""],
    undefined: str,
    percent: bool = True,
) -> Rate:
    sides = tuple(top.split(" + ")), tuple(bottom.split(" + "))
    return Rate(
        name=name, label=label, top=sides[0], bottom=sides[1], better=better, percent=percent, undefined=undefined
    )


NOT_DECIDED = "no claim is true or false"
RATES = (
    _rate("hallucination", "H: false / (true + false)", "false", "true + false", "low", NOT_DECIDED),
    _rate("with_false", "captions with a false claim", "with_false", "captions", "low", "no caption was checked"),
    _rate("strict_precision", "strict precision: true / all", "true", "claims", "high", "no claims"),
    _rate(
        "contradiction_only",
        "contradiction-only precision *",
        "loose",
        "captions",
        "high",
        "no caption was checked",
    ),
    _rate("recall", "HOI recall", "held", "facts", "high", "no facts of these clips"),
    _rate("omissions", "HOI omissions a clip", "omitted", "fact_clips", "low", "no facts of these clips", False),
    _rate("claims", "claims a caption", "claims", "captions", "", "no caption was checked", False),
    _rate("words", "words a caption", "words", "texts", "", "no text of these captions", False),
)
MATCHED = _rate(
    "hallucination_matched",
    "H, equal claims a clip",
    "matched_false",
    "matched_true + matched_false",
    "low",
    NOT_DECIDED,
)
BY_KIND = tuple(
    _rate(
        kind, f"H, {kind}", f"false {kind}", f"true {kind} + false {kind}", "low", f"no {kind} claim is true or false"
    )
    for kind in KINDS
)
COUNTS = tuple(dict.fromkeys(name for rate in (*RATES, MATCHED, *BY_KIND) for name in (*rate.top, *rate.bottom)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that was read. captions, facts: None when no such file was given."""

    checked: Checked
    captions: Mapping[tuple[str, str], Written] | None = None
    facts: Mapping[str, Sequence[Fact]] | None = None

    def missing(self, rate: Rate) -> str:
        """Why a rate cannot be had from these files at all; "" when it can."""
        if rate.name == "words" and self.captions is None:
            return "no captions were given (--captions)"
        if rate.name in ("recall", "omissions") and self.facts is None:
            return "no facts were given (--facts)"
        if rate.name in ("recall", "omissions") and not self.checked.has_triplets:
            return "no claim has a verb and an object"
        return ""

    def counts(self, captioner: str, clips: Sequence[str], limits: Mapping[str, int] | None = None) -> Floats:
        """(clips, COUNTS). limits: per clip, how many claims count for the matched rate; None: all."""
        rows = [self._counts(captioner, clip, (limits or {}).get(clip)) for clip in clips]
        return np.array([[row.get(name, 0.0) for name in COUNTS] for row in rows], float).reshape(-1, len(COUNTS))

    def _counts(self, captioner: str, clip: str, limit: int | None) -> Counts:
        claims = self.checked.claims[captioner][clip]
        verdicts = Counter(claim.verdict for claim in claims)
        by_kind = Counter(f"{claim.verdict} {claim.kind}" for claim in claims)
        matched = Counter(f"matched_{claim.verdict}" for claim in claims[:limit])
        loose = 1 - verdicts["false"] / len(claims) if claims else 1.0
        return {
            **verdicts,
            **by_kind,
            **matched,
            "captions": 1,
            "claims": len(claims),
            "with_false": verdicts["false"] > 0,
            "loose": loose,
            **self._words(captioner, clip),
            **self._held(clip, claims),
        }

    def _words(self, captioner: str, clip: str) -> Counts:
        written = (self.captions or {}).get((captioner, clip))
        return {"words": len(written.text.split()), "texts": 1} if written else {}

    def _held(self, clip: str, claims: Sequence[Claim]) -> Counts:
        facts = (self.facts or {}).get(clip, ())
        held = sum(any(_holds(claim, fact) for claim in claims) for fact in facts)
        return {"held": held, "facts": len(facts), "omitted": len(facts) - held, "fact_clips": len(facts) > 0}


def _holds(claim: Claim, fact: Fact) -> bool:
    """Whether a claim tells of a fact; one that was found false does not, though it names the verb and object."""
    return claim.verdict != "false" and claim.verb in fact.verbs and claim.object in fact.objects


def equal_claims(checked: Checked, captioners: Sequence[str], clips: Sequence[str]) -> dict[str, int]:
    """Clip -> as many claims as each of the captioners makes there."""
    return {clip: min(len(checked.claims[name][clip]) for name in captioners) for clip in clips}


def value(rate: Rate, totals: Floats) -> Floats:
    """The rate of totals (..., COUNTS); NaN where it is undefined."""
    top, bottom = (totals[..., [COUNTS.index(name) for name in side]].sum(-1) for side in (rate.top, rate.bottom))
    return ratio(top, bottom)


def rates_of(material: Material, columns: Floats, rates: Sequence[Rate], draws: Draws) -> dict[str, Estimate]:
    """Rate name -> number, for the clips of `columns`."""
    if not len(columns):
        return {rate.name: undefined("no clip on which all of these captioners were checked") for rate in rates}
    totals = draws.totals(columns)
    return {rate.name: _number(material, columns, totals, rate) for rate in rates}


def _number(material: Material, columns: Floats, totals: Floats, rate: Rate) -> Estimate:
    missing = material.missing(rate)
    if missing:
        return undefined(missing)
    sums = dict(zip(COUNTS, columns.sum(axis=0).tolist(), strict=True))
    top, bottom = (sum(sums[name] for name in side) for side in (rate.top, rate.bottom))
    return estimate_of(columns, totals, lambda found: value(rate, found), rate.undefined, top=top, bottom=bottom)
