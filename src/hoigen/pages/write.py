"""The page of a run, of whichever kind it is: gathered and written."""

from __future__ import annotations

from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.core.uris import on_disk
from hoigen.data.run import Run
from hoigen.pages.evalgather import SHOWN, gather_evaluation, is_evaluation
from hoigen.pages.evalpage import write_evaluation
from hoigen.pages.gather import gather
from hoigen.pages.page import write_report


def write_page(run: Path, *, out: Path | None = None, shown: int | None = None, beside: Path | None = None) -> Path:
    """Writes the page of a run, and returns its path.

    Args:
        run: its folder.
        out: the file; report.html in the run's folder when not given.
        shown: how many kept clips, or videos of an evaluation, have pictures.
        beside: the folder of a second run, whose decisions stand beside; of an evaluation, a second one, or the same
            one to set its two models side by side.

    Raises UsageError when the folder is no run or the file cannot be written.
    """
    if shown is not None and shown < 0:
        raise UsageError(f"--shown: 0 or more; it came as {shown}")
    folder = Run(Path(run))
    other = Run(Path(beside)) if beside is not None else None
    if out is not None:
        page = on_disk(out, "--out")
    else:  # two runs have a page of their own: report.html stays that of the one
        folder.check_links()
        page = folder.report_file if other is None else folder.path / f"beside_{other.path.resolve().name}.html"
    if page.is_dir() or not page.parent.is_dir():
        raise UsageError(f"--out {page}: the name of a file in a folder that is there")
    try:
        kinds = {is_evaluation(each) for each in (folder, other) if each is not None}
        if len(kinds) > 1:
            raise UsageError(f"--beside {beside}: an evaluation and a curation have nothing to compare")
        if kinds == {True}:
            return write_evaluation(gather_evaluation(folder, other, shown=SHOWN if shown is None else shown), page)
        facts = gather(folder, shown=24 if shown is None else shown, page=page.parent, beside=other)
        return write_report(facts, page)
    except OSError as error:
        raise UsageError(f"{page} cannot be written: {error.strerror}") from None
