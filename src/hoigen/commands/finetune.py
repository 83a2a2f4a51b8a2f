"""hoigen finetune: a LoRA for a text-to-video model."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from hoigen.commands.options import Quiet
from hoigen.core.errors import SetupError, UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.work import program


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What was trained. left: steps that are to do; hours, disk: of them, disk in bytes.

    first, last: mean loss of the first and of the last steps, 50 or half of all, whichever is less; None where none was
    done, and of a single step the same.
    """

    out: Path
    steps: int
    clips: int
    estimate: str
    left: int = 0
    hours: float = 0.0
    disk: float = 0.0
    first: float | None = None
    last: float | None = None
    planned: bool = False

    def __str__(self) -> str:
        if self.planned:
            return f"{plural(self.clips, 'clip')}, {plural(self.steps, 'step')}: {self.estimate}"
        lines = [
            (
                f"{self.out}: {plural(self.steps, 'step')} on {plural(self.clips, 'clip')}; mean loss {self.first:.4g} "
                f"-> {self.last:.4g}"
            )
        ]
        lines.append(f"Videos with it: hoigen generate --model MODEL --lora {self.out} --prompts SUITE --out FOLDER")
        return "\n".join(lines)


def finetune(
    *,
    model: Annotated[
        str | None,
        Setting("a name of docs/generate.md, a folder of a diffusers pipeline, or a repository of the hub"),
    ] = None,
    data: Annotated[
        Path | None, Setting("the clips: a folder with metadata.jsonl, as hoigen export --to videofolder writes it")
    ] = None,
    out: Annotated[Path | None, Setting("the folder of the training; made when absent")] = None,
    set: Annotated[
        list[str] | None,
        Setting("a setting, as key=value (rank=64, steps=2000, docs/finetune.md); may be given more than once"),
    ] = None,
    recipe: Annotated[Path | None, Setting("a YAML file with settings")] = None,
    trainer: Annotated[
        str | None,
        Setting(
            "another program that trains, in its own environment: diffusers_script, diffsynth, musubi, ltx_trainer, "
            "open_sora; --data is then an export in its format"
        ),
    ] = None,
    captions: Annotated[
        Path | None, Setting("a JSONL with file_name and text: other captions for the same clips")
    ] = None,
    kept: Annotated[
        Path | None, Setting("where latents and embeddings are kept; trainings may share it; OUT/kept when left out")
    ] = None,
    plan: Annotated[bool, Setting("only check everything, and say what it takes: memory, hours, bytes")] = False,
    quiet: Quiet = False,
) -> Finetuned | Launched:
    """Trains a LoRA on clips and their captions; run again, it goes on from the last checkpoint.

    Returns what was trained. Raises UsageError for bad input and NoRoomError for too little memory, before it starts.
    """
    from hoigen.recipe.build import build
    from hoigen.recipe.yaml import apply_sets, load_recipe

    given = apply_sets(load_recipe(recipe) if recipe is not None else {}, set or [])
    if trainer is not None:
        if data is None or out is None:
            raise UsageError("--data, --out must be given")
        if model is not None or captions is not None or kept is not None:
            raise UsageError(
                "--trainer: the model is among its weights (--set weights.model=...), captions in its export"
            )
        from hoigen.training.trainers import launch

        settings: launch.Settings = build(launch.Settings, given, str(recipe or "--set"))
        prepared = launch.prepare(trainer, data, out, settings)
        return Launched(prepared.commands, None if plan else launch.run(prepared))
    import torch

    from hoigen.data.files import Folder
    from hoigen.training import pipelines
    from hoigen.training.finetune import loop
    from hoigen.training.finetune.checkpoints import Checkpoints
    from hoigen.training.finetune.settings import Training
    from hoigen.training.generators import generator_of

    if model is None or data is None or out is None:
        lacking = [f"--{key}" for key, it in (("model", model), ("data", data), ("out", out)) if it is None]
        raise UsageError(f"{', '.join(lacking)} must be given")
    pipelines.check_installed()
    training: Training = build(Training, given, str(recipe or "--set"))
    generator = generator_of(model)[1]
    if generator.kind != "diffusers":
        raise UsageError(f"--model {model}: of kind {generator.kind}, which is not trained here")
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    cards = torch.cuda.device_count() if training.device == "auto" else 0
    processes = training.processes or max(1, cards)
    world = ranks if ranks > 1 else processes
    work = loop.prepare(
        model=generator.model,
        revision=generator.revision,
        data=data,
        captions=captions,
        out=out,
        kept=kept,
        training=training,
        world=world,
        quiet=quiet,
    )
    training = work.training
    there = Checkpoints(out / "checkpoints", training.keep).steps()
    if there and there[-1] > training.steps:
        raise UsageError(f"steps: {there[-1]} are done in {out}; it came as {training.steps}")
    left = training.steps - (there[-1] if there else 0)
    told = work.estimated
    result = Finetuned(
        out, training.steps, len(work.examples), str(told), left, told.hours if left else 0, told.disk, planned=plan
    )
    if plan:
        return result
    results = (out / loop.LORA / pipelines.LORA_FILE, out / "loss.csv")
    if not left and all(each.is_file() for each in results) and ranks == 1:
        return _with_losses(result)  # all is done
    if processes > 1 and ranks == 1:
        _by_processes(processes)
        return _with_losses(result)
    group = loop.Group(work.device)
    if group.main and not quiet:
        print(
            f"hoigen: {plural(len(work.examples), 'clip')}, {plural(training.steps, 'step')}: {work.estimated}",
            file=sys.stderr,
        )
    folder = Folder(str(out))
    with folder.lock(f".lock-{group.rank}"):
        if group.main:
            record = {"facts": work.facts, "estimate": str(work.estimated), "versions": pipelines.versions()}
            folder.write(loop.RECORD, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
        loop.compute_once(work, group, quiet=quiet)
        loop.train(work, group, quiet=quiet)
    return _with_losses(result)


@dataclass(frozen=True, slots=True)
class Launched:
    """What another trainer was started with. lora: what it left; None where it was only planned."""

    commands: Sequence[Sequence[str]]
    lora: Path | None

    def __str__(self) -> str:
        lines = [shlex.join(words) for words in self.commands]
        return "\n".join([*lines, f"LoRA: {self.lora}"] if self.lora else lines)


def _by_processes(count: int) -> None:
    """The same command in several processes that train together; it ends when they do."""
    arguments: Sequence[str] = sys.argv[1:]
    code = f"import sys; sys.path[:] = {sys.path!r}; from hoigen.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc_per_node={count}",
        "--no-python",
    ]
    words = [*command, sys.executable, "-c", code, *arguments]
    if ended := program.ended(words, folder=Path.cwd(), environment=os.environ):
        raise SetupError(f"the processes of the training ended with {ended}; what they said stands above")


def _with_losses(result: Finetuned) -> Finetuned:
    import csv

    from hoigen.training.finetune import loop

    with (result.out / "loss.csv").open(encoding="utf-8") as file:
        found = [float(row["loss"]) for row in csv.DictReader(file)]
    some = max(1, min(loop.WINDOW, len(found) // 2))  # no step speaks for both
    return dataclasses.replace(result, first=sum(found[:some]) / some, last=sum(found[-some:]) / some)
