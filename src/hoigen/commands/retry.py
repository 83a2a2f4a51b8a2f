"""hoigen retry: another try for what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import Decoding, Quiet, RunFolder, decoding_of
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.rules.decide import Funnel

HOW = ("workers", "deadline", "load_deadline", "memory_mb", "breaker", "report", "rank", "ranks")
"""Keys of a recipe on which no score depends."""


def retry(
    run: RunFolder,
    *,
    set: Annotated[
        list[str] | None,
        Setting("how it is to be done this time, as key=value (deadline=600); may be given more than once"),
    ] = None,
    decoding: Decoding = None,
    quiet: Quiet = False,
) -> Funnel:
    """Tries all failed clips of a run again, and only those; what experts refused or answered amiss is asked again.

    What failed stays in the tables until there is something in its place: killed, a retry has lost nothing.
    """
    from hoigen.commands.curate import carry_out
    from hoigen.core import hosts, trusted
    from hoigen.data.run import Run
    from hoigen.experts.calls import Calls
    from hoigen.recipe.build import recipe_of
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    trusted.check(folder.recipe(), folder.recipe_file)
    hosts.check_asked(folder.recipe(), folder.recipe_file)
    for text in set or []:
        if text.partition("=")[0].strip() not in HOW:
            raise UsageError(
                f"--set {text}: a retry measures as before, and may change how it is done: {', '.join(HOW)}. Others "
                "take hoigen curate"
            )
    recipe, _ = steps_of(folder, set or [])
    otherwise = decoding_of(decoding or [])
    if folder.calls_folder.is_dir() or folder.calls_folder.with_name("calls.sqlite").is_file():
        calls = Calls(folder.calls_folder)
        calls.forget_unanswered("describer", "judge", "detector", decoding=otherwise)
        calls.close()
    return carry_out(recipe_of(recipe | {"run": run}, str(folder.recipe_file)), quiet=quiet, trust=(), retry=True)
