"""hoigen report: the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hoigen.errors import UsageError

if TYPE_CHECKING:
    from hoigen.data.run import Run


def report(run: Path, *, out: Path | None = None, shown: int | None = None, beside: Path | None = None) -> Path:
    """Writes the report of a run: one HTML file that needs nothing else.

    Works on a run under way too: what is not measured yet is counted as such.

    Args:
        run: the folder of a run.
        out: where the page goes; RUN/report.html unless told.
        shown: how many kept clips are shown (24 unless told), half as many under each rule; of an evaluation, how
            many videos have a strip of frames (48 unless told).
        beside: another run of hoigen evaluate: its videos stand beside those of the same prompts. The run itself, when
            it has two models, sets those side by side.

    Returns the path of the page. Raises UsageError when `run` is no run, `shown` is negative, or nothing pairs.
    """
    from hoigen.data.run import Run
    from hoigen.report.evalgather import is_evaluation

    if shown is not None and shown < 0:
        raise UsageError(f"--shown: 0 or more; it came as {shown}")
    folder = Run(Path(run))
    page = Path(out) if out is not None else _page(folder, beside)
    if page.is_dir() or not page.parent.is_dir():
        raise UsageError(f"--out {page}: the name of a file in a folder that is there")
    try:
        if beside is not None or is_evaluation(folder):
            return _evaluation(folder, Run(Path(beside)) if beside is not None else None, shown, page)
        return _curation(folder, shown, page)
    except OSError as error:
        raise UsageError(f"{page} cannot be written: {error.strerror}") from None


def _page(run: Run, beside: Path | None) -> Path:
    """Two runs have a page of their own: report.html stays that of the one."""
    return run.report_file if beside is None else run.path / f"beside_{Path(beside).resolve().name}.html"


def _curation(run: Run, shown: int | None, page: Path) -> Path:
    from hoigen.report.gather import gather
    from hoigen.report.page import write_report

    return write_report(gather(run, shown=24 if shown is None else shown), page)


def _evaluation(run: Run, beside: Run | None, shown: int | None, page: Path) -> Path:
    from hoigen.report.evalgather import SHOWN, gather_evaluation
    from hoigen.report.evalpage import write_evaluation

    return write_evaluation(gather_evaluation(run, beside, shown=SHOWN if shown is None else shown), page)
