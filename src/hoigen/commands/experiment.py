"""hoigen experiment: a model before and after its training, from one file."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from hoigen.commands.options import Draws, Quiet
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.evaluation.models.videos import Video
    from hoigen.training.experiment import Arm, Experiment

SUITE, VIDEOS, RUN = "suite.json", "generated", "evaluation"
COUNTS = "categories/categories.parquet"


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of an experiment. todo: what is left, in words; empty when it is done. hours, bytes: of what is left."""

    name: str
    todo: str
    hours: float = 0.0
    bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Planned:
    """The steps, and what is left of them."""

    steps: Sequence[_Step]

    def __str__(self) -> str:
        lines = []
        for step in self.steps:
            costs = f"  about {step.hours:.2g} hours, {step.bytes / 1e9:.2g} GB" if step.hours or step.bytes else ""
            lines.append(f"{step.name:24} {step.todo or 'done'}{costs}")
        hours, size = sum(step.hours for step in self.steps), sum(step.bytes for step in self.steps)
        return "\n".join([*lines, f"in all about {hours:.2g} hours, {size / 1e9:.2g} GB; measuring is not counted"])


@dataclass(frozen=True, slots=True)
class Experimented:
    """What came of it. notes: what to know of videos that are not as long, fast and large as they are meant to be."""

    out: Path
    tables: str
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        places = f"{self.out / 'tables.html'}, {self.out / 'tables.csv'}, {self.out / 'side_by_side.html'}"
        return "\n".join([self.tables, "", *self.notes, places])


def experiment(
    file: Annotated[Path, Setting("the experiment: model, prompts, arms (docs/experiment.md)")],
    *,
    out: Annotated[Path | None, Setting("the folder of the experiment; made when absent")] = None,
    set: Annotated[
        list[str] | None, Setting("a change of the file, as key=value (samples=4); may be given more than once")
    ] = None,
    plan: Annotated[bool, Setting("only check everything, and say what is left: steps, hours, bytes")] = False,
    draws: Draws = 5_000,
    quiet: Quiet = False,
) -> Experimented | Planned:
    """Generates and measures videos before and after trainings, and compares them; what is done is not done again.

    Returns the tables. Raises UsageError for bad input, before anything is done.
    """
    from hoigen.commands.compare import compare
    from hoigen.commands.evaluate import evaluate
    from hoigen.data.files import Folder, write_text
    from hoigen.training.experiment import read_experiment

    if out is None:
        raise UsageError("--out must be given")
    asked = read_experiment(Path(file), set or [])
    steps = _plan(asked, out)
    if plan:
        return Planned(steps)

    def say(what: str) -> None:
        if not quiet:
            print(f"hoigen: {what}", file=sys.stderr)

    with Folder(str(out)).lock(".lock"):
        say("counting the interactions of the training captions")
        suite = _counted(asked, out)
        say(f"videos of {asked.base}")
        notes = _videos(asked, suite, out, None, quiet)
        for arm in asked.arms:
            say(f"training {arm.name}")
            _train(asked, arm, out, quiet=quiet, plan=False)
            say(f"videos of {arm.name}")
            notes += _videos(asked, suite, out, arm, quiet)
        say("measuring")
        evaluate(
            videos=[out / VIDEOS],
            prompts=suite,
            run=out / RUN,
            recipe=Path(asked.evaluate),
            set=list(asked.evaluate_set),
            long=asked.long,
            quiet=quiet,
        )
        names = [arm.name for arm in asked.arms]
        how: dict[str, Any] = {
            "before": [asked.base] * len(names),
            "after": names,
            "by": ["seen"],
            "rank": asked.rank or None,
            "paper": asked.paper,
            "draws": draws,
        }
        tables = compare([out / RUN], **how)
        for form in ("html", "csv"):
            compare([out / RUN], **how, format=form, out=out / f"tables.{form}")
        write_text(out / "side_by_side.html", _side_by_side(asked, out))
    return Experimented(out, str(tables), notes)


def _plan(asked: Experiment, out: Path) -> list[_Step]:
    """Checks every step; nothing is written."""
    steps = []
    found = _counts_of(asked, out) / COUNTS
    counted = found.exists() and (out / SUITE).exists() and (out / SUITE).read_text("utf-8") == _seen(asked, found)
    steps.append(_Step("count captions", "" if counted else "to do"))
    steps.append(_videos_left(asked, out, None))
    for arm in asked.arms:
        trained = _train(asked, arm, out, quiet=True, plan=True)
        left = trained.left
        todo = f"{left} of {plural(trained.steps, 'step')}" if left else ""
        steps.append(_Step(f"train {arm.name}", todo, trained.hours, trained.disk if left else 0))
        steps.append(_videos_left(asked, out, arm))
    done = (out / RUN / "evaluation.json").exists()
    steps.append(_Step("measure", "what is new" if done else "all videos"))
    steps.append(_Step("compare", "tables and pages"))
    return steps


def _train(asked: Experiment, arm: Arm, out: Path, *, quiet: bool, plan: bool) -> Any:
    from hoigen.commands.finetune import finetune
    from hoigen.training.experiment import pairs

    try:
        return finetune(
            model=asked.model,
            data=Path(arm.data),
            captions=Path(arm.captions) if arm.captions else None,
            out=out / "trained" / arm.name,
            kept=out / "kept",
            set=pairs(arm.set),
            quiet=quiet,
            plan=plan,
        )
    except UsageError as error:
        raise UsageError(f"arm {arm.name!r}: {error}") from None


def _request(asked: Experiment, suite: Path, out: Path, arm: Arm | None) -> Any:
    from hoigen.training.experiment import pairs
    from hoigen.training.generating import Request

    return Request(
        model=asked.model,
        prompts=str(suite),
        out=str(out / VIDEOS),
        set=pairs(asked.generate),
        name=arm.name if arm else asked.base,
        lora=str(out / "trained" / arm.name) if arm else "",
        samples=asked.samples,
        seed=asked.seed,
        long=asked.long,
        quiet=True,
    )


def _videos_left(asked: Experiment, out: Path, arm: Arm | None) -> _Step:
    from dataclasses import replace

    from hoigen.training import generating, pipelines
    from hoigen.training.finetune.loop import LORA, seconds_of_a_video

    request = _request(asked, Path(asked.prompts), out, arm)
    if arm is not None and not (Path(request.lora) / LORA / pipelines.LORA_FILE).is_file():
        request = replace(request, lora="")  # not trained yet: all of its videos are to be made
    planned = generating.plan(replace(request, out=request.out if request.lora or arm is None else f"{out}/.none"))
    name = f"videos of {arm.name if arm else asked.base}"
    todo = f"{len(planned.todo)} of {plural(len(planned.jobs), 'video')}" if planned.todo else ""
    seconds = seconds_of_a_video(planned.found, planned.generator) if planned.found and planned.todo else 0.0
    return _Step(name, todo, len(planned.todo) * seconds / 3600, planned.bytes)


def _videos(asked: Experiment, suite: Path, out: Path, arm: Arm | None, quiet: bool) -> list[str]:
    """Makes the videos that are missing; what to know of all of them."""
    from hoigen.core.errors import SetupError
    from hoigen.training import generating

    request = _request(asked, suite, out, arm)
    planned = generating.plan(request)
    outcome = generating.carry_out(planned, request, quiet=quiet)
    if outcome.failed:
        name, why = next(iter(outcome.failed.items()))
        raise SetupError(f"{plural(len(outcome.failed), 'video')} of {planned.name} failed; {name}: {why}")
    return [f"{planned.name}: {note}" for note in outcome.notes]


def _counts_of(asked: Experiment, out: Path) -> Path:
    """The folder for what the first arm's captions tell of; other captions have another."""
    from hoigen.dataset.formats.videofolder import METADATA

    listed = Path(asked.arms[0].data) / METADATA
    if not listed.is_file():
        raise UsageError(f"arm {asked.arms[0].name!r}: {listed}: no such file")
    return out / "captions" / hashlib.sha256(listed.read_bytes()).hexdigest()[:16]


def _seen(asked: Experiment, counts: Path) -> str:
    """The suite as a file, each prompt with how many training captions tell of it.

    Args:
        asked: the experiment.
        counts: the table of the captions' categories.
    """
    from hoigen.interactions.prompts import export
    from hoigen.interactions.prompts.seen import with_seen
    from hoigen.interactions.prompts.suite import read_suite

    return export.text_of(with_seen(read_suite(Path(asked.prompts)), counts), "json", long=False)


def _counted(asked: Experiment, out: Path) -> Path:
    """The suite with how many training captions tell of each prompt; of all arms' own captions."""
    from hoigen.commands.categories import categories
    from hoigen.data.files import write_text
    from hoigen.dataset.formats.videofolder import METADATA

    counts = _counts_of(asked, out)
    if not (counts / COUNTS).exists():
        categories(counts, captions=Path(asked.arms[0].data) / METADATA)
    write_text(out / SUITE, _seen(asked, counts / COUNTS))
    return out / SUITE


def _side_by_side(asked: Experiment, out: Path) -> str:
    """The prompts that gained most and lost most, half and half."""
    from hoigen.evaluation.models import columns
    from hoigen.evaluation.models.read import source_of
    from hoigen.interactions.prompts.suite import read_suite
    from hoigen.pages.sidebyside import Shown, page

    source = source_of(out / RUN)
    number = columns.ranked_by(columns.chosen(source.numbers, [asked.rank] if asked.rank else None), source.videos)
    words = {prompt.id: prompt.short for prompt in read_suite(out / SUITE).prompts}
    names = [asked.base, *(arm.name for arm in asked.arms)]
    by: dict[str, dict[str, Video]] = {}
    for video in source.videos:
        by.setdefault(video.prompt, {}).setdefault(video.model, video)

    def gained(prompt: str) -> float:
        if number is None:
            return 0.0
        first, last = (by[prompt].get(name) for name in (names[0], names[-1]))
        values = [each.values.get(number.name) if each else None for each in (first, last)]
        if values[0] is None or values[1] is None:
            return 0.0
        change = float(values[1]) - float(values[0])
        return -change if number.better == "less" else change

    order = sorted(by, key=lambda prompt: (-gained(prompt), prompt))
    half = max(1, asked.shown // 2)
    chosen = order if len(order) <= asked.shown else [*order[:half], *order[-half:]]
    rows = []
    for prompt in chosen:
        videos = {name: by[prompt][name] for name in names if name in by[prompt]}
        told: Callable[[Any], str] = lambda value: "undefined" if value is None else f"{value:.3f}"  # noqa: E731
        rows.append(
            Shown(
                words.get(prompt, prompt),
                {name: quote(os.path.relpath(video.uri, out)) for name, video in videos.items()},
                {
                    name: f"{number.name} {told(video.values.get(number.name))}"
                    for name, video in videos.items()
                    if number is not None
                },
            )
        )
    what = f"by the change in {number.name}: most gained first" if number is not None else "in order of their ids"
    return page(
        f"{asked.base} and {', '.join(names[1:])}", (f"{len(rows)} of {plural(len(by), 'prompt')}, {what}."), rows
    )
