"""hoigen report: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hoigen.commands.options import RunFolder
from hoigen.core.settings import Setting


def report(
    run: RunFolder,
    *,
    out: Annotated[Path | None, Setting("where the page goes; RUN/report.html unless told")] = None,
    shown: Annotated[
        int | None,
        Setting(
            "how many kept clips are shown (24 unless told), half as many under each rule; of an evaluation, how "
            "many videos have a strip of frames (48 unless told)"
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        Setting(
            "another run, whose decisions on the same clips are shown, too; of hoigen evaluate, its videos stand beside"
            " those of the same prompts. An evaluation itself, when it has two models, sets those side by side"
        ),
    ] = None,
) -> Path:
    """Writes the report of a run: one HTML file that needs nothing else.

    Works on a run under way too: what is not measured yet is counted as such.

    Returns the path of the page. Raises UsageError when `run` is no run, `shown` is negative, or nothing pairs.
    """
    from hoigen.pages.write import write_page

    return write_page(run, out=out, shown=shown, beside=beside)
