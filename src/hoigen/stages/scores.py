"""clips -> scores."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hoigen.core import devices
from hoigen.core.clip import Clip
from hoigen.core.errors import SetupError
from hoigen.core.words import plural
from hoigen.data import tables
from hoigen.data.columns import SCORE_COLUMNS, Row
from hoigen.data.parquet import Lookup
from hoigen.data.run import Run
from hoigen.models import uses
from hoigen.models.experts.call import slots_of
from hoigen.models.fingerprint import own_source
from hoigen.models.host import Host
from hoigen.observe.observation import Written
from hoigen.rules import cascade
from hoigen.rules.cascade import Known, Step
from hoigen.stages.clips import sealed_as
from hoigen.stages.engine import Job, Outcome, Seen, experts_of, models_of, patience, setup_models, setup_scorer
from hoigen.stages.reworded import goes_by_prompt, with_asked
from hoigen.work.ranks import Barrier, Rank
from hoigen.work.stage import Item, Stage
from hoigen.work.task import Failure, Handler, Limits, Machine, Task, cores

MOST_TOGETHER = 64
"""Clips that a worker may have begun, however many slots there are: each has a thread, and its frames."""


def score_clips(
    run: Run,
    steps: Sequence[Step],
    measures: Sequence[Any],
    keep: Mapping[str, Any],
    score_all: bool,
    rank: Rank,
    limits: Limits,
    quiet: bool,
    *,
    models_present: bool = False,
    retry: bool = False,
) -> Barrier:
    """Runs the cascade over all clips of this rank's shards; returns the barrier at the stage's end.

    Args:
        run: the run; its clips are sealed.
        steps: the measures with their rules.
        measures, keep, score_all: as of `hoigen curate`; workers build their own measures from them.
        rank: this process among those that share the run.
        limits: of the workers.
        quiet: no bar.
        models_present: all model files are on this machine; else they are fetched before the first clip.
        retry: scores that failed count as missing; they stay in force until there are others.

    Raises FingerprintsChanged when what has come is another revision than the steps go by, RanksOpen when other ranks
    have clips to score.
    """
    for notice in uses.notices(unit for step in steps for unit in step.units):
        print(f"hoigen: {notice}", file=sys.stderr)
    facts = [sealed_as(run), measures, [_same_for_all(step) for step in steps], score_all]
    barrier = Barrier(run.folder, rank, "scores", tables.digest_of(facts))
    how = (limits, models_present, retry)
    stage = ScoreStage(run, steps, measures, keep, score_all, rank, barrier, *how, quiet=quiet)
    if any(run.observations(*where).shards() for where in observers_of(steps)):  # no model is fetched for these
        reading = _ReadStage(run, steps, measures, keep, score_all, rank, None, *how, quiet=quiet)
        reading.end, reading.ends = barrier, {}
        reading.go(limits)
        stage.read, stage.tried = reading.ends, reading.tried
    total = sum(each.clips for each in run.shards() if rank.mine(each.shard))
    stage.go(replace(limits, together=together(steps, limits.workers)), total=total, quiet=quiet)
    return barrier


def together(steps: Iterable[Step], workers: int) -> int:
    """Clips that each of so many workers may have begun: where measures ask experts, as many in all as keep their slots
    busy, while one clip's next question or another clip's frames are made ready.

    Args:
        steps: measures.
        workers: that share them; EVERY_CORE: those of a machine, whose number is not known here, are taken as one.
    """
    return max(1, min(MOST_TOGETHER, -(-2 * slots_of(experts_of(steps).values()) // max(1, workers))))


def workers_for(steps: Iterable[Step]) -> int:
    """Workers where nobody says how many: one for each core, and half as many more where networks are on a graphics
    card, since some of them wait for it at any time."""
    networks = [
        each for step in steps for unit in step.units if isinstance(unit, uses.HasNetworks) for each in unit.networks
    ]
    on_card = devices.there() and any(network.device != "cpu" for network in networks)
    return cores() * 3 // 2 if on_card else cores()


def observers_of(steps: Iterable[Step]) -> dict[tuple[str, str], list[Step]]:
    """Observers by name and fingerprint of what they see, each with the steps that go by it."""
    found: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        if step.looking is not None:
            found.setdefault((step.looking.observer.name, step.observation), []).append(step)
    return found


def _same_for_all(step: Step) -> list[Any]:
    """What ranks must agree in of a step. A fingerprint that changes when models come is not: a rank without clips
    fetches none."""
    of_hub = any(getattr(use, "kind", "hub") == "hub" for unit in step.units for use in uses.of(unit))
    of = own_source(type(step.measure)) if of_hub else step.fingerprint
    return [step.name, of, {name: repr(rule) for name, rule in step.rules.items()}]


class FingerprintsChanged(Exception):
    """Model files have come onto this machine that scores depend on: there are other fingerprints now."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        super().__init__("model files have come")
        self.steps = steps


def fetched(
    steps: Sequence[Step], measures: Sequence[Any], keep: Mapping[str, Any], *, quiet: bool = False
) -> tuple[Step, ...]:
    """Brings all model files onto this machine: here, in the parent, before any worker starts.

    Returns the steps as they are with these files: a revision of the hub is known by its commit only once it is here.
    Raises WeightsError, SetupError or UsageError for what cannot be had.
    """
    uses.fetch((unit for step in steps for unit in step.units), quiet=quiet)
    return cascade.build_steps(measures, keep)


def _fetch_before_first(
    tasks: Iterator[Task], steps: Sequence[Step], measures: Sequence[Any], keep: Mapping[str, Any], quiet: bool
) -> Iterator[Task]:
    """The tasks, once all models are there: where nothing is to do, nothing is fetched. Raises FingerprintsChanged."""
    first = next(tasks, None)
    if first is None:
        return
    now = fetched(steps, measures, keep, quiet=quiet)
    if [step.fingerprint for step in now] != [step.fingerprint for step in steps]:
        raise FingerprintsChanged(now)
    yield first
    yield from tasks


@contextlib.contextmanager
def _models_of_machine(
    scorer: Callable[..., Handler],
    measures: Sequence[Any],
    keep: Mapping[str, Any],
    prints: Sequence[str],
    how: Mapping[str, float],
) -> Iterator[Callable[[], Handler]]:
    """The process that owns the models of a machine.

    Args:
        scorer: what workers are set up with, but for the address of that process.
        measures, keep: as of `hoigen curate`.
        prints: of the scores, on a machine that is not the parent's: models are fetched there.
        how: deadlines of the process.

    Raises SetupError where the machine has other models than the parent.
    """
    if prints:
        steps = fetched(cascade.build_steps(measures, keep), measures, keep, quiet=True)
        other = [step.name for step, there in zip(steps, prints, strict=True) if step.fingerprint != there]
        if other:
            raise SetupError(
                f"{platform.node()}, a machine of the cluster, has other model files than this one, or another "
                f"hoigen: {', '.join(other)} would not give the same numbers there"
            )
    with Host(partial(setup_models, measures), **how) as host:
        host.start()
        yield partial(scorer, host.address)


KEY = ("id", "question")
"""What an observation is kept by."""


class ScoreStage(Stage):
    """clips -> scores. An item's data: what is known of the clip, by measure."""

    name = "scores"

    def __init__(
        self,
        run: Run,
        steps: Sequence[Step],
        measures: Sequence[Any],
        keep: Mapping[str, Any],
        score_all: bool,
        rank: Rank,
        barrier: Barrier | None,
        limits: Limits,
        models_present: bool,
        retry: bool,
        *,
        quiet: bool,
    ) -> None:
        super().__init__(run, rank, barrier)
        self.steps, self.measures, self.keep, self.score_all = steps, measures, keep, score_all
        self.by_name = {step.name: step for step in steps}
        self.tables = {step.name: run.scores(step.name, step.fingerprint, step.emits) for step in steps}
        self.limits, self.models_present, self.once_more, self.quiet = limits, models_present, retry, quiet
        self.clips, self.path = run.clips, run.path
        self.numbers = [each.shard for each in run.shards()]
        self.read: Mapping[int, Counter[str]] = {}  # shards of which all was read before: how their clips ended
        self.tried: set[tuple[str, str]] = set()  # (clip, measure) of scores that failed in this run

    @contextlib.contextmanager
    def around(self, tasks: Iterator[Task]) -> Iterator[tuple[Iterator[Task], Callable[[], Handler] | Machine]]:
        """Models are fetched before the first clip, and the experts of measures are opened in a process of theirs."""
        if not self.models_present:
            tasks = _fetch_before_first(tasks, self.steps, self.measures, self.keep, self.quiet)
        prints = tuple(step.fingerprint for step in self.steps) if self.limits.cluster is not None else ()
        scorer = partial(setup_scorer, self.measures, self.keep, self.score_all, self.path.absolute())
        if models_of(self.steps) and (self.limits.workers or self.limits.cluster is not None):
            deadline = max(self.limits.deadline, patience(self.steps))
            how = {"load_deadline": self.limits.load_deadline, "deadline": deadline}
            yield tasks, Machine(partial(_models_of_machine, scorer, self.measures, self.keep, prints, how))
        else:
            yield tasks, scorer

    def shards(self) -> Sequence[int]:
        return self.numbers

    def plan(self, shard: int) -> Iterator[Item | str]:
        if shard in self.read:
            yield from self.read[shard].elements()
            return
        self._file_seen(shard, self.journal(shard).rows())
        known = known_in(self.tables, self.steps, shard, self.journal(shard).rows())
        if self.once_more:
            for clip_id, of_clip in known.items():
                for name in [name for name, found in of_clip.items() if found.state == "failed"]:
                    if (clip_id, name) not in self.tried:
                        del of_clip[name]
        assert self.run is not None
        with written_before(self.run, self.steps, shard) as before:
            for row in self.clips.read(shard):
                of_clip = known.get(row["id"], {})
                if row["state"] != "ok":
                    yield row["state"]
                elif todo := cascade.needed(self.steps, of_clip, score_all=self.score_all):
                    clip = clip_of(row)
                    yield Item(row["id"], Job(clip, tuple(todo), seen=before.of(clip, todo)), of_clip)
                else:
                    yield cascade.decide(self.steps, of_clip).state

    def answer(self, item: Item, part: Outcome | Seen) -> Iterator[Row]:
        if isinstance(part, Seen):
            facts = {"observer": part.observer, "observation": part.fingerprint}
            yield {**facts, "id": part.id, "seconds": part.seconds, **part.written._asdict()}
            return
        yield self._entry(item, part)
        if part.state == "ok":
            self.breaker.saw_ok(part.measure)
        else:
            self.breaker.saw_failure(
                part.measure, part.where or "", part.traceback or part.reason or "", data_fault=part.data_fault
            )

    def _entry(self, item: Item, outcome: Outcome) -> Row:
        step = self.by_name[outcome.measure]
        state: Any = outcome.state
        item.data[step.name] = Known(state, outcome.values, outcome.reason or "")
        if state == "failed":
            self.tried.add((item.key, step.name))
        row = {name: getattr(outcome, name) for name in SCORE_COLUMNS}
        names = {"measure": step.name, "fingerprint": step.fingerprint, "emits": list(step.emits)}
        return row | names | {"values": outcome.values}

    def again(self, item: Item, failure: Failure) -> Job:
        """What is left of a clip whose worker was lost; from now on with care, so that the culprit is named."""
        job: Job = item.payload
        return job._replace(todo=tuple(name for name in job.todo if name not in item.data), careful=True)

    def lost(self, item: Item, failure: Failure) -> Iterator[Row]:
        rest = self.again(item, failure)
        for name in [failure.doing] if failure.doing in rest.todo else list(rest.todo):
            yield self._entry(item, Outcome(item.key, name, "failed", failure.words, failure.tries, 0.0, "{}", {}))
            self.breaker.saw_failure(name, failure.kind, failure.evidence, data_fault=False)

    def left(self, item: Item) -> Job | None:
        job: Job = item.payload
        todo = tuple(name for name in job.todo if name not in item.data)
        return job._replace(todo=todo, careful=True) if self.score_all and todo else None

    def ended(self, item: Item) -> str:
        return cascade.decide(self.steps, item.data).state

    def write(self, shard: int, rows: Iterator[Row]) -> None:
        assert self.run is not None
        fresh: dict[tuple[str, str], dict[str, Row]] = {}
        emits: dict[tuple[str, str], list[str]] = {}
        for entry in rows:
            if "observation" in entry:
                continue
            where = entry["measure"], entry["fingerprint"]
            row = {name: entry[name] for name in SCORE_COLUMNS} | entry["values"]
            fresh.setdefault(where, {})[entry["id"]] = row
            emits[where] = entry["emits"]
        self._file_seen(shard, self.journal(shard).rows())
        for where, of_measure in fresh.items():
            table = self.run.scores(*where, emits[where])
            merged = {row["id"]: row for row in table.read(shard)} | of_measure
            table.write(shard, merged.values())

    def _file_seen(self, shard: int, rows: Iterable[Row]) -> None:
        """Writes what a journal holds of observations into their tables, where it is found by clip."""
        assert self.run is not None
        for where in dict.fromkeys((row["observer"], row["observation"]) for row in rows if "observation" in row):
            mine = (row for row in self.journal(shard).rows() if row.get("observation") == where[1])
            table = self.run.observations(*where)
            table.add(shard, ({name: row[name] for name in table.columns} for row in mine), KEY)


class _ReadStage(ScoreStage):
    """Scores of clips of which everything that is missing can be read off what was seen before: no model is fetched or
    loaded, no frame decoded. Other clips are left for `ScoreStage`, which comes to the barrier at the end."""

    end: Barrier
    ends: dict[int, Counter[str]]
    """Of shards of which nothing is left to be done: how their clips ended."""

    def reopen(self) -> None:
        if not self._reopened:
            self.end.reopen()
        self._reopened = True

    @contextlib.contextmanager
    def around(self, tasks: Iterator[Task]) -> Iterator[tuple[Iterator[Task], Callable[[], Handler]]]:
        yield tasks, partial(setup_scorer, self.measures, self.keep, self.score_all)

    def plan(self, shard: int) -> Iterator[Item | str]:
        ends = self.ends[shard] = Counter()
        for item in super().plan(shard):
            if isinstance(item, str):
                ends[item] += 1
            elif all(self.by_name[name].observation in item.payload.seen for name in item.payload.todo):
                yield item
            else:
                self.ends.pop(shard, None)

    def ended(self, item: Item) -> str:
        state = super().ended(item)
        if item.shard in self.ends:
            self.ends[item.shard][state] += 1
            if cascade.needed(self.steps, item.data, score_all=self.score_all):  # its worker was lost on the way
                del self.ends[item.shard]
        return state


def known_in(
    parts: Mapping[str, tables.Table], steps: Sequence[Step], shard: int, journalled: Iterable[Row]
) -> dict[str, dict[str, Known]]:
    """What is known of a shard's clips, by id and measure: parts, then the journal."""
    known: dict[str, dict[str, Known]] = {}
    for step in steps:
        for row in parts[step.name].read(shard, ["id", "state", "reason", *step.emits]):
            values = {name: row[name] for name in step.emits}
            known.setdefault(row["id"], {})[step.name] = Known(row["state"], values, row["reason"] or "")
    by_name = {step.name: step for step in steps}
    for entry in journalled:
        step = by_name.get(entry.get("measure", ""))  # type: ignore[assignment]
        if step is not None and entry["fingerprint"] == step.fingerprint:
            found = Known(entry["state"], entry["values"], entry["reason"] or "")
            known.setdefault(entry["id"], {})[step.name] = found
    return known


@dataclass(slots=True)
class _Looks:
    """What one observer has to do.

    who: its name, and the measures that go by it. fresh: clips that it has never looked at. other_words: clips that it
    has looked at when their prompts asked for something else. known: clips of which what it saw is written.
    """

    who: str
    fresh: int = 0
    other_words: int = 0
    known: int = 0


@dataclass(slots=True)
class Planned:
    """What a run would do. Nothing was done.

    unread: videos of the list of which no clips are found yet. clips: those that are found. looks: by fingerprint of
    the observation. decoded: clips of which frames are decoded; read: clips of which every score that is missing is
    read off what was seen before; row: clips that need neither.
    """

    unread: int = 0
    clips: int = 0
    looks: dict[str, _Looks] = field(default_factory=dict)
    decoded: int = 0
    read: int = 0
    row: int = 0

    def __str__(self) -> str:
        done = self.clips - self.decoded - self.read - self.row
        lines = [f"{plural(self.clips, 'clip')}: {done} with nothing to do; of {self.decoded} frames are to be decoded"]
        if self.read:
            lines.append(f"of {self.read} scores are read off what was seen before: nothing is decoded or looked at")
        if self.row:
            lines.append(f"of {self.row} scores are measured without frames")
        for each in self.looks.values():
            words = f", {each.other_words} more for other words of their prompts" if each.other_words else ""
            lines.append(
                f"observer {each.who}: {plural(each.fresh, 'clip')} to look at{words}; {each.known} looked at before"
            )
        if self.unread:
            videos = plural(self.unread, "video has", "videos have")
            lines.append(f"{videos} not been read yet: all of their clips are to be measured")
        return "\n".join([*lines, "nothing was done (--dry-run)"])


def planned(
    run: Run,
    steps: Sequence[Step],
    videos: int,
    *,
    score_all: bool,
    asked: Mapping[str, Mapping[str, Any]] | None = None,
) -> Planned:
    """What `score_clips` would do. What an earlier measure will say is not known: a clip may be dropped by it.

    Args:
        run: may be new.
        steps: as of `score_clips`.
        videos: how many the list has.
        score_all: as of `score_clips`.
        asked: videos whose prompts ask for something else than before, as of `reworded.reword`.
    """
    found = Planned()
    for (observer, fingerprint), mine in observers_of(steps).items():
        found.looks[fingerprint] = _Looks(f"{observer}, for {' and '.join(step.name for step in mine)}")
    prompted = {step.name for step in steps if goes_by_prompt(step.name)}
    read: set[int] = set()
    parts = {step.name: run.scores(step.name, step.fingerprint, step.emits) for step in steps}
    for shard in [each.shard for each in run.shards()]:
        journal = run.journal("scores", shard)
        known = known_in(parts, steps, shard, journal.rows())
        with written_before(run, steps, shard, journal.rows()) as before:
            for row in run.clips.read(shard):
                found.clips += 1
                read.add(row["video"])
                if row["state"] != "ok":
                    continue
                of_clip = known.get(row["id"], {})
                if asked and row["uri"] in asked:
                    of_clip = {name: what for name, what in of_clip.items() if name not in prompted}
                names = cascade.needed(steps, of_clip, score_all=score_all)
                todo = [step for step in steps if step.name in names]
                clip = clip_of(with_asked(row, asked or {}))
                looking = {step.observation: step for step in todo if step.looking is not None}
                lacking = {key for key, step in looking.items() if before.key(step, clip) is None}
                for key in looking:
                    looks = found.looks[key]
                    if key not in lacking:
                        looks.known += 1
                    elif before.tables[key].any(clip.id) or any(
                        looked == clip.id for looked, _ in before.journalled.get(key, ())
                    ):
                        looks.other_words += 1
                    else:
                        looks.fresh += 1
                if any(step.needs_frames and (step.looking is None or step.observation in lacking) for step in todo):
                    found.decoded += 1
                elif looking:
                    found.read += 1
                elif todo:
                    found.row += 1
    found.unread = max(0, videos - len(read))
    return found


@dataclass(frozen=True, slots=True)
class WrittenBefore:
    """What observers have seen of the clips of a shard.

    steps: the measures. tables: rows, by the fingerprint of the observation. journalled: (clip, question) of what lies
    in a journal alone, by that fingerprint too.
    """

    steps: Sequence[Step]
    tables: Mapping[str, Lookup]
    journalled: Mapping[str, set[tuple[str, str]]]

    def key(self, step: Step, clip: Clip) -> tuple[str, str] | None:
        """Under which (clip, question) there is what the step goes by: its own words, or none at all, when the observer
        has looked without being asked. None when it has to look, or does not look."""
        if step.looking is None:
            return None
        words = dict.fromkeys((step.looking.observer.question(clip), ""))
        table, journalled = self.tables[step.observation], self.journalled.get(step.observation, ())
        return next((key for word in words if (key := (clip.id, word)) in table or key in journalled), None)

    def of(self, clip: Clip, todo: Sequence[str]) -> dict[str, Written]:
        """By the fingerprint of the observation, for the measures to be run."""
        found: dict[str, Written] = {}
        for step in self.steps:
            if step.name in todo and step.observation not in found and (key := self.key(step, clip)) is not None:
                row = self.tables[step.observation][key]
                found[step.observation] = Written(*(row[name] for name in Written._fields))
        return found


@contextlib.contextmanager
def written_before(
    run: Run, steps: Sequence[Step], shard: int, journalled: Iterable[Row] = ()
) -> Iterator[WrittenBefore]:
    """What observers have seen, open to be read.

    Args:
        run: the run.
        steps: its measures.
        shard: the shard.
        journalled: rows of a journal that count as well: a run takes them into the tables before it plans.
    """
    there: dict[str, set[tuple[str, str]]] = {}
    for row in journalled:
        if "observation" in row:
            there.setdefault(row["observation"], set()).add((row["id"], row["question"]))
    with contextlib.ExitStack() as stack:
        found = {where: run.observations(*where).lookup(shard, KEY) for where in observers_of(steps)}
        lookups = {where[1]: stack.enter_context(table) for where, table in found.items()}
        yield WrittenBefore(steps, lookups, there)


def clip_of(row: Row) -> Clip:
    """The Clip of a row of a clips part; its header facts lie in `meta["header"]`, its content's digest in
    `meta["digest"]`."""
    meta = json.loads(row["meta"] or "{}")
    if row["header"]:
        meta["header"] = json.loads(row["header"])
    if row["digest"]:
        meta["digest"] = row["digest"]
    names = ("id", "uri", "start", "end", "width", "height", "fps", "source", "prompt")
    return Clip(**{name: row[name] for name in names}, meta=meta)
