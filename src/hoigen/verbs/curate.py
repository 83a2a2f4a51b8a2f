"""hoigen curate: raw videos in, checked clips out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hoigen.clip import Seconds
from hoigen.errors import HoigenError, UsageError
from hoigen.work.task import DEADLINE, LOAD_DEADLINE, MEMORY_MB

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.decide import Funnel
    from hoigen.work.ranks import Barrier, Rank

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
    deadline: Seconds = DEADLINE,
    load_deadline: Seconds = LOAD_DEADLINE,
    memory_mb: int = MEMORY_MB,
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
        shard_size: videos in one block while clips are found, and the fewest clips in a shard of the tables, unless a
            run is larger: shards grow with it, up to 4096 clips.
        rank: this process's number when several share the run, from 0 to ranks - 1.
        ranks: how many processes share the run (a Slurm or Kubernetes array). One that has done its part of a stage
            before others ends (exit code 75), and is to be started again.
        trust: files of one's own that may be run; left out, those that these arguments name. Give `[]` when the
            arguments were read from a file.

    Returns the funnel. Raises UsageError for bad arguments before anything is written, and RanksOpen when this rank has
    done its part and others have not.
    """
    if not str(run).strip():
        raise UsageError("run: a folder; it came as an empty text")
    arguments = {name: value for name, value in locals().items() if name in recipe_keys()}
    return carry_out(arguments, beside=beside, quiet=quiet, trust=trust)


def carry_out(
    arguments: dict[str, Any],
    *,
    beside: Path | None = None,
    quiet: bool = False,
    trust: Sequence[str | Path] | None = None,
    retry: bool = False,
) -> Funnel:
    """`curate`, of its arguments as a recipe has them.

    Args:
        arguments: by the keys of a recipe, all of them.
        beside: the folder that paths of the recipe go from.
        quiet: no progress bars.
        trust: as of `curate`.
        retry: videos and scores that failed count as missing; they stay in force until there are others.
    """
    from hoigen import trusted
    from hoigen.cascade import build_steps
    from hoigen.data.run import Run
    from hoigen.ingest import check_shots
    from hoigen.runfile import write_run_file
    from hoigen.stages.clips import make_clips
    from hoigen.stages.scores import FingerprintsChanged, fetched, score_clips
    from hoigen.verbs.caption import job_of
    from hoigen.work.ranks import Rank
    from hoigen.work.task import Limits

    arguments["measures"] = measures = absolute_measures(arguments["measures"], beside)
    shots, keep, duplicates = arguments["shots"], arguments["keep"] or {}, arguments["duplicates"]
    lengths = arguments["min_length"], arguments["max_length"]
    if duplicates not in ("drop", "keep"):
        raise UsageError(f"duplicates: drop or keep; it came as {duplicates!r}")
    check_least(arguments)
    check_shares(arguments["rank"], arguments["ranks"])
    check_shots(shots, *lengths)
    trusted.settle({"measures": measures, "caption": arguments["caption"], "shots": shots}, beside, trust)
    steps = build_steps(measures, arguments["keep"])
    if arguments["caption"] is not None:
        job_of(arguments["caption"])
    if not steps:
        raise UsageError("measures: at least one measure must be given (hoigen list names them)")
    limits = Limits(
        deadline=arguments["deadline"],
        load_deadline=arguments["load_deadline"],
        memory_mb=arguments["memory_mb"],
        **({"workers": arguments["workers"]} if arguments["workers"] else {}),
    )
    rank = Rank(arguments["rank"], arguments["ranks"])
    folder = Run(Path(arguments["run"]))
    with held(folder, rank):
        fresh = not folder.recipe_file.exists()
        if fresh:  # what cannot be had is told before hours go into finding shots
            _look_at(arguments["videos"])
            steps = fetched(steps, measures, keep, quiet=quiet)
        _prepare(folder, arguments, steps)
        by_content = duplicates == "drop"
        size = arguments["shard_size"]
        make_clips(folder, shots, *lengths, size, rank, limits, quiet, by_content=by_content, retry=retry)
        how = (measures, keep, arguments["score_all"], rank, limits, quiet)
        try:
            barrier = score_clips(folder, steps, *how, models_present=fresh, retry=retry)
        except FingerprintsChanged as came:  # scores are filed under what they depend on, which is known only now
            steps = came.steps
            write_run_file(folder, arguments, steps)
            barrier = score_clips(folder, steps, *how, models_present=True, retry=retry)
        return _finish(folder, steps, barrier, arguments["report"])


def _look_at(videos: str | Path | Sequence[str]) -> None:
    """Raises UsageError for a folder or list that is not there or holds nothing, before models are fetched for it."""
    from hoigen.sources import read_sources

    if "-" not in ([videos] if isinstance(videos, str | Path) else videos):  # stdin is read once
        next(iter(read_sources(videos, say=lambda text: None)), None)


def recipe_keys() -> tuple[str, ...]:
    """The keys that a recipe may have: the arguments of `curate`."""
    import inspect

    return tuple(name for name in inspect.signature(curate).parameters if name not in NOT_KEYS)


def defaults() -> dict[str, Any]:
    """The keys that a recipe may leave out, with what holds then."""
    import inspect

    every = inspect.signature(curate).parameters
    return {name: every[name].default for name in recipe_keys() if every[name].default is not inspect.Parameter.empty}


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
def held(run: Run, rank: Rank) -> Iterator[None]:
    """Holds the run's folder for this rank: two processes of one rank would write the same shards, and so would ranks
    of two divisions (1 of 2 and 1 of 5)."""
    from hoigen.data.files import Folder
    from hoigen.errors import Locked
    from hoigen.work.ranks import DIVISION, one_division

    try:
        fresh = not run.path.exists()
        run.check_folder()
        run.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"run: {run.path} cannot be made a folder: {error.strerror}") from None
    lock = f".lock-{rank.number}"
    with ExitStack() as stack:
        try:
            stack.enter_context(Folder(str(run.path)).lock(lock))
        except Locked:
            raise UsageError(f"{run.path} is in use by another hoigen process") from None
        stack.enter_context(one_division(run.path, rank))
        try:
            yield
        except HoigenError:
            left = {lock, DIVISION}
            if fresh and {entry.name for entry in run.path.iterdir()} <= left:
                for name in left:  # what ends before anything is written leaves nothing behind
                    (run.path / name).unlink(missing_ok=True)
                run.path.rmdir()
            raise


def _prepare(run: Run, arguments: Mapping[str, Any], steps: Sequence[Any]) -> None:
    """Lists the videos and writes run.yaml. In a run that exists, videos that are new are added at the end."""
    from hoigen.data.videolist import write_or_extend
    from hoigen.runfile import same_run, write_run_file
    from hoigen.sources import read_sources

    if run.recipe_file.exists():
        same_run(run, arguments)
    write_or_extend(run.videos_file, read_sources(arguments["videos"]))
    write_run_file(run, arguments, steps)


def _finish(run: Run, steps: Sequence[Any], barrier: Barrier, report: bool) -> Funnel:
    """What is done once, after all ranks: small parts are merged, and the page is written."""
    from hoigen import decide
    from hoigen.verbs.report import report as write_report

    if not barrier.passed or (report and not run.report_file.exists()):
        with barrier.last_step():
            for table in (run.clips, *(run.scores(step.name, step.fingerprint, step.emits) for step in steps)):
                table.compact()
            if report:
                write_report(run.path)
    return decide.funnel(decide.connect(run, steps), steps, run=run.path)
