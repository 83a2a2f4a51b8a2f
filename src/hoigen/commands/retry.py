"""hoigen retry: another try for what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import WHOLE, Decoding, Part, Quiet, RunFolder, decoding_of, part_of
from hoigen.commands.work_part import recipe_of_run
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.rules.decide import Funnel


def retry(
    run: RunFolder,
    *,
    set: Annotated[
        list[str] | None,
        Setting("how it is to be done this time, as key=value (deadline=600); may be given more than once"),
    ] = None,
    decoding: Decoding = None,
    part: Part = WHOLE,
    quiet: Quiet = False,
) -> Funnel:
    """Tries all failed clips of a run again; what experts refused or answered amiss is asked again.

    What has not been looked at yet is done, too, as `hoigen curate RUN/run.yaml` does it; what is done stays as it is.
    What failed stays in the tables until there is something in its place: killed, a retry has lost nothing.
    """
    from hoigen.commands.curate import carry_out
    from hoigen.data.run import Run
    from hoigen.models.experts.calls import Calls

    rank = part_of(part)
    folder = Run(Path(run))
    recipe = recipe_of_run(folder, set or [], "a retry")
    otherwise = decoding_of(decoding or [])
    if folder.calls.names() or (folder.path / "calls.sqlite").is_file():
        calls = Calls(folder.calls)
        calls.forget_unanswered("describer", "judge", "detector", decoding=otherwise)
        calls.close()
    return carry_out(recipe, quiet=quiet, trust=(), retry=True, rank=rank)
