"""hoigen cut: the kept clips as files."""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.clip import Seconds
from hoigen.errors import UsageError

if TYPE_CHECKING:
    from hoigen.clip import Clip
    from hoigen.executors.task import Emit, Failure, Handler, Task
    from hoigen.progress import Progress
    from hoigen.store import Run

SUFFIXES = (".mp4", ".mkv")


@dataclass(frozen=True, slots=True)
class CutResult:
    """What became of the kept clips. failed: clip id -> reason; pending: clips not decided yet."""

    out: Path
    cut: int
    already: int
    failed: dict[str, str]
    pending: int

    @property
    def incomplete(self) -> bool:
        """Whether files are missing that were asked for; the command then exits with 1."""
        return bool(self.failed)

    def __str__(self) -> str:
        lines = [f"{self.out}: {self.cut} clips cut, {self.already} were there, {len(self.failed)} failed"]
        lines += [f"failed {name}: {reason}" for name, reason in self.failed.items()]
        if self.pending:
            lines.append(f"{self.pending} clips are not decided yet: run hoigen curate again, then hoigen cut")
        return "\n".join(lines)


def cut(
    run: Path,
    *,
    out: Path | None = None,
    copy: bool = False,
    workers: int | None = None,
    deadline: Seconds = 600.0,
    quiet: bool = False,
) -> CutResult:
    """Writes the kept clips of a run as files named by clip id.

    A file that is there is done: run again, it makes only what is missing. A clip that cannot be cut costs that clip.

    Args:
        run: the folder of the run.
        out: the folder of the files; `cut` in the run's folder when not given.
        copy: copy packets between keyframes, quick and lossless but longer than the clip on both sides, instead of
            encoding exactly the clip's frames anew (H.264, CRF 18).
        workers: worker processes; null is one for each core.
        deadline: seconds that one clip may take before it is given up.
        quiet: no progress bars.
    """
    from hoigen.executors import local
    from hoigen.executors.task import Limits, Task
    from hoigen.progress import Progress
    from hoigen.store import Run
    from hoigen.verbs.curate import check_least

    folder = Run(Path(run))
    kept, pending = _kept(folder)
    target = Path(out) if out is not None else folder.cut_folder
    check_least({"workers": workers, "deadline": deadline})
    _ready(target, copy)
    there = {path.stem for path in target.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".")}
    limits = Limits(deadline=deadline, **({"workers": workers} if workers else {}))
    with Progress("cut", len(kept), "clip", quiet=quiet) as bar:
        sink = _Sink(bar)
        for clip in kept:
            if clip.id in there:
                bar.count("kept", already=True)
        tasks = (Task(clip.id, clip) for clip in kept if clip.id not in there)
        try:
            local.run(tasks, functools.partial(setup_cut, target, copy), sink, limits)
        except KeyboardInterrupt:
            _sweep(target, 0.0)  # the workers are gone; another hoigen cut would begin that clip again
            raise
    _sweep(target, deadline)
    already = sum(clip.id in there for clip in kept)
    return CutResult(target, sink.counts["cut"], already, sink.failures, pending)


def setup_cut(out: Path, copy: bool) -> Handler:
    """Runs once in each worker."""

    def handle(clip: Clip, emit: Emit) -> None:
        from hoigen.cutting import cut_clip
        from hoigen.errors import VideoError

        emit.doing("cut")
        try:
            cut_clip(clip, out / f"{clip.id}.mp4", copy)
        except VideoError as error:
            emit(str(error))  # the file's fault: another try would end alike
        else:
            emit(None)

    return handle


@dataclass(slots=True)
class _Sink:
    bar: Progress
    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def part(self, task: Task, reason: Any) -> None:
        if reason is None:
            self.counts["cut"] += 1
        else:
            self.failures[task.key] = f"{task.payload.uri}: {reason}"
        self.bar.count("kept" if reason is None else "failed")

    def done(self, task: Task) -> None:
        pass

    def retry(self, task: Task, failure: Failure) -> Task:
        return task

    def failed(self, task: Task, failure: Failure) -> Task | None:
        self.failures[task.key] = f"{task.payload.uri}: {failure.reason}"
        self.bar.count("failed")
        return None


def _kept(run: Run) -> tuple[list[Clip], int]:
    """The clips that the run's rules keep, in the order of the input, and how many are not decided yet."""
    from hoigen import decide
    from hoigen.clip import Clip
    from hoigen.runfile import steps_of

    _, steps = steps_of(run)
    con = decide.connect(run, steps)
    names = ("id", "uri", "start", "end", "width", "height", "fps")
    columns = ", ".join(f'clips."{name}"' for name in names)
    rows = con.execute(
        f"""select {columns} from walked join clips using (video, n)
        where walked.state = 'kept' order by video, n"""
    ).fetchall()
    pending = con.execute("select count(*) from walked where state = 'pending'").fetchone()
    clips = {row[0]: Clip(**dict(zip(names, row, strict=True))) for row in rows}  # a stretch listed twice is one file
    return list(clips.values()), int(pending[0]) if pending else 0


def _ready(out: Path, copy: bool) -> None:
    """Makes the folder, and refuses to mix exact and copied files in one: their names would be the same."""
    note = out / ".cut"
    kind = "copy" if copy else "exact"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            note.write_text(kind + "\n", encoding="utf-8")
        found = note.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}") from None
    if found != kind:
        other = "with --copy" if found == "copy" else "without --copy"
        raise UsageError(f"{out} holds clips that were cut {other}; give another folder with --out")


def _sweep(out: Path, deadline: Seconds) -> None:
    """Takes away what killed workers left half-written: no worker is at a file for longer than its deadline."""
    oldest = time.time() - deadline
    for path in out.glob(".*.part.*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
