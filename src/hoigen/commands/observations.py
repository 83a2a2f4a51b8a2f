"""hoigen observations: what observers saw in the clips of a run, as a file that other tools and other runs can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import RunFolder
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
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
        lines = [f"{self.out}: {self.frames} frames of {self.clips} clips, as {self.observer} saw them ({self.format})"]
        return "\n".join([*lines, *(f"{many} clips are not in it: {why}" for why, many in self.without.items())])


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
    from hoigen.data.run import Run
    from hoigen.rules.cascade import build_steps

    folder = Run(Path(run))
    recipe = folder.recipe()
    trusted.check(recipe.get("measures"), folder.recipe_file)  # an observer says by which words a clip's row is kept
    step = _step(folder, build_steps(recipe.get("measures"), recipe.get("keep")), measure)
    if Path(out).exists():
        raise UsageError(f"{out}: is there already")
    assert step.looking is not None
    lines, counted = _Lines(folder, step), 0
    part = Path(out).with_name(f".{Path(out).name}.part")
    with part.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            counted += 1
    part.replace(out)
    return Exported(
        Path(out), step.looking.observer.name, lines.format, lines.clips, max(0, counted - 1), lines.without
    )


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


class _Lines:
    """The lines of the file. clips, without, format: known at the end."""

    def __init__(self, run: Run, step: Step) -> None:
        assert step.looking is not None
        self.run, self.step, self.observer = run, step, step.looking.observer
        self.clips = 0
        self.without: dict[str, int] = {}
        self.format = "hoigen_detections" if self.observer.gives == {"pairs"} else "hoigen_scenes"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        from hoigen.stages.scores import clip_of, written_before

        begun = False
        for shard in [each.shard for each in self.run.shards()]:
            with written_before(self.run, [self.step], shard) as before:
                for row in self.run.clips.read(shard):
                    if row["state"] != "ok":
                        self._lacks(f"{row['state']}: {row['reason']}")
                        continue
                    clip = clip_of(row)
                    found = before.of(clip, [self.step.name]).get(self.step.observation)
                    if found is None or found.reason:
                        self._lacks(found.reason or "" if found is not None else "not looked at yet")
                        continue
                    if not begun:
                        yield self._head(json.loads(found.about))
                        begun = True
                    self.clips += 1
                    for frame in json.loads(found.frames):
                        yield line_row(clip.uri, clip.start, frame)
        if not begun:
            raise UsageError(f"{self.run.path}: {self.observer.name} has seen nothing yet that could be written")

    def _lacks(self, why: str) -> None:
        self.without[why] = self.without.get(why, 0) + 1

    def _head(self, about: dict[str, Any]) -> dict[str, Any]:
        """The first line, as docs/observations.md has it."""
        if self.format == "hoigen_detections":
            known = {key: about[key] for key in ("theta", "any_verb", "models") if about.get(key)}
            words = {"verbs": about.get("verbs"), "objects": about.get("objects")}
            return {"hoigen_detections": 1, "detector": about["observer"], **words, **known}
        return head_row(about_of(about), self.observer.gives)
