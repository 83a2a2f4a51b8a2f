"""hoigen retry: another try for what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hoigen.decide import Funnel


def retry(run: Path, *, quiet: bool = False) -> Funnel:
    """Tries all failed clips of a run again, and only those.

    What failed stays in the tables until there is something in its place: killed, a retry has lost nothing.

    Args:
        run: the folder of the run.
        quiet: no progress bars.
    """
    from hoigen import trusted
    from hoigen.data.run import Run
    from hoigen.runfile import steps_of
    from hoigen.verbs.curate import carry_out, defaults

    folder = Run(run)
    trusted.check(folder.recipe(), folder.recipe_file)
    recipe, _ = steps_of(folder)
    return carry_out({**defaults(), **recipe, "run": run}, quiet=quiet, trust=(), retry=True)
