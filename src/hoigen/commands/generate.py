"""hoigen generate: videos of a suite's prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from hoigen.commands.options import WHOLE, Quiet, part_of
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

NAMED = 8


@dataclass(frozen=True, slots=True)
class Generated:
    """What was made. asked: videos of this part; already: those that were there; failed: video -> why."""

    folder: Path
    asked: int
    already: int
    made: int
    failed: Mapping[str, str]
    notes: Sequence[str]
    prompts: Path
    dry_run: bool = False
    bytes: int = 0

    @property
    def incomplete(self) -> bool:
        """Whether videos were asked for and none is there; the command then exits with 1."""
        return not self.dry_run and bool(self.asked) and not self.already + self.made

    @property
    def partial(self) -> bool:
        """Whether some videos failed; the command then exits with 3."""
        return bool(self.failed)

    def __str__(self) -> str:
        if self.dry_run:
            left = self.asked - self.already
            return (
                f"{self.folder}: {plural(self.asked, 'video')}, {self.already} there, {left} to make "
                f"(about {self.bytes / 1e6:.0f} MB)"
            )
        lines = [f"{self.folder}: {plural(self.asked, 'video')}: {self.made} made, {self.already} there before"]
        if self.failed:
            lines[0] += f", {len(self.failed)} failed"
        lines += [f"  failed: {name}: {why}" for name, why in list(self.failed.items())[:NAMED]]
        if len(self.failed) > NAMED:
            lines.append(f"  and {len(self.failed) - NAMED} more; the same command tries them again")
        lines += [f"  {note}" for note in self.notes]
        if self.made + self.already:
            lines.append(
                f"Measure them: hoigen evaluate --videos {self.folder.parent} --prompts {self.prompts} --run RUN"
            )
        return "\n".join(lines)


def generate(
    *,
    model: Annotated[
        str | None,
        Setting(
            "who makes them: a name of docs/generate.md (cogvideox-2b), a YAML file of one's own, a folder of a "
            "diffusers pipeline, or a repository of the hub (owner/name)"
        ),
    ] = None,
    prompts: Annotated[
        Path | None, Setting("the suite: a file of hoigen prompts, one of VBench's lists, a table, or plain text")
    ] = None,
    out: Annotated[Path | None, Setting("the folder that gets one folder for each model")] = None,
    set: Annotated[
        list[str] | None,
        Setting("a setting of the model, as key=value (steps=30, offload=model); may be given more than once"),
    ] = None,
    name: Annotated[
        str, Setting("of the model's folder; its own when left out, and of LoRA weights their digest")
    ] = "",
    lora: Annotated[
        Path | None, Setting("LoRA weights on top: a .safetensors file, or a folder that hoigen finetune wrote")
    ] = None,
    lora_scale: Annotated[float, Setting("how strongly the LoRA weights act")] = 1.0,
    samples: Annotated[int, Setting("videos of each prompt", least=1)] = 1,
    seed: Annotated[
        int, Setting("of the whole; the seed of a video is made of it, the prompt's id and the sample")
    ] = 0,
    part: Annotated[
        str,
        Setting(
            "which of the videos are this command's, i/n with i from 0 to n - 1: 3/16 is the fourth of sixteen machines"
        ),
    ] = WHOLE,
    long: Annotated[bool, Setting("ask with the long prompts, where there are any")] = False,
    manifest: Annotated[
        Path | None, Setting("of a service: the list of videos that it made (columns video and prompt_id or prompt)")
    ] = None,
    dry_run: Annotated[
        bool, Setting("only check everything, and say what would be made; a model of the hub is fetched")
    ] = False,
    quiet: Quiet = False,
) -> Generated:
    """Makes videos of a suite's prompts, each with a record of how; run again, it makes only what is missing.

    Returns what was made. Raises UsageError for bad input, before anything is made.
    """
    from hoigen.training import generating
    from hoigen.training.generators import known

    if model is None or prompts is None or out is None:
        lacking = [f"--{key}" for key, it in (("model", model), ("prompts", prompts), ("out", out)) if it is None]
        raise UsageError(f"{', '.join(lacking)} must be given. Models that come with hoigen: {', '.join(known())}")
    if samples < 1:
        raise UsageError(f"--samples: 1 or more; it came as {samples}")
    rank = part_of(part)
    for text in set or ():
        if text.partition("=")[0].strip() in ("rank", "ranks"):
            raise UsageError(f"--set {text}: machines share the videos of one call by --part i/n, as --part 3/16")
    if manifest is not None and rank.of > 1:
        raise UsageError(f"--part {part}: of videos that are made here; those of --manifest are taken in as a whole")
    request = generating.Request(
        model=model,
        prompts=str(prompts),
        out=str(out),
        set=tuple(set or ()),
        name=name,
        lora=str(lora or ""),
        lora_scale=lora_scale,
        samples=samples,
        seed=seed,
        long=long,
        quiet=quiet,
        part=(rank.number, rank.of),
    )
    if manifest is not None:
        planned, outcome = generating.take_in(request, manifest, dry_run=dry_run)
        asked = len(planned.jobs)
    else:
        planned = generating.plan(request)
        outcome = generating.Outcome() if dry_run else generating.carry_out(planned, request, quiet=quiet)
        asked = len(planned.mine)
    return Generated(
        folder=planned.folder,
        asked=asked,
        already=asked - len(planned.todo),
        made=outcome.made,
        failed=outcome.failed,
        notes=outcome.notes,
        prompts=prompts,
        dry_run=dry_run,
        bytes=planned.bytes,
    )
