"""hoigen funnel: how many clips each rule dropped, and what other rules or other recipes would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step
    from hoigen.rules.decide import Funnel
    from hoigen.rules.retention import Rules, SideBySide

TRIED = ("keep", "measures", "score_all")
"""Keys of a recipe whose change can be tried without making clips anew."""


@dataclass(frozen=True, slots=True)
class _Move:
    """Clips that a change takes from one end to another. A rule is None for kept and pending clips."""

    before: tuple[str, str | None]
    after: tuple[str, str | None]
    clips: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{plural(self.clips, 'clip')} {_end(self.before)} -> {_end(self.after)}, such as "
            f"{', '.join(self.examples)}"
        )


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The funnel with other rules, and which clips would change."""

    before: Funnel
    after: Funnel
    moves: tuple[_Move, ...]

    @property
    def added(self) -> int:
        """Clips that would newly be kept."""
        return sum(move.clips for move in self.moves if move.after[0] == "kept")

    @property
    def lost(self) -> int:
        """Clips that are kept now and would be dropped or fail."""
        return sum(move.clips for move in self.moves if move.before[0] == "kept" and move.after[0] != "pending")

    @property
    def unsettled(self) -> int:
        """Clips that are decided now and would need scores that nobody has computed."""
        return sum(move.clips for move in self.moves if move.after[0] == "pending")

    def __str__(self) -> str:
        from hoigen.rules.cascade import HUMAN

        waits = sum(move.clips for move in self.moves if move.before[0] == "kept" and move.after[0] == "pending")
        moved = f"+{self.added} -{self.lost}" + (f", and {waits} that are not decided then" if waits else "")
        then = f"then {self.after.counts['kept']} ({moved})"
        if self.unsettled:
            people, measured = HUMAN in self.after.missing, bool(self.after.missing.keys() - {HUMAN})
            what = ["hoigen curate has scored them"] if measured or not people else []
            what += ["people have looked at them (docs/annotations.md)"] if people else []
            then += f", and up to {self.unsettled} more once {' and '.join(what)}"
        lines = [str(self.after), "", f"kept now {self.before.counts['kept']}, {then}"]
        lines += [f"  {move}" for move in self.moves] or ["  no clip would change"]
        return "\n".join(lines)


def funnel(
    run: RunFolder,
    *,
    set: Annotated[
        list[str] | None, Setting("a change to try, as key=value (keep.motion.max=2); may be given more than once")
    ] = None,
    recipe: Annotated[
        list[str] | None,
        Setting(
            "a recipe (wan, koala, or a YAML file) whose rules are laid over what was measured, beside those of the "
            "run; may be given more than once"
        ),
    ] = None,
) -> Funnel | WhatIf | SideBySide:
    """Shows how many clips each rule dropped; with --set or --recipe, what other rules would. Nothing is decoded."""
    from hoigen.data.run import Run
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.children import children_line

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if recipe:
        from hoigen.rules.retention import side_by_side

        if set:
            raise UsageError("--set changes the run's rules, --recipe lays others beside them: give one of the two")
        return side_by_side(folder, steps, [_rules_of(each) for each in recipe])
    for text in set or []:
        if text.split("=")[0].split(".")[0].strip() not in TRIED:
            raise UsageError(
                f"--set {text}: the funnel tries other rules on what was measured: {', '.join(TRIED)}. Other keys take "
                "hoigen curate with another --run"
            )
    if not set:
        found = decide.funnel(decide.connect(folder, steps), steps, run=folder.path)
        children = children_line(folder)
        return replace(found, told=(*found.told, children)) if children else found
    _, changed = steps_of(folder, set)
    return what_if(folder, steps, changed)


def what_if(run: Run, steps: Sequence[Step], changed: Sequence[Step]) -> WhatIf:
    """The run as `steps` decide it beside the run as `changed` do, clip by clip: what becomes kept first, then what is
    dropped, fails, or waits; the most first."""
    from hoigen.rules import decide

    con = decide.connect(run, steps)
    decide.beside(con, run, changed, "changed")
    before, after = decide.funnel(con, steps), decide.funnel(con, changed, "changed")
    rows = con.execute(
        """select a.state, a.rule, b.state, b.rule, count(*), min(a.id, 3)
        from main.walked a join changed.walked b using (video, n)
        where a.state <> b.state or a.rule is distinct from b.rule group by all"""
    ).fetchall()
    moves = [_Move((s, r), (t, q), count, tuple(examples)) for s, r, t, q, count, examples in rows]
    moves.sort(key=lambda m: (decide.STATES.index(m.after[0]), -m.clips, str(m.before), str(m.after)))
    return WhatIf(before, after, tuple(moves))


def _rules_of(recipe: str) -> Rules:
    """The rules of a recipe that is a file or comes with hoigen."""
    from hoigen.core import trusted
    from hoigen.recipe.places import measures_of
    from hoigen.recipe.recipe import check_known
    from hoigen.recipe.yaml import load_recipe, recipe_path
    from hoigen.rules.cascade import build_steps
    from hoigen.rules.retention import Rules, commented_rules

    path = recipe_path(recipe)
    given = load_recipe(path)
    check_known(given, str(path))
    trusted.check(given, path, path.parent)
    steps = build_steps(measures_of(given.get("measures") or [], path.parent), given.get("keep"))
    return Rules(path.stem, steps, commented_rules(path.read_text(encoding="utf-8")))


def _end(end: tuple[str, str | None]) -> str:
    state, rule = end
    if rule is None:
        return state
    return f"dropped by {rule}" if state == "dropped" else f"{state} at {rule}"
