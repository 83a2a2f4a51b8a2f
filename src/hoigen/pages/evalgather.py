"""A run of hoigen evaluate, or two of them side by side -> the facts of their page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.core.score import Number
from hoigen.core.stats import alike
from hoigen.core.words import plural
from hoigen.evaluation.models.columns import chosen, ranked_by
from hoigen.evaluation.models.counting import counted
from hoigen.evaluation.models.means import models_of
from hoigen.evaluation.models.read import source_of
from hoigen.evaluation.models.scorecard import judged_by
from hoigen.evaluation.models.videos import Source, Video
from hoigen.models.uses import joined
from hoigen.pages import choose
from hoigen.pages.evalfacts import Card, EvaluationFacts, Take
from hoigen.pages.facts import FailureGroup, Histogram
from hoigen.pages.gather import model_files, provenance
from hoigen.pages.takes import clips_of, details_of, take_of
from hoigen.pages.words import length, short_name

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step

WRONG = "hoi_failures"
"""The measure that lists what goes wrong in a video; its numbers are counted per model in a table of their own."""
SHOWN = 48
"""Videos with a strip; of two runs, as many pairs."""
ROWS = 3_000
DRAWS = 5_000
"""As `hoigen compare` draws."""
GROUPS = 60
"""Kinds of reasons for undefined numbers that are told apart."""

_Group = tuple[Video, ...]
"""One video, or two that are paired."""


@dataclass(frozen=True, slots=True)
class _Side:
    run: Run
    source: Source
    steps: Sequence[Step]


def is_evaluation(run: Run) -> bool:
    """Whether hoigen evaluate has made this run."""
    return (run.path / "evaluation.json").is_file()


def gather_evaluation(run: Run, beside: Run | None = None, *, shown: int = SHOWN) -> EvaluationFacts:
    """Reads one run, or two whose videos are paired by prompt and sample, and takes small pictures of some videos.

    Args:
        run: a run of hoigen evaluate.
        beside: the one that it is set beside; the same run sets its two models side by side.
        shown: how many videos, or pairs, get a strip of frames: the worst of each number, and some of all others.

    Raises UsageError when a folder is no run of hoigen evaluate, or nothing can be paired.
    """
    from hoigen.evaluation.models.warnings import warnings_of

    sides = [_side(run)] + ([_side(beside)] if beside is not None and beside.path != run.path else [])
    sources = [side.source for side in sides]
    columns = chosen(number for source in sources for number in source.numbers)
    pairs = _pairs(sides, beside is not None)
    rank = rank_of(pairs, columns)
    # a video in which a number was looked for and is not there counts as the worst
    settled = iter(counted([video for pair in pairs for video in pair], columns).videos)
    counts: list[_Group] = [tuple(next(settled) for _ in pair) for pair in pairs]
    as_it_is = {id(group): pair for group, pair in zip(counts, pairs, strict=True)}
    picks = picked(counts, columns, shown)
    cards = [
        replace(card, takes=[replace(t, counts=video.values) for t, video in zip(card.takes, group, strict=True)])
        for card, group in zip(
            _with_strips(sides, [as_it_is[id(group)] for group in picks], columns), picks, strict=True
        )
    ]
    videos = [video for side in sides for video in side.source.videos]
    # a model of two runs is told apart by the run's name
    owners = Counter(model for side in sides for model in models_of(side.source.videos))
    models: dict[str, list[Video]] = {}
    for at, side in enumerate(sides):
        for model, made in models_of(side.source.videos).items():
            name = model if owners[model] == 1 else f"{model} ({side.run.path.resolve().name})"
            name = name if name not in models else f"{name} {at + 1}"
            models[name] = [replace(video, model=name) for video in made]
    number, _, one = plural(len(pairs), "video" if beside is None else "pair").partition(" ")
    whose = f" of {plural(len(models), 'model')}" if beside is None else f", {' beside '.join(models)}"
    return EvaluationFacts(
        title=" beside ".join(side.run.path.resolve().name for side in sides),
        **provenance(run),
        headline=(number, f" {one}{whose}"),
        warnings=[" ".join(told.split()) for told in warnings_of(models, sources)] if models else [],
        tables=_tables(models, columns, rank, sources, beside is not None),
        columns=columns,
        cards=[cards[at] for at in sorted(range(len(picks)), key=lambda at: _worth(picks[at], rank))],
        rows=[_card(group, [_bare(video, columns) for video in group]) for group in pairs[:ROWS]],
        cards_of=len(pairs),
        histograms=() if beside is not None else _histograms(sides[0], len(videos), columns),
        lacking=lacking_of(videos, columns),
        videos=len(videos),
        **_account(sides, videos),
        models=joined(*(model_files(side.run, side.steps) for side in sides)),
        beside=beside is not None,
        rank=rank.name if rank is not None else "",
    )


def _side(run: Run) -> _Side:
    from hoigen.rules.runfile import steps_of

    _, steps = steps_of(run)
    if not is_evaluation(run):
        raise UsageError(f"{run.path} is no run of hoigen evaluate: it has no evaluation.json")
    return _Side(run, source_of(run.path), steps)


def _pairs(sides: Sequence[_Side], beside: bool) -> list[tuple[Video, ...]]:
    """Each video alone, or those of two runs (or of one run's two models) by prompt and sample."""
    if not beside:
        return [(video,) for video in sides[0].source.videos]
    models = [models_of(side.source.videos) for side in sides]
    if len(sides) == 2:  # two runs of one model each pair whatever the models' names are
        groups, named = [side.source.videos for side in sides], any(len(each) > 1 for each in models)
    elif len(models[0]) == 2:
        groups, named = list(models[0].values()), False
    else:
        raise UsageError(
            f"{sides[0].run.path} beside itself sets its two models side by side; it has {len(models[0])}: "
            f"{', '.join(models[0])}"
        )
    one, other = (
        {(video.model if named else "", video.prompt, video.sample): video for video in group} for group in groups
    )
    found: list[tuple[Video, ...]] = [(one[key], other[key]) for key in one if key in other]
    if not found:
        names = [
            next((f"{v.prompt}, sample {v.sample or 'none'} of {v.model}" for v in group.values()), "none")
            for group in (one, other)
        ]
        runs = " and ".join(str(side.run.path) for side in sides)
        raise UsageError(
            f"no video of {runs} pairs with another by model, prompt and sample: the first of each are "
            f"{names[0]}, and {names[1]}. Two runs of one model each pair whatever the models are called"
        )
    return found


def _with_strips(sides: Sequence[_Side], groups: Sequence[Sequence[Video]], columns: Sequence[Number]) -> list[Card]:
    wanted = {video.uri for group in groups for video in group}
    takes: dict[tuple[int, str], Take] = {}
    for at, side in enumerate(sides):
        clips = clips_of(side.run, wanted)
        details = details_of(side.run, side.steps, [clip.id for clip in clips.values()])
        for video in side.source.videos:
            if video.uri in clips:
                takes[at, video.uri] = _bare(video, columns)
        for uri, made in take_of(clips, details).items():
            takes[at, uri] = replace(takes[at, uri], **made)
    last = len(sides) - 1
    return [
        _card(group, [takes.get((min(at, last), video.uri)) or _bare(video, columns) for at, video in enumerate(group)])
        for group in groups
    ]


def _bare(video: Video, columns: Sequence[Number]) -> Take:
    names = [column.name for column in columns]
    folder, slash, _ = video.sample.rpartition("/")  # shown where it tells samples of one number apart
    return Take(
        name=f"{folder}{slash}{short_name(video.uri)}",
        model=video.model,
        uri=video.uri,
        width=video.width,
        height=video.height,
        values={name: video.values.get(name) for name in names},
        reasons={name: video.reasons.get(name, "not measured") for name in names if video.values.get(name) is None},
        failure=video.failure,
    )


def _card(group: Sequence[Video], takes: Sequence[Take]) -> Card:
    video = group[0]
    asked = " ".join(part.replace("_", " ") for part in (video.verb, video.object) if part)
    about = " · ".join(
        part for part in (asked, video.category or "", f"sample {video.sample}" if video.sample else "") if part
    )
    return Card(prompt=video.text or video.prompt, about=about, takes=takes, verb=(video.verb or "").replace("_", " "))


def _account(sides: Sequence[_Side], videos: Sequence[Video]) -> dict[str, Any]:
    """What went in and what did not come out: figures, failures, notes."""
    facts = sides[0].source.evaluation
    prompts = {video.prompt for video in videos}
    failed: dict[str, list[str]] = {}
    notes = []
    for video in videos:
        if video.failure:
            failed.setdefault(video.failure, []).append(video.uri)
    for side in sides:
        for model, made in (side.source.evaluation.get("models") or {}).items():
            if missing := made.get("missing"):
                some = ", ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
                notes.append(f"{model}: no video for {plural(len(missing), 'prompt')} ({some})")
        if strays := side.source.evaluation.get("without_prompt"):
            notes.append(
                f"{plural(len(strays), 'video')} named after no prompt of {side.run.path.resolve().name}, left out"
            )
    found = [("prompts", f"{len(prompts):,} of {len(facts.get('prompts') or prompts):,}")]
    found += [("footage", length(sum(video.seconds for video in videos)))]
    found += [("suite", str((facts.get("suite") or {}).get("name") or "–"))]
    found += [("failed", f"{sum(map(len, failed.values())):,}")] if failed else []
    failures = [
        FailureGroup(where="", reason=reason, count=len(uris), examples=tuple(uris[:3]))
        for reason, uris in sorted(failed.items(), key=lambda item: -len(item[1]))
    ]
    return {"figures": found, "failures": failures, "notes": notes}


def _tables(
    models: Mapping[str, Sequence[Video]],
    columns: Sequence[Number],
    rank: Number | None,
    sources: Sequence[Source],
    beside: bool,
) -> list[Any]:
    """Means with intervals; of few models also the difference of each two."""
    from hoigen.core.stats.resample import Draws
    from hoigen.evaluation.models.tables import Asked, all_tables, pairs_of

    if not models or not columns:
        return []
    families = {name: family for source in sources for name, family in source.families.items()}
    asked = Asked(
        columns=columns,
        beside=[],
        pairs=pairs_of(list(models), None) if beside or len(models) == 2 else [],
        changes=[],
        rank=rank or columns[0],
        by=[],
        ends=0,
        with_paper=False,
        draws=Draws(draws=DRAWS, seed=0),
        families=families,
    )
    found = all_tables({name: list(videos) for name, videos in models.items()}, asked)[0]
    found[0] = replace(found[0], notes=[*found[0].notes, *judged_by(sources)])
    wrong = [n for source in sources for n in source.numbers if families.get(n.name) == WRONG and n.name != WRONG]
    if wrong and not beside:
        kinds = chosen(wrong, [number.name for number in wrong])
        of_kinds = replace(asked, columns=kinds, rank=kinds[0], pairs=[])
        table = all_tables({name: list(videos) for name, videos in models.items()}, of_kinds)[0][0]
        found.append(replace(table, name="failures", title="What goes wrong: share of the videos, %"))
    return found


def _histograms(side: _Side, count: int, columns: Sequence[Number]) -> tuple[Histogram, ...]:
    from hoigen.pages.histogram import histograms
    from hoigen.rules.decide import connect

    with connect(side.run, side.steps) as con:
        con.execute("create temp table settled as select * from decided")
        shown = {column.name for column in columns}
        return tuple(one for one in histograms(con, side.run, side.steps, count) if one.score in shown and one.count)


# which videos have a strip, and in which order


def rank_of(groups: Sequence[_Group], columns: Sequence[Number]) -> Number | None:
    """The number by which videos with a strip are chosen, and the page is sorted at first.

    Args:
        groups: videos, or pairs of them.
        columns: the numbers of the page.
    """
    return ranked_by(columns, (video for group in groups for video in group))


def picked(groups: Sequence[_Group], columns: Sequence[Number], shown: int) -> list[_Group]:
    """Half of them the worst of each number in turn, the others spread evenly from the worst to the best.

    A page that is sorted by any number thus begins with what is worst in it.

    Args:
        groups: videos, or pairs of them.
        columns: the numbers of the page.
        shown: how many are chosen.
    """
    if len(groups) <= shown:
        return list(groups)
    # the worst of each number, then the second of each, and so on
    orders = []
    for column in (column for column in columns if column.better):
        worth = [(_worth(group, column), group) for group in groups]
        orders.append([group for (lacks, _), group in sorted(worth, key=lambda pair: pair[0]) if not lacks])
    in_turn = (order[place] for place in range(len(groups)) for order in orders if place < len(order))
    found: dict[int, _Group] = {}
    for group in in_turn:
        if len(found) >= shown // 2:
            break
        found[id(group)] = group
    rank = rank_of(groups, columns)
    rest = [group for group in sorted(groups, key=lambda group: _worth(group, rank)) if id(group) not in found]
    return [*found.values(), *(rest[at] for at in choose.ranks(len(rest), shown - len(found)))]


def _worth(videos: Sequence[Video | Take], rank: Number | None) -> tuple[bool, float]:
    """Worst first, videos without the number last; of a pair the second's gain counts."""
    values = [None if rank is None else video.values.get(rank.name) for video in videos]
    known = [float(value) for value in values if value is not None]
    if len(known) < len(values) or not known:
        return True, 0.0
    worth = known[-1] - known[0] if len(known) > 1 else known[0]
    return False, -worth if rank is not None and rank.better == "less" else worth


def lacking_of(videos: Sequence[Video], columns: Sequence[Number]) -> list[FailureGroup]:
    """Undefined numbers by reason, those that are alike together, the most frequent first.

    Args:
        videos: all of them; those that failed are left out, since they are told of elsewhere.
        columns: the numbers.
    """
    here = [video for video in videos if not video.failure]
    found: dict[tuple[str, int], list[str]] = {}
    words: dict[str, set[str]] = {}
    for column in columns:
        kinds = Counter[str]()
        for video in here:
            if video.values.get(column.name) is None:
                reason = video.reasons.get(column.name, "not measured")
                kind = alike.kind(reason)
                kinds[kind] += 1
                words.setdefault(kind, set()).add(reason)
        for kind, times in kinds.items():
            found.setdefault((kind, times), []).append(column.heading)
    told = {kind: min(reasons) if len(reasons) == 1 else kind for kind, reasons in words.items()}
    groups = [(names, times, told[kind]) for (kind, times), names in found.items()]
    groups.sort(key=lambda group: -group[1] * len(group[0]))
    if rest := groups[GROUPS:]:
        each = Counter[str]()
        for names, times, _ in rest:
            each.update(dict.fromkeys(names, times))
        groups = [*groups[:GROUPS], (list(each), max(each.values()), "other reasons: see the videos")]
    return [FailureGroup(where=", ".join(names), reason=reason, count=times) for names, times, reason in groups]
