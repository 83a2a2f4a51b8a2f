"""hoigen curate: raw videos in, checked clips out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hoigen.clip import Seconds
from hoigen.errors import HoigenError, UsageError

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.decide import Funnel

NOT_KEYS = ("beside", "quiet", "trust")
"""Arguments that are no keys of a recipe."""
LEAST: Mapping[str, float] = {
    "min_length": 0,
    "workers": 1,
    "deadline": 0.001,
    "load_deadline": 0.001,
    "memory_mb": 64,
    "shard_size": 1,
    "ranks": 1,
    "rank": 0,
}
"""What a number of a recipe is at least."""


def curate(
    videos: str | Path | Sequence[str],
    run: str | Path,
    *,
    shots: str | Mapping[str, Any] | None = "adaptive",
    min_length: Seconds = 1.0,
    max_length: Seconds | None = 60.0,
    duplicates: Literal["drop", "keep"] = "drop",
    measures: Sequence[str | Mapping[str, Any]] = (),
    keep: Mapping[str, Any] | None = None,
    score_all: bool = False,
    caption: Mapping[str, Any] | None = None,
    report: bool = True,
    workers: int | None = None,
    deadline: Seconds = 120.0,
    load_deadline: Seconds = 1800.0,
    memory_mb: int = 4096,
    shard_size: int = 256,
    rank: int = 0,
    ranks: int = 1,
    beside: Path | None = None,
    quiet: bool = False,
    trust: Sequence[str | Path] | None = None,
) -> Funnel:
    """Finds the shots of videos, measures them in a cascade and decides which clips to keep.

    Run again, it does only what is missing; with other rules it computes only scores that are newly needed.

    Args:
        videos: a folder, a glob, a video, `-` for a list on stdin, or a manifest (CSV, JSONL, Parquet with `uri`).
        run: the folder of the run; made when absent.
        shots: how videos are cut into clips: a detector's name, or `none` for files that are clips already.
        min_length: shots shorter than this many seconds are dropped.
        max_length: shots longer than this many seconds are split into equal parts; null leaves them whole.
        duplicates: `drop` or `keep` clips whose content came earlier in the list under another name.
        measures: what to look at, in this order (those that need no frames come first).
        keep: rules by the name of a score, each with min, max (inclusive), above, below (exclusive).
        score_all: measure every clip with everything, also when a rule has dropped it already.
        caption: how `hoigen caption` is to describe the kept clips afterwards; kept with the run.
        report: write the run's report.html at the end.
        workers: worker processes; null is one for each core. They share out the cores: each has cores / workers CPU
            threads, unless OMP_NUM_THREADS is set.
        deadline: seconds that a clip, or a video whose shots are found, may go without progress before it is given up.
        load_deadline: seconds that a worker may take to load its models before the run stops.
        memory_mb: resident memory in MB that one worker may take before its clip is given up.
        shard_size: videos in one part of the tables.
        rank: this process's number when several share the run, from 0 to ranks - 1.
        ranks: how many processes share the run (a Slurm or Kubernetes array).
        trust: files of one's own that may be run; left out, those that these arguments name. Give `[]` when the
            arguments were read from a file.

    Returns the funnel. Raises UsageError for bad arguments before anything is written.
    """
    from hoigen import trusted
    from hoigen.cascade import build_steps
    from hoigen.data.run import Run
    from hoigen.ingest import check_shots
    from hoigen.runfile import write_run_file
    from hoigen.stages.book import Share
    from hoigen.stages.clips import make_clips
    from hoigen.stages.duplicates import mark_duplicates
    from hoigen.stages.scores import FingerprintsChanged, fetched, score_clips
    from hoigen.verbs.caption import job_of
    from hoigen.work.task import Limits

    if not str(run).strip():
        raise UsageError("run: a folder; it came as an empty text")
    arguments = {name: value for name, value in locals().items() if name in recipe_keys()}
    arguments["measures"] = measures = absolute_measures(measures, beside)
    if duplicates not in ("drop", "keep"):
        raise UsageError(f"duplicates: drop or keep; it came as {duplicates!r}")
    check_least(arguments)
    check_shares(rank, ranks)
    check_shots(shots, min_length, max_length)
    trusted.settle({"measures": measures, "caption": caption, "shots": shots}, beside, trust)
    steps = build_steps(measures, keep)
    if caption is not None:
        job_of(caption)
    if not steps:
        raise UsageError("measures: at least one measure must be given (hoigen list names them)")
    limits = Limits(
        deadline=deadline,
        load_deadline=load_deadline,
        memory_mb=memory_mb,
        **({"workers": workers} if workers else {}),
    )
    share = Share(size=shard_size, rank=rank, ranks=ranks)
    folder = Run(Path(run))
    with held(folder, rank):
        fresh = not folder.recipe_file.exists()
        if fresh:  # what cannot be had is told before hours go into finding shots
            _look_at(videos)
            steps = fetched(steps, measures, keep or {}, quiet=quiet)
        _prepare(folder, arguments, steps)
        make_clips(folder, shots, min_length, max_length, share, limits, quiet)
        mark_duplicates(folder, share, by_content=duplicates == "drop")
        try:
            score_clips(folder, steps, measures, keep or {}, score_all, share, limits, quiet, models_present=fresh)
        except FingerprintsChanged as came:  # scores are filed under what they depend on, which is known only now
            steps = came.steps
            write_run_file(folder, arguments, steps)
            score_clips(folder, steps, measures, keep or {}, score_all, share, limits, quiet, models_present=True)
    return _finish(folder, steps, report and rank == 0)


def _look_at(videos: str | Path | Sequence[str]) -> None:
    """Raises UsageError for a folder or list that is not there or holds nothing, before models are fetched for it."""
    from hoigen.sources import read_sources

    if "-" not in ([videos] if isinstance(videos, str | Path) else videos):  # stdin is read once
        next(iter(read_sources(videos, say=lambda text: None)), None)


def recipe_keys() -> tuple[str, ...]:
    """The keys that a recipe may have: the arguments of `curate`."""
    import inspect

    return tuple(name for name in inspect.signature(curate).parameters if name not in NOT_KEYS)


def absolute_measures(measures: Sequence[str | Mapping[str, Any]], beside: Path | None) -> list[str | dict[str, Any]]:
    """The measures with the paths of one's own files made absolute, so that the run can be repeated anywhere."""
    from hoigen.cascade import measure_name
    from hoigen.registry import own_file

    if isinstance(measures, str | Mapping) or not isinstance(measures, Sequence):
        raise UsageError(f"measures: a list of measures; it came as {measures!r}")
    made: list[str | dict[str, Any]] = []
    for spec in measures:
        name, settings = measure_name(spec)
        if name.endswith(".py"):
            name = str(own_file(name, beside))
        made.append({name: _absolute(settings)} if settings else name)
    return made


def _absolute(value: Any) -> Any:
    """Settings with the files and folders that they name made absolute: a run is looked at from anywhere."""
    if isinstance(value, Mapping):
        return {key: _absolute(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_absolute(item) for item in value]
    if isinstance(value, str | Path) and "://" not in str(value):
        path = Path(value).expanduser()
        if (len(path.parts) > 1 and path.exists()) or (path.suffix and path.is_file()):
            return str(path.absolute())
    return value


def check_least(arguments: Mapping[str, Any]) -> None:
    """Refuses numbers below what they can be."""
    for name, least in LEAST.items():
        value = arguments.get(name)
        if value is not None and not value >= least:  # nan is no number either
            raise UsageError(f"{name}: {least:g} or more; it came as {value!r}")


def check_shares(rank: int, ranks: int) -> None:
    if rank >= ranks:
        raise UsageError(f"rank: from 0 to ranks - 1, which is {ranks - 1}; it came as {rank}")


@contextmanager
def held(run: Run, rank: int) -> Iterator[None]:
    """Holds the run's folder for this process: two at once would write the same shards."""
    import fcntl

    try:
        fresh = not run.path.exists()
        run.check_folder()
        run.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"run: {run.path} cannot be made a folder: {error.strerror}") from None
    lock_file = run.path / f".lock-{rank}"
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{run.path} is in use by another hoigen process") from None
        try:
            yield
        except HoigenError:
            if fresh and [entry.name for entry in run.path.iterdir()] == [lock_file.name]:
                lock_file.unlink()  # what ends before anything is written leaves nothing behind
                run.path.rmdir()
            raise


def _prepare(run: Run, arguments: Mapping[str, Any], steps: Sequence[Any]) -> None:
    """Lists the videos and writes run.yaml. In a run that exists, videos that are new are added at the end."""
    from hoigen.data.videolist import write_or_extend
    from hoigen.runfile import same_run, write_run_file
    from hoigen.sources import read_sources

    if run.recipe_file.exists():
        same_run(run, arguments)
    if arguments["rank"] == 0 or not run.videos_file.exists():
        write_or_extend(run.videos_file, read_sources(arguments["videos"]))
    write_run_file(run, arguments, steps)


def _finish(run: Run, steps: Sequence[Any], report: bool) -> Funnel:
    from hoigen import decide

    if report:
        from hoigen.verbs.report import report as write_report

        write_report(run.path)
    return decide.funnel(decide.connect(run, steps), steps, run=run.path)
