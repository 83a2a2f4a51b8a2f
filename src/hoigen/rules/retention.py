"""What the rules of several recipes would keep of one run, side by side: over the numbers that it has.

A rule whose number the run lacks decides nothing, and is told: a recipe keeps at most what its other rules leave.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hoigen.core.score import Rule
from hoigen.data.parquet import quoted
from hoigen.rules import removals, sets
from hoigen.rules.cascade import HUMAN, Step, with_rules
from hoigen.rules.decide import passes_sql
from hoigen.rules.joined import attach, connection

if TYPE_CHECKING:
    from hoigen.data.run import Run

COMMENTED = re.compile(r"^  # ([a-z][a-z0-9_]*): \{([^{}]*)\} +# not measured: (.+)$", re.MULTILINE)
"""A rule that a recipe's file names and that nothing gives a number for, in `keep`."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One recipe, as it is laid over a run.

    Args:
        name: of the recipe.
        steps: its measures with their rules.
        commented: rules that its file names as not measured, each with its bounds as they stand there.
    """

    name: str
    steps: tuple[Step, ...]
    commented: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleShare:
    """One rule of a recipe over the clips of a run.

    Args:
        score: the number that it is about.
        bounds: in words.
        seen: clips that have the number, or of which its measure says that there is none.
        broken: those of them that the rule drops.
        lacks: why the rule decides nothing here; empty where it does.
        differs: the run measured with other settings, revisions or model files than this recipe names.
    """

    score: str
    bounds: str
    seen: int = 0
    broken: int = 0
    lacks: str = ""
    differs: bool = False

    def __str__(self) -> str:
        rule = f"{self.score} {self.bounds}"
        if self.lacks:
            return f"{rule:40} {self.lacks}"
        share = f"drops {self.broken} of {self.seen} clips that have the number ({self.broken / self.seen:.1%})"
        other = "; measured with other settings or model files than the recipe's" if self.differs else ""
        return f"{rule:40} {share}{other}"


@dataclass(frozen=True, slots=True)
class Retention:
    """What one recipe's rules would keep.

    Args:
        name: of the recipe.
        clips: of the run.
        dropped: clips that break a rule, or that were dropped before any measure (duplicates, too short).
        failed: clips that break none and that a measure of the recipe failed on.
        open: clips that break none and lack a number that the run measures others by.
        passed: clips that pass every rule that the run has the number of.
        rules: each rule.
    """

    name: str
    clips: int
    dropped: int
    failed: int
    open: int
    passed: int
    rules: tuple[RuleShare, ...]

    @property
    def lacking(self) -> tuple[RuleShare, ...]:
        """Rules that decide nothing, since the run has no such number."""
        return tuple(rule for rule in self.rules if rule.lacks)

    @property
    def kept(self) -> str:
        """The share of all clips that would be kept, in words: a bound where something was not measured."""
        if not self.clips:
            return "no clip"
        least, most = self.passed / self.clips, (self.passed + self.open) / self.clips
        if self.lacking:
            return f"at most {most:.1%}"
        return f"{least:.1%}" if not self.open else f"{least:.1%} to {most:.1%}"


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Several recipes over one run; the run's own rules first."""

    recipes: tuple[Retention, ...]
    told: tuple[str, ...] = ()

    def __str__(self) -> str:
        width = max(len(each.name) for each in self.recipes) + 2
        heads = ("clips", "dropped", "failed", "open", "pass", "rules measured")
        lines = [f"{'':{width}}" + "".join(f"{head:>9}" for head in heads[:-1]) + f"{heads[-1]:>16}   would be kept"]
        for each in self.recipes:
            counts = (each.clips, each.dropped, each.failed, each.open, each.passed)
            measured = f"{len(each.rules) - len(each.lacking)} of {len(each.rules)}"
            numbers = "".join(f"{count:>9}" for count in counts)
            lines.append(f"{each.name:{width}}{numbers}{measured:>16}   {each.kept}")
        for each in self.recipes:
            lines += ["", each.name, *(f"  {rule}" for rule in each.rules)]
            if not each.rules:
                lines.append("  no rule: it would keep every clip")
        lines += ["", "pass: every rule that could be tried; a rule without its number decides nothing"]
        if any(each.open for each in self.recipes):
            lines.append(
                "open: passes what could be tried, and lacks a number that others have: a rule of the run ended it "
                "before, or the run is under way; hoigen curate RUN/run.yaml --set score_all=true measures all"
            )
        lines += self.told
        return "\n".join(lines)


def commented_rules(recipe: str) -> tuple[tuple[str, str], ...]:
    """Rules that a recipe's text names and nothing gives a number for: `  # NAME: {BOUNDS}  # not measured: WHY`."""
    return tuple((name, bounds.strip()) for name, bounds, _ in COMMENTED.findall(recipe))


def side_by_side(run: Run, own: Sequence[Step], recipes: Sequence[Rules]) -> SideBySide:
    """Lays the rules of `recipes` over the numbers of a `run`. Nothing is decoded and nothing is written.

    A clip that breaks any rule counts as dropped, whatever other numbers it lacks: no order of the rules would keep it.

    Args:
        run: its scores.
        own: the steps of the run, with its own rules.
        recipes: what is laid over it.
    """
    asked = [Rules("this run", tuple(own)), *recipes]
    people = any(step.by_people and step.rules for each in asked for step in each.steps)
    bare = with_rules([step for step in own if not step.by_people], {HUMAN: {"min": 0}} if people else {})
    con = connection()
    attach(con, run, bare, "main")
    at = {step.name: index for index, step in enumerate(bare)}
    found = [_retention(con, each, bare, at) for each in asked]
    told = []
    if shots := run.recipe().get("shots"):
        told.append(f"the clips are those of this run (shots: {shots}): how a recipe cuts videos is not tried here")
    names = [rule.name for rule in sets.rules_of(run)] + (["removals"] if removals.in_force(run) else [])
    if names:
        told.append(f"not tried: rules of this run about clips among others ({', '.join(names)})")
    return SideBySide(tuple(found), tuple(told))


def _retention(con: Any, asked: Rules, bare: Sequence[Step], at: Mapping[str, int]) -> Retention:
    rules: list[RuleShare] = []
    broken, failed, lacking = ["false"], ["false"], ["false"]
    for step in asked.steps:
        index = at.get(step.name)
        if index is not None:
            failed.append(f"coalesce(_state_{index} = 'failed', false)")
            if step.rules:
                lacking.append(f"_state_{index} is null")
        for score, rule in step.rules.items():
            if index is None or score not in bare[index].emits:
                rules.append(RuleShare(score, bounds_of(rule), lacks=f"not measured here: this run has no {step.name}"))
                continue
            breaks = f"coalesce(_state_{index} = 'ok', false) and not {passes_sql(quoted(score), rule)}"
            broken.append(breaks)
            [(seen, dropped)] = con.execute(
                f"select count(*) filter (_state_{index} = 'ok'), count(*) filter ({breaks}) from scored "
                "where state = 'ok'"
            ).fetchall()
            differs = step.fingerprint != bare[index].fingerprint
            lacks = "" if seen else "not measured here: no clip of this run came so far"
            rules.append(RuleShare(score, bounds_of(rule), seen, dropped, lacks, differs))
    rules += [
        RuleShare(name, f"{{{bounds}}}", lacks="no number in this recipe: its file says why")
        for name, bounds in asked.commented
    ]
    end = f"""case when state <> 'ok' then state when {" or ".join(f"({each})" for each in broken)} then 'dropped'
        when {" or ".join(failed)} then 'failed' when {" or ".join(lacking)} then 'pending' else 'kept' end"""
    ends = dict(con.execute(f"select {end}, count(*) from scored group by all").fetchall())
    return Retention(
        asked.name,
        clips=sum(ends.values()),
        dropped=ends.get("dropped", 0),
        failed=ends.get("failed", 0),
        open=ends.get("pending", 0),
        passed=ends.get("kept", 0),
        rules=tuple(rules),
    )


def bounds_of(rule: Rule) -> str:
    """The bounds of a rule in signs: `>= 720, < 2000`."""
    signs = {"min": ">=", "above": ">", "max": "<=", "below": "<"}
    return ", ".join(f"{sign} {bound:g}" for name, sign in signs.items() if (bound := getattr(rule, name)) is not None)
