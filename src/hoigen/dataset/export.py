"""The kept clips of a run as a trainer's dataset: planned, made, written down, read back."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError
from hoigen.core.words import plural
from hoigen.dataset import wording
from hoigen.dataset.making import Making
from hoigen.dataset.plan import NOTE, Plan, Task
from hoigen.dataset.readback import faults
from hoigen.dataset.shape import Shape
from hoigen.work.task import Limits


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What became of the kept clips: `kept` is the sum of those written, already there, left out and failed, where each
    clip gives one file.

    Args:
        out: where the dataset lies.
        format: its name.
        plan: what was to be made.
        counter: what counted tokens.
        limit: tokens that the trainer takes; None: not known.
        dry: nothing was made.
        written: files that were made now.
        already: files that were there.
        linked: of those written, links.
        failed: name -> why it could not be made.
        samples: how many the dataset has.
        read_back: how many were read back as the trainer reads them; None: they could not be.
        gone: files of clips that are not wanted any more and were taken away.
        start: how training is started.
        note: what one should know of the format.
    """

    out: str
    format: str
    plan: Plan
    counter: wording.Counter
    limit: int | None
    shape: Shape
    dry: bool = False
    written: int = 0
    already: int = 0
    linked: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    samples: int = 0
    read_back: int | None = None
    gone: Sequence[str] = ()
    start: str = ""
    note: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether there are no files of those that were asked for; the command then exits with 1."""
        return bool(self.failed) and not self.written + self.already + self.linked

    @property
    def partial(self) -> bool:
        """Whether some files could not be made; the command then exits with 3."""
        return bool(self.failed)

    def __str__(self) -> str:
        plan = self.plan
        out = sum(plan.left_out.values())
        lines = [
            f"{plural(plan.kept, 'kept clip')}: {plan.kept - out} give {plural(plan.files, 'file')}, {out} are left out"
        ]
        lines += [f"  left out {count}: {reason}" for reason, count in plan.left_out.most_common()]
        for what, count in plan.sizes.most_common(8):
            if what is not None:
                lines.append(f"  {plural(count, 'file')} of {plural(what[2], 'frame')} at {what[0]}x{what[1]}")
        many, worst = plan.cropped
        if many:
            verb = "cropped" if self.shape.fit == "crop" else "padded with black"
            lines.append(f"  {plural(many, 'file is', 'files are')} {verb}, the most by {worst:.0%} of the picture")
        lines += self._words()
        if plan.pending:
            lines.append(
                f"  {plural(plan.pending, 'clip is', 'clips are')} not decided yet: run hoigen curate again, then "
                f"hoigen export"
            )
        if self.dry:
            return "\n".join([*lines, "nothing was written (--dry-run)"])
        lines.append(
            f"{self.out}: {plural(self.written, 'file')} written"
            + (f" ({self.linked} of them links)" if self.linked else "")
            + f", {self.already} were there, {len(self.failed)} failed; {plural(self.samples, 'sample')}"
        )
        lines += [f"failed {name}: {reason}" for name, reason in self.failed.items()]
        if self.gone:
            lines.append(f"{plural(len(self.gone), 'file')} of clips that are not wanted any more were taken away")
        if self.read_back is not None:
            lines.append(f"read back by the rules of {self.format}'s loader: {self.read_back} of {self.samples}")
        elif self.samples:
            lines.append("not read back: the folder is no folder of this machine")
        if out:
            lines.append(f"left out, clip by clip: {NOTE}/left_out.csv")
        lines += [line for line in (self.note, self._start) if line]
        return "\n".join(lines)

    @property
    def _start(self) -> str:
        """How training is started, with the folder as a shell, or where it stands in quotes, as Python takes it."""

        def place(found: re.Match[str]) -> str:
            path = self.out + found[2]
            return json.dumps(path, ensure_ascii=False) if found[1] else shlex.quote(path)

        return re.sub(r"""(["']?)OUT([\w./{}-]*)\1""", place, self.start)

    def _words(self) -> list[str]:
        if self.limit is None or not self.plan.tokens:
            return []
        if self.counter.exact:
            return [
                f"  {plural(self.plan.long, 'caption is', 'captions are')} cut: they have more than {self.limit} "
                f"tokens (the longest "
                f"{self.plan.tokens}, by {self.counter.by})"
            ]
        return [
            f"  {plural(self.plan.long, 'caption')} may have more than {self.limit} tokens, by an estimate of "
            f"{self.counter.by} "
            f"(the longest {self.plan.tokens}); --tokenizer FOLDER counts"
        ]


def run_task(task: Task, *, dry_run: bool, workers: int, deadline: Seconds, quiet: bool) -> ExportResult:
    """Exports; or says what would be exported.

    Args:
        task: what is asked for.
        dry_run: only say.
        workers: processes.
        deadline: seconds that a clip may go without progress.
        quiet: no bar.

    Raises UsageError before anything is written, SetupError when the folder cannot be written.
    """
    plan = task.plan()
    task.check(plan)
    trainer = task.format.trainer
    result = ExportResult(
        task.out.uri, task.format.name, plan, task.counter, task.format.wants.tokens, task.shape, dry=True,
        start=trainer.start, note=trainer.note,
    )  # fmt: skip
    if dry_run:
        return result
    task.begin()
    stage = Making(task)
    try:
        stage.go(Limits(deadline=deadline, workers=workers), total=plan.files, quiet=quiet)
    except (KeyboardInterrupt, SetupError):
        task.sweep(0.0)  # the workers are gone
        raise
    task.sweep(deadline)
    try:
        count, gone = task.finish()
    except OSError as error:
        raise SetupError(f"--out {task.out.uri}: {error.strerror or error}") from None
    result = replace(
        result, dry=False, written=stage.written, already=stage.already, linked=stage.linked, failed=stage.failures,
        samples=count, gone=gone,
    )  # fmt: skip
    if count and task.out.is_local:
        wrong = faults(task.format, Path(task.out.uri), task.samples(), decode=False)
        if wrong:
            said = "; ".join(wrong[:5])
            raise SetupError(f"{task.out.uri} is not what was kept, as {task.format.name} reads it: {said}")
        result = replace(result, read_back=count)
    return result
