"""hoigen work: one part of a run that several processes share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import WHOLE, Executor, Part, Quiet, RunFolder, part_of, switches
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.recipe.recipe import Recipe
    from hoigen.rules.decide import Funnel


def work_part(
    run: RunFolder,
    *,
    part: Part = WHOLE,
    set: Annotated[
        list[str] | None,
        Setting("how it is to be done here, as key=value (workers=8); may be given more than once"),
    ] = None,
    executor: Executor = None,
    quiet: Quiet = False,
) -> Funnel:
    """Does a part of what is missing of a run, as its run.yaml says; `curate --prepare` makes such a run.

    Returns the funnel. Raises RanksOpen when this part is done and others are not.
    """
    from hoigen.commands.curate import carry_out
    from hoigen.data.run import Run

    rank = part_of(part)
    folder = Run(Path(run))
    if not folder.recipe_file.exists() or not folder.videos_file.exists():
        raise UsageError(
            f"{folder.path} is no run yet: hoigen curate RECIPE --run {folder.path} --prepare makes it, or hoigen "
            "evaluate --prepare"
        )
    sets = [f"executor={executor}"] if switches(executor, folder.recipe().get("executor")) else []
    return carry_out(recipe_of_run(folder, [*sets, *(set or [])], "work"), quiet=quiet, trust=(), rank=rank)


def recipe_of_run(run: Run, sets: Sequence[str], verb: str) -> Recipe:
    """What a run was asked for, with changes of how it is done. Raises UsageError for files and servers that nobody has
    agreed to, and for other changes.

    Args:
        run: the run.
        sets: the changes, as key=value.
        verb: who asks.
    """
    from hoigen.core import hosts, trusted
    from hoigen.recipe.build import recipe_of
    from hoigen.recipe.recipe import HOW, MOVED, unknown_key
    from hoigen.rules.runfile import steps_of

    trusted.check(run.recipe(), run.recipe_file)
    hosts.check_asked(run.recipe(), run.recipe_file)
    for text in sets:
        key = text.partition("=")[0].split(".")[0].strip()
        if key in MOVED:
            raise UsageError(f"--set {text}: {unknown_key(key)}")
        if key not in HOW:
            raise UsageError(
                f"--set {text}: {verb} measures as before, and may change how it is done: {', '.join(HOW)}. Others "
                "take hoigen curate"
            )
    recipe, _ = steps_of(run, sets)
    return recipe_of(recipe | {"run": run.path}, str(run.recipe_file))
