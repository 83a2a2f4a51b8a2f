"""Generated videos on disk: which were asked for, which are there, and how each was made.

A video is `<prompt id>-<sample>.mp4` in a folder named after its model, as `hoigen evaluate` reads it. Beside it lies
`<prompt id>-<sample>.json`: all that it was made with. It is written after the video, so that a video with it is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.core.errors import UsageError, shown
from hoigen.core.words import plural
from hoigen.data.files import Folder
from hoigen.interactions.prompts.suite import Prompt, Suite


@dataclass(frozen=True, slots=True)
class Job:
    """One video that is asked for.

    Args:
        prompt: of the suite.
        words: what the model is given.
        sample: its number among the prompt's videos, from 0.
        seed: of its noise; None where nobody knows it, as of services.
    """

    prompt: Prompt
    words: str
    sample: int
    seed: int | None

    @property
    def name(self) -> str:
        """Of its files, without a suffix."""
        return f"{self.prompt.id}-{self.sample}"


def seed_of(base: int, prompt: str, sample: int) -> int:
    """The seed of a video: the same for every model, so that base and fine-tuned start from the same noise.

    Args:
        base: the seed of the whole call.
        prompt: its id.
        sample: its number.
    """
    digest = hashlib.sha256(f"{base}\0{prompt}\0{sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def jobs_of(suite: Suite, samples: int, seed: int, *, long: bool) -> list[Job]:
    """All videos that a suite asks for: every prompt's first sample before any second.

    Args:
        suite: the prompts.
        samples: videos of each.
        seed: of the whole call.
        long: models get the long prompts, where there are any.
    """
    from hoigen.interactions.prompts.export import asked

    wordless = [prompt.id for prompt in suite.prompts if not asked(prompt, long)]
    if wordless:
        raise UsageError(
            f"--prompts: {plural(len(wordless), 'prompt has', 'prompts have')} no words: {', '.join(wordless[:3])}"
        )
    return [
        Job(prompt, asked(prompt, long), sample, seed_of(seed, prompt.id, sample))
        for sample in range(samples)
        for prompt in suite.prompts
    ]


class Made:
    """The videos of one model.

    Args:
        folder: where they lie; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.folder = Folder(str(folder))

    def record(self, name: str) -> Mapping[str, Any] | None:
        """How the video `name` was made; None where there is none that is whole.

        Raises UsageError when what lies there is no record.
        """
        if not self.folder.exists(f"{name}.json"):
            return None
        try:
            found = json.loads(self.folder.read(f"{name}.json"))
            file = found["video"]["file"]
            digest = found["video"]["sha256"]
            found["settings"], found["seed"], found["prompt"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UsageError(f"{self.path / name}.json is no record of hoigen generate; move it away") from None
        if not self.folder.exists(str(file)):
            return None
        whole = hashlib.sha256(self.folder.read(str(file))).hexdigest() == digest
        return found if whole else None

    def sizes(self, jobs: Sequence[Job]) -> list[Mapping[str, Any]]:
        """Frames, fps, height, width of the videos of `jobs` that are there, as their records have it."""
        names = [f"{job.name}.json" for job in jobs]
        return [json.loads(self.folder.read(name))["video"] for name in names if self.folder.exists(name)]

    def missing(self, jobs: Sequence[Job], settings: Mapping[str, Any]) -> list[Job]:
        """The jobs whose video is not there.

        Args:
            jobs: what is asked for.
            settings: what they are made with.

        Raises UsageError where a video is there that was made with other settings, another seed or other words.
        """
        lacking = []
        for job in jobs:
            record = self.record(job.name)
            if record is None:
                lacking.append(job)
                continue
            came = {"prompt": job.words, "seed": job.seed, **settings}
            before = {"prompt": record["prompt"], "seed": record["seed"], **record["settings"]}
            other = [key for key in sorted({*came, *before}) if before.get(key) != came.get(key)]
            if other:
                changes = "; ".join(
                    f"{key} {shown(before.get(key))} there, {shown(came.get(key))} now" for key in other
                )
                raise UsageError(
                    f"{self.path / job.name}.mp4 was made otherwise: {changes}. Give another --out or --name, or move "
                    "the folder away"
                )
        return lacking

    def add(self, job: Job, video: bytes, record: Mapping[str, Any], suffix: str = ".mp4") -> None:
        """Writes a video and then its record, each whole or not at all.

        Args:
            job: what was asked for.
            video: the file.
            record: how it was made; prompt, seed and the file's digest are added.
            suffix: of the file.
        """
        file = f"{job.name}{suffix}"
        facts = {
            "prompt_id": job.prompt.id,
            "prompt": job.words,
            "sample": job.sample,
            "seed": job.seed,
            **record,
            "video": {
                **record.get("video", {}),
                "file": file,
                "bytes": len(video),
                "sha256": hashlib.sha256(video).hexdigest(),
            },
        }
        self.folder.write(file, video)
        text = json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
        self.folder.write(f"{job.name}.json", text.encode())
