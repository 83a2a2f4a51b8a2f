"""hoigen observations: what observers saw in the clips of a run, as a file that other tools and other runs can read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk
from hoigen.core.words import plural
from hoigen.observe.observation import about_of
from hoigen.observe.recordings import head_row, line_row

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. frames: lines beside the first; without: clips of which there is nothing, by reason."""

    out: Path
    observer: str
    format: str
    clips: int
    frames: int
    without: dict[str, int]

    def __str__(self) -> str:
        lines = [
            (
                f"{self.out}: {plural(self.frames, 'frame')} of {plural(self.clips, 'clip')}, as {self.observer} saw "
                f"them ({self.format})"
            )
        ]
        return "\n".join(
            [
                *lines,
                *(f"{plural(count, 'clip is', 'clips are')} not in it: {why}" for why, count in self.without.items()),
            ]
        )


def observations(
    run: RunFolder,
    out: Annotated[Path, Setting("the file to write, JSON lines")],
    *,
    measure: Annotated[
        str | None, Setting("of which measure; may be left out where one measure of the run goes by observations")
    ] = None,
) -> Exported:
    """Writes what an observer saw, frame by frame, as the `recorded` observer reads it.

    Returns how much was written. Raises UsageError for a run without observations.
    """
    from hoigen.core import trusted
    from hoigen.data.files import Folder
    from hoigen.data.run import Run
    from hoigen.rules.cascade import build_steps

    folder = Run(Path(run))
    recipe = folder.recipe()
    trusted.check(recipe.get("measures"), folder.recipe_file)  # an observer says by which words a clip's row is kept
    step = _step(folder, build_steps(recipe.get("measures"), recipe.get("keep")), measure)
    out = on_disk(out, "--out")
    if out.exists():
        raise UsageError(f"{out}: is there already")
    assert step.looking is not None
    observer = step.looking.observer
    format = "hoigen_detections" if observer.gives == {"pairs"} else "hoigen_scenes"
    told, counted = Counter[str](), 0
    with Folder(str(out.parent)).writing(out.name) as file:
        for line in _lines(folder, step, format, told):
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            counted += 1
    clips = told.pop("")
    return Exported(out, observer.name, format, clips, max(0, counted - 1), dict(told))


def _step(run: Run, steps: tuple[Step, ...], measure: str | None) -> Step:
    by_name = {step.name: step for step in steps if step.looking is not None}
    if measure is not None:
        if measure not in by_name:
            raise UsageError(
                f"--measure {measure}: no measure of {run.path} that goes by observations{nearest(measure, by_name)}"
            )
        return by_name[measure]
    if len(by_name) != 1:
        known = ", ".join(by_name) or "none"
        raise UsageError(f"--measure: one of the measures of {run.path} that go by observations: {known}")
    return next(iter(by_name.values()))


def _lines(run: Run, step: Step, format: str, told: Counter[str]) -> Iterator[dict[str, Any]]:
    """The lines of the file, the first as docs/observations.md has it. told: counts clips, under "" those that are in
    it, under a reason those that are not."""
    from hoigen.rules import removals
    from hoigen.stages.scores import clip_of, written_before

    assert step.looking is not None
    observer = step.looking.observer
    taken_out = removals.gone(run)
    for shard in [each.shard for each in run.shards()]:
        with written_before(run, [step], shard) as before:
            for row in run.clips.read(shard):
                if row["state"] != "ok" or row["id"] in taken_out:
                    told[removals.WHY if row["id"] in taken_out else f"{row['state']}: {row['reason']}"] += 1
                    continue
                clip = clip_of(row)
                found = before.of(clip, [step.name]).get(step.observation)
                if found is None or found.reason:
                    told[found.reason or "" if found is not None else "not looked at yet"] += 1
                    continue
                about = json.loads(found.about)
                if not told[""] and format == "hoigen_detections":
                    known = {key: about[key] for key in ("theta", "any_verb", "models") if about.get(key)}
                    words = {"verbs": about.get("verbs"), "objects": about.get("objects")}
                    yield {"hoigen_detections": 1, "detector": about["observer"], **words, **known}
                elif not told[""]:
                    yield head_row(about_of(about), observer.gives)
                told[""] += 1
                for frame in json.loads(found.frames):
                    yield line_row(clip.uri, clip.start, frame)
    if not told[""]:
        raise UsageError(f"{run.path}: {observer.name} has seen nothing yet that could be written")
