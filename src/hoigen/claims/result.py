"""What caption-eval returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hoigen.claims.mixing import Decision, Mixing
    from hoigen.stats.agreement import Agreement
    from hoigen.stats.paired import McNemar
    from hoigen.stats.resample import Estimate

Format = Literal["table", "json", "csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionerScores:
    """One captioner. clips: with a checked caption. captions: all that were given; None without a captions file.

    numbers: by the names of `rates.RATES` and `hallucination_matched`. by_kind: H of the claims of a kind.
    """

    name: str
    clips: int
    captions: int | None
    true: int
    false: int
    cannot_tell: int
    numbers: Mapping[str, Estimate]
    by_kind: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two captioners on the clips where both were checked. Differences are `second` less `first`.

    seen_from: the smallest true difference that a study of this size finds in 4 of 5 cases (5 % level, two-sided);
    a name is missing where there is no interval. swap_p: of the difference in H, two-sided; None: `swap_reason` says
    why. swap_p_holm: the same, held against all comparisons of this call.
    """

    first: str
    second: str
    clips: int
    differences: Mapping[str, Estimate]
    seen_from: Mapping[str, float]
    mcnemar: McNemar | None
    swap_p: float | None
    swap_p_holm: float | None
    swap_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """H of one captioner: as people see it and as the judge does on the same claims, and on all that it judged."""

    people: Estimate
    judge: Estimate
    judge_all: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeScores:
    """An automatic judge beside people. Nothing of it enters any other number.

    agreement: with the people's verdicts, claim by claim. false_precision: of the claims that it calls false and
    people checked, those that people call false too. false_recall: of those that people call false, those that it does.
    """

    name: str
    agreement: Agreement
    false_precision: Estimate
    false_recall: Estimate
    captioners: Mapping[str, Beside]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionEval:
    """Captioners against checked claims. mixing, decision, people: None when the files do not hold what they need.

    people: agreement of all annotators, then of each two of them.
    """

    captioners: tuple[CaptionerScores, ...]
    comparisons: tuple[Comparison, ...]
    mixing: Mixing | None
    decision: Decision | None
    people: tuple[Agreement, ...]
    judges: tuple[JudgeScores, ...]
    notes: tuple[str, ...]
    draws: int
    seed: int
    format: Format = "table"

    def __str__(self) -> str:
        from hoigen.claims import saved, told

        ways = {"table": told.table_of, "json": saved.json_of, "csv": saved.csv_of}
        return ways[self.format](self).rstrip("\n")
