"""hoigen compare: models by measures, with intervals and tests."""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import Draws, Seed, check_draws
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.evaluation.models.forms import Format
from hoigen.evaluation.models.groups import By

if TYPE_CHECKING:
    from hoigen.core.score import Number
    from hoigen.evaluation.models.grid import Table
    from hoigen.evaluation.models.means import Difference
    from hoigen.evaluation.models.videos import Source, Video

Models = dict[str, list["Video"]]


@dataclass(frozen=True, slots=True)
class Compared:
    """Tables, the differences behind them, and what makes numbers not comparable."""

    tables: Sequence[Table]
    differences: Sequence[Difference]
    warnings: Sequence[str]
    format: Format = "markdown"

    def __str__(self) -> str:
        from hoigen.evaluation.models.forms import written

        return written(self.tables, self.warnings, self.format)


def compare(
    runs: Annotated[
        list[Path],
        Setting(
            "folders of runs of hoigen evaluate, or results of VBench (*_eval_results.json), WorldFoundry "
            "(scorecard.json) or lmms-eval (*_samples_TASK.jsonl)"
        ),
    ],
    *,
    format: Annotated[Format, Setting("markdown, csv (a row for each cell), latex or html (one page)")] = "markdown",
    out: Annotated[Path | None, Setting("a file to write instead of the screen")] = None,
    measures: Annotated[
        list[str] | None, Setting("a number to show; may be given more than once. All headline numbers when not given")
    ] = None,
    models: Annotated[
        list[str] | None, Setting("a model to compare; may be given more than once. All when not given")
    ] = None,
    baseline: Annotated[
        str | None, Setting("the model that all others are tested against; each two models when not given")
    ] = None,
    before: Annotated[
        list[str] | None, Setting("a model before a change, for a table of changes; as often as --after")
    ] = None,
    after: Annotated[list[str] | None, Setting("that model after the change")] = None,
    rank: Annotated[
        str | None,
        Setting(
            "the number that groups, best and worst are about; when not given, that by which a run's page is sorted"
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        Setting(
            "a table per verb, object, category, prompt, or seen (in- and out-of-distribution prompts); may be given"
            " more than once"
        ),
    ] = None,
    ends: Annotated[int, Setting("how many best and worst prompts are shown; 0 for none")] = 5,
    common: Annotated[bool, Setting("only prompts of which every model has a video")] = False,
    paper: Annotated[bool, Setting("HOIGen-1M's own numbers (tables 2 to 4) beside")] = False,
    prompts: Annotated[
        Path | None, Setting("the suite by which videos of VBench's files are paired; that of the runs when not given")
    ] = None,
    vbench: Annotated[
        Path | None,
        Setting(
            "a folder to which a result file of VBench is written for each model, and a zip for VBench's leaderboard"
        ),
    ] = None,
    card: Annotated[
        bool,
        Setting(
            "the score card: what the numbers hang on (readers, weights, decoder, card, precision, prompts, seeds)"
        ),
    ] = False,
    draws: Draws = 5_000,
    seed: Seed = 0,
) -> Compared:
    """Compares models: means with 95 % intervals, tests on the same prompts, groups, best and worst interactions.

    Returns the tables. Raises UsageError that names the run, the option or the file at fault.
    """
    from hoigen.core.stats.resample import Draws
    from hoigen.evaluation.models import columns as known
    from hoigen.evaluation.models import paper as published
    from hoigen.evaluation.models.counting import by_model
    from hoigen.evaluation.models.read import paths_of
    from hoigen.evaluation.models.scorecard import card_table, judged_by
    from hoigen.evaluation.models.tables import Asked, all_tables, pairs_of
    from hoigen.evaluation.models.warnings import warnings_of

    check_draws(draws, seed)
    if ends < 0:
        raise UsageError(f"--ends is 0 or more; it came as {ends}")
    if out is not None and Path(out).is_dir():
        raise UsageError(f"--out {out} is a folder; give the name of a file")
    if out is not None and not Path(out).absolute().parent.is_dir():
        raise UsageError(f"--out {out}: no such folder {Path(out).parent}")
    sources, gone = _sources(paths_of(runs), Path(prompts) if prompts else None)
    every = _models(sources)
    picked = [name for name in dict.fromkeys(models or ()) if _named(name, list(every), "--models")]
    here = {name: every[name] for name in picked} or every
    if common:
        shared = set.intersection(*({video.prompt for video in videos} for videos in here.values()))
        if not shared:
            raise UsageError("--common: there is no prompt of which every model has a video")
        here = {name: [video for video in videos if video.prompt in shared] for name, videos in here.items()}
    told = [*warnings_of(here, sources), *gone]
    numbers = [number for source in sources for number in source.numbers]
    chosen = known.chosen(numbers, measures)
    if not chosen:
        some = ", ".join(dict.fromkeys(number.name for number in numbers))
        raise UsageError(f"these runs have no headline number; --measures: one of {some}")
    names, groups = list(here), typing.get_args(By)
    if rank is not None and rank not in {number.name for number in numbers}:
        known_as = nearest(rank, {number.name for number in numbers})
        raise UsageError(f"--rank {rank}: no such number in these runs{known_as}")
    # the number asked for, else the one that runs like these are ranked by
    videos = [video for each in here.values() for video in each]
    ranked = known.ranked_by(chosen, videos) if rank is None else known.chosen(numbers, [rank])[0]
    assert ranked is not None  # there is at least one column
    if other := next((name for name in by or () if name not in groups), None):
        raise UsageError(f"--by: one of {', '.join(groups)}; it came as {other!r}")
    asked = Asked(
        columns=chosen,
        beside=published.columns(without={column.name for column in chosen}) if paper else [],
        pairs=pairs_of(names, _named(baseline, names, "--baseline"), every=bool(picked)),
        changes=_changes(before or [], after or [], names),
        rank=ranked,
        by=[name for name in groups if name in (by or ())],
        ends=ends,
        with_paper=paper,
        draws=Draws(draws=draws, seed=seed),
        families={name: family for source in sources for name, family in source.families.items()},
    )
    tables, differences = all_tables(here, asked)
    if len(names) > 2 and not asked.pairs:
        told.append(
            f"{plural(len(names), 'model is', 'models are')} too many to test each two; --baseline MODEL tests all "
            f"against one, "
            "--models MODEL, twice or more, each two of some"
        )
    tables = [replace(tables[0], notes=[*tables[0].notes, *judged_by(sources)]), *tables[1:]]
    tables = [*tables, card_table(sources)] if card else tables
    counts = by_model(here, chosen)[0]
    if vbench:
        from hoigen.evaluation.models.vbench import submission

        for name, videos in counts.items():
            if lacks := submission("x", videos, chosen)[1]:  # dimensions of its leaderboard
                told.append(
                    f"{name}: {len(lacks)} of VBench's 16 dimensions are not here ({', '.join(lacks[:3])}, ..): its "
                    "leaderboard counts them as 0"
                )
    result = Compared(tables, differences, told, format)
    _write(result, counts, chosen, Path(out) if out else None, Path(vbench) if vbench else None)
    return replace(result, format="markdown") if out is not None else result


def _sources(paths: Sequence[Path], prompts: Path | None) -> tuple[list[Source], list[str]]:
    """What was given, in its order, and what there is to say of it: videos of VBench's files pair with a run's by its
    suite; without it, by their names alone."""
    from hoigen.evaluation.models.others import is_other
    from hoigen.evaluation.models.read import read_source

    if not paths:
        raise UsageError("runs: the folder of at least one run")
    twice = [path for path, count in Counter(path.absolute() for path in paths).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is given twice")

    def is_file(path: Path) -> bool:
        return path.suffix.lower() == ".json" and not is_other(path)

    folders = [read_source(path) for path in paths if not is_file(path)]
    # files of the suites that the runs were made with; they may be gone since
    named = [
        Path(one.evaluation["suite"]["file"]) for one in folders if (one.evaluation.get("suite") or {}).get("file")
    ]
    suite = prompts or next((path for path in named if path.is_file()), None)
    files = {path: read_source(path, suite) for path in paths if is_file(path)}
    others = [path for path in paths if not is_file(path)]
    runs = dict(zip(others, folders, strict=True)) | files
    gone = []
    if suite is None and named and len(named) < len(paths):
        gone.append(
            f"the suite of prompts {named[0]} is gone: videos of VBench's files are paired by their names alone; name "
            "it with --prompts"
        )
    return [runs[path] for path in paths], gone


def _models(sources: Sequence[Source]) -> Models:
    """Videos by model; two of one name in two runs are told apart by the run."""
    owners = Counter(name for source in sources for name in {video.model for video in source.videos})
    found: Models = {}
    for source in sources:
        for video in source.videos:
            name = video.model if owners[video.model] == 1 else f"{video.model} ({source.path.name})"
            found.setdefault(name, []).append(replace(video, model=name))
    if sum(owners.values()) != len(found):
        raise UsageError(
            f"two runs of one name hold one model: {', '.join(str(source.path) for source in sources)}; rename a folder"
        )
    return found


def _named(name: str | None, names: Sequence[str], option: str) -> str | None:
    if name is not None and name not in names:
        raise UsageError(f"{option} {name!r} is no model of these runs{nearest(name, names)}")
    return name


def _changes(before: Sequence[str], after: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    if len(before) != len(after):
        raise UsageError(f"--before and --after come in pairs; {len(before)} came before and {len(after)} after")
    for option, given in (("--before", before), ("--after", after)):
        for name in given:
            _named(name, names, option)
    for one, other in zip(before, after, strict=True):
        if one == other:
            raise UsageError(f"--before and --after are both {one!r}")
    return list(zip(before, after, strict=True))


def _write(
    result: Compared,
    models: Mapping[str, Sequence[Any]],
    chosen: Sequence[Number],
    out: Path | None,
    vbench: Path | None,
) -> None:
    import re

    from hoigen.data.files import Folder, write_text
    from hoigen.evaluation.models.vbench import ENDING, submission, vbench_text

    files = {name: re.sub(r"[^\w.-]+", "_", name) + ENDING for name in models} if vbench is not None else {}
    for name, file in files.items():
        if same := [other for other in files if other != name and files[other].lower() == file.lower()]:
            raise UsageError(f"--vbench: the models {name!r} and {same[0]!r} would be one file, {file}; rename one")
    try:
        if out is not None:
            write_text(out, f"{result}\n")
        for name, file in files.items():
            assert vbench is not None
            write_text(vbench / file, vbench_text(models[name], chosen))
            zipped = submission(file, models[name], chosen)[0]
            Folder(str(vbench)).write(f"{file.removesuffix(ENDING)}.zip", zipped)
    except OSError as error:
        raise UsageError(f"{error.filename or out or vbench} cannot be written: {error.strerror}") from None
