"""hoigen split: training and validation parts, and training clips that show what a test asks for."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.dataset.split import Split

SHOWN = 5


@dataclass(frozen=True, slots=True)
class SplitResult:
    """How a dataset was parted; out: the file of the training clips that a suite asks for."""

    found: Split
    out: Path | None

    def __str__(self) -> str:
        found = self.found
        lines = [
            f"{part}: {plural(found.clips[part], 'clip')} of {plural(found.scenes[part], 'scene')}"
            for part in found.clips
        ]
        if found.joined:
            lines.append(
                f"{plural(found.joined, 'scene is', 'scenes are')} of several videos, and are in one part whole"
            )
        if found.leaks is not None:
            clips = len({leak.clip for leak in found.leaks})
            prompts = len({leak.prompt for leak in found.leaks})
            lines.append(
                f"{plural(clips, 'training clip shows', 'training clips show')} what {plural(prompts, 'prompt')} "
                f"ask for"
            )
            lines += [f"  {leak.clip} {leak.uri}: {leak.asks}" for leak in found.leaks[:SHOWN]]
            if len(found.leaks) > SHOWN:
                lines.append(f"  and {len(found.leaks) - SHOWN} more")
            if found.unasked:
                lines.append(
                    f"{plural(found.unasked, 'prompt')} name no verb and object, and were matched with nothing"
                )
        return "\n".join([*lines, str(found.path), *([str(self.out)] if self.out else [])])


def split(
    run: RunFolder,
    *,
    validation: Annotated[float, Setting("share of the clips that is held out, 0..1", above=0, most=0.5)] = 0.05,
    seed: Annotated[int, Setting("which scenes are held out", least=0)] = 0,
    column: Annotated[
        str | None, Setting("a column of the list that names the source video, where files are pieces of one")
    ] = None,
    prompts: Annotated[
        Path | None, Setting("a suite of prompts: training clips whose interaction one asks for are named")
    ] = None,
    out: Annotated[Path | None, Setting("a CSV for all clips that --prompts names")] = None,
) -> SplitResult:
    """Parts the kept clips into train and validation by source video, so that no scene is in both.

    With --prompts, training clips that show what the suite asks for are named, by HICO-DET's verb and object.

    Returns the parts. Raises UsageError for bad input, and where no scene can be held out.
    """
    from hoigen.commands.options import write_out
    from hoigen.core.harmless import cell
    from hoigen.data.run import Run
    from hoigen.dataset.split import make
    from hoigen.interactions.prompts.suite import read_suite
    from hoigen.rules.runfile import steps_of

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if not 0 < validation <= 0.5:
        raise UsageError(f"--validation: more than 0, at most 0.5; it came as {validation}")
    if seed < 0:
        raise UsageError(f"--seed: 0 or more; it came as {seed}")
    if out is not None and prompts is None:
        raise UsageError("--out goes with --prompts: it lists the clips that those name")
    suite = read_suite(Path(prompts)) if prompts is not None else None
    found = make(folder, steps, share=validation, seed=seed, column=column, suite=suite)
    if out is not None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "uri", "start", "end", "prompt", "asks"])
        for leak in found.leaks or ():
            writer.writerow([leak.clip, cell(leak.uri), leak.start, leak.end, cell(leak.prompt), cell(leak.asks)])
        write_out(Path(out), text.getvalue())
    return SplitResult(found, Path(out) if out is not None else None)
