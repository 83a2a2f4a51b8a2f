"""hoigen retry: another try for what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hoigen.verbs.options import Quiet, RunFolder

if TYPE_CHECKING:
    from hoigen.decide import Funnel


def retry(
    run: RunFolder,
    *,
    quiet: Quiet = False,
) -> Funnel:
    """Tries all failed clips of a run again, and only those.

    What failed stays in the tables until there is something in its place: killed, a retry has lost nothing.
    """
    from hoigen import trusted
    from hoigen.data.run import Run
    from hoigen.recipe.build import recipe_of
    from hoigen.runfile import steps_of
    from hoigen.verbs.curate import carry_out

    folder = Run(run)
    trusted.check(folder.recipe(), folder.recipe_file)
    recipe, _ = steps_of(folder)
    return carry_out(recipe_of(recipe | {"run": run}, str(folder.recipe_file)), quiet=quiet, trust=(), retry=True)
