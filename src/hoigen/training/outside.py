"""Videos that diffusers does not make: of programs in their own environments, and of services."""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, UsageError, VideoError, nearest
from hoigen.core.keys import without_keys
from hoigen.core.words import plural
from hoigen.data.rows import rows_of
from hoigen.data.sources.source import VIDEO_SUFFIXES
from hoigen.interactions.prompts.suite import Suite
from hoigen.training.generators import Generator
from hoigen.training.made import Job
from hoigen.video.header import Header, probe
from hoigen.work import program

HOLES = ("prompt", "prompts_file", "out_dir", "seed", "frames", "fps", "height", "width", "steps", "guidance", "python")
"""What may stand in braces in the words of a command."""
HOLE = re.compile(r"\{(\w*)\}")
LAST_LINES = 12
"""Of what a program printed, told when it fails."""
OWN_COLUMNS = ("video", "prompt_id", "prompt", "sample", "seed")
"""Of a list of a service's videos; all other columns go into the records."""


def check_command(generator: Generator) -> None:
    """Raises UsageError where the command cannot be started or has a hole that nothing fills."""
    for word in generator.command:
        for hole in HOLE.findall(word):
            if hole not in HOLES:
                raise UsageError(f"command: {{{hole}}} in {word!r} is nothing that is filled in{nearest(hole, HOLES)}")
            if hole not in ("prompt", "prompts_file", "out_dir", "seed") and getattr(generator, hole) is None:
                raise UsageError(f"{hole}: must be given, since the command asks for it")
    if not generator.folder:
        raise UsageError("folder: must be given: the checkout of the program (--set folder=/path/to/it)")
    if not Path(generator.folder).is_dir():
        raise UsageError(f"folder: no such folder: {generator.folder}")
    first = _filled(generator.command[0], generator, {})
    if shutil.which(first, path=os.environ.get("PATH")) is None and not (Path(generator.folder) / first).is_file():
        raise UsageError(f"command: no program {first!r} (--set python=/path/to/its/environment/bin/python)")


def _filled(word: str, generator: Generator, own: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        it = own[found[1]] if found[1] in own else getattr(generator, found[1])
        return f"{it:g}" if isinstance(it, float) else str(it)

    return HOLE.sub(value, word)


def is_batch(generator: Generator) -> bool:
    """Whether the program takes a file of prompts, all of one seed."""
    return any("{prompts_file}" in word for word in generator.command)


def made_by_program(generator: Generator, jobs: Sequence[Job], seed: int) -> Iterator[tuple[Job, Path | str, int]]:
    """Starts the program, once for a video or once for each sample of all prompts.

    Args:
        generator: its command, folder and outputs.
        jobs: the videos that are asked for.
        seed: of the whole call; a program that takes many prompts at once takes one seed, seed + sample.

    Gives each job with the file and the seed that it was made with; the file is gone when the next one is asked for.
    Where the program failed at one video and not at all of them, why stands in the place of the file. Raises
    SetupError when it fails before it made any, or leaves other files than it should.
    """
    any_made = False
    if not is_batch(generator):
        for job in jobs:
            assert job.seed is not None
            with tempfile.TemporaryDirectory(prefix="hoigen-generate-") as scratch:
                found: Path | str
                try:
                    _run(generator, Path(scratch), {"prompt": job.words, "seed": job.seed})
                    found = _one(generator, Path(scratch), {"index": 0}, job)
                    any_made = True
                except SetupError as error:
                    if not any_made:
                        raise
                    found = str(error)
                yield job, found, job.seed
        return
    for sample in sorted({job.sample for job in jobs}):
        asked = [job for job in jobs if job.sample == sample]
        lines = [" ".join(job.words.split()) for job in asked]
        with tempfile.TemporaryDirectory(prefix="hoigen-generate-") as scratch:
            out = Path(scratch) / "out"
            out.mkdir()
            file = Path(scratch) / "prompts.txt"
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            failure: SetupError | None = None
            newest: Path | None = None
            try:
                _run(generator, out, {"prompts_file": file, "seed": seed + sample})
            except SetupError as error:
                # hours of work may lie there; the file that it wrote last may be cut off
                failure = error
                files = [each for each in out.rglob("*") if each.is_file()]
                newest = max(files, key=lambda each: (each.stat().st_mtime_ns, str(each)), default=None)
            left: list[Path | SetupError] = []
            for index, job in enumerate(asked):
                try:
                    one = _one(generator, out, {"index": index}, job)
                    left.append(failure if failure is not None and one == newest else one)
                except SetupError as error:
                    left.append(failure or error)
            any_made = any_made or any(isinstance(each, Path) for each in left)
            if not any_made:
                raise next(each for each in left if isinstance(each, SetupError))
            for job, each in zip(asked, left, strict=True):
                yield job, each if isinstance(each, Path) else str(each), seed + sample


def _run(generator: Generator, out: Path, own: Mapping[str, Any]) -> None:
    words = [_filled(word, generator, {**own, "out_dir": out}) for word in generator.command]
    with tempfile.TemporaryFile() as log:
        run_program(words, generator.folder, log, words[0], out, generator.deadline)


def run_program(words: Sequence[str], folder: str, log: IO[bytes], name: str, out: Path, deadline: Seconds) -> None:
    """Runs a program to its end, with no keys in its environment.

    Args:
        words: of the command.
        folder: that it runs in.
        log: what it prints is written there; open for reading too.
        name: what the error calls it.
        out: the folder that it writes to.
        deadline: seconds that it may go without printing anything and without a file of `out` that changes.

    Raises SetupError with its last lines where it fails or makes no progress.
    """
    try:
        code = program.ended(
            list(words),
            folder=Path(folder),
            environment=without_keys(os.environ),
            output=log,
            patience=deadline,
            signs=[program.files_of(out)],
        )
    except OSError as error:
        raise SetupError(f"{words[0]} cannot be started: {error.strerror}") from None
    if code == 0:
        return
    log.seek(0)
    end = log.read()[-8000:].decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
    if code is None:
        what = f"{name} printed nothing and wrote no file for {deadline:g} s, and was ended (--set deadline=...)"
    else:
        what = f"{name} ended with {code}"
    raise SetupError("\n  ".join([f"{what}; it said at its end:", *end] if end else [f"{what}; it said nothing"]))


def _one(generator: Generator, out: Path, own: Mapping[str, Any], job: Job) -> Path:
    pattern = generator.outputs.format(**own)
    found = sorted(glob.glob(str(out / pattern), recursive=True))
    if len(found) != 1:
        there = sorted(str(each.relative_to(out)) for each in out.rglob("*") if each.is_file())[:5]
        raise SetupError(
            f"{job.name}: the program left {plural(len(found), 'file')} like {pattern!r}, not one; there are "
            f"{', '.join(there) or 'none'} (outputs says which one it is)"
        )
    return Path(found[0])


def read_service(path: Path, suite: Suite, *, long: bool) -> list[tuple[Job, Path, Header, dict[str, str]]]:
    """The videos of a list: each with its job, its file, its header and what else the list says.

    Args:
        path: a table with the columns video and prompt_id or prompt, maybe sample and seed; files lie beside it.
        suite: the prompts.
        long: videos were made from the long prompts, where there are any.

    Raises UsageError for the first row that is not right; every file is opened.
    """
    from hoigen.interactions.prompts.export import asked
    from hoigen.interactions.prompts.matching import Names

    names, ids = Names(suite), {prompt.id: prompt for prompt in suite.prompts}
    found: list[tuple[Job, Path, Header, dict[str, str]]] = []
    taken: dict[str, str] = {}
    times: dict[str, int] = {}
    files: dict[Path, str] = {}
    for row in rows_of(path, ("video",), OWN_COLUMNS):
        file = path.parent / row.need("video")
        if not file.is_file():
            raise UsageError(f"{row.place}, column video: no such file: {file}")
        if file.suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(f"{row.place}, column video: {file.name}: one of {' '.join(sorted(VIDEO_SUFFIXES))}")
        named, words = row.text("prompt_id"), row.text("prompt")
        prompt = ids.get(named) if named else names.of_words(words) if words else names.find(file.stem)[0]
        if prompt is None:
            came = (
                f"prompt_id {named!r}" if named else f"prompt {words!r}" if words else f"the file's name {file.name!r}"
            )
            raise UsageError(f"{row.place}: {came} is of no prompt of {suite.name!r}")
        number, seed = row.number("sample", "a whole number", 0), row.number("seed", "a whole number", 0)
        if number is not None and not number.is_integer():
            raise UsageError(f"{row.place}, column sample: a whole number; it came as {number:g}")
        sample = int(number) if number is not None else times.get(prompt.id, 0)
        times[prompt.id] = max(times.get(prompt.id, 0), sample + 1)
        job = Job(prompt, asked(prompt, long), sample, None if seed is None else int(seed))
        if job.name in taken:
            raise UsageError(f"{row.place}: {taken[job.name]} is sample {sample} of {prompt.id!r} already")
        if (resolved := file.resolve()) in files:
            raise UsageError(f"{row.place}, column video: {file.name} is the video of {files[resolved]} already")
        taken[job.name], files[resolved] = file.name, job.name
        try:
            header = probe(str(file))
        except VideoError as error:
            raise UsageError(f"{row.place}, column video: {file} cannot be read: {error}") from None
        others = {key: text for key in row.cells if key not in OWN_COLUMNS and (text := row.text(key))}
        found.append((job, file, header, others))
    if not found:
        raise UsageError(f"{path} holds no video")
    return found
