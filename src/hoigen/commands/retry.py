"""hoigen retry: another try for what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.commands.options import Quiet, RunFolder

if TYPE_CHECKING:
    from hoigen.rules.decide import Funnel


def retry(
    run: RunFolder,
    *,
    quiet: Quiet = False,
) -> Funnel:
    """Tries all failed clips of a run again, and only those.

    What failed stays in the tables until there is something in its place: killed, a retry has lost nothing.
    """
    from hoigen.commands.curate import carry_out
    from hoigen.core import trusted
    from hoigen.data.run import Run
    from hoigen.recipe.build import recipe_of
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    trusted.check(folder.recipe(), folder.recipe_file)
    recipe, _ = steps_of(folder)
    return carry_out(recipe_of(recipe | {"run": run}, str(folder.recipe_file)), quiet=quiet, trust=(), retry=True)
