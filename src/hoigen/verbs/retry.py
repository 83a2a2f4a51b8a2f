"""hoigen retry: another try for what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hoigen.decide import Funnel


def retry(run: Path, *, quiet: bool = False) -> Funnel:
    """Tries all failed clips of a run again, and only those.

    Args:
        run: the folder of the run.
        quiet: no progress bars.
    """
    from hoigen import trusted
    from hoigen.data.run import Run
    from hoigen.runfile import steps_of
    from hoigen.stages.failures import forget_failures
    from hoigen.verbs.curate import curate, held

    folder = Run(run)
    trusted.check(folder.recipe(), folder.recipe_file)
    recipe, steps = steps_of(folder)
    with held(folder, 0):
        forget_failures(folder, steps)
    return curate(**{**recipe, "run": run}, quiet=quiet, trust=())
