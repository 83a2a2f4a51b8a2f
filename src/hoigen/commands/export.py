"""hoigen export: the kept clips of a run as a trainer's dataset."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from hoigen.commands.options import FacesBy, Quiet, RunFolder, faces_by
from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.dataset.export import ExportResult


def export(
    run: RunFolder,
    *,
    to: Annotated[str, Setting("the format: its name, as `hoigen list` has it")],
    out: Annotated[str, Setting("the folder to write: of this machine, or an address of a store (s3://bucket/folder)")],
    set: Annotated[
        list[str] | None, Setting("a setting of the format, as key=value (model=2b); may be given more than once")
    ] = None,
    fps: Annotated[float | None, Setting("frames a second; as the trainer wants them when not given")] = None,
    frames: Annotated[
        str, Setting("how many frames a clip has; of several (17,33,49) the most that it has; empty: the trainer's own")
    ] = "",
    size: Annotated[
        str, Setting("WIDTHxHEIGHT; of several, with commas, the nearest aspect; empty: the trainer's own")
    ] = "",
    fit: Annotated[Literal["crop", "pad"], Setting("of another aspect: crop it, or pad it with black")] = "crop",
    take: Annotated[
        Literal["middle", "start", "all"],
        Setting("of a clip that is longer: its middle, its start, or all of it as stretches one after another"),
    ] = "middle",
    enlarge: Annotated[bool, Setting("enlarge clips that are smaller, instead of leaving them out")] = False,
    repeat: Annotated[
        bool, Setting("show frames twice where a clip has fewer a second, instead of leaving it out")
    ] = False,
    codec: Annotated[Literal["h264", "hevc", "vp9", "av1"], Setting("of the files that are encoded anew")] = "h264",
    link: Annotated[
        bool, Setting("link videos that are as they are wanted (hard, else symbolic), instead of encoding them anew")
    ] = False,
    blur_faces: Annotated[
        bool,
        Setting("make faces unknowable, as far as they are found (docs/cut.md: how many are missed); not with link"),
    ] = False,
    faces: FacesBy = None,
    captions: Annotated[
        Literal["run", "list"], Setting("those of hoigen caption, or those that came with the input list")
    ] = "run",
    part: Annotated[
        Literal["train", "validation"] | None, Setting("only the clips of that part of hoigen split; all if not given")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        Setting(
            "a folder with the files of the model's own tokenizer, which counts the captions that its text encoder "
            "would cut; when not given, what the hub has left on this machine; else an estimate"
        ),
    ] = None,
    dry_run: Annotated[bool, Setting("only say what would be written, left out, cropped and cut")] = False,
    workers: Annotated[int | None, Setting("worker processes; null is one for each core")] = None,
    deadline: Annotated[Seconds, Setting("seconds that a clip may go without progress before it is given up")] = 600.0,
    quiet: Quiet = False,
) -> ExportResult:
    """Writes the kept clips of a run as a trainer's dataset, and reads it back by the rules of the trainer's loader.

    Each clip is cut to the exact frames, rate and size that the trainer takes, so that it re-times and distorts
    nothing; what cannot be is left out and counted, before anything is written. Run again, it makes only what is
    missing. A clip that fails costs that clip.
    """
    from hoigen.core.registry import names_of
    from hoigen.core.uris import path_of
    from hoigen.data.files import Folder
    from hoigen.data.run import Run
    from hoigen.dataset import wording
    from hoigen.dataset.export import run_task
    from hoigen.dataset.plan import Task
    from hoigen.dataset.shape import shape_of
    from hoigen.dataset.split import TRAIN, VALIDATION
    from hoigen.recipe.build import make
    from hoigen.recipe.recipe import check_numbers
    from hoigen.recipe.yaml import set_value
    from hoigen.rules import removals
    from hoigen.rules.runfile import steps_of
    from hoigen.work.task import cores

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if words := removals.unnamed(folder):
        print(f"note: {words}", file=sys.stderr)
    folder.check_links()
    check_numbers({"workers": workers, "deadline": deadline})
    settings = {}
    for text in set or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text}: key=value")
        settings[key.strip()] = set_value(value)
    if to not in names_of("format") and not to.endswith(".py"):
        from hoigen.core.errors import nearest

        raise UsageError(f"--to: unknown format {to!r}{nearest(to, names_of('format'))}")
    format = make("format", {to: settings}, "--set")
    counts = [word for word in re.split(r"[,\s]+", str(frames)) if word]
    if not all(re.fullmatch(r"\d{1,6}", word) for word in counts):
        raise UsageError(f"--frames: a whole number, or several with commas (17,33,49); it came as {frames!r}")
    shape = shape_of(
        format.wants, fps=fps, frames=list(map(int, counts)), sizes=_sizes(size), fit=fit, take=take, enlarge=enlarge,
        repeat=repeat,
    )  # fmt: skip
    if not str(out).strip():
        raise UsageError("--out: a folder; it came as an empty text")
    if part not in (None, TRAIN, VALIDATION):
        raise UsageError(f"--part: {TRAIN} or {VALIDATION}; it came as {part!r}")
    if link and blur_faces:
        raise UsageError("--link and --blur-faces: a video that is linked cannot be changed; give one of them")
    by = faces_by(blur_faces, faces)
    target = Folder(path_of(str(out)))
    if not target.is_local:
        target.names()  # a store that cannot be reached is an error now
    wants = format.wants
    counter = wording.counter(tokenizer, wants.tokenizer, wants.tokenizer_folder)
    task = Task(folder, steps, format, shape, target, codec, link, captions == "list", counter, part, by)
    return run_task(
        task, dry_run=dry_run, workers=cores() if workers is None else workers, deadline=deadline, quiet=quiet
    )


def _sizes(text: str) -> Sequence[tuple[int, int]]:
    found = []
    for word in re.split(r"[,\s]+", text):
        if not word:
            continue
        match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", word)
        if match is None:
            raise UsageError(f"--size: WIDTHxHEIGHT (720x480), or several with commas; it came as {word!r}")
        found.append((int(match[1]), int(match[2])))
    return found
