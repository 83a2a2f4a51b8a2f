"""hoigen cut: the kept clips as files."""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from hoigen.commands.options import FacesBy, Quiet, RunFolder, faces_by
from hoigen.core.clip import Seconds
from hoigen.core.errors import SetupError, UsageError
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk
from hoigen.core.words import plural
from hoigen.data import cutnote, side
from hoigen.data.cutnote import BLURRED, NOTE, SUFFIXES, Kind
from hoigen.data.parquet import quoted
from hoigen.work.stage import Item, Stage

if TYPE_CHECKING:
    import duckdb

    from hoigen.core.clip import Clip
    from hoigen.data.columns import Row
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step
    from hoigen.work.task import Emit, Failure, Handler

METADATA = "metadata.jsonl"
"""The list beside the files: a row for each, as Hugging Face's VideoFolder reads it."""
NAMED = 3
"""So many files of a list are named on the screen; the result has all."""


@dataclass(frozen=True, slots=True)
class CutResult:
    """What became of the kept clips, and what else lies in the folder.

    failed: clip id -> reason. pending: clips not decided yet. not_kept: name of a file -> what became of its clip,
    which is not kept now (dropped, duplicate, failed, removed); pruned: whether they were deleted. undecided: files of
    clips that are not decided yet. replaced: files that were there and whose video is another one now. others: files
    that look like clips and are none of this run's.
    removed: kept clips that are not cut, because somebody asked for them to be taken out.
    nothing: why nothing is kept, when every clip of the run failed.
    """

    out: Path
    cut: int
    already: int
    failed: dict[str, str]
    pending: int
    not_kept: Mapping[str, str] = field(default_factory=dict)
    pruned: bool = False
    undecided: Sequence[str] = ()
    replaced: Sequence[str] = ()
    others: Sequence[str] = ()
    removed: int = 0
    nothing: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether there are no files of those that were asked for; the command then exits with 1."""
        return bool(self.nothing) or (bool(self.failed) and not self.cut + self.already)

    @property
    def partial(self) -> bool:
        """Whether some files could not be made; the command then exits with 3."""
        return bool(self.failed)

    def __str__(self) -> str:
        from hoigen.rules.removals import told

        lines = [f"{self.out}: {plural(self.cut, 'clip')} cut, {self.already} were there, {len(self.failed)} failed"]
        lines += [f"failed {name}: {reason}" for name, reason in self.failed.items()]
        if self.nothing:
            lines.append(self.nothing)
        if self.removed:
            lines.append(told(self.removed))
        if self.pending:
            lines.append(
                f"{plural(self.pending, 'clip is', 'clips are')} not decided yet (hoigen funnel says why): then "
                f"hoigen cut again"
            )
        if self.not_kept:
            ends = ", ".join(f"{count} {state}" for state, count in Counter(self.not_kept.values()).most_common())
            which = f"{plural(len(self.not_kept), 'file')} of clips that are not kept now ({ends})"
            some = _some(list(self.not_kept))
            left = f"{which} are still there: {some}; the same command with --prune deletes them"
            lines.append(f"{which} were deleted: {some}" if self.pruned else left)
        if self.undecided:
            lines.append(
                f"{plural(len(self.undecided), 'file')} of clips that are not decided yet are still there, and "
                f"--prune leaves "
                f"them: {_some(self.undecided)}"
            )
        if self.replaced:
            lines.append(
                f"{plural(len(self.replaced), 'file was', 'files were')} there whose video has been replaced "
                f"since it was measured: they may "
                f"show either ({_some(self.replaced)})"
            )
        if self.others:
            lines.append(
                f"{plural(len(self.others), 'file is no clip', 'files are no clips')} of this run "
                f"and {'was' if len(self.others) == 1 else 'were'} not touched: {_some(self.others)}"
            )
        return "\n".join(lines)


def cut(
    run: RunFolder,
    *,
    out: Annotated[Path | None, Setting("the folder of the files; `cut` in the run's folder when not given")] = None,
    copy: Annotated[
        bool,
        Setting(
            "copy packets between keyframes, quick and lossless but longer than the clip on both sides, instead of "
            "encoding exactly the clip's frames anew (H.264, CRF 18)"
        ),
    ] = False,
    blur_faces: Annotated[
        bool,
        Setting(
            "make faces unknowable, as far as they are found (docs/cut.md says how many are missed); not with copy"
        ),
    ] = False,
    faces: FacesBy = None,
    prune: Annotated[
        bool,
        Setting(
            "delete the files of clips of this run that its rules do not keep now; no other file is touched, and "
            "none of a clip that is not decided yet"
        ),
    ] = False,
    workers: Annotated[int | None, Setting("worker processes; null is one for each core")] = None,
    deadline: Annotated[Seconds, Setting("seconds that a clip may go without progress before it is given up")] = 600.0,
    quiet: Quiet = False,
) -> CutResult:
    """Writes the kept clips of a run as files named by clip id.

    A file that is there is done: run again, it makes only what is missing. A clip that cannot be cut costs that clip; a
    video that was replaced since it was measured is not cut. Files of clips that are not kept any more are told. Beside
    the files lies `metadata.jsonl`: of each file its name, caption, scores, and the columns of the list.
    """
    from hoigen.data.run import Run
    from hoigen.recipe.recipe import check_numbers
    from hoigen.rules import decide, removals
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.kept import kept_counts
    from hoigen.video.cutting import sweep
    from hoigen.work.task import Limits, cores

    folder = Run(Path(run))
    _, steps = steps_of(folder)
    if words := removals.unnamed(folder):
        print(f"note: {words}", file=sys.stderr)
    total = sum(kept_counts(folder, steps).values())
    if out is None:
        side.check_on_disk(folder.path, "hoigen cut without --out")
    target = on_disk(out, "--out") if out is not None else folder.cut_folder
    folder.check_links()
    check_numbers({"workers": workers, "deadline": deadline})
    if copy and blur_faces:
        raise UsageError("--copy and --blur-faces: packets that are copied cannot be changed; give one of them")
    by = faces_by(blur_faces, faces)
    kind: Kind = "copy" if copy else "exact" if by is None else BLURRED[by]
    _ready(target, kind, folder, prune)
    if out is not None:
        _check_foreign(target, folder, steps)
    _note(target, kind, folder)
    with os.scandir(target) as entries:
        files = sorted(e.name for e in entries if e.name.endswith(SUFFIXES) and not e.name.startswith("."))
    there = {Path(name).stem for name in files}
    limits = Limits(deadline=deadline, workers=workers or cores())
    stage = _CutStage(folder, steps, there, target, kind)
    try:
        stage.go(limits, total=total, quiet=quiet)
    except KeyboardInterrupt:
        sweep(target, 0.0)  # the workers are gone; another hoigen cut would begin that clip again
        raise
    sweep(target, deadline)
    con = decide.connect(folder, steps)
    left, others = _left_over(con, files)
    not_kept = {name: state for name, state in left.items() if state != "pending"}
    if prune:
        for name in not_kept:
            try:
                (target / name).unlink(missing_ok=True)
            except OSError as error:
                raise SetupError(f"--prune: {target / name} cannot be deleted: {error.strerror or error}") from None
    counts = decide.counts(con)
    _list(folder, target)
    return CutResult(
        target,
        stage.cut,
        already=stage.already,
        failed=stage.failures,
        pending=counts.get("pending", 0),
        not_kept=not_kept,
        pruned=prune,
        undecided=[name for name in left if name not in not_kept],
        replaced=[name for name in files if Path(name).stem in stage.replaced],
        others=others,
        removed=decide.removed_count(con),
        nothing=decide.all_failed(con, counts, folder.path),
    )


class _Job(NamedTuple):
    """A kept clip. there: its file is; then it is only looked whether its video is still the one that was measured."""

    clip: Clip
    there: bool


def setup_cut(out: Path, kind: Kind) -> Handler:
    """Runs once in each worker."""
    from hoigen import video

    video.warm()

    def handle(job: _Job, emit: Emit) -> None:
        from hoigen.core.errors import VideoError
        from hoigen.stages.showing import check_unchanged
        from hoigen.video.cutting import cut_clip
        from hoigen.video.faces import faces_of

        clip = job.clip
        emit.doing("cut")
        try:
            check_unchanged(clip, emit.progress)
            if not job.there:
                by = cutnote.FACES.get(kind)
                faces = faces_of(clip, by, emit.progress) if by is not None else None
                cut_clip(clip, out / f"{clip.id}.mp4", kind == "copy", emit.progress, faces=faces)
        except VideoError as error:
            emit(str(error))  # the file's fault: another try would end alike
        else:
            emit(None)

    return handle


class _CutStage(Stage):
    """Kept clips -> files. Of a file that is there it is only looked whether its video is another one now."""

    name = "cut"
    unit = "clip"

    def __init__(self, run: Run, steps: Sequence[Step], there: set[str], out: Path, kind: Kind) -> None:
        super().__init__()
        self.folder, self.steps, self.there, self.out, self.kind = run, steps, there, out, kind
        self.cut = self.already = 0
        self.failures: dict[str, str] = {}
        self.replaced: set[str] = set()

    def setup(self) -> Callable[[], Handler]:
        return functools.partial(setup_cut, self.out, self.kind)

    def plan(self, shard: int) -> Iterator[Item | str]:
        """The clips that the rules keep, in the order of the input; a shard of the run at a time is held."""
        from hoigen.core.clip import Clip
        from hoigen.stages.kept import kept_clips
        from hoigen.stages.showing import may_be_replaced, measured_as
        from hoigen.video.cutting import check_name

        names = ("id", "uri", "start", "end", "width", "height", "fps")
        for part, ids in kept_clips(self.folder, self.steps):
            kept = dict.fromkeys(ids)
            for row in self.folder.clips.read(part, [*names, "state", "digest", "header"]):
                if row["id"] not in kept or row["state"] != "ok":
                    continue
                check_name(row["id"], f"{self.folder.clips.folder.uri}, shard {part}")
                del kept[row["id"]]  # a stretch listed twice is one file
                clip = Clip(**{name: row[name] for name in names}, meta=measured_as(row))
                if clip.id in self.there:
                    self.already += 1
                    yield "kept"
                if clip.id not in self.there or may_be_replaced(clip):
                    yield Item(clip.id, _Job(clip, clip.id in self.there))

    def answer(self, item: Item, part: str | None) -> Iterable[Row]:
        if item.payload.there:
            if part is not None:
                self.replaced.add(item.key)
        elif part is None:
            self.cut += 1
        else:
            self.failures[item.key] = f"{item.payload.clip.uri}: {part}"
        return ()

    def lost(self, item: Item, failure: Failure) -> Iterable[Row]:
        if not item.payload.there:
            self.failures[item.key] = f"{item.payload.clip.uri}: {failure.reason}"
        return ()

    def ended(self, item: Item) -> str:
        if item.payload.there:
            return ""  # counted already
        return "failed" if item.key in self.failures else "kept"


def _left_over(con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Files that no kept clip has: those of other clips of the run, with their state, and those of none. A clip that
    somebody asked to be taken out is `removed`, whatever the rules say."""
    if not files:
        return {}, []
    import pyarrow as pa

    con.register("asked", pa.table({"name": list(files), "id": [Path(name).stem for name in files]}))
    found = con.execute(
        """select name, min(case when id in (select id from removed) then 'removed' when rule = 'duplicate' then rule
            else state end)
        from asked left join walked using (id) group by name
        having not coalesce(bool_or(state = 'kept'), false) order by name"""
    ).fetchall()
    left = {name: state for name, state in found if state is not None}
    return left, [name for name, state in found if state is None]


def _list(run: Run, out: Path) -> None:
    """Writes the list of the files of kept clips: all that `hoigen table` has of them. None where there is no file."""
    import pyarrow as pa

    from hoigen.commands.table import copy_to, table

    with os.scandir(out) as entries:
        files = sorted(e.name for e in entries if e.name.endswith(SUFFIXES) and not e.name.startswith("."))
    found = table(run.path, state="kept")
    found.con.register("files", pa.table({"id": [Path(name).stem for name in files], "file_name": files}))
    columns = [name for name, *_ in found.con.execute(f"describe {found.query}").fetchall()]
    words = [f"kept.{name}" for name in ("caption", "prompt") if name in columns]  # of hoigen caption, of the list
    caption = f"coalesce({', '.join(words)}) as caption, " if words else ""
    others = [name for name in columns if name not in ("state", "rule", "reason", "file_name", "caption")]
    shown = caption + ", ".join(f"kept.{quoted(name)}" for name in others)
    each = f"select distinct on (id) * from ({found.query})"  # a stretch listed twice is one file
    query = f"select files.file_name, {shown} from ({each}) kept join files using (id) order by uri, start"
    if not copy_to(found.con, query, "jsonl", out / METADATA):
        (out / METADATA).unlink(missing_ok=True)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def _ready(out: Path, kind: Kind, run: Run, prune: bool) -> None:
    """Makes the folder.

    Refuses to mix exact, blurred and copied files in one, whose names would be the same, and to prune where another run
    has cut too: a clip of both has one name, and what this run drops the other may keep.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}") from None
    noted = cutnote.read(out)
    found, runs = noted or (kind, [])
    if found != kind:
        raise UsageError(f"{out} holds clips that were cut {cutnote.KINDS[found]}; give another folder with --out")
    if kind in cutnote.FACES and noted is None and any(path.suffix in SUFFIXES for path in out.iterdir()):
        raise UsageError(  # a release says of its files what the note says
            f"{out} holds videos, and no {NOTE} says that their faces are hidden; give another folder with --out"
        )
    others = [name for name in runs if name != run.address]
    if prune and others:
        raise UsageError(
            f"--prune: {out} holds clips of other runs too ({', '.join(others)}), which may keep what this one drops; "
            f"cut into a folder of its own, or delete their lines in {out / NOTE}"
        )


def _check_foreign(out: Path, run: Run, steps: Sequence[Step]) -> None:
    """Raises UsageError for a folder into which this run has not cut yet and that holds other things, or clips of
    another run. A noted run that is not there any more may be this one, before it was moved."""
    from hoigen.rules import decide

    _, runs = cutnote.read(out) or ("", [])
    if run.address in runs:
        return
    instead = "give another folder with --out, or an empty one"
    if there := [name for name in runs if Path(name).is_dir()]:
        raise UsageError(f"--out {out}: it holds clips of another run ({there[0]}); {instead}")
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    clips = [name for name in names if name.endswith(SUFFIXES)]
    foreign = [name for name in names if not name.endswith(SUFFIXES) and not (clips and name == METADATA)]
    if clips and not foreign:
        foreign = _left_over(decide.connect(run, steps), clips)[1]
    if foreign:
        raise UsageError(f"--out {out}: it holds other files ({_some(foreign)}); {instead}")


def _note(out: Path, kind: Kind, run: Run) -> None:
    """Notes in the folder how it is cut and from which runs."""
    _, runs = cutnote.read(out) or (kind, [])
    if run.address not in runs:
        try:
            cutnote.write(out, kind, [*runs, run.address])
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror or error}") from None
