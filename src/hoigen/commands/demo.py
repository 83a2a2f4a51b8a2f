"""hoigen demo: the whole job on real footage."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hoigen.commands.options import Quiet
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.commands.caption import CaptionResult
    from hoigen.rules.decide import Funnel

INDENT = " " * 6
WRONG = {True: "elsewhere all samples can be read, and clips of them are kept", False: "no video could be read"}
SAMPLES = ("sample_bikes", "sample_bigbuckbunny")


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo came to."""

    funnel: Funnel
    clips: list[dict[str, object]]
    run: Path
    captions: CaptionResult
    samples: bool = True
    """Whether these are the samples, of which some clips are kept; a folder of one's own may hold none."""

    @property
    def incomplete(self) -> bool:
        """Whether it went wrong: every clip or every caption failed; of the samples, one did, or nothing was kept."""
        states = {str(row["state"]) for row in self.clips}
        lacking = ("kept" not in states or "failed" in states) if self.samples else states <= {"failed"}
        return lacking or self.funnel.incomplete or self.captions.incomplete

    def __str__(self) -> str:
        lines = ["", str(self.funnel), "", "Clip by clip:"]
        for row in self.clips:
            span = f"{Path(str(row['uri'])).name} {row['start']:.2f}-{row['end']:.2f} s"
            lines.append(f"  {span:34} {row['state']:8} {row['reason'] or ''}".rstrip())
            if row["caption"]:
                lines += textwrap.wrap(str(row["caption"]), 100, initial_indent=INDENT, subsequent_indent=INDENT)
        if self.captions.incomplete and not self.funnel.incomplete:
            lines += ["", str(self.captions)]
        elif self.incomplete:
            lines += ["", f"That went wrong: {WRONG[self.samples]}. `hoigen doctor` looks at what is installed."]
        # what to type: the path as it was called, where `hoigen` alone would not be found
        hoigen = "hoigen" if shutil.which("hoigen") or Path(sys.argv[0]).name != "hoigen" else sys.argv[0]
        lines += [
            "",
            f"Report:  {self.run / 'report.html'}",
            f"Table:   {hoigen} table {self.run}",
            f"A clip:  {hoigen} show {self.run} {self.clips[0]['id']}" if self.clips else "",
            f"What if: {hoigen} funnel {self.run} --set keep.hoi_lite.min=0.3",
        ]
        return "\n".join(lines)


def demo(
    folder: Annotated[
        Path | None,
        Setting("a folder of videos; sample footage (a street, a man with a bicycle, a cartoon) when not given"),
    ] = None,
    *,
    run: Annotated[
        Path | None, Setting("the folder of the run; runs/demo, or runs/demo-FOLDER, when not given")
    ] = None,
    quiet: Quiet = False,
) -> Demo:
    """Runs the lite recipe on real sample footage, or on a folder of one's own videos, and describes what it kept.

    The samples are smaller than the paper's 720 pixels, so that rule is set to 240 for them.
    """
    from hoigen.commands.caption import CaptionResult, caption
    from hoigen.commands.curate import curate
    from hoigen.data.run import Run
    from hoigen.models.files import locate
    from hoigen.recipe.build import recipe_of
    from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.captioned import captions_of

    if run is None:
        run = Path("runs") / ("demo" if folder is None else f"demo-{folder.resolve().name}")
    recipe = load_recipe(recipe_path("lite"))
    if folder is None:
        recipe = apply_sets(recipe, ["keep.short_side.min=240"])
        recipe["videos"] = [str(locate(name, quiet=quiet).path) for name in SAMPLES]
    else:
        recipe["videos"] = folder
    recipe |= {"run": run, "report": False}
    funnel = curate(recipe_of(recipe, "lite"), quiet=quiet)
    captions = caption(run, quiet=quiet)
    assert isinstance(captions, CaptionResult)
    _, steps = steps_of(Run(run))
    rows = decide.connect(Run(run), steps).execute('select id, uri, start, "end", state, reason from decided')
    names = ("id", "uri", "start", "end", "state", "reason")
    words = dict(captions_of(Run(run)))
    clips = [dict(zip(names, row, strict=True)) | {"caption": words.get(row[0])} for row in rows.fetchall()]
    return Demo(funnel, clips, run, captions, samples=folder is None)
