"""hoigen validate: what is wrong with a recipe, all of it at once, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Validity:
    """A recipe that can be run. `notes` is what one may want to know first."""

    recipe: Path
    measures: tuple[str, ...]
    rules: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        measures = f"measures: {', '.join(self.measures)}"
        rules = f"rules on: {', '.join(self.rules) or 'nothing'}"
        return "\n".join([f"{self.recipe} is a valid recipe.", measures, rules, *(f"note: {n}" for n in self.notes)])


def validate(recipe: str, *, set: list[str] | None = None) -> Validity:
    """Checks a recipe without running it: every fault at once, with its line and key.

    Args:
        recipe: a recipe's YAML file, or the name of one that comes with hoigen (lite, paper).
        set: a change to check along with it, as key=value; may be given more than once.

    Returns what the recipe holds. Raises UsageError that lists all faults.
    """
    from hoigen import config, trusted
    from hoigen.errors import UsageError
    from hoigen.recipecheck import Check

    path = config.recipe_path(recipe)
    given = config.apply_sets(config.load_recipe(path), set or [])
    trusted.check(given, path, path.parent)
    check = Check(given, path, changed=set or [])
    check.run()
    if check.faults:
        count = f"{len(check.faults)} faults" if len(check.faults) > 1 else "1 fault"
        raise UsageError("\n".join([f"{path}: {count}", *(f"  {fault}" for fault in check.faults)]))
    return Validity(path, tuple(check.measures), tuple(check.rules), tuple(check.notes))
