"""hoigen stats: what the kept clips of a run are, in numbers and figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.dataset.statistics import Statistics


@dataclass(frozen=True, slots=True)
class StatsResult:
    """What was counted, and the files that were written, the page first."""

    found: Statistics
    files: list[Path]

    def __str__(self) -> str:
        from hoigen.rules.removals import told

        found = self.found
        hours = f"{found.seconds / 3600:.1f} hours" if found.seconds >= 3600 else f"{found.seconds / 60:.1f} minutes"
        lines = [f"{plural(found.clips, 'clip')} of {plural(found.videos, 'video')}, {hours}"]
        if found.removed:
            lines.append(told(found.removed))
        if found.lengths is not None and found.lengths.mean is not None:
            lines.append(f"captions: {found.captions}, {found.lengths.mean:.1f} words on average")
        if found.objects is not None and found.actions is not None:
            lines.append(
                f"{plural(found.objects.kinds, 'object')}, {plural(found.actions.kinds, 'action')}, "
                f"{plural(found.pairs or 0, 'pair')}"
            )
        lines += [f"not known: {each}" for each in found.missing]
        return "\n".join([*lines, f"{self.files[0]}, and {plural(len(self.files) - 1, 'file')} beside it"])


def clip_stats(
    run: RunFolder,
    *,
    out: Annotated[Path | None, Setting("the folder for page, figures and numbers; RUN/stats when not given")] = None,
    question: Annotated[
        str | None,
        Setting("of the annotations that say whether a clip is kept; keep, human, good or the only one if not given"),
    ] = None,
    captions: Annotated[
        Literal["run", "list"], Setting("those of hoigen caption, or those that came with the input list")
    ] = "run",
) -> StatsResult:
    """Counts what the kept clips are: figures 3 and 5 and table 1 of HOIGen-1M, as a page, SVG, PNG and JSON.

    Captions come from `hoigen caption` or the input list, objects and actions from `hoigen categories`; what is not
    there is told.

    Returns what was counted. Raises UsageError when nothing is kept, or the files cannot be written.
    """
    from hoigen.data.run import Run
    from hoigen.dataset.statistics import statistics
    from hoigen.pages.statspage import write_statistics
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    target = on_disk(out, "--out") if out is not None else folder.path / "stats"
    if target.exists() and not target.is_dir():
        raise UsageError(f"--out {target} is a file; give the name of a folder")
    if out is None:
        folder.check_links()
    found = statistics(folder, steps, question, listed=captions == "list")
    return StatsResult(found, write_statistics(folder, found, target))
