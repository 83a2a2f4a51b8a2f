"""Runs that are exported, and exports that somebody has damaged, for tests of formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from hoigen.core.clip import Clip
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset import wording
from hoigen.dataset.contract import Export, Sample
from hoigen.dataset.export import ExportResult, run_task
from hoigen.dataset.plan import Task
from hoigen.dataset.shape import shape_of
from hoigen.recipe.build import make
from hoigen.rules.runfile import steps_of
from hoigen.video.retime import retimed
from render import render, texture
from run_folders import curated, in_this_process

CAPTIONS = ("A cook\tcuts a loaf\nof bread.", "A child drinks from a red cup, “slowly”.", "Two people carry a sofa.")
WORDS = ("A cook cuts a loaf of bread.", "A child drinks from a red cup, “slowly”.", "Two people carry a sofa.")
FRAMES, FPS, SIZE = 17, 8.0, (128, 96)


def a_run(folder: Path, captions: tuple[str | None, ...] = CAPTIONS, seconds: float = 2.4) -> Run:
    """A run of videos of different pictures, 160x96 at 24 fps, with captions of the list."""
    videos = folder / "clips"
    videos.mkdir(parents=True)
    rows = []
    for at, text in enumerate(captions):
        big = texture(at, (110, 200))
        pictures = [big[:96, n % 40 : n % 40 + 160] for n in range(round(24 * seconds))]
        path = render(videos / f"{at}.mp4", pictures, fps=24, options={"crf": "20", "g": "12"})
        rows.append({"path": str(path)} | ({"text": text} if text else {}))
    listed = folder / "list.jsonl"
    listed.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    curated(videos=str(listed), run=folder / "run", keep={})
    return Run(folder / "run")


def task_of(
    run: Run, name: str, out: Path | str, settings: dict[str, Any] | None = None, part: str | None = None, **asked: Any
) -> Task:
    """An export as it is asked for; small clips, where nothing else is said."""
    _, steps = steps_of(run)
    format = make("format", {name: settings or {}}, "--set")
    how: dict[str, Any] = {"fps": FPS, "frames": (FRAMES,), "sizes": (SIZE,), "fit": "crop", "take": "middle"}
    how |= {"enlarge": False, "repeat": False} | asked
    shape = shape_of(format.wants, **how)
    return Task(run, steps, format, shape, Folder(str(out)), "h264", False, True, wording.counter(None, "", ""), part)


def export(task: Task, *, dry_run: bool = False) -> ExportResult:
    with in_this_process():
        return run_task(task, dry_run=dry_run, workers=1, deadline=60, quiet=True)


def rewrite(task: Task, samples: list[Sample]) -> None:
    """Lets the format write its files of other samples than were kept."""
    task.format.write(Export(task.out, task.run.path, task.shape, lambda: iter(samples), len(samples)))


def _remade(task: Task, sample: Sample, **other: Any) -> None:
    path = Path(task.out.path(sample.file))
    source = path.rename(path.with_name(".before.mp4"))
    clip = Clip(id="x", uri=str(source), end=sample.seconds, width=sample.width, height=sample.height, fps=sample.fps)
    how = {"fps": Fraction(sample.fps), "frames": sample.frames, "size": (sample.width, sample.height)} | other
    retimed(clip, path, repeat=True, **how)
    source.unlink()


def a_frame_too_few(task: Task, samples: list[Sample]) -> None:
    _remade(task, samples[1], frames=samples[1].frames - 1)
    rewrite(task, samples)


def wrong_fps(task: Task, samples: list[Sample]) -> None:
    _remade(task, samples[1], fps=Fraction(9))
    rewrite(task, samples)


def another_size(task: Task, samples: list[Sample]) -> None:
    _remade(task, samples[0], size=(64, 48))
    rewrite(task, samples)


def captions_shifted(task: Task, samples: list[Sample]) -> None:
    texts = [sample.text for sample in samples]
    rewrite(task, [replace(s, text=text) for s, text in zip(samples, texts[1:] + texts[:1], strict=True)])


def an_empty_caption(task: Task, samples: list[Sample]) -> None:
    rewrite(task, [replace(s, text="" if at == 1 else s.text) for at, s in enumerate(samples)])


def a_sample_less(task: Task, samples: list[Sample]) -> None:
    rewrite(task, samples[:-1])


def two_clips_swapped(task: Task, samples: list[Sample]) -> None:
    first, second = (Path(task.out.path(sample.file)) for sample in samples[:2])
    spare = first.rename(first.with_name(".spare.mp4"))
    second.rename(first)
    spare.rename(second)
    rewrite(task, samples)


DAMAGES: tuple[Callable[[Task, list[Sample]], None], ...] = (
    *(a_frame_too_few, wrong_fps, another_size, captions_shifted, an_empty_caption, a_sample_less, two_clips_swapped),
)
