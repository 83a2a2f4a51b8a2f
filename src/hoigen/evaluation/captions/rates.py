"""What is counted of a caption, and the rates that are made of it. Each is a sum over clips divided by another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hoigen.core.stats.resample import Draws, Estimate, Floats, estimate_of, ratio, undefined
from hoigen.evaluation.captions.checked import Checked
from hoigen.evaluation.captions.files import KINDS, Fact, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A sum over clips divided by another.

    Args:
        name: in results.
        label: in tables.
        top: names of the counts that are added up and divided.
        bottom: names of the counts that they are divided by.
        better: `low` or `high`; "" where neither is.
        percent: shown times 100.
        undefined: why there is no number when the bottom is 0.
    """

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
    """All that was read.

    Args:
        checked: claims with the verdicts of people.
        captions: (captioner, clip) -> caption; None when no such file was given.
        facts: clip -> what a caption should hold; None when no such file was given.
    """

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
        """An array (clips, COUNTS).

        Args:
            captioner: whose captions are counted.
            clips: their ids, one a row.
            limits: clip -> how many claims count for the matched rate; None counts all.
        """
        rows = []
        for clip in clips:
            claims = self.checked.claims[captioner][clip]
            verdicts = Counter(claim.verdict for claim in claims)
            by_kind = Counter(f"{claim.verdict} {claim.kind}" for claim in claims)
            matched = Counter(f"matched_{claim.verdict}" for claim in claims[: (limits or {}).get(clip)])
            written = (self.captions or {}).get((captioner, clip))
            facts = (self.facts or {}).get(clip, ())
            # A claim that was found false does not tell of a fact, though it names the verb and the object.
            tells = [(claim.verb, claim.object) for claim in claims if claim.verdict != "false"]
            held = sum(any(verb in verbs and thing in things for verb, thing in tells) for verbs, things in facts)
            counted: dict[str, float] = {
                **verdicts,
                **by_kind,
                **matched,
                "captions": 1,
                "claims": len(claims),
                "with_false": verdicts["false"] > 0,
                "loose": 1 - verdicts["false"] / len(claims) if claims else 1.0,
                **({"words": len(written.text.split()), "texts": 1} if written else {}),
                "held": held,
                "facts": len(facts),
                "omitted": len(facts) - held,
                "fact_clips": len(facts) > 0,
            }
            rows.append(counted)
        return np.array([[row.get(name, 0.0) for name in COUNTS] for row in rows], float).reshape(-1, len(COUNTS))


def value(rate: Rate, totals: Floats) -> Floats:
    """A rate of sums over clips; NaN where it is undefined.

    Args:
        rate: which one.
        totals: the sums, an array (..., COUNTS).
    """
    top, bottom = (totals[..., [COUNTS.index(name) for name in side]].sum(-1) for side in (rate.top, rate.bottom))
    return ratio(top, bottom)


def rates_of(material: Material, columns: Floats, rates: Sequence[Rate], draws: Draws) -> dict[str, Estimate]:
    """Rate name -> number, for some clips.

    Args:
        material: claims, captions and facts.
        columns: the counts of these clips (`Material.counts`), an array (clips, COUNTS).
        rates: which ones.
        draws: resamples of clips, for intervals.
    """
    if not len(columns):
        return {rate.name: undefined("no clip on which all of these captioners were checked") for rate in rates}
    totals = draws.totals(columns)
    sums = dict(zip(COUNTS, columns.sum(axis=0).tolist(), strict=True))

    def number(rate: Rate) -> Estimate:
        if missing := material.missing(rate):
            return undefined(missing)
        top, bottom = (sum(sums[name] for name in side) for side in (rate.top, rate.bottom))
        return estimate_of(columns, totals, lambda found: value(rate, found), rate.undefined, top=top, bottom=bottom)

    return {rate.name: number(rate) for rate in rates}
