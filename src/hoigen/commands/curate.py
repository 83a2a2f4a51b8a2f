"""hoigen curate: raw videos in, checked clips out."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar

from hoigen.commands.options import DryRun, Executor, Prepare, Quiet, switches
from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.recipe.recipe import KEYS, Recipe

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step
    from hoigen.rules.decide import Funnel
    from hoigen.stages.scores import Planned
    from hoigen.work.ranks import Barrier, Rank
    from hoigen.work.task import Cluster


def curate(
    videos: str | Path | Sequence[str] | Recipe,
    run: str | Path = "",
    *,
    bad_rows: Literal["stop", "fail"] = Recipe.bad_rows,
    shots: str | Mapping[str, Any] | None = Recipe.shots,
    min_length: Seconds = Recipe.min_length,
    max_length: Seconds | None = Recipe.max_length,
    duplicates: Literal["drop", "keep"] = Recipe.duplicates,
    measures: Sequence[str | Mapping[str, Any] | type[Any] | Any] = Recipe.measures,
    keep: Mapping[str, Any] | None = Recipe.keep,
    score_all: bool = Recipe.score_all,
    caption: Mapping[str, Any] | None = Recipe.caption,
    report: bool = Recipe.report,
    workers: int | None = Recipe.workers,
    deadline: Seconds = Recipe.deadline,
    load_deadline: Seconds = Recipe.load_deadline,
    memory_mb: int = Recipe.memory_mb,
    breaker: bool = Recipe.breaker,
    executor: str | Mapping[str, Any] = Recipe.executor,
    shard_size: int = Recipe.shard_size,
    beside: Path | None = None,
    quiet: bool = False,
    trust: Sequence[str | Path] | None = None,
) -> Funnel:
    """Finds the shots of videos, measures them in a cascade and decides which clips to keep.

    Run again, it does only what is missing; with other rules it computes only scores that are newly needed.

    Args:
        videos: the videos; or a whole `hoigen.Recipe`, and none of the other keys.
        run, bad_rows, shots, min_length, max_length, duplicates, measures, keep, score_all, caption, report, workers,
            deadline, load_deadline, memory_mb, breaker, executor, shard_size: the keys of a recipe; `hoigen.Recipe`
            and docs/recipe.md say what each means. A measure may be a class, or an object with its settings, too.
        beside: the folder that paths of the recipe go from.
        quiet: no progress bars.
        trust: files of one's own that may be run; left out, those that these arguments name. Give `[]` when the
            arguments were read from a file.

    Returns the funnel. Raises UsageError for bad arguments before anything is written.
    """
    given = {name: value for name, value in locals().items() if name in KEYS}
    if isinstance(videos, Recipe):
        defaults = {name: "" if key.required else key.default for name, key in KEYS.items()} | {"videos": videos}
        twice = [name for name in KEYS if given[name] != defaults[name]]
        if twice:
            raise UsageError(f"a Recipe has all keys; {', '.join(twice)} came beside it: use dataclasses.replace")
        return carry_out(videos, beside=beside, quiet=quiet, trust=trust)
    return carry_out(Recipe(**given), beside=beside, quiet=quiet, trust=trust)


T = TypeVar("T")
P = ParamSpec("P")


def _opened(do: Callable[Concatenate[Recipe, P], T]) -> Callable[Concatenate[Recipe, P], T]:
    """What is done with a recipe whose run may be in an object store."""

    @functools.wraps(do)
    def done(recipe: Recipe, /, *given: P.args, **named: P.kwargs) -> T:
        from hoigen.data import side

        with side.opened(recipe.run) as place:
            return do(replace(recipe, run=place), *given, **named)

    return done


def command(
    recipe: Annotated[str, Setting("a recipe's YAML file, or the name of one that comes with hoigen (lite, paper)")],
    *,
    videos: Annotated[
        list[str] | None,
        Setting("a folder, a glob, a video, - (a list on stdin) or a manifest; may be given more than once"),
    ] = None,
    run: Annotated[str | None, Setting("the folder of the run")] = None,
    set: Annotated[list[str] | None, Setting("set any key of the recipe, as key=value")] = None,
    executor: Executor = None,
    prepare: Prepare = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> Funnel | Planned | Prepared:
    """`curate` as it is typed: the keys are those of a recipe's file, changed by `set`."""
    from hoigen.core import hosts, trusted
    from hoigen.core.registry import measure_names
    from hoigen.recipe.build import recipe_of
    from hoigen.recipe.recipe import MOVED, unknown_key
    from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path

    path = recipe_path(recipe)
    for text in set or []:
        head = text.partition("=")[0].split(".")[0].strip()
        if head in KEYS or not head:
            continue
        if head in measure_names() and head not in MOVED:  # a measure's settings, without the way to them
            raise UsageError(f"--set {text}: the settings of a measure are set by --set measures.{text}")
        raise UsageError(f"--set {text}: {unknown_key(head)}")
    given = apply_sets(load_recipe(path), set or [])
    if videos:
        given["videos"] = videos[0] if len(videos) == 1 else videos
    if run is not None:
        given["run"] = run
    if switches(executor, given.get("executor")):
        given["executor"] = executor
    wanted = recipe_of(given, str(path))
    trusted.check(given, path, path.parent)
    if path.name == "run.yaml":
        hosts.check_asked(given, path)
    else:
        hosts.ask_for(given)
    if dry_run:
        return plan(wanted, path.parent)
    if prepare:
        return prepared(wanted, beside=path.parent, quiet=quiet, trust=())
    return carry_out(wanted, beside=path.parent, quiet=quiet, trust=())


@_opened
def carry_out(
    recipe: Recipe,
    *,
    beside: Path | None = None,
    quiet: bool = False,
    trust: Sequence[str | Path] | None = None,
    retry: bool = False,
    rank: Rank | None = None,
) -> Funnel:
    """`curate`, of a recipe.

    Args:
        recipe: its keys, each of the type that its field says.
        beside: the folder that paths of the recipe go from.
        quiet: no progress bars.
        trust: as of `curate`.
        retry: videos and scores that failed count as missing; they stay in force until there are others.
        rank: this process among those that share a run that is prepared, whose list stays as it is; None for one that
            is alone.

    Raises RanksOpen when this rank has done its part and others have not.
    """
    from hoigen.rules.cascade import with_rules
    from hoigen.rules.runfile import write_run_file
    from hoigen.stages.clips import make_clips
    from hoigen.stages.scores import FingerprintsChanged, score_clips, workers_for
    from hoigen.work.ranks import Rank, held
    from hoigen.work.task import EVERY_CORE, Limits, cores

    asked = _checked(recipe, beside, trust)
    recipe, run, mine = asked.recipe, asked.run, rank or Rank()
    limits = Limits(
        deadline=recipe.deadline,
        load_deadline=recipe.load_deadline,
        memory_mb=recipe.memory_mb,
        breaker=recipe.breaker,
        workers=recipe.workers or (cores() if asked.cluster is None else EVERY_CORE),
        cluster=asked.cluster,
    )
    with held(run, mine):
        steps, fresh, told = _begun(asked, quiet=quiet, listed=rank is not None, part=mine.of > 1)
        make_clips(
            run,
            recipe.shots,
            recipe.min_length,
            recipe.max_length,
            recipe.shard_size,
            mine,
            limits,
            quiet,
            by_content=recipe.duplicates == "drop",
            retry=retry,
        )
        scoring = limits if asked.cluster is not None else replace(limits, workers=recipe.workers or workers_for(steps))
        how = (recipe.measures, asked.keep, recipe.score_all, mine, scoring, quiet)
        try:
            barrier = score_clips(run, steps, *how, models_present=fresh, retry=retry)
        except FingerprintsChanged as came:  # scores are filed under what they depend on, which is known only now
            steps = came.steps
            write_run_file(run, recipe, steps, part=mine.of > 1)
            barrier = score_clips(run, steps, *how, models_present=True, retry=retry)
        funnel = _finish(run, with_rules(steps, recipe.keep), barrier, recipe.report)
        return replace(funnel, told=(*funnel.told, *told))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that has its list, and nothing else is done: so many videos, in blocks that parts share out."""

    run: Path
    videos: int
    blocks: int

    def __str__(self) -> str:
        return (
            f"{self.run} is prepared: {plural(self.videos, 'video')} in {plural(self.blocks, 'block')}. hoigen work "
            f"{shlex.quote(str(self.run))} --part i/n, with i from 0 to n - 1, does the work; n may be up to "
            f"{max(1, self.blocks)} (docs/cluster.md)"
        )


@_opened
def prepared(
    recipe: Recipe, *, beside: Path | None = None, quiet: bool = False, trust: Sequence[str | Path] | None = None
) -> Prepared:
    """What is done once before any number of processes share a run: models are fetched, the list of videos and run.yaml
    are written. Args as of `carry_out`."""
    from hoigen.data.parquet import part_rows
    from hoigen.work.ranks import Rank, held

    asked = _checked(recipe, beside, trust)
    with held(asked.run, Rank()):
        _begun(asked, quiet=quiet, listed=False, part=False)
        videos = part_rows(asked.run.videos_file) or 0
    return Prepared(asked.run.path, videos, -(-videos // recipe.shard_size))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A recipe that can be carried out. recipe: with the places of what it names; keep: its rules on what is measured;
    steps: its measures; cluster: where they are done, if not here."""

    recipe: Recipe
    run: Run
    keep: Mapping[str, Any]
    steps: tuple[Step, ...]
    cluster: Cluster | None


def _checked(recipe: Recipe, beside: Path | None, trust: Sequence[str | Path] | None) -> _Asked:
    """Raises UsageError for whatever is wrong with a recipe, before anything is written. Args as of `carry_out`."""
    from hoigen.core import hosts, trusted
    from hoigen.core.registry import entry_of
    from hoigen.data.run import Run
    from hoigen.recipe import places
    from hoigen.recipe.build import cluster_of
    from hoigen.rules.cascade import build_steps, measured, measured_keep
    from hoigen.stages.captioners._job import job_of
    from hoigen.stages.ingest import check_shots

    if not isinstance(recipe.measures, str):
        recipe = replace(recipe, measures=[entry_of("measure", each, "measures") for each in recipe.measures])
    if trust is None:  # arguments that nobody read from a file
        hosts.ask_for({"measures": recipe.measures, "caption": recipe.caption})
    check_shots(recipe.shots, recipe.min_length, recipe.max_length)
    trusted.settle({"measures": recipe.measures, "caption": recipe.caption, "shots": recipe.shots}, beside, trust)
    measures = places.measures_of(recipe.measures, beside)
    recipe = replace(recipe, measures=measures, caption=places.caption_of(recipe.caption, beside))
    steps = measured(build_steps(measures, recipe.keep))
    if recipe.caption is not None:
        job_of(recipe.caption)
    if not steps:
        raise UsageError("measures: at least one measure must be given (hoigen list names them)")
    return _Asked(recipe, Run(Path(recipe.run)), measured_keep(recipe.keep), steps, cluster_of(recipe.executor))


def _begun(asked: _Asked, *, quiet: bool, listed: bool, part: bool) -> tuple[tuple[Step, ...], bool, list[str]]:
    """Writes the list of videos and run.yaml.

    Args:
        asked: the recipe.
        quiet: no progress bars.
        listed: the list is there and stays.
        part: this process is one of several, and run.yaml keeps what it says of how to work.

    Returns the steps; whether the run is new: then all model files are here; and what is told of the list.
    """
    from hoigen.data import side
    from hoigen.data.sources import read_sources, say_on_stderr
    from hoigen.data.videolist import said_of_gone, uris_of, write_or_extend
    from hoigen.rules.runfile import same_run, write_run_file
    from hoigen.stages.scores import fetched

    recipe, run, steps = asked.recipe, asked.run, asked.steps
    fresh = not run.recipe_file.exists()
    given = [recipe.videos] if isinstance(recipe.videos, str | Path) else recipe.videos
    stdin = "-" in map(str, given)
    told: list[str] = []

    def gone(count: int) -> None:
        if not stdin:  # a list on stdin adds to those before
            told.append(said_of_gone(run.path, count))
            say_on_stderr(told[0])

    if fresh:  # what cannot be had is told before hours go into finding shots
        if not stdin:  # it is read once
            for _ in read_sources(recipe.videos, say=lambda text: None, bad_rows=recipe.bad_rows):
                pass
        steps = fetched(steps, recipe.measures, asked.keep, quiet=quiet)
    else:
        same_run(run, recipe)
    if not listed:
        write_or_extend(run.videos_file, read_sources(recipe.videos, bad_rows=recipe.bad_rows), gone)
    for step in steps:
        check = getattr(step.looking.observer, "check_videos", None) if step.looking is not None else None
        if check is not None:
            check(uris_of(run.videos_file))
    write_run_file(run, recipe, steps, part=part)
    side.put_back(run.path)  # before any table of it is there
    return steps, fresh, told


@_opened
def plan(
    recipe: Recipe, beside: Path | None, asked: Mapping[str, Mapping[str, Any]] | None = None, videos: int | None = None
) -> Planned:
    """What `carry_out` would do; nothing is done or written.

    Args:
        recipe, beside: as of `carry_out`.
        asked: as of `stages.scores.planned`.
        videos: how many there are; counted when not given.
    """
    from hoigen.data.run import Run
    from hoigen.data.sources import read_sources
    from hoigen.recipe.places import measures_of
    from hoigen.rules.cascade import build_steps, measured
    from hoigen.stages.ingest import check_shots
    from hoigen.stages.scores import planned

    if videos is None:
        if "-" in ([recipe.videos] if isinstance(recipe.videos, str | Path) else recipe.videos):
            raise UsageError("--dry-run: a list on stdin is gone once it is read; give a file")
        videos = sum(1 for _ in read_sources(recipe.videos, say=lambda text: None, bad_rows=recipe.bad_rows))
    check_shots(recipe.shots, recipe.min_length, recipe.max_length)
    run = Run(Path(recipe.run))
    run.check_folder()
    steps = measured(build_steps(measures_of(recipe.measures, beside), recipe.keep))
    return planned(run, steps, videos, score_all=recipe.score_all, asked=asked)


def _finish(run: Run, steps: Sequence[Any], barrier: Barrier, report: bool) -> Funnel:
    """What is done once, after all ranks: small parts are merged, and the page is written."""
    from hoigen.pages.write import write_page
    from hoigen.rules import decide
    from hoigen.rules.cascade import measured

    if not barrier.passed or (report and not run.report_file.exists()):
        with barrier.last_step():
            scored = (run.scores(step.name, step.fingerprint, step.emits) for step in measured(steps))
            for table in (run.clips, *scored):
                table.compact()
            if report:
                write_page(run.path)
    return decide.funnel(decide.connect(run, steps), steps, run=run.path)
