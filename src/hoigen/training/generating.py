"""Videos of prompts: planned, checked, then made by this process or by several."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hoigen.core.errors import HoigenError, SetupError, UsageError
from hoigen.core.settings import plain
from hoigen.core.words import plural
from hoigen.data.files import Folder
from hoigen.interactions.prompts.suite import Suite, read_suite
from hoigen.models import hub
from hoigen.training import outside, pipelines
from hoigen.training.generators import Generator, generator_of
from hoigen.training.made import Job, Made, jobs_of
from hoigen.work.progress import Progress

FREE = ("device", "offload", "processes", "batch", "slicing", "python", "folder", "outputs", "deadline")
"""Settings that say where and how fast, not what: they may change between two calls for one folder."""
SAID = ("licence", "source", "table2")
"""Settings that are remarks."""
BYTES_A_PIXEL = 0.1
"""Of a video at this quality, roughly; for the question whether the disk has room."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a call asks for.

    Args:
        name: of the model, and of the folder.
        folder: where its videos lie.
        generator: how it is asked.
        found: the pipeline's folder; None for other kinds.
        lora: weights on top.
        suite: the prompts.
        jobs: all videos that are asked for, of all parts.
        mine: those of this part.
        todo: those of this part that are not there.
        settings: what a video depends on; it stands in each record.
        seed: of the whole call.
    """

    name: str
    folder: Path
    generator: Generator
    found: hub.Found | None
    lora: pipelines.Lora | None
    suite: Suite
    jobs: Sequence[Job]
    mine: Sequence[Job]
    todo: Sequence[Job]
    settings: Mapping[str, Any]
    seed: int

    @property
    def bytes(self) -> int:
        """What the missing videos take on the disk, roughly."""
        each = (self.generator.frames or 0) * (self.generator.height or 0) * (self.generator.width or 0)
        return int(len(self.todo) * each * BYTES_A_PIXEL)


@dataclass(slots=True)
class Outcome:
    """What became of the videos. failed: name of the video -> why. notes: what to know of them."""

    made: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call, as its arguments have it; another process can repeat it. part: which of the videos are this call's: those
    whose number leaves its first when divided by its second."""

    model: str
    prompts: str
    out: str
    set: Sequence[str] = ()
    name: str = ""
    lora: str = ""
    lora_scale: float = 1.0
    samples: int = 1
    seed: int = 0
    long: bool = False
    quiet: bool = False
    part: tuple[int, int] = (0, 1)


def plan(request: Request) -> _Plan:
    """Checks a request as a whole; nothing is written. Raises UsageError or SetupError."""
    name, generator = generator_of(request.model, request.set)
    if generator.kind == "service":
        raise UsageError(f"--model {request.model}: a service makes its videos itself; give them as --manifest LIST")
    suite = read_suite(Path(request.prompts))
    jobs = jobs_of(suite, request.samples, request.seed, long=request.long)
    found, lora = None, None
    settings: dict[str, Any] = {
        key: value
        for key, value in plain(generator).items()
        if key not in (*FREE, *SAID) and value not in (None, "", {})
    }
    if generator.kind == "diffusers":
        pipelines.check_installed()
        if generator.fps is None:
            raise UsageError("fps: must be given, frames per second of the files (--set fps=8)")
        for side in ("height", "width"):
            if (getattr(generator, side) or 0) % 2:
                raise UsageError(f"{side}: an even number; it came as {getattr(generator, side)}")
        found = hub.resolve_pipeline(generator.model, generator.revision, quiet=request.quiet)
        cls = pipelines.class_of(found.folder)
        pipelines.arguments_of(cls, generator)
        settings |= {"model": found.name, "revision": found.revision, "pipeline": cls.__name__}
    else:
        outside.check_command(generator)
        settings["command"] = list(generator.command)
    if request.lora:
        if generator.kind != "diffusers":
            raise UsageError("--lora: of pipelines of diffusers alone; a program takes weights by its own command")
        lora = pipelines.lora_of(Path(request.lora), request.lora_scale)
        settings["lora"] = lora.facts
        name = f"{name}-lora-{lora.facts['sha256'][:8]}"
    name = _folder_name(request.name or name)
    if outside.is_batch(generator):  # one seed for all prompts of a sample
        jobs = [replace(job, seed=request.seed + job.sample) for job in jobs]
    folder = Path(request.out) / name
    number, of = request.part
    mine = jobs[number::of]
    todo = Made(folder).missing(mine, settings)
    made = _Plan(name, folder, generator, found, lora, suite, jobs, mine, todo, settings, request.seed)
    _check_room(made)
    return made


def _folder_name(name: str) -> str:
    """A model's name, as it is. Raises UsageError where its folder would lie elsewhere than in the folder of all."""
    if not name.strip() or "/" in name or name.startswith("."):
        raise UsageError(f"--name: the name of a folder; it came as {name!r}")
    return name


def _told_sizes(name: str, generator: Generator, videos: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to know of videos that are not as long, fast and large as they are meant to be.

    Args:
        name: of the model.
        generator: with what is meant; what is None there may be anything.
        videos: frames, fps, height, width of each.
    """
    other: dict[str, int] = {}
    for video in videos:
        for key in ("frames", "fps", "height", "width"):
            meant, came = getattr(generator, key), video.get(key)
            if meant is not None and came is not None and abs(came / meant - 1) > 0.02:
                text = f"{key} {came:g}, where {name} is meant for {meant:g}"
                other[text] = other.get(text, 0) + 1
    return [f"{plural(count, 'video has', 'videos have')} {text}" for text, count in other.items()]


def _check_room(planned: _Plan) -> None:
    place = planned.folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if planned.bytes > free:
        raise SetupError(
            f"{planned.folder}: {plural(len(planned.todo), 'video takes', 'videos take')} about "
            f"{planned.bytes / 1e9:.1f} GB, and {place} has "
            f"{free / 1e9:.1f} GB free"
        )


def carry_out(planned: _Plan, request: Request, *, quiet: bool) -> Outcome:
    """Makes the missing videos of a plan, in this process, or in several with a card each.

    Args:
        planned: as `plan` has checked it.
        request: what other processes repeat.
        quiet: no progress bar.
    """
    if not planned.todo:
        return Outcome(notes=_notes(planned))
    generator = planned.generator
    count = _processes(generator)
    number, of = request.part
    with Folder(str(planned.folder)).lock(f".lock-{number}-of-{of}"):
        if count > 1 and generator.kind == "diffusers":
            outcome = _by_processes(planned, request, count, quiet=quiet)
        else:
            outcome = _here(planned, quiet=quiet)
    outcome.notes += _notes(planned)
    return outcome


def _notes(planned: _Plan) -> list[str]:
    """What to know of the sizes of all videos of this part, those that were there before too."""
    return _told_sizes(planned.name, planned.generator, Made(planned.folder).sizes(planned.mine))


def _processes(generator: Generator) -> int:
    if generator.kind != "diffusers" or generator.processes:
        return max(1, generator.processes)
    import torch

    return max(1, torch.cuda.device_count()) if generator.device == "auto" else 1


def _here(planned: _Plan, *, quiet: bool) -> Outcome:
    outcome = Outcome()
    made = Made(planned.folder)
    progress = Progress(planned.name, len(planned.todo), "video", quiet=quiet)
    try:
        work = _by_pipeline if planned.generator.kind == "diffusers" else _by_program
        work(planned, made, outcome, progress.count)
    finally:
        progress.close()
    return outcome


def _by_pipeline(planned: _Plan, made: Made, outcome: Outcome, count: Callable[[str], None]) -> None:
    from hoigen.video.writing import video_of

    generator = planned.generator
    assert planned.found is not None
    assert generator.fps is not None
    device = pipelines.device_of(generator.device)
    pipe = pipelines.load(planned.found, generator, device=device)
    if planned.lora is not None:
        pipelines.add_lora(pipe, planned.lora)
    pipelines.place(pipe, generator, device=device)
    asker = pipelines.Asker(pipe, pipelines.arguments_of(type(pipe), generator))
    import torch

    card = str(torch.cuda.get_device_name(device)) if device.startswith("cuda") else device
    facts = {"model": planned.name, "versions": pipelines.versions(), "device": card}
    for at in range(0, len(planned.todo), generator.batch):
        jobs = planned.todo[at : at + generator.batch]
        began = time.monotonic()
        videos = asker.videos([job.words for job in jobs], [job.seed or 0 for job in jobs])
        seconds = round((time.monotonic() - began) / len(jobs), 3)
        for job, frames in zip(jobs, videos, strict=True):
            if frames is None:
                outcome.failed[job.name] = (
                    f"the pixels hold no numbers: {generator.dtype} may be too narrow (--set dtype=bfloat16, or "
                    "parts.vae=float32)"
                )
                count("failed")
                continue
            size = {"frames": len(frames), "fps": generator.fps, "height": frames.shape[1], "width": frames.shape[2]}
            record = {**facts, "settings": planned.settings, "seconds": seconds, "video": size}
            made.add(job, video_of(frames, generator.fps), record)
            outcome.made += 1
            count("made")


def _by_program(planned: _Plan, made: Made, outcome: Outcome, count: Callable[[str], None]) -> None:
    from hoigen.core.errors import VideoError
    from hoigen.video.header import probe

    for job, file, seed in outside.made_by_program(planned.generator, planned.todo, planned.seed):
        if isinstance(file, str):
            outcome.failed[job.name] = file
            count("failed")
            continue
        try:
            header = probe(str(file))
        except VideoError as error:
            outcome.failed[job.name] = f"what the program left cannot be read: {error}"
            count("failed")
            continue
        size = {"frames": header.frames, "fps": header.fps, "height": header.height, "width": header.width}
        record = {"model": planned.name, "settings": planned.settings, "video": size}
        made.add(replace(job, seed=seed), file.read_bytes(), record, file.suffix.lower())
        outcome.made += 1
        count("made")


def _by_processes(planned: _Plan, request: Request, count: int, *, quiet: bool) -> Outcome:
    """Each process makes a part and writes one line at its end. It ends with this one: it reads from a pipe that only
    this process holds."""
    number, of = request.part
    code = f"import sys; sys.path[:] = {sys.path!r}; from hoigen.training.generating import child; child()"
    running = []
    for at in range(count):
        part = (number + of * at, of * count)
        asked = replace(request, set=[*request.set, "processes=1"], part=part, quiet=True)
        own = {"CUDA_VISIBLE_DEVICES": _card(at)} if _card(at) else {}
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **own},
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(asked)) + "\n")
        process.stdin.flush()
        running.append(process)
    outcome = Outcome()
    progress = Progress(planned.name, len(planned.todo), "video", quiet=quiet)
    errors = []
    try:
        for process in running:
            assert process.stdout is not None
            said = process.stdout.read().strip().rpartition("\n")[2]
            try:
                told = json.loads(said)
            except ValueError:
                errors.append(f"a process ended with {process.wait()}")
                continue
            if "error" in told:
                errors.append(told["error"])
                continue
            outcome.made += told["made"]
            outcome.failed |= told["failed"]
            progress.count("made", by=told["made"])
    finally:
        progress.close()
        for process in running:
            if process.poll() is None and errors:
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
    if errors:
        raise SetupError(f"{len(errors)} of {count} processes stopped: {errors[0]}")
    return outcome


def _card(at: int) -> str:
    """What CUDA_VISIBLE_DEVICES is for process `at`; empty without cards."""
    import torch

    cards = torch.cuda.device_count()
    if not cards:
        return ""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")] if visible else [str(each) for each in range(cards)]
    return str(names[at % cards])


def child() -> None:
    """The main of one of several processes: reads a request, makes its part, prints one line of JSON."""
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        planned = plan(Request(**asked))
        outcome = carry_out(planned, Request(**asked), quiet=True)
        told: dict[str, Any] = {"made": outcome.made, "failed": outcome.failed}
    except HoigenError as error:
        told = {"error": str(error)}
    print(json.dumps(told), flush=True)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def take_in(request: Request, manifest: Path, *, dry_run: bool = False) -> tuple[_Plan, Outcome]:
    """Takes a service's videos in: each is copied under the name of its prompt, with a record.

    Args:
        request: model, prompts, out; a model's frames, rate and size are held against the files.
        manifest: the list of the files.
        dry_run: everything is checked, nothing is copied.

    Raises UsageError, for another file under a name that is taken too.
    """
    name, generator = generator_of(request.model, request.set)
    if generator.kind != "service":
        raise UsageError(f"--manifest: of services; {request.model} is of kind {generator.kind}")
    for option, given in (
        ("--lora", request.lora),
        ("--samples", request.samples != 1),
        ("--seed", request.seed),
    ):
        if given:
            raise UsageError(f"{option}: of videos that are made here; those of --manifest are as its columns say")
    suite = read_suite(Path(request.prompts))
    rows = outside.read_service(manifest, suite, long=request.long)
    name = _folder_name(request.name or name)
    folder = Path(request.out) / name
    made = Made(folder)
    settings = {"kind": "service", "licence": generator.licence}
    jobs = [job for job, *_ in rows]
    todo = made.missing(jobs, settings)
    planned = _Plan(name, folder, generator, None, None, suite, jobs, jobs, todo, settings, request.seed)
    outcome = Outcome()
    lacking = {job.name for job in todo}
    sizes = [
        {"frames": header.frames, "fps": header.fps, "height": header.height, "width": header.width}
        for _, _, header, _ in rows
    ]
    for job, file, _, _ in rows:  # nothing of a service's settings tells one video from another: its content does
        record = None if job.name in lacking else made.record(job.name)
        with file.open("rb") as opened:
            same = record is None or hashlib.file_digest(opened, "sha256").hexdigest() == record["video"]["sha256"]
        if not same:
            raise UsageError(
                f"{file}: {folder / job.name} is there, of other content. Give another --out or --name, or move "
                f"{job.name}.json away, and this file takes its place"
            )
    outcome.notes = _told_sizes(name, generator, sizes)
    if not dry_run:
        with Folder(str(folder)).lock(".lock-0-of-1"):
            for (job, file, _, said), size in zip(rows, sizes, strict=True):
                if job.name in lacking:
                    facts = {"model": name, "settings": settings, "said": said, "from": file.name, "video": size}
                    made.add(job, file.read_bytes(), facts, file.suffix.lower())
                    outcome.made += 1
    without = {prompt.id for prompt in suite.prompts} - {job.prompt.id for job, *_ in rows}
    if without:
        outcome.notes.append(f"no video for {plural(len(without), 'prompt')}: {', '.join(sorted(without)[:5])}")
    return planned, outcome
