"""hoigen evaluate: generated videos, held against the prompts they were made from."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import DryRun, Prepare, Quiet
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural

if TYPE_CHECKING:
    from hoigen.commands.curate import Prepared
    from hoigen.data.run import Run
    from hoigen.data.sources import Source
    from hoigen.interactions.prompts.matching import Found
    from hoigen.interactions.prompts.suite import Suite
    from hoigen.models.uses import LedgerEntry
    from hoigen.recipe.recipe import Recipe
    from hoigen.rules.cascade import Step
    from hoigen.rules.decide import Funnel
    from hoigen.stages.scores import Planned

NAMED = 8
"""So many of a list are named on the screen; evaluation.json has all."""
LARGEST_RECORD = 1 << 20
"""Bytes of the record beside a video; a larger file is none."""
FIXED: Mapping[str, Any] = {"shots": "none", "duplicates": "keep", "score_all": True, "keep": {}}
"""Keys of a recipe that evaluation knows in one form: nothing is cut, nothing is dropped."""


@dataclass(frozen=True, slots=True)
class _ModelVideos:
    """What there is of one model. missing: ids of prompts without a video."""

    videos: int
    prompts: int
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured. prompts: how many the suite has. strays: videos that are named after no prompt.

    failed: (file, why) of videos that could not be read or measured. table: models by measures, as Markdown.
    model_files: the licence ledger, every model file that the measures use.
    """

    run: Path
    prompts: int
    models: Mapping[str, _ModelVideos]
    strays: Sequence[str]
    failed: Sequence[tuple[str, str]]
    funnel: Funnel
    table: str
    model_files: Sequence[LedgerEntry] = ()

    @property
    def incomplete(self) -> bool:
        """Whether every video failed; the command then exits with 1."""
        return self.funnel.incomplete

    def __str__(self) -> str:
        lines = []
        for name, model in self.models.items():
            lines.append(
                f"{name}: {plural(model.videos, 'video')} for {model.prompts} of {plural(self.prompts, 'prompt')}"
            )
            if model.missing:
                lines.append(f"  no video for {plural(len(model.missing), 'prompt')}: {_some(model.missing)}")
        if self.strays:
            names = [Path(path).name for path in self.strays]
            lines.append(
                f"{plural(len(self.strays), 'video is', 'videos are')} named after no prompt and are left out: "
                f"{_some(names)}"
            )
        measured = self.funnel.clips - len(self.failed)
        lines.append(f"{measured} of {plural(self.funnel.clips, 'video')} measured with everything")
        lines += [f"  failed: {Path(path).name}: {why}" for path, why in self.failed[:NAMED]]
        if len(self.failed) > NAMED:
            lines.append(f"  and {len(self.failed) - NAMED} more: hoigen table {self.run} --state failed")
        if self.incomplete:
            lines.append(self.funnel.all_failed)
        bound = [f"{entry.id} ({entry.licence})" for entry in self.model_files if entry.use != "anyone"]
        lines += ["", self.table, ""]
        lines += [f"model files whose licences bind: {', '.join(bound)}"] if bound else []
        lines += [f"With intervals and tests: hoigen compare {self.run}"]
        page = self.run / "report.html"
        return "\n".join(
            [*lines, f"Each video, with what its scores were made from: {page}"] if page.exists() else lines
        )


def evaluate(
    *,
    videos: Annotated[
        list[Path] | None,
        Setting(
            "a folder of videos, or of one folder for each model, or a list of them (CSV, JSONL, JSON, Parquet) with "
            "their prompts; may be given more than once"
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        Setting(
            "the suite that the videos were made from: a file of hoigen prompts, VBench's list, or plain text; left "
            "out, what lists of videos say, or nothing"
        ),
    ] = None,
    run: Annotated[Path | None, Setting("the folder of the run; made when absent")] = None,
    model: Annotated[
        str | None, Setting("the name of the model that made all these videos; sub-folders are then only folders")
    ] = None,
    recipe: Annotated[
        Path, Setting("what is measured: a recipe's YAML file, or the name of one that comes with hoigen")
    ] = Path("evaluate"),
    set: Annotated[
        list[str] | None, Setting("a change of the recipe, as key=value (deadline=600); may be given more than once")
    ] = None,
    long: Annotated[
        bool, Setting("videos are held against the long prompts, where there are any; otherwise against the short ones")
    ] = False,
    report: Annotated[bool, Setting("write the run's report.html at the end")] = True,
    prepare: Prepare = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> Evaluation | Planned | Prepared:
    """Measures generated videos; run again, it does only what is missing.

    A video belongs to the prompt that its file is named after: ride_bicycle-0.mp4, ride_bicycle_seed1.mp4, or
    VBench's 'A person is riding a bicycle.-0.mp4'. Sub-folders are models. A list of videos says of which prompt each
    is; without prompts, what goes by words is undefined.

    Returns what was measured. Raises UsageError for bad input, before anything is measured.
    """
    from hoigen.commands.curate import carry_out, plan, prepared
    from hoigen.data.run import Run
    from hoigen.data.sources import read_sources
    from hoigen.evaluation.models import read
    from hoigen.evaluation.models.tables import short_table
    from hoigen.interactions.prompts.matching import find_listed, find_videos, source_of, suite_of
    from hoigen.interactions.prompts.suite import read_suite
    from hoigen.pages.gather import model_files
    from hoigen.rules.cascade import build_steps
    from hoigen.rules.runfile import steps_of

    if videos is None or run is None:
        lacking = [f"--{name}" for name, it in (("videos", videos), ("run", run)) if it is None]
        raise UsageError(f"{', '.join(lacking)} must be given")
    if model is not None and not model.strip():
        raise UsageError("--model: a name; it came as an empty text")
    asked, beside = _settings(Path(recipe), set or [])
    paths = read.paths_of(videos)
    listed = [source for path in paths if _is_list(path) for source in read_sources(path)]
    folders = [path for path in paths if not _is_list(path)]
    if prompts is not None:
        suite, bare = read_suite(Path(prompts)), None
        _check_words(suite, build_steps(asked.measures, {}), Path(prompts))
        found = find_videos(folders, suite, model) if folders else []
    else:
        every = [*listed, *(source for folder in folders for source in read_sources(folder))]
        suite, bare = suite_of(every)
        found = find_videos(folders, suite, model, bare) if folders else []
    found = [*found, *find_listed(listed, suite, model, bare)]
    if all(each.prompt is None for each in found):
        raise UsageError(
            f"--videos: none of the {plural(len(found), 'video')} of the list has a prompt of {suite.name!r}"
        )
    folder = Run(Path(run))
    sources = [source_of(each, long=long) for each in found if each.prompt is not None]
    if dry_run:
        other = _asked_otherwise(folder, sources) if folder.videos_file.exists() else {}
        return plan(replace(asked, videos=folder.videos_file, run=run), beside, other, len(sources))
    told = _facts(suite, found, prompts, long)
    _list_videos(folder, sources)
    _write(folder, told)  # first: tables and page of a run under way, or stopped, tell what is not there
    asked = replace(asked, videos=folder.videos_file, run=run, report=report)
    if prepare:
        return prepared(asked, beside=beside, quiet=quiet, trust=())
    funnel = carry_out(asked, beside=beside, quiet=quiet, trust=())
    models = model_files(folder, steps_of(folder)[1])
    _write(folder, told | {"model_files": [entry.record for entry in models]})
    measured = read.source_of(folder.path)
    return Evaluation(
        run=folder.path,
        prompts=len(suite.prompts),
        models=_models(suite, found),
        strays=told["without_prompt"],
        failed=[(video.uri, video.failure) for video in measured.videos if video.failure],
        funnel=funnel,
        table=short_table(measured),
        model_files=models,
    )


def _is_list(path: Path) -> bool:
    from hoigen.data.sources.manifests import kind_of

    return bool(kind_of(str(path))) and path.is_file()


def _settings(recipe: Path, sets: Sequence[str]) -> tuple[Recipe, Path]:
    """The recipe, but for videos and run, and its folder. Raises UsageError for what evaluation does not do."""
    from hoigen.core import hosts, trusted
    from hoigen.recipe.build import recipe_of
    from hoigen.recipe.places import measures_of
    from hoigen.recipe.yaml import apply_sets, load_recipe, recipe_path
    from hoigen.rules.cascade import build_steps

    path = recipe_path(recipe)
    given = apply_sets(load_recipe(path), sets)
    hosts.ask_for(given)
    for key in ("videos", "run", "report"):
        if given.get(key) is not None:
            raise UsageError(f"{path}: {key} is no key of a recipe for evaluation; give --{key}")
    for key, only in FIXED.items():
        if given.setdefault(key, only) not in (only, None if only in ("none", {}) else only):
            raise UsageError(
                f"{path}: {key} is {only!r} in a recipe for evaluation, where no video is cut or dropped; "
                f"it came as {given[key]!r}"
            )
    found = recipe_of(given | {"videos": "-", "run": "-"}, str(path))
    trusted.check(given, path, path.parent)
    measures = measures_of(found.measures, path.parent)
    if not build_steps(measures, {}):
        raise UsageError(f"{path}: measures: at least one measure must be given (hoigen list names them)")
    return replace(found, measures=measures, min_length=0.0, max_length=None), path.parent


def _check_words(suite: Suite, steps: Sequence[Step], prompts: Path) -> None:
    """Raises one UsageError for all verbs and objects of a suite that an observer has no word for and never will.

    What HICO-DET or the suite's own packs name is a word, though not of every observer: where one lacks it, numbers are
    undefined with that reason. Observers that take any word are asked nothing here.
    """
    from hoigen.interactions import hico
    from hoigen.interactions.prompts import choose
    from hoigen.observe.detections import as_name, close

    packs = choose.suite("extended").prompts
    known = {
        "verb": frozenset((*hico.verbs(), *(prompt.verb for prompt in packs if prompt.verb))),
        "object": frozenset((*hico.objects(), *(prompt.object for prompt in packs if prompt.object))),
    }
    lacking: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        knows = getattr(step.looking.observer, "knows", None) if step.looking is not None else None
        if knows is None or not getattr(step.measure, "prompted", False):
            continue
        words = {"object": knows.objects, "verb": None if knows.any_verb else knows.verbs}
        for prompt in suite.prompts:
            for what, own in words.items():
                word = as_name(getattr(prompt, what))
                if own is not None and word is not None and word not in own | known[what]:
                    ids = lacking.setdefault((what, word), [])
                    if prompt.id not in ids:
                        ids.append(prompt.id)
    if lacking:
        lines = []
        for (what, word), ids in lacking.items():
            meant = close(word, known[what])
            hint = f"; did you mean {meant[0]!r}?" if meant else ""
            lines.append(f"{what} {word!r} of {', '.join(ids[:3])}{', …' if len(ids) > 3 else ''}{hint}")
        head = f"{prompts}: {plural(len(lines), 'word')} that observers of this recipe cannot look for:"
        remedy = "Mend them, leave them out, or choose an observer that takes any word (docs/observations.md)"
        raise UsageError("\n  ".join([head, *lines, remedy]))


def _list_videos(run: Run, sources: Sequence[Source]) -> None:
    """Writes the run's list, or adds what is new. Raises UsageError when a video was another prompt's before."""
    from hoigen.data.sources import say_on_stderr
    from hoigen.data.videolist import said_of_gone, write_or_extend
    from hoigen.stages.reworded import reword
    from hoigen.work.ranks import Rank, held

    with held(run, Rank()):
        if run.videos_file.exists() and (other := _asked_otherwise(run, sources)):
            reword(run, other)
            which = "the prompt of 1 video asks" if len(other) == 1 else f"the prompts of {len(other)} videos ask"
            print(
                f"hoigen: {which} for something else than before: scores that go by it are made anew; what was seen "
                "for the same words is not looked at twice",
                file=sys.stderr,
            )
        write_or_extend(run.videos_file, sources, lambda count: say_on_stderr(said_of_gone(run.path, count)))


OF_TABLES = ("category", "seen")
"""Of a prompt, what no score depends on: it may be counted or sorted anew at any time."""


def _asked_otherwise(run: Run, sources: Sequence[Source]) -> dict[str, dict[str, Any]]:
    """Videos of the list whose prompt asks for another verb, object, contact or number of people than before: their
    uri -> what it asks for now.

    All else of a prompt may not change under a run, but for what tables alone go by (taken from evaluation.json), a
    long prompt that comes later (it counts only where videos are held against it, and then it is the caption), and a
    sample's name, which gets its folder's when there is another one. Raises UsageError for it.
    """
    import pyarrow.parquet as pq

    from hoigen.data.parquet import named
    from hoigen.stages.reworded import ASKED

    with named(run.videos_file):
        rows = pq.read_table(
            run.videos_file, columns=["uri", "caption", "source", "meta"], partitioning=None
        ).to_pylist()
    before = {row["uri"]: row for row in rows}
    other: dict[str, dict[str, Any]] = {}
    for source in sources:
        row = before.get(source.uri)
        if row is None:
            continue
        meta = json.loads(row["meta"] or "{}")
        changes = [("prompt", row["caption"], source.caption), ("model", row["source"], source.source)]
        free = {"prompt_long", "sample", *OF_TABLES, *ASKED}
        changes += [
            (f"prompt's {key}", meta.get(key), source.meta.get(key)) for key in sorted({*meta, *source.meta} - free)
        ]
        for word, was, now in changes:
            if was != now:
                raise UsageError(
                    f"{run.path}: {source.uri} was measured with the {word} {was!r}, and now comes with {now!r}. "
                    "Choose another --run"
                )
        if any(meta.get(key) != source.meta.get(key) for key in ASKED):
            other[source.uri] = {key: source.meta[key] for key in ASKED if key in source.meta}
    return other


def _facts(suite: Suite, found: Sequence[Found], prompts: Path | None, long: bool) -> dict[str, Any]:
    """What a table needs to know besides the scores; evaluation.json."""
    models = _models(suite, found)
    return {
        "suite": {"name": suite.name, "digest": suite.digest, "file": str(Path(prompts).absolute()) if prompts else ""},
        "prompts": [prompt.id for prompt in suite.prompts],
        "about": {prompt.id: {key: getattr(prompt, key) for key in OF_TABLES} for prompt in suite.prompts},
        "held_against": "long prompts" if long else "short prompts",
        "models": {
            name: {"videos": model.videos, "prompts": model.prompts, "missing": list(model.missing)}
            for name, model in models.items()
        },
        "without_prompt": [each.path for each in found if each.prompt is None],
        "seeds": sorted({seed for each in found if each.prompt is not None for seed in _seed_of(each.path)}),
    }


def _seed_of(video: str) -> list[int]:
    """The seed in the record that `hoigen generate` left beside a video; none where there is no such record."""
    beside = Path(video).with_suffix(".json")
    try:
        if "://" in video or beside.stat().st_size > LARGEST_RECORD:
            return []
        record = json.loads(beside.read_text(encoding="utf-8"))
        seed, file = record["seed"], record["video"]["file"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [seed] if file == Path(video).name and isinstance(seed, int) and not isinstance(seed, bool) else []


def _models(suite: Suite, found: Sequence[Found]) -> dict[str, _ModelVideos]:
    videos = Counter(each.model for each in found if each.prompt is not None)
    made: dict[str, _ModelVideos] = {}
    for name in sorted(videos):
        has = {each.prompt.id for each in found if each.model == name and each.prompt is not None}
        missing = [prompt.id for prompt in suite.prompts if prompt.id not in has]
        made[name] = _ModelVideos(videos[name], len(has), missing)
    return made


def _write(run: Run, facts: Mapping[str, Any]) -> None:
    from hoigen.data.files import write_text

    write_text(run.path / "evaluation.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", … (all: evaluation.json)" if len(names) > NAMED else "")
