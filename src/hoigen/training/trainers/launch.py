"""Starts a trainer on an export, in its own environment, and collects what it leaves.

None of a trainer's code is part of hoigen: it is a program that is started in its own checkout, with its own Python.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, UsageError, nearest
from hoigen.core.settings import Setting, check_fields
from hoigen.data.files import Folder
from hoigen.training.outside import run_program
from hoigen.training.pipelines import LORA_FILE

NAMES = ("diffusers_script", "diffsynth", "ltx_trainer", "musubi", "open_sora")
RECORD = "training.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What trainers have in common; what they have not, goes as `more`."""

    folder: Annotated[str, Setting("the checkout of the trainer")] = ""
    python: Annotated[str, Setting("the Python of its environment")] = "python"
    weights: Annotated[
        Mapping[str, str], Setting("files or names of the model's parts, as the trainer's page below says")
    ] = field(default_factory=dict)
    rank: Annotated[int, Setting("of the LoRA", least=1)] = 32
    learning_rate: Annotated[float, Setting("after the warm-up", above=0)] = 1e-4
    steps: Annotated[int, Setting("optimiser steps", least=1)] = 1000
    save_every: Annotated[int, Setting("steps between checkpoints", least=1)] = 200
    processes: Annotated[int, Setting("cards", least=1)] = 1
    seed: Annotated[int, Setting("of the training", least=0)] = 0
    deadline: Annotated[
        Seconds,
        Setting("how long the trainer may print nothing and write nothing before it is ended", above=0, unit="s"),
    ] = 3600.0
    more: Annotated[Sequence[str], Setting("further words at the end of the training's command")] = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, slots=True)
class Job:
    """One training by a trainer.

    Args:
        data: the export, an absolute path.
        out: what the trainer writes to, an absolute path.
        settings: how.
        clips: how many there are.
    """

    data: Path
    out: Path
    settings: Settings
    clips: int

    @property
    def epochs(self) -> int:
        """So many that the steps are reached, for trainers that count in epochs."""
        return max(1, -(-self.settings.steps * self.settings.processes // self.clips))

    def weight(self, name: str) -> str:
        """A part of the model. Raises UsageError where it is not given."""
        if not self.settings.weights.get(name):
            raise UsageError(f"weights.{name}: must be given (--set weights.{name}=...)")
        return self.settings.weights[name]


class _Trainer(Protocol):
    """What a file here has: functions and names of a module."""

    FORMAT: str
    """Of the export."""
    NEEDS: tuple[str, ...]
    """Files of the export that it reads."""
    SCRIPT: str
    """A file of the checkout, by which it is known."""
    SOURCE: str
    """Upstream files and the commit that were read."""
    CHECKPOINTS: str
    """Where LoRA files lie in `out`, as a glob; the newest is the result."""

    def files(self, job: Job) -> Mapping[str, str]:
        """Configuration files: name -> text; they are written beside `out`."""

    def commands(self, job: Job) -> Sequence[Sequence[str]]:
        """What is started, one after the other, in the checkout."""


def trainer_of(name: str) -> _Trainer:
    """A trainer by its name. Raises UsageError for another."""
    if name not in NAMES:
        raise UsageError(f"--trainer {name!r} is not known{nearest(name, NAMES)}")
    found: Any = importlib.import_module(f"hoigen.training.trainers.{name}")
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Launch:
    """A training that was checked: what is written and started."""

    name: str
    trainer: _Trainer
    job: Job
    out: Path
    files: Mapping[str, str]
    commands: Sequence[Sequence[str]]
    commit: str

    @property
    def facts(self) -> dict[str, Any]:
        """What stands in training.json."""
        digest = hashlib.sha256()
        for name in self.trainer.NEEDS:
            digest.update((self.job.data / name).read_bytes())
        return {
            "trainer": self.name,
            "read_from": self.trainer.SOURCE,
            "commit": self.commit,
            "data": digest.hexdigest(),
            "files": dict(self.files),
            "commands": [list(words) for words in self.commands],
        }


def prepare(name: str, data: Path, out: Path, settings: Settings) -> Launch:
    """Checks everything; nothing is written.

    Args:
        name: of the trainer.
        data: an export in its format.
        out: the training's folder.
        settings: how.

    Raises UsageError.
    """
    trainer = trainer_of(name)
    lacking = [each for each in trainer.NEEDS if not (data / each).is_file()]
    if lacking:
        raise UsageError(
            f"--data {data}: no {', '.join(lacking)}; {name} reads what hoigen export --to {trainer.FORMAT} writes"
        )
    if not settings.folder:
        raise UsageError("folder: must be given: the checkout of the trainer (--set folder=/path/to/it)")
    if not (Path(settings.folder) / trainer.SCRIPT).is_file():
        raise UsageError(f"folder: {settings.folder} has no {trainer.SCRIPT}; it is no checkout of {name}")
    if shutil.which(settings.python) is None:
        raise UsageError(f"python: no program {settings.python!r}; that of the trainer's own environment")
    clips = sum(1 for each in (data / "videos").iterdir() if each.suffix == ".mp4") if (data / "videos").is_dir() else 0
    if not clips:
        raise UsageError(f"--data {data}: no clips in {data / 'videos'}")
    job = Job(data.resolve(), (out / "trainer").resolve(), settings, clips)
    return Launch(name, trainer, job, out, trainer.files(job), trainer.commands(job), _commit(Path(settings.folder)))


def _commit(folder: Path) -> str:
    """The commit of a checkout; "" where git does not say."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run(launch: Launch) -> Path:
    """Starts the trainer and collects its newest LoRA; commands that have ended well are not started again.

    Returns the LoRA file, in lora/ of the training's folder. Raises SetupError where the trainer fails or leaves none,
    UsageError where the folder holds another training.
    """
    folder = Folder(str(launch.out))
    facts = launch.facts
    with folder.lock(".lock"):
        done = 0
        if folder.exists(RECORD):
            try:
                before = json.loads(folder.read(RECORD))
                done = int(before.pop("done"))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{launch.out / RECORD} is no record of hoigen finetune ({error})") from None
            if before != facts:
                other = [key for key in facts if before.get(key) != facts[key]]
                raise UsageError(f"{launch.out} holds another training: {', '.join(other)}. Give another --out")
        launch.job.out.mkdir(parents=True, exist_ok=True)
        for name, text in launch.files.items():
            folder.write(name, text.encode())
        for at, words in enumerate(launch.commands):
            if at >= done:
                _note(folder, facts, at)
                log = launch.out / f"log-{at}.txt"
                with log.open("a+b") as file:
                    settings, name = launch.job.settings, f"{launch.name} ({log})"
                    run_program(words, settings.folder, file, name, launch.job.out, settings.deadline)
                _note(folder, facts, at + 1)
        return _collected(launch)


def _note(folder: Folder, facts: Mapping[str, Any], done: int) -> None:
    folder.write(RECORD, (json.dumps({**facts, "done": done}, indent=1) + "\n").encode())


def _collected(launch: Launch) -> Path:
    found = sorted(launch.job.out.glob(launch.trainer.CHECKPOINTS), key=lambda each: (each.stat().st_mtime_ns, each))
    if not found:
        raise SetupError(f"{launch.name} left no {launch.trainer.CHECKPOINTS} in {launch.job.out}")
    name = LORA_FILE if found[-1].suffix == ".safetensors" else found[-1].name
    if found[-1].is_dir():
        place = launch.out / "lora"
        part = launch.out / ".lora"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(found[-1], part)
        shutil.rmtree(place, ignore_errors=True)
        part.replace(place)
        return place
    Folder(str(launch.out / "lora")).write(name, found[-1].read_bytes())
    return launch.out / "lora" / name
