"""hoigen report: the page of a run."""

from __future__ import annotations

from pathlib import Path

from hoigen.errors import UsageError


def report(run: Path, *, out: Path | None = None, shown: int = 24) -> Path:
    """Writes the report of a run: one HTML file that needs nothing else.

    Works on a run under way too: what is not measured yet is counted as such.

    Args:
        run: the folder of a run.
        out: where the page goes; RUN/report.html unless told.
        shown: how many kept clips are shown; each rule shows half as many of those it dropped.

    Returns the path of the page. Raises UsageError when `run` is no run or `shown` is negative.
    """
    from hoigen.report.gather import gather
    from hoigen.report.page import write_report
    from hoigen.store import Run

    if shown < 0:
        raise UsageError(f"--shown: 0 or more; it came as {shown}")
    folder = Run(Path(run))
    page = Path(out) if out is not None else folder.report_file
    if page.is_dir() or not page.parent.is_dir():
        raise UsageError(f"--out {page}: the name of a file in a folder that is there")
    try:
        return write_report(gather(folder, shown=shown), page)
    except OSError as error:
        raise UsageError(f"{page} cannot be written: {error.strerror}") from None
