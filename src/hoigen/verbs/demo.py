"""hoigen demo: the whole job on real footage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hoigen.decide import Funnel

SAMPLES = ("sample_bikes", "sample_bigbuckbunny")


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo came to."""

    funnel: Funnel
    clips: list[dict[str, object]]
    run: Path

    def __str__(self) -> str:
        lines = ["", str(self.funnel), "", "Clip by clip:"]
        for row in self.clips:
            span = f"{Path(str(row['uri'])).name} {row['start']:.2f}-{row['end']:.2f} s"
            lines.append(f"  {span:34} {row['state']:8} {row['reason'] or ''}".rstrip())
        lines += [
            "",
            f"Report:  {self.run / 'report.html'}",
            f"Table:   hoigen table {self.run}",
            f"What if: hoigen funnel {self.run} --set keep.hoi_lite.min=0.3",
        ]
        return "\n".join(lines)


def demo(folder: Path | None = None, *, run: Path = Path("runs/demo"), quiet: bool = False) -> Demo:
    """Runs the lite recipe on real sample footage, or on a folder of one's own videos.

    The samples are smaller than the paper's 720 pixels, so that rule is set to 240 for them.

    Args:
        folder: a folder of videos; sample footage (a street, a man with a bicycle, a cartoon) when not given.
        run: the folder of the run.
        quiet: no progress bars.
    """
    from hoigen import config, decide, weights
    from hoigen.runfile import steps_of
    from hoigen.store import Run
    from hoigen.verbs.curate import curate

    recipe = config.load_recipe(config.recipe_path("lite"))
    if folder is None:
        recipe = config.apply_sets(recipe, ["keep.short_side.min=240"])
        recipe["videos"] = [str(weights.locate(name)) for name in SAMPLES]
    else:
        recipe["videos"] = folder
    recipe["run"] = run
    funnel = curate(**config.arguments_of(curate, recipe, "lite"), quiet=quiet)
    _, steps = steps_of(Run(run))
    rows = decide.connect(Run(run), steps).execute('select uri, start, "end", state, reason from decided').fetchall()
    names = ("uri", "start", "end", "state", "reason")
    return Demo(funnel, [dict(zip(names, row, strict=True)) for row in rows], run)
